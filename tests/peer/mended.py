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


def by_pattern(flags, function):
    """Value of a function of a ramp's flags, once a pattern, for ramps (nints, ngroups, ny, nx)."""
    nints, ngroups, ny, nx = flags.shape
    patterns, which = np.unique(np.moveaxis(flags, 1, -1).reshape(-1, ngroups), axis=0, return_inverse=True)
    values = np.array([function(pattern) for pattern in patterns.tolist()])
    return values[which.ravel()].reshape(nints, ny, nx)


def by_segments(flags):
    """Ramps, (nints, ny, nx), whose segments 1.14.1 mistakes, or overlooks: those of 256 groups, kept in 8 bits."""

    def mistaken(pattern):
        lengths = fitted_lengths(pattern)
        return lengths != counted_lengths(pattern) or any(n % 256 == 0 for n in lengths)

    return by_pattern(flags, mistaken)


def by_large_variance(flags, var_poisson, var_rnoise):
    """Ramps with a segment of a variance that 1.14.1 drops since it is above 1e6."""

    def ratio(weight):
        def of_shortest(pattern):
            weights = [weight(n) for n in fitted_lengths(pattern)] or [1]
            return sum(weights) / min(weights)

        return by_pattern(flags, of_shortest)

    poisson = var_poisson * ratio(lambda n: max(n - 1, 1))
    rnoise = var_rnoise * ratio(lambda n: max(n, 2) ** 3 - max(n, 2))
    return np.maximum(poisson, rnoise) > 0.9999e6


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


def trim(groupdq):
    """GROUPDQ of a MIRI exposure without its leading groups and its last one where those are of no use anywhere."""
    first, last = 0, groupdq.shape[1]
    while (groupdq[:, first] & DO_NOT_USE).all():
        first += 1
    last -= (groupdq[:, last - 1] & DO_NOT_USE).all()
    trimmed = groupdq[:, first:last].copy()
    if first > 0:
        trimmed[:, 0] &= 0xFF - JUMP_DET
    return trimmed


def jump(before, after, min_diffs_single_pass=10):
    """Pixels, (ny, nx), of which 1.14.1 may take the wrong median of differences, and their four neighbours.

    In the iterative branch the largest of four or more differences is left out of the median; 1.14.1 leaves out the
    first one that is NaN where there is one: of a group that is not used, or of a jump found in an earlier pass.

    Parameters
    ----------
    before, after : ndarray of uint8, (nints, ngroups, ny, nx)
        GROUPDQ before and after the step.
    min_diffs_single_pass : int, optional
        Differences from which on the step takes a single pass.
    """
    nints, ngroups = before.shape[:2]
    idle = (before & DO_NOT_USE).all(axis=(2, 3)).sum()
    if nints * (ngroups - 1 - idle) - idle >= min_diffs_single_pass:
        return np.zeros(before.shape[2:], bool)
    usable = (before & (SATURATED | DO_NOT_USE)) == 0
    pairs = usable[:, 1:] & usable[:, :-1]
    wrong = (pairs.sum(axis=(0, 1)) >= 4) & (~pairs.all(axis=(0, 1)) | ((after & JUMP_DET) != 0).any(axis=(0, 1)))
    spread = wrong.copy()
    spread[1:] |= wrong[:-1]
    spread[:-1] |= wrong[1:]
    spread[:, 1:] |= wrong[:, :-1]
    spread[:, :-1] |= wrong[:, 1:]
    return spread


def ramp_fit(groupdq, rateints, readnoise, *, suppress=True, zeroframe=None, miri=False):
    """Masks of what `ramp_fit` mends.

    Parameters
    ----------
    groupdq : ndarray of uint8, (nints, ngroups, ny, nx)
        Flags of the ramp before the fit.
    rateints : mapping of str to ndarray, (nints, ny, nx)
        DQ, VAR_POISSON, VAR_RNOISE as jwpipe gives them.
    readnoise : ndarray, (ny, nx)
        The reference, cut to the subarray.
    suppress, zeroframe, miri
        Whether ramps of one group are dropped; the zero frame where it is used; whether the exposure is of MIRI.

    Returns
    -------
    rateints, rate : dict of str to ndarray of bool
        Pixels that may differ from 1.14.1's, by extension.
    """
    trimmed = trim(groupdq) if miri else groupdq
    flags = groups_in_use(trimmed, suppress, zeroframe)
    variances = [rateints["VAR_POISSON"], rateints["VAR_RNOISE"]]
    dq = by_segments(flags) | ~(readnoise > 0)
    if miri and suppress:
        dq |= by_order_of_trimming(groupdq, trimmed)
    sci = dq | by_large_variance(flags, *variances)
    poisson = sci | by_absent_segments(variances, trimmed)
    rnoise = poisson | by_charge_loss(trimmed, rateints["DQ"])
    of_ints = {"DQ": dq, "SCI": sci, "ERR": sci, "VAR_POISSON": poisson, "VAR_RNOISE": rnoise}
    # The exposure's ERR comes of its variances, unlike those of the integrations.
    return of_ints, {name: mask.any(axis=0) for name, mask in (of_ints | {"ERR": poisson}).items()}
