"""What a spectrograph throws on the detector: spectra along traces."""

from dataclasses import dataclass

import numpy as np

from jwpipe.simulate.scene import SOURCE

__all__ = ["Trace", "Traces"]

LINES = 12  # absorption lines of a spectrum
NARROWEST, WIDEST = 0.002, 0.01  # width of lines, of half the length of the trace


@dataclass(frozen=True)
class Trace:
    """One spectrum on the detector.

    Attributes
    ----------
    middle : tuple of float
        Position across the dispersion, pixels of the whole detector from 0: coefficients of powers of the position
        along it, which runs from -1 to 1 over the detector.
    fwhm : float
        Width of the source's profile, pixels.
    strength : float
        Brightness against the brightest trace.
    slit : float
        Half of the width that sky falls on, pixels.
    span : tuple of float
        First and last pixel of the whole detector along the dispersion that light falls on.
    """

    middle: tuple[float, ...]
    fwhm: float
    strength: float
    slit: float
    span: tuple[float, float] = (-np.inf, np.inf)


@dataclass(frozen=True)
class Traces:
    """A scene, as `jwpipe.simulate.scene.Field` is: the spectrum of one source, and that of the sky around it.

    Attributes
    ----------
    traces : tuple of Trace
        Where.
    along_x : bool
        Whether the dispersion runs along x.
    level : float
        Rate of the brightest pixels against the one that saturates them in an integration.
    """

    traces: tuple[Trace, ...]
    along_x: bool
    level: float = 0.3

    def __call__(self, exposure, options, depth, stream):
        """Draw it."""
        window, full = exposure.window, exposure.instrument.full
        start, length, across = (window.x, window.nx, window.y) if self.along_x else (window.y, window.ny, window.x)
        width = window.ny if self.along_x else window.nx
        along = 2 * (start + np.arange(length)) / (full[0 if self.along_x else 1] - 1) - 1
        spectrum = _spectrum(along, stream)
        light = np.zeros((width, length))
        sources = np.zeros(len(self.traces), SOURCE)
        for source, trace in zip(sources, self.traces, strict=True):
            middle = np.polynomial.polynomial.polyval(along, trace.middle) - across
            distance = np.arange(width)[:, None] - middle
            pixel = start + np.arange(length)
            lit = (pixel >= trace.span[0]) & (pixel <= trace.span[1])
            profile = np.exp(-4 * np.log(2) * (distance / trace.fwhm) ** 2)
            spread = self.level * trace.strength * depth * options.brightness * profile * spectrum * lit
            # Sky has the edges of the slit; they are a pixel wide.
            light += spread + options.sky * lit * np.clip(trace.slit + 0.5 - np.abs(distance), 0, 1)
            place = middle[length // 2], length // 2
            source["TYPE"], source["AXIS_RATIO"], source["RATE"] = b"TRACE", 1, spread.sum()
            source["Y"], source["X"] = place if self.along_x else place[::-1]
        return sources, np.ascontiguousarray(light if self.along_x else light.T, "f4")


def _spectrum(along, stream):
    """Continuum with absorption lines, at most 1."""
    spectrum = 1 - 0.6 * (along - stream.uniform(-0.3, 0.3)) ** 2
    for centre, depth, width in zip(
        stream.uniform(-1, 1, LINES),
        stream.uniform(0.1, 0.7, LINES),
        stream.uniform(NARROWEST, WIDEST, LINES),
        strict=True,
    ):
        spectrum *= 1 - depth * np.exp(-(((along - centre) / width) ** 2))
    return np.maximum(spectrum, 0)
