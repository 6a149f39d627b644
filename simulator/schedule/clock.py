"""What 0s is on a calendar, and the ticks of dates in its zone."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from simulator.schedule.durations import SECOND
from simulator.values import NamedTuple

DATE_EXPECTED = "a date such as 2026-03-05T22:00"
CLOCK_EXPECTED = "a date and its zone such as 2026-03-02T00:00:00Z or 2026-03-02 Europe/Berlin"

YEAR_MIN, YEAR_MAX = 1900, 9000
"""Python's calendar ends with 9999, and a run may take 292 years."""

_DATE = (
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?P<fraction>\.[0-9]{1,9})?)?"
    r"(?P<offset>[Zz]|[-+][0-9]{2}:?[0-9]{2})?"
)
_ONLY_DATE = re.compile(_DATE)
_CLOCK = re.compile(rf"{_DATE}(?: *\[(?P<boxed>[^\[\]]+)\]| +(?P<named>[^\s\[\]]+))?")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class CalendarError(ValueError):
    """A date, a zone or a clock that cannot be used.

    Attributes:
        expected: What would do.
    """

    def __init__(self, message: str, expected: str = DATE_EXPECTED) -> None:
        super().__init__(message)
        self.expected = expected


class Date(NamedTuple):
    """A date as it is written, before a zone says which moment it is.

    Attributes:
        local: Without a zone.
        nanoseconds: What a second has besides.
        offset: Its own offset from UTC; None where the clock's zone says it.
    """

    local: datetime
    nanoseconds: int
    offset: timezone | None


class Clock(NamedTuple):
    """What 0s is on a calendar.

    Attributes:
        start: Nanoseconds since 1970, UTC.
        zone: The zone that dates and cron are read in.
        name: The zone's name, as it is told.
    """

    start: int
    zone: tzinfo
    name: str

    def local(self, tick: int) -> datetime:
        """Return what the calendar shows at a tick, to the microsecond."""
        return (_EPOCH + (self.start + tick) // 1000 * _MICROSECOND).astimezone(self.zone)

    def tick_at(self, moment: datetime) -> int:
        """Return the tick of a moment that knows its zone; it may lie before the start."""
        return _nanoseconds(moment) - self.start

    def tick_of(self, date: Date) -> int:
        """Return the tick of a date.

        Raises:
            CalendarError: The clock of the zone skips that time, or shows it twice.
        """
        if date.offset is not None:
            moment = date.local.replace(tzinfo=date.offset)
        else:
            moment = date.local.replace(tzinfo=self.zone)
            change = change_at(date.local, self.zone)
            if change:
                raise CalendarError(
                    f"the clock of {self.name} {change} {date.local:%Y-%m-%dT%H:%M}",
                    "a date with its offset such as 2026-10-25T02:30+01:00",
                )
        return self.tick_at(moment) + date.nanoseconds

    def write(self, tick: int) -> str:
        """Return a tick as a date; with its offset where the zone's clock shows it twice."""
        shown = self.local(tick)
        text = f"{shown:%Y-%m-%dT%H:%M}"
        rest = (self.start + tick) % (60 * SECOND)
        if rest:
            text += f":{rest // SECOND:02}"
        if rest % SECOND:
            text += f".{rest % SECOND:09}".rstrip("0")
        if change_at(shown.replace(tzinfo=None, fold=0), self.zone):
            offset = f"{shown:%z}"
            text += f"{offset[:3]}:{offset[3:]}"
        return text

    def write_day(self, tick: int) -> str:
        """Return the day of a tick: ``2026-03-05``."""
        return f"{self.local(tick):%Y-%m-%d}"


def change_at(local: datetime, zone: tzinfo) -> str:
    """Return what a zone's clock does with a local time: ``skips``, ``doubles`` or nothing."""
    first = local.replace(tzinfo=zone, fold=0)
    second = local.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return ""
    back = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0)
    return "doubles" if back == local.replace(fold=0) else "skips"


def read_date(text: str) -> Date | None:
    """Return a date, or None where a text does not look like one.

    Raises:
        CalendarError: It looks like one, and there is no such day or time.

    >>> read_date("2026-03-05T22:00").local.isoformat(), read_date("T1")
    ('2026-03-05T22:00:00', None)
    """
    match = _ONLY_DATE.fullmatch(text)
    return _date_of(text, match) if match is not None else None


def read_clock(text: str) -> Clock:
    """Return what a text says of 0s: a date, with its zone behind it.

    Raises:
        CalendarError: It is none, or the zone is not known.
    """
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        raise CalendarError(f"the clock is {text[:60]}", CLOCK_EXPECTED)
    date = _date_of(text, match)
    name = match["boxed"] or match["named"]
    if name is not None:
        zone = find_zone(name)
    else:
        zone, name = date.offset or UTC, (match["offset"] or "UTC").upper()
    clock = Clock(0, zone, "UTC" if name == "Z" else name)
    return clock._replace(start=clock.tick_of(date))


def find_zone(name: str) -> tzinfo:
    """Return a zone by its name.

    Raises:
        CalendarError: It is not known.
    """
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

    if name.upper() in ("Z", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    from difflib import get_close_matches

    near = get_close_matches(name[:60], sorted(available_timezones()), n=1)
    like = near[0] if near else "Europe/Berlin"
    raise CalendarError(
        f"the zone {name[:60]} is not known", f"a zone such as {like}, or an offset"
    )


def _date_of(text: str, match: re.Match[str]) -> Date:
    try:
        local = datetime.fromisoformat(f"{match['day']}T{match['time'] or '00:00'}")
        offset = _offset_of(match["offset"])
    except ValueError as error:
        raise CalendarError(f"there is no {text[:60]}: {error}") from error
    if not YEAR_MIN <= local.year <= YEAR_MAX:
        raise CalendarError(f"the year of {text[:60]} is out of reach", "a year from 1900 to 9000")
    digits = (match["fraction"] or ".").removeprefix(".").ljust(9, "0")
    return Date(local, int(digits), offset)


def _offset_of(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError("its offset is a day or more, or has no such minute")
    span = timedelta(hours=hours, minutes=minutes)
    return timezone(-span if text[0] == "-" else span)


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND * 1000
