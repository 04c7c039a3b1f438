"""What a product is: named arrays with a home in FITS each, headers kept as read, and everything else carried along."""

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jwpipe.errors import InputError
from jwpipe.products import modes
from jwpipe.products.clock import written_at
from jwpipe.products.fitsfile import Extension, FitsFile, ImageBlock, image_header, write_fits
from jwpipe.products.headers import Headers
from jwpipe.products.store import Stored

__all__ = ["Plane", "Product", "Subarray", "Table"]


class Plane:
    """A field of a product that lives in an image extension.

    Parameters
    ----------
    extname : str
        Name of the extension.
    dtype : str
        Type in memory and, big-endian, on disk.
    ndim : int
        Number of dimensions.
    filled : bool, optional
        Whether a product without the extension behaves as if it were there with zeros, in the trailing dimensions of
        the science array. Otherwise the field is None.
    constant : bool, optional
        Whether the zeros are to be written although nobody ever made the array.

    Notes
    -----
    An array is read from the file when it is first asked for.
    """

    def __init__(self, extname, dtype, ndim, *, filled=False, constant=False):
        self.extname, self.dtype, self.ndim = extname, np.dtype(dtype), ndim
        self.filled, self.constant = filled, constant

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, product, owner=None):
        if product is None:
            return self
        value = product.fields.get(self.name)
        if isinstance(value, np.ndarray) or (value is None and not self.filled):
            return value
        store = product.store
        if value is None:
            zeros = store.empty if store else np.zeros
            value = product.fields[self.name] = zeros(self.implied_shape(product), self.dtype)
        elif not (store and isinstance(value, Stored)):
            product.origins[self.name] = value
            kept = store and store.empty(value.shape, self.dtype)
            array = value.read(self.dtype, out=kept and kept.mapped(), threads=product.threads)
            value = product.fields[self.name] = kept or array
        return value.mapped() if isinstance(value, Stored) else value

    def __set__(self, product, value):
        held = product.fields.get(self.name)
        if isinstance(held, Stored) and held.maps(value):
            value = held
        elif value is not None and not isinstance(value, Stored):
            value = np.ascontiguousarray(value, self.dtype)
            if value.ndim != self.ndim:
                raise ValueError(f"{self.name} takes {self.ndim} dimensions, not {value.ndim}")
        product.fields[self.name] = value
        product.origins.pop(self.name, None)

    def implied_shape(self, product):
        """Shape of the array where the product has only the science array."""
        return product.shape[len(product.shape) - self.ndim :]

    def block(self, product):
        """The extension as it is to be written, or None."""
        value = product.fields.get(self.name)
        if value is None and not self.constant:
            return None
        shape = self.implied_shape(product) if value is None else value.shape
        header = image_header(self.extname, self.dtype, shape, previous=product.headers.get(self.extname))
        if value is None:
            return ImageBlock(header, np.broadcast_to(self.dtype.type(0), shape), product.threads)
        array = self.__get__(product)
        held = product.fields[self.name]
        return ImageBlock(header, held if isinstance(held, Stored) else array, product.threads)


class Table:
    """A field of a product that lives in a binary table, carried as read (`RawBlock`) unless a step sets a new one."""

    def __init__(self, extname):
        self.extname = extname

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, product, owner=None):
        return self if product is None else product.fields.get(self.name)

    def __set__(self, product, value):
        product.fields[self.name] = value

    def block(self, product):
        """The extension as it is to be written, or None."""
        return product.fields.get(self.name)


@dataclass(frozen=True)
class Subarray:
    """Where an array lies on the detector, in science orientation.

    Attributes
    ----------
    name : str
        SUBARRAY.
    x, y : int
        First column and row, from 0.
    nx, ny : int
        Columns and rows.
    """

    name: str
    x: int
    y: int
    nx: int
    ny: int


class Product(Headers):
    """Base of all products.

    Attributes
    ----------
    datamodl : str
        DATAMODL of the class: the name by which other JWST software knows the product.
    combined : bool
        Whether it is made of several exposures.
    suffix : str or None
        Last part of the file name that the product is given; a step may set it.
    ending : str
        Ending of its file name.
    headers : dict of str to astropy.io.fits.Header
        By extension name, as read and as changed since.
    extras : list of RawBlock
        Extensions that the class does not declare.
    tree : tuple or None
        The ASDF tree that came with the file (`jwpipe.products.tree.read_tree`).
    path : pathlib.Path or None
        The file that the product came from.
    threads : int
        Threads with which arrays are read and written.
    store : Store or None
        Where arrays are kept as they are read; None: in memory.
    """

    datamodl = None
    combined = False
    suffix = None
    ending = ".fits"
    declared = ()

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        cls.declared = tuple(v for v in vars(cls).values() if isinstance(v, Plane | Table)) or cls.declared

    def __init__(self, threads=1):
        from astropy.io.fits import Header

        self.fields, self.origins = {}, {}
        self.headers = {"PRIMARY": Header()}
        self.extras = []
        self.tree, self._wcs = None, None
        self.path = None
        self.threads = threads
        self.store = None

    @classmethod
    def recognises(cls, header):
        """Whether a file is of this class, by its primary header."""
        return header.get("DATAMODL", "") == cls.datamodl

    @classmethod
    def read(cls, path, threads=1, keywords=None):
        """Open a file as this product; arrays are read as they are asked for.

        Parameters
        ----------
        path : path-like
            FITS file.
        threads : int, optional
            Threads with which arrays will be converted.
        keywords : dict of str to object, optional
            What the header is taken to say, whether it does or not; HISTORY records it.

        Returns
        -------
        Product

        Raises
        ------
        InputError
            The file is not FITS, truncated, or not this product.
        """
        from jwpipe.products import asdftree, tree  # their YAML parser is not needed to list what a step takes

        file = FitsFile(path)
        file.check_headers()
        self = cls(threads)
        self.path = Path(path)
        by_name = {field.extname: field for field in cls.declared}
        for extension in file.extensions:
            field = by_name.get(extension.name) if extension.version == 1 else None
            if extension.start == 0:
                self.headers["PRIMARY"] = extension.header
            elif field is not None and field.name in self.fields:
                raise InputError(f"{path} has more than one {extension.name} extension")
            elif isinstance(field, Plane) and extension.is_image:
                if len(extension.shape) != field.ndim:
                    raise InputError(
                        f"{path}: {extension.name} has {len(extension.shape)} dimensions, {field.ndim} are wanted"
                    )
                self.headers[extension.name] = extension.header
                self.fields[field.name] = extension
            elif isinstance(field, Table):
                self.fields[field.name] = extension.raw()
            elif extension.name == tree.EXTENSION:
                try:
                    self.tree = tree.read_tree(extension.raw())
                except asdftree.PROBLEMS:
                    raise InputError(f"{path} has an {tree.EXTENSION} extension that cannot be read") from None
            else:
                self.extras.append(extension.raw())
        for keyword, value in (keywords or {}).items():
            self[keyword] = value
            self.headers["PRIMARY"].add_history(f"{keyword} = {value!r} as given by the user")
        self.check()
        return self

    def check(self):
        """Check what was read.

        Raises
        ------
        InputError
            A required array or keyword is missing, or the header disagrees with the arrays.
        """
        first = self.declared[0]
        if isinstance(first, Plane) and first.name not in self.fields:
            raise InputError(f"{self.path} has no {first.extname} extension")
        modes.check_mode(self.path, self.headers["PRIMARY"], self.combined)

    @classmethod
    def like(cls, other):
        """Make an empty product with the headers and unknown extensions of another.

        Headers of arrays go along where both classes have the extension; the arrays themselves do not.
        """
        self = cls(other.threads)
        names = {field.extname for field in cls.declared} | {"PRIMARY"}
        self.headers = {name: header.copy() for name, header in other.headers.items() if name in names}
        known = names | {field.extname for field in other.declared}
        self.extras = [block for block in other.extras if block.name not in known]
        self.tree, self._wcs = copy.deepcopy(other.tree), other._wcs and other._wcs.copy()
        self.path = other.path
        return self

    def copy(self):
        """Copy the product, arrays included."""
        other = type(self).like(self)
        for field in self.declared:
            value = field.__get__(self) if self.fields.get(field.name) is not None else None
            if value is not None:
                other.fields[field.name] = value.copy() if isinstance(value, np.ndarray) else value
        other.suffix = self.suffix
        return other

    def touch(self, *names):
        """Say that arrays have been changed in place: `release` is not to take them from the file again."""
        for name in names:
            self.origins.pop(name, None)

    def release(self, folder, keep=()):
        """Give the memory of arrays back: those that were only read are read again when they are asked for.

        Parameters
        ----------
        folder : path-like
            Where arrays that have changed since (assigned, or told to `touch`) are kept meanwhile, in nameless files.
        keep : sequence of str, optional
            Fields that stay in memory.
        """
        for name, value in self.fields.items():
            if name in keep:
                continue
            if isinstance(value, np.ndarray) and value.size:
                self.fields[name] = self.origins.pop(name, None) or Stored.of(value, folder)
            elif isinstance(value, Stored):
                self.fields[name] = self.origins.pop(name, value)

    def has(self, name):
        """Whether there is an array, without reading it."""
        return self.fields.get(name) is not None

    def rows(self, name, rows):
        """Give some rows of an array, which alone are read where the array is not in memory.

        Parameters
        ----------
        name : str
            Field of an image's plane.
        rows : slice
            With start and stop.

        Returns
        -------
        ndarray or None
        """
        value = self.fields.get(name)
        dtype = getattr(type(self), name).dtype
        if isinstance(value, Extension):
            return value.read(dtype, rows=rows, threads=self.threads)
        if isinstance(value, Stored):
            return value[rows].astype(dtype, copy=False)
        value = getattr(self, name)
        return None if value is None else value[rows]

    @property
    def shape(self):
        """Shape of the science array, without reading it."""
        return self.fields[self.declared[0].name].shape

    @property
    def wcs(self):
        """Coordinates (`jwpipe.wcs.Wcs`), or None; they stand in the ASDF tree.

        Raises
        ------
        InputError
            The tree has some that cannot be read.
        """
        from jwpipe.products import tree

        if self._wcs is None and self.tree is not None and tree.get_wcs(self.tree[0]) is not None:
            from jwpipe.wcs import Wcs

            self._wcs = Wcs.from_tree(tree.get_wcs(self.tree[0]), self.tree[1], self.path)
        return self._wcs

    @wcs.setter
    def wcs(self, value):
        from jwpipe.products import tree

        root, blocks = self.tree or tree.empty_tree()
        self.tree = root, tree.put_wcs(root, blocks, None)
        self._wcs = value
        if value is not None:
            value.changed = True  # other than what the tree has

    @property
    def subarray(self):
        """Where the science array lies on the detector.

        Raises
        ------
        InputError
            The array is not a full frame and the header does not say where it lies.
        """
        ny, nx = self.shape[-2:]
        start = self.get("SUBSTRT1"), self.get("SUBSTRT2")
        if None in start:
            if (nx, ny) != modes.full_frame(self.get("INSTRUME")):
                raise InputError(f"{self.path} has no SUBSTRT1 or no SUBSTRT2, and its array is no full frame")
            start = 1, 1
        return Subarray(str(self.get("SUBARRAY", "")), int(start[0]) - 1, int(start[1]) - 1, nx, ny)

    def write(self, path, stage=None):
        """Write the product whole, or not at all.

        Parameters
        ----------
        path : path-like
            Target; FILENAME, DATE and DATAMODL are set to match.
        stage : jwpipe.products.fitsfile.Stage, optional
            Where the file waits for others that are to appear with it.

        Raises
        ------
        OutputError
            The file cannot be written.
        """
        from jwpipe.products import tree

        path = Path(path)
        self["FILENAME"] = path.name
        self["DATAMODL"] = self.datamodl
        self["DATE"] = written_at()
        blocks = [ImageBlock(image_header(None, None, (), previous=self.headers["PRIMARY"]))]
        blocks += [block for field in self.declared if (block := field.block(self)) is not None]
        blocks += self.extras
        if self._wcs is not None and self._wcs.changed:
            root, binary = self.tree or tree.empty_tree()
            self.tree = root, tree.put_wcs(root, binary, self._wcs.node())
        blocks.append(
            tree.tree_block(*(self.tree or tree.empty_tree()), {"model_type": self.datamodl, "filename": path.name})
        )
        write_fits(path, blocks, stage)
