"""Coordinates of an image: named frames with transforms between them, from pixels to the sky."""

from functools import reduce

import numpy as np

from jwpipe.errors import InputError, UsageError
from jwpipe.products import asdftree
from jwpipe.wcs.correction import corrected_steps
from jwpipe.wcs.foreign import evaluate
from jwpipe.wcs.solve import solve
from jwpipe.wcs.transforms import Beside, NoInverseError, Pipe, Shift, TangentPlane, compiled
from jwpipe.wcs.tree import Frame, read_steps, write_steps

__all__ = ["Wcs", "read_wcs_file"]


class Wcs:
    """Coordinates of an image.

    Parameters
    ----------
    steps : sequence of (Frame, Transform or None)
        Frames, from that of pixels on, each with the transform to the next; the last has none.
    shape : tuple of int, optional
        Rows and columns of the image, where the coordinates say so.
    name : str, optional
        What they are called: after alignment to a catalogue, that.

    Attributes
    ----------
    changed : bool
        Whether they are other than in the file that they come from.
    """

    def __init__(self, steps, shape=None, name=""):
        self.steps, self.shape, self.name = list(steps), None if shape is None else tuple(shape), name
        self.changed = True
        self._programs = {}

    @classmethod
    def from_tree(cls, node, blocks=b"", path="a product"):
        """Read a gwcs object.

        Parameters
        ----------
        node : yaml.MappingNode
            Its node in an ASDF tree.
        blocks : bytes, optional
            Binary blocks of the tree.
        path : path-like, optional
            The file, for messages.

        Raises
        ------
        InputError
            It cannot be read.
        """
        try:
            steps = read_steps(node, list(asdftree.split_blocks(blocks)))
            said = {k.value: asdftree.plain(value) for k, value in node.value if k.value in ("pixel_shape", "name")}
            shape = said.get("pixel_shape")
            self = cls(steps, shape[::-1] if shape else None, str(said.get("name") or ""))
        except asdftree.PROBLEMS as problem:
            raise InputError(f"{path} has coordinates that cannot be read: {problem}") from None
        self.changed = False
        return self

    @classmethod
    def tangent(cls, crpix, crval, pc, cdelt, shape):
        """Coordinates of a plane that touches the sky.

        Parameters
        ----------
        crpix : sequence of float
            Pixel (x, y; from 0) of the reference point.
        crval : sequence of float
            Its right ascension and declination, degrees.
        pc : array_like, (2, 2)
            From pixels to axes of the plane.
        cdelt : sequence of float
            Scales of the axes, degrees.
        shape : tuple of int
            Rows and columns.
        """
        ny, nx = shape
        plane = TangentPlane(*(tuple(map(float, pair)) for pair in (crpix, crval, cdelt)), np.array(pc, float))
        transform = plane.parts().boxed(((-0.5, nx - 0.5), (-0.5, ny - 0.5)))
        return cls([(Frame.make("pixels", "detector"), transform), (Frame.make("sky", "world"), None)], shape)

    def copy(self):
        """Copy them: what is done to one is not done to the other."""
        other = type(self)(self.steps, self.shape, self.name)
        other.changed, other._programs = self.changed, dict(self._programs)
        return other

    def node(self):
        """Node of the gwcs object in an ASDF tree."""
        return write_steps(self.steps, self.shape, self.name)

    def corrected(self, matrix, shift, reference):
        """Give the coordinates after a correction in the plane that touches the telescope's field.

        Parameters
        ----------
        matrix, shift, reference
            Linear map, what is added after it (arcsec), and where the plane touches: V2, V3 (arcsec) and the roll angle
            (degrees), an exposure's V2_REF, V3_REF, ROLL_REF.

        Returns
        -------
        Wcs
            With the frame v2v3corr; these stay as they are.
        """
        return type(self)(corrected_steps(self.steps, matrix, shift, reference), self.shape, self.name)

    def moved(self, name, ra, dec):
        """Give the coordinates with a last step that shifts right ascension and declination.

        Parameters
        ----------
        name : str
            Of the frame after it; where the last frame has the name, its step is replaced.
        ra, dec : float
            Degrees.
        """
        steps = self.steps[:-1] if self.frames[-1] == name else self.steps
        frame = steps[-1][0]
        steps = [*steps[:-1], (frame, Beside(Shift(ra), Shift(dec))), (frame.named(name), None)]
        return type(self)(steps, self.shape, self.name)

    @property
    def frames(self):
        """Names of the frames, from pixels to the sky."""
        return tuple(frame.name for frame, _ in self.steps)

    @property
    def bounding_box(self):
        """Range of pixels, ((x0, x1), (y0, y1)), in which they hold, or None."""
        box = self.steps[0][1].box
        return box if isinstance(box, tuple) else None

    @bounding_box.setter
    def bounding_box(self, box):
        frame, transform = self.steps[0]
        box = box and tuple((float(low), float(high)) for low, high in box)
        self.steps[0] = frame, transform.boxed(box)
        self.changed = True

    def __call__(self, x, y, threads=1):
        """Right ascension and declination (degrees) of pixels, counted from 0, whether in the bounding box or not.

        Parameters
        ----------
        x, y : array_like
            Columns and rows.
        threads : int, optional
            Threads.

        Returns
        -------
        ra, dec : ndarray of float64
        """
        return self._map(0, len(self.steps) - 1, (x, y), threads)

    def invert(self, ra, dec, threads=1):
        """Pixels of right ascensions and declinations (degrees), by the inverse that the model of the distortion has.

        Without one they are solved for.

        Returns
        -------
        x, y : ndarray of float64
        """
        try:
            self.transform(len(self.steps) - 1, 0)
        except NoInverseError:
            if self.transform().foreign:
                raise InputError("the coordinates have no inverse that is known") from None
            ra, dec = np.broadcast_arrays(np.asarray(ra, float), np.asarray(dec, float))
            return tuple(one.reshape(ra.shape) for one in solve(self, ra.ravel(), dec.ravel(), threads))
        return self._map(len(self.steps) - 1, 0, (ra, dec), threads)

    def between(self, source, target):
        """Give the function from one frame to another.

        Parameters
        ----------
        source, target : str
            Of `frames`, in any order.

        Returns
        -------
        callable
            Takes arrays and ``threads``; gives a tuple of arrays.
        """
        first, last = (self.frames.index(name) for name in (source, target))
        return lambda *coordinates, threads=1: self._map(first, last, coordinates, threads)

    def transform(self, first=0, last=None):
        """The transform between two frames, by their numbers.

        Raises
        ------
        NoInverseError
            It goes backwards, and has no inverse.
        """
        last = len(self.steps) - 1 if last is None else last
        if first == last:
            raise ValueError("a frame is mapped to itself")
        if first < last:
            return reduce(Pipe, [transform for _, transform in self.steps[first:last]])
        return reduce(Pipe, [transform.inverse() for _, transform in self.steps[last:first][::-1]])

    def _map(self, first, last, coordinates, threads):
        values = np.broadcast_arrays(*(np.asarray(one, float) for one in coordinates))
        shape = values[0].shape
        points = [one.ravel() for one in values]
        if (first, last) not in self._programs:
            try:
                transform = self.transform(first, last)
            except NoInverseError as problem:
                raise InputError(f"the coordinates cannot be inverted: {problem}") from None
            self._programs[first, last] = transform, compiled(transform)
        transform, program = self._programs[first, last]
        found = evaluate(transform, points, threads) if program is None else program.run(points, threads)
        return tuple(one.reshape(shape) for one in found)


def read_wcs_file(path):
    """Read coordinates from an ASDF file.

    Parameters
    ----------
    path : path-like
        File with ``wcs``.

    Returns
    -------
    wcs : Wcs
    extra : dict
        What else it has that is plain: ``array_shape``, ``pixel_shape``, ``pixel_area`` and so on.

    Raises
    ------
    UsageError
        No such file, or none in it.
    """
    try:
        root, blocks = asdftree.read_file(path)
        node = asdftree.member(root, "wcs")
        wcs = Wcs(read_steps(node, blocks))
        entries = {key.value: value for key, value in [*node.value, *root.value]}
        wanted = {"array_shape", "pixel_shape", "pixel_area", "pixel_scale", "bounding_box"}
        extra = {key: asdftree.plain(value) for key, value in entries.items() if key in wanted}
    except OSError as problem:
        raise UsageError(f"{path} cannot be read: {problem.strerror}") from None
    except asdftree.PROBLEMS as problem:
        raise UsageError(f"{path} has no wcs that can be read: {problem}") from None
    return wcs, extra
