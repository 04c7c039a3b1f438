"""Comparison of two folders of products: which changed, how and where."""

import filecmp
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jwpipe.errors import InputError, JwpipeError
from jwpipe.products.suffixes import split_suffix
from jwpipe.report.compare import ArrayDifference, Comparison, Tolerance, add_values, compare, describe

__all__ = ["CHANGED", "DAMAGED", "GONE", "NEW", "SAME", "FileComparison", "TreeComparison", "compare_trees"]

SAME, CHANGED, GONE, NEW, DAMAGED = "same", "changed", "gone", "new", "damaged"
PRODUCTS = (".fits", ".ecsv", ".json", ".asdf")
RECORDS = (".run.json", ".plan.json")  # tell of runs, not of what they made


@dataclass
class FileComparison:
    """What became of one product.

    Attributes
    ----------
    name : str
        Path below the folders.
    state : str
        `SAME`, `CHANGED`, `GONE` (only in the old folder), `NEW` (only in the new one), `DAMAGED` (cannot be read).
    reason : str
        Why it cannot be read, or how a file of another kind than FITS differs.
    comparison : Comparison or None
        Extension by extension.
    """

    name: str
    state: str
    reason: str = ""
    comparison: Comparison | None = None

    @property
    def kind(self):
        """What product it is: its suffix."""
        stem = Path(self.name).name.partition(".")[0]
        base, separator = split_suffix(stem)
        return stem[len(base) + len(separator) :] or Path(self.name).suffix[1:]

    def lines(self):
        """Say how it differs, a line a difference."""
        if self.reason:
            yield self.reason
        if self.comparison is not None:
            for array in self.comparison.arrays:
                if not array.passes(self.comparison.tolerance):
                    yield f"{array.extension}: {describe(array)}"
            for extension, keyword, a, b in self.comparison.keywords:
                yield f"{extension}.{keyword}: {a!r} | {b!r}"


@dataclass
class TreeComparison:
    """What came of comparing two folders: `files` by name, and what counted as equal."""

    old: str
    new: str
    tolerance: Tolerance
    files: list = field(default_factory=list)

    @property
    def same(self):
        """Whether no product differs, and none is missing or new."""
        return all(file.state == SAME for file in self.files)

    def counts(self):
        """Number of products in each state, by kind of product."""
        table = {}
        for file in self.files:
            table.setdefault(file.kind, Counter())[file.state] += 1
        return table

    def places(self):
        """Count in how many products each array and each keyword differs, the most frequent first.

        Returns
        -------
        list of tuple
            Kind of product, array or keyword, number of products.
        """
        places = Counter()
        for file in self.files:
            if file.comparison is None or file.state != CHANGED:
                continue
            own = {a.extension for a in file.comparison.arrays if not a.passes(self.tolerance)}
            own |= {f"{extension}.{keyword}" for extension, keyword, _, _ in file.comparison.keywords}
            places.update((file.kind, place) for place in own)
        return [(*place, number) for place, number in sorted(places.items(), key=lambda item: (-item[1], item[0]))]

    def as_dict(self):
        """Give all of it as plain data, for JSON; of products that are the same the name alone."""
        files = []
        for file in self.files:
            entry = {"name": file.name, "kind": file.kind, "state": file.state}
            if file.reason:
                entry["reason"] = file.reason
            if file.comparison is not None and file.state != SAME:
                data = file.comparison.as_dict()
                entry["arrays"] = [array for array in data["arrays"] if not array["same"]]
                entry["keywords"] = data["keywords"]
            files.append(entry)
        tolerance = {"rtol": self.tolerance.rtol, "atol": self.tolerance.atol, "share": self.tolerance.share}
        return {
            "old": self.old,
            "new": self.new,
            "same": self.same,
            "tolerance": tolerance,
            "counts": {kind: dict(states) for kind, states in self.counts().items()},
            "places": [{"kind": kind, "place": place, "products": number} for kind, place, number in self.places()],
            "files": files,
        }


def compare_trees(old, new, tolerance=None, ignore=(), threads=1):
    """Compare all products below two folders.

    Parameters
    ----------
    old, new : path-like
        The folders. Products are those of equal path below them; records of runs and hidden files are left aside.
    tolerance : Tolerance, optional
        What counts as equal.
    ignore : iterable of str, optional
        Extensions and keywords to leave out, as of `jwpipe.report.compare.compare`.
    threads : int, optional
        Products to compare at a time.

    Returns
    -------
    TreeComparison

    Raises
    ------
    InputError
        One of them is no folder, or neither has products.
    """
    tolerance = tolerance or Tolerance()
    old, new = Path(old), Path(new)
    before, after = set(_products(old)), set(_products(new))
    names = sorted(before | after)
    if not names:
        raise InputError(f"there are no products in {old} and {new}")

    def one(name):
        if name not in after:
            return FileComparison(name, GONE)
        if name not in before:
            return FileComparison(name, NEW)
        return _compare_file(name, old / name, new / name, tolerance, ignore)

    with ThreadPoolExecutor(threads) as pool:
        return TreeComparison(str(old), str(new), tolerance, list(pool.map(one, names)))


def _products(folder):
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}")
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.endswith(PRODUCTS) and not name.endswith(RECORDS) and not name.startswith("."):
                yield (Path(place) / name).relative_to(folder).as_posix()


def _compare_file(name, a, b, tolerance, ignore):
    try:
        if filecmp.cmp(a, b, shallow=False):
            return FileComparison(name, SAME)
        if name.endswith(".fits"):
            comparison = compare(a, b, tolerance, ignore)
        elif name.endswith(".ecsv"):
            comparison = _catalogues(a, b, tolerance, ignore)
        else:
            return FileComparison(name, CHANGED, "its content differs")
    except (JwpipeError, OSError) as problem:
        return FileComparison(name, DAMAGED, " ".join(str(problem).split()))
    return FileComparison(name, SAME if comparison.same else CHANGED, comparison=comparison)


def _catalogues(a, b, tolerance, ignore):
    """Compare two tables of sources, column by column."""
    from astropy.table import Table

    def read(path):
        try:
            return Table.read(path, format="ascii.ecsv")
        except Exception as problem:  # whatever a damaged file makes of its reader
            raise InputError(f"{path} is no table: {' '.join(str(problem).split())[:200]}") from None

    one, two = read(a), read(b)
    result = Comparison(str(a), str(b), tolerance)
    ignored = {name.upper() for name in ignore}
    for name in dict.fromkeys([*one.colnames, *two.colnames]):
        if name.upper() in ignored:
            continue
        difference = ArrayDifference(name)
        if name not in one.colnames or name not in two.colnames:
            difference.problem = "only in one of the tables"
        elif len(one) != len(two):
            difference.problem = f"{len(one)} rows | {len(two)} rows"
        elif str(one[name].unit) != str(two[name].unit):
            difference.problem = f"unit {one[name].unit} | {two[name].unit}"
        else:
            x, y = (np.ma.filled(np.ma.asarray(_plain(table[name])), _blank(table[name])) for table in (one, two))
            if x.dtype.kind in "fiu" and y.dtype.kind in "fiu":
                add_values(difference, x, y, tolerance, ())
            else:
                difference.size, difference.beyond = x.size, int(np.count_nonzero(x.astype(str) != y.astype(str)))
        result.arrays.append(difference)
    return result


def _plain(column):
    """Values of a column without their unit; coordinates as text."""
    if hasattr(column, "ra"):
        return np.char.add(column.ra.deg.astype(str), column.dec.deg.astype(str))
    return getattr(column, "value", column)


def _blank(column):
    kind = getattr(column, "dtype", np.dtype("U1")).kind
    return np.nan if kind == "f" else 0 if kind in "iub" else ""
