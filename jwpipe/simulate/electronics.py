"""How a window is read in time, and the noise of the electronics that read it."""

from dataclasses import dataclass

import numpy as np

from jwpipe.simulate.exposure import PIXEL_TIME
from jwpipe.simulate.instrument import to_science

__all__ = ["Electronics", "Interference", "PinkNoise", "Readout", "make_electronics"]

ROW_OVERHEAD = 12  # pixel times between rows


class Readout:
    """Order in which the pixels of a window are read.

    Parameters
    ----------
    instrument : Instrument
        Whose detector.
    detector : Detector
        Which.
    window : Window
        What part of it.

    Attributes
    ----------
    shape : tuple of int
        Rows, one after the other in time, and their pixels.
    first : int
        Position of the first pixel of a row on the whole detector, in readout order: its parity is that of the
        detector's columns.
    outputs : list of slice
        The pixels of a row that each amplifier reads; all amplifiers read at the same time.
    interleaved : bool
        See `Instrument`.
    """

    def __init__(self, instrument, detector, window):
        self.detector = detector
        along_x = abs(detector.fastaxis) == 1
        self.shape = window.shape if along_x else window.shape[::-1]
        start, size = (window.x, window.nx) if along_x else (window.y, window.ny)
        whole = instrument.full[0 if along_x else 1]
        self.first = start if detector.fastaxis > 0 else whole - start - size
        width, noutputs = size // window.noutputs, window.noutputs
        self.interleaved = instrument.interleaved
        if self.interleaved:
            self.outputs = [slice(i, None, noutputs) for i in range(noutputs)]
        else:
            self.outputs = [slice(i * width, (i + 1) * width) for i in range(noutputs)]

    def to_science(self, frame):
        """Turn a frame from readout order to science orientation, as a view."""
        return to_science(frame, self.detector)


@dataclass(frozen=True)
class Interference:
    """Electromagnetic interference: waves that run on through an exposure.

    Attributes
    ----------
    waves : dict of str to float
        Frequency of each, Hz, by name.
    amplitude : float
        DN.
    """

    waves: dict[str, float]
    amplitude: float

    def shape(self, phase):
        """Give the wave of unit amplitude at a phase (from 0 to 1): its rise is steeper than its fall."""
        return np.sin(2 * np.pi * phase) + 0.3 * np.sin(4 * np.pi * phase)

    def at(self, clock, phases):
        """Give the interference at some pixel times, DN; each wave starts with a phase of its own."""
        waves = zip(self.waves.values(), phases, strict=True)
        return self.amplitude * sum(self.shape((clock * (hertz * PIXEL_TIME) + phase) % 1) for hertz, phase in waves)


class Electronics:
    """Correlated noise: drifts of amplifiers, odd against even columns or rows, 1/f noise, interference.

    Parameters
    ----------
    readout : Readout
        Order of pixels.
    properties : Properties
        How strong each kind is.
    clocks : ndarray of int, (rows, pixels of an output), optional
        Pixel times from the start of a frame, where there is interference.
    phases : ndarray of float, optional
        Of its waves.
    """

    def __init__(self, readout, properties, clocks=None, phases=None):
        self.readout, self.properties = readout, properties
        self.clocks, self.phases = clocks, phases
        rows, columns = readout.shape
        self.width = columns // len(readout.outputs)
        self.line = self.width + ROW_OVERHEAD
        self.shape = readout.to_science(np.empty(readout.shape, "?")).shape
        self.shape_common = PinkNoise(rows * self.line)
        self.shape_rows = PinkNoise(rows)

    def read(self, signal, noise, stream, clock):
        """Read a frame.

        Parameters
        ----------
        signal : ndarray of float32, (ny, nx)
            DN, changed in place.
        noise : ndarray of float32, (ny, nx)
            White noise of each pixel, DN.
        stream : numpy.random.Generator
            Random numbers.
        clock : int
            Pixel times from the start of the exposure.

        Returns
        -------
        frame : ndarray of float32
            DN, as the raw exposure holds it.
        common : ndarray of float32
            See `frame`.
        """
        correlated, common = self.frame(stream, clock)
        signal += correlated
        signal += stream.standard_normal(signal.shape, "f4") * noise
        return signal, common

    def frame(self, stream, clock=0):
        """Draw the noise of one frame.

        Parameters
        ----------
        stream : numpy.random.Generator
            Random numbers.
        clock : int, optional
            Pixel times from the start of the exposure.

        Returns
        -------
        frame : ndarray of float32, (ny, nx)
            DN, in science orientation.
        common : ndarray of float32, (rows, pixels of an output)
            The part that all outputs share, DN, in readout order.
        """
        p, readout = self.properties, self.readout
        rows, columns = readout.shape
        frame = np.empty(readout.shape, "f4")
        common = p.pink * self.shape_common.draw(stream).reshape(rows, self.line)[:, : self.width]
        if p.interference:
            common += p.interference.at(clock + self.clocks, self.phases)
        odd = (readout.first + np.arange(columns)) % 2 == 1
        for output in readout.outputs:
            drift, parity = stream.normal(0, (p.pedestal, p.parity))
            odd_ones = np.arange(rows)[:, None] % 2 == 1 if readout.interleaved else odd[output]
            level = np.where(odd_ones, drift + parity, drift - parity).astype("f4")
            slow = p.pink_rows * self.shape_rows.draw(stream)
            np.add(common, level, out=frame[:, output])
            frame[:, output] += slow[:, None]
        return readout.to_science(frame), common


class PinkNoise:
    """Series of unit variance whose power falls with the frequency."""

    def __init__(self, size):
        from scipy.fft import next_fast_len

        self.size = size
        self.length = next_fast_len(max(size, 2), real=True)
        frequency = np.arange(self.length // 2 + 1, dtype="f4")
        frequency[0] = np.inf
        amplitude = frequency**-0.5
        self.amplitude = amplitude * np.float32(self.length / np.sqrt(2 * np.sum(amplitude.astype("f8") ** 2)))

    def draw(self, stream):
        """Draw one series, float32."""
        parts = stream.standard_normal((self.amplitude.size, 2), "f4") * np.float32(np.sqrt(0.5))
        spectrum = parts.view("c8")[:, 0]
        spectrum *= self.amplitude
        return np.fft.irfft(spectrum, self.length)[: self.size].astype("f4", copy=False)


def make_electronics(exposure, properties, stream):
    """Make the electronics that read an exposure.

    Parameters
    ----------
    exposure : Exposure
        What is read.
    properties : Properties
        How strong each kind of noise is.
    stream : numpy.random.Generator
        For the phases of interference.

    Returns
    -------
    Electronics
    """
    readout = Readout(exposure.instrument, exposure.detector, exposure.window)
    if not properties.interference:
        return Electronics(readout, properties)
    rows, columns = readout.shape
    row = np.arange(rows)[:, None] * exposure.instrument.row_clocks(exposure)
    clocks = row + np.arange(columns // len(readout.outputs)) * exposure.pattern.nsamples
    return Electronics(readout, properties, clocks, stream.uniform(size=len(properties.interference.waves)))
