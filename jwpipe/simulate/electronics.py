"""How a window is read in time, and the noise of the electronics that read it."""

import numpy as np

from jwpipe.simulate.instrument import to_science

__all__ = ["Electronics", "Readout"]

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
    """

    def __init__(self, instrument, detector, window):
        self.detector = detector
        along_x = abs(detector.fastaxis) == 1
        self.shape = window.shape if along_x else window.shape[::-1]
        start, size = (window.x, window.nx) if along_x else (window.y, window.ny)
        whole = instrument.full[0 if along_x else 1]
        self.first = start if detector.fastaxis > 0 else whole - start - size
        width = size // window.noutputs
        self.outputs = [slice(i * width, (i + 1) * width) for i in range(window.noutputs)]

    def to_science(self, frame):
        """Turn a frame from readout order to science orientation, as a view."""
        return to_science(frame, self.detector)


class Electronics:
    """Correlated noise: drifts of amplifiers, odd against even columns, 1/f noise.

    Parameters
    ----------
    readout : Readout
        Order of pixels.
    properties : Properties
        How strong each kind is.
    """

    def __init__(self, readout, properties):
        self.readout, self.properties = readout, properties
        rows, columns = readout.shape
        self.width = columns // len(readout.outputs)
        self.line = self.width + ROW_OVERHEAD
        self.shape_common = _PinkNoise(rows * self.line)
        self.shape_rows = _PinkNoise(rows)

    def frame(self, stream):
        """Draw the noise of one frame.

        Parameters
        ----------
        stream : numpy.random.Generator
            Random numbers.

        Returns
        -------
        ndarray of float32, (ny, nx)
            DN, in science orientation.
        """
        p, readout = self.properties, self.readout
        rows, columns = readout.shape
        frame = np.empty(readout.shape, "f4")
        common = p.pink * self.shape_common.draw(stream).reshape(rows, self.line)[:, : self.width]
        odd = (readout.first + np.arange(columns)) % 2 == 1
        for output in readout.outputs:
            drift, parity = stream.normal(0, (p.pedestal, p.parity))
            level = np.where(odd[output], drift + parity, drift - parity).astype("f4")
            slow = p.pink_rows * self.shape_rows.draw(stream)
            np.add(common, level, out=frame[:, output])
            frame[:, output] += slow[:, None]
        return readout.to_science(frame)


class _PinkNoise:
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
