"""What flags say of whole groups."""

import numpy as np

from jwpipe.products.dq import Group
from jwpipe.products.parts import blocks

__all__ = ["flagged_planes", "unused_planes"]


def flagged_planes(ramp, flag):
    """Tell which groups of an exposure have a flag in every pixel, as `unused_planes` does, part by part."""
    return np.concatenate([unused_planes(block.groupdq, flag) for block in blocks(ramp, changes=())])


def unused_planes(groupdq, flag=Group.DO_NOT_USE):
    """Tell which groups have a flag in every pixel.

    Parameters
    ----------
    groupdq : ndarray of uint8, (nints, ngroups, ny, nx)
        Flags.
    flag : int, optional
        One or several; any of them will do.

    Returns
    -------
    ndarray of bool, (nints, ngroups)
    """
    flag = np.uint8(flag)
    unused = (groupdq[:, :, 0, 0] & flag) != 0
    for plane in np.argwhere(unused):  # hardly ever any: one pixel rules most of them out
        unused[tuple(plane)] = all((row & flag).all() for row in groupdq[tuple(plane)])
    return unused
