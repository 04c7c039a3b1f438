"""Reference pixels of the near infrared detectors: a frame of four pixels around the array.

A detector is read row by row, each of its amplifiers a quarter of the columns. The array of a product is turned and
mirrored against the detector, in another way for each: here the array stays as it is, and the reference pixels are
looked up where they are.
"""

from dataclasses import dataclass

import numpy as np

from jwpipe.cext import refpix as kernel
from jwpipe.products.dq import Pixel

__all__ = ["Sections", "View", "correct"]

SIZE = 2048
BORDER = 4
BLOCK = 64  # groups at a time: bounds the memory for signals, whatever the number of integrations

# From array to detector: mirror the rows, mirror the columns, then exchange rows with columns.
ORIENTATION = {
    "NRCA1": (False, True, False),
    "NRCA2": (True, False, False),
    "NRCA3": (False, True, False),
    "NRCA4": (True, False, False),
    "NRCALONG": (False, True, False),
    "NRCB1": (True, False, False),
    "NRCB2": (False, True, False),
    "NRCB3": (True, False, False),
    "NRCB4": (False, True, False),
    "NRCBLONG": (True, False, False),
    "NIS": (True, True, True),
    "NRS1": (False, False, True),
    "NRS2": (True, True, True),
    "GUIDER1": (True, True, False),
    "GUIDER2": (False, True, False),
}

# Subarrays of NIRSpec without reference pixels: those at the ends of their rows serve, where little light falls.
EDGELESS = ("SUB512", "SUB512S", "SUB32")


class View:
    """An array as its detector is read.

    Parameters
    ----------
    detector : str
        DETECTOR.
    place : Subarray
        Where the array lies.

    Attributes
    ----------
    transposed : bool
        Whether the detector's columns are rows of the array.
    rows, columns : ndarray of int
        Row and column of the detector, from 0, of each row and column of a `plane`.
    """

    def __init__(self, detector, place):
        mirror_y, mirror_x, self.transposed = ORIENTATION[detector]
        self._step = (slice(None, None, -1 if mirror_y else 1), slice(None, None, -1 if mirror_x else 1))
        # An array in IRS2 mode is longer than the detector: it begins at its edge.
        y = np.arange(place.ny) + place.y
        x = np.arange(place.nx) + place.x
        if mirror_y:
            y = max(SIZE, place.ny) - 1 - y[::-1]
        if mirror_x:
            x = max(SIZE, place.nx) - 1 - x[::-1]
        self.rows, self.columns = (x, y) if self.transposed else (y, x)

    def plane(self, plane):
        """Turn an array (ny, nx) as the detector is read, without copying it."""
        plane = plane[self._step]
        return plane.T if self.transposed else plane

    def unturn_rows(self, vectors):
        """Order values of detector rows, (..., nrows), as the array has them."""
        return np.ascontiguousarray(vectors[..., self._step[1 if self.transposed else 0]])

    def unturn_columns(self, vectors):
        """Order values of detector columns, (..., ncolumns), as the array has them."""
        return np.ascontiguousarray(vectors[..., self._step[0 if self.transposed else 1]])


@dataclass
class Sections:
    """Reference pixels by the columns that they correct and the edge at which they lie.

    Attributes
    ----------
    column_class : ndarray of int, (ncolumns,)
        Amplifier and parity of each detector column: ``amplifier * parities + parity``.
    parities : int
        2 where odd and even columns are treated apart, else 1.
    edges : int
        2 where the means of top and bottom are averaged, else 1.
    pixels : ndarray of int32
        Offsets into a plane, section by section: by class, then by edge.
    start : ndarray of int32
        Where each section begins, and the last one ends.
    """

    column_class: np.ndarray
    parities: int
    edges: int
    pixels: np.ndarray
    start: np.ndarray

    @classmethod
    def choose(cls, view, good, edges, amplifier, parity):
        """Sort the good reference pixels.

        Parameters
        ----------
        view : View
            Turns arrays.
        good : ndarray of bool, (ny, nx)
            The reference pixels to use.
        edges : sequence of ndarray of bool, (nrows,)
            Detector rows of each edge.
        amplifier, parity : ndarray of int, (ncolumns,)
            Of each detector column.

        Returns
        -------
        Sections
        """
        parities = int(parity.max(initial=0)) + 1
        column_class = amplifier * parities + parity
        offsets = view.plane(np.arange(good.size, dtype="i4").reshape(good.shape))
        good = view.plane(good)
        chosen = []
        for k in range((int(amplifier.max(initial=0)) + 1) * parities):
            for edge in edges:
                # Rows first: taking columns of the whole array would copy most of it.
                at = np.ix_(edge, column_class == k)
                chosen.append(offsets[at][good[at]])
        start = np.cumsum([0, *map(len, chosen)], dtype="i4")
        return cls(column_class, parities, len(edges), np.concatenate(chosen), start)

    def signals(self, planes, single, threads):
        """Signal that the reference pixels give for each column.

        Parameters
        ----------
        planes : ndarray of float32, (nplanes, ny, nx)
            Counts, DN.
        single : bool
            Whether to work in float32.
        threads : int
            Threads.

        Returns
        -------
        ndarray of float32 or float64, (nplanes, ncolumns)
            DN, in the order of detector columns; 0 where an amplifier has no good reference pixels.
        """
        nplanes = len(planes)
        values = planes.reshape(nplanes, -1)[:, self.pixels].astype("f4" if single else "f8", copy=False)
        means = np.empty((nplanes, len(self.start) - 1), values.dtype)
        kernel.clipped_means(np.ascontiguousarray(values), self.start, means, threads)
        signal = means.reshape(nplanes, -1, self.edges)
        signal = average(signal[..., 0], signal[..., -1]).reshape(nplanes, -1, self.parities)
        # An amplifier is corrected where both its odd and its even columns can be.
        signal[np.isnan(signal).any(axis=2)] = 0
        return signal.reshape(nplanes, -1)[:, self.column_class]


class Sides:
    """Good reference pixels at both ends of the detector's rows, ready for a running median.

    Parameters
    ----------
    view : View
        Turns arrays.
    good : ndarray of bool, (ny, nx)
        Pixels to use.
    length : int
        Rows of the window.

    Attributes
    ----------
    pixels : ndarray of int32
        Offsets into a plane, in the order of rows, one side after the other; rows near the ends of the detector occur
        again, mirrored beyond them.
    columns : ndarray of int
        Column of each in the plane of `view`.
    """

    def __init__(self, view, good, length):
        self.view, self.length = view, length
        offsets = view.plane(np.arange(good.size, dtype="i4").reshape(good.shape))
        good = view.plane(good)
        half = length // 2
        rows = view.rows[0] - half + np.arange(len(view.rows) + length - 1)  # from the first window's to the last one's
        rows = np.abs(rows)
        rows = np.where(rows >= SIZE, 2 * (SIZE - 1) - rows, rows) - view.rows[0]
        inside = (rows >= 0) & (rows < len(view.rows))
        pixels, columns, starts = [], [], []
        for side in (view.columns < BORDER, view.columns >= SIZE - BORDER):
            at = np.ix_(rows[inside], side)
            usable = np.zeros((len(rows), np.count_nonzero(side)), bool)
            usable[inside] = good[at]
            pixels.append(offsets[at][good[at]])
            columns.append(np.broadcast_to(np.flatnonzero(side), usable.shape)[usable])
            starts.append(np.cumsum([0, *usable.sum(axis=1)]) + sum(map(len, pixels[:-1])))
        self.pixels, self.columns = np.concatenate(pixels), np.concatenate(columns)
        self.start = np.array(starts, "i4")

    def signals(self, planes, column_signal, single, threads):
        """Signal that the reference pixels give for each row, columns being corrected already.

        Parameters
        ----------
        planes : ndarray of float32, (nplanes, ny, nx)
            Counts, DN.
        column_signal : ndarray, (nplanes, ncolumns)
            What is going to be subtracted from each detector column, DN.
        single : bool
            Whether to work in float32.
        threads : int
            Threads.

        Returns
        -------
        ndarray of float64, (nplanes, nrows)
            DN, in the order of detector rows; 0 where a row has no good reference pixel near.
        """
        nplanes = len(planes)
        values = planes.reshape(nplanes, -1)[:, self.pixels] - column_signal[:, self.columns]
        medians = np.empty((nplanes, 2, len(self.view.rows)))
        scratch = np.empty((threads, max(1, (self.start[:, self.length :] - self.start[:, : -self.length]).max())))
        kernel.running_medians(
            np.ascontiguousarray(values, "f8"), self.start, self.length, single, scratch, medians, threads
        )
        return np.nan_to_num(average(medians[:, 0], medians[:, 1]), nan=0.0)


def average(one, other):
    """Mean of two arrays; where one is NaN, the other."""
    half = one.dtype.type(0.5)
    return np.where(np.isnan(one), other, np.where(np.isnan(other), one, half * (one + other)))


def correct(ramp, par, run):
    """Subtract the signal of the reference pixels from a near infrared exposure.

    Parameters
    ----------
    ramp : Ramp
        Counts and zero frame, DN, changed in place.
    par : Params
        ``odd_even_columns``, ``use_side_ref_pixels``, ``side_smoothing_length``, ``side_gain``.
    run : Run
        Threads, log.
    """
    place = ramp.subarray
    subarray = min(place.nx, place.ny) < SIZE
    view = View(ramp["DETECTOR"], place)
    parity = view.columns % 2 if par.odd_even_columns else np.zeros_like(view.columns)
    good = (ramp.pixeldq & Pixel.DO_NOT_USE) == 0
    sides = None
    if subarray and ramp.get("NOUTPUTS") != 4:
        reference = (ramp.pixeldq & Pixel.REFERENCE_PIXEL) != 0
        if place.name in EDGELESS:
            reference[:, :BORDER] = reference[:, -BORDER:] = True
        edges = [np.ones(len(view.rows), bool)]
        sections = Sections.choose(view, good & reference, edges, np.zeros_like(parity), parity)
    else:
        edges = [view.rows >= SIZE - BORDER, view.rows < BORDER]
        sections = Sections.choose(view, good, edges, view.columns // (SIZE // 4), parity)
        if par.use_side_ref_pixels:
            sides = Sides(view, good, par.side_smoothing_length)
    if not len(sections.pixels) and (sides is None or not len(sides.pixels)):
        run.log.info("refpix: the subarray has no good reference pixels, there is nothing to subtract")
        return
    ny, nx = ramp.shape[-2:]
    planes = ramp.data.reshape(-1, ny, nx)
    again = ramp.before + ramp.groups_before > 0
    subtract_signals(planes, view, sections, sides, par.side_gain, run.threads, again)
    if ramp.zeroframe is not None and ramp.get("ZEROFRAM"):
        blank = ramp.zeroframe == 0
        subtract_signals(ramp.zeroframe, view, sections, sides, par.side_gain, run.threads, again=True)
        ramp.zeroframe[blank] = 0


def subtract_signals(planes, view, sections, sides, side_gain, threads, again=False):
    """Measure the signals of each group and subtract them.

    Parameters
    ----------
    planes : ndarray of float32, (nplanes, ny, nx)
        Counts, DN, changed in place.
    view : View
        Turns arrays.
    sections : Sections
        Reference pixels of the amplifiers.
    sides : Sides or None
        Reference pixels at the ends of rows, where they are used.
    side_gain : float
        Factor on their signal.
    threads : int
        Threads.
    again : bool, optional
        Whether other planes of the exposure went before.

    Notes
    -----
    1.14.1 works in float32 until the signal of the rows, in float64, has gone into its buffer: with side reference
    pixels, the first group of an exposure is measured in float32, all others in float64. To agree to the last bit, so
    are they here.
    """
    none = np.zeros((1, len(view.rows)))
    begin = 0
    while begin < len(planes):
        single = sides is None or (begin == 0 and not again)
        end = min(begin + (1 if single and sides is not None else BLOCK), len(planes))
        block = planes[begin:end]
        columns = sections.signals(block, single, threads)
        if sides is None:
            rows = np.broadcast_to(none, (len(block), len(view.rows)))
        else:
            rows = side_gain * sides.signals(block, columns, single, threads)
        columns, rows = view.unturn_columns(columns.astype("f8", copy=False)), view.unturn_rows(rows)
        kernel.subtract(block, columns, rows, view.transposed, single, threads)
        begin = end
