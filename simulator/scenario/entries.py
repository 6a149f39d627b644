"""The timeline as a list of steps, and the instants that they belong to."""

from collections.abc import Mapping
from dataclasses import dataclass

from simulator.scenario.labels import LABEL_EXPECTED, Labels
from simulator.scenario.later import ENTRIES_LATER, VERBS_LATER, tell_later
from simulator.scenario.problems import Problems, describe
from simulator.scenario.shapes import GUEST_VERBS
from simulator.scenario.validation import RawStep
from simulator.scenario.verbs import VERBS
from simulator.scenario.words import alternatives, nearest, shorten
from simulator.scenario.yaml12 import Path, Place

ENTRY_EXPECTED = "at: LABEL with do: [...], or write, zero or discard"
STEP_EXPECTED = "a mapping with one verb"


@dataclass(slots=True, kw_only=True)
class Moment:
    """An instant of the file, or a stretch of guest steps between two.

    Attributes:
        label: None for guest steps between two instants.
        tick: Simulated time: 1, 2, 3 … for named instants, nanoseconds for timed ones.
        steps: How many of the steps belong to it; those of all moments follow one another.
    """

    label: str | None
    tick: int
    steps: int = 0


class Entries:
    """A timeline, taken apart.

    Attributes:
        moments: In the order of the file.
        steps: All steps, in the order of the file.
        broken: What stands where a step belongs and is none.
        labels: Those of the instants.
    """

    def __init__(self, places: Mapping[tuple[int, str | int], Place], problems: Problems) -> None:
        self.moments: list[Moment] = []
        self.steps: list[RawStep] = []
        self.broken: list[object] = []
        self.labels = Labels(problems)
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
            if not isinstance(entry, dict) or not entry or _is_for_later(entry):
                self._refuse_entry(path, entry)
            elif "at" in entry or "do" in entry:
                self._read_instant(path, entry)
            elif any(verb in entry for verb in GUEST_VERBS):
                self._stretch().steps += 1
                self.steps.append(RawStep(path, entry, None))
            else:
                self._refuse_entry(path, entry)

    def _stretch(self) -> Moment:
        """Return the moment of a guest step, which one stretch of them shares."""
        last = self.moments[-1] if self.moments else None
        if last is None or last.label is not None:
            last = Moment(label=None, tick=last.tick if last else 0)
            self.moments.append(last)
        return last

    def _read_instant(self, path: Path, entry: dict[str, object]) -> None:
        moment = self._begin(path, entry)
        for key in entry:
            if key not in ("at", "do"):
                self._refuse_beside(path, key)
        steps = entry.get("do")
        if not isinstance(steps, list):
            if steps is not None:
                self.broken.append(steps)
                self._problems.add(
                    (*path, "do"),
                    f"do is {describe(steps)}",
                    expected="a list of steps",
                    help="put - before each step" if isinstance(steps, dict) else "",
                )
            return
        for index, step in enumerate(steps):
            if self._read_step((*path, "do", index), step, self._places.get((id(steps), index))):
                moment.steps += 1

    def _read_step(self, path: Path, step: object, place: Place | None) -> bool:
        if isinstance(step, dict) and step:
            self.steps.append(RawStep(path, step, None))
            return True
        if isinstance(step, str) and step in VERBS:
            self.steps.append(RawStep(path, {step: None}, place))
            return True
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
        return False

    def _refuse_beside(self, path: Path, key: str) -> None:
        path = (*path, key)
        if key in ("from", "until", *ENTRIES_LATER):
            tell_later(self._problems, path, f"{key} in the timeline")
            return
        help_ = nearest(key, ("at", "do"))
        if key in VERBS:
            help_ = "make it a step of do"
        elif key == "allow":
            help_ = "put it beside the verb that it is about"
        self._problems.add(
            path,
            f"{shorten(key)} stands beside at",
            expected="at and do alone",
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
        key = next((key for key in entry if key in ENTRIES_LATER), "")
        if key:
            tell_later(self._problems, (*path, key), f"{key} in the timeline")
        elif key := next((key for key in entry if key in VERBS_LATER), ""):
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
                help=nearest(key, ("at", "do", *VERBS, *ENTRIES_LATER)),
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
        moment = Moment(label=label or "?", tick=self.labels.ticks[label] if label else last)
        self.moments.append(moment)
        return moment


def _is_for_later(entry: Mapping[str, object]) -> bool:
    """Whether an entry is of a timed scenario, which has its own keys beside ``do``."""
    return "at" not in entry and any(key in entry for key in ENTRIES_LATER)
