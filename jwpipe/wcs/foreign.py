"""Transforms that are not known here: evaluated as `asdf` and its extensions make them."""

import warnings
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO

import numpy as np
import yaml

from jwpipe.errors import InputError
from jwpipe.products.tree import ROOT_TAG, TEXT, serialised
from jwpipe.wcs.transforms import Beside, NoInverseError, Pipe, Transform, compiled

__all__ = ["Foreign", "evaluate"]


@dataclass(frozen=True, eq=False)
class Foreign(Transform):
    """A transform that only others know: its node, or the inverse of what that describes."""

    node: yaml.Node
    backwards: bool = False

    foreign = True

    def __post_init__(self):
        if not self.inputs or not self.outputs:
            object.__setattr__(self, "inputs", tuple(self.model.inputs))
            object.__setattr__(self, "outputs", tuple(self.model.outputs))

    @cached_property
    def model(self):
        """The model of `astropy.modeling`."""
        import asdf

        root = yaml.MappingNode(ROOT_TAG, [(yaml.ScalarNode(TEXT, "model"), self.node)])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", asdf.exceptions.AsdfWarning)
                with asdf.open(BytesIO(serialised(root)), lazy_load=False) as file:
                    model = file["model"]
            found = model.inverse if self.backwards else model
            found.inputs, found.outputs  # noqa: B018 - what no extension knows is a plain mapping
        except NotImplementedError:
            raise NoInverseError(self.node.tag) from None
        except (AttributeError, TypeError, ValueError, RuntimeError, asdf.exceptions.ValidationError):
            raise InputError(f"coordinates with a transform that is not known: {self.node.tag}") from None
        return found

    def inverted(self):
        return Foreign(self.node, not self.backwards)

    def emit(self, program, values):
        raise TypeError("a foreign transform is not compiled")


def evaluate(transform, values, threads=1):
    """Evaluate a transform that may be foreign in part.

    Parameters
    ----------
    transform : Transform
        The transform.
    values : ndarray, (ninputs, n)
        Coordinates.
    threads : int, optional
        Threads.

    Returns
    -------
    ndarray, (noutputs, n)
    """
    if not transform.foreign:
        return compiled(transform).run(values, threads)
    if isinstance(transform, Foreign):
        made = transform.model(*values, with_bounding_box=False)
        return np.array(made, float).reshape(len(transform.outputs), -1)
    if isinstance(transform, Pipe):
        return evaluate(transform.right, evaluate(transform.left, values, threads), threads)
    if isinstance(transform, Beside):
        middle = len(transform.left.inputs)
        halves = (transform.left, values[:middle]), (transform.right, values[middle:])
        return np.vstack([evaluate(half, part, threads) for half, part in halves])
    left, right = (evaluate(half, values, threads) for half in (transform.left, transform.right))
    return getattr(np, transform.operation)(left, right)
