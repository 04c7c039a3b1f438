"""Where arrays are kept for which there is to be no memory: mapped, or put aside until they are asked for."""

import math
import mmap
import os
import tempfile
import weakref
from pathlib import Path

import numpy as np

from jwpipe.errors import OutputError

__all__ = ["MappedStore", "Spilled"]


class MappedStore:
    """Arrays in nameless files, mapped into memory.

    The system keeps as much of them in memory as there is room for, and steps work on them as on any others, with the
    same bits. The files are gone with the arrays, or with the process, however it ends.

    Parameters
    ----------
    folder : path-like
        Where there is room for them; made where it does not exist.
    """

    def __init__(self, folder):
        self.folder = Path(folder)

    def array(self, shape, dtype):
        """Make an array of zeros.

        Raises
        ------
        OutputError
            There is no room.
        """
        size = math.prod(shape) * np.dtype(dtype).itemsize
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder) as file:
                # Room is taken now: writing to a page for which the disk has none would end the process.
                getattr(os, "posix_fallocate", _extend)(file.fileno(), 0, size)
                pages = mmap.mmap(file.fileno(), size)
        except OSError as problem:
            advice = "it is used because --max-memory is less than the exposure takes"
            raise OutputError(
                f"no room for a temporary file of {size} bytes in {self.folder}: {problem.strerror}", advice
            ) from None
        return np.frombuffer(pages, dtype).reshape(shape)


def _extend(descriptor, offset, size):
    """Give a file its size where the system cannot promise the room."""
    os.truncate(descriptor, offset + size)


class Spilled:
    """An array put aside in a nameless file, which is gone with this object, or with the process.

    Parameters
    ----------
    array : ndarray
        C-contiguous.
    folder : path-like
        Where there is room for it.

    Attributes
    ----------
    shape : tuple of int
        Its shape.
    dtype : numpy.dtype
        Its type.

    Raises
    ------
    OutputError
        There is no room.
    """

    def __init__(self, array, folder):
        self.shape, self.dtype = array.shape, array.dtype
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as the array
            weakref.finalize(self, self._file.close)
            self._file.write(memoryview(array).cast("B"))
            self._file.flush()
        except OSError as problem:
            raise OutputError(
                f"no room for a temporary file of {array.nbytes} bytes in {folder}: {problem.strerror}"
            ) from None

    def __getitem__(self, rows):
        """Read some rows back.

        Parameters
        ----------
        rows : slice
            Along the first axis, in steps of 1.

        Returns
        -------
        ndarray
        """
        first, last, _ = rows.indices(self.shape[0])
        out = np.empty((max(0, last - first), *self.shape[1:]), self.dtype)
        self._file.seek(first * math.prod(self.shape[1:]) * self.dtype.itemsize)
        self._file.readinto(memoryview(out).cast("B"))
        return out

    def read(self, dtype=None, out=None, threads=1):
        """Read the array back; parameters as of `Extension.read`."""
        if out is None:
            out = np.empty(self.shape, dtype or self.dtype)
        whole = out if out.dtype == self.dtype else np.empty(self.shape, self.dtype)
        self._file.seek(0)
        self._file.readinto(memoryview(whole).cast("B"))
        if whole is not out:
            out[...] = whole
        return out
