"""A detector's calibration, as it truly is: what the simulation applies and what its references state."""

from dataclasses import dataclass, field, fields, replace

import numpy as np

from jwpipe.products.dq import Pixel
from jwpipe.simulate.electronics import Readout
from jwpipe.simulate.instrument import Window
from jwpipe.simulate.irs2 import draw_interleaving

__all__ = ["DEFECTS", "Calibration", "Properties", "draw_calibration"]

DIM = 0.6  # response of a LOW_QE pixel
NOISY = 10.0  # factor on the noise of a BAD_REF_PIXEL

DEFECTS = {  # part of the pixels that have a flag
    "DEAD": 1e-3,
    "LOW_QE": 5e-4,
    "RC": 2e-4,
    "TELEGRAPH": 2e-4,
    "OTHER_BAD_PIXEL": 2e-4,
    "NO_SAT_CHECK": 1e-4,
    "NO_LIN_CORR": 1e-4,
    "NO_GAIN_VALUE": 1e-4,
    "UNRELIABLE_BIAS": 2e-4,
    "UNRELIABLE_DARK": 2e-4,
    "BAD_REF_PIXEL": 2e-3,
}


@dataclass(frozen=True)
class Properties:
    """Typical values of a kind of detector.

    Attributes
    ----------
    gain, gain_spread : float
        e-/DN, and its relative spread from pixel to pixel.
    bias : tuple of float
        Least and greatest level of an amplifier, DN.
    bias_columns, bias_pixels : float
        Spread of columns and of pixels about it, DN.
    well, well_spread : float
        Signal at which a pixel saturates, DN above the bias, and its relative spread.
    linearity : tuple of float
        Coefficients of the correction from the second power on, DN to DN.
    linearity_spread : float
        Relative spread of them, the same for all of a pixel.
    dark : float
        Dark current, e-/s.
    hot, hot_range : float, tuple of float
        Part of the pixels that are hot, and the range of their dark current, e-/s.
    flagged_dark : tuple of float
        Dark current from which a pixel is warm, hot, and not to be used, e-/s.
    read_noise, read_noise_spread : float
        Noise of one frame, DN, and its relative spread.
    reset_noise : float
        Noise of the reset, DN.
    pedestal, parity : float
        Drift of an amplifier, and of its odd against its even columns, from frame to frame, DN.
    pink, pink_rows : float
        1/f noise common to all amplifiers, and that of each from row to row, DN.
    ipc : float
        Part of a pixel's charge that each of its four neighbours sees.
    defects : dict of str to float
        Part of the pixels that have a flag.
    transients : Transients
        What integrations begin and end with; None for nothing.
    interference : Interference
        Electromagnetic interference; None for none.
    biased : bool
        Whether the linearity correction acts on counts with the bias in them: nothing subtracts it.
    """

    gain: float = 2.05
    gain_spread: float = 0.01
    bias: tuple[float, float] = (9000.0, 13000.0)
    bias_columns: float = 60.0
    bias_pixels: float = 200.0
    well: float = 45000.0
    well_spread: float = 0.02
    linearity: tuple[float, ...] = (1.1e-6, 4e-12, 1e-17, 1e-22)
    linearity_spread: float = 0.05
    dark: float = 0.002
    hot: float = 0.003
    hot_range: tuple[float, float] = (0.1, 50.0)
    flagged_dark: tuple[float, float, float] = (0.1, 1.0, 10.0)
    read_noise: float = 4.0
    read_noise_spread: float = 0.05
    reset_noise: float = 15.0
    pedestal: float = 3.0
    parity: float = 1.0
    pink: float = 1.0
    pink_rows: float = 0.05
    ipc: float = 0.005
    defects: dict = field(default_factory=lambda: dict(DEFECTS))
    transients: object = None
    interference: object = None
    biased: bool = False


@dataclass(frozen=True)
class Calibration:
    """Calibration of a window; all planes are (ny, nx).

    Attributes
    ----------
    window : Window
        What part of the detector.
    flags : ndarray of uint32
        What is known of each pixel, in `Pixel` flags.
    response : ndarray of float32
        Part of the light that a pixel turns into charge, against a good one; 0 for dead and reference pixels.
    gain : ndarray of float32
        e-/DN.
    bias : ndarray of float32
        DN.
    well : ndarray of float32
        Signal at which a pixel saturates, DN above the bias.
    coefficients : ndarray of float32, (6, ny, nx)
        Linearity correction: powers of the measured signal, DN to DN.
    dark : ndarray of float32
        e-/s.
    noise : ndarray of float32
        White noise of one frame, DN.
    kernel : ndarray of float64, (3, 3)
        Inter-pixel capacitance: where a pixel's charge is seen.
    transient : ndarray of float32
        How strongly a pixel shows the detector's transients, 1 on average; None where there are none.
    biased : bool
        Whether the linearity correction acts on counts with the bias in them.
    interleaving : Interleaving
        What else is read in IRS2 readout; None in any other.
    """

    window: Window
    flags: np.ndarray
    response: np.ndarray
    gain: np.ndarray
    bias: np.ndarray
    well: np.ndarray
    coefficients: np.ndarray
    dark: np.ndarray
    noise: np.ndarray
    kernel: np.ndarray
    transient: np.ndarray | None
    biased: bool
    interleaving: object

    def has(self, flag):
        """Which pixels have a flag."""
        return (self.flags & flag) != 0

    @property
    def active(self):
        """Which pixels are no reference pixels."""
        return ~self.has(Pixel.REFERENCE_PIXEL)

    def as_read(self, name):
        """Give ``bias`` or ``flags`` of everything that is read: in IRS2 readout that is more than the array."""
        plane = getattr(self, name)
        return self.interleaving.embed(plane, name) if self.interleaving else plane

    def cut(self, window):
        """Cut the part that another window reads."""
        if window == self.window:
            return self
        return self.take(window, *window.slices(self.window))

    def take(self, window, rows, columns=slice(None)):
        """Take some rows and columns, which are then those of a window."""
        planes = {
            item.name: np.ascontiguousarray(getattr(self, item.name)[..., rows, columns])
            for item in fields(self)
            if item.name not in ("window", "kernel", "biased", "interleaving") and getattr(self, item.name) is not None
        }
        return replace(self, window=window, **planes)

    def couple(self, image):
        """Apply the inter-pixel capacitance; reference pixels neither give nor take.

        Parameters
        ----------
        image : ndarray of float32, (ny, nx)
            Charge, or a rate.

        Returns
        -------
        ndarray of float32
            What is seen of it, a new array.
        """
        seen = np.multiply(image, np.float32(self.kernel[1, 1]))
        for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)):
            weight = np.float32(self.kernel[1 + dy, 1 + dx])
            if weight:
                to, source = _shifted(dy, dx)
                seen[to] += weight * image[source]
        seen[~self.active] = 0
        return seen


def _shifted(dy, dx):
    span = {-1: (slice(None, -1), slice(1, None)), 0: (slice(None), slice(None)), 1: (slice(1, None), slice(None, -1))}
    return (span[dy][0], span[dx][0]), (span[dy][1], span[dx][1])


def draw_calibration(exposure, window, properties, streams):
    """Draw the calibration of a window of a detector.

    Parameters
    ----------
    exposure : Exposure
        Whose detector.
    window : Window
        What part of it.
    properties : Properties
        Typical values.
    streams : Streams
        Random numbers of the detector.

    Returns
    -------
    Calibration
    """
    p, shape = properties, window.shape
    streams = streams.of("calibration", window.name)
    reference = exposure.instrument.reference_pixels(window)

    def spread(purpose, relative):
        values = streams(purpose).standard_normal(shape, "f4")
        return 1 + np.float32(relative) * values

    flags = _flags(p, reference, streams)
    response = spread("response", 0.005)
    response[(flags & Pixel.DEAD) != 0] = 0
    response[(flags & Pixel.LOW_QE) != 0] *= np.float32(DIM)
    dark = np.full(shape, p.dark, "f4")
    stream = streams("hot")
    hot = stream.random(shape, "f4") < p.hot
    low, high = np.log(p.hot_range)
    dark[hot] = np.exp(stream.uniform(low, high, int(hot.sum())))
    for lowest, flag in zip(p.flagged_dark, (Pixel.WARM, Pixel.HOT, Pixel.DO_NOT_USE), strict=True):
        flags[(dark >= lowest) & ~reference] |= np.uint32(flag)
    response[reference] = 0
    dark[reference] = 0
    noise = np.float32(p.read_noise) * spread("noise", p.read_noise_spread)
    noise[(flags & Pixel.BAD_REF_PIXEL) != 0] *= np.float32(NOISY)
    coefficients = np.zeros((2 + len(p.linearity), *shape), "f4")
    coefficients[1] = 1
    factor = spread("linearity", p.linearity_spread)
    for plane, value in zip(coefficients[2:], p.linearity, strict=True):
        np.multiply(factor, np.float32(value), out=plane)
    kernel = np.zeros((3, 3))
    kernel[[0, 1, 1, 2], [1, 0, 2, 1]] = p.ipc
    kernel[1, 1] = 1 - 4 * p.ipc
    return Calibration(
        window=window,
        flags=flags,
        response=response,
        gain=np.float32(p.gain) * spread("gain", p.gain_spread),
        bias=_bias(exposure, window, p, streams),
        well=np.float32(p.well) * spread("well", p.well_spread),
        coefficients=coefficients,
        dark=dark,
        noise=noise,
        kernel=kernel,
        transient=spread("transient", 0.3) if p.transients else None,
        biased=p.biased,
        interleaving=draw_interleaving(exposure, p, streams) if exposure.pattern.irs2 else None,
    )


def _flags(properties, reference, streams):
    flags = np.zeros(reference.shape, "u4")
    flags[reference] = Pixel.REFERENCE_PIXEL
    for name, part in properties.defects.items():
        chosen = streams(name).random(reference.shape, "f4") < part
        chosen &= reference if name == "BAD_REF_PIXEL" else ~reference
        flags[chosen] |= np.uint32(Pixel[name])
        if name in ("DEAD", "OTHER_BAD_PIXEL", "BAD_REF_PIXEL", "NO_GAIN_VALUE"):
            flags[chosen] |= np.uint32(Pixel.DO_NOT_USE)
    return flags


def _bias(exposure, window, p, streams):
    readout = Readout(exposure.instrument, exposure.detector, window)
    frame = np.empty(readout.shape, "f4")
    stream = streams("bias")
    for columns in readout.outputs:
        frame[:, columns] = stream.uniform(*p.bias)
    frame += np.float32(p.bias_columns) * stream.standard_normal(readout.shape[1], "f4")
    frame += np.float32(p.bias_pixels) * stream.standard_normal(readout.shape, "f4")
    return np.ascontiguousarray(readout.to_science(frame))
