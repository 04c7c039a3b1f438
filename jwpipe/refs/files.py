"""Reference files: read plane by plane, cut to the science subarray, their flags translated.

Source: JWST User Documentation, "Standard required keywords" and "Data quality flags" of reference files.
"""

import reprlib

import numpy as np

from jwpipe.errors import InputError, ReferenceError
from jwpipe.products import modes
from jwpipe.products.dq import Pixel, translate
from jwpipe.products.fitsfile import FitsFile

__all__ = ["ReferenceFile"]

OF_ALL = ("apcorr",)  # types whose files are for all detectors of an instrument, whatever they say

ANY = ("", "ANY", "N/A", "GENERIC", "MULTIPLE")

# Types of which a reference of the detector serves a ramp in IRS2 readout: its steps know where the pixels stand.
AMONG_SAMPLES = ("saturation", "ipc")

# Dimensions of the arrays of a type, where they are not simply rows and columns.
DIMENSIONS = {
    ("dark", "SCI"): (3, 4),
    ("dark", "ERR"): (3, 4),
    ("dark", "DQ"): (2, 4),
    ("ipc", "SCI"): (2, 4),
    ("linearity", "COEFFS"): (3,),
    ("reset", "SCI"): (4,),
    ("reset", "ERR"): (4,),
}


class ReferenceFile:
    """One FITS reference file, for one exposure.

    Parameters
    ----------
    path : path-like
        The file.
    reftype : str
        Its type, for messages.
    product : Product
        The exposure: arrays are cut to its subarray.
    log : logging.Logger
        Where oddities are told.

    Raises
    ------
    ReferenceError
        Not a readable FITS file, or of another type, instrument or detector.
    """

    def __init__(self, path, reftype, product, log):
        self.reftype, self.product, self.log = reftype, product, log
        try:
            self.file = FitsFile(path)
            self.file.check_headers()
        except InputError as problem:
            raise ReferenceError(f"the {reftype} reference cannot be read: {problem}") from None
        self.header = self.file.primary
        stated = str(self.header.get("REFTYPE", "")).strip()
        if stated and stated.upper() != reftype.upper():
            raise ReferenceError(f"{self.name} is of type {stated}, where a reference of type {reftype} is wanted")
        for keyword in ("INSTRUME",) if reftype in OF_ALL else ("INSTRUME", "DETECTOR"):
            mine = str(self.header.get(keyword, "")).strip().upper()
            wanted = str(product.get(keyword, "")).upper()
            if mine not in ANY and mine != wanted:
                raise ReferenceError(f"the {reftype} reference {self.name} is of {mine}, the exposure of {wanted}")

    @property
    def name(self):
        """Base name of the file."""
        return self.file.path.name

    def __contains__(self, extname):
        return extname in self.file

    def get(self, keyword, default=None):
        """Value of a keyword of the primary header."""
        value = self.header.get(keyword, default)
        return value.strip() if isinstance(value, str) else value

    def number(self, keyword):
        """Value of a keyword that holds a number; None where it is missing.

        Raises
        ------
        ReferenceError
            It holds something else.
        """
        value = self.get(keyword)
        if value is not None and type(value) not in (int, float):
            raise ReferenceError(
                f"{self.name}, a {self.reftype} reference, has {keyword} = {value!r}, which is no number"
            )
        return value

    def _extension(self, extname):
        try:
            return self.file[extname]
        except InputError:
            raise ReferenceError(f"the {self.reftype} reference {self.name} has no {extname} extension") from None

    def _image(self, extname):
        extension, wanted = self._extension(extname), DIMENSIONS.get((self.reftype, extname), (2,))
        if not extension.is_image:
            raise ReferenceError(f"the {self.reftype} reference {self.name} has no image in {extname}")
        if len(extension.shape) not in wanted:
            raise ReferenceError(
                f"the {self.reftype} reference {self.name}: {extname} has {len(extension.shape)} dimensions,"
                f" {' or '.join(map(str, wanted))} are wanted"
            )
        return extension

    def shape(self, extname="SCI"):
        """Shape of an array as it stands in the file."""
        return self._image(extname).shape

    def window(self, shape, band=None):
        """Rows and columns of the file's arrays that the science array covers.

        An array of more rows than the detector has is in IRS2 readout, other samples among the pixels: a reference of
        as many rows covers it with those, one of the detector's rows with all of them
        (`jwpipe.steps.ramp.irs2.science_rows` tells where they stand).

        Parameters
        ----------
        shape : tuple of int
            Shape of an array of the file.
        band : slice, optional
            A band of rows of the science array (of the detector where it stands for IRS2 readout), with start and stop,
            where not all of them are wanted.

        Returns
        -------
        rows, columns : slice

        Raises
        ------
        ReferenceError
            The science array reaches beyond the reference.
        InputError
            It is in IRS2 readout, and what is done with this reference knows nothing of that.
        """
        science = self.product.subarray
        ny, nx = shape[-2:]
        full = modes.full_frame(self.product.get("INSTRUME"))
        height = science.ny
        if science.ny > ny == full[1]:
            if self.reftype not in AMONG_SAMPLES:
                raise InputError(
                    f"{self.product.path} has the reference pixels of IRS2 readout among its pixels, the {self.reftype}"
                    f" reference {self.name} has not",
                    "refpix takes them out where preserve_irs2_refpix is not set",
                )
            height = ny
        corner = [self.get("SUBSTRT1"), self.get("SUBSTRT2")]
        if None in corner:
            if (nx, ny) == full:
                corner = [1, 1]
            elif (nx, ny) == (science.nx, science.ny):
                corner = [science.x + 1, science.y + 1]
            else:
                raise ReferenceError(
                    f"the {self.reftype} reference {self.name} of {nx} x {ny} pixels does not say where it lies"
                    " on the detector (SUBSTRT1, SUBSTRT2)"
                )
        if not all(isinstance(first, int) for first in corner):
            raise ReferenceError(
                f"the {self.reftype} reference {self.name} has SUBSTRT1 = {reprlib.repr(corner[0])} and SUBSTRT2 ="
                f" {reprlib.repr(corner[1])}, which are not whole numbers"
            )
        x, y = science.x - (corner[0] - 1), science.y - (corner[1] - 1)
        if x < 0 or y < 0 or x + science.nx > nx or y + height > ny:
            raise ReferenceError(
                f"the {self.reftype} reference {self.name} of {nx} x {ny} pixels at ({corner[0]}, {corner[1]}) does not"
                f" cover the exposure's {science.nx} x {science.ny} at ({science.x + 1}, {science.y + 1})"
            )
        band = band or slice(0, height)
        return slice(y + band.start, y + band.stop), slice(x, x + science.nx)

    def array(self, extname="SCI", dtype="f4", rows=None):
        """Read an array, cut to the science subarray.

        Parameters
        ----------
        extname : str, optional
            Extension.
        dtype : dtype, optional
            Type to return.
        rows : slice, optional
            A band of rows of the science array, with start and stop: large stacks need not be held whole.

        Returns
        -------
        ndarray
            Leading axes as stored, then rows and columns of the science array.
        """
        extension = self._image(extname)
        window = self.window(extension.shape, rows)
        try:
            return extension.window(*window, dtype, self.product.threads)
        except InputError as problem:
            raise ReferenceError(f"the {self.reftype} reference cannot be read: {problem}") from None

    def whole(self, extname="SCI", dtype="f4"):
        """Read an array that is no image of the detector, such as a kernel; parameters as of `array`."""
        return self._image(extname).read(dtype)

    def read_plane(self, index, out, extname="SCI"):
        """Read one plane of a stack, cut to the science subarray, into an array.

        Parameters
        ----------
        index : tuple of int
            Position along the leading axes.
        out : ndarray, (ny, nx)
            C-contiguous array of the shape of a science plane; sets dtype.
        extname : str, optional
            Extension.
        """
        extension, threads = self._image(extname), self.product.threads
        rows, columns = self.window(extension.shape)
        if out.shape[1] == extension.shape[-1]:
            extension.read(index=index, out=out, threads=threads, rows=rows)
        else:
            out[:] = extension.read(out.dtype, index, threads=threads, rows=rows)[:, columns]

    def dq(self, extname="DQ", *, required=False):
        """Read the flags, in the pipeline's bits, cut to the science subarray.

        Parameters
        ----------
        extname : str, optional
            Extension.
        required : bool, optional
            Whether the file is nothing without them.

        Returns
        -------
        ndarray of uint32
            Zeros where the file has no such extension.
        """
        if extname not in self.file and not required:
            image = next(e for e in self.file.extensions if e.is_image and len(e.shape) >= 2)
            rows, columns = self.window(image.shape)
            return np.zeros((rows.stop - rows.start, columns.stop - columns.start), "u4")
        dq = self.array(extname, "u4")
        return translate(dq, self._bits()) if "DQ_DEF" in self.file else dq

    def _bits(self):
        bits, rows = {}, self.table("DQ_DEF")
        if not {"NAME", "VALUE"} <= set(rows.dtype.names):
            raise ReferenceError(f"{self.name}, a {self.reftype} reference, has a DQ_DEF without NAME and VALUE")
        for row in rows:
            name = str(row["NAME"]).strip().upper()
            if name in Pixel.__members__:
                bits[int(row["VALUE"])] = int(Pixel[name])
            else:
                self.log.warning("%s: flag %s is unknown and dropped", self.name, name)
        return bits

    def table(self, extname):
        """Read a binary table.

        Returns
        -------
        ndarray
            Structured.
        """
        try:
            return self._extension(extname).table()
        except InputError as problem:
            raise ReferenceError(f"the {self.reftype} reference cannot be read: {problem}") from None
