"""Subtract the dark current, as it builds up from group to group."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from jwpipe.cext import planes as kernel
from jwpipe.engine.params import Help, StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import Skip, step
from jwpipe.errors import ReferenceError
from jwpipe.products.images import Dark, MIRIDark
from jwpipe.products.ramp import Ramp
from jwpipe.refs.derived import identity, kept_planes

__all__ = ["dark_current"]

COSTLY = 1 << 28  # bytes of dark to be read from which on their averages are kept on disk


class Params(StepParams):
    """Parameters of `dark_current`."""

    dark_output: Annotated[str | None, Help("save the dark as it was subtracted, under this name")] = None
    average_dark_current: Annotated[
        float | None, Help("dark current of the detector, e-/s, in place of the reference's, for the variances")
    ] = None


@dataclass(frozen=True)
class Pattern:
    """How frames make groups: frames averaged into a group, frames dropped between groups, groups."""

    nframes: int
    groupgap: int
    ngroups: int

    @property
    def frames(self):
        """Frames from the first to the last."""
        return self.ngroups * self.nframes + (self.ngroups - 1) * self.groupgap

    def matches(self, dark):
        """Whether the dark's groups are made like those of this pattern."""
        return (self.nframes, self.groupgap) == (dark.nframes, dark.groupgap)

    def planes(self, dark, group):
        """First and last + 1 of the dark's planes that make up a group of this pattern."""
        if self.matches(dark):
            return group, group + 1
        first = group * (self.nframes + self.groupgap)
        return first, first + self.nframes


@step(
    "dark_current",
    status="S_DARK",
    peer="jwst.dark_current.dark_current_step.DarkCurrentStep",
    references=["dark"],
    params=Params,
    by_integration=True,
)
def dark_current(ramp: Ramp, refs: References, par: Params, run: Run) -> Ramp:
    """Subtract the dark current, as it builds up from group to group.

    The dark is an exposure of its own, one plane a frame as a rule; its planes are averaged to the exposure's pattern
    of frames and groups. NaN counts as 0. A dark with an axis of integrations (MIRI) holds the first few: the last one
    stands for all later ones, and for all integrations of a segment that does not begin with the first.

    Parameters
    ----------
    ramp : Ramp
        Counts, DN; data, PIXELDQ and AVDRKCUR are changed.
    refs : References
        ``dark``: dark signal, DN, and its flags. Skipped where none applies, or it is too short or too coarse.
    par : Params
        Parameters.
    run : Run
        Threads, log, folder of derived data.

    Returns
    -------
    Ramp
        The same. AVDRKCUR is set even if the step skips: the dark current's noise is in the data.
    """
    reference = refs.need("dark")
    ramp.average_dark_current = average_current(ramp, reference, par)
    shape = reference.shape()
    dark = Pattern(*(keyword(reference, name) for name in ("NFRAMES", "GROUPGAP")), shape[-3])
    science = Pattern(int(ramp["NFRAMES"]), int(ramp["GROUPGAP"]), ramp.shape[1])
    check(dark, science)
    for index, (first, last) in integrations(ramp, shape).items():
        for group, plane in enumerate(averaged(reference, dark, science, index, run)):
            kernel.subtract(ramp.data, first, last, group, group + 1, plane, run.threads)
    dq = reference.dq()
    ramp.pixeldq |= dq if dq.ndim == 2 else np.bitwise_or.reduce(dq[:, 0])
    if par.dark_output is not None:
        used = dark if science.matches(dark) else science
        run.save(as_product(reference, dark, used, dq, run), "dark", name=par.dark_output)
    return ramp


def average_current(ramp, reference, par):
    """Average dark current of each pixel, e-/s: as the user, the reference's image or its keyword tells."""
    current = par.average_dark_current
    if current is None and "AVDRKCUR" in reference:
        image = reference.array("AVDRKCUR")
        if image.sum() != 0:
            return image
    if current is None:
        current = reference.get("AVDRKCUR", 0)
    return np.full(ramp.shape[-2:], current, "f4")


def keyword(reference, name):
    """Keyword of the dark's readout pattern."""
    value = reference.number(name)
    if value is None:
        raise ReferenceError(f"{reference.name}, a dark reference, has no {name} keyword")
    return int(value)


def check(dark, science):
    """Skip the step where the dark's pattern cannot make the exposure's."""
    if science.frames > dark.frames:
        raise Skip(f"the dark lasts {dark.frames} frames, the exposure's integrations {science.frames}")
    if dark.nframes > science.nframes or dark.groupgap > science.groupgap:
        raise Skip(
            f"the dark's groups ({dark.nframes} frames, {dark.groupgap} dropped) are coarser than the exposure's"
            f" ({science.nframes} frames, {science.groupgap} dropped)"
        )
    if science.planes(dark, science.ngroups - 1)[1] > dark.ngroups:
        raise Skip(f"the dark has too few groups ({dark.ngroups}) of {dark.nframes} frames for the exposure's pattern")


def integrations(ramp, shape):
    """Integrations [first, last) that each dark of the reference stands for, by its index there."""
    nints = ramp.shape[0]
    if len(shape) == 3:
        return {(): (0, nints)}
    alone = min(max(0, shape[0] - 1 - ramp.before), nints) if ramp.get("INTSTART", 1) == 1 else 0
    ranges = {(ramp.before + i,): (i, i + 1) for i in range(alone)}
    return ranges | {(shape[0] - 1,): (alone, nints)} if alone < nints else ranges


def averaged(reference, dark, science, index, run):
    """Give the dark of each of the exposure's groups, (ny, nx) in DN, one by one."""
    place = reference.product.subarray
    shape = science.ngroups, place.ny, place.nx
    count = science.planes(dark, 0)[1]
    scratch = np.empty(shape[1:], "f4") if count > 1 else None

    def make(group, out):
        first, last = science.planes(dark, group)
        if count == 1:
            reference.read_plane((*index, first), out)
        else:
            out[:] = 0
            for plane in range(first, last):
                reference.read_plane((*index, plane), scratch)
                kernel.accumulate(out, scratch, count if plane == last - 1 else 1, run.threads)

    costly = count > 1 and count * np.prod(shape) * 4 >= COSTLY
    key = identity(reference.file.path) | {
        "index": index,
        "pattern": [science.nframes, science.groupgap],
        "corner": [place.x, place.y],
    }
    return kept_planes(run.cache if costly else None, key, shape, make)


def as_product(reference, dark, pattern, dq, run):
    """Make a product of the dark in a pattern of frames and groups; it is held whole."""
    lead = reference.shape()[:-3]
    product = (MIRIDark if lead else Dark)(run.threads)
    product.headers["PRIMARY"] = reference.header.copy()
    place = reference.product.subarray
    shape = *lead, pattern.ngroups, place.ny, place.nx
    data, err = np.empty(shape, "f4"), np.zeros(shape, "f4")
    for index in np.ndindex(lead):
        for group, mean in enumerate(averaged(reference, dark, pattern, index, run)):
            data[(*index, group)] = mean
            if "ERR" in reference:
                err[(*index, group)] = averaged_error(reference, index, *pattern.planes(dark, group))
    np.copyto(data, 0, where=np.isnan(data))
    product.data, product.dq, product.err = data, dq, err
    keywords = {"NFRAMES": pattern.nframes, "GROUPGAP": pattern.groupgap, "NGROUPS": pattern.ngroups}
    corner = {"SUBARRAY": place.name, "SUBSTRT1": place.x + 1, "SUBSTRT2": place.y + 1}
    for name, value in (keywords | corner | {"SUBSIZE1": place.nx, "SUBSIZE2": place.ny}).items():
        product[name] = value
    return product


def averaged_error(reference, index, first, last):
    """Standard deviation of the mean of planes [first, last), (ny, nx) in DN."""
    place = reference.product.subarray
    plane = np.empty((place.ny, place.nx), "f4")
    if last == first + 1:
        reference.read_plane((*index, first), plane, "ERR")
        return plane
    variance = np.zeros_like(plane)
    for i in range(first, last):
        reference.read_plane((*index, i), plane, "ERR")
        variance += plane * plane
    return np.sqrt(variance) / np.float32(last - first)
