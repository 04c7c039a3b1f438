"""How well a calibration recovers what a simulation put in: slopes, their uncertainties, cosmic rays."""

from dataclasses import dataclass

import numpy as np

from jwpipe.products.dq import Group, Pixel
from jwpipe.products.fitsfile import FitsFile

__all__ = ["Recovery", "recover"]

DETECTABLE = 8.0  # sigma of a hit that must be found
APERTURE = 4  # pixels, radius in which a star's slopes are added up


@dataclass
class Recovery:
    """What was recovered.

    Attributes
    ----------
    sky_bias, star_bias : float
        Relative difference of found and true slopes: median over sky pixels, sums over unsaturated stars.
    stars : int
        Stars that entered.
    pull_mean, pull_width : float
        Mean and width of (found - true) / ERR over pixels without events.
    hits, hits_found : int
        Cosmic-ray hits of at least 8 sigma in usable groups, and how many of them are flagged.
    clean, clean_flagged : int
        Groups untouched by any event, and how many of them are flagged.
    """

    sky_bias: float
    star_bias: float
    stars: int
    pull_mean: float
    pull_width: float
    hits: int
    hits_found: int
    clean: int
    clean_flagged: int

    def lines(self):
        """Give the summary as a user reads it."""
        yield f"slopes of the sky      {self.sky_bias:+.3%} from the truth"
        yield f"slopes of {self.stars:>4} stars   {self.star_bias:+.3%} from the truth"
        yield f"pulls                  mean {self.pull_mean:+.3f}, width {self.pull_width:.3f}"
        if self.hits:
            share = self.hits_found / self.hits
            yield f"cosmic rays            {self.hits_found} of {self.hits} above {DETECTABLE:g} sigma ({share:.1%})"
        yield f"clean groups flagged   {self.clean_flagged / max(self.clean, 1):.3%}"


def recover(truth, rate, ramp, gain, readnoise):
    """Compare a calibration with the truth of its simulation.

    Parameters
    ----------
    truth : path-like
        The simulation's truth file.
    rate : path-like
        Slopes, DN/s.
    ramp : path-like
        The ramp after jump detection.
    gain, readnoise : ndarray of float32, (ny, nx)
        As the references have them, e-/DN and DN (of the difference of two reads).

    Returns
    -------
    Recovery
    """
    true, fit, flags = FitsFile(truth), FitsFile(rate), FitsFile(ramp)
    slope, error, dq = fit["SCI"].read(), fit["ERR"].read(), fit["DQ"].read()
    expected, events = true["RATE"].read(), true["EVENTS"].read()
    groupdq = flags["GROUPDQ"].read()
    good = (dq & (Pixel.DO_NOT_USE | Pixel.SATURATED)) == 0
    good &= np.isfinite(slope) & (error > 0)
    untouched = good & ~_spread((events != 0).any(axis=(0, 1))) & ((dq & Pixel.JUMP_DET) == 0)
    sources = true["SOURCES"].table()
    near = _near(sources, expected.shape, 3 * APERTURE)
    sky = untouched & ~near
    pull = (slope - expected)[untouched] / error[untouched]
    pull = pull[np.abs(pull) < 8]  # hot pixels whose dark current the reference knows with an error of its own
    found, wanted, stars = _stars(sources, slope, expected, good, groupdq)
    step = _noise(true, flags, expected, gain, readnoise)
    hits, hits_found = _hits(true, groupdq, step, fit)
    touched = np.stack([[_spread(plane) for plane in integration] for integration in events != 0])
    usable = (groupdq & (Group.SATURATED | Group.DO_NOT_USE)) == 0
    clean = usable & ~touched
    clean[:, 0] = False  # no difference ends in the first group
    return Recovery(
        sky_bias=float(np.median(slope[sky]) / np.median(expected[sky]) - 1),
        star_bias=float(found / wanted - 1) if stars else 0.0,
        stars=stars,
        pull_mean=float(pull.mean()),
        pull_width=float(1.4826 * np.median(np.abs(pull - np.median(pull)))),
        hits=hits,
        hits_found=hits_found,
        clean=int(clean.sum()),
        clean_flagged=int((clean & ((groupdq & Group.JUMP_DET) != 0)).sum()),
    )


def _spread(plane):
    """Add the eight neighbours: the flags of a jump are spread to them by design."""
    padded = np.pad(plane, 1)
    ny, nx = plane.shape
    return np.logical_or.reduce([padded[y : y + ny, x : x + nx] for y in range(3) for x in range(3)])


def _near(sources, shape, radius):
    near = np.zeros(shape, bool)
    y, x = np.indices(shape, sparse=True)
    for source in sources:
        reach = radius if str(source["TYPE"]).strip() == "STAR" else 5 * source["RADIUS"]
        near |= (x - source["X"]) ** 2 + (y - source["Y"]) ** 2 < max(reach, radius) ** 2
    return near


def _stars(sources, slope, expected, good, groupdq):
    """Found and true flux in the apertures of stars that never saturate and have no bad pixel."""
    saturates = ((groupdq & Group.SATURATED) != 0).any(axis=(0, 1))
    y, x = np.indices(slope.shape, sparse=True)
    found = wanted = stars = 0
    for source in sources:
        inside = (x - source["X"]) ** 2 + (y - source["Y"]) ** 2 < APERTURE**2
        if (
            str(source["TYPE"]).strip() == "STAR"
            and inside.sum() > 40
            and good[inside].all()
            and not saturates[inside].any()
        ):
            found, wanted, stars = found + slope[inside].sum(), wanted + expected[inside].sum(), stars + 1
    return found, wanted, stars


def _noise(true, flags, expected, gain, readnoise):
    """Standard deviation of the difference of two groups, e-: photons and dark current of a group, two reads."""
    header = flags.primary
    rate = expected * gain + true["DARK"].read()
    return np.sqrt(np.maximum(rate, 0) * header["TGROUP"] + (readnoise * gain) ** 2 / header["NFRAMES"])


def _hits(true, groupdq, noise, fit):
    hits = true["COSMIC_RAYS"].table()
    bad = (fit["DQ"].read() & Pixel.DO_NOT_USE) != 0
    unusable = Group.SATURATED | Group.DO_NOT_USE
    total = found = 0
    for hit in hits:
        i, g, y, x = (int(hit[name]) for name in ("INTEGRATION", "GROUP", "Y", "X"))
        strong = hit["CHARGE"] * hit["FRACTION"] > DETECTABLE * noise[y, x]
        if g and strong and not bad[y, x] and not (groupdq[i, g - 1 : g + 1, y, x] & unusable).any():
            total += 1
            found += bool(groupdq[i, g, y, x] & Group.JUMP_DET)
    return total, found
