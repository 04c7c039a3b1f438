"""The matching engine: exposures in, associations out.

Every exposure is offered to the associations that exist, then to the rules that may begin new ones. A constraint may
ask for an exposure to be offered again when all others have been seen (backgrounds, imprints, target acquisitions);
such exposures wait in queues, by what they are to be matched against.

Tests are saved, not answers: associations are indexed by rule and by the values that all members must share, and an
exposure is not tested where `outlook` says that it must fail. What is tested, and in which order, is otherwise the
order of making, on which the outcome may depend.
"""

import re
from collections import defaultdict
from itertools import count

from jwpipe.asn.association import Draft
from jwpipe.asn.constraints import Over, Request
from jwpipe.asn.exposures import EMPTY
from jwpipe.asn.pool import parse_candidates

__all__ = ["AnyCandidate", "OneCandidate", "Ruleset", "Sequences", "match"]


class OneCandidate:
    """Exposures that were picked for one candidate already.

    Parameters
    ----------
    ident, kind : str
        Id and type of the candidate.
    """

    def __init__(self, ident, kind):
        self.text = str((ident, kind))

    def check(self, asn, item):
        """Note the candidate.

        Parameters
        ----------
        asn : Draft
        item : Exposure

        Returns
        -------
        bool, list of Request
            True and nothing.
        """
        asn.candidate = self.text
        return True, ()


class AnyCandidate:
    """Exposures of one candidate, whichever it is.

    Parameters
    ----------
    idents : list of str, optional
        Ids of the candidates to choose from; all by default.
    """

    def __init__(self, idents=None):
        self._accepts = re.compile(f".+({'|'.join(idents)}).+", re.IGNORECASE).fullmatch if idents else None

    def check(self, asn, item):
        """Test whether the exposure has the association's candidate, or fix the candidate.

        Parameters
        ----------
        asn : Draft
        item : Exposure

        Returns
        -------
        bool, list of Request
            Whether it has; and the wish to offer the exposure again for each of the candidates not looked at.
        """
        if item.candidate in EMPTY:
            return False, ()
        listed = parse_candidates(item.candidate)
        several = not isinstance(listed, str | tuple) and hasattr(listed, "__iter__")
        if asn.candidate is None and self._accepts is None:
            if several:
                return False, [_for_each(item, listed)]
            asn.candidate = str(listed)
            return True, ()
        for one in listed if several else [listed]:
            text = str(one)
            if text.lower() == asn.candidate.lower() if asn.candidate is not None else self._accepts(text):
                asn.candidate = text
                others = [other for other in listed if other != one] if several else []
                return True, [_for_each(item, others)] if others else ()
        return False, ()


def _for_each(item, candidates):
    return Request(tuple(item.for_candidate(str(candidate)) for candidate in candidates), Over.BOTH)


class Sequences:
    """Numbers of associations as they are made, level 2 in one row, level 3 by type."""

    def __init__(self):
        self._counts = defaultdict(lambda: count(1))
        self._counts[2] = count(2)  # as in the peers, where these numbers are seen only before finalization

    def next(self, rule):
        """Give the number of the next association.

        Parameters
        ----------
        rule : Rule

        Returns
        -------
        int
        """
        return next(self._counts[2 if rule.level == 2 else rule.asn_type])


class Ruleset:
    """Rules that are applied together in one way.

    Parameters
    ----------
    name : str
        ``candidate`` or ``discover``.
    rules : iterable of Rule
    candidate : OneCandidate or AnyCandidate, optional
        The condition on candidates that is added to each rule.
    """

    def __init__(self, name, rules, candidate=None):
        self.name = name
        self.shelves = [_Shelf(rule, self, candidate) for rule in rules]


class _Shelf:
    """The associations of one rule, in order of making, and how to find those that an exposure may join."""

    def __init__(self, rule, ruleset, candidate):
        self.rule = rule
        self.ruleset = ruleset
        self.check_candidate = candidate.check if candidate else None
        self.drafts = []
        self.by_key = defaultdict(list)
        self.open = defaultdict(list)
        self.holding = defaultdict(list)

    def file(self, draft, item):
        """Add a new association."""
        key = self.rule.key(item)
        self.drafts.append(draft)
        self.by_key[key].append(draft)
        self.open[key].append(draft)
        self.holding[item.ident].append(draft)

    def may_begin(self, item):
        """Whether an exposure might begin a new association."""
        return self.rule.plan(item).possible

    def choose(self, item):
        """Associations that might take an exposure, in any order."""
        plan = self.rule.plan(item)
        if not plan.possible or not self.drafts:
            return ()
        if self.rule.is_companion(item):
            return self.drafts
        if plan.joins_closed:
            return self.by_key.get(plan.key, ())
        still_open = self.open.get(plan.key)
        if still_open:
            still_open[:] = [draft for draft in still_open if not draft.has_science]
        holding = self.holding.get(item.ident, ())
        return {id(d): d for d in (*holding, *still_open)}.values() if still_open else holding

    def offer(self, draft, item):
        """Test an exposure and make it a member where it belongs.

        Returns
        -------
        bool, list of Request
        """
        if item.ident in draft.items:
            return True, ()
        state = draft.save()
        met, wishes = self.rule.check(draft, item)
        if (met or wishes) and self.check_candidate:
            right, more = self.check_candidate(draft, item)
            if not right:
                met, wishes = False, wishes if more and not met else more
            elif met and more:
                wishes = [*wishes, *more]
        if not met:
            draft.restore(state)
        else:
            draft.include(item)
        absorbs = self.rule.absorbs
        if absorbs and draft.found_by(absorbs):
            met = False
        return met, wishes

    def hold(self, draft, item):
        """Note that an association has an exposure."""
        holding = self.holding[item.ident]
        if draft not in holding:
            holding.append(draft)


class _Queue:
    """Exposures that wait to be matched again, pooled by what they are matched against."""

    def __init__(self):
        self._lists = {over: {} for over in Over}

    def put(self, request, shelf, now):
        """Add a wish, unless it could go on for ever.

        Parameters
        ----------
        request : Request
        shelf : _Shelf
            The rule whose constraint wishes it.
        now : Over
            What is being worked on.
        """
        if now is not Over.BOTH:
            return
        shelves = None if request.all_rules else shelf
        waiting = self._lists[request.over].setdefault((shelves, request.on_match), [])
        waiting.extend(request.items)

    def __iter__(self):
        while True:
            lists = next(((over, lists) for over, lists in self._lists.items() if lists), None)
            if lists is None:
                return
            over, waiting = lists
            shelf, on_match = next(iter(waiting))
            yield over, shelf, waiting.pop((shelf, on_match))


def match(items, rulesets, sequences):
    """Associate exposures.

    Parameters
    ----------
    items : list of Exposure
        The exposures, in the order of the pool.
    rulesets : list of Ruleset
        The rules; each is used once.
    sequences : Sequences
        Numbers of the associations.

    Returns
    -------
    list of (Draft, str)
        Associations in the order of making, each with the name of its ruleset. They may be invalid.
    """
    shelves = [shelf for ruleset in rulesets for shelf in ruleset.shelves]
    drafts = []
    queue = _Queue()
    _work(items, shelves, Over.BOTH, drafts, queue, sequences)
    for over, shelf, waiting in queue:
        _work(waiting, shelves if shelf is None else [shelf], over, drafts, queue, sequences)
    return drafts


def _work(items, shelves, over, drafts, queue, sequences):
    for item in items:
        taken = _join(item, shelves, over, queue)
        if over is not Over.BOTH:
            continue
        for shelf in shelves:
            if shelf in taken or not shelf.may_begin(item):
                continue
            draft = Draft(shelf.rule)
            met, wishes = shelf.offer(draft, item)
            for wish in wishes:
                queue.put(wish, shelf, over)
            if met:
                draft.serial = len(drafts)
                draft.sequence = sequences.next(shelf.rule)
                drafts.append((draft, shelf.ruleset.name))
                shelf.file(draft, item)


def _join(item, shelves, over, queue):
    """Offer an exposure to the associations that exist; return the rules of those that took it."""
    chosen = [(draft.serial, draft, shelf) for shelf in shelves for draft in shelf.choose(item)]
    if not chosen:
        return ()
    chosen.sort(key=lambda entry: entry[0])
    taken, joined, kinds = set(), [], set()  # kinds of those joined are made only when needed
    for _, draft, shelf in chosen:
        if item.root in draft.roots and (joined or kinds):
            kinds.update(other.kind() for other in joined)
            joined.clear()
            if draft.kind() in kinds:
                continue  # the twin of one that has the exposure already
        met, wishes = shelf.offer(draft, item)
        if item.ident in draft.items:
            shelf.hold(draft, item)
        for wish in wishes:
            queue.put(wish, shelf, over)
        if met:
            taken.add(shelf)
            joined.append(draft)
    return taken
