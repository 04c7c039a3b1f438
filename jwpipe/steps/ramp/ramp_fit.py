"""Fit slopes to ramps: from counts to count rates."""

from pathlib import Path
from typing import Annotated

import numpy as np

from jwpipe.cext import rampfit as kernel
from jwpipe.engine.params import Help, StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import step
from jwpipe.errors import NoDataError, ReferenceError
from jwpipe.products.dq import Group
from jwpipe.products.images import Cube, IFUImage, Image, RampFit
from jwpipe.products.memory import give_back_rows
from jwpipe.products.parts import bands
from jwpipe.products.ramp import Ramp
from jwpipe.steps.ramp.flags import flagged_planes

__all__ = ["ramp_fit"]

# Rows, and values of several integrations of them, that are fitted at a time: then the memory of their ramps is given
# back.
BAND = 256
CHUNK = 1 << 24
KINDS = "u4", "f4", "f4", "f4", "f4"  # of flags; of a value, its error, and two variances
SLOPES = 20  # bytes of all of them

IFU_TYPES = ("NRS_IFU", "MIR_MRS")
LAMP_TYPES = ("NRS_AUTOWAVE", "NRS_LAMP")  # of an integral field unit where OPMODE says so


class Params(StepParams):
    """Parameters of `ramp_fit`."""

    int_name: Annotated[str, Help("without effect, as in 1.14.1: rateints is named as other products")] = ""
    save_opt: Annotated[bool, Help("save the fit of every segment (suffix fitopt)")] = False
    opt_name: Annotated[str, Help("base name of the file that save_opt writes")] = ""
    suppress_one_group: Annotated[bool, Help("drop ramps with one group of use")] = True
    maximum_cores: Annotated[str, Help("without effect: --threads sets the number of threads")] = "1"


@step(
    "ramp_fit",
    status="S_RAMP",
    peer="jwst.ramp_fitting.ramp_fit_step.RampFitStep",
    references=["readnoise", "gain"],
    params=Params,
    suffixes=["0_ramp_fit", "1_ramp_fit"],
)
def ramp_fit(ramp: Ramp, refs: References, par: Params, run: Run) -> tuple[Image, Cube]:
    """Fit the slopes of ramps by optimally weighted least squares.

    A segment is a run of groups without flags, with the JUMP_DET group that it follows. Its groups are weighted by
    their distance from the middle, the more so the higher the signal to noise ratio. The slope of an integration is the
    mean of its segments' slopes, weighted by variance; that of the exposure, of the segments of all integrations. The
    variance of a segment by photon noise comes from the median rate of the whole exposure, that by read noise from its
    number of groups. Segments of one group are left out; where the first group is all that is left of a ramp, its
    counts over the time they took are the slope, unless `suppress_one_group` drops such ramps. Pixels without gain or
    read noise and ramps without a segment are DO_NOT_USE; slopes that are DO_NOT_USE or SATURATED (in the first group)
    are NaN.

    Parameters
    ----------
    ramp : Ramp
        Counts, DN, (nints, ngroups, ny, nx). They are used up: what SCI and GROUPDQ hold afterwards means nothing.
    refs : References
        ``gain``, e-/DN; ``readnoise``, DN, of the difference of two groups.
    par : Params
        Parameters.
    run : Run
        Threads, log, and where `save_opt` writes.

    Returns
    -------
    Image or IFUImage
        Count rates of the exposure, DN/s, (ny, nx).
    Cube
        Count rates of its integrations, DN/s, (nints, ny, nx).

    Raises
    ------
    NoDataError
        Every pixel is saturated from the first group on, or (MIRI) fewer than two groups are of use.
    ReferenceError
        No gain or read noise applies to the exposure.

    Notes
    -----
    Source: Fixsen et al. 2000, PASP 112, 1350; Robberto 2007, JWST-STScI-0001490.
    """
    for reftype in ("gain", "readnoise"):
        if refs[reftype] is None:
            raise ReferenceError(
                f"no {reftype} reference applies to this exposure, and ramps cannot be fitted without",
                f"--override {reftype}=FILE names one",
            )
    nints, ngroups, ny, nx = ramp.shape
    first, last = groups_of_use(ramp)
    if flagged_planes(ramp, Group.SATURATED)[:, first].all():
        raise NoDataError(f"every pixel of {ramp.path} is saturated from its first group on: there is no slope to fit")
    gain_factor = refs["gain"].number("GAINFACT")
    if gain_factor is not None:
        ramp["GAINFACT"] = gain_factor

    suppress = par.suppress_one_group and ngroups > 1
    nframes, frame_time = int(ramp["NFRAMES"]), float(ramp["TFRAME"])
    one_group_time = (nframes + 1) * frame_time / 2 if nframes > 1 and not suppress else 0
    with_zeroframe = ramp.get("ZEROFRAM") and not suppress
    stored = ramp.store is not None and not par.save_opt
    if stored:
        ints_dq, *ints = (ramp.store.empty((nints, ny, nx), kind) for kind in KINDS)
        image_dq, *image = (ramp.store.empty((ny, nx), kind) for kind in KINDS)
    else:
        image, image_dq = np.empty((4, ny, nx), "f4"), np.empty((ny, nx), "u4")
        ints, ints_dq = np.empty((4, nints, ny, nx), "f4"), np.empty((nints, ny, nx), "u4")
    segments, optional = None, {}
    if par.save_opt:
        deepest = np.empty((ny, 2), "i4")
        begin_with(first, ramp.groupdq)
        kernel.count(ramp.data, ramp.groupdq, first, last, deepest, run.threads)
        nsegments, njumps = np.maximum(deepest.max(axis=0), 1)
        segments = np.zeros((7, nints, nsegments, ny, nx), "f4")
        optional = {
            "segments": segments,
            "pedestal": np.zeros((nints, ny, nx), "f4"),
            "crmag": np.zeros((nints, njumps, ny, nx), "f4"),
            # Frames before the middle of the first group, in groups: the pedestal is short of a factor TGROUP, here as
            # in build 10.2.
            "pedestal_scale": (nframes + 1) / 2 / (nframes + int(ramp.get("GROUPGAP", 0))),
        }
    for band, rows, _ in bands(ramp, more=SLOPES * nints * nx) if stored else [(ramp, slice(0, ny), None)]:
        planes = image, image_dq, ints, ints_dq
        if stored:
            shape = rows.stop - rows.start, nx
            shapes = (4, *shape), shape, (4, nints, *shape), (nints, *shape)
            planes = [np.empty(shape, kind) for shape, kind in zip(shapes, ("f4", "u4", "f4", "u4"), strict=True)]
        begin_with(first, band.groupdq)
        fit(
            band,
            refs["gain"].array(rows=rows),
            refs["readnoise"].array(rows=rows),
            band.zeroframe if with_zeroframe else None,
            planes,
            run.threads,
            first=first,
            last=last,
            group_time=float(ramp["TGROUP"]),
            frame_time=frame_time,
            one_group_time=one_group_time,
            noise_scale=np.sqrt(2.0 * nframes),
            suppress=suppress,
            **optional,
        )
        if stored:
            for arrays, parts in zip((image, [image_dq], ints, [ints_dq]), planes, strict=True):
                for array, part in zip(arrays, parts if parts.dtype == "f4" else [parts], strict=True):
                    array.set_rows(rows, part)
            del planes, parts, part  # there is to be room for the next band
    if par.save_opt:
        found = RampFit.like(ramp)
        found.slope, found.sigslope, found.var_poisson, found.var_rnoise, found.yint, found.sigyint, found.weights = (
            segments
        )
        found.pedestal, found.crmag = optional["pedestal"], optional["crmag"]
        run.save(found, "fitopt", name=f"{Path(par.opt_name).stem}_fitopt" if par.opt_name else None)
    rate = product_of(IFUImage if is_ifu(ramp) else Image, ramp, image, image_dq)
    rateints = product_of(Cube, ramp, ints, ints_dq)
    rateints.int_times = ramp.int_times
    rate.store = rateints.store = ramp.store
    return rate, rateints


def fit(ramp, gain, readnoise, zeroframe, planes, threads, **options):
    """Fit ramps, some at a time, so that their memory can be given back: it makes room for the slopes.

    Parameters
    ----------
    ramp : Ramp
        Counts and flags, used up.
    gain, readnoise : ndarray of float32, (ny, nx)
        Gain, e-/DN; read noise, DN.
    zeroframe : ndarray of float32, (nints, ny, nx), or None
        The first frame of each integration, DN.
    planes : sequence of ndarray
        Results: ``image``, ``image_dq``, ``ints``, ``ints_dq`` of the kernel.
    threads : int
        Threads.
    **options
        Other arguments of the kernel.
    """
    nints, ngroups, ny, nx = ramp.shape
    data, groupdq = ramp.data, ramp.groupdq
    inputs = data, groupdq, ramp.pixeldq, gain, readnoise, ramp.average_dark_current, zeroframe
    names = "image", "image_dq", "ints", "ints_dq"
    options |= dict(zip(names, planes, strict=True)) | {"threads": threads}
    for top in range(0, ny, BAND):
        rows = slice(top, min(top + BAND, ny))
        state = np.empty((rows.stop - top, nx, kernel.STATE), "f4") if nints > 1 else None
        together = max(1, CHUNK // (ngroups * (rows.stop - top) * nx))
        for begin in range(0, nints, together):
            part = slice(begin, min(begin + together, nints))
            where = {"top": top, "bottom": rows.stop, "begin": part.start, "end": part.stop}
            kernel.fit_ramps(*inputs, **options, **where, state=state)
            for array in (data, groupdq):
                give_back_rows(array[part], rows)


def groups_of_use(ramp):
    """Range of groups to fit: those of MIRI lose the leading ones and the last where no pixel of them is of use."""
    first, last = 0, ramp.shape[1]
    if ramp["INSTRUME"] != "MIRI" or last == 1:
        return first, last
    unusable = flagged_planes(ramp, Group.DO_NOT_USE).all(axis=0)
    while first < last and unusable[first]:
        first += 1
    if first < last and unusable[last - 1]:
        last -= 1
    if last - first < 2:
        raise NoDataError(f"{ramp.path} has fewer than two groups that are of use anywhere: there is no slope to fit")
    return first, last


def begin_with(first, groupdq):
    """Let ramps begin with a later group than the first: a jump from one that is gone says nothing."""
    if first > 0:
        groupdq[:, first] &= ~np.uint8(Group.JUMP_DET)


def is_ifu(ramp):
    """Whether the exposure is one of an integral field unit."""
    exp_type = ramp["EXP_TYPE"]
    return exp_type in IFU_TYPES or (exp_type in LAMP_TYPES and ramp.get("OPMODE") == "IFU")


def product_of(kind, ramp, planes, dq):
    """Make a product of slopes, uncertainties, variances by photon and by read noise, and flags."""
    from astropy.io.fits import Header

    product = kind.like(ramp)
    product.data, product.err, product.var_poisson, product.var_rnoise = planes
    product.dq = dq
    for extname in ("SCI", "ERR"):
        product.headers.setdefault(extname, Header())["BUNIT"] = "DN/s"
    return product
