"""Constraints: the declared conditions under which an exposure belongs to an association.

Four combinations (`All`, `Any`, `NotAny`, `NotAll`) of two kinds of leaf: `Attr` compares an attribute, `Check` asks a
question. A leaf with ``unique`` keeps the first value it accepts: every later exposure must have the same.

Constraints are data and hold no state. `compile_constraints` makes of them

- ``check``, which tests one exposure against one growing association and keeps what it finds in the association's
  slots (one slot a leaf), and
- `outlook`, which tells from the exposure alone, without any association, whether it can ever pass. It answers from
  the values that cannot change and says "unknown" (None) for the rest, so that the engine skips without testing what
  is bound to fail.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

__all__ = ["All", "Any", "Attr", "Check", "NotAll", "NotAny", "Over", "Request", "compile_constraints", "outlook"]


class Over(IntEnum):
    """What a list of exposures is matched against; lists are worked through in this order."""

    BOTH = 1  # associations that exist, then rules that may begin new ones
    EXISTING = 2  # associations that exist
    NONSCIENCE = 3  # the same, for exposures that only accompany science


@dataclass(frozen=True)
class Request:
    """A wish to match an exposure again, later.

    Attributes
    ----------
    items : tuple
        The exposures.
    over : Over
        What to match them against.
    all_rules : bool
        Whether every rule is asked, not only the one whose constraint wishes it.
    on_match : bool
        Whether the wish stands for a whole constraint that matched; requests are pooled apart by it.
    """

    items: tuple
    over: Over
    all_rules: bool = False
    on_match: bool = False


@dataclass(frozen=True)
class Attr:
    """An attribute of the exposure.

    Attributes
    ----------
    name : str or None
        Name by which products' names and the printed constraints refer to it; None is not printed.
    sources : tuple of str
        Columns in which to look; the first that is defined counts.
    value : str, list of str, callable or None
        Alternatives separated by ``|``, a regular expression, a list of either, a function of the association that
        gives a predicate on values, or None for any value. All without regard to case.
    unique : bool
        Keep the first accepted value.
    required : bool
        Whether an undefined attribute fails.
    undefined : bool
        Whether it is a *defined* attribute that fails.
    again : Over or None
        Match the exposure again over these once it is accepted.
    when : callable or None
        Function of association and exposure; where it is false the constraint is met.
    label : str
        Kind of constraint as users see it in the ``constraints`` text of associations.
    """

    name: str | None
    sources: tuple
    value: object = None
    unique: bool = True
    required: bool = True
    undefined: bool = False
    again: Over | None = None
    when: Callable | None = None
    label: str = "DMSAttrConstraint"
    accepts: Callable | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self):
        if not callable(self.value):
            object.__setattr__(self, "accepts", _predicate(self.value))


@dataclass(frozen=True)
class Check:
    """A question to association and exposure.

    Attributes
    ----------
    test : callable
        Function of association and exposure that returns a bool.
    ahead : callable or None
        Function of exposure and `closed` (whether the association has its science) that answers True, False or
        None without the association. By default nothing is known ahead.
    name, value, label
        As printed; a check without name is not printed.
    again : Over or None
        Match the exposure again over these, by all rules, when the check *fails*.
    """

    test: Callable
    ahead: Callable | None = None
    name: str | None = None
    value: object = None
    label: str = "SimpleConstraint"
    again: Over | None = None


class _Group:
    """A combination of constraints.

    Parameters
    ----------
    *parts : Attr, Check, All, Any, NotAny or NotAll
        Constraints, tried in order.
    again : Over, optional
        Match the exposure again over these once the combination is met.
    name : str, optional
        Hides leaves of the same name behind it when the association looks up a name.
    """

    def __init__(self, *parts, again=None, name=None):
        self.parts = parts
        self.again = again
        self.name = name


class All(_Group):
    """Every part is met."""


class Any(_Group):
    """One part is met; those after the first that is are not tried."""


class NotAny(_Group):
    """No part is met."""


class NotAll(_Group):
    """Some part is not met."""


def _predicate(value):
    """Make the test of a declared value: function of str, or None where any value will do."""
    if value is None:
        return None
    tests = []
    for pattern in [value] if isinstance(value, str) else value:
        if re.search(r"[.*+?^$()\[\]{}\\]", pattern):
            tests.append(re.compile(pattern, re.IGNORECASE).fullmatch)
        else:
            tests.append(frozenset(pattern.lower().split("|")).__contains__)
    return tests[0] if len(tests) == 1 else lambda text: any(test(text) for test in tests)


def leaves(node):
    """Leaves of a tree of constraints, in order.

    Parameters
    ----------
    node : All, Any, NotAny, NotAll, Attr or Check
        The tree.

    Yields
    ------
    Attr or Check
    """
    if isinstance(node, _Group):
        for part in node.parts:
            yield from leaves(part)
    else:
        yield node


def named(node):
    """First leaf of each name, as associations look them up.

    A named group that comes first hides a leaf of the same name.

    Parameters
    ----------
    node : All, Any, NotAny, NotAll, Attr or Check
        The tree.

    Returns
    -------
    dict of str to int
        Number of the leaf in the order of `leaves`, by name.
    """
    found, number = {}, 0

    def walk(node):
        nonlocal number
        if isinstance(node, _Group):
            if node.name:
                found.setdefault(node.name, None)
            for part in node.parts:
                walk(part)
        else:
            if node.name:
                found.setdefault(node.name, number)
            number += 1

    walk(node)
    return {name: leaf for name, leaf in found.items() if leaf is not None}


def compile_constraints(node, track=None):
    """Make the function that tests an exposure against an association.

    Parameters
    ----------
    node : All, Any, NotAny, NotAll, Attr or Check
        The constraints.
    track : str, optional
        Name of the one leaf whose last outcome the association remembers as ``tracked``.

    Returns
    -------
    callable
        Function of association and exposure that returns whether the constraints are met and a list of `Request`. The
        association has the lists ``values``, ``sources``, ``found`` (a slot a leaf) and the attribute ``tracked``,
        and must restore them itself when the outcome is False.
    """
    numbers = iter(range(sum(1 for _ in leaves(node))))

    def build(node):
        if isinstance(node, Attr):
            check = _attr_check(node, next(numbers))
            return _tracked(check) if track and node.name == track else check
        if isinstance(node, Check):
            return _question_check(node, next(numbers))
        parts = [build(part) for part in node.parts]
        check = _all_check(parts) if isinstance(node, All | NotAll) else _any_check(parts)
        if isinstance(node, NotAny | NotAll):
            check = _inverted(check)
        return _repeated(check, node.again) if node.again else check

    return build(node)


_NOTHING = []  # shared: callers never change a list of requests that they are given


def _attr_check(leaf, slot):
    sources, required, undefined, unique, when = leaf.sources, leaf.required, leaf.undefined, leaf.unique, leaf.when
    dynamic = leaf.value if callable(leaf.value) else None
    accepts = leaf.accepts
    absent_passes = undefined or not required
    again = leaf.again

    def check(asn, item):
        if when is not None and not when(asn, item):
            return True, ([Request((item,), again, on_match=True)] if again else _NOTHING)
        source = asn.sources[slot]
        if source is not None:
            value = item.defined.get(source)
        else:
            for source in sources:
                value = item.defined.get(source)
                if value is not None:
                    break
        if value is None:
            return absent_passes, _NOTHING
        if undefined:
            return False, _NOTHING
        kept = asn.values[slot]
        if kept is not None:
            if value != kept:
                return False, _NOTHING
        elif dynamic is not None:
            if not dynamic(asn)(value):
                return False, _NOTHING
        elif accepts is not None and not accepts(value):
            return False, _NOTHING
        if value not in asn.found[slot]:
            asn.found[slot] = (*asn.found[slot], value)
        if unique:
            asn.values[slot] = value
            asn.sources[slot] = source
        return True, ([Request((item,), again, on_match=True)] if again else _NOTHING)

    return check


def _question_check(leaf, slot):
    test, again = leaf.test, leaf.again

    def check(asn, item):
        if test(asn, item):
            asn.found[slot] = True
            return True, _NOTHING
        return False, ([Request((item,), again, all_rules=True)] if again else _NOTHING)

    return check


def _tracked(check):
    def tracked(asn, item):
        outcome = check(asn, item)
        asn.tracked = outcome[0]
        return outcome

    return tracked


def _all_check(parts):
    def check(asn, item):
        requests, refused = _NOTHING, None
        for part in parts:
            met, wishes = part(asn, item)
            if met:
                if wishes:
                    requests = requests + wishes
            elif not wishes:
                return False, _NOTHING
            elif refused is None:
                # A failure that wishes to be tried again counts only if no other part fails for good.
                refused = wishes
        return (True, requests) if refused is None else (False, refused)

    return check


def _any_check(parts):
    def check(asn, item):
        requests = _NOTHING
        for part in parts:
            met, wishes = part(asn, item)
            if met:
                return True, wishes
            if wishes:
                requests = requests + wishes
        return False, requests

    return check


def _inverted(check):
    def inverted(asn, item):
        met, wishes = check(asn, item)
        return not met, wishes

    return inverted


def _repeated(check, again):
    def repeated(asn, item):
        met, wishes = check(asn, item)
        return met, ([*wishes, Request((item,), again)] if met else wishes)

    return repeated


def outlook(node, item, closed=False):
    """Tell from the exposure alone whether constraints can be met.

    Parameters
    ----------
    node : All, Any, NotAny, NotAll, Attr or Check
        The constraints.
    item : object
        The exposure, with the dict ``defined``.
    closed : bool
        Whether the association already has its science member.

    Returns
    -------
    bool or None
        False: by no association of this rule, ever; True: by every one; None: that depends.
    """
    if isinstance(node, Attr):
        return _attr_outlook(node, item)
    if isinstance(node, Check):
        return node.ahead(item, closed) if node.ahead else None
    # Kleene's three-valued logic: `sure` settles an "and" (False) or an "or" (True) at once.
    sure = not isinstance(node, All | NotAll)
    result = not sure
    for part in node.parts:
        ahead = outlook(part, item, closed)
        if ahead is sure:
            result = sure
            break
        if ahead is None:
            result = None
    return (not result if result is not None else None) if isinstance(node, NotAny | NotAll) else result


def _attr_outlook(leaf, item):
    values = [item.defined[source] for source in leaf.sources if source in item.defined]
    if not values:
        return True if leaf.undefined or not leaf.required else False if leaf.when is None else None
    if leaf.when is not None or callable(leaf.value):
        return None
    if leaf.undefined:
        return False
    if leaf.accepts is not None and not any(leaf.accepts(value) for value in values):
        return False
    return None if leaf.unique or len(leaf.sources) > 1 else True
