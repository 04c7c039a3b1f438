"""Associations of a pool."""

import copy
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from jwpipe.asn import level2, level3
from jwpipe.asn.engine import AnyCandidate, OneCandidate, Ruleset, Sequences, match
from jwpipe.asn.prune import Pruner
from jwpipe.errors import InputError

__all__ = ["Outcome", "generate", "timestamp"]

CANDIDATE, DISCOVER = "candidate", "discover"
_RULES = (*level2.RULES, *level3.RULES)


@dataclass
class Outcome:
    """What came of a pool.

    Attributes
    ----------
    associations : list of Association
        Those to write, level 2 first.
    warnings : list of str
        What a user should know: candidates that do not exist, exposures that cannot be told, products made twice.
    orphans : list of Exposure
        Exposures of the pool that are in no association.
    """

    associations: list
    warnings: list = field(default_factory=list)
    orphans: list = field(default_factory=list)


def timestamp():
    """Time to tell versions of associations apart by.

    Returns
    -------
    str
        UTC, as ``20240102t030405``.
    """
    return datetime.now(UTC).strftime("%Y%m%dt%H%M%S")


def generate(
    pool,
    ids=None,
    discover=False,
    all_candidates=False,
    merge=False,
    version_id=None,
    finalize=True,
    keep_duplicates=False,
    per_pool=False,
):
    """Associate the exposures of a pool by the rules of stage 2 and 3.

    Parameters
    ----------
    pool : Pool
        The exposures.
    ids : list of str, optional
        Only associations of these candidates.
    discover : bool
        Only associations that no candidate asks for.
    all_candidates : bool
        Only associations of candidates, of all of them. Without any of these three, both kinds are made; with
        ``discover`` and ``all_candidates`` too.
    merge : bool
        Join level 2 associations of one type and candidate into one of several products.
    version_id : str, optional
        Tag in the names of the associations.
    finalize : bool
        Split nods, add catalogs and backgrounds, and remove duplicates.
    keep_duplicates : bool
        Keep duplicates, named ``dupNNNNN_NAME``.
    per_pool : bool
        Match all candidates at once, as was done before build 10.2, not each in a pool of its own.

    Returns
    -------
    Outcome

    Raises
    ------
    InputError
        If the pool does not tell the candidates of its exposures.
    """
    if ids is None and not discover and not all_candidates:
        discover = all_candidates = True
    if not (pool.has_candidates or per_pool):
        raise InputError(f"pool {pool.name} has no column ASN_CANDIDATE", "is its delimiter the one given?")
    ids = [ident.lower() for ident in ids] if ids is not None else None
    warnings = []
    items = [item for item in pool.exposures if item.exptype is not None]
    warnings += [
        f"{item.values['filename']} left out: EXP_TYPE is not given" for item in pool.exposures if item.exptype is None
    ]
    run = _Run(pool.name, version_id, numbered=keep_duplicates or not finalize)
    pruner = Pruner(keep_duplicates)
    if per_pool:
        asns = _per_pool(run, items, ids, discover, all_candidates)
        asns = _finalize(asns, pruner) if finalize else asns
    else:
        asns = _per_candidate(run, items, _asked(pool, ids, warnings))
        if discover:
            asns += run.match(items, [Ruleset(DISCOVER, run.useful("DISCOVERED"))])
    if discover:
        asns = _filter_discovered(asns, all_candidates, keep_duplicates)
        _number(asns)
    if finalize and not per_pool:
        asns = _finalize(asns, pruner)
    if merge:
        asns = _merge(asns)
    asns = [asn for asn in asns if asn.valid]
    warnings += _conflicts(pruner, asns)
    names = Counter(asn.name for asn in asns)
    warnings += [f"{number} associations have the name {name}" for name, number in names.items() if number > 1]
    used = {m.item.base for asn in asns for _, members in asn.products for m in members if m.item is not None}
    return Outcome(asns, warnings, [item for item in pool.exposures if item.base not in used])


class _Run:
    """One generation: makes complete associations of what the engine finds."""

    def __init__(self, pool, version_id, numbered):
        self._pool = pool
        self._version_id = version_id
        self._numbered = numbered
        self._sequences = Sequences()

    def useful(self, kind):
        """Rules whose associations can be valid for candidates of a type.

        Level 2 is made for observations and backgrounds alone. Where the numbers given while making are seen in the
        end, all rules are followed, since an association that comes to nothing has a number too.
        """
        if self._numbered or kind.lower() in ("observation", "background"):
            return _RULES
        return level3.RULES

    def match(self, items, rulesets):
        drafts = match(items, rulesets, self._sequences)
        return [draft.complete(ruleset, self._pool, self._version_id) for draft, ruleset in drafts]


def _asked(pool, ids, warnings):
    """Candidates to work on, as pairs of id and type."""
    kinds = pool.candidates()
    if ids is None:
        return [(ident, kind) for kind, members in kinds.items() for ident in members]
    asked = []
    for ident in ids:
        kind = next((kind for kind, members in kinds.items() if ident in members), None)
        if kind is None:
            warnings.append(f"candidate {ident} is not in the pool")
        else:
            asked.append((ident, kind))
    return asked


def _per_candidate(run, items, asked):
    asns = []
    for ident, kind in asked:
        own = [item.for_candidate(f"[('{ident}', '{kind}')]") for item in items if ident in item.candidate]
        asns += run.match(own, [Ruleset(CANDIDATE, run.useful(kind), OneCandidate(ident, kind))])
    return asns


def _per_pool(run, items, ids, discover, all_candidates):
    candidate = AnyCandidate(None if discover or all_candidates else ids)
    rulesets = [Ruleset(CANDIDATE, _RULES, candidate)]
    if discover:
        rulesets.append(Ruleset(DISCOVER, run.useful("DISCOVERED")))
    return run.match(items, rulesets)


def _filter_discovered(asns, keep_candidates, keep_duplicates):
    """Discovered associations that no candidate makes too, then those of the candidates."""
    duplicates = [asn for asn in asns if asn.name.startswith("dup")]
    valid = [asn for asn in asns if not asn.name.startswith("dup")]
    candidates = [asn for asn in valid if asn.ruleset == CANDIDATE]
    known = {asn.kind() for asn in candidates}
    found = [asn for asn in valid if asn.ruleset == DISCOVER and asn.kind() not in known]
    return found + (candidates if keep_candidates else []) + (duplicates if keep_duplicates else [])


def _number(asns):
    """Give associations of one id and type their numbers, in order."""
    counters = defaultdict(lambda: count(1))
    for asn in asns:
        asn.sequence = next(counters[asn.acid[0], asn.asn_type])


def _finalize(asns, pruner):
    """Give associations their final members and remove duplicates: level 2, then level 3."""
    final = []
    for level in (2, 3):
        done = []
        for asn in asns:
            if asn.rule.level == level:
                done += asn.rule.finish(asn) if asn.rule.finish else [asn] if asn.valid else []
        done = pruner.prune(done)
        _number(done)
        final += done
    return final


def _conflicts(pruner, asns):
    """Say which of the associations make one product from different members."""
    names, told = {id(asn): asn.name for asn in asns}, {}
    for product, *pair in pruner.conflicts:
        if all(id(asn) in names for asn in pair):
            told[product, frozenset(map(id, pair))] = sorted(names[id(asn)] for asn in pair)
    return [
        f"{one} and {two} make the product {product} from different members"
        for (product, _), (one, two) in told.items()
    ]


def _merge(asns):
    """Join level 2 associations of one type and candidate."""
    others = [asn for asn in asns if asn.rule.level != 2]
    merged = {}
    for asn in asns:
        if asn.rule.level != 2:
            continue
        whole = merged.get((asn.asn_type, asn.acid[0]))
        if whole is None:
            whole = merged[asn.asn_type, asn.acid[0]] = copy.copy(asn)
            whole.products = [(name, list(members)) for name, members in asn.products]
            continue
        for name, members in asn.products:
            same = [own for own_name, own in whole.products if own_name == name]
            for own in same:
                present = {m.expname for m in own}
                own += [m for m in members if m.expname not in present]
            if not same:
                whole.products.append((name, list(members)))
    return others + list(merged.values())
