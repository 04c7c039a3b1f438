"""Where the arrays of an exposure are kept that is too large for the memory it may take."""

import math
import mmap
import os
import tempfile
from pathlib import Path

import numpy as np

from jwpipe.errors import OutputError

__all__ = ["MappedStore"]


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
