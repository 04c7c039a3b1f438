"""Sources that share a segment, taken apart.

A segment is cut at levels between its faintest and its brightest pixel. Where a piece falls apart at the next level,
its parts become markers in its place, and the segment is flooded from the markers. The faintest part goes to the others
as long as it has less than a share of the flux.

Source: Bertin & Arnouts 1996, A&AS 117, 393, section 4; the markers and their flooding are those of
`photutils.segmentation.deblend_sources`.
"""

import numpy as np

from jwpipe.catalog.segmentation import connected, renumber
from jwpipe.cext import watershed

__all__ = ["deblend"]

LEVELS = 32
CONTRAST = 0.001  # share of a segment's flux that a source of its own has
BEND = 0.25  # of levels that are spaced by a hyperbolic sine
MARKERS = 200  # of which more are a sign that levels spaced by factors are too many for the faint pixels


def deblend(image, labels, boxes, npixels, *, levels=LEVELS, contrast=CONTRAST, spacing="exponential", touching=8):
    """Take sources apart that share a segment.

    Parameters
    ----------
    image : ndarray of float32, (ny, nx)
        Smoothed values, in which the segments were found.
    labels, boxes : ndarray
        As `jwpipe.catalog.segmentation.detect` gives them.
    npixels : int
        Pixels that a source has at least.
    levels : int, optional
        Levels at which a segment is cut.
    contrast : float, optional
        Share of a segment's flux that a source of its own has.
    spacing : {'exponential', 'linear', 'sinh'}, optional
        How the levels lie between the faintest and the brightest pixel: by factors, where all are above 0; in steps; or
        in between.
    touching : {8, 4}, optional
        Neighbours that a pixel has: with those at its corners or without.

    Returns
    -------
    labels, boxes : ndarray
        The same of the sources: those in one piece come first, in their order.
    """
    labels, last = labels.copy(), len(boxes)
    for i, (y0, y1, x0, x1) in enumerate(boxes.tolist()):
        window = labels[y0:y1, x0:x1]
        inside = window == i + 1
        if np.count_nonzero(inside) >= 2 * npixels:
            values = np.ascontiguousarray(image[y0:y1, x0:x1])
            parts = _parts(values, inside, npixels, levels, contrast, spacing, touching)
            if parts is not None:
                window[inside] = parts[inside] + last
                last += parts.max()
    return renumber(labels, np.isin(np.arange(last + 1), labels) & (np.arange(last + 1) > 0))


def _parts(image, inside, npixels, levels, contrast, spacing, touching):
    """Labels of the parts of a segment, from 1; None where it is one source."""
    values = image[inside]
    if values.min() == values.max():
        return None
    if spacing == "exponential" and values.min() <= 0:
        spacing = "linear"
    markers = _markers(image, inside, npixels, _levels(values, levels, spacing), touching)
    if markers is not None and spacing != "linear" and len(_labels_in(markers)) > MARKERS:
        markers = _markers(image, inside, npixels, _levels(values, levels, "linear"), touching)
    if markers is None:
        return None
    total = values.sum(dtype="f8")
    while True:
        watershed.flood(image, inside.view("u1"), markers, touching)
        found = _labels_in(markers)
        share = np.bincount(markers[inside], image[inside], markers.max() + 1)[found] / total
        if len(found) == 1:
            return None
        if not (share < contrast).any():
            break
        markers[markers == found[np.argmin(share)]] = 0
    new = np.zeros(found[-1] + 1, "i4")
    new[found] = np.arange(1, len(found) + 1)
    return new[markers]


def _levels(values, count, spacing):
    low, high = values.min(), values.max()
    steps = np.linspace(low, high, count + 2)
    if spacing != "linear":
        share = (steps - low) / (high - low)
        steps = low * (high / low) ** share if spacing == "exponential" else low + (high - low) * _bent(share)
    return steps[1:-1]


def _bent(share):
    return np.sinh(share / BEND) / np.sinh(1 / BEND)


def _markers(image, inside, npixels, levels, touching):
    """Where floods begin: the pieces of the segment before they vanish or fall apart; None where it never does."""
    markers = None
    for level in levels:
        above = (image > level) & inside
        if np.count_nonzero(above) < 2 * npixels:
            break  # too few for two pieces, here and higher up
        above = _pieces(above, npixels, touching)
        if above is None:
            continue
        if markers is None:
            markers = above
            continue
        pairs = np.unique(np.stack([markers[above > 0], above[above > 0]]), axis=1)
        parents, children = np.unique(pairs[0], return_counts=True)
        split = np.isin(markers, parents[(children >= 2) & (parents > 0)])
        if split.any():
            markers, _ = connected(np.where(split, above > 0, markers > 0), touching)
    return markers


def _pieces(above, npixels, touching):
    """Labels of connected pixels, where there are at least two pieces that are large enough."""
    labels, count = connected(above, touching)
    if count < 2:
        return None
    large = np.bincount(labels.ravel()) >= npixels
    large[0] = False
    return np.where(large[labels], labels, 0).astype("i4") if large.sum() > 1 else None


def _labels_in(markers):
    labels = np.unique(markers)
    return labels[labels > 0]
