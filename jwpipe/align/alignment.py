"""Groups of exposures, moved one after another onto a growing or a given list of stars.

1.14.1 has this from `tweakwcs`, which brings packages for spherical polygons and IRAF's tasks along that nothing else
here needs. What it does with them is small, and is written here: stars are matched and fitted in the tangent plane of
the first exposure of a group, and the map found is carried to the planes of all of the group.
"""

from dataclasses import dataclass

import numpy as np

from jwpipe.align.fitting import fit
from jwpipe.align.matching import match
from jwpipe.align.overlap import area, common, hull

__all__ = ["Exposure", "Group", "Outcome", "Settings", "TooFewGroups", "align", "align_to"]


class TooFewGroups(Exception):  # noqa: N818 - there is nothing to align; the step decides what follows
    """Fewer groups have stars than it takes."""


@dataclass(frozen=True)
class Settings:
    """How groups are aligned.

    Attributes
    ----------
    matching : jwpipe.align.matching.Matching
        Distances of matching.
    minobj : int
        Matches that a fit takes at least.
    geometry : str
        What is fitted; see `jwpipe.align.fitting.fit`.
    clippings : int
        How often outliers are left out at most.
    sigma : float
        What an outlier is, in units of the root mean square.
    """

    matching: object
    minobj: int
    geometry: str
    clippings: int
    sigma: float


@dataclass
class Outcome:
    """What became of a group.

    Attributes
    ----------
    status : {'reference', 'aligned', 'failed'}
        Whether the others were aligned to it, it to them, or neither.
    matches : int
        Stars that were matched.
    rmse : float
        Root mean square distance of the stars that were fitted, arcsec.
    reason : str
        Why it failed.
    """

    status: str
    matches: int = 0
    rmse: float = float("nan")
    reason: str = ""


class Exposure:
    """An exposure of one detector: its plane and its stars.

    Parameters
    ----------
    name : str
        For messages.
    plane : Plane
        Where it lies.
    sources : Sources
        Its stars.
    """

    def __init__(self, name, plane, sources):
        self.name, self.plane, self.sources = name, plane, sources
        self.places = plane.place(sources.x, sources.y)

    def sky(self):
        """Right ascension and declination of the stars, degrees."""
        return self.plane.sky_of(self.places)


@dataclass
class Group:
    """Exposures that keep their places relative to each other.

    Attributes
    ----------
    exposures : list of Exposure
        Its exposures.
    outcome : Outcome or None
        What became of it.
    """

    exposures: list
    outcome: Outcome | None = None

    def __len__(self):
        return sum(len(exposure.sources) for exposure in self.exposures)

    @property
    def name(self):
        """Names of its exposures."""
        return ", ".join(exposure.name for exposure in self.exposures)

    def stars(self):
        """All its stars, as they lie now."""
        return Stars.of([Stars(*exposure.sky(), exposure.sources.weight) for exposure in self.exposures])

    def correct(self, matrix, shift, plane):
        """Move its exposures; see `Plane.correct`."""
        for exposure in self.exposures:
            exposure.plane.correct(matrix, shift, plane)


@dataclass
class Stars:
    """Stars on the sky: right ascension and declination, degrees, and weights where they have any."""

    ra: np.ndarray
    dec: np.ndarray
    weight: np.ndarray | None = None

    def __len__(self):
        return len(self.ra)

    def __getitem__(self, which):
        return Stars(self.ra[which], self.dec[which], None if self.weight is None else self.weight[which])

    @classmethod
    def of(cls, parts):
        """Put lists of stars together; stars without a weight among others have 1."""
        weights = None
        if any(part.weight is not None for part in parts):
            weights = np.concatenate([np.ones(len(part)) if part.weight is None else part.weight for part in parts])
        return cls(np.concatenate([part.ra for part in parts]), np.concatenate([part.dec for part in parts]), weights)


def align(groups, settings, ordered=True, growing=False):
    """Align groups to the first of them, or to the one that most of the others overlap with.

    Parameters
    ----------
    groups : sequence of Group
        The groups; their exposures' planes are corrected, and their outcomes set.
    settings : Settings
        How.
    ordered : bool, optional
        Whether they are taken in their order; else, where stars are added, by how much they overlap.
    growing : bool, optional
        Whether stars of a group that have no match are added for those that follow.

    Raises
    ------
    TooFewGroups
        Fewer than two have stars.
    jwpipe.align.matching.Confusion
        Stars cannot be told apart.
    """
    waiting = []
    for group in groups:
        if len(group):
            waiting.append(group)
        else:
            group.outcome = Outcome("failed", reason="no stars")
    if len(waiting) < 2:
        raise TooFewGroups("fewer than two groups of exposures have stars")
    ordered = ordered or not growing
    flat = waiting[0].exposures[0].plane.copy()
    if not ordered and len(waiting) > 2:
        waiting = _by_overlap(waiting, flat)
    first = waiting.pop(0)
    first.outcome = Outcome("reference")
    reference, begun = first.stars(), False
    while waiting:
        if ordered or not begun:
            group = waiting.pop(0)
            shared = None if begun else _shared(first, group, flat)
        else:
            whole = hull(flat.from_sky(reference.ra, reference.dec))
            shares = [sum(area(common(one, whole)) for one in _hulls(group, flat)) for group in waiting]
            place = int(np.argmax(shares))
            group, shared = waiting.pop(place), shares[place]
        begun = True
        used = align_to(group, reference, settings)
        # As in 1.14.1, where there is no overlap to be sure of a mistake by, what could not be aligned is added too.
        if growing and (group.outcome.status == "aligned" or not shared):
            new = np.ones(len(group), bool)
            new[used] = False
            reference = Stars.of([reference, group.stars()[new]])


def _hulls(group, flat):
    found = [hull(flat.from_sky(*exposure.sky())) for exposure in group.exposures]
    return [one for one in found if len(one) > 2]


def _shared(group, other, flat):
    """Area that two groups have in common."""
    return sum(area(common(one, another)) for one in _hulls(group, flat) for another in _hulls(other, flat))


def _by_overlap(groups, flat):
    """Groups with the two first that overlap most, of these the one first that overlaps more with all others."""
    shared = np.zeros((len(groups), len(groups)))
    for i in range(len(groups)):
        for j in range(i):
            shared[i, j] = shared[j, i] = _shared(groups[i], groups[j], flat)
    if not shared.any():
        return groups
    i, j = np.unravel_index(np.argmax(shared), shared.shape)
    if shared[i].sum() < shared[j].sum():
        i, j = j, i
    return [groups[i], groups[j], *(group for k, group in enumerate(groups) if k not in (i, j))]


def align_to(group, reference, settings):
    """Align a group to stars.

    Parameters
    ----------
    group : Group
        The group: its exposures' planes are corrected, and its outcome set.
    reference : Stars
        Where stars are.
    settings : Settings
        How.

    Returns
    -------
    ndarray of int
        Indices of its stars that were matched.

    Raises
    ------
    jwpipe.align.matching.Confusion
        Stars cannot be told apart.
    """
    plane = group.exposures[0].plane.copy()
    stars = group.stars()
    there, here = (plane.from_sky(one.ra, one.dec) for one in (reference, stars))
    in_reference, in_stars = match(there, here, settings.matching, plane.scale)
    count = len(in_stars)
    if count < settings.minobj:
        group.outcome = Outcome("failed", count, reason=f"{count} matches, {settings.minobj} are needed")
        return in_stars
    weights = _weights(reference[in_reference].weight, stars[in_stars].weight)
    try:
        found = fit(there[in_reference], here[in_stars], settings.geometry, settings.clippings, settings.sigma, weights)
    except ValueError as why:
        group.outcome = Outcome("failed", count, reason=str(why))
        return in_stars
    group.correct(found.matrix, found.shift, plane)
    group.outcome = Outcome("aligned", count, found.rmse)
    return in_stars


def _weights(one, other):
    """Weights of pairs: variances, their inverse, are added."""
    if one is None or other is None:
        return other if one is None else one
    both = (one > 0) & (other > 0)
    return np.where(both, one * other / np.where(both, one + other, 1), 0)
