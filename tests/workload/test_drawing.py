"""Workloads: when, where and what, held against the words of the contract."""

from fractions import Fraction
from itertools import groupby
from math import ceil
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.workload.drawing import (
    TOUCHES,
    TRIMS,
    WRITES,
    ZEROES,
    draw,
    last_of_each,
    merge,
    put_together,
)
from simulator.workload.guests import Guest, Pattern, Stretch, stretches_of
from simulator.workload.places import Ranks, Scatter

SECOND = 10**9


def guest(**other: Any) -> Guest:
    told: dict[str, Any] = {
        "number": 0,
        "disk": "vda",
        "cluster_size": 65536,
        "pattern": Pattern.SEQUENTIAL,
        "stretches": (Stretch(0, 10 * SECOND, Fraction(1, SECOND)),),
        "poisson": False,
        "start": 0,
        "length": 65536,
        "slots": 4,
    }
    return Guest(**{**told, **other})


def clusters(found: Guest) -> list[int]:
    return list(map(int, draw(found, 1).take(None).clusters))


@given(
    begin=st.integers(0, 10**12),
    span=st.integers(0, 10**11),
    rate=st.fractions(Fraction(1, 10**11), Fraction(1, 10**8), max_denominator=10**12),
)
def test_the_ith_write_is_when_i_writes_worth_has_passed(
    begin: int, span: int, rate: Fraction
) -> None:
    found = draw(guest(stretches=(Stretch(begin, begin + span, rate),)), 1).take(None).ticks
    expected = [begin + ceil(i / rate) for i in range(1, int(span * rate) + 1)]
    assert found.tolist() == expected


@given(st.lists(st.integers(0, 12 * SECOND), max_size=6))
def test_windows_together_are_the_whole(cuts: list[int]) -> None:
    busy = guest(pattern=Pattern.ZIPF, slots=50, poisson=True, length=40000, zero=Fraction(1, 3))
    whole, stream = draw(busy, 5).take(None), draw(busy, 5)
    windows = [stream.take(cut) for cut in sorted(cuts)] + [stream.take(None)]
    for name in ("ticks", "clusters", "kinds"):
        parts = [getattr(w, name) for w in windows if len(w.ticks)]
        assert np.array_equal(np.concatenate(parts), getattr(whole, name))


def test_a_rate_holds_in_its_stretch_and_what_is_begun_goes_on() -> None:
    stretches = stretches_of(
        0, 10 * SECOND, [(0, Fraction(1, 2 * SECOND)), (3 * SECOND, Fraction(1, SECOND))]
    )
    ticks = draw(guest(stretches=stretches), 1).take(None).ticks
    # One and a half writes' worth has passed at 3s, so the second is half a second later.
    assert (ticks[:3] / SECOND).tolist() == [2.0, 3.5, 4.5]


def test_sequential_takes_one_slot_after_the_other_and_begins_anew() -> None:
    assert clusters(guest()) == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]


def test_append_log_writes_its_head_again_after_so_many() -> None:
    found = guest(pattern=Pattern.APPEND_LOG, slots=8, head=3)
    assert clusters(found) == [0, 1, 2, 0, 3, 4, 5, 0, 6, 7]


def test_a_write_changes_all_clusters_that_it_touches() -> None:
    assert clusters(guest(length=98304, slots=3))[:7] == [0, 1, 1, 2, 3, 4, 0]


@pytest.mark.parametrize("skew", [0.5, 1.0, 1.1, 2.5])
def test_a_rank_comes_as_often_as_its_weight_says(skew: float) -> None:
    drawn = Ranks(20, skew).draw(200_000, np.random.default_rng(1))
    weights = np.arange(1, 21) ** -skew
    share = np.bincount(drawn, minlength=20) / len(drawn)
    assert np.abs(share - weights / weights.sum()).max() < 0.004


@given(st.integers(1, 3000), st.integers(0, 2**32))
def test_ranks_are_scattered_by_a_permutation(slots: int, seed: int) -> None:
    moved = Scatter(slots, np.random.default_rng(seed)).apply(np.arange(slots))
    assert sorted(moved.tolist()) == list(range(slots))


def test_the_hottest_comes_first_where_nothing_is_scattered() -> None:
    found = guest(
        pattern=Pattern.ZIPF,
        slots=1 << 34,
        scatter=False,
        skew=1.3,
        stretches=(Stretch(0, 10_000, Fraction(1)),),
    )
    counts = np.bincount(draw(found, 1).take(None).clusters.clip(0, 50))
    assert counts[:50].argmax() == 0


def test_a_petabyte_is_drawn_as_a_floppy_is() -> None:
    found = guest(pattern=Pattern.UNIFORM, slots=(1 << 50) // 4096, length=4096)
    assert max(clusters(found)) > 1 << 30


def test_poisson_comes_as_often_with_gaps_of_all_lengths() -> None:
    busy = (Stretch(0, 100_000 * SECOND, Fraction(1, SECOND)),)
    ticks = draw(guest(poisson=True, stretches=busy), 1).take(None).ticks
    gaps = np.diff(ticks) / SECOND
    assert abs(len(ticks) - 100_000) < 1500
    assert abs(gaps.std() - 1) < 0.03


def test_a_mix_has_its_shares() -> None:
    busy = (Stretch(0, 100_000, Fraction(1)),)
    mixed = guest(zero=Fraction(1, 5), discard=Fraction(1, 10), stretches=busy)
    kinds = draw(mixed, 1).take(None).kinds
    assert kinds is not None
    shares = np.bincount(kinds, minlength=4) / len(kinds)
    assert np.abs(shares - [0.7, 0.2, 0.1, 0.0]).max() < 0.01


def test_what_is_trimmed_in_part_is_only_touched() -> None:
    whole = guest(discard=Fraction(1), length=98304, slots=3)
    assert draw(whole, 1).take(None).kinds.tolist()[:4] == [TRIMS, TOUCHES, TOUCHES, TRIMS]  # type: ignore[union-attr]  # a mix
    assert set(draw(whole._replace(length=4096), 1).take(None).kinds.tolist()) == {TOUCHES}  # type: ignore[union-attr]  # a mix


def test_at_one_tick_the_first_workload_comes_first() -> None:
    one, other = guest(slots=1), guest(slots=1, start=65536 * 3)
    merged = merge([draw(one, 1).take(None), draw(other, 1).take(None)])
    assert merged.clusters.tolist() == [0, 3] * 10
    assert merged.kinds is None


def test_the_last_of_each_cluster_counts() -> None:
    kinds = np.array([TRIMS, WRITES, WRITES, ZEROES], dtype=np.uint8)
    found, last = last_of_each(np.array([5, 5, 2, 2]), kinds)
    assert (found.tolist(), last.tolist()) == ([2, 5], [ZEROES, WRITES])


@pytest.mark.parametrize("cuts", [[], [3], [1, 2, 3, 4, 5, 6, 7, 8, 9]])
def test_what_belongs_to_one_write_has_one_number_whoever_else_writes_then(cuts: list[int]) -> None:
    # Two of them write three clusters each, and one a single cluster, all at each second.
    three = guest(length=3 * 65536)
    other = guest(length=3 * 65536, start=12 * 65536, number=1)
    single = guest(start=24 * 65536, number=2)
    streams = [draw(each, 1) for each in (three, single, other)]
    for until in [*(cut * SECOND for cut in cuts), None]:
        window = merge([stream.take(until) for stream in streams])
        assert window.writes is not None
        numbers = window.writes.tolist()
        runs = [[*group] for _, group in groupby(range(len(numbers)), numbers.__getitem__)]
        assert [len(run) for run in runs] == [3, 1, 3] * (len(numbers) // 7)
        assert len({numbers[run[0]] for run in runs}) == len(runs)
        assert all(len(set(window.ticks[run].tolist())) == 1 for run in runs)


def test_parts_of_a_window_are_put_together_with_the_writes_that_they_share() -> None:
    window = draw(guest(length=3 * 65536), 1).take(2 * SECOND)
    parts = [window.slice(0, 4), window.slice(5, 6)]
    writes = put_together(parts).writes
    assert writes is not None
    assert writes.tolist() == [0, 0, 0, 1, 1]
