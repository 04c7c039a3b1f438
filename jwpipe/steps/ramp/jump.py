"""Flag jumps in ramps: cosmic rays, and the large events that some of them make."""

from typing import Annotated

import numpy as np

from jwpipe.cext import jump as kernel
from jwpipe.engine.params import AtLeast, Help, StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import Skip, step
from jwpipe.products.dq import Group, Pixel
from jwpipe.products.parts import bands, held
from jwpipe.products.ramp import Ramp
from jwpipe.steps.ramp.flags import flagged_planes

__all__ = ["jump"]

LEAST_GROUPS = 3  # fewer make less than two differences


class Params(StepParams):
    """Parameters of `jump`."""

    rejection_threshold: Annotated[float, Help("height of a jump, sigmas"), AtLeast(0)] = 4.0
    three_group_rejection_threshold: Annotated[
        float, Help("height of a jump where 2 differences are usable, sigmas"), AtLeast(0)
    ] = 6.0
    four_group_rejection_threshold: Annotated[
        float, Help("height of a jump where 3 differences are usable, sigmas"), AtLeast(0)
    ] = 5.0
    maximum_cores: Annotated[
        str, Help("accepted from parameter files and not used: --threads decides, with the same result for any number")
    ] = "1"
    flag_4_neighbors: Annotated[bool, Help("flag the 4 neighbours of a jump")] = True
    max_jump_to_flag_neighbors: Annotated[float, Help("neighbours are flagged below this height, sigmas")] = 1000.0
    min_jump_to_flag_neighbors: Annotated[float, Help("neighbours are flagged above this height, sigmas")] = 10.0
    after_jump_flag_dn1: Annotated[float, Help("least height of a jump that is followed for time1, DN")] = 0.0
    after_jump_flag_time1: Annotated[float, Help("time to flag after such a jump, s; 0 for none")] = 0.0
    after_jump_flag_dn2: Annotated[float, Help("least height of a jump that is followed for time2, DN")] = 0.0
    after_jump_flag_time2: Annotated[float, Help("time to flag after such a jump, s; 0 for none")] = 0.0
    expand_large_events: Annotated[bool, Help("find snowballs (near-infrared detectors)")] = False
    min_sat_area: Annotated[float, Help("least area of a snowball's saturated core, pixels")] = 1.0
    min_jump_area: Annotated[float, Help("least area of a large event, pixels")] = 5.0
    expand_factor: Annotated[float, Help("factor by which a snowball is enlarged")] = 2.0
    use_ellipses: Annotated[bool, Help("accepted from parameter files and not used: events are ellipses")] = False
    sat_required_snowball: Annotated[bool, Help("a snowball must have a saturated core")] = True
    min_sat_radius_extend: Annotated[float, Help("least minor axis of a saturated core that is grown, pixels")] = 2.5
    sat_expand: Annotated[int, Help("pixels by which the radius of a saturated core is grown")] = 2
    edge_size: Annotated[int, Help("distance from the edge within which no saturated core is required, pixels")] = 25
    mask_snowball_core_next_int: Annotated[bool, Help("flag saturated cores in the next integration too")] = True
    snowball_time_masked_next_int: Annotated[int, Help("time for which they are flagged there, s")] = 4000
    find_showers: Annotated[bool, Help("find showers (MIRI)")] = False
    extend_snr_threshold: Annotated[float, Help("least smoothed signal of a shower, sigmas")] = 1.2
    extend_min_area: Annotated[int, Help("least area of a shower, pixels")] = 90
    extend_inner_radius: Annotated[float, Help("inner radius of the smoothing ring, pixels")] = 1.0
    extend_outer_radius: Annotated[float, Help("outer radius of the smoothing ring, pixels")] = 2.6
    extend_ellipse_expand_ratio: Annotated[float, Help("factor by which a shower is enlarged")] = 1.1
    time_masked_after_shower: Annotated[float, Help("time to flag after a shower, s")] = 15.0
    min_diffs_single_pass: Annotated[int, Help("least number of differences to find all jumps in one pass")] = 10
    max_extended_radius: Annotated[int, Help("largest radius of an enlarged event, pixels")] = 200
    minimum_groups: Annotated[int, Help("least number of groups to look for jumps in")] = 3
    minimum_sigclip_groups: Annotated[
        int, Help("least number of integrations (or groups, see only_use_ints) to find jumps by sigma clipping")
    ] = 100
    only_use_ints: Annotated[
        bool, Help("sigma clipping compares a group with the same group of other integrations, not with all groups")
    ] = True


@step(
    "jump",
    status="S_JUMP",
    peer="jwst.jump.jump_step.JumpStep",
    references=["gain", "readnoise"],
    params=Params,
)
def jump(ramp: Ramp, refs: References, par: Params, run: Run) -> Ramp:
    """Flag jumps in ramps: cosmic rays, and the large events that some of them make.

    The difference of two neighbouring groups is a jump (JUMP_DET in the later one) where it lies too many sigmas from
    the median difference of its pixel, sigma being the noise of the median signal and of the reading. With many
    integrations, the scatter between them takes the place of sigma. Neighbours of jumps, and groups after high ones,
    are flagged as well. Then snowballs or showers, if asked for.

    Parameters
    ----------
    ramp : Ramp
        Counts, DN; GROUPDQ is changed. Pixels without a gain get NO_GAIN_VALUE and DO_NOT_USE in PIXELDQ. PRIMECRS
        (jumps per 1000 pixels and s) and EXTNCRS (large events per million pixels and s) are set.
    refs : References
        ``gain``, e-/DN, and ``readnoise``, DN.
    par : Params
        Parameters.
    run : Run
        Threads, log.

    Returns
    -------
    Ramp
        The same.

    Notes
    -----
    Source: Anderson & Gordon 2011, PASP 123, 1237 (two-point difference), as in `jwst` 1.14.1.
    """
    nints, ngroups, ny, nx = ramp.shape
    if ngroups < LEAST_GROUPS:
        raise Skip(f"jumps cannot be told in ramps of {ngroups} groups: there must be {LEAST_GROUPS}")
    gain, readnoise = (reference.array() for reference in refs.need("gain", "readnoise"))
    ramp.pixeldq[~(gain > 0)] |= np.uint32(Pixel.NO_GAIN_VALUE | Pixel.DO_NOT_USE)
    group_time = ramp["TGROUP"]
    unused = flagged_planes(ramp, Group.DO_NOT_USE)
    jumps = two_point(ramp, gain, readnoise, unused, par, run)
    events = large_events(ramp, gain, readnoise, par, run)
    exposed = nints * ngroups - unused.sum() - nints
    if exposed >= 1:
        total = float(group_time * exposed * ny * nx)
        ramp["PRIMECRS"] = 1e3 * jumps / total
        ramp["EXTNCRS"] = 1e6 * events / total
    run.log.info("%d jumps, %d large events", jumps, events)
    return ramp


def choose_method(par, nints, ngroups, nunused):
    """Choose how jumps are found.

    Parameters
    ----------
    par : Params
        Parameters.
    nints, ngroups : int
        Integrations and groups.
    nunused : int
        (integration, group) planes that are DO_NOT_USE throughout.

    Returns
    -------
    int or None
        One of the kernel's methods; None where there are too few groups for any.

    Notes
    -----
    The counts are those of `jwst` 1.14.1: `nunused` is of all integrations, yet is subtracted from each, so that MIRI
    exposures of several integrations, whose first and last groups are not used, take the iterative method. But
    `minimum_groups` counts always, there only on several cores.
    """
    groups = nints * (ngroups - nunused)
    clipped = nints if par.only_use_ints else groups
    if par.only_use_ints:
        too_few = ngroups < par.minimum_groups and nints < par.minimum_sigclip_groups
    else:
        too_few = groups < par.minimum_groups and nints * ngroups < par.minimum_sigclip_groups
    if too_few:
        return None
    if clipped >= par.minimum_sigclip_groups:
        return kernel.SIGMA_CLIP
    enough = groups - nints - nunused >= par.min_diffs_single_pass
    return kernel.SINGLE_PASS if enough else kernel.ITERATIVE


def two_point(ramp, gain, readnoise, unused, par, run):
    """Flag jumps, their neighbours, and the groups after high ones.

    Parameters
    ----------
    ramp : Ramp
        GROUPDQ is changed.
    gain, readnoise : ndarray of float32, (ny, nx)
        Gain, e-/DN, and read noise, DN.
    unused : ndarray of bool, (nints, ngroups)
        Groups that are DO_NOT_USE throughout.
    par : Params
        Parameters.
    run : Run
        Threads, log.

    Returns
    -------
    int
        Number of jumps, neighbours and groups after jumps not counted.
    """
    nints, ngroups = unused.shape
    nframes, threads = ramp["NFRAMES"], run.threads
    method, jumps = choose_method(par, nints, ngroups, unused.sum()), 0
    median = np.empty_like(gain)
    later, series = differences(unused, by_group=method == kernel.SIGMA_CLIP and par.only_use_ints)
    thresholds = par.rejection_threshold, par.four_group_rejection_threshold, par.three_group_rejection_threshold
    low, high = par.min_jump_to_flag_neighbors, par.max_jump_to_flag_neighbors
    if not par.flag_4_neighbors:
        low, high = np.inf, -np.inf
    followed = followed_jumps(par, ramp["TGROUP"], gain)

    def find(band, rows):
        noise = gain[rows], readnoise[rows], nframes
        kernel.find(band.data, band.groupdq, *noise, later, series, method, thresholds, median[rows], threads)

    if method is None:
        run.log.warning("too few groups are usable to look for jumps")
    elif method == kernel.SIGMA_CLIP:
        for band, rows, _ in bands(ramp, changes=["groupdq"]):
            find(band, rows)
        del band  # there is to be room for what follows
        # Of groups of which every pixel is a jump or not to be used they are taken back: no cosmic ray does that.
        untrue = flagged_planes(ramp, Group.JUMP_DET | Group.DO_NOT_USE)
    marked = nints * ngroups * -(-ramp.shape[3] // 8)
    for band, rows, own in bands(ramp, changes=["groupdq"], halo=1, more=marked):
        if method == kernel.SIGMA_CLIP:
            release(band.groupdq, untrue)
        elif method is not None:
            find(band, rows)
        if method is not None:
            marks = np.empty((*band.shape[:3], -(-ramp.shape[3] // 8)), "u1")
            planes = gain[rows], readnoise[rows], nframes, median[rows]
            own_rows = own.start, own.stop
            jumps += kernel.neighbors(band.data, band.groupdq, *planes, low, high, marks, threads, *own_rows)
            del marks
            for least, n in followed:
                kernel.after(band.data, band.groupdq, gain[rows], median[rows], least, n, threads)
        kernel.tidy(band.groupdq.reshape(-1, ramp.shape[3]), threads)
    return jumps


def differences(unused, by_group):
    """List the differences of neighbouring groups that some pixel may use.

    Parameters
    ----------
    unused : ndarray of bool, (nints, ngroups)
        Groups that are DO_NOT_USE throughout.
    by_group : bool
        Put the same group of all integrations together, not the groups of an integration.

    Returns
    -------
    later : ndarray of intp, (ndiffs,)
        The later group of each, as integration x ngroups + group.
    series : ndarray of intp
        Where each series begins that is to be sigma-clipped by itself, and ndiffs.
    """
    usable = ~(unused[:, 1:] | unused[:, :-1])
    if not by_group:
        integration, group = np.nonzero(usable)
        series = [0, len(group)]
    else:
        group, integration = np.nonzero(usable.T)
        series = [0, *np.cumsum(usable.sum(axis=0))]
    return integration * unused.shape[1] + group + 1, np.array(series, np.intp)


def release(groupdq, planes):
    """Take back the jumps of some groups, (nints, ngroups), where they are no more than jumps."""
    for plane in np.argwhere(planes):
        flags = groupdq[tuple(plane)]
        flags[flags == Group.JUMP_DET] = 0


def followed_jumps(par, group_time, gain):
    """Tell which jumps are followed by flagged groups: least heights, e-, and numbers of groups."""
    pairs = (
        (par.after_jump_flag_dn1, par.after_jump_flag_time1),
        (par.after_jump_flag_dn2, par.after_jump_flag_time2),
    )
    pairs = [(height, int(time // group_time)) for height, time in pairs]
    pairs = [(height, n) for height, n in pairs if n > 0]
    if not pairs:
        return []
    known = gain[~np.isnan(gain)]
    typical = float(np.median(known, overwrite_input=True)) if known.size else np.nan
    return [(height * typical, n) for height, n in pairs]


def large_events(ramp, gain, readnoise, par, run):
    """Flag snowballs and showers where they are asked for.

    Returns
    -------
    int
        Number of events: showers alone where both are asked for, as in `jwst` 1.14.1.
    """
    found = 0
    if par.expand_large_events or par.find_showers:
        from jwpipe.steps.ramp import events  # geometry that most exposures do not need

        group_time = ramp["TGROUP"]
        if par.expand_large_events:
            masked_next = int(par.snowball_time_masked_next_int // group_time)
            found = events.flag_snowballs(held(ramp, "groupdq"), par, masked_next, run.threads)
        if par.find_showers:
            masked = int(par.time_masked_after_shower // group_time)
            found = events.flag_showers(
                ramp.data, ramp.groupdq, ramp.pixeldq, gain, readnoise, ramp["NFRAMES"], masked, par, run.threads
            )
    return found
