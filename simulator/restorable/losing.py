"""What is lost with a backup, or with two of which either would do."""

from collections.abc import Collection, Iterator
from itertools import combinations

from simulator.restorable.graph import Graph
from simulator.values import NamedTuple

PAIRS_OF_MAX = 40
"""Pairs are looked for among at most so many backups."""


class Loss(NamedTuple):
    """Backups without which some states cannot be reached any more.

    Attributes:
        places: One backup, or two; of two, either alone may go.
        nodes: The states, ascending.
    """

    places: tuple[int, ...]
    nodes: tuple[int, ...]


def find_losses(graph: Graph, available: Collection[int]) -> Iterator[Loss]:
    """Yield what each single backup is needed for, and then each pair.

    A node that is lost with one backup is not told again with a pair of which it is one.
    """
    there = frozenset(available)
    cheapest = graph.reach(there)
    reached = frozenset(cheapest)
    users: dict[int, set[int]] = {}
    for node, (stack, _) in cheapest.items():
        for place in stack:
            users.setdefault(place, set()).add(node)
    alone: dict[int, frozenset[int]] = {}
    for place in sorted(users):
        alone[place] = reached - graph.reached(there - {place})
        if alone[place]:
            yield Loss((place,), tuple(sorted(alone[place])))
    if len(there) > PAIRS_OF_MAX:
        return
    # One of a pair lies on the cheapest way, or nothing changes without the two.
    pairs = {tuple(sorted((a, b))) for a in users for b in there if a != b}
    for one, other in sorted(pair for pair in combinations(sorted(there), 2) if pair in pairs):
        lost = reached - graph.reached(there - {one, other})
        more = lost - alone.get(one, frozenset()) - alone.get(other, frozenset())
        if more:
            yield Loss((one, other), tuple(sorted(more)))
