"""FITS files: headers at once, pixels when asked for, written whole or not at all.

Headers are `astropy.io.fits.Header` objects. Pixels do not go through astropy: ramps are most of what jwpipe reads and
writes, and a kernel converts them straight into the array that the steps work on. Extensions that jwpipe has no use for
are carried as the bytes they were read as.
"""

import contextlib
import errno
import io
import math
import os
import re
import tempfile
import warnings
from pathlib import Path

import numpy as np

from jwpipe.cext import convert
from jwpipe.errors import InputError, OutputError
from jwpipe.products.store import Stored

__all__ = [
    "BLOCK",
    "Content",
    "Extension",
    "FitsFile",
    "ImageBlock",
    "RawBlock",
    "Stage",
    "check_name",
    "image_header",
    "remove_unfinished",
    "write_fits",
]

BLOCK = 2880
LONGEST_NAME = 255  # bytes, of all file systems in use
ROOM = 40  # letters of the end of a file's name that the temporary one has
CHUNK = 1 << 20  # bytes read or written at a time: small beside a plane, large beside a system call
STORED = {8: ">u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
BITPIX = {"u1": 8, "i2": 16, "u2": 16, "i4": 32, "u4": 32, "i8": 64, "f4": -32, "f8": -64}
COLUMNS = {"L": "S1", "B": ">u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}  # of tables, by code
OFFSET = {"u2": 1 << 15, "u4": 1 << 31}
STRUCTURAL = frozenset("SIMPLE XTENSION BITPIX EXTEND PCOUNT GCOUNT BSCALE BZERO EXTNAME EXTVER".split())


def padded(size):
    """Bytes that `size` bytes of data take in a FITS file."""
    return -(-size // BLOCK) * BLOCK


class Extension:
    """One HDU of an open file.

    Attributes
    ----------
    name, version : str, int
        EXTNAME ("PRIMARY" for the first) and EXTVER.
    header : astropy.io.fits.Header
        As read.
    shape : tuple of int
        Array shape in NumPy's order; empty where there are no pixels.
    stored : numpy.dtype
        Type of the pixels in the file.
    unreadable : list of str
        Keywords whose values cannot be read.

    Raises
    ------
    InputError
        An axis has no length.
    """

    def __init__(self, file, header, start, data_start):
        self.file = file
        self.header = header
        self.start = start
        self.data_start = data_start
        primary = start == 0
        self.name = "PRIMARY" if primary else str(header.get("EXTNAME", "")).strip().upper()
        self.unreadable = [card.keyword for card in header.cards if not _readable(card)]
        self.version = int(header.get("EXTVER", 1))
        self.shape = tuple(header[f"NAXIS{i}"] for i in range(header["NAXIS"], 0, -1))
        for i, length in enumerate(reversed(self.shape), 1):
            if type(length) is not int or length < 0:  # T is an int to Python
                raise InputError(f"{file.path}: {self.name} has NAXIS{i} = {length!r}, which is no length of an axis")
        self.stored = np.dtype(STORED[header["BITPIX"]])
        count = math.prod(self.shape) if self.shape else 0
        self.data_size = (count + int(header.get("PCOUNT", 0)) * (not primary)) * self.stored.itemsize
        self.data_size *= int(header.get("GCOUNT", 1)) or 1

    @property
    def is_image(self):
        """Whether this HDU holds pixels rather than a table."""
        return bool(self.shape) and str(self.header.get("XTENSION", "IMAGE")).strip() == "IMAGE"

    def read(self, dtype=None, index=(), out=None, threads=1, rows=None):
        """Read an array, or one sub-array of its leading axes.

        Parameters
        ----------
        dtype : dtype, optional
            Type to return; by default the stored one with BZERO applied, in native order.
        index : tuple of int, optional
            Position along the leading axes: ``(0, 3)`` reads group 3 of integration 0 of a ramp.
        out : ndarray, optional
            C-contiguous array to read into; sets dtype.
        threads : int, optional
            Threads of the conversion.
        rows : slice, optional
            Part of the first axis that `index` leaves, with a step of one: rows of a plane.

        Returns
        -------
        ndarray
            Native byte order, C-contiguous.
        """
        shape = self.shape[len(index) :]
        position = 0
        for size, i in zip(self.shape, index, strict=False):
            position = position * size + range(size)[i]
        position *= math.prod(shape)
        if rows is not None:
            position += rows.start * math.prod(shape[1:])
            shape = (rows.stop - rows.start, *shape[1:])
        count = math.prod(shape)
        zero, scale = self.scaling
        if out is None:
            out = np.empty(shape, dtype or self._natural())
        flat = out.reshape(-1)
        item = self.stored.itemsize
        step = CHUNK // item
        buffer = bytearray(min(count, step) * item)
        with self.file.reopened() as stream:
            stream.seek(self.data_start + position * item)
            for first in range(0, count, step):
                part = flat[first : first + step]
                view = memoryview(buffer)[: part.size * item]
                if stream.readinto(view) != len(view):
                    raise InputError(f"{self.file.path} is truncated in {self.name}", "fetch or copy the file again")
                _unpack(view, self.stored, part, zero, scale, threads)
        return out

    @property
    def scaling(self):
        """BZERO and BSCALE."""
        found = self.header.get("BZERO", 0), self.header.get("BSCALE", 1)
        if not all(type(value) in (int, float) for value in found):
            raise InputError(f"{self.file.path}: {self.name} has BZERO, BSCALE = {found}, which are no numbers")
        return found

    def _natural(self):
        zero, scale = self.scaling
        unsigned = {">i2": "u2", ">i4": "u4"}
        stored = self.stored.str
        if scale == 1 and stored in unsigned and zero == OFFSET[unsigned[stored]]:
            return unsigned[stored]
        if zero == 0 and scale == 1:
            return self.stored.newbyteorder("=")
        return "f4" if self.stored.itemsize <= 2 else "f8"

    def window(self, rows, columns, dtype=None, threads=1):
        """Read rows and columns of a stack of planes, plane by plane.

        Parameters
        ----------
        rows, columns : slice
            The window, with steps of one.
        dtype : dtype, optional
            Type to return.
        threads : int, optional
            Threads of the conversion.

        Returns
        -------
        ndarray
            Leading axes as stored, then the window.
        """
        if (rows.start, rows.stop, columns.start, columns.stop) == (0, self.shape[-2], 0, self.shape[-1]):
            return self.read(dtype, threads=threads)
        shape = rows.stop - rows.start, columns.stop - columns.start
        out = np.empty((*self.shape[:-2], *shape), dtype or self._natural())
        for index in np.ndindex(self.shape[:-2]):
            if shape[1] == self.shape[-1]:
                self.read(index=index, out=out[index], threads=threads, rows=rows)
            else:
                out[index] = self.read(out.dtype, index, threads=threads, rows=rows)[:, columns]
        return out

    def table(self):
        """Read a binary table of fixed-size columns.

        Returns
        -------
        ndarray
            Structured, native byte order; texts as str, without trailing blanks.

        Raises
        ------
        InputError
            The extension is no such table.
        """
        with self.file.reopened() as stream:
            stream.seek(self.data_start)
            data = stream.read(math.prod(self.shape) if len(self.shape) == 2 else 0)
        try:
            columns = [_column(self.header, i) for i in range(1, self.header["TFIELDS"] + 1)]
            rows = np.frombuffer(data, [(name, stored, shape) for name, stored, shape, _ in columns])
        except (AttributeError, KeyError, ValueError):
            raise InputError(f"{self.file.path}: {self.name} is no table that jwpipe can read") from None
        read = {}
        for name, stored, _, zero in columns:
            text = stored[0] == "S"
            read[name] = np.char.rstrip(np.char.decode(rows[name], "latin-1")) if text else rows[name] + zero
        out = np.empty(
            len(rows), [(name, array.dtype.newbyteorder("="), array.shape[1:]) for name, array in read.items()]
        )
        for name, array in read.items():
            out[name] = array
        return out

    def raw(self):
        """Read the whole HDU, header included, as a `RawBlock`."""
        with self.file.reopened() as stream:
            stream.seek(self.start)
            size = self.data_start - self.start
            head, data = stream.read(size), stream.read(self.data_size)
        return RawBlock(self.name, self.header, head, data)


class FitsFile:
    """A FITS file open for reading.

    Parameters
    ----------
    path : path-like
        The file.

    Raises
    ------
    InputError
        No such file, not FITS, or truncated.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.extensions = []
        try:
            with self.reopened() as stream:
                self._scan(stream)
        except FileNotFoundError:
            raise InputError(f"no such file: {self.path}") from None
        except OSError as problem:
            raise InputError(f"cannot read {self.path}: {problem.strerror}") from None

    def reopened(self):
        """Open the file anew: readers share no position, and no descriptor outlives its use."""
        return self.path.open("rb")

    def _scan(self, stream):
        from astropy.io.fits import Header, VerifyError  # slow to import: no help page is to wait for it

        size = os.fstat(stream.fileno()).st_size
        first = stream.read(80)
        if first.startswith(b"\x1f\x8b"):
            raise InputError(f"{self.path} is gzipped", "gunzip it first")
        if not first.startswith(b"SIMPLE  ="):
            raise InputError(f"{self.path} is not a FITS file")
        start = 0
        while start < size:
            stream.seek(start)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of odd cards: what matters in a header is checked by its reader
                    header = Header.fromfile(stream, endcard=True)
                    extension = Extension(self, header, start, stream.tell())
            except (OSError, KeyError, ValueError, TypeError, OverflowError, EOFError, VerifyError):
                if start == 0:
                    raise InputError(f"{self.path} has no readable FITS header") from None
                raise InputError(
                    f"{self.path} is truncated or damaged after {self.extensions[-1].name}",
                    "fetch or copy the file again",
                ) from None
            needed = extension.data_start + padded(extension.data_size)
            if needed > size:
                raise InputError(
                    f"{self.path} is truncated in {extension.name}: {size} bytes where at least {needed} are needed",
                    "fetch or copy the file again",
                )
            self.extensions.append(extension)
            start = needed

    def check_headers(self):
        """Check that all values in the headers can be read.

        Raises
        ------
        InputError
            One cannot.
        """
        for extension in self.extensions:
            for keyword in extension.unreadable:
                raise InputError(f"{self.path}: the value of {keyword} in {extension.name} cannot be read")

    def __contains__(self, name):
        return any(e.name == name for e in self.extensions)

    def __getitem__(self, name):
        for extension in self.extensions:
            if extension.name == name:
                return extension
        raise InputError(f"{self.path} has no {name} extension")

    @property
    def primary(self):
        """Header of the primary HDU."""
        return self.extensions[0].header


def _readable(card):
    """Whether a card has a value that can be read; astropy parses it when it is first asked for."""
    from astropy.io.fits import VerifyError

    try:
        card.value  # noqa: B018
    except VerifyError:
        return False
    return True


def _unpack(view, stored, out, zero, scale, threads):
    kind = (stored.str, out.dtype.str[1:])
    if scale == 1:
        if kind == (">i2", "f4"):
            return convert.int16_to_float(np.frombuffer(view, "u2"), out, zero, threads)
        if kind == (">i4", "u4"):
            return convert.int32_to_uint32(np.frombuffer(view, "u4"), out, int(zero) & 0xFFFFFFFF, threads)
        if kind == (">f4", "f4") and zero == 0:
            return convert.swap32(np.frombuffer(view, "u4"), out.view("u4"), 0, threads)
    values = np.frombuffer(view, stored)
    if zero == 0 and scale == 1:
        out[:] = values
    elif out.dtype.kind in "iu":
        out[:] = np.asarray(values.astype("f8") * scale + zero).astype("i8")
    else:
        out[:] = values.astype("f8") * scale + zero
    return None


def _column(header, number):
    """Name, stored type, shape and offset of a column of a binary table."""
    repeat, code = re.fullmatch(r"(\d*)([A-Z])", header[f"TFORM{number}"].strip()).groups()
    repeat = int(repeat or 1)
    if header.get(f"TSCAL{number}", 1) != 1:
        raise ValueError
    if code == "A":
        return header[f"TTYPE{number}"], f"S{repeat}", (), 0
    shape = () if repeat == 1 else (repeat,)
    if f"TDIM{number}" in header:
        shape = tuple(int(n) for n in reversed(header[f"TDIM{number}"].strip(" ()").split(",")))
    # An array of no dimension for zero, so that an offset widens the type and none leaves it.
    zero = np.asarray(header.get(f"TZERO{number}", 0), "i8")
    return header[f"TTYPE{number}"], COLUMNS[code], shape, zero if zero else np.asarray(0, COLUMNS[code])


def _card(keyword, value):
    """A card of a header, of a whole number or of a text without quotes."""
    stored = f"'{value:<8}'" if isinstance(value, str) else f"{value:>20d}"
    return f"{keyword:<8}= {stored}".ljust(80)


class RawBlock:
    """An HDU carried as it was read.

    Parameters
    ----------
    name : str
        EXTNAME.
    header : astropy.io.fits.Header
        For those who want to look.
    head, data : bytes
        The HDU's blocks.
    """

    def __init__(self, name, header, head, data):
        self.name, self.header, self.head, self.data = name, header, head, data

    @classmethod
    def from_array(cls, name, rows):
        """Make a binary table of a structured array: of texts (bytes), whole numbers, numbers and truth values."""
        from astropy.io.fits import Header

        kinds = {"b": ("S1", "L"), "i": (">i8", "K"), "f": (">f8", "D")}
        columns = []
        for column in rows.dtype.names:
            kind = rows.dtype[column]
            columns.append((column, *kinds.get(kind.kind, (kind.str, f"{kind.itemsize}A"))))
        stored = np.empty(len(rows), [(column, kind) for column, kind, _ in columns])
        for column, *_ in columns:
            values = rows[column]
            stored[column] = np.where(values, b"T", b"F") if values.dtype.kind == "b" else values
        sizes = {"BITPIX": 8, "NAXIS": 2, "NAXIS1": stored.itemsize, "NAXIS2": len(rows), "PCOUNT": 0, "GCOUNT": 1}
        cards = {"XTENSION": "BINTABLE", **sizes, "TFIELDS": len(columns)}
        for number, (column, _, code) in enumerate(columns, 1):
            cards |= {f"TTYPE{number}": column, f"TFORM{number}": code}
        # Made as text: astropy takes seconds for the hundreds of columns of some tables.
        lines = [_card(keyword, value) for keyword, value in (cards | {"EXTNAME": name, "EXTVER": 1}).items()]
        text = "".join([*lines, f"{'END':<80}"])
        head = text.encode() + b" " * (padded(len(text)) - len(text))
        return cls(name, Header.fromstring(text), head, stored.tobytes())

    @classmethod
    def from_table(cls, hdu):
        """Make one of an `astropy.io.fits.BinTableHDU`, of any types of columns."""
        from astropy.io import fits

        stream = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(stream)
        content = stream.getvalue()[BLOCK:]
        size = padded(len(hdu.header.tostring()))
        return cls(hdu.name, hdu.header, content[:size], content[size:])

    def write(self, stream):
        """Write to an open file."""
        stream.write(self.head)
        stream.write(self.data)
        stream.write(b"\0" * (padded(len(self.data)) - len(self.data)))


class Content:
    """A whole file of another kind, for the writer that writes whole files or none."""

    def __init__(self, content):
        self.content = content

    def write(self, stream):
        """Write to an open file."""
        stream.write(self.content)


class ImageBlock:
    """An image HDU to be written.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Complete but for what the array implies.
    array : ndarray, Stored or None
        Pixels, native byte order; None for a header alone.
    threads : int, optional
        Threads of the conversion.
    """

    def __init__(self, header, array=None, threads=1):
        self.header, self.array, self.threads = header, array, threads

    def write(self, stream):
        """Write to an open file, converting a chunk at a time."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of cards that came out of shape: astropy mends them on the way
            text = self.header.tostring()
        stream.write(text.encode("ascii"))
        if self.array is None:
            return
        kind = self.array.dtype.str[1:]
        stored = np.dtype(STORED[BITPIX[kind]])
        # One buffer for all: fresh pages cost more than the conversion.
        buffer = np.empty(min(CHUNK // stored.itemsize, self.array.size), "u4")
        for part in _parts(self.array, CHUNK // stored.itemsize):
            if stored.itemsize == 4:
                swapped = buffer[: part.size]
                convert.swap32(part.view("u4"), swapped, OFFSET.get(kind, 0), self.threads)
                stream.write(memoryview(swapped))
            elif kind in OFFSET:
                stream.write(memoryview((part ^ part.dtype.type(OFFSET[kind])).astype(stored)))
            else:
                stream.write(memoryview(part.astype(stored)))
        size = self.array.size * stored.itemsize
        stream.write(b"\0" * (padded(size) - size))


def _parts(array, step):
    """Give the values of an array in order, so many at a time; one repeated throughout is not spread out in memory."""
    if isinstance(array, Stored):
        yield from array.chunks(step)
    elif array.size > step and not any(array.strides):
        flat = np.full(step, array.flat[0])
        for first in range(0, array.size, step):
            yield flat[: array.size - first]
    else:
        flat = np.ascontiguousarray(array).reshape(-1)
        for first in range(0, flat.size, step):
            yield flat[first : first + step]


def image_header(name, dtype, shape, version=1, previous=None):
    """Header of an image extension.

    Parameters
    ----------
    name : str or None
        EXTNAME; None for a primary HDU without pixels.
    dtype : dtype or None
        Type of the pixels.
    shape : tuple of int
        Shape of the array.
    version : int, optional
        EXTVER.
    previous : astropy.io.fits.Header, optional
        Header whose other keywords are kept.

    Returns
    -------
    astropy.io.fits.Header
    """
    from astropy.io.fits import Header

    head = Header()
    if name is None:
        head["SIMPLE"] = (True, "conforms to FITS standard")
    else:
        head["XTENSION"] = ("IMAGE", "Image extension")
    kind = np.dtype(dtype).str[1:] if dtype is not None else "u1"
    head["BITPIX"] = (BITPIX[kind], "array data type")
    head["NAXIS"] = (len(shape), "number of array dimensions")
    for i, size in enumerate(reversed(shape), 1):
        head[f"NAXIS{i}"] = size
    if name is None:
        head["EXTEND"] = True
    else:
        head["PCOUNT"] = (0, "number of parameters")
        head["GCOUNT"] = (1, "number of groups")
        if kind in OFFSET:
            head["BSCALE"] = 1
            head["BZERO"] = OFFSET[kind]
        head["EXTNAME"] = (name, "extension name")
        head["EXTVER"] = (version, "extension value")
    if previous is not None:
        for card in previous.cards:
            if card.keyword not in STRUCTURAL and not card.keyword.startswith("NAXIS"):
                head.append(card, end=True)
    return head


class Stage:
    """Files that are complete but not yet in place: on leaving the context they appear together, or none does."""

    def __init__(self):
        self.files = []

    def __enter__(self):
        return self

    def __exit__(self, kind, *exception):
        if kind is None:
            self._put_in_place()
        self._discard()

    def _put_in_place(self):
        while self.files:
            temporary, path = self.files[0]
            try:
                temporary.replace(path)
            except OSError as problem:
                self._discard()
                raise OutputError(f"cannot write {path}: {problem.strerror}", _advice(problem)) from None
            del self.files[0]

    def _discard(self):
        for temporary, _ in self.files:
            with contextlib.suppress(OSError):
                temporary.unlink()
        self.files = []


def write_fits(path, blocks, stage=None):
    """Write a file whole: under a temporary name beside the target, then renamed.

    Parameters
    ----------
    path : path-like
        Target; what was there before is replaced only once the new file is complete.
    blocks : iterable of ImageBlock or RawBlock
        The HDUs in order, the primary one first.
    stage : Stage, optional
        Where the file waits for others that are to appear with it.

    Raises
    ------
    OutputError
        The folder cannot be written, the disk is full, or the name is too long.
    """
    if stage is None:
        with Stage() as alone:
            return write_fits(path, blocks, alone)
    path = Path(path)
    check_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name[-ROOM:]}.", suffix=f".{os.getpid()}.part"
        )
        stage.files.append((Path(temporary), path))
        with os.fdopen(handle, "wb") as stream:
            for block in blocks:
                block.write(stream)
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
    except OSError as problem:
        raise OutputError(f"cannot write {path}: {problem.strerror}", _advice(problem)) from None
    return None


def check_name(path):
    """Refuse a name that no file can have: an `OutputError`."""
    if len(os.fsencode(path.name)) > LONGEST_NAME:
        advice = "give a shorter suffix, or the association's product a shorter name"
        raise OutputError(f"{path.name} is too long for the name of a file", advice)


def remove_unfinished(folder, process):
    """Remove what a process that was killed has left of files that it was writing.

    Parameters
    ----------
    folder : path-like
        Where it wrote.
    process : int
        Its number.
    """
    for path in Path(folder).glob(f".*.{process}.part"):
        path.unlink(missing_ok=True)


def _advice(problem):
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space, or give another folder with --output-dir"
    return "give another folder with --output-dir"
