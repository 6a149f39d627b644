"""Traffic: held against one that looks at every event anew, and figures worked out by hand."""

from fractions import Fraction
from math import ceil
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.flows.course import SECOND, Course
from simulator.flows.sharing import PARTS, Flow, parts_of
from simulator.flows.traffic import Traffic
from tests.flows.naive import share

LAW = settings(derandomize=True, deadline=None, max_examples=150)
MIB = 1 << 20
NAMES = ("net", "pool")


class Job(NamedTuple):
    """A job that begins at a tick and moves some bytes of data, maybe until another tick."""

    begins: int
    size: int
    flow: Flow
    stops: int | None = None


SECONDS = st.integers(0, 5).map(lambda seconds: seconds * SECOND)
JOBS = st.lists(
    st.builds(
        Job,
        SECONDS,
        st.integers(1, 40),
        st.builds(
            Flow,
            st.sets(st.sampled_from(NAMES)).map(lambda names: tuple(sorted(names))),
            st.integers(1, 9).map(parts_of),
        ),
        st.none() | SECONDS.map(lambda tick: tick + 6 * SECOND),
    ),
    min_size=1,
    max_size=6,
)
BANDWIDTHS = st.fixed_dictionaries({name: st.integers(1, 12).map(Fraction) for name in NAMES})


def emulate(jobs: list[Job], bandwidths: dict[str, Fraction]) -> list[int]:
    """When each job ends, by shares worked out for everybody at every event."""
    left = [Fraction(job.size) for job in jobs]
    ends: dict[int, int] = {}
    now = 0
    while len(ends) < len(jobs):
        flowing = {
            number: job.flow
            for number, job in enumerate(jobs)
            if job.begins <= now and number not in ends
        }
        shared = share(flowing, {name: parts_of(each) for name, each in bandwidths.items()})
        speeds = {number: Fraction(speed or 0, PARTS) for number, speed in shared.items()}
        times = [now + ceil(left[n] * SECOND / (speeds[n] or 1)) for n in flowing]
        known = [each for job in jobs for each in (job.begins, job.stops) if each is not None]
        then = min(times + [each for each in known if each > now])
        for number in flowing:
            left[number] -= min(left[number], (speeds[number] or 0) * Fraction(then - now, SECOND))
            if not left[number] or jobs[number].stops == then:
                ends[number] = then
        now = then
    return [ends[number] for number in range(len(jobs))]


def run(jobs: list[Job], bandwidths: dict[str, Fraction]) -> list[int]:
    """When each job ends in traffic, or is dropped."""
    traffic, now = Traffic(bandwidths), 0
    ends: dict[int, int] = {}
    stops = sorted({job.stops for job in jobs if job.stops is not None})
    for number, job in enumerate(jobs):
        whole = range(job.size)
        traffic.begin(number, Course(whole, whole, 1), job.flow, None, job.begins)
    while True:
        traffic.settle(now)
        due = [each for each in (traffic.next_tick(), *stops) if each is not None]
        if len(ends) == len(jobs):
            assert traffic.next_tick() is None
            return [ends[number] for number in range(len(jobs))]
        then = min(due)
        assert then > now or not ends, "nothing happens twice"
        now = then
        stops = [each for each in stops if each > now]
        stopped = [n for n, job in enumerate(jobs) if job.stops == now and n not in ends]
        for number in {*traffic.ended(now), *stopped}:
            ends[number] = now
            traffic.drop(number)


@given(JOBS, BANDWIDTHS)
@LAW
def test_to_share_anew_where_something_changed_is_to_share_anew_everywhere(
    jobs: list[Job], bandwidths: dict[str, Fraction]
) -> None:
    # An end is rounded up to a tick, so that each event may put another one off by one.
    for found, expected in zip(run(jobs, bandwidths), emulate(jobs, bandwidths), strict=True):
        assert abs(found - expected) <= len(jobs)


def test_a_second_job_takes_half_of_the_net_and_gives_it_back() -> None:
    # a: 300 MiB in the 3 s that it is alone, then half of the net, as b; both have 200 MiB left.
    bandwidth = {"net": Fraction(100 * MIB)}
    a, b = range(500), range(200)
    traffic = Traffic(bandwidth)
    flow = Flow(("net",))
    traffic.begin(1, Course(a, a, MIB), flow, None, 0)
    traffic.begin(2, Course(b, b, MIB), flow, None, 3 * SECOND)
    traffic.settle(0)
    assert traffic.next_tick() == 3 * SECOND
    traffic.settle(3 * SECOND)
    assert traffic.place(1, 3 * SECOND) == 300 * MIB
    assert traffic.end(1) == traffic.end(2) == 7 * SECOND
    assert traffic.place(2, 5 * SECOND) == 100 * MIB
    assert [pace.tick for pace in traffic.paces(1)] == [0, 3 * SECOND]


def test_a_job_that_is_dropped_leaves_its_share_to_the_others() -> None:
    whole = range(100)
    traffic = Traffic({"net": Fraction(10)})
    for number in (1, 2):
        traffic.begin(number, Course(whole, whole, 1), Flow(("net",)), None, 0)
    traffic.settle(0)
    assert traffic.end(1) == 20 * SECOND
    traffic.drop(2)
    traffic.settle(10 * SECOND)
    assert traffic.end(1) == 15 * SECOND


def test_nothing_happens_when_a_job_would_have_ended_that_was_dropped() -> None:
    # a, b and c share: a ends at 6 s, b was dropped before, and c has the net alone from then on.
    traffic = Traffic({"net": Fraction(6)})
    for number, size in enumerate((10, 20, 40)):
        whole = range(size)
        traffic.begin(number, Course(whole, whole, 1), Flow(("net",)), None, 0)
    traffic.settle(0)
    traffic.drop(1)
    traffic.settle(SECOND)
    assert traffic.next_tick() == 1 * SECOND + ceil(Fraction(8, 3) * SECOND)
    traffic.settle(4 * SECOND)
    assert traffic.ended(4 * SECOND) == [0]
    traffic.drop(0)
    traffic.settle(4 * SECOND)
    assert traffic.next_tick() == traffic.end(2) == 4 * SECOND + ceil(Fraction(29, 6) * SECOND)


def test_one_that_stops_half_way_stops_there() -> None:
    whole = range(100)
    traffic = Traffic({})
    traffic.begin(1, Course(whole, whole, 1), Flow((), parts_of(10)), None, 0, Fraction(50))
    traffic.settle(0)
    assert traffic.end(1) == 5 * SECOND
    assert traffic.place(1, 60 * SECOND) == 50
