"""Schedules: steps that are done again and again, every so often or when cron says so."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from simulator.scenario.labels import Labels
from simulator.scenario.moments import SCHEDULES, Moment
from simulator.scenario.problems import Problems, describe
from simulator.scenario.units import near_measure, read_duration
from simulator.scenario.validation import RawStep
from simulator.scenario.words import alternatives, nearest, shorten
from simulator.scenario.yaml12 import Path
from simulator.schedule.turns import Overlap, Turn
from simulator.values import NamedTuple

AT_CHANGE = "at-change"
"""What a schedule of fixed hours does where the clock skips its time, or shows it twice."""

KEYS = ("from", "until", "do", "overlap")

STEPS_MAX = 200_000
"""Steps that all repetitions of all schedules may have."""

EVERY_EXPECTED = "a time above 0 such as 24h"


class Schedule(NamedTuple):
    """A schedule as the file has it.

    Attributes:
        number: Its place among the schedules of the file, from 0.
        path: Where it stands.
        raw: Its mapping.
        steps: What is done each time.
    """

    number: int
    path: Path
    raw: Mapping[str, object]
    steps: Sequence[RawStep]

    @property
    def kind(self) -> str:
        """The key that says when: ``every`` or ``cron``."""
        return next(key for key in SCHEDULES if key in self.raw)


class Schedules:
    """Makes moments of schedules.

    Attributes:
        unsure: Whether a name could not be made, so that others may miss it.
    """

    def __init__(self, labels: Labels, problems: Problems) -> None:
        self._labels = labels
        self._problems = problems
        self._steps = 0
        self.unsure = False

    def check_keys(self, path: Path, raw: Mapping[str, object]) -> None:
        """Note the keys that no schedule has."""
        kind = next(key for key in SCHEDULES if key in raw)
        known = (kind, *KEYS, *((AT_CHANGE,) if kind == "cron" else ()))
        for key in raw:
            if key not in known:
                self._problems.add(
                    (*path, key),
                    f"unknown key {shorten(key)} beside {kind}",
                    expected=alternatives(known),
                    help=nearest(key, known),
                    at_key=True,
                )
        if "do" not in raw:
            self._problems.add(path, f"{kind} has nothing to do", expected="do: [STEP, ...]")

    def moments(self, schedule: Schedule, end: int | None) -> Iterator[Moment]:
        """Yield the turns of a schedule, in the order of time.

        Args:
            end: The time of the last instant; None where there is none.
        """
        before = len(self._problems)
        span, overlap = self._span(schedule, end), self._overlap(schedule)
        ticks = self._ticks(schedule, span)
        filled = self._filled(schedule, ticks)
        if overlap is None or len(self._problems) > before:
            self.unsure = True
            yield self._unplayed(schedule)
            return
        self._steps += len(ticks) * len(schedule.steps)
        for number, (tick, steps) in enumerate(zip(ticks, filled, strict=True), start=1):
            yield Moment(
                label=self._labels.make(tick, schedule.path),
                tick=tick,
                entry=int(schedule.path[1]),
                steps=steps,
                turn=Turn(schedule.number, number, overlap),
            )

    def check(self, schedule: Schedule) -> Moment:
        """Note what is wrong with a schedule in a file whose clock nobody knows.

        Returns:
            One turn, whose steps are to be checked as well.
        """
        self._overlap(schedule)
        if schedule.kind == "every":
            self._gap(schedule)
        else:
            self._read_cron(schedule)
            self._once(schedule)
        self._filled(schedule, [0])
        return self._unplayed(schedule)

    def _unplayed(self, schedule: Schedule) -> Moment:
        """Return a turn that is never played: what else is wrong with its steps is to be told."""
        from simulator.schedule.templates import with_ones

        steps = [
            step._replace(raw=with_ones(step.raw), origin=step.origin or step.raw)
            for step in schedule.steps
        ]
        return Moment(label=None, tick=0, entry=int(schedule.path[1]), steps=steps)

    def _span(self, schedule: Schedule, end: int | None) -> tuple[int, int] | None:
        """Return the first and the last tick at which a schedule may have a turn."""
        raw, path = schedule.raw, schedule.path
        first = self._labels.read_time((*path, "from"), raw["from"]) if "from" in raw else 0
        last = self._labels.read_time((*path, "until"), raw["until"]) if "until" in raw else end
        if last is None and "until" not in raw:
            self._problems.add(
                path, f"{schedule.kind} has no end", expected="until: TIME, or a later instant"
            )
        if first is None or last is None:
            return None
        if last < first and "until" in raw:
            self._problems.add(
                (*path, "until"),
                f"until {raw['until']} comes before from {raw.get('from', '0s')}",
                expected="the same time or a later one",
            )
            return None
        return first, last

    def _overlap(self, schedule: Schedule) -> Overlap | None:
        word = schedule.raw.get("overlap", Overlap.REFUSE)
        if isinstance(word, str) and word in tuple(Overlap):
            return Overlap(word)
        self._problems.add(
            (*schedule.path, "overlap"),
            f"overlap is {describe(word)}",
            expected=alternatives(Overlap),
            help=nearest(str(word), Overlap),
        )
        return None

    def _ticks(self, schedule: Schedule, span: tuple[int, int] | None) -> Sequence[int]:
        """Return when a schedule has its turns; none where something is wrong with that."""
        if schedule.kind == "cron":
            ticks = self._cron(schedule, *span) if span is not None else ()
            turns, told = len(ticks), f"more than {STEPS_MAX:,} times"
        else:
            gap = self._gap(schedule)
            ticks = range(span[0], span[1] + 1, gap) if span is not None and gap else ()
            # A range may be too long for its own len().
            turns = (span[1] - span[0]) // gap + 1 if span is not None and gap else 0
            told = f"{turns:,} times"
        if turns > (STEPS_MAX - self._steps) // max(len(schedule.steps), 1):
            self._too_many(schedule, told if turns > STEPS_MAX else f"{turns:,} times")
            return ()
        return ticks

    def _gap(self, schedule: Schedule) -> int | None:
        """Return the ticks between two turns."""
        told = schedule.raw["every"]
        gap = read_duration(told) if isinstance(told, str) else None
        if gap is not None and gap > 0 and gap.denominator == 1:
            return int(gap)
        self._problems.add(
            (*schedule.path, "every"),
            f"every is {describe(told)}",
            expected=EVERY_EXPECTED,
            help=near_measure(told, "duration"),
        )
        return None

    def _too_many(self, schedule: Schedule, how_often: str) -> None:
        self._problems.add(
            (*schedule.path, schedule.kind),
            f"the schedule repeats {how_often}",
            expected=f"at most {STEPS_MAX:,} steps in all schedules together",
            help="let it repeat less often, or until an earlier time",
        )

    def _cron(self, schedule: Schedule, first: int, last: int) -> Sequence[int]:
        path, clock = (*schedule.path, "cron"), self._labels.clock
        from simulator.schedule.cron import cron_ticks, first_change

        told, once = self._read_cron(schedule), self._once(schedule)
        if clock is None:
            self._problems.add(
                path,
                "cron without a clock",
                expected="clock: DATE at the top, which says what 0s is, and in which zone",
                at_key=True,
            )
            return ()
        if told is None:
            return ()
        self._labels.dated = True
        ticks = [*islice(cron_ticks(told, clock, first, last), STEPS_MAX + 1)]
        change = first_change(told, clock, first, ticks[-1] if ticks else first)
        if not once and change is not None:
            does, when = change
            self._problems.add(
                path,
                f"the clock of {clock.name} {does} {when}",
                expected=f"an hour that each day has once, or {AT_CHANGE}: once",
                help=f"{AT_CHANGE}: once is what cron does: as soon as the clock has skipped "
                "the time, and the first time that it shows it",
            )
        return ticks

    def _read_cron(self, schedule: Schedule) -> str | None:
        """Return the expression of a schedule; None where it is none."""
        from simulator.schedule.clock import CalendarError
        from simulator.schedule.cron import CRON_EXPECTED, read_cron

        path, told = (*schedule.path, "cron"), schedule.raw["cron"]
        if not isinstance(told, str):
            self._problems.add(path, f"cron is {describe(told)}", expected=CRON_EXPECTED)
            return None
        try:
            read_cron(told, datetime(2000, 1, 1))
        except CalendarError as error:
            self._problems.add(path, str(error), expected=error.expected)
            return None
        return told

    def _once(self, schedule: Schedule) -> bool:
        word = schedule.raw.get(AT_CHANGE)
        if word not in (None, "once"):
            self._problems.add(
                (*schedule.path, AT_CHANGE), f"{AT_CHANGE} is {describe(word)}", expected="once"
            )
        return word is not None

    def _filled(self, schedule: Schedule, ticks: Sequence[int]) -> list[list[RawStep]]:
        """Return the steps of each turn; what is wrong with their templates is noted."""
        from simulator.schedule.templates import (
            Repetition,
            TemplateError,
            fill_in_all,
            has_template,
        )

        plain = [not has_template(step.raw) for step in schedule.steps]
        filled: list[list[RawStep]] = []
        try:
            for number, tick in enumerate(ticks or [0], start=1):
                repetition = Repetition(number, self._day(tick))
                filled.append([])
                for step, alike in zip(schedule.steps, plain, strict=True):
                    raw: dict[str, Any] = step.raw if alike else fill_in_all(step.raw, repetition)
                    origin = step.origin or step.raw
                    filled[-1].append(step._replace(raw=raw, origin=origin, tick=tick))
        except TemplateError:
            self._tell_templates(schedule, ticks or [0])
        return filled[: len(ticks)]

    def _tell_templates(self, schedule: Schedule, ticks: Sequence[int]) -> None:
        """Note each text whose template has no value in some turn, with its place."""
        from simulator.schedule.templates import (
            TEMPLATE_EXPECTED,
            Repetition,
            TemplateError,
            fill_in,
        )

        for step in schedule.steps:
            for path, text in _texts(step.path, step.raw):
                try:
                    for number, tick in enumerate(ticks, start=1):
                        fill_in(text, Repetition(number, self._day(tick)))
                except TemplateError as error:
                    self._problems.add(
                        path,
                        str(error),
                        expected=TEMPLATE_EXPECTED,
                        offset=error.offset,
                        width=error.width,
                    )

    def _day(self, tick: int) -> str | None:
        clock = self._labels.clock
        return clock.write_day(tick) if clock is not None else None


def _texts(path: Path, value: object) -> Iterator[tuple[Path, str]]:
    """Yield every text below a value of a file, and every key, with the path of its value."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield (*path, key), key
            yield from _texts((*path, key), each)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _texts((*path, index), each)
