"""Planes that are costly to derive from a reference, kept on disk from one run to the next.

The folder is a convenience: what cannot be written is not kept, and a file that is not exactly what it should be is
made anew. A file is named by a digest of its key and opens with the key itself; raw planes in native byte order follow.
"""

import contextlib
import hashlib
import json
import sys
import uuid
from pathlib import Path

import numpy as np

__all__ = ["identity", "kept_planes"]

HEAD = 4096  # bytes before the first plane: the key, padded; a page, so that planes are aligned


def identity(path):
    """What tells a reference file from every other: its path, size and time of change.

    Not its checksum: to compute it takes longer than to derive the planes anew, for a checksum reads the whole file.
    References never change under their name; files that users make do, and the time tells.
    """
    path = Path(path).resolve()
    status = path.stat()
    return {"source": str(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def kept_planes(folder, key, shape, make):
    """Give derived planes one by one: those kept, or else new ones, which are kept for the next run.

    Parameters
    ----------
    folder : pathlib.Path or None
        Where planes are kept; it need not exist. None: nowhere.
    key : dict
        Everything that the planes depend on, in JSON's types.
    shape : tuple of int
        (count, ny, nx).
    make : callable
        ``make(i, out)`` derives plane i into a float32 array of (ny, nx).

    Yields
    ------
    ndarray of float32, (ny, nx)
        The same array again and again: to be used before the next is asked for.
    """
    plane = np.empty(shape[1:], "f4")
    size = HEAD + shape[0] * plane.nbytes
    head = json.dumps(key | {"shape": shape, "order": sys.byteorder}, sort_keys=True).encode()
    path = folder and folder / f"{hashlib.sha256(head).hexdigest()[:32]}.planes"
    head = head.ljust(HEAD)
    with contextlib.ExitStack() as stack:
        stored = stack.enter_context(_Stored(path, head, size))
        kept = stack.enter_context(_Kept(path, head)) if not stored.whole else None
        for i in range(shape[0]):
            if not (stored.whole and stored.read(plane)):
                make(i, plane)
            if kept is not None:
                kept.append(plane)
            yield plane
        if kept is not None:
            kept.finish()


class _Stored:
    """A file of planes open for reading; not `whole` where there is none, or it is not what the key says."""

    def __init__(self, path, head, size):
        self.stream, self.whole = None, False
        with contextlib.suppress(OSError):
            if path is not None and path.stat().st_size == size:
                self.stream = path.open("rb")
                self.whole = self.stream.read(len(head)) == head

    def read(self, plane):
        """Read the next plane; False, from now on, where that fails."""
        try:
            self.whole = self.stream.readinto(memoryview(plane).cast("B")) == plane.nbytes
        except OSError:
            self.whole = False
        return self.whole

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        if self.stream is not None:
            self.stream.close()


class _Kept:
    """A file of planes being written, under a temporary name until it is whole."""

    def __init__(self, path, head):
        self.path, self.stream = path, None
        if path is not None:
            with self.tolerant():
                path.parent.mkdir(parents=True, exist_ok=True)
                self.temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
                self.stream = self.temporary.open("xb")
                self.stream.write(head)

    @contextlib.contextmanager
    def tolerant(self):
        """Give up keeping where the folder cannot be written."""
        try:
            yield
        except OSError:
            self.discard()

    def append(self, plane):
        """Write the next plane."""
        if self.stream is not None:
            with self.tolerant():
                self.stream.write(memoryview(plane).cast("B"))

    def finish(self):
        """Give the file its name."""
        if self.stream is not None:
            with self.tolerant():
                self.stream.close()
                self.temporary.replace(self.path)
                self.stream = None

    def discard(self):
        """Remove what was written."""
        if self.stream is not None:
            with contextlib.suppress(OSError):
                self.stream.close()
            with contextlib.suppress(OSError):
                self.temporary.unlink()
            self.stream = None

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.discard()
