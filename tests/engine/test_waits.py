"""What waits for a job: many writes at once are looked at as they are one by one."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.engine import waits
from simulator.flows.course import SECOND, Course, Speeds


def cycle_to(parts: list[int], total: int) -> list[int]:
    """The same numbers again and again, until they come to so much."""
    found: list[int] = []
    while sum(found) < total:
        found += parts
    return found


LAW = settings(derandomize=True, deadline=None, max_examples=150)
SIZE, LENGTH = 4, 60
SPEED = st.none() | st.integers(1, 40).map(Fraction)
CLUSTERS = st.sets(st.integers(0, LENGTH - 1))


@given(
    covered=CLUSTERS,
    data=CLUSTERS,
    speeds=st.builds(Speeds, SPEED, SPEED),
    share=st.fractions(0, 1, max_denominator=50),
    cut=st.integers(0, 3),
    writes=st.lists(
        st.tuples(st.integers(0, 30 * SECOND), st.integers(0, LENGTH - 1)),
        min_size=waits.MANY + 1,
        max_size=waits.MANY + 60,
    ),
    copied=st.dictionaries(st.integers(0, LENGTH - 1), st.integers(0, 30 * SECOND)),
    keeps_to_rate=st.booleans(),
    lets_pass=st.booleans(),
    parts=st.lists(st.integers(1, 5), min_size=1, max_size=20),
    in_flight=st.sampled_from([0, 10, 1000]),
)
@LAW
def test_many_writes_at_once_wait_as_they_do_one_by_one(
    covered: set[int],
    data: set[int],
    speeds: Speeds,
    share: Fraction,
    cut: int,
    writes: list[tuple[int, int]],
    copied: dict[int, int],
    keeps_to_rate: bool,
    lets_pass: bool,
    parts: list[int],
    in_flight: int,
) -> None:
    course = Course(sorted(covered), sorted(covered & data), SIZE, LENGTH * SIZE - cut)
    place = share * course.size
    under = waits.Under(course, place, 5 * SECOND, speeds, keeps_to_rate, lets_pass)
    ordered = sorted((5 * SECOND + tick, cluster) for tick, cluster in writes)
    ticks, clusters = [tick for tick, _ in ordered], [cluster for _, cluster in ordered]
    # What was written to before is on its way, or was when it was not copied yet.
    copied = {c: t for c, t in copied.items() if (course.place_of(c) or 0) > place}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waits, "IN_FLIGHT", in_flight)
        at_once = waits.look(under, ticks, clusters, copied)
        known, until = dict(copied), list[int]()
        for tick, cluster in ordered:
            one = waits.look(under, [tick], [cluster], known)
            known |= one.copied
            until += one.until
        # The same changes, neighbours of which are of one write and happen at its tick.
        numbers = [n for n, size in enumerate(cycle_to(parts, len(ordered))) for _ in range(size)]
        numbers = numbers[: len(ordered)]
        begun = [ticks[numbers.index(n)] for n in numbers]
        together = waits.look(under, begun, clusters, copied, numbers)
        singly = waits.look(under, begun, clusters, copied)
    known_then = copied | singly.copied
    last: dict[int, int] = {}
    for number, tick, cluster in zip(numbers, begun, clusters, strict=True):
        if known_then.get(cluster, 0) > tick:
            last[number] = max(last.get(number, 0), known_then[cluster])
    assert together.copied == singly.copied
    assert list(together.until) == list(last.values())
    assert together.waited == sum(until - begun[numbers.index(n)] for n, until in last.items())
    assert at_once.copied == {c: t for c, t in known.items() if c not in copied}
    assert sorted(at_once.until) == sorted(until)
    assert at_once.waited == sum(until) - sum(
        tick for tick, cluster in ordered if known.get(cluster, 0) > tick
    )
