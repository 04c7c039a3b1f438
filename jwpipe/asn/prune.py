"""Duplicates among associations: which go and which stay.

The same exposures often make the same association several times: for an observation and for the group that it is in,
or by two rules. The peers' order of removal is kept, since it decides which rule and which number survive.
"""

from collections import Counter, defaultdict

__all__ = ["Pruner"]


class Pruner:
    """Remove duplicates.

    Parameters
    ----------
    keep : bool
        Keep duplicates, renamed to ``dupNNNNN_NAME``.

    Attributes
    ----------
    conflicts : list of tuple
        Product name and the two associations that make it from different members.
    """

    def __init__(self, keep=False):
        self.keep = keep
        self.conflicts = []
        self._count = 0

    def prune(self, asns):
        """Remove duplicates from associations that have one product each.

        Parameters
        ----------
        asns : list of Association

        Returns
        -------
        list of Association
            What remains. Of several with the same members stays the one with the candidate id that sorts last
            (observations before groups before discovered ones); of several with the same product name those go whose
            members another one has too.
        """
        return self._prune_products(self._prune_members(asns))

    def _prune_members(self, asns):
        known, valid = _split(asns)
        ordered = _Shrinking(sorted(valid, key=lambda asn: asn.acid[0]))
        alike = defaultdict(list)
        for place, asn in enumerate(ordered.asns):
            alike[_membership(asn)].append(place)
        pruned = []
        while (place := ordered.pop()) is not None:
            asn = ordered.asns[place]
            pruned.append(asn)
            twins = [p for p in alike[_membership(asn)] if ordered.alive[p]]
            for twin in twins:
                self._drop(ordered, ordered.asns[twin], known)
        return pruned + known

    def _prune_products(self, asns):
        known, valid = _split(asns)
        counts = Counter(asn.products[0][0] for asn in valid)
        shared = [name for name, number in counts.items() if number > 1]
        if not shared:
            return asns
        ordered = _Shrinking(sorted(valid, key=lambda asn: asn.acid[0]))
        by_name = defaultdict(list)
        for asn in ordered.asns:
            by_name[asn.products[0][0]].append(asn)
        dropped, kinds = [], set()
        for name in shared:
            keep = list(by_name[name])
            for asn in by_name[name]:
                if asn.kind() in kinds or any(asn is other for other in dropped):
                    continue
                less = self._lesser(name, asn, keep)
                for other in less:
                    _remove(keep, other)
                dropped += less
                kinds.update(other.kind() for other in less)
        for asn in dropped:
            self._drop(ordered, asn, known)
        return ordered.rest() + known

    def _lesser(self, name, asn, others):
        """Which of the associations with one product name have nothing that another lacks."""
        less = []
        for other in others:
            if other is asn or other.kind() == asn.kind():
                continue
            relation = _compare(asn.products[0][1], other.products[0][1])
            if relation == "same":
                less.append(other)
            elif relation == "subset":
                if len(other.products[0][1]) > len(asn.products[0][1]):
                    asn, other = other, asn
                less.append(other)
            elif _roots(asn) != _roots(other):
                self.conflicts.append((name, asn, other))
        return less

    def _drop(self, ordered, asn, known):
        ordered.remove(asn)
        if self.keep:
            self._count += 1
            asn.fixed_name = f"dup{self._count:05d}_{asn.name}"
            known.append(asn)


class _Shrinking:
    """A list from which the first association of a kind is removed, or the last popped, in constant time."""

    def __init__(self, asns):
        self.asns = asns
        self.alive = [True] * len(asns)
        self._last = len(asns) - 1
        self._places = defaultdict(list)
        for place in range(len(asns) - 1, -1, -1):
            self._places[asns[place].kind()].append(place)

    def pop(self):
        while self._last >= 0 and not self.alive[self._last]:
            self._last -= 1
        if self._last < 0:
            return None
        self.alive[self._last] = False
        return self._last

    def remove(self, asn):
        places = self._places[asn.kind()]
        while places:
            place = places.pop()
            if self.alive[place]:
                self.alive[place] = False
                return

    def rest(self):
        return [asn for asn, alive in zip(self.asns, self.alive, strict=True) if alive]


def _split(asns):
    return [a for a in asns if a.name.startswith("dup")], [a for a in asns if not a.name.startswith("dup")]


def _remove(asns, asn):
    for place, other in enumerate(asns):
        if other is asn or other.kind() == asn.kind():
            del asns[place]
            return


def _files(members):
    """Type by file name, None where a file comes twice."""
    files = {member.expname: member.exptype for member in members}
    return files if len(files) == len(members) else None


def _membership(asn):
    files = _files(asn.products[0][1])
    return object() if files is None else frozenset(files.items())


def _roots(asn):
    return asn.kind()[-1] if len(asn.kind()) > 1 else object()


def _compare(left, right):
    """Compare members: ``same``, ``subset`` (of either) or ``different``."""
    left, right = _files(left), _files(right)
    if left is None or right is None or any(left[name] != right[name] for name in left.keys() & right.keys()):
        return "different"
    if left.keys() == right.keys():
        return "same"
    return "subset" if left.keys() < right.keys() or right.keys() < left.keys() else "different"
