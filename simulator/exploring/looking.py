"""Looks for timelines that go wrong, and makes a scenario of the shortest of each kind."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from simulator.apis.base import ApiModel
from simulator.diagnostics import Severity, counted
from simulator.exploring.acts import COUPLING
from simulator.exploring.columns.formulas import Coupled
from simulator.exploring.columns.programs import TooWide
from simulator.exploring.judging import (
    DIFFERS,
    FALSE_ALARM,
    LOST_CHANGE,
    RAISES,
    SILENT,
    WRONG_BACKUP,
)
from simulator.exploring.outcome import WORDS, Found, Outcome
from simulator.exploring.searching.direct import Direct
from simulator.exploring.searching.saving import WrongFile, resume, save
from simulator.exploring.searching.search import Asked, Candidate, Search, Told
from simulator.exploring.witness import (
    SILENT_RULES,
    Judged,
    Story,
    play_story,
    tell,
    write_scenario,
)
from simulator.exploring.witness import Told as Head
from simulator.pipeline import Run, loads
from simulator.values import NamedTuple

FOUND = "found"
"""The kind of a timeline that somebody looked for."""

JUDGED_MAX = 400
"""So many timelines are played and judged by the rules, unless more are asked for."""

READ = SILENT_RULES - {"BT107", "BT110", "BT215", "BT402", "BT404"}
"""The rules that speak of what a step made; the others speak of what may come of it."""

BREAKS = frozenset({"BT107", "BT108", "BT110", "BT215", "BT402"})
"""The rules that speak of what breaks increments before anybody takes one."""

SPOKEN_OF = frozenset({"backup", "read", "drop", "commit", "pull", "merge", "revert"})
"""The verbs that such rules speak of."""

Report = Callable[[Told], None]


class Wanted(NamedTuple):
    """What is wanted of an exploration.

    Attributes:
        every: Whether one timeline of each kind is wanted, or just the first.
        judged_max: How many timelines are judged by the rules.
    """

    every: bool = False
    judged_max: int = JUDGED_MAX


class Looking:
    """One exploration.

    Attributes:
        found: What has been found by now, by kind, rule and the verb of its last step.
    """

    def __init__(self, models: tuple[ApiModel, ...], asked: Asked, wanted: Wanted) -> None:
        self.models, self.wanted = models, wanted
        coupled = len(models) == 1 and not COUPLING.isdisjoint(asked.verbs)
        self.search: Search | Direct = (
            Direct(models[0], asked) if coupled else Search(models, asked)
        )
        self.found: dict[tuple[str, str | None, str], Found] = {}
        self.notes: list[str] = []
        self._judged = {False: 0, True: 0}
        self._skipped = self._unlike = 0
        self._begun = time.monotonic()

    @property
    def shape(self) -> tuple[int, int]:
        """How many disks there are, and how many clusters each has."""
        limits = self.search.asked.limits
        return limits.disks, limits.clusters

    def go_on(self, path: Path) -> None:
        """Go on from a file.

        Raises:
            WrongFile: It is not of this exploration.
        """
        if not isinstance(self.search, Search):
            raise WrongFile("with these verbs states are played and not kept: leave --resume out")
        for each in resume(self.search, path):
            kind, rule, steps, scenario, figure, told = each[1:]
            self.found[tuple(each[0])] = Found(kind, rule, steps, scenario, figure, tuple(told))

    def save(self, path: Path) -> None:
        """Write how far it has come to a file."""
        if isinstance(self.search, Search):
            found = [[key, *each] for key, each in self.found.items()]
            save(self.search, path, found)

    def run(self, report: Report = lambda told: None) -> Outcome:
        """Look until there is nothing more, or what is wanted has been found.

        What stops it in between, such as Ctrl-C or a lack of memory, leaves what was found so far.
        """
        limits, most = self.search.asked.limits, self.search.asked.states_max
        try:
            while not self.search.complete:
                if limits.depth is not None and self.search.depth >= limits.depth:
                    break
                for candidate in self._advance(report):
                    self._look(candidate)
                if (self.found and not self.wanted.every) or self._spent():
                    break
                if self.search.stopped:
                    self.notes.append("the model gave no answer in good time, and is asked no more")
                    break
                if most is not None and self.search.states > most:
                    self.notes.append(f"stopped at {counted(most, 'state')}")
                    break
        except KeyboardInterrupt:
            self.notes.append("stopped by hand; this is what was found so far")
        except TooWide:
            self.notes.append(
                "a cluster has more cells than fit: lower --images, --bitmaps, --backups"
            )
        except MemoryError:
            self.notes.append("there is no more memory; this is what was found so far")
        return self.outcome()

    def _advance(self, report: Report) -> list[Candidate]:
        """Take the next step; where clusters are not alike, begin anew with whole machines."""
        search = self.search
        if isinstance(search, Direct):
            return search.advance(report)
        try:
            found, coupled = search.advance(report), search.coupled
        except Coupled as error:
            found, coupled = [], {"write": error.why}
        if not coupled or search.asked.others or len(self.models) > 1:
            return found
        verb, why = next(iter(coupled.items()))
        self.notes.append(f"clusters are not alike to {verb}, so each state was played: {why}")
        self.search, self.found = Direct(self.models[0], search.asked), {}
        return []

    def outcome(self) -> Outcome:
        """Return what it has come to by now."""
        search, limits = self.search, self.search.asked.limits
        found = sorted(self.found.values(), key=lambda f: (f.steps, f.kind, f.rule or ""))
        if not self.wanted.every:
            found = found[:1]
        return Outcome(
            model=self.models[0].id,
            against=self.models[1].id if len(self.models) > 1 else None,
            limits=limits,
            verbs=search.asked.verbs,
            complete=search.complete,
            depth=search.depth,
            states=search.states,
            steps=search.steps,
            seconds=time.monotonic() - self._begun,
            found=tuple(found),
            notes=(*self.notes, *self._left_out()),
        )

    def _left_out(self) -> Iterator[str]:
        for verb, why in self.search.coupled.items():
            yield f"{verb} was left out where clusters are not alike: {why}"
        if self._unlike:
            yield (
                f"{counted(self._unlike, 'timeline')} seemed wrong to the search, and right to "
                "what the rest of the program is asked: they are left out"
            )
        if self._skipped:
            asked = sum(self._judged.values())
            yield (
                f"the rules were asked about {counted(asked, 'timeline')}, and not about "
                f"{self._skipped:,} more; --judged N asks about more"
            )

    def _spent(self) -> bool:
        """Whether there is no use in going on."""
        return False

    def _look(self, candidate: Candidate) -> None:
        """Play what seems wrong, and note it if it is and nothing like it is known."""
        act = self.search.move(candidate).act
        if candidate.kind == RAISES and (RAISES, None, act.verb) in self.found:
            return
        if not candidate.kind and act.verb not in SPOKEN_OF:
            return
        right = not candidate.kind
        if candidate.kind not in (RAISES, DIFFERS):
            if self._judged[right] >= self.wanted.judged_max:
                self._skipped += 1
                return
            self._judged[right] += 1
        story = tell(self.models[0], *self.shape, self.search.way(candidate))
        if candidate.kind == RAISES:
            told = story.raised or self.search.move(candidate).raised or ""
            self._note(RAISES, None, story, (told.partition("\n")[0],))
        elif candidate.kind == DIFFERS:
            self._differ(story)
        else:
            self._judge(candidate, story)

    def _judge(self, candidate: Candidate, story: Story) -> None:
        judged = play_story(self.models[0], self.shape, story)
        if not candidate.kind:
            alarms = [code for code in judged.said if code in READ] if not judged.kinds else []
            if alarms:
                self._note(FALSE_ALARM, alarms[0], story)
        elif candidate.kind not in judged.kinds:
            self._unlike += 1
        else:
            self._note_wrong(candidate.kind, judged, story)

    def _note_wrong(self, kind: str, judged: Judged, story: Story) -> None:
        """Note what is wrong, under the rule that says so; where none does, that is the mistake."""
        before = story._replace(steps=story.steps[:-1], requests=story.requests[:-1])
        broke: tuple[str, ...] = ()
        if kind == WRONG_BACKUP and "since" in (story.steps[-1][1] or {}) and before.steps:
            told = play_story(self.models[0], self.shape, before).warned
            broke = tuple(code for code in told if code in BREAKS)
        if broke:
            self._note(LOST_CHANGE, broke[0], before)
        if judged.said:
            self._note(kind, judged.said[0], story)
        elif not broke:
            self._note(SILENT, None, story, (WORDS[kind],))

    def _head(self, kind: str) -> Head:
        return Head(f"{self.models[0].id}, explored: {WORDS[kind]}", self.models[0])

    def _differ(self, story: Story) -> None:
        """Note how two models differ, as the regression check tells it."""
        from simulator.compare.compat.found import find_differences

        text = write_scenario(self._head(DIFFERS), self.shape, story.steps, {})
        old, new = (loads(text, "witness.yaml").run(model).document() for model in self.models)
        found = find_differences(old, new)
        told = tuple(f"{each.level.value} {each.kind}: {each.at}: {each.message}" for each in found)
        self._note(DIFFERS, None, story, told or ("a row of a figure differs",))

    def _note(self, kind: str, rule: str | None, story: Story, told: tuple[str, ...] = ()) -> None:
        """Make a scenario of a story, unless there is one of its kind."""
        key = kind, rule, "" if kind == LOST_CHANGE else story.verb
        if kind == DIFFERS:
            key = kind, None, f"{story.verb} {told[0].split(':')[0]}"
        if key in self.found:
            return
        head, steps = self._head(kind), len(story.steps)
        figure, expects = "", dict[int, list[str]]()
        if kind == RAISES:
            shown = story._replace(steps=story.steps[: len(story.machines) - 1])
            text = write_scenario(head, self.shape, shown.steps, {})
            figure = loads(text, "witness.yaml").run(self.models[0]).text()
        else:
            run = loads(write_scenario(head, self.shape, story.steps, {}), "witness.yaml").run(
                self.models[0]
            )
            figure, expects = run.text(), expected(run)
            for other in self.models[1:]:
                text = write_scenario(head, self.shape, story.steps, {})
                figure += f"\n\n{loads(text, 'witness.yaml').run(other).text()}"
        scenario = write_scenario(head, self.shape, story.steps, expects)
        self.found[key] = Found(kind, rule, steps, scenario, figure, told)


def expected(run: Run) -> dict[int, list[str]]:
    """Return the rules that a scenario expects of each step: those that find an error."""
    first = sum(entry.instant == "T0" for entry in run.timeline.entries)
    found: dict[int, list[str]] = {}
    for each in run.findings:
        if each.severity is Severity.ERROR and each.entry is not None and each.entry >= first:
            names = found.setdefault(each.entry - first, [])
            if each.rule not in names:
                names.append(each.rule)
    return found
