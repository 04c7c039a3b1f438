"""Pools: tables of exposures from which associations are made."""

import csv
from ast import literal_eval
from functools import lru_cache
from pathlib import Path

from jwpipe.asn.document import write_text
from jwpipe.asn.exposures import EMPTY, exposure_root, exposure_type
from jwpipe.errors import InputError

__all__ = ["Exposure", "Pool", "parse_candidates", "read_pool", "write_pool"]


class Exposure:
    """One exposure of a pool.

    Parameters
    ----------
    values : dict of str to str
        The row: lower-case values by lower-case column.
    candidate : str
        The candidates that it is matched for: the row's own, or one of them.
    base : int
        Equal for rows that differ at most in their candidates.
    twin : Exposure, optional
        The same exposure for other candidates; shares all else, and the other arguments but `candidate` do not count.

    Attributes
    ----------
    values, candidate
        As given; `values` holds the row's own ``asn_candidate``.
    defined : dict
        The attributes that are defined, without ``asn_candidate``.
    exptype : str or None
        What kind of member it is by itself.
    root : str
        File name without suffix and extension.
    base : int
        As given.
    ident : tuple
        Equal for rows that are equal.
    plans : dict
        What the rules make of it; filled by the engine and shared by all twins, since no rule looks at candidates.
    """

    __slots__ = ("base", "candidate", "defined", "exptype", "ident", "plans", "root", "values")

    def __init__(self, values, candidate, base=0, twin=None):
        if twin is None:
            self.values = values
            self.defined = {k: value for k, value in values.items() if value not in EMPTY and k != "asn_candidate"}
            self.exptype = exposure_type(self.defined)
            self.root = exposure_root(values["filename"])
            self.base = base
            self.plans = {}
        else:
            for name in ("values", "defined", "exptype", "root", "base", "plans"):
                setattr(self, name, getattr(twin, name))
        self.candidate = candidate
        self.ident = (self.base, candidate)

    def for_candidate(self, candidate):
        """Give the same exposure with other candidates.

        Parameters
        ----------
        candidate : str
            Candidates as a pool's column holds them.

        Returns
        -------
        Exposure
        """
        return self if candidate == self.candidate else Exposure(None, candidate, twin=self)


class Pool:
    """A table of exposures.

    Parameters
    ----------
    rows : list of dict
        Rows: lower-case values by lower-case column.
    name : str
        Name of the file it came from.

    Attributes
    ----------
    name : str
    columns : list of str
    exposures : list of Exposure

    Raises
    ------
    InputError
        If a column without which nothing can be associated is missing.
    """

    def __init__(self, rows, name="in-memory"):
        self.name = name
        self.columns = list(rows[0]) if rows else []
        for column in ("filename", "program"):
            if rows and column not in rows[0]:
                raise InputError(f"pool {name} has no column {column.upper()}", "is its delimiter the one given?")
        bases = {}
        self.exposures = []
        for row in rows:
            rest = tuple(value for name, value in row.items() if name != "asn_candidate")
            self.exposures.append(Exposure(row, row.get("asn_candidate", "null"), bases.setdefault(rest, len(bases))))

    @property
    def has_candidates(self):
        """Whether the pool tells the candidates of its exposures; pools made before 2017 do not."""
        return all("asn_candidate" in exposure.values for exposure in self.exposures)

    def candidates(self):
        """Association candidates of all exposures.

        Returns
        -------
        dict of str to list of str
            Candidate ids by candidate type, both in order of appearance.
        """
        ids = {}
        for exposure in self.exposures:
            listed = parse_candidates(exposure.candidate)
            if isinstance(listed, int):
                ids.setdefault("unknown", {})[str(listed)] = True
                continue
            try:
                for ident, kind in listed:
                    ids.setdefault(kind, {})[ident] = True
            except (TypeError, ValueError):
                continue  # a value that is no list of pairs names no candidate
        return {kind: list(members) for kind, members in ids.items()}


@lru_cache(maxsize=4096)
def parse_candidates(text):
    """Read a value of the column ASN_CANDIDATE.

    Parameters
    ----------
    text : str
        A literal, normally a list of pairs of id and type.

    Returns
    -------
    object
        The literal's value; the text itself where it is no literal.
    """
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def read_pool(path, delimiter="|", table_format="ascii"):
    """Read a pool.

    Parameters
    ----------
    path : str or path-like
        The file. Lines that begin with ``#`` are comments; the first other line names the columns.
    delimiter : str
        What parts the columns.
    table_format : str
        ``ascii``, or any other format that astropy's tables are read in.

    Returns
    -------
    Pool
        All values lower case; blanks are ``null``.

    Raises
    ------
    InputError
        If the file cannot be read, or a row has more or fewer fields than the header.
    """
    path = Path(path)
    if table_format != "ascii":
        return Pool(_read_table(path, table_format, delimiter), path.name)
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read pool {path}: {getattr(error, 'strerror', None) or error}") from error
    numbered = [(n, line) for n, line in enumerate(lines, 1) if line.strip() and not line.lstrip().startswith("#")]
    fields = csv.reader((line for _, line in numbered), delimiter=delimiter, skipinitialspace=True)
    table = [[field.strip().lower() or "null" for field in row] for row in fields]
    if not table:
        raise InputError(f"pool {path} is empty")
    columns = table[0]
    if len(set(columns)) < len(columns):
        twice = next(c for c in columns if columns.count(c) > 1)
        raise InputError(f"pool {path} has two columns {twice.upper()}")
    for (number, _), row in zip(numbered[1:], table[1:], strict=False):
        if len(row) != len(columns):
            raise InputError(f"pool {path}, line {number}: {len(row)} fields, but {len(columns)} columns")
    return Pool([dict(zip(columns, row, strict=True)) for row in table[1:]], path.name)


def _read_table(path, table_format, delimiter):
    """Rows of a pool in one of astropy's formats."""
    from astropy.io.ascii import convert_numpy
    from astropy.table import Table

    options = {}
    if table_format.startswith("ascii.") and table_format != "ascii.ecsv":
        options["converters"] = {"*": [convert_numpy(str)]}  # 001 is no number
        if delimiter != "|" or table_format.endswith(("basic", "commented_header")):
            options["delimiter"] = delimiter
    try:
        table = Table.read(path, format=table_format, **options)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"cannot read pool {path} as {table_format}: {reason}") from error
    names = [name.lower() for name in table.colnames]
    text = [["null" if getattr(value, "mask", False) is True else str(value).lower() for value in row] for row in table]
    return [dict(zip(names, ("null" if value in ("--", "") else value for value in row), strict=True)) for row in text]


def write_pool(path, rows, columns=None, delimiter="|"):
    """Write a pool.

    Parameters
    ----------
    path : str or path-like
        The file.
    rows : list of dict
        Rows with the same keys.
    columns : iterable of str, optional
        The header; by default the keys of the first row.
    delimiter : str
        What parts the columns. Values that hold it, quotes or blank ends are quoted.
    """

    def quoted(value):
        if value != value.strip() or delimiter in value or value.startswith(('"', "#")):
            return '"{}"'.format(value.replace('"', '""'))
        return value

    lines = [delimiter.join(columns or (rows[0] if rows else ()))]
    lines += [delimiter.join(quoted(str(value).replace("\n", " ")) for value in row.values()) for row in rows]
    write_text(path, "\n".join(lines) + "\n")
