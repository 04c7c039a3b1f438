"""Transforms of coordinates, of which gwcs objects are made.

Each knows its tag in ASDF trees, its inverse, and the operations that it compiles to. The tags are those of the ASDF
standard 1.5.0, which `jwst` 1.14.1 reads; trees may have other versions of them. What has a tag that is not known here
is `Foreign`: `asdf` and its extensions evaluate it.
"""

import math
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np

from jwpipe.wcs.program import Program

__all__ = [
    "Affine",
    "Arithmetic",
    "Beside",
    "Constant",
    "Identity",
    "Mapping",
    "NoInverseError",
    "Pipe",
    "Plane",
    "Polynomial",
    "Rotation",
    "Scale",
    "Shift",
    "SkyRotation",
    "Spherical",
    "TangentPlane",
    "Transform",
    "compiled",
    "rotation_matrix",
]

KINDS = {}  # class by tag, without what comes before the last colon and without version
EVERYWHERE = (-1.0, 1.0)  # domain and window of a polynomial that leave its variable as it is


class NoInverseError(Exception):
    """A transform has no inverse."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Transform:
    """Base of all.

    Attributes
    ----------
    name : str or None
        Name.
    inputs, outputs : tuple of str
        Names of what goes in and comes out.
    own_inverse : Transform or None
        The inverse, where it is given with the transform.
    box : tuple or object or None
        Bounding box: lower and upper bounds of each input; or what a tree has in its place.
    """

    name: str | None = None
    inputs: tuple = ()
    outputs: tuple = ()
    own_inverse: object = None
    box: object = None

    tag = None
    foreign = False

    def __init_subclass__(cls, tag=None, **options):
        super().__init_subclass__(**options)
        if tag is not None:
            cls.tag = tag
            KINDS[tag.rpartition("-")[0]] = cls

    @classmethod
    def read(cls, entries, reader):
        """Parameters of the constructor, by what a tree has: nodes by name."""
        raise NotImplementedError

    def entries(self):
        """What a tree has: numbers, texts, arrays, transforms, by name."""
        raise NotImplementedError

    def inverse(self):
        """The inverse: its own where it has one."""
        if self.own_inverse is not None:
            return self.own_inverse
        return self.inverted()

    def inverted(self):
        """The inverse by calculation."""
        raise NoInverseError(f"{type(self).__name__.lower()} without an inverse")

    def emit(self, program, values):
        """Append the operations to a program; takes the inputs' values and gives those of the outputs."""
        raise NotImplementedError

    def boxed(self, box):
        """The same with another bounding box."""
        return replace(self, box=box)


def compiled(transform):
    """Compile a transform.

    Returns
    -------
    Program or None
        None where a part of it is foreign.
    """
    if transform.foreign:
        return None
    program = Program(len(transform.inputs))
    program.results = tuple(transform.emit(program, tuple(range(program.inputs))))
    return program


@dataclass(frozen=True, eq=False, kw_only=True)
class OneToOne(Transform):
    """A transform of one number."""

    inputs: tuple = ("x",)
    outputs: tuple = ("y",)


@dataclass(frozen=True, eq=False)
class Shift(OneToOne, tag="transform/shift-1.2.0"):
    """x + offset."""

    offset: float

    @classmethod
    def read(cls, entries, reader):
        return {"offset": reader.number(entries["offset"])}

    def entries(self):
        return {"offset": self.offset}

    def inverted(self):
        return Shift(-self.offset)

    def emit(self, program, values):
        return program.add("shift", (self.offset,), values)


@dataclass(frozen=True, eq=False)
class Scale(OneToOne, tag="transform/scale-1.2.0"):
    """x factor."""

    factor: float

    @classmethod
    def read(cls, entries, reader):
        return {"factor": reader.number(entries["factor"])}

    def entries(self):
        return {"factor": self.factor}

    def inverted(self):
        if self.factor == 0:
            raise NoInverseError("a scale of 0")
        return Scale(1 / self.factor)

    def emit(self, program, values):
        return program.add("scale", (self.factor,), values)


@dataclass(frozen=True, eq=False)
class Constant(Transform, tag="transform/constant-1.4.0"):
    """A number, whatever goes in: one number or several."""

    value: float
    n: int = 1

    def __post_init__(self):
        object.__setattr__(self, "inputs", self.inputs or (("x",) if self.n == 1 else ("x", "y")))
        object.__setattr__(self, "outputs", self.outputs or (("y",) if self.n == 1 else ("z",)))

    @classmethod
    def read(cls, entries, reader):
        found = {"value": reader.number(entries["value"])}
        if "dimensions" in entries:
            found["n"] = int(reader.number(entries["dimensions"]))
        return found

    def entries(self):
        return {"value": self.value, "dimensions": self.n}

    def emit(self, program, values):
        return program.add("constant", (self.value,), ())


@dataclass(frozen=True, eq=False)
class Identity(Transform, tag="transform/identity-1.2.0"):
    """What comes in goes out."""

    n: int = 1

    def __post_init__(self):
        names = ("x",) if self.n == 1 else tuple(f"x{i}" for i in range(self.n))
        object.__setattr__(self, "inputs", self.inputs or names)
        object.__setattr__(self, "outputs", self.outputs or names)

    @classmethod
    def read(cls, entries, reader):
        return {"n": int(reader.number(entries["n_dims"])) if "n_dims" in entries else 1}

    def entries(self):
        return {} if self.n == 1 else {"n_dims": self.n}

    def inverted(self):
        return Identity(self.n)

    def emit(self, program, values):
        return values


@dataclass(frozen=True, eq=False)
class Mapping(Transform, tag="transform/remap_axes-1.3.0"):
    """Outputs are inputs, in another order, some perhaps more than once."""

    mapping: tuple
    n_inputs: int | None = None

    def __post_init__(self):
        wanted = max(self.mapping) + 1 if self.n_inputs is None else self.n_inputs
        if min(self.mapping) < 0 or max(self.mapping) >= wanted:
            raise ValueError("an axis is mapped that is not there")
        object.__setattr__(self, "inputs", self.inputs or tuple(f"x{i}" for i in range(wanted)))
        object.__setattr__(self, "outputs", self.outputs or tuple(f"x{i}" for i in range(len(self.mapping))))

    @classmethod
    def read(cls, entries, reader):
        found = {"mapping": tuple(int(one) for one in reader.plain(entries["mapping"]))}
        if "n_inputs" in entries:
            found["n_inputs"] = int(reader.number(entries["n_inputs"]))
        return found

    def entries(self):
        count = {} if len(self.inputs) == max(self.mapping) + 1 else {"n_inputs": len(self.inputs)}
        return {"mapping": list(self.mapping), **count}

    def inverted(self):
        if set(self.mapping) != set(range(len(self.inputs))):
            raise NoInverseError("a mapping that drops inputs")
        return Mapping(tuple(self.mapping.index(i) for i in range(len(self.inputs))), len(self.mapping))

    def emit(self, program, values):
        return tuple(values[i] for i in self.mapping)


@dataclass(frozen=True, eq=False)
class Polynomial(Transform, tag="transform/polynomial-1.2.0"):
    """A polynomial in one variable or two: coefficient ``[i]`` of x^i, or ``[i, j]`` of x^i y^j with i + j < n."""

    coefficients: np.ndarray
    domain: tuple = ()
    window: tuple = ()

    def __post_init__(self):
        shape = np.shape(self.coefficients)
        if len(shape) not in (1, 2) or len(set(shape)) != 1 or not shape[0]:
            raise ValueError(f"coefficients of shape {shape}")
        flat = len(shape) == 1
        object.__setattr__(self, "inputs", self.inputs or (("x",) if flat else ("x", "y")))
        object.__setattr__(self, "outputs", self.outputs or (("y",) if flat else ("z",)))
        for kind in ("domain", "window"):
            object.__setattr__(self, kind, getattr(self, kind) or (EVERYWHERE,) * len(shape))
            if np.shape(getattr(self, kind)) != (len(shape), 2):
                raise ValueError(f"a {kind} that is not of the variables")
        if any(low == high for low, high in self.domain):
            raise ValueError("a domain that is empty")

    @classmethod
    def read(cls, entries, reader):
        coefficients = np.array(reader.array(entries["coefficients"]), float)
        found = {"coefficients": coefficients}
        for kind in ("domain", "window"):
            if kind in entries:
                found[kind] = tuple(map(tuple, np.reshape(reader.plain(entries[kind]), (-1, 2)).astype(float).tolist()))
        return found

    def entries(self):
        def ranges(pairs):
            return list(pairs[0]) if self.coefficients.ndim == 1 else [list(pair) for pair in pairs]

        return {"coefficients": self.coefficients, "domain": ranges(self.domain), "window": ranges(self.window)}

    def emit(self, program, values):
        variables = []
        for value, (d0, d1), (w0, w1) in zip(values, self.domain, self.window, strict=True):
            if (d0, d1) != (w0, w1):
                (value,) = program.add("scale", ((w1 - w0) / (d1 - d0),), (value,))
                (value,) = program.add("shift", ((w0 * d1 - w1 * d0) / (d1 - d0),), (value,))
            variables.append(value)
        c = self.coefficients
        if c.ndim == 1:
            return program.add("polynomial", c, variables)
        degree = len(c) - 1
        by_power = [c[i, j] for i in range(degree, -1, -1) for j in range(degree - i, -1, -1)]
        return program.add("surface", (degree, *by_power), variables)


@dataclass(frozen=True, eq=False)
class Affine(Transform, tag="transform/affine-1.3.0"):
    """Matrix (2, 2) times a point, plus a translation."""

    matrix: np.ndarray
    translation: np.ndarray = field(default_factory=lambda: np.zeros(2))
    inputs: tuple = field(default=("x", "y"), kw_only=True)
    outputs: tuple = field(default=("x", "y"), kw_only=True)

    def __post_init__(self):
        if np.shape(self.matrix) != (2, 2) or np.shape(self.translation) != (2,):
            raise ValueError("a matrix or translation that is not of a plane")

    @classmethod
    def read(cls, entries, reader):
        found = {"matrix": np.array(reader.array(entries["matrix"]), float)}
        if "translation" in entries:
            found["translation"] = np.array(reader.array(entries["translation"]), float)
        return found

    def entries(self):
        return {"matrix": self.matrix, "translation": self.translation}

    def inverted(self):
        if np.linalg.det(self.matrix) == 0:
            raise NoInverseError("a singular matrix")
        matrix = np.linalg.inv(self.matrix)
        return Affine(matrix, -matrix @ self.translation)

    def emit(self, program, values):
        return program.add("affine", (*np.ravel(self.matrix), *self.translation), values)


def rotation_matrix(angles, axes):
    """Matrix of rotations of the frame about axes, one after another.

    Parameters
    ----------
    angles : sequence of float
        Degrees.
    axes : str
        x, y or z for each.

    Returns
    -------
    ndarray, (3, 3)
    """
    total = np.eye(3)
    for angle, axis in zip(angles, axes, strict=True):
        i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
        s, c = math.sin(math.radians(angle)), math.cos(math.radians(angle))
        one = np.eye(3)
        one[i, i], one[i, j], one[j, i], one[j, j] = c, s, -s, c
        total = one @ total
    return total


@dataclass(frozen=True, eq=False)
class Rotation(Transform, tag="transform/rotate_sequence_3d-1.0.0"):
    """Rotations about axes, of vectors or of directions (longitude and latitude, degrees)."""

    angles: tuple
    axes: str
    spherical: bool = False

    def __post_init__(self):
        if len(self.angles) != len(self.axes) or set(self.axes) - set("xyz"):
            raise ValueError("rotations about axes that are not there")
        names = ("lon", "lat") if self.spherical else ("x", "y", "z")
        object.__setattr__(self, "inputs", self.inputs or names)
        object.__setattr__(self, "outputs", self.outputs or names)

    @classmethod
    def read(cls, entries, reader):
        return {
            "angles": tuple(float(one) for one in reader.array(entries["angles"])),
            "axes": entries["axes_order"].value,
            "spherical": entries["rotation_type"].value == "spherical",
        }

    def entries(self):
        kind = "spherical" if self.spherical else "cartesian"
        return {"angles": list(self.angles), "axes_order": self.axes, "rotation_type": kind}

    def inverted(self):
        return Rotation(tuple(-angle for angle in self.angles[::-1]), self.axes[::-1], self.spherical)

    def emit(self, program, values):
        matrix = rotation_matrix(self.angles, self.axes).ravel()
        if not self.spherical:
            return program.add("matrix", matrix, values)
        vector = program.add("to_cartesian", (), values)
        return program.add("to_spherical", (180,), program.add("matrix", matrix, vector))


@dataclass(frozen=True, eq=False)
class Spherical(Transform, tag="gwcs/spherical_cartesian-1.1.0"):
    """Directions (degrees) to unit vectors, or back; longitudes go from 0 to ``wrap`` = 360, or from -180."""

    to_vectors: bool
    wrap: int = 360

    def __post_init__(self):
        names = ("lon", "lat"), ("x", "y", "z")
        object.__setattr__(self, "inputs", self.inputs or names[not self.to_vectors])
        object.__setattr__(self, "outputs", self.outputs or names[self.to_vectors])

    @classmethod
    def read(cls, entries, reader):
        wrap = int(reader.number(entries["wrap_lon_at"])) if "wrap_lon_at" in entries else 360
        return {"to_vectors": entries["transform_type"].value == "spherical_to_cartesian", "wrap": wrap}

    def entries(self):
        kind = "spherical_to_cartesian" if self.to_vectors else "cartesian_to_spherical"
        return {"transform_type": kind, "wrap_lon_at": self.wrap}

    def inverted(self):
        return Spherical(not self.to_vectors, self.wrap)

    def emit(self, program, values):
        if self.to_vectors:
            return program.add("to_cartesian", (), values)
        return program.add("to_spherical", (self.wrap,), values)


@dataclass(frozen=True, eq=False)
class Plane(Transform, tag="transform/gnomonic-1.2.0"):
    """Points of a tangent plane to native longitude and latitude, degrees; or back."""

    to_sky: bool

    def __post_init__(self):
        names = ("x", "y"), ("phi", "theta")
        object.__setattr__(self, "inputs", self.inputs or names[not self.to_sky])
        object.__setattr__(self, "outputs", self.outputs or names[self.to_sky])

    @classmethod
    def read(cls, entries, reader):
        return {"to_sky": entries["direction"].value == "pix2sky"}

    def entries(self):
        return {"direction": "pix2sky" if self.to_sky else "sky2pix"}

    def inverted(self):
        return Plane(not self.to_sky)

    def emit(self, program, values):
        if self.to_sky:
            return program.add("to_spherical", (180,), program.add("from_plane", (), values))
        return program.add("to_plane", (), program.add("to_cartesian", (), values))


@dataclass(frozen=True, eq=False)
class SkyRotation(Transform, tag="transform/rotate3d-1.3.0"):
    """Native to celestial directions, or back: longitude and latitude of the native pole, and its native longitude."""

    longitude: float
    latitude: float
    pole: float
    to_sky: bool

    def __post_init__(self):
        names = ("phi_N", "theta_N"), ("alpha_C", "delta_C")
        object.__setattr__(self, "inputs", self.inputs or names[not self.to_sky])
        object.__setattr__(self, "outputs", self.outputs or names[self.to_sky])

    @classmethod
    def read(cls, entries, reader):
        direction = entries["direction"].value
        if direction not in ("native2celestial", "celestial2native"):
            raise UnknownError
        return {
            "longitude": reader.number(entries["phi"]),
            "latitude": reader.number(entries["theta"]),
            "pole": reader.number(entries["psi"]),
            "to_sky": direction == "native2celestial",
        }

    def entries(self):
        direction = "native2celestial" if self.to_sky else "celestial2native"
        return {"direction": direction, "phi": self.longitude, "theta": self.latitude, "psi": self.pole}

    def inverted(self):
        return SkyRotation(self.longitude, self.latitude, self.pole, not self.to_sky)

    def emit(self, program, values):
        # Calabretta & Greisen 2002, A&A 395, 1077, equation 2, as rotations of the frame.
        matrix = rotation_matrix((self.pole - 90, self.latitude - 90, -90 - self.longitude), "zxz")
        matrix = matrix if self.to_sky else matrix.T
        vector = program.add("matrix", matrix.ravel(), program.add("to_cartesian", (), values))
        return program.add("to_spherical", (360 if self.to_sky else 180,), vector)


@dataclass(frozen=True, eq=False)
class FieldToSky(Transform, tag="jwst_pipeline/v23tosky-0.7.0"):
    """V2, V3 (degrees) to right ascension and declination, in products before `jwst` 1.0; angles against `Rotation`."""

    angles: tuple
    axes: str
    inputs: tuple = field(default=("v2", "v3"), kw_only=True)
    outputs: tuple = field(default=("ra", "dec"), kw_only=True)

    @classmethod
    def read(cls, entries, reader):
        return {"angles": tuple(map(float, reader.array(entries["angles"]))), "axes": entries["axes_order"].value}

    def entries(self):
        return {"angles": list(self.angles), "axes_order": self.axes}

    def inverted(self):
        return FieldToSky(tuple(-angle for angle in self.angles[::-1]), self.axes[::-1])

    def emit(self, program, values):
        return Rotation(tuple(-angle for angle in self.angles), self.axes, True).emit(program, values)


@dataclass(frozen=True, eq=False)
class TangentPlane(Transform, tag="gwcs/fitswcs_imaging-1.0.0"):
    """Pixels to the sky by way of a tangent plane, in one piece, as `jwst` 1.20 and later write it."""

    crpix: tuple
    crval: tuple
    cdelt: tuple
    pc: np.ndarray
    inputs: tuple = field(default=("x", "y"), kw_only=True)
    outputs: tuple = field(default=("lon", "lat"), kw_only=True)

    @classmethod
    def read(cls, entries, reader):
        projection = reader.transform(entries["projection"])
        if not isinstance(projection, Plane) or not projection.to_sky:
            raise UnknownError
        pairs = {key: tuple(map(float, reader.array(entries[key]))) for key in ("crpix", "crval", "cdelt")}
        return {**pairs, "pc": np.array(reader.array(entries["pc"]), float)}

    def entries(self):
        pairs = {key: list(getattr(self, key)) for key in ("crpix", "crval", "cdelt")}
        return {**pairs, "pc": self.pc, "projection": Plane(True)}

    def parts(self):
        """The same as a chain of simple transforms, with the names that `jwst` 1.14.1 gives them."""
        pole = 180.0 if self.crval[1] < 90 else 0.0
        planes = [
            Beside(*(Shift(-value, name=f"crpix{i}") for i, value in enumerate(self.crpix, 1))),
            Affine(self.pc, name="pc_rotation_matrix"),
            Beside(*(Scale(value, name=f"cdelt{i}") for i, value in enumerate(self.cdelt, 1))),
            Plane(True),
            SkyRotation(*self.crval, pole, True),
        ]
        return reduce(Pipe, planes)

    def inverted(self):
        return self.parts().inverse()

    def emit(self, program, values):
        return self.parts().emit(program, values)


class UnknownError(Exception):
    """A transform of a known tag, with parameters that are not known here."""


@dataclass(frozen=True, eq=False)
class Pair(Transform):
    """Two transforms that make one."""

    left: Transform
    right: Transform

    def __post_init__(self):
        inputs, outputs = self.check()
        if len(self.inputs) != len(inputs):
            object.__setattr__(self, "inputs", inputs)
        if len(self.outputs) != len(outputs):
            object.__setattr__(self, "outputs", outputs)

    def check(self):
        """Check that they fit each other; gives names for inputs and outputs."""
        raise NotImplementedError

    @property
    def foreign(self):
        """Whether a part is."""
        return self.left.foreign or self.right.foreign

    @classmethod
    def read(cls, entries, reader):
        left, right = (reader.transform(node) for node in entries["forward"].value)
        return {"left": left, "right": right}

    def entries(self):
        return {"forward": [self.left, self.right]}


@dataclass(frozen=True, eq=False)
class Pipe(Pair, tag="transform/compose-1.2.0"):
    """One after the other."""

    def check(self):
        if len(self.left.outputs) != len(self.right.inputs):
            raise ValueError("transforms after each other that do not fit")
        return self.left.inputs, self.right.outputs

    def inverted(self):
        return Pipe(self.right.inverse(), self.left.inverse())

    def emit(self, program, values):
        return self.right.emit(program, self.left.emit(program, values))


@dataclass(frozen=True, eq=False)
class Beside(Pair, tag="transform/concatenate-1.2.0"):
    """One for the first inputs, the other for the others."""

    def check(self):
        inputs = *self.left.inputs, *self.right.inputs
        outputs = *self.left.outputs, *self.right.outputs
        return _numbered(inputs), _numbered(outputs)

    def inverted(self):
        return Beside(self.left.inverse(), self.right.inverse())

    def emit(self, program, values):
        middle = len(self.left.inputs)
        return *self.left.emit(program, values[:middle]), *self.right.emit(program, values[middle:])


def _numbered(names):
    """Distinct names: x, x to x0, x1."""
    return names if len(set(names)) == len(names) else tuple(f"{name[:1]}{i}" for i, name in enumerate(names))


@dataclass(frozen=True, eq=False)
class Arithmetic(Pair):
    """What two transforms of the same inputs give, added, subtracted, multiplied or divided."""

    operation = None

    def check(self):
        if len(self.left.inputs) != len(self.right.inputs) or len(self.left.outputs) != len(self.right.outputs):
            raise ValueError("transforms beside each other that do not fit")
        return self.left.inputs, self.left.outputs

    def emit(self, program, values):
        pairs = zip(self.left.emit(program, values), self.right.emit(program, values), strict=True)
        return tuple(program.add(self.operation, (), pair)[0] for pair in pairs)


@dataclass(frozen=True, eq=False)
class Sum(Arithmetic, tag="transform/add-1.2.0"):
    """Left + right."""

    operation = "add"


@dataclass(frozen=True, eq=False)
class Difference(Arithmetic, tag="transform/subtract-1.2.0"):
    """Left - right."""

    operation = "subtract"


@dataclass(frozen=True, eq=False)
class Product(Arithmetic, tag="transform/multiply-1.2.0"):
    """Left times right."""

    operation = "multiply"


@dataclass(frozen=True, eq=False)
class Quotient(Arithmetic, tag="transform/divide-1.2.0"):
    """Left by right."""

    operation = "divide"
