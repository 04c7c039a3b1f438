"""Find the level of the sky in exposures that overlap, so that it is the same in all of them."""

import math
from typing import Annotated

import numpy as np

from jwpipe.cext import sky as kernel
from jwpipe.engine.params import AtLeast, Flags, Help, OneOf, StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import Skip, step
from jwpipe.errors import InputError
from jwpipe.products.dq import bad_bits
from jwpipe.products.exposures import Exposures
from jwpipe.products.images import Image
from jwpipe.sky.level import STATISTICS, Statistics
from jwpipe.sky.matching import differences
from jwpipe.sky.outlines import Outline, fill, shared

__all__ = ["skymatch"]


class Params(StepParams):
    """Parameters of `skymatch`."""

    skymethod: Annotated[
        str,
        Help("local: each sky by itself; global: the lowest for all; match: what makes them equal; global+match: both"),
        OneOf("local", "global", "match", "global+match"),
    ] = "match"
    match_down: Annotated[bool, Help("match to the lowest sky; otherwise to the highest")] = True
    subtract: Annotated[bool, Help("subtract the level; otherwise it is only written down (BKGLEVEL)")] = False
    stepsize: Annotated[
        int | None, Help("largest distance of points along an outline, pixels; None: corners alone"), AtLeast(1)
    ] = None
    skystat: Annotated[str, Help("statistic of the sky's pixels that is its level"), OneOf(*STATISTICS)] = "mode"
    dqbits: Annotated[
        str | None, Help("flags of pixels that count; with ~ in front, of those that do not"), Flags()
    ] = "~DO_NOT_USE+NON_SCIENCE"
    lower: Annotated[float | None, Help("values that count at least")] = None
    upper: Annotated[float | None, Help("values that count at most")] = None
    nclip: Annotated[int, Help("how often to clip"), AtLeast(0)] = 5
    lsigma: Annotated[float, Help("standard deviations below the mean up to which values stay"), AtLeast(1e-3)] = 4.0
    usigma: Annotated[float, Help("standard deviations above the mean up to which values stay"), AtLeast(1e-3)] = 4.0
    binwidth: Annotated[
        float, Help("width of the histogram's bins for mode and midpt, standard deviations"), AtLeast(1e-3)
    ] = 0.1


@step("skymatch", status="S_SKYMAT", peer="jwst.skymatch.skymatch_step.SkyMatchStep", params=Params)
def skymatch(product: Exposures | Image, refs: References, par: Params, run: Run) -> Exposures | Image:
    """Find the level of the sky in exposures that overlap.

    Exposures that were taken at the same time, with several detectors, have one level. Where skies are matched, each
    pair says by how much its levels differ where it overlaps, and all of these are solved for together.

    Parameters
    ----------
    product : Exposures or Image
        Calibrated exposures with coordinates; BKGLEVEL, BKGSUB and BKGMETH are set, SCI is changed if the level is to
        be subtracted.
    refs : References
        None.
    par : Params
        Parameters.
    run : Run
        Threads, log.

    Returns
    -------
    Exposures or Image
        The same. Exposures whose sky is not to be told (they overlap no other) are named in a warning; their status is
        SKIPPED.
    """
    exposures = product if isinstance(product, Exposures) else Exposures.alone(product, run.folder)
    sky = Sky(exposures, par, run)
    if "match" in par.skymethod:
        heights, sets = differences(*sky.where_shared())
        if sets > 1:
            run.log.warning("exposures overlap in %d places apart: skies are matched in each by itself", sets)
        known = np.isfinite(heights)
        if known.any():
            heights -= heights[known].min() if par.match_down else heights[known].max()
        sky.raise_by(heights, known)
    if par.skymethod != "match":
        heights = sky.whole()
        known = np.isfinite(heights)
        if "global" in par.skymethod and known.any():
            heights[:] = heights[known].min()
            known[:] = True
        sky.raise_by(heights, known)
    for name, known in zip(exposures.groups(), sky.known, strict=True):
        if not known:
            run.log.warning("the level of the sky of %s is not to be told", name)
    if not sky.known.any():
        raise Skip("no exposure's sky is to be told")
    sky.write_down()
    return product


class Sky:
    """Levels of the sky of exposures, as far as they are known; of exposures, one is in memory at any time.

    Attributes
    ----------
    groups : list of list of int
        Places of exposures that have one level.
    levels : ndarray, (n,)
        Level of each exposure.
    known : ndarray of bool
        Whether that of a group is known.
    """

    def __init__(self, exposures, par, run):
        self.exposures, self.par, self.run = exposures, par, run
        self.groups = list(exposures.groups().values())
        self.bad = bad_bits(par.dqbits)
        self.statistics = Statistics(
            par.skystat, par.lower, par.upper, par.nclip, par.lsigma, par.usigma, par.binwidth, run.threads
        )
        self.known = np.zeros(len(self.groups), bool)
        self.levels = np.array([subtracted(image, par.subtract) for image in exposures])
        size = math.prod(exposures.shape)
        self.room, self.values = np.empty(size, "f4"), np.empty(size + 1, "f4")  # fresh memory costs time, these go on
        self.outlines = [outline(image, par.stepsize) for image in exposures]

    def clean(self, image):
        """Values of an image, NaN where there is none that shows the sky."""
        ny, nx = image.shape
        clean = self.room[: ny * nx].reshape(ny, nx)
        kernel.clean(image.data, image.dq, self.bad, clean, self.run.threads)
        return clean

    def level(self, image, clean, parts=None):
        """Level of an image, above what is known of it already, where it is shared, and the number of pixels."""
        inside = np.full(image.shape, parts is None, "u1")
        for part in parts or ():
            fill(*image.wcs.invert(*part), inside)
        return self.statistics.level(self.values[: kernel.gather(clean, inside, self.values, self.run.threads)])

    def where_shared(self):
        """Levels of each group where it overlaps another, and numbers of pixels; see `differences`."""
        count = len(self.groups)
        levels, pixels = np.zeros((2, count, count))
        group_of = {i: g for g, group in enumerate(self.groups) for i in group}
        for i, image in enumerate(self.exposures.visit()):
            clean = self.clean(image)
            for g, group in enumerate(self.groups):
                parts = [part for k in group if g != group_of[i] for part in shared(self.outlines[i], self.outlines[k])]
                if not parts:
                    continue
                level, number = self.level(image, clean, parts)
                if number:
                    levels[group_of[i], g] += number * (level - self.offset(i))
                    pixels[group_of[i], g] += number
        return np.divide(levels, pixels, out=levels, where=pixels > 0), pixels

    def whole(self):
        """Levels of each group, that of its lowest exposure; NaN where there is none."""
        levels = np.full(len(self.exposures), np.nan)
        for i, image in enumerate(self.exposures.visit()):
            level, number = self.level(image, self.clean(image))
            if number:
                levels[i] = level - self.offset(i)
        return np.array([np.fmin.reduce(levels[group]) for group in self.groups])

    def offset(self, i):
        """What is known of an exposure's level and still in its pixels."""
        return 0.0 if self.par.subtract else self.levels[i]

    def raise_by(self, heights, known):
        """Add to the levels of groups."""
        self.known |= known
        for group, height in zip(self.groups, np.where(known, heights, 0), strict=True):
            self.levels[group] += height
            for i in group if self.par.subtract and height else ():
                image = self.exposures[i]
                image.data -= np.float32(height)
                image.touch("data")
                self.exposures.release(i)

    def write_down(self):
        """Write the keywords of all exposures."""
        for group, known in zip(self.groups, self.known, strict=True):
            for i in group:
                image = self.exposures[i]
                if not known:
                    self.exposures.skipped.add(i)
                    continue
                image["BKGMETH"], image["BKGLEVEL"] = self.par.skymethod, float(self.levels[i])
                image["BKGSUB"] = self.par.subtract


def outline(image, step):
    """Outline of an exposure on the sky."""
    if image.wcs is None:
        raise InputError(f"{image.path} has no coordinates", "run assign_wcs on it first")
    made = Outline(image.wcs, image.shape, step)
    if not np.isfinite(made.points).all():
        raise InputError(f"{image.path} has coordinates that are none: its corners are nowhere on the sky")
    return made


def subtracted(image, subtract):
    """Level that has been subtracted from an exposure already."""
    done, level = image.get("BKGSUB"), image.get("BKGLEVEL")
    if (done is None) != (level is None):
        raise InputError(f"{image.path} has one of BKGLEVEL and BKGSUB without the other")
    if done is not None and bool(done) != subtract:
        raise InputError(
            f"{image.path} has BKGSUB = {'T' if done else 'F'}, and subtract is {str(subtract).lower()}",
            "match the skies of exposures as they were before, or set subtract as then",
        )
    return float(level) if subtract and level is not None else 0.0
