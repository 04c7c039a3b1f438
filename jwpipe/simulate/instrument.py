"""What an instrument is to the simulator: detectors, subarrays, readout patterns, rules; all of it data."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Detector", "Instrument", "ReadPattern", "Window", "to_science"]


@dataclass(frozen=True)
class Detector:
    """One detector.

    Attributes
    ----------
    name : str
        DETECTOR.
    number : int
        SCA_NUM.
    module, channel : str
        MODULE and CHANNEL; empty where the instrument has none.
    fastaxis, slowaxis : int
        FASTAXIS and SLOWAXIS: the axis (1 is x, 2 is y; negative is downward) along which pixels follow each other in
        time, and the one along which rows do.
    v2, v3 : float
        Centre on the sky, arcsec.
    angle : float
        V3I_YANG, from V3 to the rows' y axis, degrees.
    scale : tuple of float
        Pixel size along x and y, arcsec.
    aperture : str
        Start of APERNAME.
    """

    name: str
    number: int
    module: str
    channel: str
    fastaxis: int
    slowaxis: int
    v2: float
    v3: float
    angle: float
    scale: tuple[float, float]
    aperture: str


@dataclass(frozen=True)
class Window:
    """The part of a detector that is read, in science orientation.

    Attributes
    ----------
    name : str
        SUBARRAY.
    x, y : int
        First column and row, from 0.
    nx, ny : int
        Columns and rows.
    noutputs : int
        Amplifiers that read it.
    aperture : str
        End of APERNAME, where that is not `name`.
    patterns : tuple of str
        READPATT that there are for it; empty for all.
    """

    name: str
    x: int
    y: int
    nx: int
    ny: int
    noutputs: int
    aperture: str = ""
    patterns: tuple[str, ...] = ()

    @property
    def shape(self):
        """Rows and columns."""
        return self.ny, self.nx

    def slices(self, within):
        """Rows and columns of this window in the arrays of one that holds it."""
        x, y = self.x - within.x, self.y - within.y
        return slice(y, y + self.ny), slice(x, x + self.nx)


@dataclass(frozen=True)
class ReadPattern:
    """A readout pattern: frames averaged to a group, dropped between groups, samples a pixel, whether it is IRS2."""

    nframes: int
    groupgap: int
    nsamples: int = 1
    irs2: bool = False

    @property
    def single(self):
        """Whether each group is a frame, and none is dropped."""
        return (self.nframes, self.groupgap) == (1, 0)


@dataclass(frozen=True)
class Instrument:
    """One instrument.

    Attributes
    ----------
    name : str
        INSTRUME.
    full : tuple of int
        Columns and rows of a detector.
    borders : tuple of int
        Reference pixels at the left, right, lower and upper edge: how many columns or rows.
    pixel_area : float
        cm^2.
    detectors : dict of str to Detector
        By name.
    patterns : dict of str to ReadPattern
        By READPATT.
    windows : callable
        Gives a detector's `Window` objects by SUBARRAY.
    frame_time : callable
        Gives the time between frames of an `Exposure`, s.
    rules : dict of str to tuple of str
        The reference types there are, and what the rules of each select on.
    parameters : dict of str to tuple
        Parameter references by type without ``pars-``: class, its parameters, and those of the steps within.
    references : type of References
        Writes them.
    zeroframe : bool
        Whether the first frame of an integration is sent on its own where frames are averaged or dropped.
    interleaved : bool
        Whether the amplifiers read every fourth column each, instead of a block of columns. A fifth one then reads no
        pixels: the reference output.
    row_clocks : callable
        Gives the pixel times from row to row for an `Exposure`, where interference depends on it.
    """

    name: str
    full: tuple[int, int]
    borders: tuple[int, int, int, int]
    pixel_area: float
    detectors: dict[str, Detector]
    patterns: dict[str, ReadPattern]
    windows: Callable = field(repr=False)
    frame_time: Callable = field(repr=False)
    rules: dict[str, tuple] = field(repr=False)
    parameters: dict[str, tuple] = field(repr=False)
    references: type = field(repr=False)
    zeroframe: bool = False
    interleaved: bool = False
    row_clocks: Callable | None = field(repr=False, default=None)

    def reference_pixels(self, window):
        """Find the reference pixels of a window.

        Returns
        -------
        ndarray of bool, (ny, nx)
        """
        (nx, ny), (left, right, bottom, top) = self.full, self.borders
        y, x = np.ogrid[window.y : window.y + window.ny, window.x : window.x + window.nx]
        inside = (x >= left) & (x < nx - right) & (y >= bottom) & (y < ny - top)
        return ~inside


def to_science(frame, detector):
    """Turn a frame from readout order, (slow, fast), to science orientation, (y, x).

    Returns
    -------
    ndarray
        A view.
    """
    along_x = abs(detector.fastaxis) == 1
    x, y = (detector.fastaxis, detector.slowaxis) if along_x else (detector.slowaxis, detector.fastaxis)
    frame = frame if along_x else frame.T
    return frame[:: 1 if y > 0 else -1, :: 1 if x > 0 else -1]
