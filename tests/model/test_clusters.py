"""The laws of sets and maps of clusters, of both kinds, against Python's own sets and dicts."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.model.clusters import (
    CLUSTERS_MAX,
    SMALL_MAX,
    VERSIONS_MAX,
    WORKLOAD_FIRST,
    ZERO,
    ClusterMap,
    ClusterSet,
    Version,
    large,
    letter_of,
    map_of,
    range_of,
    rescale,
    set_of,
    tag_of,
)
from simulator.model.clusters.arrays import LargeSet
from simulator.model.clusters.large import LargeMap
from simulator.model.clusters.small import SmallMap, SmallSet


@dataclass(frozen=True, slots=True)
class Implementation:
    """One of the two kinds of sets and maps, by how its values are made."""

    name: str
    set: Callable[[Iterable[int]], ClusterSet]
    map: Callable[[Mapping[int, Version]], ClusterMap]


SMALL = Implementation("small", SmallSet.of, SmallMap.of)
LARGE = Implementation("large", LargeSet.of, LargeMap.of)

LENGTH = 24
LAW = settings(derandomize=True, deadline=None, max_examples=60)

CLUSTERS = st.integers(0, LENGTH - 1)
SETS = st.frozensets(CLUSTERS)
VERSIONS = st.sampled_from([ZERO, ord("A"), ord("B"), WORKLOAD_FIRST, VERSIONS_MAX - 1])
MAPS = st.dictionaries(CLUSTERS, VERSIONS, max_size=LENGTH)
HISTORIES = st.lists(st.dictionaries(CLUSTERS, VERSIONS, max_size=5), max_size=9)
SCALES = st.sampled_from([1, 2, 3, 16])

each_kind = pytest.mark.parametrize("kind", [SMALL, LARGE], ids=lambda kind: kind.name)


def stacked(levels: Iterable[Mapping[int, Version]]) -> dict[int, Version]:
    """The oracle of an overlay: later dicts win."""
    view: dict[int, Version] = {}
    for level in levels:
        view |= level
    return view


def laid(kind: Implementation, levels: Iterable[Mapping[int, Version]]) -> ClusterMap:
    """Return maps laid over one another, oldest first."""
    view = kind.map({})
    for level in levels:
        view = view.overlay(kind.map(level))
    return view


def reading_unlike(mine: Mapping[int, Version], theirs: Mapping[int, Version]) -> list[int]:
    """The oracle of a difference: every cluster is read, and what is not held reads as zero."""
    return [c for c in range(LENGTH) if mine.get(c, ZERO) != theirs.get(c, ZERO)]


@contextmanager
def tight_limits() -> Iterator[None]:
    """Let every other map be made flat after 2 probes, so that few writes reach that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large, "PROBES_MAX", 2)
        patch.setattr(large, "STRIDE_MIN", 2)
        yield


def assert_holds(found: ClusterMap, wanted: Mapping[int, Version]) -> None:
    """Ask a map everything there is to ask, a single look-up first: it may not be flat yet."""
    assert [found.get(c) for c in range(LENGTH)] == [wanted.get(c) for c in range(LENGTH)]
    assert list(found.clusters()) == sorted(wanted)
    assert list(found.items()) == sorted(wanted.items())
    assert len(found) == len(wanted)
    assert bool(found) == bool(wanted)


# Sets.


@each_kind
@given(st.lists(CLUSTERS))
@LAW
def test_a_set_holds_what_it_was_made_of_once_and_in_order(
    kind: Implementation, clusters: list[int]
) -> None:
    found, wanted = kind.set(clusters), set(clusters)
    assert list(found) == sorted(wanted)
    assert len(found) == len(wanted)
    assert bool(found) == bool(wanted)
    assert [c in found for c in range(LENGTH)] == [c in wanted for c in range(LENGTH)]
    assert "3" not in found


@each_kind
@given(SETS, SETS)
@LAW
def test_union_intersection_and_difference_are_those_of_python_sets(
    kind: Implementation, a: frozenset[int], b: frozenset[int]
) -> None:
    one, other = kind.set(a), kind.set(b)
    assert list(one | other) == sorted(a | b)
    assert list(one & other) == sorted(a & b)
    assert list(one - other) == sorted(a - b)
    assert list(one | one) == list(one & one) == list(one) == sorted(a)
    assert not list(one - one)
    assert list(other) == sorted(b)


@each_kind
@given(st.lists(SETS))
@LAW
def test_a_union_of_many_sets_is_in_order_and_holds_each_cluster_once(
    kind: Implementation, sets: list[frozenset[int]]
) -> None:
    united, wanted = kind.set(()), frozenset[int]()
    for each in sets:
        united, wanted = united | kind.set(each), wanted | each
    assert bool(united) == bool(wanted)
    assert list(united) == sorted(wanted)


@each_kind
@given(SETS)
@LAW
def test_the_runs_of_a_set_are_its_clusters_in_as_few_stretches_as_can_be(
    kind: Implementation, clusters: frozenset[int]
) -> None:
    runs = list(kind.set(clusters).runs())
    assert [c for first, count in runs for c in range(first, first + count)] == sorted(clusters)
    assert all(first + count < later for (first, count), (later, _) in pairwise(runs))


@each_kind
@given(SETS, SCALES, st.integers(0, 16 * LENGTH))
@LAW
def test_a_set_in_smaller_units_holds_every_unit_of_each_cluster_within_the_length(
    kind: Implementation, clusters: frozenset[int], scale: int, length: int
) -> None:
    finer = rescale(kind.set(clusters), scale, 1, length)
    units = {c * scale + n for c in clusters for n in range(scale)}
    assert list(finer) == sorted(unit for unit in units if unit < length)


@pytest.mark.parametrize("scale", [1, 3, 64, 1000])
@given(clusters=st.frozensets(st.integers(0, 5000), max_size=200))
@settings(deadline=None)
def test_a_large_set_touches_the_cells_that_its_clusters_are_in(
    scale: int, clusters: frozenset[int]
) -> None:
    touched = sorted({cluster // scale for cluster in clusters})
    array = np.array(sorted(clusters), dtype=np.int64)
    assert [*LargeSet(array).cells(scale)] == touched


@each_kind
@given(SETS, SCALES)
@LAW
def test_a_set_in_larger_units_holds_every_unit_that_a_cluster_touches(
    kind: Implementation, clusters: frozenset[int], scale: int
) -> None:
    coarser = rescale(kind.set(clusters), 1, scale, -(-LENGTH // scale))
    assert list(coarser) == sorted({c // scale for c in clusters})


@each_kind
@given(SETS, SCALES, st.integers(0, LENGTH))
@LAW
def test_a_set_in_larger_units_ends_at_the_length(
    kind: Implementation, clusters: frozenset[int], scale: int, length: int
) -> None:
    coarser = rescale(kind.set(clusters), 1, scale, length)
    assert list(coarser) == sorted({c // scale for c in clusters if c // scale < length})


@each_kind
@given(SETS, SETS)
@LAW
def test_sets_are_equal_if_and_only_if_they_hold_the_same(
    kind: Implementation, a: frozenset[int], b: frozenset[int]
) -> None:
    one, other = kind.set(a), kind.set(b)
    assert (one == other) == (a == b)
    assert one == kind.set(sorted(a, reverse=True))
    assert (one | other) == kind.set(a | b)
    assert hash(one | other) == hash(kind.set(a | b))
    assert one != a


# Maps.


@each_kind
@given(MAPS)
@LAW
def test_a_map_holds_what_it_was_made_of_in_the_order_of_clusters(
    kind: Implementation, versions: dict[int, Version]
) -> None:
    assert_holds(kind.map(versions), versions)


@each_kind
@given(HISTORIES)
@LAW
def test_of_maps_laid_over_one_another_the_newest_wins(
    kind: Implementation, levels: list[dict[int, Version]]
) -> None:
    views = [laid(kind, levels[:n]) for n in range(len(levels) + 1)]
    for n, view in enumerate(views):
        assert_holds(view, stacked(levels[:n]))


@given(HISTORIES)
@LAW
def test_the_newest_wins_however_many_levels_a_look_up_may_search(
    levels: list[dict[int, Version]],
) -> None:
    with tight_limits():
        views = [laid(LARGE, levels[:n]) for n in range(len(levels) + 1)]
        for n, view in enumerate(views):
            assert_holds(view, stacked(levels[:n]))


@given(st.lists(st.dictionaries(CLUSTERS, VERSIONS, min_size=1, max_size=2), min_size=40))
@settings(LAW, max_examples=10)
def test_the_newest_wins_on_more_levels_than_a_look_up_searches_one_by_one(
    levels: list[dict[int, Version]],
) -> None:
    assert len(levels) > 2 * large.PROBES_MAX
    assert_holds(laid(LARGE, levels), stacked(levels))


@each_kind
@given(HISTORIES, HISTORIES)
@LAW
def test_it_does_not_matter_which_maps_are_laid_over_one_another_first(
    kind: Implementation, below: list[dict[int, Version]], above: list[dict[int, Version]]
) -> None:
    lower, upper = laid(kind, below), laid(kind, above)
    assert_holds(lower.overlay(upper), stacked([*below, *above]))
    assert_holds(lower, stacked(below))
    assert_holds(upper, stacked(above))


@each_kind
@given(HISTORIES, SETS)
@LAW
def test_a_map_restricted_to_some_clusters_holds_the_same_for_these_and_no_others(
    kind: Implementation, levels: list[dict[int, Version]], clusters: frozenset[int]
) -> None:
    view, wanted = laid(kind, levels), stacked(levels)
    assert_holds(
        view.restrict(kind.set(clusters)), {c: v for c, v in wanted.items() if c in clusters}
    )
    assert_holds(view.restrict(view.clusters()), wanted)
    for level in levels:
        # A backup reads through the very set that the guest's write marked.
        written = kind.map(level).clusters()
        assert_holds(view.restrict(written), {c: wanted[c] for c in level})


@each_kind
@given(HISTORIES, HISTORIES, HISTORIES)
@LAW
def test_maps_differ_where_they_read_differently_and_nothing_reads_like_zeroes(
    kind: Implementation,
    shared: list[dict[int, Version]],
    mine: list[dict[int, Version]],
    theirs: list[dict[int, Version]],
) -> None:
    root = laid(kind, shared)
    one, other = root.overlay(laid(kind, mine)), root.overlay(laid(kind, theirs))
    wanted = reading_unlike(stacked([*shared, *mine]), stacked([*shared, *theirs]))
    assert list(one.differing(other)) == wanted
    assert list(other.differing(one)) == wanted
    assert not one.differing(one)
    assert_holds(one, stacked([*shared, *mine]))


@given(HISTORIES, HISTORIES, HISTORIES)
@LAW
def test_maps_that_share_their_beginning_differ_the_same_when_they_were_made_flat(
    shared: list[dict[int, Version]],
    mine: list[dict[int, Version]],
    theirs: list[dict[int, Version]],
) -> None:
    with tight_limits():
        root = laid(LARGE, shared)
        one, other = root, root
        for level in mine:
            one = one.overlay(LARGE.map(level))
        for level in theirs:
            other = other.overlay(LARGE.map(level))
        wanted = reading_unlike(stacked([*shared, *mine]), stacked([*shared, *theirs]))
        assert list(one.differing(other)) == wanted
        assert list(other.differing(one)) == wanted


@each_kind
def test_explicit_zeroes_hide_what_lies_below_and_read_like_nothing(kind: Implementation) -> None:
    base, zeroes, empty = kind.map({3: ord("A")}), kind.map({3: ZERO}), kind.map({})
    assert base.overlay(zeroes).get(3) == ZERO
    assert empty.get(3) is None
    assert not zeroes.differing(empty)
    assert not base.overlay(zeroes).differing(empty)
    assert list(base.differing(zeroes)) == [3]
    assert zeroes != empty


@each_kind
@given(HISTORIES)
@LAW
def test_the_runs_of_a_map_hold_one_version_each_and_are_as_few_as_can_be(
    kind: Implementation, levels: list[dict[int, Version]]
) -> None:
    runs = list(laid(kind, levels).runs())
    told = {c: version for first, count, version in runs for c in range(first, first + count)}
    assert told == stacked(levels)
    assert sum(count for _, count, _ in runs) == len(told)
    for (first, count, version), (later, _, next_version) in pairwise(runs):
        assert first + count < later or (first + count == later and version != next_version)


@each_kind
@given(HISTORIES, HISTORIES)
@LAW
def test_maps_are_equal_if_and_only_if_they_hold_the_same_in_however_many_levels(
    kind: Implementation, a: list[dict[int, Version]], b: list[dict[int, Version]]
) -> None:
    one, other = laid(kind, a), laid(kind, b)
    assert (one == other) == (stacked(a) == stacked(b))
    assert one == kind.map(stacked(a))
    assert hash(one) == hash(kind.map(stacked(a)))
    assert one != stacked(a)


@given(st.lists(st.lists(CLUSTERS), max_size=5))
@LAW
def test_of_a_workloads_writes_to_one_cluster_the_newest_wins(windows: list[list[int]]) -> None:
    view = LargeMap()
    flat: dict[int, Version] = {}  # The oracle: one write after another.
    version = WORKLOAD_FIRST
    for window in windows:
        written = LargeMap.of_writes(np.array(window, dtype=np.int64), version)
        alone = {cluster: version + n for n, cluster in enumerate(window)}
        assert_holds(written, alone)
        view = view.overlay(written)
        flat |= alone
        version += len(window)
    assert_holds(view, flat)


# What chooses between the two kinds, and their outer bounds.


@given(MAPS, SETS)
@LAW
def test_a_disk_of_one_cluster_more_than_a_small_one_holds_the_same(
    versions: dict[int, Version], clusters: frozenset[int]
) -> None:
    small, large = map_of(SMALL_MAX, versions), map_of(SMALL_MAX + 1, versions)
    assert isinstance(small, SmallMap)
    assert isinstance(large, LargeMap)
    assert list(small.items()) == list(large.items())
    assert list(small.runs()) == list(large.runs())
    few, many = set_of(SMALL_MAX, clusters), set_of(SMALL_MAX + 1, clusters)
    assert isinstance(few, SmallSet)
    assert isinstance(many, LargeSet)
    assert list(few) == list(many)
    assert list(few.runs()) == list(many.runs())
    assert list(small.restrict(few).items()) == list(large.restrict(many).items())


@pytest.mark.parametrize("length", [SMALL_MAX, SMALL_MAX + 1])
@given(first=CLUSTERS, count=st.integers(0, LENGTH), version=VERSIONS)
@LAW
def test_a_range_holds_one_version_from_its_first_cluster_on(
    length: int, first: int, count: int, version: Version
) -> None:
    found = range_of(length, first, count, version)
    wanted = dict.fromkeys(range(first, first + count), version)
    assert list(found.items()) == sorted(wanted.items())
    assert list(found.clusters()) == sorted(wanted)
    assert bool(found) == bool(count)
    assert list(found.runs()) == ([(first, count, version)] if count else [])


def test_the_last_cluster_of_the_largest_disk_holds_the_last_version() -> None:
    last = CLUSTERS_MAX - 1
    found = map_of(CLUSTERS_MAX, {0: ZERO, last: VERSIONS_MAX - 1})
    assert list(found.items()) == [(0, ZERO), (last, VERSIONS_MAX - 1)]
    assert found.get(last) == VERSIONS_MAX - 1
    assert list(found.overlay(map_of(CLUSTERS_MAX, {last: ZERO})).items()) == [
        (0, ZERO),
        (last, ZERO),
    ]
    assert list(rescale(found.clusters(), 128, 1, 128 * CLUSTERS_MAX))[-1] == 128 * last + 127


def test_a_figure_names_zeroes_letters_and_workload_writes_and_the_document_their_number() -> None:
    versions = [ZERO, ord("A"), WORKLOAD_FIRST, WORKLOAD_FIRST + 7]
    assert [letter_of(version) for version in versions] == ["0", "A", "*", "*"]
    assert [tag_of(version) for version in versions] == ["0", "A", "#0", "#7"]


@each_kind
@given(MAPS, SETS)
@LAW
def test_what_some_clusters_read_as_is_one_value_and_data_is_counted_without_zeroes(
    kind: Implementation, versions: dict[int, Version], wanted: frozenset[int]
) -> None:
    content = kind.map(versions)
    other = kind.map({c: v for c, v in versions.items() if c in wanted and v != ZERO})
    assert content.versions_at(kind.set(wanted)) == other.versions_at(kind.set(wanted))
    changed = kind.map({**versions, **dict.fromkeys(wanted, VERSIONS_MAX - 2)})
    alike = changed.versions_at(kind.set(wanted)) == content.versions_at(kind.set(wanted))
    assert alike == (not wanted)
    assert content.data_count == sum(version != ZERO for version in versions.values())
