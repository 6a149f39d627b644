"""What waits for a job: many writes at once are looked at as they are one by one."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.engine import waits
from simulator.flows.course import SECOND, Course, Speeds
from simulator.model.clusters import set_of

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
    copied=CLUSTERS,
    holds_back=st.booleans(),
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
    copied: set[int],
    holds_back: bool,
    in_flight: int,
) -> None:
    course = Course(sorted(covered), sorted(covered & data), SIZE, LENGTH * SIZE - cut)
    under = waits.Under(course, share * course.size, 5 * SECOND, speeds, holds_back)
    ordered = sorted((5 * SECOND + tick, cluster) for tick, cluster in writes)
    ticks, clusters = [tick for tick, _ in ordered], [cluster for _, cluster in ordered]
    ahead = set_of(LENGTH, copied)
    first: dict[int, Fraction] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waits, "IN_FLIGHT", in_flight)
        found = waits.look(under, ticks, clusters, ahead)
        for tick, cluster in ordered:
            waited = waits.waits_of(under, tick, cluster)
            if waited is not None and cluster not in copied:
                first.setdefault(cluster, waited)
    assert sorted(found.clusters) == sorted(first)
    assert found.writes == sum(1 for waited in first.values() if waited)
    assert found.waited == sum(first.values())
