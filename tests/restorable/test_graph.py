"""The engine against brute force: every stack of every set of backups, tried one by one."""

from collections.abc import Iterator
from itertools import combinations, permutations
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.model.clusters import SMALL_MAX, map_of, set_of
from simulator.restorable import graph as graphs
from simulator.restorable.graph import NOTHING, Graph, Piece, Sight, Way, graph_of, number_states
from simulator.restorable.keeping import keep
from simulator.restorable.losing import find_losses
from simulator.restorable.reaching import Reaching

LENGTH = 3
CELLS = st.tuples(*[st.sampled_from("-AB")] * LENGTH)
HISTORIES = st.lists(CELLS, min_size=1, max_size=4)
Drawn: TypeAlias = tuple[tuple[str, ...], bool, int, bool]
"""A backup: its cells, whether it is complete, its end, and whether it was copied in part."""

BACKUPS: st.SearchStrategy[list[Drawn]] = st.lists(
    st.tuples(
        st.tuples(*[st.sampled_from("-0AB")] * LENGTH),
        st.booleans(),
        st.integers(0, 3),
        st.sampled_from([False, False, True]),
    ),
    max_size=4,
)
LAW = settings(derandomize=True, deadline=None, max_examples=150)


def content(cells: tuple[str, ...]) -> dict[int, int]:
    return {n: 0 if c == "0" else ord(c) for n, c in enumerate(cells) if c != "-"}


def build(history: list[tuple[str, ...]], backups: list[Drawn]) -> Graph:
    sights = [Sight(map_of(LENGTH, content(cells)), LENGTH, n) for n, cells in enumerate(history)]
    states, looks, nodes = number_states(sights)
    pieces = tuple(
        Piece(
            row=f"b{n}",
            content=map_of(LENGTH, content(cells)),
            length=LENGTH,
            complete=complete,
            size=sum(c not in "-0" for c in cells),
            start=nodes[0],
            end=nodes[end % len(nodes)],
            partly=partly,
        )
        for n, (cells, complete, end, partly) in enumerate(backups)
    )
    return graph_of("vda", states, pieces, looks)


def stacks(places: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Every order of every choice of backups, none twice."""
    for count in range(len(places) + 1):
        yield from permutations(places, count)


def read(graph: Graph, stack: tuple[int, ...]) -> list[int | None]:
    """The states on the way up a stack, by dictionaries alone; None for one that nobody saw.

    Unless a backup leads there that was copied in part.
    """
    views = [{c: v for c, v in s.view.items() if v} for s in graph.states]
    disk: dict[int, int] = {}
    seen: list[int | None] = []
    for place in stack:
        piece = graph.pieces[place]
        disk = {} if piece.complete else disk
        disk = disk | dict(piece.content.items())
        shown = {c: v for c, v in disk.items() if v}
        node = views.index(shown) if shown in views else None
        halfway = node is not None and node >= graph.seen and not piece.partly
        seen.append(None if halfway else node)
    return seen


def reachable(graph: Graph, places: tuple[int, ...]) -> set[int]:
    """The states that some stack gives, each backup of it giving a state that was seen."""
    found = {n for n, s in enumerate(graph.states) if not any(v for _, v in s.view.items())}
    for stack in stacks(places):
        seen = read(graph, stack)
        if stack and None not in seen:
            found |= {node for node in seen if node is not None}
    return found


@given(HISTORIES, BACKUPS)
@LAW
def test_what_can_be_reached_is_what_some_stack_gives(
    history: list[tuple[str, ...]], backups: list[Drawn]
) -> None:
    graph = build(history, backups)
    places = tuple(range(len(graph.pieces)))
    found = graph.reach(places)
    assert set(found) == reachable(graph, places) == graph.reached(places)
    for node, (stack, cost) in found.items():
        assert not stack or read(graph, stack)[-1] == node
        assert cost.size == sum(graph.pieces[place].size for place in stack)
        cheaper = [
            other
            for other in stacks(places)
            if other and None not in (way := read(graph, other)) and way[-1] == node
            if sum(graph.pieces[place].size for place in other) < cost.size
        ]
        assert not cheaper


@given(HISTORIES, BACKUPS)
@LAW
def test_what_may_go_is_the_most_that_may_go(
    history: list[tuple[str, ...]], backups: list[Drawn]
) -> None:
    graph = build(history, backups)
    places = tuple(range(len(graph.pieces)))
    goals = reachable(graph, places)
    kept = keep(graph, places, goals)
    assert kept is not None
    assert kept.least
    assert goals <= reachable(graph, tuple(kept.places))
    sizes = [
        sum(graph.pieces[place].size for place in chosen)
        for count in range(len(places) + 1)
        for chosen in combinations(places, count)
        if goals <= reachable(graph, chosen)
    ]
    assert kept.size == min(sizes)


@given(HISTORIES, BACKUPS)
@LAW
def test_what_is_lost_without_one_backup_or_two(
    history: list[tuple[str, ...]], backups: list[Drawn]
) -> None:
    graph = build(history, backups)
    places = tuple(range(len(graph.pieces)))
    told = {loss.places: set(loss.nodes) for loss in find_losses(graph, places)}
    whole = reachable(graph, places)
    lost = {p: whole - reachable(graph, tuple({*places} - {p})) for p in places}
    for place in places:
        assert told.get((place,), set()) == lost[place]
    for one, other in combinations(places, 2):
        both = whole - reachable(graph, tuple({*places} - {one, other}))
        assert told.get((one, other), set()) == both - lost[one] - lost[other]


@given(HISTORIES, BACKUPS, st.lists(st.integers(0, 3), max_size=12))
@LAW
def test_from_change_to_change_the_same_is_reached_at_the_same_cost(
    history: list[tuple[str, ...]],
    backups: list[Drawn],
    changes: list[int],
) -> None:
    graph = build(history, backups)
    reaching, there = Reaching(graph), set[int]()
    before: dict[int, object] = {}
    for until, place in enumerate(changes):
        reaching.see(until)
        if place in there:
            there.remove(place)
            reaching.go(place)
        elif place < len(graph.pieces):
            there.add(place)
            reaching.come(place)
        expected = {n: cost for n, (_, cost) in graph.reach(there, until=until).items()}
        assert {n: c for n, c in reaching.costs.items() if n != NOTHING} == expected
        differ = {n for n in {*before, *expected} if before.get(n) != expected.get(n)}
        assert differ <= reaching.changed
        before = dict(expected)
        reaching.changed.clear()


def test_a_goal_that_nothing_reaches_is_no_set_of_backups() -> None:
    graph = build([("A", "-", "-")], [])
    assert keep(graph, (), {0}) is None


def test_beyond_a_bound_the_best_set_so_far_is_told_as_such() -> None:
    states, looks, _ = number_states([Sight(map_of(2, {0: 65}), 2, 0)])
    full = Piece("f", map_of(2, {0: 65}), 2, complete=True, size=1, end=0)
    graph = graph_of("vda", states, (full,) * 600, looks)
    kept = keep(graph, range(600), {0})
    assert kept is not None
    assert len(kept.places) == 1
    assert not kept.least


@given(HISTORIES, BACKUPS)
@LAW
def test_a_long_history_is_walked_and_what_is_found_is_so(
    history: list[tuple[str, ...]], backups: list[Drawn]
) -> None:
    graph = build(history, backups)
    for place in range(len(graph.pieces)):
        walked = [way for way in graphs._walk_back(graph, place) if way.start != way.end]
        tried = set(graph.ways[place])
        for way in walked:
            if not graph.pieces[place].complete:
                assert Way(place, way.start, way.end) in tried


def test_states_of_a_large_disk_are_told_apart_and_alike_ones_are_one() -> None:
    large = SMALL_MAX * 4
    views = [{5: 65}, {5: 65, 9000: 66}, {5: 67, 9000: 66}, {5: 65, 9000: 66}, {5: 65, 9000: 0}]
    states, looks, nodes = number_states(
        [Sight(map_of(large, view), large, n) for n, view in enumerate(views)]
    )
    assert nodes == (0, 1, 2, 1, 0)
    assert len(states) == 3
    assert looks == set_of(large, [5, 9000])
