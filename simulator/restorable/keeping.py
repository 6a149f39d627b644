"""Which backups may go: the least bytes that still give back what must stay."""

from collections.abc import Collection

from simulator.restorable.graph import Graph, least_first
from simulator.values import NamedTuple

TRIES_MAX = 20_000
"""So many sets of backups are tried for each disk. Beyond, the best one found so far is told, and
that it may not be the least."""


BACKUPS_MAX = 200
"""Among more backups than this, only one after the other is left out."""


class Kept(NamedTuple):
    """Backups of one disk that are enough for some states.

    Attributes:
        places: Those that stay.
        size: Bytes of data that they hold.
        least: Whether no smaller set would do; False where not all could be tried.
    """

    places: frozenset[int]
    size: int
    least: bool


def keep(
    graph: Graph, available: Collection[int], goals: Collection[int], *, thoroughly: bool = True
) -> Kept | None:
    """Return the backups of least size that give back all of some states, or None.

    Of two sets of one size, the one of fewer backups is chosen.

    Args:
        available: The places of the backups that are there.
        goals: The nodes that must stay within reach.
        thoroughly: Whether sets are tried; otherwise one after the other is left out.
    """
    wanted = frozenset(goals)
    if not wanted <= graph.reached(available):
        return None
    search = _Search(graph, wanted)
    # Those that no way to a goal leads over need not be tried at all.
    relevant = search.relevant(frozenset(available))
    useful = search.thinned(relevant)
    search.best = useful
    few = thoroughly and len(relevant) <= BACKUPS_MAX
    if few:
        search.try_without(relevant, least_first(graph.pieces, relevant))
    size = sum(graph.pieces[place].size for place in search.best)
    return Kept(search.best, size, few and search.tries <= TRIES_MAX)


class _Search:
    """Branch and bound over sets of backups: each one goes, or stays."""

    def __init__(self, graph: Graph, wanted: frozenset[int]) -> None:
        self.graph = graph
        self.wanted = wanted
        self.best: frozenset[int] = frozenset()
        self.tries = 0

    def enough(self, places: Collection[int]) -> bool:
        """Whether the goals can be reached with some backups."""
        return self.wanted <= self.graph.reached(places)

    def thinned(self, places: frozenset[int]) -> frozenset[int]:
        """Return a set without those that can go one after the other, the largest first."""
        for place in least_first(self.graph.pieces, places):
            if self.enough(places - {place}):
                places = places - {place}
        return places

    def relevant(self, places: frozenset[int]) -> frozenset[int]:
        """Return the backups that some way to a goal leads over."""
        reached = self.graph.reached(places)
        into: dict[int, list[tuple[int, int]]] = {}
        for place in places:
            for way in self.graph.ways[place]:
                if way.start in reached or way.start < 0:
                    into.setdefault(way.end, []).append((way.start, place))
        found: set[int] = set()
        seen, waiting = set(self.wanted), [*self.wanted]
        while waiting:
            for start, place in into.get(waiting.pop(), ()):
                found.add(place)
                if start not in seen:
                    seen.add(start)
                    waiting.append(start)
        return frozenset(found)

    def cost(self, places: Collection[int]) -> tuple[int, int]:
        """Return what is to be as small as can be."""
        return sum(self.graph.pieces[place].size for place in places), len(places)

    def try_without(self, there: frozenset[int], undecided: list[int]) -> None:
        """Try all sets that lie between what is decided to stay and what is there.

        Args:
            there: What has not been decided to go.
            undecided: The part of it that is still open, the largest first.
        """
        self.tries += 1
        if self.tries > TRIES_MAX:
            return
        staying = there - set(undecided)
        if self.cost(staying) >= self.cost(self.best):
            return
        if not undecided:
            self.best = there
            return
        place, *rest = undecided
        if self.enough(there - {place}):
            self.try_without(there - {place}, rest)
        self.try_without(there, rest)
