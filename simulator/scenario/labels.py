"""The labels of instants, and the simulated time that each stands for."""

import re
from fractions import Fraction

from simulator.scenario.problems import FIRST, WRITTEN, Problems, describe
from simulator.scenario.units import TICK_MAX, read_duration
from simulator.scenario.words import name_fault
from simulator.scenario.yaml12 import Path

LABEL_EXPECTED = "a name, or a time since the start such as 2h30m"

_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?")
"""A name that reads as a time of day."""


class Labels:
    """The labels of a file, in its order. They are names or times, not both.

    Attributes:
        ticks: The simulated time of each label: 1, 2, 3 … for names, nanoseconds for times.
    """

    def __init__(self, problems: Problems) -> None:
        self.ticks: dict[str, int] = {}
        self._paths: dict[str, Path] = {}
        self._problems = problems
        self._timed: bool | None = None
        self._clock: tuple[tuple[int, ...], str] | None = None

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
        self._paths[label] = path
        return label

    def find(self, label: str) -> str | None:
        """Return the label that a reference means: the same text, or the same time."""
        if label in self.ticks:
            return label
        time = read_duration(label) if self._timed else None
        return next((each for each, tick in self.ticks.items() if tick == time), None)

    def entry(self, label: str) -> int:
        """Return which entry of the timeline a label of the file belongs to."""
        entry = self._paths[label][1]
        assert isinstance(entry, int), "a label stands in the timeline"
        return entry

    def _tick(self, path: Path, label: str) -> int:
        time = read_duration(label)
        last = next(reversed(self.ticks), None)
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
            self._check_clock(path, label)
            return len(self.ticks) + 1
        self._check_time(path, label, time, last)
        return int(time)

    def _check_clock(self, path: Path, label: str) -> None:
        """Note a name that reads as an earlier time of day than the last one that reads so."""
        if not _CLOCK.fullmatch(label):
            return
        hours, *rest = (int(part) for part in label.split(":"))
        last = self._clock
        self._clock = (hours, *rest), label
        if last is not None and (hours, *rest) < last[0]:
            self._problems.add(
                path,
                f"time goes back: {label} comes after {last[1]} on {FIRST}",
                expected="names in the order of time, or times since the start such as 10h",
                help="where it is another day, name the day too: tue-09:00",
                first=self._paths[last[1]],
            )

    def _check_time(self, path: Path, label: str, time: Fraction, last: str | None) -> None:
        if time > TICK_MAX or time.denominator != 1:
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
