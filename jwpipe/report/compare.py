"""Comparison of two products, or of any two FITS files: extension by extension, bit by bit, keyword by keyword."""

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from jwpipe.errors import InputError
from jwpipe.products.dq import Group, Pixel
from jwpipe.products.fitsfile import STRUCTURAL, FitsFile

__all__ = ["ArrayDifference", "Comparison", "Tolerance", "compare", "describe"]

# Keywords that tell of the run rather than of the data.
VOLATILE = frozenset("DATE FILENAME CAL_VER CAL_VCS CRDS_VER CHECKSUM DATASUM HISTORY COMMENT".split()) | {""}
FLAGS = {"DQ": Pixel, "PIXELDQ": Pixel, "GROUPDQ": Group}


@dataclass(frozen=True)
class Tolerance:
    """What counts as equal.

    Attributes
    ----------
    rtol : float
        Largest difference of two numbers relative to the larger of them.
    atol : float
        Difference that is accepted whatever the numbers.
    share : float
        Share of an array's values that may differ by more.
    """

    rtol: float = 1e-5
    atol: float = 0.0
    share: float = 0.0


@dataclass
class ArrayDifference:
    """How two arrays, or two columns of a table, differ.

    Attributes
    ----------
    extension : str
        Name, with the column behind a colon.
    size : int
        Number of values.
    problem : str
        What keeps them from being compared: missing, another shape or type.
    beyond : int
        Values that differ by more than the tolerance.
    nan_only_a, nan_only_b : int
        NaN in one of them alone.
    largest, largest_relative : float
        Largest absolute and relative difference.
    where : tuple of int
        Index of the largest absolute difference.
    bits : dict of str to tuple
        For flags: by name, how often each stands in the first alone, and in the second alone.
    """

    extension: str
    size: int = 0
    problem: str = ""
    beyond: int = 0
    nan_only_a: int = 0
    nan_only_b: int = 0
    largest: float = 0.0
    largest_relative: float = 0.0
    where: tuple = ()
    bits: dict = field(default_factory=dict)

    def passes(self, tolerance):
        """Whether the arrays are equal within the tolerance."""
        off = self.beyond + self.nan_only_a + self.nan_only_b
        return not self.problem and off <= tolerance.share * self.size


@dataclass
class Comparison:
    """What came of comparing two files.

    Attributes
    ----------
    a, b : str
        The files.
    tolerance : Tolerance
        What counted as equal.
    arrays : list of ArrayDifference
        One an image extension or table column.
    keywords : list of tuple
        ``(extension, keyword, value in a, value in b)`` where they differ; None where missing.
    """

    a: str
    b: str
    tolerance: Tolerance
    arrays: list = field(default_factory=list)
    keywords: list = field(default_factory=list)

    @property
    def same(self):
        """Whether nothing differs beyond the tolerance."""
        return not self.keywords and all(array.passes(self.tolerance) for array in self.arrays)

    def lines(self):
        """Give the summary as a user reads it."""
        for array in self.arrays:
            state = "same" if array.passes(self.tolerance) else "DIFFERS"
            yield f"{array.extension:<32}{state:<9}{describe(array)}".rstrip()
            for name, (only_a, only_b) in array.bits.items():
                yield f"    {name:<20}{only_a:>10} only in the first{only_b:>10} only in the second"
        for extension, keyword, a, b in self.keywords:
            yield f"{extension + '.' + keyword:<32}DIFFERS  {_value(a)} | {_value(b)}"
        yield "same" if self.same else "different"

    def as_dict(self):
        """Give all of it as plain data, for JSON."""
        data = asdict(self) | {"same": self.same}
        for entry, array in zip(data["arrays"], self.arrays, strict=True):
            entry["same"] = array.passes(self.tolerance)
        return data


def _value(value):
    return "missing" if value is None else repr(value)


def describe(array):
    """Say in words how two arrays differ."""
    if array.problem:
        return array.problem
    parts = []
    if array.beyond:
        parts.append(f"{array.beyond} of {array.size} values beyond tolerance ({array.beyond / array.size:.1e})")
    if array.nan_only_a or array.nan_only_b:
        parts.append(f"NaN only in the first {array.nan_only_a}, only in the second {array.nan_only_b}")
    if array.largest:
        place = ", ".join(map(str, array.where))
        parts.append(f"largest {array.largest:.3g} (relative {array.largest_relative:.1e}) at ({place})")
    return "; ".join(parts)


def compare(a, b, tolerance=None, ignore=()):
    """Compare two FITS files.

    Parameters
    ----------
    a, b : path-like
        The files.
    tolerance : Tolerance, optional
        What counts as equal.
    ignore : iterable of str, optional
        Extensions and keywords to leave out, besides DATE, FILENAME and their like and the ASDF extension.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        One of them cannot be read.
    """
    tolerance = tolerance or Tolerance()
    ignored = VOLATILE | {name.upper() for name in ignore}
    result = Comparison(str(a), str(b), tolerance)
    first, second = _by_name(FitsFile(a), ignored), _by_name(FitsFile(b), ignored)
    for key in dict.fromkeys([*first, *second]):
        label = key[0] if key[1] == 1 else f"{key[0]},{key[1]}"
        one, two = first.get(key), second.get(key)
        if one is None or two is None:
            result.arrays.append(ArrayDifference(label, problem=f"only in {Path(a if two is None else b).name}"))
            continue
        result.keywords += _keywords(label, one.header, two.header, ignored)
        if one.is_image or two.is_image:
            result.arrays.append(_images(label, one, two, tolerance))
        elif one.data_size or two.data_size:
            result.arrays += _tables(label, one, two, tolerance)
    return result


def _by_name(file, ignored):
    skip = ignored | {"ASDF"}
    return {(e.name, e.version): e for e in file.extensions if e.name not in skip}


def _keywords(label, a, b, ignored):
    skip = ignored | STRUCTURAL

    def plain(header):
        return {
            card.keyword: card.value.strip() if isinstance(card.value, str) else card.value
            for card in header.cards
            if card.keyword not in skip and not card.keyword.startswith(("NAXIS", "TTYPE", "TFORM", "TUNIT", "TDIM"))
        }

    one, two = plain(a), plain(b)
    return [
        (label, keyword, one.get(keyword), two.get(keyword))
        for keyword in dict.fromkeys([*one, *two])
        if not _same_value(one.get(keyword), two.get(keyword))
    ]


def _same_value(a, b):
    if isinstance(a, float) or isinstance(b, float):
        try:
            return math.isclose(a, b, rel_tol=1e-12) or (math.isnan(a) and math.isnan(b))
        except TypeError:
            return False
    return a == b


def _images(label, one, two, tolerance):
    difference = ArrayDifference(label)
    if one.shape != two.shape:
        difference.problem = f"shape {one.shape} | {two.shape}"
    elif one.stored != two.stored:
        difference.problem = f"type {one.stored.name} | {two.stored.name}"
    else:
        lead = one.shape[:-2]
        for index in np.ndindex(lead):
            _add(difference, one.read(index=index), two.read(index=index), tolerance, index, FLAGS.get(one.name))
    return difference


def _tables(label, first, second, tolerance):
    try:
        one, two = first.table(), second.table()
    except InputError:  # variable columns and the like: compared as they are stored
        size = max(first.data_size, second.data_size)
        yield ArrayDifference(label, size, beyond=0 if first.raw().data == second.raw().data else size)
        return
    names_a, names_b = one.dtype.names or (), two.dtype.names or ()
    for name in dict.fromkeys([*names_a, *names_b]):
        difference = ArrayDifference(f"{label}:{name}")
        if name not in names_a or name not in names_b:
            difference.problem = "only in one of the tables"
        elif one[name].shape != two[name].shape:
            difference.problem = f"shape {one[name].shape} | {two[name].shape}"
        elif one[name].dtype.kind in "fiub" and two[name].dtype.kind in "fiub":
            _add(difference, np.asarray(one[name]), np.asarray(two[name]), tolerance, ())
        else:
            difference.size = one[name].size
            difference.beyond = int(np.count_nonzero(one[name] != two[name]))
        yield difference


def _add(difference, a, b, tolerance, index, flags=None):
    """Add one plane to the account of an array."""
    difference.size += a.size
    if flags is not None:
        changed = a ^ b
        difference.beyond += int(np.count_nonzero(changed))
        for bit in flags:
            only_a = int(np.count_nonzero(changed & a & bit))
            only_b = int(np.count_nonzero(changed & b & bit))
            if only_a or only_b:
                before = difference.bits.get(bit.name, (0, 0))
                difference.bits[bit.name] = before[0] + only_a, before[1] + only_b
        return
    nan_a, nan_b = a != a, b != b
    difference.nan_only_a += int(np.count_nonzero(nan_a & ~nan_b))
    difference.nan_only_b += int(np.count_nonzero(nan_b & ~nan_a))
    differs = (a != b) & ~nan_a & ~nan_b
    if not differs.any():
        return
    x, y = a[differs].astype("f8"), b[differs].astype("f8")
    with np.errstate(invalid="ignore"):
        gap = np.where(np.isfinite(x) & np.isfinite(y), np.abs(x - y), np.inf)
    scale = np.maximum(np.abs(x), np.abs(y))
    difference.beyond += int(np.count_nonzero(~(gap <= tolerance.atol + tolerance.rtol * scale)))
    with np.errstate(invalid="ignore"):
        relative = np.where(np.isfinite(gap), gap / scale, np.inf)
    difference.largest_relative = max(difference.largest_relative, float(relative.max()))
    worst = int(gap.argmax())
    if gap[worst] > difference.largest:
        difference.largest = float(gap[worst])
        place = np.unravel_index(np.flatnonzero(differs.reshape(-1))[worst], a.shape)
        difference.where = (*index, *map(int, place))
