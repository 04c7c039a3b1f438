"""From light to counts: everything that happens between the sky and the raw exposure."""

import numpy as np

from jwpipe.simulate.detector import expose
from jwpipe.simulate.electronics import make_electronics
from jwpipe.simulate.events import draw_events
from jwpipe.simulate.irs2 import Irs2Electronics

__all__ = ["common_noise", "readout"]


def readout(exposure, mode, options, light, calibration, streams):
    """Read the detector out.

    Parameters
    ----------
    exposure : Exposure
        What is done.
    mode, options : Mode, Options
        How.
    light : ndarray of float32, (ny, nx)
        e-/s that the light sets free.
    calibration : Calibration
        Of the window.
    streams : Streams
        Random numbers of the exposure.

    Returns
    -------
    raw : dict of str to ndarray of uint16
        See `jwpipe.simulate.detector.expose`.
    events : Events
        What hit the detector.
    """
    events = draw_events(exposure, options, calibration.active, streams)
    if calibration.interleaving:
        electronics = Irs2Electronics(calibration.interleaving, mode.properties)
    else:
        electronics = make_electronics(exposure, mode.properties, streams("interference"))
    return expose(exposure, light, calibration, events, electronics, mode.properties, streams), events


def common_noise(properties):
    """Noise that correction by reference pixels leaves: it takes the slow part away, and puts as much of its own in."""
    return np.hypot(properties.pink, properties.pink_rows)
