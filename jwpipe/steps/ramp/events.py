"""Large cosmic-ray events of the jump step: snowballs in the near infrared, showers in MIRI."""

import numpy as np

from jwpipe.cext import events as kernel
from jwpipe.products.dq import Group, Pixel
from jwpipe.products.parts import integrations

__all__ = ["flag_showers", "flag_snowballs"]

ALL_BITS = 255
FEWEST_DIFFERENCES = 10  # for showers, over all integrations
SHOWER_CLIP = 5.0  # standard deviations


def flag_snowballs(groupdq, par, groups_masked_next, threads):
    """Flag the surroundings of snowballs, and widen their saturated cores.

    A region of jumps is a snowball where its smallest rectangle has the centre of newly saturated pixels, of its group
    or of the next one, within the length of its longer side; near the edge, where the core may lie off the detector,
    always. It is flagged JUMP_DET as a wider ellipse, in its group alone. Every newly saturated core that is large
    enough, snowball or not, is widened too: it becomes SATURATED from its group on, and nothing else.

    Parameters
    ----------
    groupdq : ndarray or Stored, uint8, (nints, ngroups, ny, nx)
        Flags, changed in place; jumps and saturation are flagged.
    par : jwpipe.steps.ramp.jump.Params
        Parameters.
    groups_masked_next : int
        Groups of the next integration in which saturated cores are flagged JUMP_DET, the first never being so.
    threads : int
        Threads.

    Returns
    -------
    int
        Number of snowballs.

    Notes
    -----
    Source: Regan 2023, "Detection and Flagging of Showers and Snowballs in JWST", JWST-STScI-008545. Of the groups of
    an integration each is searched after the cores of earlier ones have been widened.
    """
    total = 0
    # Both lengths are for full axes, of which the parameters give the halves.
    growth, longest = 2 * par.sat_expand, 2 * par.max_extended_radius
    cores = [[] for _ in range(groupdq.shape[0])]
    for i, groups in enumerate(integrations(groupdq)):
        for g in range(1, len(groups)):
            jumps = _rectangles(groups[g], None, Group.JUMP_DET, par.min_jump_area, threads)
            if par.sat_required_snowball:
                saturated = _rectangles(groups[g], groups[g - 1], Group.SATURATED, par.min_sat_area, threads)
                if len(jumps):
                    jumps = jumps[_are_snowballs(jumps, saturated, groups, g, par, threads)]
                if len(saturated):
                    wide = saturated[saturated[:, 2:4].min(axis=1) > par.min_sat_radius_extend]
                    grown = _ellipses(wide, wide[:, 2] + growth, wide[:, 3] + growth, longest)
                    kernel.fill(groups[g:], grown, 0, Group.SATURATED, 0)
                    cores[i].append(_ellipses(wide, wide[:, 2], wide[:, 3]))
            if len(jumps):
                ellipses = _wider(jumps, par.expand_factor, longest)
                kernel.fill(groups[g : g + 1], ellipses, ALL_BITS, Group.JUMP_DET, Group.SATURATED)
            total += len(jumps)
    if par.mask_snowball_core_next_int:
        # After all are found: these flags are no jumps to look at.
        for groups, before in zip(integrations(groupdq), [[], *cores], strict=False):
            for core in before:
                kernel.fill(groups[1 : max(groups_masked_next, 1)], core, ALL_BITS, Group.JUMP_DET, 0)
    return total


def flag_showers(data, groupdq, pixeldq, gain, readnoise, nframes, groups_masked, par, threads):
    """Flag showers: faint light over many pixels at once.

    What each pixel gained since the group before is compared with its median gain, in units of the noise, and averaged
    over a ring of pixels. A region where that is too much is flagged JUMP_DET as a wider ellipse, in its group and in
    those after it, but not where SATURATED. Reference pixels become DO_NOT_USE in all groups, and nothing else.

    Parameters
    ----------
    data : ndarray, float32, (nints, ngroups, ny, nx)
        Counts, DN.
    groupdq : ndarray, uint8, (nints, ngroups, ny, nx)
        Flags, changed in place; jumps are flagged.
    pixeldq : ndarray, uint32, (ny, nx)
        Flags of the pixels.
    gain : ndarray, float32, (ny, nx)
        Electrons per DN.
    readnoise : ndarray, float32, (ny, nx)
        Read noise of a difference between two frames, DN.
    nframes : int
        Frames averaged in a group.
    groups_masked : int
        Groups flagged after the one in which a shower is found.
    par : jwpipe.steps.ramp.jump.Params
        Parameters.
    threads : int
        Threads.

    Returns
    -------
    int
        Number of showers; none is looked for where there are fewer than 10 differences.

    Notes
    -----
    Source: Regan 2023, "Detection and Flagging of Showers and Snowballs in JWST", JWST-STScI-008545.
    """
    nints, ngroups, ny, nx = groupdq.shape
    if nints * (ngroups - 1) - _unusable(groupdq).sum() < FEWEST_DIFFERENCES:
        return 0
    groupdq[:, :, pixeldq == Pixel.REFERENCE_PIXEL] = Group.DO_NOT_USE
    first = (~_unusable(groupdq)).argmax(axis=1)
    ring = _ring(par.extend_inner_radius, par.extend_inner_radius + par.extend_outer_radius)
    found = np.empty((ny, nx), "u1")
    showers = []
    for i, g, centre, scale in _statistics(data, groupdq, gain, readnoise, nframes, par, threads):
        if g > first[i]:
            kernel.extended(
                data[i, g], data[i, g - 1], groupdq[i, g], groupdq[i, g - 1], pixeldq, gain, centre, scale, ring,
                par.extend_snr_threshold, found, threads,
            )  # fmt: skip
            regions = _rectangles(found, None, 1, par.extend_min_area, threads)
            if len(regions):
                showers.append((i, g, regions))
    # Only now, when all are found: a shower flags later groups too.
    for i, g, regions in showers:
        ellipses = _wider(regions, par.extend_ellipse_expand_ratio, 2 * par.max_extended_radius)
        kernel.fill(groupdq[i, g : g + 1 + groups_masked], ellipses, ALL_BITS, Group.JUMP_DET, Group.SATURATED)
    return sum(len(regions) for _, _, regions in showers)


def _statistics(data, groupdq, gain, readnoise, nframes, par, threads):
    """Yield integration, group, and the usual difference of each pixel from the group before with its noise.

    With many integrations both come from the same group of all of them, clipped. Otherwise the first integration is
    compared with its own median, the others with that of all, and the noise is that of photons and read-out.
    """
    nints, ngroups, ny, nx = groupdq.shape
    if nints >= par.minimum_sigclip_groups:
        centre, scale = np.empty((2, ny, nx))
        for g in range(1, ngroups):
            kernel.clipped(data, groupdq, gain, g, SHOWER_CLIP, centre, scale, threads)
            for i in range(nints):
                yield i, g, centre, scale
        return
    centre, scale = np.empty((2, ny, nx), "f4")
    read = (readnoise * gain) ** 2 / np.float32(nframes)
    for i in range(nints):
        if i < 2:
            kernel.medians(data[: 1 if i == 0 else nints], groupdq, gain, centre, threads)
            np.sqrt(np.abs(centre) + read, out=scale)
        for g in range(1, ngroups):
            yield i, g, centre, scale


def _unusable(groupdq):
    """Which groups are DO_NOT_USE in every pixel, (nints, ngroups)."""
    middle = groupdq[:, :, groupdq.shape[2] // 2] & Group.DO_NOT_USE  # one row tells for most
    whole = middle.all(axis=-1)
    for i, g in np.argwhere(whole):
        whole[i, g] = (groupdq[i, g] & Group.DO_NOT_USE).all()
    return whole


def _ring(inner, outer):
    """Rows of the pixels whose distance from a centre lies between two radii: y, first and last x; int32, (n, 3)."""
    rows = []
    for y in range(-int(outer), int(outer) + 1):
        x = np.arange(-int(outer), int(outer) + 1)
        distance = x**2 + y**2
        within = np.flatnonzero((distance >= inner**2) & (distance <= outer**2))
        runs = np.split(within, np.flatnonzero(np.diff(within) > 1) + 1)
        rows += [(y, x[run[0]], x[run[-1]]) for run in runs if run.size]
    return np.array(rows, "i4")


def _rectangles(now, before, flag, area, threads):
    """Smallest rectangles around large regions of a flag: centre x, y, both sides, angle; float64, (n, 5)."""
    return np.array(kernel.rectangles(now, before, flag, max(area, 0), threads)).reshape(-1, 5)


def _are_snowballs(jumps, saturated, groups, g, par, threads):
    """Which rectangles around jumps are snowballs; see `flag_snowballs`."""
    found = _near_edge(jumps, groups.shape[1:], par.edge_size) | _hold(jumps, saturated)
    if g + 1 < len(groups) and not found.all():
        later = _rectangles(groups[g + 1], groups[g], Group.SATURATED, par.min_sat_area, threads)
        found |= _hold(jumps, later)
    return found


def _near_edge(rectangles, shape, edge):
    """Which rectangles have their centre within `edge` pixels of an edge of the plane."""
    ny, nx = shape
    x, y = rectangles[:, 0], rectangles[:, 1]
    return (x < edge) | (y < edge) | (x > max(0, nx - edge)) | (y > max(0, ny - edge))


def _hold(rectangles, others):
    """Which rectangles have the centre of one of the others nearer to their own than the length of the longer side."""
    distance = np.hypot(*(rectangles[:, None, :2] - others[None, :, :2]).transpose(2, 0, 1))
    return (distance < rectangles[:, None, 2:4].max(axis=2)).any(axis=1)


def _wider(rectangles, factor, longest):
    """Ellipses with the shorter axis longer by a factor, and the longer one by as many pixels: not a long streak."""
    sides = rectangles[:, 2:4]
    more = (factor - 1) * sides.min(axis=1)
    shorter = rectangles[:, 3] < rectangles[:, 2]
    first = np.where(shorter, rectangles[:, 2] + more, rectangles[:, 2] * factor)
    second = np.where(shorter, rectangles[:, 3] * factor, rectangles[:, 3] + more)
    return _ellipses(rectangles, first, second, longest)


def _ellipses(rectangles, first, second, longest=np.inf):
    """Ellipses about centres of rectangles: half axes of a length at most, whole pixels and degrees; int32, (n, 5)."""
    out = np.empty((len(rectangles), 5))
    out[:, :2], out[:, 4] = rectangles[:, :2], rectangles[:, 4]
    out[:, 2], out[:, 3] = np.minimum(first, longest) / 2, np.minimum(second, longest) / 2
    return np.rint(out).astype("i4")
