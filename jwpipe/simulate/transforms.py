"""Transforms as ASDF files hold them, in the words of `asdf`'s transform schemas (ASDF standard 1.5.0)."""

import numpy as np

__all__ = ["Tagged", "distortion_model", "unit"]


class Tagged:
    """A node of a tree with a type.

    Parameters
    ----------
    tag : str
        Its type, without ``tag:stsci.edu:asdf/``.
    content : dict or str
        What it holds.
    """

    prefix = "tag:stsci.edu:asdf/"

    def __init__(self, tag, content):
        self.tag, self.content = self.prefix + tag, content


class Foreign(Tagged):
    """A node whose type others define."""

    prefix = ""


def unit(name):
    """A unit."""
    return Tagged("unit/unit-1.0.0", name)


def distortion_model(distortion):
    """Make the transform from pixels of the whole detector, from 0, to V2 and V3, with its inverse.

    Parameters
    ----------
    distortion : Distortion
        The geometry.

    Returns
    -------
    Tagged
    """
    x, y = distortion.reference
    turn, back = distortion.turn, np.linalg.inv(distortion.turn)
    model = chain(
        _shifts(1.0, 1.0),
        _shifts(-x, -y),
        *_pair(distortion.x_ideal, distortion.y_ideal),
        *_pair(*map(_linear, turn)),
        _shifts(distortion.v2, distortion.v3),
    )
    model.content["inverse"] = chain(
        _shifts(-distortion.v2, -distortion.v3),
        *_pair(*map(_linear, back)),
        *_pair(distortion.x_science, distortion.y_science),
        _shifts(x, y),
        _shifts(-1.0, -1.0),
    )
    return model


def chain(first, *others):
    """One transform after the other."""
    made = first
    for other in others:
        content = {"forward": [made, other], "inputs": made.content["inputs"], "outputs": other.content["outputs"]}
        made = Tagged("transform/compose-1.2.0", content)
    return made


def beside(first, second):
    """Two transforms of axes of their own."""
    content = {"forward": [first, second]}
    for side, letter in (("inputs", "x"), ("outputs", "y")):
        count = len(first.content[side]) + len(second.content[side])
        content[side] = [f"{letter}{i}" for i in range(count)]
    return Tagged("transform/concatenate-1.2.0", content)


def _shifts(dx, dy):
    def shift(offset):
        return Tagged("transform/shift-1.2.0", {"inputs": ["x"], "offset": float(offset), "outputs": ["y"]})

    return beside(shift(dx), shift(dy))


def _pair(*planes):
    """Two polynomials of the same two variables: which these are, and the polynomials."""
    inputs, doubled = ["x0", "x1"], ["x0", "x1", "x2", "x3"]
    mapping = Tagged("transform/remap_axes-1.3.0", {"inputs": inputs, "mapping": [0, 1, 0, 1], "outputs": doubled})
    return mapping, beside(*map(_polynomial, planes))


def _polynomial(coefficients):
    content = {
        "coefficients": np.asarray(coefficients, "f8"),
        "domain": [[-1, 1], [-1, 1]],
        "inputs": ["x", "y"],
        "outputs": ["z"],
        "window": [[-1, 1], [-1, 1]],
    }
    return Tagged("transform/polynomial-1.2.0", content)


def _linear(row):
    """Coefficients of a linear combination."""
    return np.array([[0.0, row[1]], [row[0], 0.0]])
