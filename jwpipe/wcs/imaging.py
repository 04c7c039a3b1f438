"""Coordinates of images: from the pixels of a detector, by its distortion, to the telescope's field and the sky.

Source: references and their order are those of `jwst` 1.14.1. What it does otherwise: its bounding box of a subarray
that begins at the detector's first pixel is that of the whole detector where the reference has one; here no box reaches
beyond the array.
"""

from pathlib import Path

from jwpipe.errors import InputError, ReferenceError
from jwpipe.products import asdftree
from jwpipe.wcs.pointing import Pointing, sky_steps
from jwpipe.wcs.transforms import Beside, Identity, Pipe, Shift
from jwpipe.wcs.tree import Frame, Reader
from jwpipe.wcs.wcs import Wcs

__all__ = ["EXP_TYPES", "imaging_wcs", "read_offset"]

# Exposures that are images of the sky.
EXP_TYPES = frozenset(
    """
    NRC_IMAGE NRC_TSIMAGE NRC_CORON NRC_FOCUS NRC_TACQ NRC_TACONFIRM
    NIS_IMAGE NIS_AMI NIS_FOCUS NIS_TACQ NIS_TACONFIRM
    MIR_IMAGE MIR_LYOT MIR_4QPM MIR_CORONCAL MIR_TACQ MIR_TACONFIRM
    FGS_IMAGE FGS_FOCUS
    """.split()
)

# Keywords whose values tell the row of a table of offsets.
OFFSET_KEYS = {"NIRCAM": ("FILTER", "PUPIL"), "NIRISS": ("FILTER", "PUPIL"), "MIRI": ("FILTER",)}
ANY_DETECTOR = ("N/A", "ANY", "")


def imaging_wcs(product, distortion, filteroffset=None):
    """Make the coordinates of an image.

    Parameters
    ----------
    product : Image or Cube
        Gives the pointing, the subarray and the filter.
    distortion : path-like
        Reference with the transform from pixels of the full detector to V2, V3.
    filteroffset : path-like or None, optional
        Reference with the shifts of filters.

    Returns
    -------
    Wcs
        Frames detector, v2v3, v2v3vacorr, world.

    Raises
    ------
    InputError
        Keywords of the pointing are missing or make no sense.
    ReferenceError
        A reference cannot be read, or is of another detector.
    """
    pointing = Pointing.of(product)
    transform = read_distortion(distortion, product)
    box = transform.box if isinstance(transform.box, tuple) else None
    offset = None if filteroffset is None else read_offset(filteroffset, product)
    if offset is not None:
        transform = Pipe(Beside(Shift(offset[0]), Shift(offset[1])), transform.boxed(None))
    ny, nx = product.shape[-2:]
    array = (-0.5, nx - 0.5), (-0.5, ny - 0.5)
    place = product.subarray
    if place.x or place.y:
        shifts = [Shift(float(start)) if start else Identity(1) for start in (place.x, place.y)]
        transform, box = Pipe(Beside(*shifts), transform.boxed(None)), None
    if box is None:
        box = array
    else:
        box = tuple((max(low, first), min(high, last)) for (low, high), (first, last) in zip(box, array, strict=True))
    if any(low >= high for low, high in box):
        raise ReferenceError(f"{Path(distortion).name} has a bounding box in which no pixel of {product.path} lies")
    return Wcs([(Frame.make("pixels", "detector"), transform.boxed(box)), *sky_steps(pointing)])


def read_distortion(path, product):
    """Read the transform of a distortion reference, from pixels to arcseconds.

    Raises
    ------
    ReferenceError
        There is none that can be read, or it is of another detector than the product's.
    """
    root, blocks = _open(path)
    name = Path(path).name
    try:
        transform = Reader(blocks).transform(asdftree.member(root, "model"))
    except asdftree.PROBLEMS:
        raise ReferenceError(f"{name} has no model of a distortion that can be read") from None
    except InputError as problem:
        raise ReferenceError(f"{name}: {problem}") from None
    if (len(transform.inputs), len(transform.outputs)) != (2, 2):
        raise ReferenceError(f"{name} has a model of {len(transform.inputs)} inputs, not of the pixels of an image")
    for key, keyword in (("name", "INSTRUME"), ("detector", "DETECTOR")):
        try:
            value = asdftree.plain(asdftree.member(asdftree.member(asdftree.member(root, "meta"), "instrument"), key))
        except asdftree.PROBLEMS:
            continue
        wanted = product[keyword]
        if str(value).strip().upper() not in (*ANY_DETECTOR, wanted.upper()):
            raise ReferenceError(f"{name} is the distortion of {value}, not of {wanted}")
    return transform


def read_offset(path, product):
    """Read the shift of an exposure's filter.

    Parameters
    ----------
    path : path-like
        Reference with the shifts of filters.
    product : Image or Cube
        The exposure.

    Returns
    -------
    tuple of float or None
        Columns and rows; None where the reference has none for the filter.

    Raises
    ------
    ReferenceError
        It cannot be read, or has several for the filter.
    """
    keys = OFFSET_KEYS.get(product["INSTRUME"])
    if keys is None:  # FGS has no filters
        return None
    root, _ = _open(path)
    name = Path(path).name
    try:
        rows = asdftree.plain(asdftree.member(root, "filters"))
        found = [row for row in rows if all(row[key.lower()] == product.get(key) for key in keys)]
        offsets = [(row.get("column_offset", "N/A"), row.get("row_offset", "N/A")) for row in found]
        numbers = [tuple(map(float, offset)) for offset in offsets if "N/A" not in offset]
    except asdftree.PROBLEMS:
        raise ReferenceError(f"{name} has no table of filters that can be read") from None
    if len(set(numbers)) > 1 and "PUPIL" in keys:
        raise ReferenceError(f"{name} has {len(found)} rows for {', '.join(str(product.get(key)) for key in keys)}")
    return numbers[0] if numbers else None


def _open(path):
    try:
        return asdftree.read_file(path)
    except OSError as problem:
        raise ReferenceError(f"{path} cannot be read: {problem.strerror}") from None
    except asdftree.PROBLEMS:
        raise ReferenceError(f"{path} is no ASDF file that can be read") from None
