"""Where arrays are kept for which there is to be no memory: in nameless files, read and written a part at a time."""

import math
import mmap
import os
import tempfile
import threading
import time
import weakref
from pathlib import Path

import numpy as np

from jwpipe.cext import memory as kernel
from jwpipe.errors import OutputError

__all__ = ["Store", "Stored"]

STATM = Path("/proc/self/statm")  # in pages; the third number is of those that are mapped from files
PERIOD = 0.01  # s, between looks at it
LARGE = 1 << 20  # bytes
AHEAD = 128  # pieces of planes that are announced before they are read: the disk may then fetch several at once


class Store:
    """A folder for arrays, and the memory that there is to work on them.

    Parameters
    ----------
    folder : path-like
        Where there is room for them; made where it does not exist.
    room : int, optional
        Bytes that the parts of an exposure may take that are in memory at a time (`jwpipe.products.parts`).
    """

    def __init__(self, folder, room=0):
        self.folder, self.room = Path(folder), room
        kernel.give_back_when_freed(LARGE)  # where memory is short

    def empty(self, shape, dtype):
        """Make a `Stored` array of zeros."""
        advice = "it is used because --max-memory is less than the exposure takes"
        return Stored(shape, dtype, self.folder, self.room, advice)

    def array(self, shape, dtype):
        """Make an array of zeros, mapped: to be worked on as any other, in whatever memory there is."""
        return self.empty(shape, dtype).mapped()


class Stored:
    """An array in a nameless file, which is gone with this object, or with the process, however it ends.

    Parameters
    ----------
    shape : tuple of int
        Its shape.
    dtype : dtype
        Its type.
    folder : path-like
        Where there is room for it; made where it does not exist.
    room : int, optional
        Bytes of mapped arrays that are to be resident at most; 0: as the system likes.
    advice : str, optional
        What to say where there is no room for the file.

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

    def __init__(self, shape, dtype, folder, room=0, advice=None):
        self.shape, self.dtype, self.room = tuple(shape), np.dtype(dtype), room
        self._view = None
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - lives as long as the array
            weakref.finalize(self, self._file.close)
            # Room is taken now: writing to a mapped page for which the disk has none would end the process.
            getattr(os, "posix_fallocate", _extend)(self._file.fileno(), 0, max(self.nbytes, 1))
        except OSError as problem:
            raise OutputError(
                f"no room for a temporary file of {self.nbytes} bytes in {folder}: {problem.strerror}", advice
            ) from None

    @classmethod
    def of(cls, array, folder):
        """Put an array aside."""
        self = cls(array.shape, array.dtype, folder)
        self[:] = array
        return self

    @property
    def ndim(self):
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self):
        """Number of values."""
        return math.prod(self.shape)

    @property
    def nbytes(self):
        """Bytes in the file."""
        return self.size * self.dtype.itemsize

    def __getitem__(self, part):
        """Read a slice of the first axis, in steps of 1."""
        first, last, _ = part.indices(self.shape[0])
        return self.take((max(0, last - first), *self.shape[1:]), first * math.prod(self.shape[1:]))

    def __setitem__(self, part, values):
        """Write a slice of the first axis, in steps of 1."""
        self.put(values, part.indices(self.shape[0])[0] * math.prod(self.shape[1:]))

    def take(self, shape, start):
        """Read values that follow each other, from a position on, counted in values."""
        out = np.empty(shape, self.dtype)
        self._read(out, start)
        return out

    def rows(self, rows):
        """Read some rows of every plane, (..., rows, nx)."""
        out = np.empty((*self.shape[:-2], rows.stop - rows.start, self.shape[-1]), self.dtype)
        pieces = list(self._pieces(out, rows))
        for (plane, start), later in zip(pieces, [*pieces[AHEAD:], *[None] * AHEAD], strict=False):
            if later is not None:
                self._announce(later)
            self._read(plane, start)
        return out

    def set_rows(self, rows, values):
        """Write some rows of every plane."""
        for plane, start in self._pieces(values, rows):
            self.put(plane, start)

    def _pieces(self, values, rows):
        """Give the planes of a band of rows, and where each begins in the file."""
        ny, nx = self.shape[-2:]
        for i, index in enumerate(np.ndindex(*values.shape[:-2])):
            yield values[index], (i * ny + rows.start) * nx

    def chunks(self, size):
        """Give all values in order, so many at a time."""
        for start in range(0, self.size, size):
            yield self.take(min(size, self.size - start), start)

    def read(self, dtype=None, out=None, threads=1):
        """Read the array; parameters as of `Extension.read`."""
        if out is None:
            out = np.empty(self.shape, dtype or self.dtype)
        whole = out if out.dtype == self.dtype else np.empty(self.shape, self.dtype)
        self._read(whole, 0)
        if whole is not out:
            out[...] = whole
        return out

    def mapped(self):
        """Give the array as one of NumPy's, mapped into memory: the system keeps there what there is room for."""
        out = self._view and self._view()
        if out is None:
            pages = mmap.mmap(self._file.fileno(), max(self.nbytes, 1))
            out = np.frombuffer(pages, self.dtype, self.size).reshape(self.shape)
            self._view = weakref.ref(out)
            if self.room and STATM.exists():
                _Watch.over(pages, self.room)
        return out

    def maps(self, array):
        """Whether an array is what `mapped` gave: what was done to it stands in the file."""
        return self._view is not None and self._view() is array

    def _announce(self, piece):
        plane, start = piece
        os.posix_fadvise(self._file.fileno(), start * self.dtype.itemsize, plane.nbytes, os.POSIX_FADV_WILLNEED)

    def _read(self, out, start):
        """Read values from a position on; parts of planes are contiguous, and so is `out`."""
        view, position = memoryview(out.reshape(-1)).cast("B"), start * self.dtype.itemsize
        while len(view):
            count = os.preadv(self._file.fileno(), [view], position)
            view, position = view[count:], position + count

    def put(self, values, start):
        """Write values that follow each other, from a position on, counted in values."""
        values = np.ascontiguousarray(values, self.dtype)
        view, position = memoryview(values.reshape(-1)).cast("B"), start * self.dtype.itemsize
        while len(view):
            count = os.pwrite(self._file.fileno(), view, position)
            view, position = view[count:], position + count


class _Watch(threading.Thread):
    """Lets go of the pages of mapped arrays when too many are resident: they stay in the file, and come back as asked.

    The system would do so only where it runs out of memory. This has no part in the results, whenever it happens.
    """

    pages, lock, running = weakref.WeakKeyDictionary(), threading.Lock(), None

    @classmethod
    def over(cls, pages, room):
        """Watch over pages from now on, as long as there are any."""
        with cls.lock:
            cls.pages[pages] = room
            if cls.running is None:
                cls.running = cls(name="jwpipe resident pages", daemon=True)
                cls.running.start()

    def run(self):
        while self._look():
            time.sleep(PERIOD)

    def _look(self):
        with self.lock:
            watched = [*self.pages.items()]
            if not watched:
                type(self).running = None
                return False
        if int(STATM.read_text().split()[2]) * mmap.PAGESIZE > min(room for _, room in watched):
            for pages, _ in watched:
                pages.madvise(mmap.MADV_DONTNEED)
        return True


def _extend(descriptor, offset, size):
    """Give a file its size where the system cannot promise the room."""
    os.truncate(descriptor, offset + size)
