"""Courses: held against a walk cluster by cluster, and figures worked out by hand."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.flows.course import SECOND, Course, Speeds

LAW = settings(derandomize=True, deadline=None, max_examples=200)
CELLS = st.text("A0-", min_size=1, max_size=12)
SPEED = st.none() | st.integers(1, 9).map(Fraction)
SIZE = 4


def course(cells: str) -> Course:
    """A course as a picture: a letter is data, 0 zeroes, - is not covered."""
    covered = [number for number, cell in enumerate(cells) if cell != "-"]
    return Course(covered, [number for number in covered if cells[number] == "A"], SIZE)


def walk(cells: str, speeds: Speeds) -> list[tuple[int, Fraction]]:
    """When each cluster has been moved, one after the other."""
    now, moved = Fraction(0), []
    for cluster, cell in enumerate(cells):
        if cell == "-":
            continue
        speed = speeds.data if cell == "A" else speeds.zeroes
        now += SECOND * Fraction(SIZE) / speed if speed is not None else 0
        moved.append((cluster, now))
    return moved


@given(CELLS, SPEED, SPEED, st.integers(0, 20 * SECOND))
@LAW
def test_what_is_moved_after_some_time_is_what_a_walk_has_moved(
    cells: str, data: Fraction | None, zeroes: Fraction | None, time: int
) -> None:
    speeds, way = Speeds(data, zeroes), course(cells)
    place = way.advance(Fraction(0), time, speeds)
    assert way.moved(place) == [cluster for cluster, when in walk(cells, speeds) if when <= time]
    assert way.time_left(Fraction(0), speeds) == max(
        (when for _, when in walk(cells, speeds)), default=0
    )
    for cluster, when in walk(cells, speeds):
        reached = way.place_of(cluster)
        assert reached is not None
        assert way.time_between(Fraction(0), reached, speeds) == when


@given(CELLS, SPEED, SPEED, st.integers(0, 9 * SECOND), st.integers(0, 9 * SECOND))
@LAW
def test_to_go_on_is_to_have_gone_on(
    cells: str, data: Fraction | None, zeroes: Fraction | None, first: int, second: int
) -> None:
    speeds, way = Speeds(data, zeroes), course(cells)
    halfway = way.advance(Fraction(0), first, speeds)
    assert way.advance(halfway, second, speeds) == way.advance(Fraction(0), first + second, speeds)


def test_a_gibibyte_of_data_in_two_stretches_at_two_speeds() -> None:
    size, mib = 64 * 1024, 1 << 20
    # 512 MiB of data, 512 MiB of zeroes, 512 MiB of data; data at 128 MiB/s, zeroes at 256.
    way = Course(range(24576), [*range(8192), *range(16384, 24576)], size)
    speeds = Speeds(Fraction(128 * mib), Fraction(256 * mib))
    assert way.time_left(Fraction(0), speeds) == (4 + 2 + 4) * SECOND
    assert way.advance(Fraction(0), 5 * SECOND, speeds) == 768 * mib
    assert way.data_before(Fraction(768 * mib)) == 512 * mib
    assert way.place_of(16384) == 1024 * mib + size
    assert way.place_of(24576) is None


def test_the_last_cluster_of_a_disk_may_be_cut_short() -> None:
    # Three clusters of 4 bytes on a disk of 10; all hold data.
    way = Course(range(3), range(3), 4, 10)
    assert (way.size, way.data_size) == (10, 10)
    assert way.place_of(2) == 10
    assert way.time_left(Fraction(0), Speeds(Fraction(1), None)) == 10 * SECOND
    assert way.data_before(Fraction(9)) == 9


@pytest.mark.parametrize("cells", ["", "---"])
def test_nothing_to_move_takes_no_time(cells: str) -> None:
    way = course(cells)
    assert way.size == way.data_size == 0
    assert way.time_left(Fraction(0), Speeds(Fraction(1), Fraction(1))) == 0
    assert way.advance(Fraction(0), 5, Speeds(Fraction(1), None)) == 0
    assert list(way.moved(Fraction(0))) == []
