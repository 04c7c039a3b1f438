"""Comparison of two products, or of any two FITS files: extension by extension, bit by bit, keyword by keyword."""

import math
import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from jwpipe.errors import InputError, UsageError
from jwpipe.products.dq import Group, Pixel
from jwpipe.products.fitsfile import STRUCTURAL, FitsFile
from jwpipe.report.plain import UNDEFINED, keyword_value

__all__ = ["ArrayDifference", "Comparison", "Tolerance", "add_values", "compare", "describe", "describe_value"]

# Keywords that tell of the run rather than of the data.
VOLATILE = frozenset("DATE FILENAME CAL_VER CAL_VCS CRDS_VER CHECKSUM DATASUM HISTORY COMMENT".split())
COLUMN = ("TTYPE", "TFORM", "TUNIT", "TDIM")  # keywords that belong to a column, whatever its number
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

    Raises
    ------
    UsageError
        One of them is negative or no number.
    """

    rtol: float = 1e-5
    atol: float = 0.0
    share: float = 0.0

    def __post_init__(self):
        for name, value in asdict(self).items():
            if not value >= 0:  # so that NaN is refused too
                raise UsageError(f"{name} cannot be {value:g}", "give a number from 0 on")


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
        What keeps them from being compared: missing, another shape, type or unit.
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
        ``(extension, keyword, value in a, value in b)`` where they differ; None where missing, ``"undefined"`` where
        the keyword has no value.
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
            yield f"{extension + '.' + keyword:<32}DIFFERS  {describe_value(a)} | {describe_value(b)}"
        yield "same" if self.same else "different"

    def as_dict(self):
        """Give all of it as plain data, for JSON."""
        data = asdict(self) | {"same": self.same}
        for entry, array in zip(data["arrays"], self.arrays, strict=True):
            entry["same"] = array.passes(self.tolerance)
        return data


def describe_value(value):
    """Say in words what a keyword's value is: None is a keyword that is missing."""
    return "missing" if value is None else value if value == UNDEFINED else repr(value)


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
    ignored = {"ASDF", *(name.upper() for name in ignore)}
    result = Comparison(str(a), str(b), tolerance)
    first, second = _by_label(FitsFile(a), ignored), _by_label(FitsFile(b), ignored)
    for label in dict.fromkeys([*first, *second]):
        one, two = first.get(label), second.get(label)
        if one is None or two is None:
            result.arrays.append(ArrayDifference(label, problem=f"only in {Path(a if two is None else b).name}"))
            continue
        result.keywords += _keywords(label, one.header, two.header, ignored)
        if _kind(one) != _kind(two):
            result.arrays.append(ArrayDifference(label, problem=f"{_kind(one)} | {_kind(two)}"))
        elif one.is_image:
            result.arrays.append(_images(label, one, two, tolerance))
        elif one.shape:
            result.arrays += _tables(label, one, two, tolerance)
    return result


def _by_label(file, ignored):
    """Extensions by name, EXTVER where it is not 1, and number among those of equal name and EXTVER."""
    labelled, seen = {}, Counter()
    for extension in file.extensions:
        if extension.name in ignored:
            continue
        label = extension.name or "(unnamed)"
        if extension.version != 1:
            label += f",{extension.version}"
        seen[label] += 1
        labelled[label if seen[label] == 1 else f"{label}[{seen[label]}]"] = extension
    return labelled


def _kind(extension):
    return "image" if extension.is_image else "table" if extension.shape else "header"


def _keywords(label, a, b, ignored):
    skip = ignored | VOLATILE | STRUCTURAL | {""}

    def values(header):
        return {
            card.keyword: keyword_value(card)
            for card in header.cards
            if card.keyword not in skip and not card.keyword.startswith(("NAXIS", *COLUMN))
        }

    def shown(header, keyword):
        return None if keyword not in header else UNDEFINED if header[keyword] is None else header[keyword]

    one, two = values(a), values(b)
    return [
        (label, keyword, shown(one, keyword), shown(two, keyword))
        for keyword in dict.fromkeys([*one, *two])
        if keyword not in one or keyword not in two or not _same_value(one[keyword], two[keyword])
    ]


def _same_value(a, b):
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (a, b)]
    if all(numbers):  # FITS writes 10.0 as 10 at will
        return math.isclose(a, b, rel_tol=1e-12) if float in (type(a), type(b)) else a == b
    return type(a) is type(b) and a == b


def _images(label, one, two, tolerance):
    difference = ArrayDifference(label)
    types = [extension.read(rows=slice(0, 0)).dtype for extension in (one, two)]  # as BZERO has it
    if one.shape != two.shape:
        difference.problem = f"shape {one.shape} | {two.shape}"
    elif types[0] != types[1] or one.stored != two.stored:
        names = [dtype.name for dtype in types]
        if types[0] == types[1]:
            names = [f"{dtype.name} stored as {e.stored.name}" for dtype, e in zip(types, (one, two), strict=True)]
        difference.problem = f"type {names[0]} | {names[1]}"
    else:
        flags = FLAGS.get(one.name) if types[0].kind in "iu" else None
        for index in np.ndindex(one.shape[:-2]):
            add_values(difference, one.read(index=index), two.read(index=index), tolerance, index, flags)
    return difference


def _tables(label, first, second, tolerance):
    try:
        one, two = first.table(), second.table()
    except InputError:  # variable columns and the like: compared as they are stored
        yield _stored_tables(label, first, second)
        return
    columns_a, columns_b = _columns(first.header), _columns(second.header)
    for name in dict.fromkeys([*columns_a, *columns_b]):
        difference = ArrayDifference(f"{label}:{name}")
        if name not in columns_a or name not in columns_b:
            difference.problem = "only in one of the tables"
        elif one[name].shape != two[name].shape:
            difference.problem = f"shape {one[name].shape} | {two[name].shape}"
        elif columns_a[name] != columns_b[name]:
            (form_a, unit_a), (form_b, unit_b) = columns_a[name], columns_b[name]
            difference.problem = f"type {form_a} | {form_b}" if form_a != form_b else f"unit {unit_a!r} | {unit_b!r}"
        elif one[name].dtype.kind in "fiu":
            add_values(difference, np.asarray(one[name]), np.asarray(two[name]), tolerance, ())
        else:
            difference.size = one[name].size
            difference.beyond = int(np.count_nonzero(one[name] != two[name]))
        yield difference


def _columns(header):
    """Type and unit of each column of a table, by name."""
    columns = {}
    for i in range(1, header["TFIELDS"] + 1):
        form = re.sub(r"^1(?=[A-Z])", "", header[f"TFORM{i}"].strip())
        zero = header.get(f"TZERO{i}", 0)
        columns[header[f"TTYPE{i}"]] = f"{form} from {zero}" if zero else form, header.get(f"TUNIT{i}", "")
    return columns


def _stored_tables(label, first, second):
    """Compare tables by their bytes."""
    difference = ArrayDifference(label, max(first.data_size, second.data_size))
    cards_a, cards_b = (
        {card.keyword: card.value for card in extension.header.cards if card.keyword.startswith(COLUMN)}
        for extension in (first, second)
    )
    if first.shape != second.shape:
        difference.problem = f"shape {first.shape} | {second.shape}"
    elif cards_a != cards_b:
        difference.problem = "columns of other names, types or units"
    elif first.raw().data != second.raw().data:
        difference.beyond = difference.size
    return difference


def add_values(difference, a, b, tolerance, index, flags=None):
    """Add one plane, or one column, to the account of an array.

    Parameters
    ----------
    difference : ArrayDifference
        The account.
    a, b : ndarray
        Numbers, of one shape.
    tolerance : Tolerance
        What counts as equal.
    index : tuple of int
        Place of the plane in the array.
    flags : type of enum.IntFlag, optional
        The numbers are such flags: they are equal or not, and are counted by name.
    """
    difference.size += a.size
    if flags is not None:
        changed = a != b
        x, y = a[changed].astype("u8"), b[changed].astype("u8")  # wide enough for the name of any bit
        difference.beyond += x.size
        for bit in flags:
            only_a, only_b = (int(np.count_nonzero(values & ~others & bit)) for values, others in ((x, y), (y, x)))
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
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.abs(x - y)
        scale = np.maximum(np.abs(x), np.abs(y))
        limit = tolerance.atol + tolerance.rtol * scale
        relative = np.where(np.isfinite(gap), gap / scale, np.inf)
    # Infinities that differ are infinitely far apart; where nothing is allowed, integers too large for f8 differ too.
    within = np.isfinite(gap) & (gap <= limit) & (limit > 0)
    difference.beyond += int(np.count_nonzero(~within))
    difference.largest_relative = max(difference.largest_relative, float(relative.max()))
    worst = int(gap.argmax())
    if gap[worst] > difference.largest:
        difference.largest = float(gap[worst])
        place = np.unravel_index(np.flatnonzero(differs.reshape(-1))[worst], a.shape)
        difference.where = (*index, *map(int, place))
