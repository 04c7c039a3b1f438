"""The detector: from a rate of light to the counts that are sent down."""

import numpy as np

__all__ = ["expose", "measured"]

BAND = 64  # rows worked on at a time: a few planes of them stay in the cache
TOP = 65535
REFERENCE_OUTPUT = 20300.0  # level of the reference output, DN
BEYOND = 1.02  # signal at which a pixel stops counting, against that of its saturation


def measured(linear, coefficients, out=None):
    """Find the signal that the linearity correction turns into a given one.

    Parameters
    ----------
    linear : ndarray of float32, (ny, nx)
        Linear signal, DN.
    coefficients : ndarray of float32, (n, ny, nx)
        Of the correction; the first two powers are 0 and 1.
    out : ndarray of float32, optional
        Where to; may be `linear`.

    Returns
    -------
    ndarray of float32
        Measured signal, DN: two steps of Newton's method from the solution of the second-order part, which leaves less
        than 0.01 DN.
    """
    out = np.empty_like(linear) if out is None else out
    for first in range(0, len(linear), BAND):
        rows = slice(first, first + BAND)
        target, c = linear[rows], coefficients[:, rows]
        signal = target / (1 + c[2] * target)
        for _ in range(2):
            value, slope = c[-1] * signal, c[-1] * len(c[1:]) * signal
            for power in range(len(c) - 2, 1, -1):
                value += c[power]
                value *= signal
                slope += power * c[power]
                slope *= signal
            # The loop leaves c2 s + c3 s^2 + ... and its counterpart of the derivative.
            signal -= ((1 + value) * signal - target) / (1 + slope)
        out[rows] = signal
    return out


def linearized(signal, coefficients):
    """Apply the linearity correction."""
    value = np.zeros_like(signal)
    for c in coefficients[::-1]:
        value *= signal
        value += c
    return value


def expose(exposure, light, calibration, events, electronics, properties, streams):
    """Read the detector out through an exposure.

    In every frame: charge gathers (shot noise of light and dark current, hits), is seen through the inter-pixel
    capacitance, bends (inverse of the linearity correction) up to saturation, and is read on top of the bias with the
    noise of the electronics, as a whole number of 16 bits. Frames of a group are averaged, and the rest cut off, as on
    board.

    Parameters
    ----------
    exposure : Exposure
        What to do.
    light : ndarray of float32, (ny, nx)
        e-/s that the light sets free.
    calibration : Calibration
        Of the window.
    events : Events
        Hits.
    electronics : Electronics or Irs2Electronics
        Correlated noise.
    properties : Properties
        Of the detector.
    streams : Streams
        Random numbers.

    Returns
    -------
    dict of str to ndarray of uint16
        Extensions of the raw exposure, DN: ``SCI`` (nints, ngroups, ny, nx), of 3200 rows in IRS2 readout, and, where
        the exposure has them, ``ZEROFRAME`` (nints, ny, nx), the first frame of each integration, and ``REFOUT``
        (nints, ngroups, ny, nx/4), the reference output.
    """
    pattern, active, transients = exposure.pattern, calibration.active, properties.transients
    electrons = ((light.astype("f8") + calibration.dark) * exposure.frame_time).clip(0)
    electrons[~active] = 0
    pixels = _Pixels(calibration)
    raw = {"SCI": np.empty((*exposure.shape[:2], *electronics.shape), "u2")}
    if exposure.has_zeroframe:
        raw["ZEROFRAME"] = np.empty((exposure.nints, *exposure.window.shape), "u2")
    if exposure.instrument.interleaved:
        ny, nx = exposure.window.shape
        raw["REFOUT"] = np.empty((*exposure.shape[:2], ny, nx // exposure.window.noutputs), "u2")
    sums = np.empty(electronics.shape, "u4")
    for i in range(exposure.nints):
        noise = streams("reset", i).standard_normal(exposure.window.shape, "f4")
        level = np.float32(properties.reset_noise) * noise
        charge = np.zeros(exposure.window.shape, "f4")
        last = -1
        for group in range(exposure.ngroups):
            sums[:] = 0
            for frame in range(group * exposure.frames_a_group, group * exposure.frames_a_group + pattern.nframes):
                charge += streams("photons", i, frame).poisson(electrons * (frame - last))
                events.add(charge, i, last, frame, active)
                signal = pixels.measure(charge)
                signal += level
                if transients:
                    signal += np.float32(transients.offset(i, frame, exposure.frames)) * calibration.transient
                stream = streams("read", i, frame)
                clock = exposure.frame_clock(i, frame)
                seen, common = electronics.read(signal, calibration.noise, stream, clock)
                counts = _digitized(seen)
                if frame == 0 and exposure.has_zeroframe:
                    raw["ZEROFRAME"][i] = counts
                sums += counts
                last = frame
            np.floor_divide(sums, pattern.nframes, out=sums)
            raw["SCI"][i, group] = sums
            if "REFOUT" in raw:
                white = np.float32(properties.read_noise) * stream.standard_normal(common.shape, "f4")
                raw["REFOUT"][i, group] = _digitized(REFERENCE_OUTPUT + common + white)
    return raw


class _Pixels:
    """Turns charge into counts."""

    def __init__(self, calibration):
        c = self.calibration = calibration
        # Where nothing subtracts the bias, it bends with the signal: the linear one is what the correction makes of it.
        self.ground = linearized(c.bias, c.coefficients) if c.biased else None
        top = np.float32(BEYOND) * c.well + (c.bias if c.biased else 0)
        self.most = linearized(top, c.coefficients)

    def measure(self, charge):
        """Signal, DN, of a charge, e-, without noise."""
        c = self.calibration
        signal = c.couple(charge)
        signal /= c.gain
        if c.biased:
            signal += self.ground
        np.minimum(signal, self.most, out=signal)
        measured(signal, c.coefficients, out=signal)
        if not c.biased:
            signal += c.bias
        return signal


def _digitized(signal):
    np.rint(signal, out=signal)
    np.clip(signal, 0, TOP, out=signal)
    return signal.astype("u2")
