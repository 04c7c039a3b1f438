"""Writing what the simulation makes: the raw exposure and the truth."""

import numpy as np

from jwpipe.products.fitsfile import ImageBlock, RawBlock, image_header, write_fits
from jwpipe.products.tree import empty_tree, tree_block
from jwpipe.simulate import headers
from jwpipe.simulate.events import CORE_CHARGE, footprint

__all__ = [
    "CORE",
    "COSMIC_RAY",
    "HALO",
    "NEIGHBOUR",
    "SHOWER",
    "event_mask",
    "image",
    "primary",
    "table",
    "truth_cards",
    "write_truth",
    "write_uncal",
]

COSMIC_RAY, CORE, HALO, NEIGHBOUR, SHOWER = 1, 2, 4, 8, 16  # bits of the EVENTS extension
BITS = {"COSMICRY": COSMIC_RAY, "CORE": CORE, "HALO": HALO, "NEIGHBOR": NEIGHBOUR, "SHOWER": SHOWER}


def image(name, array, cards=()):
    """Make an image extension.

    Parameters
    ----------
    name : str
        EXTNAME.
    array : ndarray
        Pixels.
    cards : iterable of tuple, optional
        Keyword, value, comment.

    Returns
    -------
    ImageBlock
    """
    header = image_header(name, array.dtype, array.shape)
    header.extend(cards)
    return ImageBlock(header, array)


def primary(cards):
    """Make a primary HDU of keywords alone."""
    header = image_header(None, None, ())
    header.extend(cards)
    return ImageBlock(header)


def table(name, rows):
    """Make a binary table of a structured array."""
    from astropy.io import fits

    return RawBlock.from_table(fits.BinTableHDU(rows, name=name))


def write_uncal(path, exposure, mode, raw):
    """Write a raw exposure.

    Parameters
    ----------
    path : path-like
        Target.
    exposure : Exposure
        What was done.
    mode : Mode
        In which mode.
    raw : dict of str to ndarray of uint16
        Image extensions, DN, see `jwpipe.simulate.detector.expose`.
    """
    blocks = [primary(headers.primary_cards(exposure, mode))]
    cards = {"SCI": headers.science_cards(exposure)}
    blocks += [image(name, array, cards.get(name, ())) for name, array in raw.items()]
    if not exposure.guide:
        blocks.append(table("GROUP", headers.group_table(exposure)))
        blocks.append(table("INT_TIMES", headers.int_times_table(exposure)))
    elif exposure.exp_type == "FGS_TRACK":
        blocks.append(table("Track subarray table", headers.track_table(exposure)))
    blocks.append(tree_block(*empty_tree(), {"model_type": "Level1bModel", "filename": path.name}))
    write_fits(path, blocks)


def event_mask(exposure, events):
    """Mark the groups in which something hits.

    Parameters
    ----------
    exposure : Exposure
        For the shape.
    events : Events
        What hits.

    Returns
    -------
    ndarray of uint8, (nints, ngroups, ny, nx)
        `COSMIC_RAY`, `NEIGHBOUR` for the four pixels about it (they see some of it through the inter-pixel
        capacitance), `CORE` and `HALO` of snowballs, `SHOWER`, in the first group that sees any of it. Where that is
        not the whole charge, because frames are averaged, in the next group too.
    """
    mask = np.zeros(exposure.shape, "u1")
    for late in (0, 1):
        hits = events.hits
        if late:
            hits = hits[(hits["FRACTION"] < 1) & (hits["GROUP"] + 1 < exposure.ngroups)]
        i, group, y, x = hits["INTEGRATION"], hits["GROUP"] + late, hits["Y"], hits["X"]
        mask[i, group, y, x] |= COSMIC_RAY
        for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            near = y + dy, x + dx
            inside = (near[0] >= 0) & (near[0] < mask.shape[2]) & (near[1] >= 0) & (near[1] < mask.shape[3])
            mask[i[inside], group[inside], near[0][inside], near[1][inside]] |= NEIGHBOUR
    for ball in events.snowballs:
        for plane, distance in _planes(mask, exposure, ball):
            plane[distance <= ball["CORE"]] |= CORE
            plane[(distance > ball["CORE"]) & (distance <= ball["HALO"])] |= HALO
    for shower in events.showers:
        for plane, distance in _planes(mask, exposure, shower):
            plane[distance <= shower["HALO"]] |= SHOWER
    return mask


def _planes(mask, exposure, event):
    """Parts of a mask that a wide event touches in the groups that see it new, and the distances from its middle."""
    place, distance = footprint(event, exposure.window.shape)
    for group in range(event["GROUP"], min(event["GROUP"] + 1 + (exposure.pattern.nframes > 1), exposure.ngroups)):
        yield mask[(event["INTEGRATION"], group, *place)], distance


def truth_cards(path, exposure, mode, options):
    """Keywords of any truth."""
    return [
        ("FILENAME", path.name, "Name of the file"),
        ("MODE", mode.name, "simulated mode"),
        ("SEED", options.seed, "seed of all random numbers"),
        ("CRRATE", options.cosmic_ray_rate, "[/cm^2/s] cosmic rays"),
        ("INSTRUME", exposure.instrument.name, "instrument"),
        ("DETECTOR", exposure.detector.name, "detector"),
        ("SUBARRAY", exposure.window.name, "subarray"),
        *headers.place_cards(exposure.window, exposure.detector),
        ("READPATT", exposure.readpatt, "readout pattern"),
    ]


def write_truth(path, exposure, mode, options, calibration, light, sources, events, cards=()):
    """Write what the simulation put in.

    Extensions: RATE, what a calibration that leaves the IPC step out should find, DN/s, without dark current: the light
    as seen through the inter-pixel capacitance, over the gain. LIGHT, e-/s, before that. DARK, e-/s, likewise. EVENTS,
    see `event_mask`. Tables COSMIC_RAYS, SNOWBALLS and SHOWERS (`jwpipe.simulate.events.Events`) and SOURCES
    (`jwpipe.simulate.scene.populate`), all indices from 0.

    Parameters
    ----------
    path : path-like
        Target.
    exposure : Exposure
        What was done.
    mode : Mode
        In which mode.
    options : Options
        Of the simulation; they become keywords.
    calibration : Calibration
        Of the window.
    light : ndarray of float32, (ny, nx)
        e-/s.
    sources : ndarray of SOURCE
        Stars and galaxies.
    events : Events
        What hit.
    cards : iterable of tuple, optional
        Further keywords.
    """
    rate = calibration.couple(light) / calibration.gain
    charge = ("CORECHRG", CORE_CHARGE, "[e-] charge in the core of a snowball")
    blocks = [
        primary([*truth_cards(path, exposure, mode, options), charge, *cards]),
        image("RATE", rate, [("BUNIT", "DN/s", "unit")]),
        image("LIGHT", light, [("BUNIT", "electron/s", "unit")]),
        image("DARK", calibration.dark, [("BUNIT", "electron/s", "unit")]),
        image("EVENTS", event_mask(exposure, events), [(name, bit, "its bit") for name, bit in BITS.items()]),
        table("COSMIC_RAYS", events.hits),
        table("SNOWBALLS", events.snowballs),
        table("SHOWERS", events.showers),
        table("SOURCES", sources),
    ]
    write_fits(path, blocks)
