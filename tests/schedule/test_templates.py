"""Names that count, durations and clocks."""

import pytest

from simulator.schedule.clock import CalendarError, read_clock, read_date
from simulator.schedule.durations import SECOND, write_duration
from simulator.schedule.templates import Repetition, TemplateError, fill_in, has_template


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inc<n>.bak", "inc9.bak"),
        ("c<n-1>", "c8"),
        ("<n+2>-<n%7>", "11-2"),
        ("week<n/7>", "week1"),
        ("<2*(n-1)-3>", "13"),
        ("<-n%7>", "5"),
        ("<date>", "2026-03-05"),
        ("< n + 1 >", "10"),
        ("S1: |AA--| <- S2: |-->-|", "S1: |AA--| <- S2: |-->-|"),
        ("a < b", "a < b"),
    ],
)
def test_a_template_has_a_value(text: str, expected: str) -> None:
    assert fill_in(text, Repetition(9, "2026-03-05")) == expected
    assert has_template([{"key": text}]) is (text != expected)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("a<>", 2),
        ("a<n+>", 4),
        ("a<n n>", 4),
        ("a<(n>", 4),
        ("a<m>", 2),
        ("a<n/0>", 1),
        ("a<n**2>", 4),
        ("a<date>", 1),
        (f"a<{'(' * 40}n{')' * 40}>", 22),
        (f"a<n{'+1' * 100}>", 1),
        ("a<1234567890123456789>", 2),
        ("a<__import__('os')>", 2),
    ],
)
def test_a_template_that_has_none_tells_where(text: str, offset: int) -> None:
    with pytest.raises(TemplateError) as raised:
        fill_in(text, Repetition(9))
    assert raised.value.offset == offset


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T00:00:00Z",
        "2026-03-02",
        "2026-03-02T01:00+01:00",
        "2026-03-02T01:00 Europe/Berlin",
        "2026-03-02T01:00[Europe/Berlin]",
        "2026-03-02T01:00+01:00 [Europe/Berlin]",
    ],
)
def test_one_moment_is_written_in_many_ways(text: str) -> None:
    assert read_clock(text).start == 1772409600 * SECOND


def test_a_tick_is_written_as_it_is_read() -> None:
    clock = read_clock("2026-10-24T00:00 Europe/Berlin")
    for tick in (0, 26 * 3600 * SECOND + 1, 27 * 3600 * SECOND // 2 + 10**6, 49 * 3600 * SECOND):
        date = read_date(clock.write(tick))
        assert date is not None
        assert clock.tick_of(date) == tick


@pytest.mark.parametrize(
    "text", ["noon", "2026-13-01Z", "2026-03-29T02:30 Europe/Berlin", "2026-01-01 Nowhere"]
)
def test_a_clock_that_cannot_be_tells_what_would_do(text: str) -> None:
    with pytest.raises(CalendarError) as raised:
        read_clock(text)
    assert raised.value.expected


def test_a_duration_has_the_largest_units_first() -> None:
    assert [write_duration(t) for t in (0, 1, 90 * SECOND, 25 * 3600 * SECOND + 5 * 10**6)] == [
        "0s",
        "1ns",
        "1m30s",
        "1d1h5ms",
    ]
