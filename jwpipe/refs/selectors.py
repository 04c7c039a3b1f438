"""The selectors that JWST rules are built of: Match, UseAfter and VersionAfter.

Selection follows the CRDS client exactly, its corners included, because two programs that choose different reference
files for one exposure cannot be compared. What decides:

- A Match row matches where every element of its key matches the parameter of its place. An exact or pattern match
  counts one point, N/A (in the rule or in the header) counts none. Rows with most points are tried first; a row that
  leads nowhere (no date early enough) gives way to the next best.
- Rows of equal points are merged: their dates form one list, and on equal dates the greater file name wins.
- A parameter value that no row mentions ends the search at once, unless a row takes anything there.
- UseAfter takes the latest date that is not after the observation's, VersionAfter the greatest version likewise.
"""

import operator
import re
import warnings
from bisect import bisect_right
from fnmatch import fnmatchcase

from jwpipe.refs import dates
from jwpipe.refs.parkeys import UNDEFINED, conditioned

__all__ = ["SELECTORS", "NoMatchError", "RefusedError", "RuleError", "UnusableError"]

MATCH, ANYTHING, NOTHING = 1, 0, -1
_WILD = ("*", "ANY", "N/A")


class RuleError(ValueError):
    """A rule that is malformed."""


class NoMatchError(LookupError):
    """No row matches; the search goes on with the next best row of the selector above."""


class RefusedError(LookupError):
    """The header cannot be judged by these rules; the search ends."""


class UnusableError(RefusedError):
    """A parameter is missing from the header, or malformed."""


# ---------------------------------------------------------------------------------------------- keys of Match


def _esoteric(text):
    """Tell whether a key is an expression, so that header values cannot be checked against it."""
    text = text.upper()
    enclosed = text.startswith(("{", "(", "#")) and text.endswith(("}", ")", "#"))
    return enclosed or text.startswith(("BETWEEN", "NOT"))


def _alternatives(text):
    if "|" in text and not _esoteric(text):
        return sorted(part.strip() for part in text.split("|") if part.strip())
    return [text]


def _condition_element(element):
    if isinstance(element, (tuple, list)):
        return "|".join(conditioned(part) for part in element)
    if isinstance(element, str):
        if (element.startswith("{") and element.endswith("}")) or (element.startswith("(") and element.endswith(")")):
            return element
        return "|".join(conditioned(part) for part in _alternatives(element))
    return conditioned(element)


def _condition_key(key):
    return tuple(_condition_element(element) for element in (key if isinstance(key, tuple) else (key,)))


def _test(key):
    """Make the test for one element of a key: a function of the header's value that gives the match's points.

    Parameters
    ----------
    key : str
        A conditioned element: a value, ``A|B``, a pattern with ``*``, ``N/A``, ``NOT x``, ``BETWEEN a b``, ``> a``,
        ``#> a AND < b#``, ``{literally this}`` or ``(regular expression)``.

    Returns
    -------
    callable
        ``test(value)`` gives MATCH, ANYTHING or NOTHING.
    """
    if len(key) > 20_000:
        raise RuleError(f"the key element {key[:40]!r}... is {len(key)} characters long")
    if key.startswith("(") and key.endswith(")"):
        pattern = _regular_expression(key[1:-1])
        return _either_or(lambda value: len(value) <= 256 and pattern.match(value))
    if key.startswith("{") and key.endswith("}"):
        return _equals(key[1:-1])
    if key.startswith("#") and key.endswith("#"):
        key = key.upper()
        for word in ("AND", "OR"):
            if f" {word} " in key:
                return _relation(key, key.strip()[1:-1], word)
        return _test(key[1:-1])
    if key.upper().startswith("BETWEEN"):
        words = key.split()
        if len(words) != 3 or not float(words[1]) <= float(words[2]):
            raise RuleError(f"{key!r:.60} should be 'between LOW HIGH'")
        relation = f">={words[1]} AND <{words[2]}"
        return _relation(relation, relation, "AND")
    if key.upper().startswith("NOT "):
        inner = _test(key[4:].strip())
        return lambda value: -inner(value)
    if "|" in key or "*" in key:
        parts = _alternatives(key)
        patterns = [part for part in parts if any(c in part for c in "*?[")]
        values = frozenset(parts).difference(patterns)
        return _either_or(lambda value: value in values or any(fnmatchcase(value, part) for part in patterns))
    if key == "N/A":
        return lambda value: ANYTHING
    if key.startswith((">", "<")):
        return _inequality(key)
    return _equals(key)


def _either_or(predicate):
    """Make a test of a predicate: the header values ``*`` and ``N/A`` match whatever the rule says."""

    def test(value):
        if value == "*":
            return MATCH
        if value == "N/A":
            return ANYTHING
        return MATCH if predicate(value) else NOTHING

    return test


def _equals(key):
    return _either_or(lambda value: value == key)


def _inequality(key):
    parts = re.match(r"([><]=?)\s*([-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?)", key[:100])
    if not parts:
        raise RuleError(f"{key!r:.60} compares with no number")
    compare = {">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le}[parts[1]]
    limit = float(parts[2])

    def holds(value):
        try:
            return value == key or compare(float(value), limit)
        except ValueError:
            return False

    return _either_or(holds)


def _relation(key, body, word):
    first, second = (_test(part.strip()) for part in body.split(word)[:2])
    join = all if word == "AND" else any
    return _either_or(
        lambda value: value.upper() == key or join(test(value.upper()) == MATCH for test in (first, second))
    )


def _regular_expression(pattern):
    """Compile a regular expression of a rule, provided that it cannot take long: no repetition of what repeats."""
    if len(pattern) > 1000 or len(re.findall(r"[*+?]", pattern)) > 3 or re.search(r"\)[*+?{]|\{|\\[1-9]|\(\?", pattern):
        raise RuleError(f"the regular expression {pattern!r:.60} is too involved")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(pattern)
    except (re.error, OverflowError) as exc:
        raise RuleError(f"the regular expression {pattern!r:.60} is wrong: {exc}") from None


# ---------------------------------------------------------------------------------------------- selectors


class _Selector:
    """A table of keys and choices; a choice is a file name, N/A, OMIT or another selector."""

    def _follow(self, choice, parameters):
        return choice.choose(parameters) if isinstance(choice, _Selector) else choice


class Match(_Selector):
    """Chooses the rows whose keys match the parameters.

    Parameters
    ----------
    names : sequence of str
        The parameters that key elements are compared with, by place.
    rows : dict
        Choices by key; a key is a tuple of elements, or the one element itself.
    substitutions : mapping
        ``{parameter: {written: meant}}`` for key elements.
    merge_overlaps : bool
        Whether rows that match equally well are merged, or an error.

    Raises
    ------
    RuleError
        If a key is malformed or occurs twice.
    """

    def __init__(self, names, rows, substitutions, merge_overlaps):
        self._names = names
        self._merge_overlaps = merge_overlaps
        self._substitutions = substitutions
        rows = dict(rows)
        for place, name in enumerate(names):
            if name in substitutions:
                _substitute(rows, place, substitutions[name])
        keyed = [(_condition_key(key), choice) for key, choice in rows.items()]
        if len(dict(keyed)) != len(keyed):
            raise RuleError("two keys are the same")
        for key, _ in keyed:
            if len(key) != len(names):
                raise RuleError(f"the key {key!r:.80} has {len(key)} elements for {len(names)} parameters")
        keyed.sort(key=lambda row: row[0])
        tests = {}  # rules repeat few values many times
        self._rows = [
            ([tests.get(part) or tests.setdefault(part, _test(part)) for part in key], choice) for key, choice in keyed
        ]
        self._allowed = [_values(key[place] for key, _ in keyed) for place in range(len(names))]

    def choose(self, parameters):
        """Find the choice for an observation.

        Parameters
        ----------
        parameters : mapping of str to str
            Conditioned values by name; what is missing is UNDEFINED.

        Returns
        -------
        str or tuple of str
            The choice; a tuple where several rows match equally well and cannot be merged.

        Raises
        ------
        NoMatchError, RefusedError
            If there is none.
        """
        values = [parameters.get(name, UNDEFINED) for name in self._names]
        for name, value, allowed in zip(self._names, values, self._allowed, strict=True):
            if not _admissible(value, allowed, self._substitutions.get(name, {})):
                if value == UNDEFINED:
                    raise UnusableError(f"{name} is not given")
                raise RefusedError(f"{name} = {value} occurs in no rule")
        ranked = {}
        for tests, choice in self._rows:
            points = 0
            for test, value in zip(tests, values, strict=True):
                point = test(value)
                if point == NOTHING:
                    break
                points += point
            else:
                ranked.setdefault(points, []).append(choice)
        reason = "no rule matches " + ", ".join(f"{n} = {v}" for n, v in zip(self._names, values, strict=True))
        for points in sorted(ranked, reverse=True):
            try:
                return self._follow(self._merged(ranked[points]), parameters)
            except NoMatchError as exc:
                reason = str(exc)
        raise NoMatchError(reason)

    def _merged(self, choices):
        if len(choices) == 1:
            return choices[0]
        if not self._merge_overlaps:
            raise RefusedError("several rules match equally well")
        if not isinstance(choices[0], _Selector):
            return tuple(choices)
        if len({type(choice) for choice in choices}) > 1 or isinstance(choices[0], Match):
            raise RefusedError("rules that match equally well cannot be merged")
        return choices[0].merged(choices[1:])


def _substitute(rows, place, table):
    """Replace elements of keys in place; of keys that become equal, the last replaced takes the row."""
    for key in list(rows):
        element = key[place] if isinstance(key, tuple) and place < len(key) else key
        if isinstance(element, str) and element in table:
            meant = table[element]
            meant = tuple(meant) if isinstance(meant, list) else meant
            new = (*key[:place], meant, *key[place + 1 :]) if isinstance(key, tuple) else meant
            rows[new] = rows.pop(key)


def _values(elements):
    """Collect the values that key elements of one place mention; empty where one of them is an expression."""
    values = set()
    for element in elements:
        if _esoteric(element):
            return frozenset()
        values.update(_alternatives(element))
    return frozenset(values)


def _admissible(value, allowed, substitutions, depth=0):
    """Tell whether a header value can be judged by rules that mention the values `allowed`."""
    if value in allowed or conditioned(value) in allowed or not allowed or not allowed.isdisjoint(_WILD):
        return True
    if value.startswith("NOT"):
        return _admissible(value[3:].strip(), allowed, substitutions, depth)
    if _esoteric(value) or value in _WILD:
        return True
    meant = substitutions.get(value)
    return isinstance(meant, str) and depth < 20 and _admissible(meant, allowed, substitutions, depth + 1)


class _After(_Selector):
    """Chooses the last row whose key does not exceed the observation's value."""

    def __init__(self, names, rows, substitutions=None, merge_overlaps=True):
        if not all(isinstance(key, str) for key in rows):
            raise RuleError("a date or version is not text")
        keyed = {self._key(key): choice for key, choice in rows.items()}
        if len(keyed) != len(rows):
            raise RuleError("two versions are the same")
        self._names = names
        self._arrange(keyed)

    def _arrange(self, keyed):
        self._by_key = keyed
        self._keys = sorted(keyed)

    def choose(self, parameters):
        """Find the choice for an observation; see `Match.choose`."""
        value = self._value([parameters.get(name, UNDEFINED).strip() for name in self._names])
        place = bisect_right(self._keys, value)
        if not place:
            raise NoMatchError(f"no rule is as early as {self._shown(value)}")
        return self._follow(self._by_key[self._keys[place - 1]], parameters)

    def merged(self, others):
        """Join the rows of selectors that apply equally; on equal keys the greater name wins."""
        keyed = dict(self._by_key)
        for key, choice in (row for other in others for row in other._by_key.items()):
            if key in keyed:
                if not (isinstance(choice, str) and isinstance(keyed[key], str)):
                    raise RefusedError("rules that match equally well cannot be merged")
                choice = max(choice, keyed[key])
            keyed[key] = choice
        joined = type(self)(self._names, {})
        joined._arrange(keyed)
        return joined


class UseAfter(_After):
    """Chooses by date: the latest that is not after the observation."""

    @staticmethod
    def _key(text):
        return text

    @staticmethod
    def _value(values):
        if UNDEFINED in values:
            raise UnusableError("DATE-OBS or TIME-OBS is not given")
        try:
            return dates.normalised(" ".join(values).strip())
        except (ValueError, OverflowError):
            raise UnusableError(f"DATE-OBS and TIME-OBS, {' '.join(values)!r:.60}, are no date") from None

    @staticmethod
    def _shown(value):
        return value


class VersionAfter(_After):
    """Chooses by software version: the greatest that is not above the one given."""

    @staticmethod
    def _key(text):
        parts = re.fullmatch(r"(\d{1,8})(?:\.(\d{1,8}))?(?:\.(\d{1,8}))?[a-zA-Z0-9_+\-.]{0,128}", text)
        if not parts:
            raise RuleError(f"{text!r:.60} is no version")
        return tuple(int(part or 0) for part in parts.groups())

    @classmethod
    def _value(cls, values):
        try:
            return cls._key("|".join(_alternatives(".".join(values))))
        except RuleError as exc:
            raise RefusedError(str(exc)) from None

    @staticmethod
    def _shown(value):
        return ".".join(map(str, value))


SELECTORS = {"Match": Match, "UseAfter": UseAfter, "VersionAfter": VersionAfter}
