"""States of one disk, the backups that lead from one to another, and the cheapest way to each.

A backup leads from every state on which its content gives a state that the guest saw: an increment
since A stands on any backup that was taken between A and its own end. That is judged by content,
never by names. A full backup starts from nothing.
"""

from collections.abc import Collection, Hashable, Iterator, Sequence
from functools import cached_property
from heapq import heappop, heappush
from itertools import pairwise
from typing import Protocol, TypeAlias

from simulator.model.clusters import SMALL_MAX, ClusterMap, ClusterSet, map_of, set_of
from simulator.values import NamedTuple, dataclass

EMPTY_DISK = "an empty disk"
"""What is said in place of a stack where nothing was ever written."""

NOTHING = -1
"""The node from which full backups start: no backup at all."""

PAIRS_MAX = 20_000
"""So many pairs of a state and a backup are tried one by one. Beyond, a backup is tried on the
states before the one that it stands for, back to the first on which it does not give that one."""


HALFWAY_MAX = 64
"""So many states are known to which backups lead that were copied in part."""


class State(NamedTuple):
    """A state of a disk that the guest saw, which one or more instants have.

    Or one that it never saw, halfway to another: a backup that was copied in part leads there.

    Attributes:
        number: Its node; states are numbered in the order in which they were first seen.
        view: What the guest saw.
        length: Number of clusters that the disk had.
        seen: When it was first so, as the number of an entry of the record.
    """

    number: int
    view: ClusterMap
    length: int
    seen: int


class Sight(NamedTuple):
    """A disk as somebody looked at it.

    Attributes:
        view, length, seen: As in `State`.
    """

    view: ClusterMap
    length: int
    seen: int


class Piece(NamedTuple):
    """A backup of one disk, as something to stack.

    Attributes:
        row: What it is called.
        content: A version for each cluster that it holds.
        length: Number of clusters of what is restored with it on top.
        complete: Whether it hides all that lies below it.
        size, zeroes: Bytes of data, which a restore has to read, and those told to be zeroes.
        start, end: The nodes of the states that it starts at and stands for, where they are known.
        torn: Whether its content is not to be relied on, as that of a copy under a writing guest.
        partly: Whether its job was stopped when it had copied a part of what it was to.
    """

    row: str
    content: ClusterMap
    length: int
    complete: bool
    size: int
    start: int | None = None
    end: int | None = None
    torn: bool = False
    zeroes: int = 0
    partly: bool = False


class Layer(Protocol):
    """What can be laid over a state: a backup, or a piece."""

    @property
    def content(self) -> ClusterMap:
        """A version for each cluster that it holds."""

    @property
    def length(self) -> int:
        """Number of clusters of what is restored with it on top."""

    @property
    def complete(self) -> bool:
        """Whether it hides all that lies below it."""


class Way(NamedTuple):
    """A backup laid over one state, and the state that this gives.

    Attributes:
        piece: The backup's place among those of its disk.
        start, end: Nodes; *start* is ``NOTHING`` where it needs nothing below it.
    """

    piece: int
    start: int
    end: int


Stack: TypeAlias = tuple[int, ...]
"""Backups on top of one another, oldest first, by their places; none where the disk is empty."""


class Cost(NamedTuple):
    """What a stack costs, the first difference counts.

    Attributes:
        size: Bytes of data to read.
        bare: Whether nothing but an empty disk lies below: of two ways that read as much, people
            expect the one from a full backup.
        backups: How many there are.
        luck: Those of them that give another state than the one that they stand for.
    """

    size: int = 0
    bare: int = 0
    backups: int = 0
    luck: int = 0


@dataclass(frozen=True)
class Graph:
    """The states of one disk and all backups ever made of it.

    Attributes:
        states: By number.
        pieces: By place.
        looks: Clusters by which states are told apart, before two are compared in full.
        seen: How many of the states the guest saw; the others come after them.
    """

    disk: str
    states: tuple[State, ...]
    pieces: tuple[Piece, ...]
    looks: ClusterSet
    seen: int

    def gives(self, place: int) -> bool:
        """Whether a backup leads to a state that the guest saw."""
        return any(way.end < self.seen for way in self.ways[place])

    @cached_property
    def ways(self) -> tuple[tuple[Way, ...], ...]:
        """The ways that each backup leads."""
        return tuple(tuple(find_ways(self, place)) for place in range(len(self.pieces)))

    @cached_property
    def empty(self) -> tuple[int, ...]:
        """The nodes of states in which the disk reads as zeroes: no backup is needed for them."""
        return tuple(
            state.number
            for state in self.states
            if state.view.mark() == map_of(state.length).mark() and not state.view.data_count
        )

    @cached_property
    def _by_look(self) -> dict[Hashable, list[State]]:
        alike: dict[Hashable, list[State]] = {}
        for state in self.states:
            alike.setdefault(look_at(state.view, state.length, self.looks), []).append(state)
        return alike

    def reach(
        self, available: Collection[int], *, until: int | None = None
    ) -> dict[int, tuple[Stack, Cost]]:
        """Return the cheapest stack for each node that can be reached.

        Args:
            available: The places of the backups that are there.
            until: When it is: states that the guest saw only later count as unseen.
        """
        leaving: dict[int, list[Way]] = {}
        for place in available:
            for way in self.ways[place]:
                leaving.setdefault(way.start, []).append(way)
        found: dict[int, tuple[Stack, Cost]] = {}
        waiting: list[tuple[Cost, Stack, int]] = [(Cost(), (), NOTHING)]
        for node in self.empty:
            heappush(waiting, (Cost(bare=1), (), node))
        while waiting:
            cost, stack, node = heappop(waiting)
            if node in found or not self._known(node, until):
                continue
            found[node] = stack, cost
            for way in leaving.get(node, ()):
                if way.end not in found:
                    heappush(waiting, (self.cost_with(cost, way), (*stack, way.piece), way.end))
        found.pop(NOTHING)
        return found

    def _known(self, node: int, until: int | None) -> bool:
        return node == NOTHING or until is None or self.states[node].seen <= until

    def cost_with(self, cost: Cost, way: Way) -> Cost:
        """Return what a stack costs with one more backup on top."""
        piece = self.pieces[way.piece]
        lucky = piece.end is not None and piece.end != way.end
        bare = cost.bare or (way.start == NOTHING and not piece.complete)
        return Cost(cost.size + piece.size, int(bare), cost.backups + 1, cost.luck + lucky)

    def reached(self, available: Collection[int], *, until: int | None = None) -> frozenset[int]:
        """Return the nodes that can be reached, at any cost."""
        leaving: dict[int, list[int]] = {}
        for place in available:
            for way in self.ways[place]:
                leaving.setdefault(way.start, []).append(way.end)
        found, waiting = {NOTHING}, [NOTHING]
        waiting += self.empty
        found.update(self.empty)
        while waiting:
            for end in leaving.get(waiting.pop(), ()):
                if end not in found and self._known(end, until):
                    found.add(end)
                    waiting.append(end)
        return frozenset(node for node in found if node != NOTHING and self._known(node, until))

    def find(self, view: ClusterMap, length: int) -> int | None:
        """Return the node of the state that reads like some content, or None."""
        for state in self._by_look.get(look_at(view, length, self.looks), ()):
            if view.reads_like(state.view):
                return state.number
        return None


def number_states(
    sights: Sequence[Sight],
) -> tuple[tuple[State, ...], ClusterSet, tuple[int, ...]]:
    """Return the states of a disk, alike ones as one, and the node of each sight.

    Args:
        sights: What was seen, in the order of time.

    Returns:
        The states; clusters by which they are told apart, one in which each sight differs from the
        one before if their marks do not tell; and a node for each sight.
    """
    firsts = [
        next(iter(changed))
        for before, after in pairwise(sights)
        if after.view.mark() == before.view.mark()
        for changed in [after.view.differing(before.view)]
        if changed
    ]
    looks = set_of(max(firsts, default=0) + 1, firsts)
    states: list[State] = []
    alike: dict[Hashable, list[State]] = {}
    nodes: list[int] = []
    for view, length, seen in sights:
        same = alike.setdefault(look_at(view, length, looks), [])
        known = next((each for each in same if view.reads_like(each.view)), None)
        if known is None:
            known = State(len(states), view, length, seen)
            states.append(known)
            same.append(known)
        nodes.append(known.number)
    return tuple(states), looks, tuple(nodes)


def graph_of(
    disk: str, states: tuple[State, ...], pieces: tuple[Piece, ...], looks: ClusterSet
) -> Graph:
    """Return the states that the guest saw, those halfway to them, and all backups.

    A backup that was copied in part leads from each state to one that the guest may never have
    seen, and others may lead on from there.
    """
    found = list(states)
    alike: dict[Hashable, list[State]] = {}
    for state in found:
        alike.setdefault(look_at(state.view, state.length, looks), []).append(state)
    partly = [each for each in pieces if each.partly]
    below = [(map_of(each.length), each.length) for each in partly]
    below += [(state.view, state.length) for state in _below(states, pieces, partly)]
    # What a piece leads to may lie below the next one, and below the one before.
    for view, length in below:
        for piece in partly:
            given = lay_over(view, length, piece)
            same = alike.setdefault(look_at(given, piece.length, looks), [])
            if any(given.reads_like(each.view) for each in same):
                continue
            if len(found) - len(states) < HALFWAY_MAX:
                same.append(State(len(found), given, piece.length, 0))
                found.append(same[-1])
                below.append((given, piece.length))
    return Graph(disk, tuple(found), pieces, looks, len(states))


def _is_small(states: Sequence[State], pieces: Sequence[Piece]) -> bool:
    """Whether each pair of a state and a backup can be tried."""
    small = all(state.length <= SMALL_MAX for state in states)
    return small and len(states) * len(pieces) <= PAIRS_MAX


def _below(
    states: Sequence[State], pieces: Sequence[Piece], partly: Sequence[Piece]
) -> Sequence[State]:
    """Return the states that backups which were copied in part are laid over: all, or of too many
    those that they start at.
    """
    if not partly or _is_small(states, pieces):
        return states if partly else ()
    return [states[start] for start in sorted({p.start for p in partly if p.start is not None})]


def look_at(view: ClusterMap, length: int, looks: ClusterSet) -> Hashable:
    """Return something that is equal for disks that read alike, and seldom for others."""
    return length, view.mark(), view.versions_at(looks)


def lay_over(view: ClusterMap, length: int, above: Layer) -> ClusterMap:
    """Return what a backup on top of a state reads as.

    |AAAA----| below |---BBB--| reads |AAABBB--|; what lies below a shorter backup is not seen
    beyond its end.
    """
    if above.complete:
        return above.content
    below = view.below(above.length) if above.length < length else view
    return below.overlay(above.content)


def find_ways(graph: Graph, place: int) -> Iterator[Way]:
    """Yield the ways that a backup leads, each start once."""
    piece = graph.pieces[place]
    if piece.torn:
        return
    if piece.complete:
        end = _claimed(graph, piece)
        if end is None:
            end = _given(graph, piece, piece.content, piece.length)
        if end is not None:
            yield Way(place, NOTHING, end)
        return
    if _is_small(graph.states, graph.pieces):
        yield from _try_all(graph, place)
    else:
        yield from _walk_back(graph, place)


def _try_all(graph: Graph, place: int) -> Iterator[Way]:
    """Yield the ways of a backup from nothing and from every state."""
    piece = graph.pieces[place]
    starts: list[tuple[int, ClusterMap, int]] = [(NOTHING, map_of(piece.length), piece.length)]
    starts += [(state.number, state.view, state.length) for state in graph.states]
    for start, view, length in starts:
        end = _given(graph, piece, view, length)
        if end is not None and end != start:
            yield Way(place, start, end)


def _given(graph: Graph, piece: Piece, view: ClusterMap, length: int) -> int | None:
    """Return the node that a backup gives on a state: one halfway, if it was copied in part."""
    end = graph.find(lay_over(view, length, piece), piece.length)
    return end if end is None or end < graph.seen or piece.partly else None


def _claimed(graph: Graph, piece: Piece) -> int | None:
    """Return the node that a backup stands for, if it reads there as it claims."""
    if piece.end is None:
        return None
    state = graph.states[piece.end]
    agrees = lay_over(state.view, state.length, piece).reads_like(state.view)
    return piece.end if agrees and state.length == piece.length else None


def _walk_back(graph: Graph, place: int) -> Iterator[Way]:
    """Yield the ways of a backup to the state that it stands for, from those before it.

    Where it does not give that one from its start, to what it gives from there as well.
    """
    piece = graph.pieces[place]
    end = _claimed(graph, piece) if not piece.partly else None
    ways = [] if end is None else list(_ways_to(graph, place, end))
    yield from ways
    if piece.start is not None and all(way.start != piece.start for way in ways):
        start = graph.states[piece.start]
        found = _given(graph, piece, start.view, start.length)
        if found is not None and found != end:
            yield from _ways_to(graph, place, found)
    yield from _ways_halfway(graph, place)


def _ways_halfway(graph: Graph, place: int) -> Iterator[Way]:
    """Yield the ways of a backup from states halfway, and of one that was copied in part."""
    piece = graph.pieces[place]
    own = [piece] if piece.partly else []
    for state in (*_below(graph.states, graph.pieces, own), *graph.states[graph.seen :]):
        found = _given(graph, piece, state.view, state.length)
        if found is not None and found != state.number:
            yield Way(place, state.number, found)


def _ways_to(graph: Graph, place: int, end: int) -> Iterator[Way]:
    """Yield the ways of a backup to one state, from those before it."""
    piece = graph.pieces[place]
    meant = graph.states[end]
    tried = range(end - 1, -1, -1)
    others = [] if piece.start is None or piece.start < end else [piece.start]
    for number in [*others, *tried]:
        state = graph.states[number]
        given = lay_over(state.view, state.length, piece)
        if given.reads_like(meant.view):
            if number != end:
                yield Way(place, number, end)
        elif piece.start is None or number <= piece.start:
            break


def least_first(pieces: Sequence[Piece], places: Collection[int]) -> list[int]:
    """Return places of backups, those that hold most data first."""
    return sorted(places, key=lambda place: (-pieces[place].size, place))
