"""CRDS rules files: which rules a context holds, and which reference file an observation takes.

A context (``.pmap``) names one instrument file (``.imap``) an instrument, which names one rules file (``.rmap``) a
reference type, which holds the selectors. All three are Python literals; they are read as data, never executed.
"""

import ast
import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from jwpipe.errors import ReferenceError
from jwpipe.refs import literal
from jwpipe.refs.expressions import Expression
from jwpipe.refs.literal import LiteralError
from jwpipe.refs.parkeys import UNDEFINED
from jwpipe.refs.selectors import SELECTORS, NoMatchError, RefusedError, RuleError

__all__ = [
    "NOT_APPLICABLE",
    "OMITTED",
    "Index",
    "ReferenceRules",
    "checksum",
    "header_checksum",
    "parse_index",
    "parse_reference_rules",
]

NOT_APPLICABLE = "N/A"
OMITTED = "OMIT"
_NA_VALUES = frozenset(("N/A", "TEMP_N/A", "n/a", "temp_n/a"))
_OMIT_VALUES = frozenset(("OMIT", "TEMP_OMIT", "omit"))

# Conditions of any type may name these, whatever its rules select on.
_COMMON_PARAMETERS = ("META.VISIT.TSOVISIT", "META.INSTRUMENT.LAMP_STATE")

# A subarray reference that says GENERIC serves every subarray.
_SUBSTITUTIONS = {"META.SUBARRAY.NAME": {"GENERIC": "N/A"}, "SUBARRAY": {"GENERIC": "N/A"}}


@dataclass(frozen=True)
class Index:
    """A ``.pmap`` or ``.imap``: names of rules files by instrument or by reference type, in lower case.

    Attributes
    ----------
    name : str
        File name.
    files : dict of str to str
        Rules file, ``NOT_APPLICABLE`` or ``OMITTED`` by instrument or type.
    """

    name: str
    files: dict


class ReferenceRules:
    """A ``.rmap``: the rules of one reference type of one instrument.

    Parameters
    ----------
    name : str
        File name.
    header : dict
        The header of the file.
    selector : _Call
        The selector as read, its parameters not yet known.

    Raises
    ------
    RuleError, LiteralError
        If the rules are malformed.
    """

    def __init__(self, name, header, selector):
        self.name = name
        levels = header["parkey"]
        if not isinstance(levels, (tuple, list)) or not all(isinstance(level, (tuple, list)) for level in levels):
            raise RuleError("its parkey is not a list of lists of names")
        if not all(isinstance(key, str) for level in levels for key in level):
            raise RuleError("its parkey holds a name that is not text")
        substitutions = dict(_SUBSTITUTIONS)
        for parameter, table in _table(header, "substitutions").items():
            if not isinstance(table, dict):
                raise RuleError("its substitutions are not tables")
            substitutions[parameter] = table
        merge_overlaps = str(header.get("merge_overlaps", True)).upper() in ("TRUE", "1")
        if not isinstance(selector, _Call):
            raise RuleError("its selector is a plain table")
        self._selector = _built(selector, list(levels), substitutions, merge_overlaps)

        self.parkeys = [key for level in levels for key in level]
        self.parkeys += [str(key) for key in header.get("extra_keys") or ()]
        self.parkeys += _COMMON_PARAMETERS
        self._required = str(header.get("reffile_required", "NONE")).upper() in ("YES", "NONE")
        self._relevance = self._condition(_text(header, "rmap_relevance", "always").replace("always", "True"))
        self._omit = self._condition(_text(header, "rmap_omit", "False"))
        self._parkey_relevance = {
            str(key).lower(): self._condition(str(source)) for key, source in _table(header, "parkey_relevance").items()
        }
        # Parameters that only comment on a row never decide.
        self._comments = {str(key).lower() for key in header.get("comment_parkeys") or ()}

    def _condition(self, source):
        return Expression(source, self.parkeys)

    def best(self, parameters):
        """Choose the reference file for an observation.

        Parameters
        ----------
        parameters : mapping of str to str
            Conditioned parameters, see `jwpipe.refs.parkeys.parameters`.

        Returns
        -------
        str
            File name, ``NOT_APPLICABLE`` or ``OMITTED``.

        Raises
        ------
        LookupError
            If no rule matches; the message says why.
        """
        values = {key: parameters.get(key.upper(), UNDEFINED) for key in self.parkeys}
        if _holds(self._omit, values, otherwise=False):
            return OMITTED
        if not _holds(self._relevance, values, otherwise=True):
            return NOT_APPLICABLE
        decisive = dict(values)
        for key in self.parkeys:
            relevant = self._parkey_relevance.get(key.lower())
            if key.lower() in self._comments or (relevant and not _evaluated(relevant, values)):
                decisive[key] = "N/A"
        try:
            choice = self._selector.choose(decisive)
        except (NoMatchError, RefusedError):
            if self._required:
                raise
            return NOT_APPLICABLE
        return _single(choice)


def _holds(condition, values, otherwise):
    try:
        return condition(values)
    except (LookupError, TypeError):
        return otherwise  # a condition that cannot be judged does not count


def _evaluated(condition, values):
    try:
        return condition(values)
    except (LookupError, TypeError) as exc:
        raise LookupError(f"the condition on a parameter fails: {exc}") from None


def _single(choice):
    choices = set(choice) if isinstance(choice, tuple) else {choice}
    if len(choices) > 1 or not all(isinstance(name, str) for name in choices):
        raise LookupError("several rules match equally well: " + ", ".join(sorted(map(str, choices))))
    name = choices.pop()
    return NOT_APPLICABLE if name in _NA_VALUES else OMITTED if name in _OMIT_VALUES else name


def _text(header, key, default):
    """Give a header's text in lower case, save conditions in parentheses, whose names are in upper case."""
    text = str(header.get(key, default)) if key in header else default
    return text if key not in header or (text.startswith("(") and text.endswith(")")) else text.lower()


def _table(header, key):
    table = header.get(key) or {}
    if not isinstance(table, dict):
        raise RuleError(f"its {key} is not a table")
    return table


# ---------------------------------------------------------------------------------------------- reading


def checksum(text):
    """Compute the checksum that a rules file carries in its header.

    Parameters
    ----------
    text : str
        The file.

    Returns
    -------
    str
        SHA-1, in hexadecimal, of all lines but those that name ``sha1sum``.
    """
    lines = text.splitlines(keepends=True)
    return hashlib.sha1("".join(line for line in lines if "sha1sum" not in line).encode()).hexdigest()


def header_checksum(text, name):
    """Read the checksum that a rules file carries, without judging the rest of it.

    Parameters
    ----------
    text : str
        The file.
    name : str
        Its name, for messages.

    Returns
    -------
    str or None
        None where it carries none.

    Raises
    ------
    ReferenceError
        If the file is no rules file.
    """
    return _sections(text, name)[0].get("sha1sum")


def parse_index(text, name, verify=True):
    """Read a ``.pmap`` or ``.imap``.

    Parameters
    ----------
    text : str
        The file.
    name : str
        Its name.
    verify : bool
        Whether to hold the text against the checksum it carries.

    Returns
    -------
    Index
        The files that it names.

    Raises
    ------
    ReferenceError
        If the text is no such file; one line that names it.
    """
    _, selector = _checked(text, name, {"pmap": "PIPELINE", "imap": "INSTRUMENT"}, verify)
    if not isinstance(selector, dict):
        raise _wrong(name, "its selector is not a table")
    files = {}
    for key, file in selector.items():
        if not isinstance(key, str) or not isinstance(file, str):
            raise _wrong(name, f"its selector holds {file!r:.40} for {key!r:.40}")
        if file not in _NA_VALUES | _OMIT_VALUES and not _is_file_name(file):
            raise _wrong(name, f"{file!r:.60} is no file name")
        files[key.lower()] = NOT_APPLICABLE if file in _NA_VALUES else OMITTED if file in _OMIT_VALUES else file
    return Index(name, files)


def parse_reference_rules(text, name, verify=True):
    """Read a ``.rmap``.

    Parameters
    ----------
    text, name, verify
        As for `parse_index`.

    Returns
    -------
    ReferenceRules
        The rules, ready to choose.

    Raises
    ------
    ReferenceError
        If the text is no such file; one line that names it.
    """
    header, selector = _checked(text, name, {"rmap": "REFERENCE"}, verify)
    try:
        return ReferenceRules(name, header, selector)
    except (ValueError, TypeError, RecursionError) as exc:
        raise _wrong(name, exc) from None


def _checked(text, name, kinds, verify):
    header, selector = _sections(text, name)
    for key in ("mapping", "name", "observatory", "parkey"):
        if key not in header:
            raise _wrong(name, f"its header has no {key!r}")
    if str(header["mapping"]).upper() not in kinds.values():
        raise _wrong(name, f"it holds {header['mapping']!r:.20} rules, not those of a .{' or .'.join(kinds)}")
    if verify and header.get("sha1sum") != checksum(text):
        raise _wrong(name, "its contents do not agree with its checksum")
    return header, selector


def _sections(text, name):
    """Read the header and the selector."""
    sections = {}
    try:
        for statement in literal.parse(text).body:
            match statement:
                case ast.Assign(targets=[ast.Name(id="header" | "comment" as section)], value=node):
                    sections[section] = literal.value(node)
                case ast.Assign(targets=[ast.Name(id="selector")], value=node):
                    sections["selector"] = _selector(node)
                case _:
                    raise LiteralError(f"line {statement.lineno}: only header, comment and selector have a place")
    except LiteralError as exc:
        raise _wrong(name, exc) from None
    if not isinstance(sections.get("header"), dict) or "selector" not in sections:
        raise _wrong(name, "it has no header or no selector")
    return sections["header"], sections["selector"]


class _Call(NamedTuple):
    """A selector as written: its kind, and its choices by key, which may be selectors again."""

    kind: str
    rows: dict


def _selector(node):
    if isinstance(node, ast.Call):
        match node:
            case ast.Call(func=ast.Name(id=kind), args=[ast.Dict() as rows], keywords=[]) if kind in SELECTORS:
                return _Call(kind, literal.items(rows, _selector))
        raise LiteralError(f"line {node.lineno}: a selector should be {', '.join(SELECTORS)} of one table")
    if isinstance(node, ast.Dict):
        return literal.items(node, literal.value)
    return literal.value(node)


def _built(selector, levels, substitutions, merge_overlaps):
    """Turn what `_selector` read into selectors, one level of parameter names a level of nesting."""
    if isinstance(selector, _Call):
        if not levels:
            raise RuleError("its selectors nest deeper than its parkey")
        rows = {key: _built(choice, levels[1:], substitutions, merge_overlaps) for key, choice in selector.rows.items()}
        return SELECTORS[selector.kind](tuple(levels[0]), rows, substitutions, merge_overlaps)
    if isinstance(selector, str) and (selector in _NA_VALUES | _OMIT_VALUES or _is_file_name(selector)):
        return selector
    raise RuleError(f"{selector!r:.60} is neither a selector nor a file name")


def _is_file_name(name):
    return 0 < len(name) <= 200 and name[0] not in ".-" and all(c.isalnum() or c in "._- +" for c in name)


def _wrong(name, reason):
    return ReferenceError(
        f"the rules {name} cannot be used: {str(reason).splitlines()[0] if str(reason) else type(reason).__name__}",
        f"see `jwpipe refs verify`; `jwpipe refs fetch {name}` gets them anew",
    )
