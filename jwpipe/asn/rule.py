"""What a rule is, and the conditions that rules of both levels share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from jwpipe.asn.constraints import All, Any, Attr, Check, compile_constraints, leaves, named, outlook
from jwpipe.asn.exposures import TSO_ALWAYS

__all__ = ["TARGET_ACQUISITION", "TSO", "WFSC", "Plan", "Rule", "has_science", "one_of", "static"]


@dataclass(frozen=True)
class Plan:
    """What a rule can make of an exposure, whatever else is in the pool.

    Attributes
    ----------
    possible : bool
        Whether any association of the rule can take it.
    joins_closed : bool
        Whether one that has its science already can.
    key : tuple of str
        Values on which it must agree with the association.
    """

    possible: bool
    joins_closed: bool = False
    key: tuple = ()


@dataclass(frozen=True, eq=False)
class Rule:
    """A kind of association.

    Attributes
    ----------
    name : str
        Name under which associations record it, without the prefix for the way it was applied.
    level : int
        2 or 3: the stage that processes the association.
    asn_type : str
        The association's type: which pipeline takes it.
    constraints : All
        Which exposures belong to one association.
    core : tuple
        Constraints that every member but a companion met, from which the index's keys are taken.
    exposure_type : callable
        Function of association and exposure: the member's type.
    tests : tuple of callable
        Functions of the association, each of which must have been true of it after the addition of some member.
    product_name : callable or None
        Function of the association (level 3; in level 2 the science member names the product).
    finish : callable or None
        Function of the association that returns the associations it ends as, an empty list for none; called on
        valid and invalid ones.
    coronagraphic : bool
        Whether coronagraphic exposures keep their integrations apart.
    track : str or None
        Name of the leaf whose last outcome `exposure_type` looks at.
    absorbs : str or None
        Name of the check after which an exposure, though added, may begin associations of the rule too.
    companions : bool
        Whether target acquisitions may join by another way than `core`.
    remembers : bool
        Whether the outcome depends on the exposure tested last, so that no test may be left out.
    """

    name: str
    level: int
    asn_type: str
    constraints: All
    core: tuple
    exposure_type: Callable
    tests: tuple
    product_name: Callable | None = None
    finish: Callable | None = None
    coronagraphic: bool = True
    track: str | None = None
    absorbs: str | None = None
    companions: bool = False
    remembers: bool = False

    @cached_property
    def leaves(self):
        """Leaves of the constraints, in order: one slot of the association each."""
        return tuple(leaves(self.constraints))

    @cached_property
    def slots(self):
        """Slot of each named leaf."""
        return named(self.constraints)

    @cached_property
    def check(self):
        """Test of an exposure against an association, see `compile_constraints`."""
        return compile_constraints(self.constraints, self.track)

    @cached_property
    def _conjuncts(self):
        """Parts that all must hold, the most selective first: the answer does not depend on the order."""
        flat = list(_conjuncts(All(*self.core)))
        patterned = [n for n in flat if isinstance(n, Attr) and n.value is not None]
        patterned.sort(key=lambda leaf: "exp_type" not in leaf.sources)
        return All(*patterned, *(n for n in flat if n not in patterned))

    @cached_property
    def _key_sources(self):
        """Columns whose value is fixed by the first member: unique, required and from one column only."""
        return tuple(
            leaf.sources[0]
            for leaf in _conjuncts(All(*self.core))
            if isinstance(leaf, Attr)
            and leaf.unique
            and leaf.required
            and not leaf.undefined
            and leaf.when is None
            and not callable(leaf.value)
            and len(leaf.sources) == 1
        )

    def is_companion(self, item):
        """Whether an exposure may join though it does not meet the core.

        Parameters
        ----------
        item : Exposure

        Returns
        -------
        bool
        """
        return self.companions and item.exptype == "target_acquisition"

    def key(self, item):
        """Values on which the members of an association that an exposure begins must agree.

        Parameters
        ----------
        item : Exposure

        Returns
        -------
        tuple of str
        """
        return tuple(item.defined.get(source) for source in self._key_sources)

    def plan(self, item):
        """Tell what the rule can make of an exposure, worked out once an exposure.

        Parameters
        ----------
        item : Exposure

        Returns
        -------
        Plan
        """
        plan = item.plans.get(self)
        if plan is None:
            plan = item.plans[self] = self._plan(item)
        return plan

    def _plan(self, item):
        if self.is_companion(item):
            return Plan(True, True)
        if outlook(self._conjuncts, item) is False:
            return Plan(False)
        joins_closed = self.remembers or outlook(self._conjuncts, item, closed=True) is not False
        return Plan(True, joins_closed, self.key(item))


def _conjuncts(node):
    """Parts of nested `All`s that ask for no repetition."""
    if isinstance(node, All) and node.again is None:
        for part in node.parts:
            yield from _conjuncts(part)
    else:
        yield node


def static(test, name=None):
    """Make a check that depends on nothing but the exposure's attributes.

    Parameters
    ----------
    test : callable
        Function of the dict of defined attributes.
    name : str, optional
        Name of the check.

    Returns
    -------
    Check
    """
    return Check(lambda asn, item: test(item.defined), lambda item, closed: test(item.defined), name)


def one_of(exp_types):
    """Alternatives as a declared value.

    Parameters
    ----------
    exp_types : iterable of str

    Returns
    -------
    str
    """
    return "|".join(exp_types)


def has_science(asn):
    """Whether an association has a science member: the test that every rule has.

    Parameters
    ----------
    asn : Draft

    Returns
    -------
    bool
    """
    return asn.has_science


TARGET_ACQUISITION = Check(
    lambda asn, item: item.exptype == "target_acquisition",
    lambda item, closed: item.exptype == "target_acquisition",
    name="target_acq",
    value="target_acquisition",
    label="Constraint_TargetAcq",
)

TSO = All(
    Attr(None, ("pntgtype",), "science"),
    Any(Attr(None, ("tsovisit",), "t"), Attr(None, ("exp_type",), one_of(TSO_ALWAYS))),
    name="is_tso",
)
"""A time series."""

WFSC = All(All(Attr("wfsc", ("visitype",), ".+wfsc.+")))
"""A visit of wavefront sensing and control."""
