"""Matrices of a pointing in ASDF files, as 1.14.1 writes and reads them."""

import numpy as np

from jwpipe.errors import InputError
from jwpipe.products import asdftree
from jwpipe.products.fitsfile import RawBlock, write_fits
from jwpipe.products.tree import PREAMBLE

__all__ = ["NAMES", "matrices_text", "read_matrices", "write_matrices"]

NAMES = ("m_eci2j", "m_j2fgs1", "m_fgsx2gs", "m_gs2gsapp", "m_eci2gs", "m_eci2v", "m_v2siaf", "m_eci2siaf")


def matrices_text(matrices):
    """Make an ASDF file of matrices.

    Parameters
    ----------
    matrices : dict of str to ndarray
        By name.

    Returns
    -------
    bytes
    """
    lines = ["!core/asdf-1.1.0", "transforms:"]
    for name, matrix in matrices.items():
        lines += [f"  {name}: !core/ndarray-1.0.0", "    data:"]
        lines += [f"    - {[float(value) for value in row]}" for row in matrix]
        lines += ["    datatype: float64", "    shape: [3, 3]"]
    return PREAMBLE + "\n".join([*lines, "...", ""]).encode("ascii")


def write_matrices(path, matrices, stage):
    """Write matrices to a file that appears with others.

    Parameters
    ----------
    path : path-like
        ASDF file.
    matrices : dict of str to ndarray
        By name.
    stage : jwpipe.products.fitsfile.Stage
        Where it waits for them.
    """
    write_fits(path, [RawBlock(path.name, None, matrices_text(matrices), b"")], stage)


def read_matrices(path):
    """Read matrices.

    Parameters
    ----------
    path : path-like
        ASDF file with ``transforms``.

    Returns
    -------
    dict of str to ndarray
        Those that jwpipe uses.

    Raises
    ------
    InputError
        There are none, or they are no matrices of 3 x 3 numbers.
    """
    try:
        root, blocks = asdftree.read_file(path)
        entries = {key.value: value for key, value in asdftree.member(root, "transforms").value}
    except (OSError, *asdftree.PROBLEMS):
        raise InputError(f"{path} is no ASDF file with transforms of a pointing") from None
    found = {
        name: _matrix(entries[name], blocks, f"{path}: {name}")
        for name in NAMES
        if name in entries and entries[name].value not in ("null", "", "~")
    }
    if not found:
        raise InputError(f"{path} has none of the matrices {', '.join(NAMES)}")
    return found


def _matrix(entry, blocks, what):
    try:
        matrix = np.array(asdftree.array(entry, blocks), "f8")
    except asdftree.PROBLEMS:
        matrix = np.empty(0)
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
        raise InputError(f"{what} is no matrix of 3 x 3 numbers")
    return matrix
