"""Programs of `jwpipe.cext.wcs`: a transform is compiled once, and run over as many points as there are.

A program is written in operations on values, each a number that nothing else has. Before it is run, what cancels is
left out (directions that are made into longitudes and latitudes, only to be made into vectors again), so is what no
result needs, and values that are never alive together share a register.
"""

from dataclasses import dataclass, field

import numpy as np

from jwpipe.cext import wcs as kernel

__all__ = ["Program"]

FIRST_VALUE, COUNT, FIRST_REGISTER = 1, 2, 3  # places in a row of the kernel's code
LARGEST_INPUT = 3  # registers that an operation reads


@dataclass(eq=False)
class Operation:
    """One operation: what it does, with which parameters, values that it reads, and values that it makes."""

    name: str
    parameters: tuple
    reads: tuple
    makes: tuple


@dataclass
class Program:
    """A program in the making, or made.

    Attributes
    ----------
    inputs : int
        Number of inputs: values 0 to ``inputs - 1``.
    operations : list of Operation
        In the order in which they run.
    results : tuple of int
        Values that are its results.
    """

    inputs: int
    operations: list = field(default_factory=list)
    results: tuple = ()

    def __post_init__(self):
        self._next, self._made = self.inputs, None

    def add(self, name, parameters, reads):
        """Append an operation.

        Parameters
        ----------
        name : str
            Of `jwpipe.cext.wcs.SIGNATURES`.
        parameters : sequence of float
            Its parameters.
        reads : sequence of int
            Values that it reads.

        Returns
        -------
        tuple of int
            Values that it makes.
        """
        _, count, wanted, made = kernel.SIGNATURES[name]
        if len(reads) != wanted or count not in (0, len(parameters)):
            raise ValueError(f"{name} of {len(reads)} values with {len(parameters)} parameters")
        makes = tuple(range(self._next, self._next + made))
        self._next += made
        self.operations.append(Operation(name, tuple(parameters), tuple(reads), makes))
        return makes

    def run(self, points, threads=1):
        """Run over points: an array (n,) an input, to float64 (noutputs, n)."""
        if len(points) != self.inputs:
            raise ValueError(f"{len(points)} coordinates for a transform of {self.inputs}")
        code, values, results, registers = self._code()
        points = [np.ascontiguousarray(one, float) for one in points]
        out = np.empty((len(results), len(points[0])))
        kernel.run(code, values, points, results, out, registers, threads)
        return out

    def run_grid(self, shape, threads=1, top=0):
        """Run a program of two inputs over the pixels of an image: columns from 0, and rows from `top`."""
        if self.inputs != 2:
            raise ValueError(f"pixels of an image for a transform of {self.inputs} coordinates")
        code, values, results, registers = self._code()
        out = np.empty((len(results), *shape))
        kernel.run_grid(code, values, results, out, registers, top, threads)
        return out

    def _code(self):
        if self._made is None:
            operations, results = _cancel(self.operations, self.results)
            self._made = _encode(self.inputs, _needed(operations, results), results)
        return self._made


def _cancel(operations, results):
    """Leave out what cancels; gives operations, and results, in terms of other values."""
    same, maker, kept = {}, {}, []
    for operation in operations:
        reads = tuple(same.get(value, value) for value in operation.reads)
        operation = Operation(operation.name, operation.parameters, reads, operation.makes)
        before = maker.get(reads[0]) if reads else None
        whole = before is not None and before.makes == reads
        if operation.name == "scale" and whole and before.name == "scale":
            factor = before.parameters[0] * operation.parameters[0]
            operation = Operation("scale", (factor,), before.reads, operation.makes)
        elif operation.name == "to_cartesian" and whole and before.name == "to_spherical":
            operation = Operation("normalise", (), before.reads, operation.makes)
        elif operation.name == "matrix" and whole and before.name == "matrix":
            product = np.reshape(operation.parameters, (3, 3)) @ np.reshape(before.parameters, (3, 3))
            operation = Operation("matrix", tuple(product.ravel()), before.reads, operation.makes)
        if (operation.name, operation.parameters) in (("scale", (1.0,)), ("shift", (0.0,))):
            same[operation.makes[0]] = operation.reads[0]
            continue
        kept.append(operation)
        maker.update(dict.fromkeys(operation.makes, operation))
    return kept, tuple(same.get(value, value) for value in results)


def _needed(operations, results):
    """Operations that a result needs."""
    wanted, kept = set(results), []
    for operation in reversed(operations):
        if wanted & set(operation.makes):
            wanted |= set(operation.reads)
            kept.append(operation)
    return kept[::-1]


def _encode(inputs, operations, results):
    """Registers for the values, and the kernel's arrays."""
    last = {value: place for place, operation in enumerate(operations) for value in operation.reads}
    last |= dict.fromkeys(results, len(operations))
    register = {value: value for value in range(inputs)}
    free, count = [], inputs
    code = np.zeros((len(operations), kernel.ROW), "i4")
    values = []
    for place, (row, operation) in enumerate(zip(code, operations, strict=True)):
        for value in operation.makes:
            if free:
                register[value] = free.pop()
            else:
                register[value], count = count, count + 1
        row[0] = kernel.SIGNATURES[operation.name][0]
        row[FIRST_VALUE], row[COUNT] = len(values), len(operation.parameters)
        values += operation.parameters
        reads = [register[value] for value in operation.reads]
        row[FIRST_REGISTER : FIRST_REGISTER + len(reads)] = reads
        makes = FIRST_REGISTER + LARGEST_INPUT
        row[makes : makes + len(operation.makes)] = [register[value] for value in operation.makes]
        # What is read here for the last time, or made and never read, leaves its register to others.
        ended = [value for value in dict.fromkeys(operation.reads) if last[value] == place]
        ended += [value for value in operation.makes if value not in last]
        free += [register[value] for value in ended]
    values = np.array([*values, 0.0])  # never empty: operations without parameters point to its end
    return code, values, np.array([register[value] for value in results], "i4"), max(count, 1)
