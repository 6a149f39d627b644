"""Maps of large disks that share levels: whatever they were made of, they are as Python dicts are.

Each is laid over others, cut and made flat, and then held against all the others and their dicts.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.model.clusters import (
    CLUSTERS_MAX,
    WORKLOAD_FIRST,
    ZERO,
    Version,
    arrays,
    large,
    letter_of,
    levels,
)
from simulator.model.clusters.arrays import LargeSet
from simulator.model.clusters.large import LargeMap
from simulator.model.clusters.levels import Level, flatten, merge, pack, pack_in_time

LENGTH = 16
LAW = settings(derandomize=True, deadline=None, max_examples=150)
CLUSTERS = st.integers(0, LENGTH - 1)
LETTERS = st.dictionaries(CLUSTERS, st.sampled_from([ZERO, ord("A"), ord("B")]), max_size=4)
SOME_LETTERS = st.dictionaries(
    CLUSTERS, st.sampled_from([ZERO, ord("A"), ord("B")]), min_size=1, max_size=4
)
ANY = st.integers(0, 99)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("window"), ANY, st.lists(CLUSTERS, max_size=5)),
        st.tuples(st.just("letters"), ANY, LETTERS),
        st.tuples(st.just("laid"), ANY, ANY),
        st.tuples(st.just("cut"), ANY, st.frozensets(CLUSTERS)),
        st.tuples(st.just("newest"), ANY, st.integers(1, 4)),
        st.tuples(st.just("flat"), ANY, st.none()),
    ),
    max_size=14,
)


@contextmanager
def tight_limits() -> Iterator[None]:
    """Let every other map be made flat after one probe, and draw all cells level by level."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large, "PROBES_MAX", 1)
        patch.setattr(large, "STRIDE_MIN", 2)
        patch.setattr(large, "SCALE_MIN", 1)
        patch.setattr(levels, "DENSE_MAX", 0)
        for module in (arrays, levels):
            patch.setattr(module, "FEW_IN", 1)
        yield


class Maps:
    """Maps and the dicts that they are to be like."""

    def __init__(self) -> None:
        self.found: list[LargeMap] = [LargeMap()]
        self.wanted: list[dict[int, Version]] = [{}]
        self._version = WORKLOAD_FIRST

    def do(self, step: str, place: int, what: object) -> None:
        """Make one more map of those that are there."""
        place %= len(self.found)
        found, wanted = self.found[place], self.wanted[place]
        if step == "window" and isinstance(what, list):
            written = LargeMap.of_writes(np.array(what, dtype=np.int64), self._version)
            self._add(
                found.overlay(written),
                wanted | {cluster: self._version + n for n, cluster in enumerate(what)},
            )
            self._version += len(what)
        elif step == "letters" and isinstance(what, dict):
            self._add(found.overlay(LargeMap.of(what)), wanted | what)
        elif step == "laid" and isinstance(what, int):
            what %= len(self.found)
            self._add(found.overlay(self.found[what]), wanted | self.wanted[what])
        elif step == "cut" and isinstance(what, frozenset):
            kept = {c: version for c, version in wanted.items() if c in what}
            self._add(found.restrict(LargeSet.of(what)), kept)
        elif step == "newest" and isinstance(what, int):
            newest, left = LargeSet.of([]), found
            for _ in range(what):
                newest, left = LargeSet.of(newest | left.level.clusters), left.lower
            self._add(found.restrict(newest), {c: wanted[c] for c in newest})
        else:
            self._add(found.flattened(), wanted)

    def _add(self, found: LargeMap, wanted: dict[int, Version]) -> None:
        self.found.append(found)
        self.wanted.append(wanted)

    def pairs(self) -> Iterator[tuple[LargeMap, dict[int, Version], LargeMap, dict[int, Version]]]:
        """Yield each two maps with their dicts."""
        for one, mine in zip(self.found, self.wanted, strict=True):
            for other, theirs in zip(self.found, self.wanted, strict=True):
                yield one, mine, other, theirs


def made(steps: list[tuple[str, int, object]]) -> Maps:
    """Return the maps of some steps."""
    maps = Maps()
    for step, place, what in steps:
        maps.do(step, place, what)
    return maps


@given(STEPS)
@LAW
def test_maps_that_share_levels_differ_where_their_dicts_do(
    steps: list[tuple[str, int, object]],
) -> None:
    with tight_limits():
        for one, mine, other, theirs in made(steps).pairs():
            unlike = [c for c in range(LENGTH) if mine.get(c, ZERO) != theirs.get(c, ZERO)]
            assert list(one.differing(other)) == unlike
            assert one.reads_like(other) == (not unlike)
            assert unlike or one.mark() == other.mark()


@given(STEPS)
@LAW
def test_the_mark_of_a_map_is_the_highest_version_of_a_workload_that_is_seen(
    steps: list[tuple[str, int, object]],
) -> None:
    maps = made(steps)
    for found, wanted in zip(maps.found, maps.wanted, strict=True):
        seen = max((v for v in wanted.values() if v >= WORKLOAD_FIRST), default=None)
        assert found.mark() == seen


@given(STEPS)
@LAW
def test_what_was_laid_over_an_older_map_makes_the_newer_of_it(
    steps: list[tuple[str, int, object]],
) -> None:
    for one, mine, other, theirs in made(steps).pairs():
        added = one.since(other)
        if added is not None:
            assert theirs | dict(added.items()) == mine
            assert list(other.overlay(added).items()) == sorted(mine.items())


@given(STEPS, st.sampled_from([1, 2, 3, 4, 16]), st.integers(0, LENGTH))
@LAW
def test_maps_that_share_levels_hold_and_draw_what_their_dicts_do(
    steps: list[tuple[str, int, object]], scale: int, end: int
) -> None:
    with tight_limits():
        maps = made(steps)
        for found, wanted in zip(maps.found, maps.wanted, strict=True):
            cells: dict[int, set[str]] = {}
            for cluster, version in sorted(wanted.items()):
                cells.setdefault(cluster // scale, set()).add(letter_of(version))
            drawn = {n: min(held) if len(held) == 1 else "*" for n, held in cells.items()}
            assert list(found.cells(scale)) == list(drawn.items())
            assert [found.get(c) for c in range(LENGTH)] == [wanted.get(c) for c in range(LENGTH)]
            assert bool(found) == bool(wanted)
            assert found.data_count == sum(version != ZERO for version in wanted.values())
            assert list(found.clusters()) == sorted(wanted)
            kept = {c: version for c, version in wanted.items() if c < end}
            assert dict(found.below(end).items()) == kept


@pytest.mark.parametrize("tight", [False, True])
@given(made_of=st.lists(SOME_LETTERS, min_size=1, max_size=5), upper=LETTERS)
@LAW
def test_levels_are_made_flat_and_merged_as_dicts_are(
    tight: bool, made_of: list[dict[int, Version]], upper: dict[int, Version]
) -> None:
    flat: dict[int, Version] = {}
    for each in made_of:
        flat |= each
    with tight_limits() if tight else nullcontext():
        lower = flatten([level_of(each) for each in made_of])
        assert LargeMap(lower) == LargeMap.of(flat)
        assert LargeMap(merge(lower, level_of(upper))) == LargeMap.of(flat | upper)


@given(st.lists(st.frozensets(CLUSTERS), min_size=1, max_size=5))
@LAW
def test_sets_that_are_far_from_as_large_are_united_like_others(
    parts: list[frozenset[int]],
) -> None:
    with tight_limits():
        united = LargeSet.of([])
        for part in parts:
            united |= LargeSet.of(part)
        assert list(united) == sorted(frozenset().union(*parts))


def test_what_was_written_last_is_laid_over_itself_and_differs_nowhere() -> None:
    disk = LargeMap.of_writes(np.array([1, 2, 3]), WORKLOAD_FIRST)
    for first in (10, 20):
        disk = disk.overlay(LargeMap.of_writes(np.array([2, 3, 4]), WORKLOAD_FIRST + first))
    last = disk.restrict(LargeSet.of([2, 3, 4]))
    assert last.level is disk.level
    assert disk.overlay(last).reads_like(disk)
    assert not disk.overlay(disk.restrict(LargeSet.of([1, 2, 3, 4]))).differing(disk)


def level_of(versions: dict[int, Version]) -> Level:
    """Return the level of some versions by cluster."""
    clusters, held = list(versions), list(versions.values())
    return pack(np.array(clusters, dtype=np.int64), np.array(held, dtype=np.int64))


def test_the_last_cell_of_the_largest_disk_is_drawn() -> None:
    last = CLUSTERS_MAX - 1
    scale = 1 << 28
    base = LargeMap.of({0: ord("A"), last - 1: ord("A"), last: ord("B")})
    assert dict(base.cells(scale)) == {0: "A", last // scale: "*"}
    assert dict(base.overlay(LargeMap.of({last: ord("A")})).cells(scale))[last // scale] == "A"
    assert base.below(CLUSTERS_MAX) == base


@given(STEPS, st.lists(ANY, min_size=1, max_size=8))
@LAW
def test_data_is_counted_in_whatever_order_maps_are_asked(
    steps: list[tuple[str, int, object]], order: list[int]
) -> None:
    maps = made(steps)
    for place in order:
        place %= len(maps.found)
        wanted = sorted(c for c, version in maps.wanted[place].items() if version != ZERO)
        assert maps.found[place].data_count == len(wanted)
        assert list(maps.found[place].differing(LargeMap())) == wanted


@pytest.mark.parametrize("stretch", [40, 1 << 16, 1 << 22, 1 << 34])
@pytest.mark.parametrize("count", [1, 3000, 5000])
def test_the_last_write_of_each_cluster_is_found_by_a_table_as_by_sorting(
    stretch: int, count: int
) -> None:
    chance = np.random.default_rng(stretch + count)
    written = chance.zipf(1.3, size=count) % stretch + stretch // 3
    for _ in range(2):  # What stands in the table from the first time counts for nothing.
        versions = np.arange(7, 7 + count, dtype=np.int64)
        assert np.array_equal(pack_in_time(written, 7).packed, pack(written, versions).packed)
        written = written[::-1].copy()
