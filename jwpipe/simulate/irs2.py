"""NIRSpec's IRS2 readout: reference pixels between the others, and a reference output beside.

Each amplifier steps out to reference pixels for 4 samples after every 16 of pixels, and the reference output is read
along. A row holds five outputs of 640 samples, the reference output first; amplifiers side by side run against each
other.

Source: JWST User Documentation, "NIRSpec IRS2 Detector Readout Mode"; B. J. Rauscher et al., PASP 129, 105003 (2017).
"""

from dataclasses import dataclass

import numpy as np

from jwpipe.products.dq import Pixel
from jwpipe.simulate.electronics import PinkNoise, Readout
from jwpipe.simulate.hawaii import IRS2_ROW

__all__ = ["NORMAL", "REFERENCE", "Interleaving", "Irs2Electronics", "draw_interleaving", "weights"]

NORMAL, REFERENCE = 16, 4  # samples of pixels, and of reference pixels after them
OUTPUTS, LENGTH = 5, 640  # with the reference output; samples of an output in a row
BAD = 0.02  # part of the interleaved reference pixels that are noisy
NOISY = 5.0  # factor on their noise
SLOW = 1000  # frequency, waves a frame, up to which an amplifier's own reference pixels know best

SAMPLE = np.arange(LENGTH)
INTERLEAVED = (SAMPLE - NORMAL // 2) % (NORMAL + REFERENCE) < REFERENCE
# One pixel time goes by in stepping out to the reference pixels, and one in stepping back.
TICK = SAMPLE + (SAMPLE + NORMAL // 2) // 20 + (SAMPLE + NORMAL // 2 + REFERENCE) // 20
SCIENCE = np.concatenate([k * LENGTH + SAMPLE[~INTERLEAVED] for k in range(1, OUTPUTS)])


@dataclass(frozen=True)
class Interleaving:
    """What is known of the samples that are no pixels of the array.

    Attributes
    ----------
    readout : Readout
        Order of the pixels.
    bias : ndarray of float32, (rows, 3200)
        DN, in readout order.
    flags : ndarray of uint32, (rows, 3200)
        In `Pixel` flags.
    noise : ndarray of float32, (rows, 3200)
        White noise of a frame, DN.
    """

    readout: Readout
    bias: np.ndarray
    flags: np.ndarray
    noise: np.ndarray

    def embed(self, plane, name):
        """Put a plane of the array, (ny, nx), among the other samples.

        Returns
        -------
        ndarray, (3200, nx)
            In science orientation.
        """
        return np.ascontiguousarray(self.readout.to_science(self.row_order(plane, getattr(self, name))))

    def row_order(self, plane, others):
        """Put a plane of the array, (ny, nx), among other samples, (rows, 3200), in readout order."""
        frame, pixels = others.copy(), np.empty(plane.T.shape, plane.dtype)
        self.readout.to_science(pixels)[...] = plane
        frame[:, SCIENCE] = pixels
        return frame


def draw_interleaving(exposure, properties, streams):
    """Draw what is true of the samples that are no pixels of the array.

    Parameters
    ----------
    exposure : Exposure
        Whose detector.
    properties : Properties
        Typical values.
    streams : Streams
        Random numbers of the detector.

    Returns
    -------
    Interleaving
    """
    readout = Readout(exposure.instrument, exposure.detector, exposure.window)
    stream, rows = streams("interleaved"), readout.shape[0]
    shape = rows, OUTPUTS * LENGTH
    bias = np.repeat(stream.uniform(*properties.bias, OUTPUTS), LENGTH) + np.zeros(shape)
    bias += properties.bias_pixels / 4 * stream.standard_normal(shape)
    flags = np.full(shape, Pixel.REFERENCE_PIXEL, "u4")
    # Both readings of one reference pixel, all along the rows.
    pairs = np.flatnonzero(np.tile(INTERLEAVED, OUTPUTS - 1)).reshape(-1, 2) + LENGTH
    bad = pairs[stream.random(len(pairs)) < BAD].ravel()
    flags[:, bad] |= np.uint32(Pixel.BAD_REF_PIXEL | Pixel.DO_NOT_USE)
    noise = np.full(shape, properties.read_noise, "f4")
    noise[:, bad] *= NOISY
    return Interleaving(readout, bias.astype("f4"), flags, noise)


class Irs2Electronics:
    """Correlated noise of the five outputs: 1/f noise that all share, and that of each amplifier.

    Parameters
    ----------
    interleaving : Interleaving
        The samples.
    properties : Properties
        How strong each kind is.
    """

    def __init__(self, interleaving, properties):
        self.interleaving, self.properties = interleaving, properties
        self.rows = len(interleaving.bias)
        self.shape = interleaving.bias.shape[::-1]
        self.pink = PinkNoise(self.rows * IRS2_ROW)

    def read(self, signal, noise, stream, clock):
        """Read a frame, see `jwpipe.simulate.electronics.Electronics.read`: 3200 rows."""
        p, layout = self.properties, self.interleaving
        frame = layout.row_order(signal, layout.bias)
        frame += layout.row_order(noise, layout.noise) * stream.standard_normal(frame.shape, "f4")
        common = p.pink * self.pink.draw(stream).reshape(self.rows, IRS2_ROW)
        for k in range(OUTPUTS):
            ticks = TICK if k % 2 else TICK[::-1]
            seen = common[:, ticks] + np.float32(stream.normal(0, p.pedestal))
            if k:
                seen += p.pink * self.pink.draw(stream).reshape(self.rows, IRS2_ROW)[:, ticks]
            frame[:, k * LENGTH : (k + 1) * LENGTH] += seen
        return layout.readout.to_science(frame), common


def weights(rows):
    """Weights by which the reference pixels and the reference output foretell an amplifier.

    Parameters
    ----------
    rows : int
        Of a frame.

    Returns
    -------
    alpha : ndarray of float32, (rows * 712,)
        Of the reference output, a frequency.
    beta : ndarray of float32, (rows * 712,)
        Of the amplifier's own reference pixels, which fill 8 of 22 pixel times.
    """
    waves = np.abs(np.fft.fftfreq(rows * IRS2_ROW) * rows * IRS2_ROW)
    slow = 1 / (1 + (waves / SLOW) ** 2)
    filled = 2 * REFERENCE * (LENGTH // (NORMAL + REFERENCE)) / IRS2_ROW
    alpha = 0.3 * (1 - slow) * SLOW / (SLOW + waves)
    return alpha.astype("f4"), (slow / filled).astype("f4")
