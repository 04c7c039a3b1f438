"""Which pixels of a product differ from 1.14.1's because a defect of it is mended (PARITY.md), by the rule of each.

`ramp_fit`: 1.14.1 finds the segments of a ramp twice, once for their slopes and once for their variances, by rules that
part where a ramp begins with a jump, and where groups of use follow others that are flagged but for a jump. The slope
of one segment then meets the variance of another, or none.
"""

import numpy as np

DO_NOT_USE, SATURATED, JUMP_DET, CHARGELOSS = 1, 2, 4, 128


def groups_in_use(groupdq, suppress=True, zeroframe=None):
    """GROUPDQ as the fit sees it: ramps of one group dropped, zero frames put in."""
    flags = groupdq.copy()
    if suppress and flags.shape[1] > 1:
        single = (flags == 0).sum(axis=1) == 1
        flags |= single[:, None].astype("u1")
    elif zeroframe is not None:
        lost = ((flags & SATURATED) != 0).all(axis=1) & (zeroframe != 0)
        flags[:, 0][lost] = 0
    return flags


def fitted_lengths(flags):
    """Lengths of the segments that are fitted in a ramp of the given flags."""
    runs, single, begin = [], False, None
    for g, flag in enumerate([*flags, DO_NOT_USE]):
        if flag == 0:
            if begin is None:
                begin = g - (g > 0 and flags[g - 1] == JUMP_DET)
        elif begin is not None:
            if g - begin > 1:
                runs.append(g - begin)
            else:
                single |= begin == 0 or len(flags) == 2
            begin = None
    return runs or [1] * single


def counted_lengths(flags):
    """Lengths of the segments by which 1.14.1 takes variances: zeros are segments without groups before others."""
    lengths = [0]
    for g, flag in enumerate(flags):
        if flag == 0:
            lengths[-1] += 1
        elif flag & JUMP_DET and not flag & SATURATED and g < len(flags) - 1:
            lengths.append(1)
    while len([n for n in lengths if n]) > 1 and 1 in lengths:
        lengths.remove(1)
    while lengths and lengths[-1] == 0:
        lengths.pop()
    return lengths


def by_segments(flags):
    """Ramps, (nints, ny, nx), whose segments 1.14.1 mistakes, or overlooks: those of 256 groups, kept in 8 bits."""
    nints, ngroups, ny, nx = flags.shape
    ramps = np.moveaxis(flags, 1, -1).reshape(-1, ngroups)
    patterns, which = np.unique(ramps, axis=0, return_inverse=True)
    wrong = []
    for pattern in patterns.tolist():
        lengths = fitted_lengths(pattern)
        wrong.append(lengths != counted_lengths(pattern) or any(n % 256 == 0 for n in lengths))
    wrong = np.array(wrong)
    return wrong[which.ravel()].reshape(nints, ny, nx)


def by_large_variance(variances):
    """Ramps with a segment, (nints, nsegments, ny, nx), of a variance that 1.14.1 drops since it is above 1e6."""
    return np.any([(v > 0.99999e6).any(axis=1) for v in variances], axis=0)


def by_absent_segments(variances, groupdq):
    """Ramps whose variances, (nints, ny, nx), feel the 1e8 that 1.14.1 takes for each segment that does not exist.

    There may be as many segments as the ramp with most jumps and unusable groups has of them, and one.
    """
    most = 1 + np.count_nonzero(groupdq[:, 1:-1] & (JUMP_DET | DO_NOT_USE), axis=1).max(initial=0)
    absent = min(most, groupdq.shape[1]) - 1
    return np.any([v * absent * 1e-8 > 5e-6 for v in variances], axis=0)


def by_charge_loss(groupdq, dq):
    """Ramps whose read noise variance 1.14.1 takes anew because some ramp of the exposure has charge loss.

    Those without charge loss that are not used, or have one group, get another one; those with it are mistaken where
    their segments are, as they stand with those groups.
    """
    lossy = (groupdq & CHARGELOSS) != 0
    if not lossy.any():
        return np.zeros(dq.shape, bool)
    special = ((dq & (DO_NOT_USE | SATURATED)) != 0) | ((groupdq == 0).sum(axis=1) == 1)
    return by_segments(np.where(lossy, groupdq & ~np.uint8(CHARGELOSS | DO_NOT_USE), groupdq)) | (
        special & ~lossy.any(axis=1)
    )


def by_order_of_trimming(groupdq, trimmed):
    """Pixels of which 1.14.1 drops ramps of one group before it forgets a jump at their new beginning (MIRI)."""
    return (((groupdq == 0).sum(axis=1) == 1) != ((trimmed == 0).sum(axis=1) == 1)).any(axis=0)
