"""Cosmic rays, snowballs and showers: where, when, and how much charge."""

from dataclasses import dataclass

import numpy as np

__all__ = ["HIT", "SHOWER", "SNOWBALL", "Events", "draw_events"]

HIT = np.dtype(
    [
        ("EVENT", "i4"),
        ("INTEGRATION", "i4"),
        ("GROUP", "i4"),
        ("FRAME", "i4"),
        ("Y", "i4"),
        ("X", "i4"),
        ("CHARGE", "f4"),
        ("FRACTION", "f4"),
    ]
)
SNOWBALL = np.dtype(
    [
        ("INTEGRATION", "i4"),
        ("GROUP", "i4"),
        ("FRAME", "i4"),
        ("Y", "f8"),
        ("X", "f8"),
        ("CORE", "f8"),
        ("SCALE", "f8"),
        ("HALO", "f8"),
    ]
)

SHOWER = np.dtype(
    [
        ("INTEGRATION", "i4"),
        ("GROUP", "i4"),
        ("FRAME", "i4"),
        ("Y", "f8"),
        ("X", "f8"),
        ("RADIUS", "f8"),
        ("HALO", "f8"),
        ("PEAK", "f8"),
    ]
)

TYPICAL, WIDTH = 1000.0, 1.0  # charge of a hit: median, e-, and width of its logarithm
TRACK, LONGEST = 1.0, 8  # length of a track, pixels: mean and limit
CORE_CHARGE, HALO_CHARGE, HALO_END = 2e6, 3e4, 100.0  # e-: in the core, at its edge, and where the halo ends
CORES = 3.0, 10.0  # radii of cores, pixels
SHOWERS, SHOWER_PEAK, SHOWER_END = (8.0, 25.0), (200.0, 800.0), 10.0  # radii, pixels, and charge, e-


@dataclass(frozen=True)
class Events:
    """What hits the detector in an exposure; all indices start at 0.

    Attributes
    ----------
    hits : ndarray of HIT
        Pixels hit by cosmic rays, in order of time. EVENT numbers the particles. FRAME is the frame of the integration
        that sees the hit first, GROUP the group that does, FRACTION the part of the charge that this group sees: less
        than 1 where the hit comes between the frames that are averaged. CHARGE in e-.
    snowballs : ndarray of SNOWBALL
        Y, X: centre. CORE: radius of the saturated core, SCALE: length over which the halo falls to 1/e, HALO: radius
        at which 100 e- are left; pixels.
    showers : ndarray of SHOWER
        Charge that falls off as a Gaussian of this RADIUS from PEAK, e-; HALO: radius at which 10 e- are left.
    """

    hits: np.ndarray
    snowballs: np.ndarray
    showers: np.ndarray

    def add(self, charge, i, after, until, active):
        """Add to the charge of an integration what comes in some frames.

        Parameters
        ----------
        charge : ndarray of float32, (ny, nx)
            e-, changed in place.
        i : int
            The integration.
        after, until : int
            Frames: those after the first, up to and with the second.
        active : ndarray of bool, (ny, nx)
            Pixels that take charge.
        """
        new = self.hits[_within(self.hits, i, after, until)]
        np.add.at(charge, (new["Y"], new["X"]), new["CHARGE"])
        for ball in self.snowballs[_within(self.snowballs, i, after, until)]:
            place, distance = footprint(ball, charge.shape)
            halo = HALO_CHARGE * np.exp(-(distance - ball["CORE"]) / ball["SCALE"])
            shed = np.where(distance <= ball["CORE"], CORE_CHARGE, halo) * (distance <= ball["HALO"])
            charge[place] += shed * active[place]
        for shower in self.showers[_within(self.showers, i, after, until)]:
            place, distance = footprint(shower, charge.shape)
            shed = shower["PEAK"] * np.exp(-0.5 * (distance / shower["RADIUS"]) ** 2)
            charge[place] += shed * (distance <= shower["HALO"]) * active[place]


def footprint(ball, shape):
    """Rows and columns about a snowball, and the distance of their pixels from its centre."""
    place = tuple(
        slice(max(0, int(centre - ball["HALO"])), min(size, int(centre + ball["HALO"]) + 2))
        for centre, size in zip((ball["Y"], ball["X"]), shape, strict=True)
    )
    y, x = np.ogrid[place]
    return place, np.hypot(y - ball["Y"], x - ball["X"])


def _within(events, i, after, until):
    return (events["INTEGRATION"] == i) & (events["FRAME"] > after) & (events["FRAME"] <= until)


def draw_events(exposure, options, active, streams):
    """Draw the cosmic rays, snowballs and showers of an exposure.

    Parameters
    ----------
    exposure : Exposure
        What is exposed, and how long.
    options : Options
        How many, and of what charge.
    active : ndarray of bool, (ny, nx)
        Pixels that take charge.
    streams : Streams
        Random numbers.

    Returns
    -------
    Events
    """
    hits = [_cosmic_rays(exposure, options, i, active, streams("cosmic rays", i)) for i in range(exposure.nints)]
    hits = np.concatenate(hits)
    _, hits["EVENT"] = np.unique(hits[["INTEGRATION", "EVENT"]], return_inverse=True)
    return Events(
        hits,
        _snowballs(exposure, options.snowballs, streams("snowballs")),
        _showers(exposure, options.showers, streams("showers")),
    )


def _cosmic_rays(exposure, options, i, active, stream):
    ny, nx = active.shape
    exposed = exposure.instrument.pixel_area * ny * nx * exposure.integration_time
    count = stream.poisson(options.cosmic_ray_rate * exposed)
    y, x = stream.uniform(-0.5, ny - 0.5, count), stream.uniform(-0.5, nx - 0.5, count)
    frame = stream.integers(0, exposure.frames, count)
    charge = np.clip(stream.lognormal(np.log(TYPICAL), WIDTH, count), *options.cosmic_ray_charge)
    angle = stream.uniform(0, 2 * np.pi, count)
    length = np.minimum(stream.exponential(TRACK, count), LONGEST)
    along = np.arange(LONGEST + 1)[None, :]
    event, step = np.nonzero(along <= length[:, None])
    hits = np.zeros(event.size, HIT)
    hits["EVENT"], hits["INTEGRATION"], hits["FRAME"] = event, i, frame[event]
    hits["Y"] = np.rint(y[event] + step * np.sin(angle[event]))
    hits["X"] = np.rint(x[event] + step * np.cos(angle[event]))
    hits["CHARGE"] = charge[event] * stream.uniform(0.7, 1.0, event.size)
    hits["GROUP"], hits["FRACTION"] = first_group(exposure, hits["FRAME"])
    inside = (hits["Y"] >= 0) & (hits["Y"] < ny) & (hits["X"] >= 0) & (hits["X"] < nx)
    hits = hits[inside]
    hits = hits[active[hits["Y"], hits["X"]]]
    # Where a track crosses a pixel's corner, two of its steps fall on one pixel.
    return np.sort(_merged(hits), order=["FRAME", "EVENT", "Y", "X"])


def _merged(hits):
    _, first, inverse = np.unique(hits[["EVENT", "Y", "X"]], return_index=True, return_inverse=True)
    merged = hits[first]
    merged["CHARGE"] = np.bincount(inverse, hits["CHARGE"], first.size)
    return merged


def first_group(exposure, frame):
    """Find the group that sees first what comes in a frame, and the part of it that this group sees."""
    group, position = np.divmod(frame, exposure.frames_a_group)
    seen = exposure.pattern.nframes - position
    return np.where(seen > 0, group, group + 1), np.where(seen > 0, seen / exposure.pattern.nframes, 1.0)


def _snowballs(exposure, count, stream):
    balls = _scattered(exposure, np.zeros(count, SNOWBALL), stream)
    balls["CORE"] = stream.uniform(*CORES, count)
    balls["SCALE"] = 0.5 + 0.3 * balls["CORE"]
    balls["HALO"] = balls["CORE"] + balls["SCALE"] * np.log(HALO_CHARGE / HALO_END)
    return balls


def _showers(exposure, count, stream):
    showers = _scattered(exposure, np.zeros(count, SHOWER), stream)
    showers["RADIUS"] = stream.uniform(*SHOWERS, count)
    showers["PEAK"] = stream.uniform(*SHOWER_PEAK, count)
    showers["HALO"] = showers["RADIUS"] * np.sqrt(2 * np.log(showers["PEAK"] / SHOWER_END))
    return showers


def _scattered(exposure, events, stream):
    """Give wide events a time and a place."""
    (ny, nx), count = exposure.window.shape, events.size
    events["INTEGRATION"] = stream.integers(0, exposure.nints, count)
    events["FRAME"] = stream.integers(min(1, exposure.frames - 1), exposure.frames, count)
    events["GROUP"] = first_group(exposure, events["FRAME"])[0]
    events["Y"], events["X"] = stream.uniform(0, ny - 1, count), stream.uniform(0, nx - 1, count)
    return events
