"""Parts of an exposure that is too large for the memory allowed: blocks of integrations, bands of rows.

Where the exposure is in memory it is its own only part: steps are written for parts and do not ask which case it is.
"""

import itertools
import math

import numpy as np

from jwpipe.products.product import Plane
from jwpipe.products.store import Stored

__all__ = ["bands", "blocks", "fits", "held", "integrations"]


class _Part:
    """Some integrations, or rows, of an array in a file; read when a step asks for it, as `Extension` is."""

    def __init__(self, shape, read):
        self.shape, self._read = shape, read

    def read(self, dtype=None, out=None, threads=1):
        """Read it, as `Extension.read` does, into new memory."""
        return self._read(dtype, threads)


def fits(product):
    """Whether an integration of an exposure has room in memory."""
    return product.store is None or product.store.room * product.shape[0] >= _size(product, _fields(product)[0])


def blocks(product, changes=None, by_group=False):
    """Give blocks of integrations, one after another.

    What is done to a block is kept once the next is asked for: its arrays, whose planes may have become smaller, and
    PIXELDQ and other planes of the exposure, of which every block has a copy as they were at the beginning. Where it is
    in memory the exposure is its own only block; so it is, mapped, where there is not even room for one integration.

    Parameters
    ----------
    product : Ramp
        The exposure.
    changes : sequence of str, optional
        Names of the arrays of integrations that may be changed; by default all. Of none, nothing at all is kept.
    by_group : bool, optional
        Whether blocks may be of some groups of an integration where that has no room. The first of them has what there
        is of an integration besides (the zero frame).

    Yields
    ------
    Ramp
    """
    if product.store is None or not (by_group or fits(product)):
        yield product
        return
    nints, ngroups = product.shape[:2]
    cut, planes = _fields(product)
    original = {field.name: field.__get__(product) for field in planes}
    merged, kept = {}, {}
    for ints, groups in _pieces(product, cut):
        block = _like(product, ints.start, groups.start)
        for field in cut:
            block.fields[field.name] = _cut_integrations(field, product, ints, groups)
        block.fields |= {name: None if plane is None else plane.copy() for name, plane in original.items()}
        yield block
        if changes == ():
            continue
        for field in planes:
            _merge(merged, field.name, block.fields[field.name])
        for field in cut:
            array = block.fields[field.name]
            if isinstance(array, np.ndarray) and (changes is None or field.name in changes):
                middle = (ngroups,) if field.ndim == 4 else ()
                if field.name not in kept:
                    begun = ints.start > 0 or groups.start > 0
                    kept[field.name] = _target(field, product, (nints, *middle, *array.shape[-2:]), begun)
                kept[field.name].put(array, _start(kept[field.name].shape, ints, groups))
        del array, block  # there is to be room for the next
    for name, array in (kept | merged).items():
        setattr(product, name, array)


def _pieces(product, cut):
    """Integrations and groups of blocks that have room."""
    nints, ngroups = product.shape[:2]
    size = max(1, _size(product, cut))
    count = min(nints, product.store.room * nints // size)
    if count > 0:
        for first in range(0, nints, count):
            yield slice(first, min(first + count, nints)), slice(0, ngroups)
        return
    count = max(1, product.store.room * nints * ngroups // size)
    for i, first in itertools.product(range(nints), range(0, ngroups, count)):
        yield slice(i, i + 1), slice(first, min(first + count, ngroups))


def bands(product, changes=(), halo=0, more=0):
    """Give bands of rows of all integrations, one after another.

    Parameters
    ----------
    product : Ramp
        The exposure.
    changes : sequence of str, optional
        Names of the arrays of integrations that may be changed, in the rows of a band that are no halo; PIXELDQ and
        other planes of the exposure may always.
    halo : int, optional
        Rows on both sides that a band comes with besides, as they were at the beginning.
    more : int, optional
        Bytes a row that the caller needs besides the band.

    Yields
    ------
    band : Ramp
        The rows.
    rows : slice
        Which they are, halo included.
    own : slice
        Which of them are no halo.
    """
    ny, nx = product.shape[-2:]
    if product.store is None:
        yield product, slice(0, ny), slice(0, ny)
        return
    cut, planes = (
        [field for field in fields if _shape(field, product)[-2:] in ((ny, nx), ())] for fields in _fields(product)
    )
    height = int(max(1, product.store.room // (_size(product, cut) // ny + more) - 2 * halo))
    whole = {field.name: field.__get__(product) for field in planes}
    kept = {field.name: _stored(field, product) for field in cut if field.name in changes}
    if halo:  # is read as it was: what is written must not stand in its place
        kept = {name: product.store.empty(array.shape, array.dtype) for name, array in kept.items()}
    for top in range(0, ny, height):
        bottom = min(top + height, ny)
        rows = slice(max(0, top - halo), min(bottom + halo, ny))
        own = slice(top - rows.start, bottom - rows.start)
        band = _like(product)
        band.fields |= {field.name: _cut_rows(field, product, rows) for field in cut}
        band.fields |= {name: None if plane is None else plane[rows] for name, plane in whole.items()}
        yield band, rows, own
        for name, array in kept.items():
            array.set_rows(slice(top, bottom), getattr(band, name)[..., own, :])
    for name, array in kept.items():
        setattr(product, name, array)


def held(product, name):
    """Give an array of an exposure for `integrations`: as it is in memory, or in the file that it is kept in."""
    return getattr(product, name) if product.store is None else _stored(getattr(type(product), name), product)


def integrations(array):
    """Give the integrations of an array one after another; what is done to one is kept once the next is asked for.

    Parameters
    ----------
    array : ndarray or Stored
        The array.
    """
    if not isinstance(array, Stored):
        yield from array
        return
    for i in range(array.shape[0]):
        part = array[i : i + 1]
        yield part[0]
        array[i : i + 1] = part


def _fields(product):
    """Arrays of a product's integrations, and planes of the exposure."""
    fields = [field for field in product.declared if isinstance(field, Plane)]
    return [field for field in fields if field.ndim > 2], [field for field in fields if field.ndim == 2]


def _shape(field, product):
    value = product.fields.get(field.name)
    return value.shape if value is not None else field.implied_shape(product) if field.filled else ()


def _size(product, fields):
    """Bytes of arrays, those of no use to any step (ERR) aside."""
    shapes = [(field, _shape(field, product)) for field in fields if field.name != "err"]
    return sum(math.prod(shape) * field.dtype.itemsize for field, shape in shapes if shape)


def _start(shape, ints, groups):
    """Where a block of an array begins, counted in values."""
    start = ints.start * math.prod(shape[1:])
    return start + groups.start * math.prod(shape[2:]) if len(shape) == 4 else start


def _like(product, before=0, groups_before=0):
    """A part of an exposure, without arrays: headers and whatever else are the exposure's own."""
    part = type(product)(product.threads)
    part.headers, part.extras, part.tree, part.path = product.headers, product.extras, product.tree, product.path
    part.fields, part.before, part.groups_before = dict(product.fields), before, groups_before
    return part


def _cut_integrations(field, product, ints, groups=None):
    """A field of some integrations, or of some groups of one; None where there is none."""
    source = product.fields.get(field.name)
    if source is None:
        return None
    if groups is None or groups.stop - groups.start == product.shape[1]:
        if isinstance(source, np.ndarray):
            return source[ints]
        shape = (ints.stop - ints.start, *source.shape[1:])
        if isinstance(source, Stored):
            return _Part(shape, lambda dtype, threads: source[ints])
        return _Part(shape, lambda dtype, threads: source.read(dtype, threads=threads, rows=ints))
    if field.ndim < 4:
        return _cut_integrations(field, product, ints) if groups.start == 0 else None
    if isinstance(source, np.ndarray):
        return source[ints, groups]
    shape = (1, groups.stop - groups.start, *source.shape[2:])
    if isinstance(source, Stored):
        return _Part(shape, lambda dtype, threads: source.take(shape, _start(source.shape, ints, groups)))
    index = (ints.start,)
    return _Part(shape, lambda dtype, threads: source.read(dtype, index, threads=threads, rows=groups).reshape(shape))


def _cut_rows(field, product, rows):
    shape = _shape(field, product)
    if not shape:
        return None
    shape = (*shape[:-2], rows.stop - rows.start, shape[-1])
    return _Part(shape, lambda dtype, threads: _stored(field, product).rows(rows))


def _stored(field, product):
    """The array of a field in a file of the store, brought there where it is not; None where there is none."""
    shape, value = _shape(field, product), product.fields.get(field.name)
    if isinstance(value, Stored) or not shape or 0 in shape:
        return value
    array = product.store.empty(shape, field.dtype)
    if value is not None:
        # As the file has it, or (mapped, or set by a step) from memory.
        for ints, groups in _pieces(product, [field]):
            part = _cut_integrations(field, product, ints, groups)
            if part is not None:  # all that an integration has of it came with its first groups
                part = part if isinstance(part, np.ndarray) else part.read(field.dtype, threads=product.threads)
                array.put(part, _start(shape, ints, groups))
    product.fields[field.name] = array
    return array


def _target(field, product, shape, begun):
    """Where the blocks of an array go: where it is already, or (it is read from elsewhere, or shrinks) a new place."""
    value = product.fields.get(field.name)
    if begun or (isinstance(value, Stored) and value.shape == shape):
        return _stored(field, product)
    return product.store.empty(shape, field.dtype)


def _merge(merged, name, plane):
    """Put what a block says of the exposure's pixels to what others said: all flags, and the first block's numbers."""
    if not isinstance(plane, np.ndarray):
        return
    if name not in merged:
        merged[name] = plane
    elif plane.dtype.kind == "u":
        merged[name] |= plane
