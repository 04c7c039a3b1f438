"""A file whose headers are changed and whose data are not: copied as they are, the file whole or not at all."""

from pathlib import Path

from jwpipe.errors import InputError
from jwpipe.products.fitsfile import CHUNK, FitsFile, padded, write_fits
from jwpipe.products.headers import Headers

__all__ = ["ExposureFile"]

EXPECTED = ("Level1bModel", "ImageModel", "CubeModel", "GuiderRawModel")


class _Copied:
    """An HDU of a file as it is, or with another header."""

    def __init__(self, extension, header=None):
        self.extension, self.header = extension, header

    def write(self, stream):
        """Write to an open file."""
        extension = self.extension
        start, size = extension.start, extension.data_start - extension.start
        if self.header is not None:
            stream.write(self.header.tostring().encode("ascii"))
            start, size = extension.data_start, 0
        size += padded(extension.data_size)
        with extension.file.reopened() as source:
            source.seek(start)
            while size:
                chunk = source.read(min(size, CHUNK))
                if not chunk:
                    raise InputError(f"{extension.file.path} has become shorter while it was read")
                stream.write(chunk)
                size -= len(chunk)


class ExposureFile(Headers):
    """An exposure in a file: its keywords may be set, by the rules of `Headers`.

    Parameters
    ----------
    path : path-like
        FITS file.

    Raises
    ------
    InputError
        The file is not FITS, truncated, has no SCI extension, or keywords that cannot be read.
    """

    remedy = None

    def __init__(self, path):
        self.path = Path(path)
        self.file = FitsFile(path)
        self.file.check_headers()
        self.headers = {"PRIMARY": self.file.primary, "SCI": self.file["SCI"].header}

    def check_kind(self, any_file=False, unnamed=False):
        """Check that pointing is to be set in this kind of file: raw exposures and rates.

        Parameters
        ----------
        any_file : bool
            Accept whatever it is.
        unnamed : bool
            Accept a file that does not say what it is.

        Raises
        ------
        InputError
            It is another product, whose coordinates may be better than what would be set.
        """
        kind = self.get("DATAMODL")
        if any_file or kind in EXPECTED or (kind is None and unnamed):
            return
        if kind is None:
            raise InputError(f"{self.path} has no DATAMODL", "--force-level1bmodel takes it as a raw exposure")
        raise InputError(
            f"{self.path} is a {kind}, neither raw nor a rate", "--allow-any-file sets its pointing anyway"
        )

    def number(self, keyword):
        """Value of a keyword that has to be a number.

        Raises
        ------
        InputError
            It is missing, or none.
        """
        value = self[keyword]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{self.path}: {keyword} = {value!r} is no number")
        return float(value)

    def text(self, keyword, default=None):
        """Value of a keyword as text in capitals."""
        return str(self[keyword] if default is None else self.get(keyword, default)).upper()

    def numbers(self, *keywords):
        """Values of keywords, or None where one is missing."""
        return [self.number(keyword) for keyword in keywords] if all(k in self for k in keywords) else None

    def table(self, name):
        """Read a table, or None where the file has none of that name."""
        return self.file[name].table() if name in self.file else None

    def save(self, path=None, stage=None):
        """Write the file with the keywords that have been set.

        Parameters
        ----------
        path : path-like, optional
            Target; by default the file itself.
        stage : jwpipe.products.fitsfile.Stage, optional
            Where the file waits for others that are to appear with it.

        Raises
        ------
        OutputError
            It cannot be written; what was there is as it was.
        """
        changed = {id(header) for header in self.headers.values()}
        for header in self.headers.values():
            header.remove("CHECKSUM", ignore_missing=True)
        blocks = [_Copied(e, e.header if id(e.header) in changed else None) for e in self.file.extensions]
        write_fits(self.path.resolve() if path is None else path, blocks, stage)
