"""Levels that make the sky equal where exposures overlap."""

import numpy as np

__all__ = ["differences"]

LEAST = 1e-12  # singular value, of the largest, below which there is none


def differences(levels, counts):
    """Solve for how much higher each sky is than the others.

    Every pair that overlaps says by how much its skies differ, with a weight that is the mean of the numbers of pixels.

    Parameters
    ----------
    levels, counts : ndarray, (n, n)
        Level of exposure (or group) ``i`` where ``j`` overlaps it, at ``[i, j]``, and the number of pixels that it is
        from; 0 where there is none.

    Returns
    -------
    heights : ndarray, (n,)
        Their mean is 0 in every set of exposures that hang together; NaN where one overlaps none.
    sets : int
        How many such sets of several exposures there are: nothing is known of differences between sets.
    """
    pairs = [(i, j) for i, j in zip(*np.triu_indices(len(levels), 1), strict=True) if counts[i, j] and counts[j, i]]
    matrix, wanted = np.zeros((len(pairs), len(levels))), np.zeros(len(pairs))
    for row, (i, j) in enumerate(pairs):
        weight = 0.5 * (counts[i, j] + counts[j, i])
        matrix[row, [i, j]] = weight, -weight
        wanted[row] = weight * (levels[i, j] - levels[j, i])
    heights = np.linalg.pinv(matrix, rcond=LEAST) @ wanted
    alone = ~matrix.any(axis=0)
    heights[alone] = np.nan
    return heights, len(connected(pairs))


def connected(pairs):
    """Sets of what hangs together, by pairs."""
    sets = []
    for pair in pairs:
        touched = [one for one in sets if one & set(pair)]
        sets = [one for one in sets if one not in touched] + [set(pair).union(*touched)]
    return sets
