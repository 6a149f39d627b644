"""The labels of instants, and the simulated time that each stands for."""

import re
from fractions import Fraction
from typing import TYPE_CHECKING

from simulator.scenario.problems import FIRST, WRITTEN, Problems, describe
from simulator.scenario.units import TICK_MAX, near_measure, read_duration
from simulator.scenario.words import name_fault
from simulator.scenario.yaml12 import Path

if TYPE_CHECKING:
    from simulator.schedule.clock import Clock

LABEL_EXPECTED = "a name, or a time since the start such as 2h30m"

CLOCK_ADVICE = "clock: DATE at the top, which says what 0s is, or times since the start"

TIME_EXPECTED = "a time since the start such as 2h30m, or a date where there is a clock"

_DATE_LIKE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}.*)?")
"""What is a date, if there is such a day; without a time it may be a name."""

_HOUR = re.compile(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?")
"""A name that reads as a time of day."""


class Labels:
    """The labels of a file, in its order. They are names or times, not both.

    Attributes:
        ticks: The simulated time of each label: 1, 2, 3 … for names, nanoseconds for times.
        clock: What 0s is on a calendar.
        dated: Whether some label is a date, or is to be one.
    """

    def __init__(self, problems: Problems, clock: "Clock | None" = None) -> None:
        self.ticks: dict[str, int] = {}
        self.clock = clock
        self.dated = False
        self._first_at: dict[int, str] = {}
        self._paths: dict[str, Path] = {}
        self._problems = problems
        self._timed: bool | None = None
        self._hour: tuple[tuple[int, ...], str] | None = None

    def read(self, path: Path, label: object) -> str | None:
        """Take the next label of the file; return None where it is none.

        Args:
            path: Where it stands.
            label: What stands there.
        """
        if not isinstance(label, str):
            scalar = isinstance(label, bool | int | float)
            self._problems.add(
                path,
                f"at is {describe(label)}",
                expected=LABEL_EXPECTED,
                help=f'quote a name: "{WRITTEN}", or give a time its unit' if scalar else "",
            )
            return None
        if fault := name_fault(label, "|"):
            self._problems.add(path, f"at {fault}", expected=LABEL_EXPECTED)
            return None
        if label in self.ticks:
            self._problems.add(
                path,
                f"the instant {label} is there twice, first on {FIRST}",
                expected="each label once",
                first=self._paths[label],
            )
            return None
        self.ticks[label] = self._tick(path, label)
        self._first_at.setdefault(self.ticks[label], label)
        self._paths[label] = path
        return label

    @property
    def named(self) -> str | None:
        """The first label, where labels are names; None where they are times, or there are none."""
        return next(iter(self.ticks), None) if self._timed is False else None

    def find(self, label: str) -> str | None:
        """Return the label that a reference means: the same text, or the same time."""
        if label in self.ticks or not self._timed:
            return label if label in self.ticks else None
        tick = self._time_of((), label, None)
        return self._first_at.get(int(tick)) if tick is not None else None

    def make(self, tick: int, path: Path) -> str:
        """Return the label of a tick at which a schedule does something.

        Args:
            path: Where the schedule stands.
        """
        self._timed = True
        label = self._first_at.get(tick)
        if label is None:
            if self.dated and self.clock is not None:
                label = self.clock.write(tick)
            else:
                from simulator.schedule.durations import write_duration

                label = write_duration(tick)
            self._first_at[tick] = label
            self.ticks[label] = tick
            self._paths[label] = path
        return label

    def read_time(self, path: Path, text: object) -> int | None:
        """Return the tick of a time or a date that is no label; None where it is none."""
        before = len(self._problems)
        time = self._time_of(path, text, self._problems) if isinstance(text, str) else None
        if time is None and len(self._problems) > before:
            return None
        if time is None:
            self._problems.add(
                path,
                f"{path[-1]} is {describe(text)}",
                expected=TIME_EXPECTED,
                help=near_measure(text, "duration"),
            )
            return None
        self._check_time(path, str(text), time, None)
        return int(time) if 0 <= time <= TICK_MAX else None

    def _time_of(self, path: Path, label: str, problems: Problems | None) -> Fraction | int | None:
        """Return the tick of a time or a date; None where a text is none.

        Args:
            problems: Takes what is wrong with a date; None where nobody asks.
        """
        time = read_duration(label)
        if time is not None or _DATE_LIKE.fullmatch(label) is None:
            return time
        if self.clock is None:
            if len(label) > len("2026-03-05") and problems is not None:
                problems.add(path, f"{label} is a date without a clock", expected=CLOCK_ADVICE)
            return None
        from simulator.schedule.clock import CalendarError, read_date

        try:
            date = read_date(label)
            self.dated = True
            return self.clock.tick_of(date) if date is not None else None
        except CalendarError as error:
            if problems is None:
                return None
            problems.add(path, str(error), expected=error.expected)
            return 0

    def path(self, label: str) -> Path:
        """Return where a label stands."""
        return self._paths[label]

    def entry(self, label: str) -> int:
        """Return which entry of the timeline a label of the file belongs to."""
        entry = self._paths[label][1]
        assert isinstance(entry, int), "a label stands in the timeline"
        return entry

    def _tick(self, path: Path, label: str) -> int:
        before = len(self._problems)
        time = self._time_of(path, label, self._problems)
        last = next(reversed(self.ticks), None)
        if time is None and len(self._problems) > before:
            return self.ticks[last] if last is not None else 0
        if last is None:
            self._timed = time is not None
        elif self._timed is not (time is not None):
            first = next(iter(self.ticks))
            kinds = ("a time", "a name") if self._timed else ("a name", "a time")
            self._problems.add(
                path,
                f"{label} is {kinds[1]}, but {first} on {FIRST} is {kinds[0]}",
                expected="names or times, not both",
                first=self._paths[first],
            )
            return self.ticks[last]
        if time is None:
            self._check_hour(path, label)
            return len(self.ticks) + 1
        self._check_time(path, label, time, last)
        return int(time)

    def _check_hour(self, path: Path, label: str) -> None:
        """Note a name that reads as an earlier time of day than the last one that reads so."""
        if not _HOUR.fullmatch(label):
            return
        hours, *rest = (int(part) for part in label.split(":"))
        last = self._hour
        self._hour = (hours, *rest), label
        if last is not None and (hours, *rest) < last[0]:
            self._problems.add(
                path,
                f"time goes back: {label} comes after {last[1]} on {FIRST}",
                expected="names in the order of time, or times since the start such as 10h",
                help="where it is another day, name the day too: tue-09:00",
                first=self._paths[last[1]],
            )

    def _check_time(self, path: Path, label: str, time: Fraction | int, last: str | None) -> None:
        if time < 0:
            self._problems.add(
                path, f"{label} lies before the clock begins", expected="its date or a later one"
            )
        elif time > TICK_MAX or time.denominator != 1:
            self._problems.add(
                path,
                f"the time {label} is out of range",
                expected="whole nanoseconds, at most 292 years",
            )
        elif last is not None and time < self.ticks[last]:
            self._problems.add(
                path,
                f"time goes back: {label} comes after {last} on {FIRST}",
                expected=f"{last} or later",
                first=self._paths[last],
            )
