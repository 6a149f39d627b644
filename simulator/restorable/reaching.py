"""What can be reached while backups come and go, without beginning anew each time."""

from heapq import heappop, heappush
from itertools import count

from simulator.restorable.graph import NOTHING, Cost, Graph, Way


class Reaching:
    """The cheapest cost of each state of one disk that can be reached, from change to change.

    It gives what :meth:`Graph.reach` does; a change costs as much as what it changes.

    Attributes:
        costs: Of each node that can be reached, and of ``NOTHING``.
        changed: Nodes that can be reached, or cannot any more, or at another cost, since somebody
            cleared it.
    """

    def __init__(self, graph: Graph) -> None:
        """Begin without backups, when no state has been seen."""
        self.costs: dict[int, Cost] = {NOTHING: Cost()}
        self.changed: set[int] = set()
        self._graph = graph
        self._empty = frozenset(graph.empty)
        self._unseen = sorted(range(len(graph.states)), key=lambda n: -graph.states[n].seen)
        self._seen: set[int] = set()
        self._last: dict[int, Way | None] = {}
        self._leaving: dict[int, dict[int, Way]] = {}
        self._entering: dict[int, dict[tuple[int, int], Way]] = {}
        self._waiting: list[tuple[Cost, int, Way | None, int]] = []
        self._order = count()

    def see(self, until: int) -> None:
        """Take in the states that the guest had seen up to an entry of the record."""
        while self._unseen and self._graph.states[self._unseen[-1]].seen <= until:
            node = self._unseen.pop()
            self._seen.add(node)
            self._offer_all(node)
        self._settle()

    def come(self, place: int) -> None:
        """Take in a backup that is there from now on."""
        for way in self._graph.ways[place]:
            self._leaving.setdefault(way.start, {})[place] = way
            self._entering.setdefault(way.end, {})[place, way.start] = way
            self._offer(way)
        self._settle()

    def go(self, place: int) -> None:
        """Take in that a backup is gone."""
        lost: list[int] = []
        for way in self._graph.ways[place]:
            if self._leaving.get(way.start, {}).pop(place, None) is None:
                continue
            del self._entering[way.end][place, way.start]
            if self._last.get(way.end) == way:
                lost.append(way.end)
        known = set(lost)
        for node in lost:
            ways = self._leaving.get(node, {}).values()
            above = [w.end for w in ways if self._last.get(w.end) == w and w.end not in known]
            known.update(above)
            lost += above
        for node in known:
            del self.costs[node], self._last[node]
        self.changed |= known
        for node in lost:
            self._offer_all(node)
        self._settle()

    def _offer_all(self, node: int) -> None:
        """Let a node be reached by all that leads to it."""
        if node in self._empty:
            self._push(Cost(bare=1), node, None)
        for way in self._entering.get(node, {}).values():
            self._offer(way)

    def _offer(self, way: Way) -> None:
        """Let the end of a way be reached by it, if its start can be."""
        cost = self.costs.get(way.start)
        if cost is not None and way.end in self._seen:
            self._push(self._graph.cost_with(cost, way), way.end, way)

    def _push(self, cost: Cost, node: int, way: Way | None) -> None:
        known = self.costs.get(node)
        if known is None or cost < known:
            heappush(self._waiting, (cost, next(self._order), way, node))

    def _settle(self) -> None:
        """Reach what is offered, the cheapest first."""
        while self._waiting:
            cost, _, way, node = heappop(self._waiting)
            known = self.costs.get(node)
            if known is not None and known <= cost:
                continue
            self.costs[node], self._last[node] = cost, way
            self.changed.add(node)
            for onward in self._leaving.get(node, {}).values():
                self._offer(onward)
