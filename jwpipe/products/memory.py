"""Memory that a step has done with, given back while the rest of the array is still worked on."""

from jwpipe.cext import memory as kernel

__all__ = ["give_back_rows"]

WORTH_IT = 1 << 19  # bytes in one piece; below that nothing is gained


def give_back_rows(array, rows):
    """Give back the memory of some rows of every plane of a stack.

    The values are lost; the array stays what it is, and its other rows too. Nothing happens where the rows of a plane
    are small, or the system has no way to do it.

    Parameters
    ----------
    array : ndarray, (..., ny, nx)
        C-contiguous.
    rows : slice
        With start and stop.
    """
    ny = array.shape[-2]
    if rows.start <= 0 and rows.stop >= ny:
        pieces = [array] if array.size else []
    else:
        pieces = [plane[rows] for plane in array.reshape(-1, *array.shape[-2:])]
    if pieces and pieces[0].nbytes >= WORTH_IT:
        for piece in pieces:
            kernel.give_back(piece.reshape(-1).view("u1"))
