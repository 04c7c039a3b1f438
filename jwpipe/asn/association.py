"""Associations: while they grow (`Draft`), and when they are complete (`Association`)."""

import copy
import re
from collections import Counter
from dataclasses import dataclass, field

from jwpipe import __version__
from jwpipe.asn.constraints import Attr
from jwpipe.asn.exposures import (
    EMPTY,
    exposure_root,
    is_ami,
    is_coronagraphic,
    is_tso,
    level2_input,
    level3_input,
)
from jwpipe.asn.pool import parse_candidates
from jwpipe.products.suffixes import remove_suffix

__all__ = ["DEGRADED", "DISCOVERED", "Association", "Draft", "Member", "stem"]

DISCOVERED = ("a3001", "DISCOVERED")
"""Id and type of every association that no candidate asked for."""

DEGRADED = {
    False: "No known degraded exposures in association.",
    True: "One or more members have an error associated with them."
    "\nDetails can be found in the member.exposerr attribute.",
}


@dataclass
class Member:
    """A member of a product.

    Attributes
    ----------
    expname : str
        File name.
    exptype : str
        What it is there for.
    extra : dict
        Further keys as written: ``exposerr`` and, in level 3, ``asn_candidate``.
    item : Exposure or None
        The exposure it stands for.
    """

    expname: str
    exptype: str
    extra: dict = field(default_factory=dict)
    item: object = None

    def retyped(self, exptype, expname=None):
        """Copy the member for another purpose.

        Parameters
        ----------
        exptype : str
        expname : str, optional
            Another file name.

        Returns
        -------
        Member
        """
        return Member(expname or self.expname, exptype, self.extra, self.item)

    def as_dict(self):
        """Give the member as it is written.

        Returns
        -------
        dict
        """
        return {"expname": self.expname, "exptype": self.exptype, **self.extra}


class Draft:
    """An association that is being put together.

    Parameters
    ----------
    rule : Rule
        What it is.

    Attributes
    ----------
    values, sources, found : list
        A slot for each leaf of the rule's constraints: the value to which it is fixed, the column that gave it, and
        all values found (for a `Check`: True once it was met).
    candidate : str or None
        The candidate it was made for, as a pair's text.
    tracked : bool
        Last outcome of the leaf that the rule tracks.
    last_type : str or None
        Type of the exposure last looked at, for rules that remember it.
    members : list of Member
    items, roots : set
        Identities, and file names without suffix, of the exposures in it.
    has_science : bool
        Whether a member is science.
    serial : int
        Its place in the order of making.
    sequence : int
        The number in its name.
    """

    def __init__(self, rule):
        size = len(rule.leaves)
        self.rule = rule
        self.values = [None] * size
        self.sources = [None] * size
        self.found = [()] * size
        self.candidate = None
        self.tracked = False
        self.last_type = None
        self.members = []
        self.items = set()
        self.roots = set()
        self.has_science = False
        self.serial = 0
        self.sequence = 0
        self._files = set()
        self._kind = None
        self._passed = [False] * len(rule.tests)
        self._shown = None

    def save(self):
        """State that a failed test must restore.

        Returns
        -------
        tuple
        """
        return self.values[:], self.sources[:], self.found[:], self.candidate, self.tracked

    def restore(self, state):
        """Undo what a failed test has found.

        Parameters
        ----------
        state : tuple
            From `save`.
        """
        self.values, self.sources, self.found, self.candidate, self.tracked = state

    def found_by(self, name):
        """Values found by a named constraint.

        Parameters
        ----------
        name : str

        Returns
        -------
        tuple of str
            Empty where nothing was found or there is no such constraint.
        """
        slot = self.rule.slots.get(name)
        return () if slot is None else self.found[slot]

    @property
    def acid(self):
        """Id and type of the candidate (tuple of str)."""
        pair = parse_candidates(self.candidate) if self.candidate else None
        return pair if isinstance(pair, tuple) and len(pair) == 2 else DISCOVERED

    @property
    def valid(self):
        """Whether every test of the rule has been passed."""
        return all(self._passed)

    def include(self, item):
        """Make an exposure a member, unless the same file is one already for the same purpose.

        Parameters
        ----------
        item : Exposure
        """
        rule = self.rule
        if self._shown is None:
            self._show()
        exptype = rule.exposure_type(self, item)
        values = item.values
        ints = (
            (rule.coronagraphic and is_coronagraphic(values)) or is_ami(values) or is_tso(values) or self._is_tso(item)
        )
        extra = {"exposerr": values.get("exposerr")}
        if rule.level == 2:
            expname = level2_input(values["filename"], ints)
        else:
            expname = level3_input(values["filename"], values.get("exp_type"), exptype, ints)
            extra["asn_candidate"] = item.candidate
        if (expname, exptype) in self._files:
            return
        self._files.add((expname, exptype))
        self._kind = None
        self.members.append(Member(expname, exptype, extra, item))
        self.items.add(item.ident)
        self.roots.add(item.root)
        self.has_science = self.has_science or exptype == "science"
        self._passed = [passed or test(self) for passed, test in zip(self._passed, rule.tests, strict=True)]
        if rule.level == 3:
            self._show()

    def _is_tso(self, item):
        """In level 2 a member counts as time series if its association's first TSOVISIT says so."""
        slot = self.rule.slots.get("is_tso")
        return slot is not None and self.values[slot] == "t" and is_tso({**item.values, "tsovisit": "t"})

    def _show(self):
        """Keep the state that the printed constraints and the product's name show."""
        self._shown = (tuple(self.values), tuple(self.sources), tuple(self.found))

    def constraints_text(self):
        """All named constraints with what was found for them, one a line.

        Returns
        -------
        str
        """
        lines = []
        values, sources, _ = self._shown
        for slot, leaf in enumerate(self.rule.leaves):
            if leaf.name is None:
                continue
            shown = {"name": leaf.name}
            if isinstance(leaf, Attr):
                shown["sources"] = [sources[slot]] if sources[slot] else list(leaf.sources)
                shown["value"] = leaf.value if values[slot] is None else re.escape(values[slot])
                if callable(shown["value"]):
                    shown["value"] = f"depends on {leaf.value.__name__.strip('_').replace('_', ' ')}"
            else:
                shown["value"] = leaf.value
            lines.append(f"{leaf.label}({shown})")
        if self.candidate:
            shown = {"name": "asn_candidate", "sources": ["asn_candidate"], "value": re.escape(self.candidate)}
            lines.append(f"DMSAttrConstraint({shown})")
        return "\n".join(lines)

    def name_parts(self):
        """Give what level 3 products are named by.

        Returns
        -------
        dict of str to str
            ``program``, ``acid``, ``target`` (``tNNN``), ``instrument``, ``opt_elem`` and ``subarray`` (with its dash,
            empty for the full frame), values escaped as in regular expressions.
        """
        found = self._shown[2]

        def escaped(name):
            slot = self.rule.slots.get(name)
            return sorted(re.escape(value) for value in found[slot]) if slot is not None else []

        elements = sorted(filter(None, ("-".join(escaped(name)) for name in ("opt_elem", "opt_elem2"))))
        subarray = "-".join(escaped("subarray"))
        return {
            "program": self.program,
            "acid": self.acid[0],
            "target": "t" + "-".join(escaped("target")).rjust(3, "0"),
            "instrument": "-".join(escaped("instrument")),
            "opt_elem": "-".join(e for e in elements if e not in EMPTY) or "clear",
            "subarray": f"-{subarray}" if subarray not in ("", "full") else "",
            "detector": "-".join(escaped("detector")),
            "act_id": "-".join(escaped("act_id")),
        }

    @property
    def program(self):
        """Five-digit program of the first member."""
        return self.members[0].item.values["program"].rjust(5, "0")

    def product_name(self):
        """Name of the product as it stands.

        Returns
        -------
        str
        """
        if self.rule.level == 3:
            return self.rule.product_name(self).lower()
        science = next((m for m in self.members if m.exptype == "science"), None)
        return stem(science.expname) if science else "undefined"

    def kind(self):
        """Tell what makes two associations of one pool the same: see `Association.kind`.

        Returns
        -------
        tuple
        """
        if self._kind is None:
            self._kind = _kind(self.rule.asn_type, self.acid[0], [(self.product_name(), self.members)])
        return self._kind

    def complete(self, ruleset, pool, version_id):
        """Make the association.

        Parameters
        ----------
        ruleset : str
            Prefix of the rule's name.
        pool : str
            Name of the pool.
        version_id : str or None

        Returns
        -------
        Association
        """
        first = self.members[0].item.values
        target = first.get("targetid", "none") if self.rule.level == 2 else self.name_parts()["target"]
        return Association(
            rule=self.rule,
            ruleset=ruleset,
            version_id=version_id,
            degraded=any(m.extra["exposerr"] not in EMPTY for m in self.members),
            program=self.program,
            constraints=self.constraints_text(),
            acid=self.acid,
            target=target,
            pool=pool,
            products=[(self.product_name(), list(self.members))],
            valid=self.valid,
            sequence=self.sequence,
            found={name: self.found[slot] for name, slot in self.rule.slots.items()},
        )


@dataclass
class Association:
    """A complete association.

    Attributes
    ----------
    rule : Rule
    ruleset : str
        How the rule was applied: ``candidate`` or ``discover``.
    version_id : str or None
    degraded : bool
        Whether a member has an exposure error.
    program, constraints, target, pool : str
        As written.
    acid : tuple of str
        Candidate's id and type.
    products : list of tuple
        Name and list of `Member` of each product.
    valid : bool
        Whether it is to be written.
    sequence : int
    found : dict of str to tuple
        Values found by each named constraint.
    fixed_name : str or None
        A file name given once and for all.
    """

    rule: object
    ruleset: str
    version_id: str | None
    degraded: bool
    program: str
    constraints: str
    acid: tuple
    target: str
    pool: str
    products: list
    valid: bool
    sequence: int
    found: dict
    fixed_name: str | None = None
    _kind: tuple | None = None

    @property
    def asn_type(self):
        """The association's type."""
        return self.rule.asn_type

    @property
    def name(self):
        """File name without extension."""
        if self.fixed_name:
            return self.fixed_name
        stamp = f"{self.version_id}_" if self.version_id else ""
        return f"jw{self.program}-{self.acid[0]}_{stamp}{self.asn_type}_{self.sequence:05d}_asn".lower()

    def with_product(self, name, members):
        """Copy the association with another product.

        Parameters
        ----------
        name : str
        members : list of Member

        Returns
        -------
        Association
        """
        other = copy.copy(self)
        other.products = [(name, members)]
        other._kind = None
        return other

    def kind(self):
        """Tell what makes two associations of one pool the same.

        Returns
        -------
        tuple
            Type, level of candidate, and for each product the parts of its name and its members by exposure, whatever
            their suffix. An association with the same exposure twice is like no other.
        """
        if self._kind is None:
            self._kind = _kind(self.asn_type, self.acid[0], self.products)
        return self._kind

    def as_dict(self):
        """Give the association as it is written, keys in the order of the format.

        Returns
        -------
        dict
        """
        document = {
            "asn_type": self.asn_type,
            "asn_rule": f"{self.ruleset}_{self.rule.name}",
            "version_id": self.version_id,
            "code_version": __version__,
            "degraded_status": DEGRADED[self.degraded],
            "program": self.program,
            "constraints": self.constraints,
            "asn_id": self.acid[0],
        }
        where = {"target": self.target, "asn_pool": self.pool}
        document |= where if self.rule.level == 3 else dict(reversed(where.items()))
        document["products"] = [{"name": name, "members": [m.as_dict() for m in ms]} for name, ms in self.products]
        return document


def stem(filename):
    """Take extension and product suffix off a file's name.

    Parameters
    ----------
    filename : str

    Returns
    -------
    str
        The name, with its folder if it has one.
    """
    stem, dot, _ = filename.rpartition(".")
    return remove_suffix(stem if dot and stem else filename)


def _kind(asn_type, acid, products):
    parts = []
    for name, members in products:
        roots = Counter((exposure_root(m.expname), m.exptype) for m in members)
        if len({m.expname for m in members}) < len(members):
            return (object(),)
        parts.append((frozenset(re.split("[_-]", name)), frozenset(roots.items())))
    return (asn_type, acid[0], frozenset(Counter(parts).items()))
