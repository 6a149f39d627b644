"""The timeline as a list of steps, and the instants that they belong to."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from simulator.scenario.labels import LABEL_EXPECTED, Labels
from simulator.scenario.later import VERBS_LATER, tell_later
from simulator.scenario.moments import SCHEDULES, Moment
from simulator.scenario.problems import FIRST, Problems, describe
from simulator.scenario.shapes import GUEST_VERBS
from simulator.scenario.validation import RawStep
from simulator.scenario.verbs import VERBS
from simulator.scenario.words import alternatives, nearest, shorten
from simulator.scenario.yaml12 import Path, Place

if TYPE_CHECKING:
    from simulator.scenario.schedules import Schedule
    from simulator.schedule.clock import Clock

GUEST = "guest"
"""The key that a workload is."""

TIMED = (*SCHEDULES, GUEST)
"""Keys that begin an entry of a timed scenario."""

ELSE = "else"
"""The key, beside a verb, of what is done where the host refuses the step."""

ENTRY_EXPECTED = "at: LABEL with do: [...], or write, zero or discard"
STEP_EXPECTED = "a mapping with one verb"


class Entries:
    """A timeline, taken apart.

    Attributes:
        moments: In the order of time; those of one time, in the order of the file.
        guests: The workloads, with their places.
        broken: What stands where a step belongs and is none.
        labels: Those of the instants.
        unsure: Whether steps are missing, because the clock or a schedule cannot be read.
    """

    def __init__(
        self,
        places: Mapping[tuple[int, str | int], Place],
        problems: Problems,
        clock: "Clock | None" = None,
    ) -> None:
        self.moments: list[Moment] = []
        self.guests: list[tuple[Path, object]] = []
        self.broken: list[object] = []
        self.labels = Labels(problems, clock)
        self.unsure = False
        self._schedules: list[Schedule] = []
        self._places = places
        self._problems = problems

    def read(self, timeline: object) -> None:
        """Take a timeline apart; what does not belong there is noted."""
        if not isinstance(timeline, list):
            self._problems.add(
                ("timeline",),
                f"timeline is {describe(timeline)}",
                expected="a list of instants and guest steps",
                help="put - before each entry" if isinstance(timeline, dict) else "",
            )
            return
        for index, entry in enumerate(timeline):
            path: Path = ("timeline", index)
            if not isinstance(entry, dict) or not entry:
                self._refuse_entry(path, entry)
            elif "at" not in entry and any(key in entry for key in TIMED):
                self._read_timed(path, entry)
            elif "at" in entry or "do" in entry:
                self._read_instant(path, entry)
            elif any(verb in entry for verb in GUEST_VERBS):
                moment = self._stretch(index)
                moment.steps.append(RawStep(path, entry, None, tick=moment.tick))
            else:
                self._refuse_entry(path, entry)

    @property
    def steps(self) -> list[RawStep]:
        """All steps, in the order of the moments."""
        return [step for moment in self.moments for step in moment.steps]

    def repeat(self, end: int | None) -> None:
        """Let the schedules have their turns, now that all instants are known.

        Args:
            end: The time at which the last workload ends; None without any.
        """
        if not self._schedules:
            return
        if self.labels.named is not None:
            for schedule in self._schedules:
                self.tell_named((*schedule.path, schedule.kind), schedule.kind)
            self.unsure = True
            return
        from simulator.scenario.schedules import Schedules

        ends = [moment.tick for moment in self.moments]
        last = max([*ends, *([end] if end is not None else [])], default=None)
        schedules = Schedules(self.labels, self._problems)
        for schedule in self._schedules:
            self._problems.repeated.add(schedule.path)
            if self.unsure:
                # Without a clock nobody knows how often they are to repeat.
                self.moments.append(schedules.check(schedule))
                continue
            self.moments.extend(schedules.moments(schedule, last))
        self.moments.sort(key=lambda moment: (moment.tick, moment.entry))
        self.unsure |= schedules.unsure

    def tell_named(self, path: Path, key: str) -> None:
        """Note what needs times in a file whose labels are names."""
        first = self.labels.named
        assert first is not None, "there is a label that is a name"
        self._problems.add(
            path,
            f"{key} needs times, and {first} on {FIRST} is a name",
            expected="instants at times since the start, such as 0s and 2h30m",
            at_key=True,
            first=self.labels.path(first),
        )

    def _read_timed(self, path: Path, entry: dict[str, object]) -> None:
        """Take in a schedule or a workload."""
        if GUEST in entry:
            self.guests.append((path, entry[GUEST]))
            for key in entry:
                if key != GUEST:
                    self._refuse_beside(path, key, GUEST)
            return
        from simulator.scenario.schedules import Schedule, Schedules

        schedules = Schedules(self.labels, self._problems)
        schedules.check_keys(path, entry)
        # Its steps belong to no moment yet: each turn has its own.
        steps = self._read_steps((*path, "do"), entry.get("do"))
        self._schedules.append(Schedule(len(self._schedules), path, entry, steps))

    def _stretch(self, entry: int) -> Moment:
        """Return the moment of a guest step, which one stretch of them shares."""
        last = self.moments[-1] if self.moments else None
        if last is None or last.label is not None:
            last = Moment(label=None, tick=last.tick if last else 0, entry=entry)
            self.moments.append(last)
        return last

    def _read_instant(self, path: Path, entry: dict[str, object]) -> None:
        moment = self._begin(path, entry)
        for key in entry:
            if key not in ("at", "do"):
                self._refuse_beside(path, key, "at")
        steps = self._read_steps((*path, "do"), entry.get("do"))
        moment.steps += [step._replace(tick=moment.tick) for step in steps]

    def _read_steps(self, path: Path, steps: object) -> list[RawStep]:
        """Return the steps of a list, each followed by what is done where it is refused."""
        if not isinstance(steps, list):
            if steps is not None:
                self.broken.append(steps)
                self._problems.add(
                    path,
                    f"do is {describe(steps)}",
                    expected="a list of steps",
                    help="put - before each step" if isinstance(steps, dict) else "",
                )
            return []
        read: list[RawStep] = []
        for index, step in enumerate(steps):
            place = self._places.get((id(steps), index))
            read += self._read_step((*path, index), step, place)
        return read

    def _read_step(self, path: Path, step: object, place: Place | None) -> list[RawStep]:
        if isinstance(step, dict) and step:
            return self._with_else(path, step)
        if isinstance(step, str) and step in VERBS:
            return [RawStep(path, {step: None}, place)]
        if isinstance(step, str) and step in VERBS_LATER:
            tell_later(self._problems, path, f"the verb {step}", at_key=False)
        elif isinstance(step, str) and " " not in step:
            self._problems.add(
                path,
                f"unknown verb {shorten(step)}",
                expected=alternatives(VERBS, limit=len(VERBS)),
                help=nearest(step, VERBS),
            )
        else:
            found = describe(step or None)
            self._problems.add(path, f"a step is {found}", expected=STEP_EXPECTED)
        self.broken.append(step)
        return []

    def _with_else(self, path: Path, step: dict[str, object]) -> list[RawStep]:
        """Return a step, and what is done in its place where the host refuses it."""
        if ELSE not in step:
            return [RawStep(path, step, None)]
        others = step[ELSE]
        listed = others if isinstance(others, list) else [others]
        where = (*path, ELSE)
        if path[-1] == ELSE or ELSE in path[:-1]:
            self._problems.add(where, "else stands in an else", expected="one else", at_key=True)
            listed = []
        elif not listed:
            self._problems.add(where, "else is empty", expected=STEP_EXPECTED)
        read = []
        for index, other in enumerate(listed):
            at = (*where, index) if isinstance(others, list) else where
            place = self._places.get((id(others), index)) or self._places.get((id(step), ELSE))
            read += self._read_step(at, other, place)
        alone = {key: value for key, value in step.items() if key != ELSE}
        if not alone:
            self._problems.add(path, "a step has no verb", expected=STEP_EXPECTED)
            return []
        first = RawStep(path, alone, None, origin=step)
        return [first, *(each._replace(otherwise=True) for each in read)]

    def _refuse_beside(self, path: Path, key: str, beside: str) -> None:
        path = (*path, key)
        help_ = nearest(key, ("at", "do", *SCHEDULES))
        if beside == "at" and key in ("from", "until", *SCHEDULES):
            help_ = "what is done again and again has every or cron in place of at"
        if key in VERBS:
            help_ = "make it a step of do"
        elif key == "allow":
            help_ = "put it beside the verb that it is about"
        self._problems.add(
            path,
            f"{shorten(key)} stands beside {beside}",
            expected="at and do alone" if beside == "at" else f"{beside} alone",
            help=help_,
            at_key=True,
        )

    def _refuse_entry(self, path: Path, entry: object) -> None:
        self.broken.append(entry)
        if isinstance(entry, str):
            entry = {entry: None} if entry in VERBS else entry
        if not isinstance(entry, dict) or not entry:
            found = describe(entry or None)
            self._problems.add(path, f"an entry of timeline is {found}", expected=ENTRY_EXPECTED)
            return
        keys = [key for key in entry if key in VERBS]
        if key := next((key for key in entry if key in VERBS_LATER), ""):
            tell_later(self._problems, (*path, key), f"the verb {key}")
        elif keys:
            self._problems.add(
                (*path, keys[0]),
                f"{keys[0]} stands outside an instant",
                expected=ENTRY_EXPECTED,
                help=f"make it a step of an instant: at: LABEL, do: [{keys[0]}: ...]",
                at_key=True,
            )
        else:
            key = next(iter(entry))
            self._problems.add(
                (*path, key),
                f"unknown key {shorten(key)} in the timeline",
                expected=ENTRY_EXPECTED,
                help=nearest(key, ("at", "do", *VERBS, *TIMED)),
                at_key=True,
            )

    def _begin(self, path: Path, entry: dict[str, object]) -> Moment:
        """Return a new moment for an instant; one without a label keeps the time of the last."""
        path = (*path, "at")
        if "at" in entry:
            label = self.labels.read(path, entry["at"])
        else:
            label = None
            self._problems.add(path, "an instant has no at", expected=f"at: {LABEL_EXPECTED}")
        last = self.moments[-1].tick if self.moments else 0
        assert isinstance(path[1], int), "an instant stands in the timeline"
        tick = self.labels.ticks[label] if label else last
        moment = Moment(label=label or "?", tick=tick, entry=path[1])
        self.moments.append(moment)
        return moment
