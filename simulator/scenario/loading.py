"""From a file to a script: the stages of loading, and every problem that they find."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, TypeAlias

from simulator.diagnostics import REFUSED, InputError, Problem, Span
from simulator.model.operations import ThawGuest
from simulator.model.requests import Qmp
from simulator.scenario.disks import CheckedStep, Disks
from simulator.scenario.endings import read_endings
from simulator.scenario.entries import STEP_EXPECTED, Entries
from simulator.scenario.expected.figures import Figures
from simulator.scenario.models import read_model
from simulator.scenario.names import Names
from simulator.scenario.pictures import Pictures, without_bars
from simulator.scenario.problems import Problems, describe
from simulator.scenario.shapes import ENDINGS_BESIDE, GUEST_VERBS, MOVING
from simulator.scenario.survey import survey
from simulator.scenario.validation import TIMED_KEYS, RawStep, check_head, check_steps
from simulator.scenario.verb import Around
from simulator.scenario.verbs import BESIDE, VERBS, VERBS_ALONE
from simulator.scenario.words import alternatives, nearest, shorten
from simulator.scenario.yaml12 import Path, Place, place_at, read_yaml, span_of
from simulator.timeline import Allowance, Instant, Script, Statement

if TYPE_CHECKING:
    from simulator.flows.resources import Faults, Moving, Resource
    from simulator.scenario.workloads import Workloads
    from simulator.schedule.clock import Clock

FILE_BYTES_MAX = 64 * 1024 * 1024
"""A scenario of a million steps has about as many; /dev/zero has more."""

STANDARD_INPUT = "-"

PICTURED = frozenset({"write", "zero", "discard", "cells"})
"""Keys of pictures: 0000 is one, and no number."""


def load_file(
    path: str,
    *,
    rules: Mapping[str, str] | None = None,
    refusals: frozenset[str] = frozenset((REFUSED,)),
) -> Script:
    """Return the scenario of a file.

    Args:
        path: The file; ``-`` is standard input.
        rules: Names of rules by their codes, to hold expectations against.
        refusals: What a step expects, or allows, that the host will turn down.

    Raises:
        InputError: The file cannot be read or used; it tells every problem found.
    """
    try:
        if path == STANDARD_INPUT:
            content = sys.stdin.buffer.read(FILE_BYTES_MAX + 1) if sys.stdin is not None else b""
        else:
            with FilePath(path).open("rb") as file:
                content = file.read(FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        raise InputError(path, "", [_unreadable(error)]) from error
    return load_text(content, path, rules=rules, refusals=refusals)


def load_text(
    text: str | bytes,
    path: str,
    *,
    rules: Mapping[str, str] | None = None,
    refusals: frozenset[str] = frozenset((REFUSED,)),
) -> Script:
    """Return the scenario of a text.

    Args:
        text: YAML 1.2, in UTF-8 where it is bytes.
        path: What to call it.
        rules: Names of rules by their codes; without them, expectations are not held against any.
        refusals: What a step expects, or allows, that the host will turn down.

    Raises:
        InputError: The text cannot be used; it tells every problem found.
    """
    text = _decode(text, path).removeprefix("\ufeff")
    problems = Problems(path, text)
    document = read_yaml(text, verbatim=PICTURED, words=frozenset(VERBS_ALONE))
    problems.placed.extend(document.problems)
    if not document.readable:
        problems.tell()
    if not isinstance(document.value, dict):
        found = describe(document.value) if document.value is not None else "empty"
        problems.add((), f"the file is {found}", expected="scenario: TITLE and timeline: [...]")
        problems.tell()
    return _Loading(document.places, problems, rules, refusals).script(document.value, path, text)


def _decode(text: str | bytes, path: str) -> str:
    if len(text) > FILE_BYTES_MAX:
        problem = Problem(message="the file is too large", expected="at most 64 MiB")
        raise InputError(path, "", [problem])
    if isinstance(text, str):
        text = text.encode(errors="surrogatepass")
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        sound = text[: error.start].decode()
        place = span_of(place_at(sound, len(sound)))
        problem = Problem(
            message=f"the byte 0x{text[error.start]:02x} is not UTF-8",
            span=place,
            expected="text in UTF-8",
            help="save the file as UTF-8",
        )
        shown = text.decode(errors="replace")
        raise InputError(path, shown, [problem]) from error


def _unreadable(error: OSError | ValueError) -> Problem:
    """Return why a file cannot be read."""
    match error:
        case FileNotFoundError():
            return Problem(message="there is no such file", expected="a scenario file")
        case IsADirectoryError():
            return Problem(message="this is a directory", expected="a scenario file")
        case PermissionError():
            return Problem(message="the file is not readable: permission denied")
        case OSError():
            reason = (error.strerror or str(error)).lower()
            return Problem(message=f"the file is not readable: {reason}")
        case _:
            return Problem(message="this is no name of a file", expected="a scenario file")


Endings: TypeAlias = dict[str, list[Statement]]
"""What ends the jobs of steps: statements that come first in an instant, by its label."""

INSTEAD = Allowance(REFUSED, "what stands under else is done in its place")
"""What a step with an else says of its own refusal."""


class _Loading:
    """One file on its way to a script."""

    def __init__(
        self,
        places: Mapping[tuple[int, str | int], Place],
        problems: Problems,
        rules: Mapping[str, str] | None,
        refusals: frozenset[str],
    ) -> None:
        self._places = places
        self._problems = problems
        self._rules = rules
        self._refusals = refusals
        self._words = None if rules is None else frozenset((*rules, *rules.values()))

    def script(self, root: dict[str, object], path: str, text: str) -> Script:
        """Return the scenario as values.

        Raises:
            InputError: Something is wrong with it.
        """
        problems = self._problems
        head, faulty = check_head({k: v for k, v in root.items() if k != "timeline"}, problems)
        entries = self._entries(root, head)
        workloads = _workloads(entries, problems)
        entries.repeat(workloads.end if workloads is not None else None)
        checked = check_steps(entries.steps, problems)
        told = isinstance(root.get("timeline"), list) and not faulty & {"disk", "disks"}
        model, host = read_model(head, problems)
        resources, faults = _resources(head, root.get("resources"), problems)
        disks, statements, endings = self._statements(head, entries, checked, resources, told=told)
        guests = workloads.read(disks) if workloads is not None else ()
        if faults is not None:
            from simulator.scenario.moving import check_faults

            ends = (*entries.labels.ticks.values(), *(guest.end for guest in guests))
            check_faults(faults, max(ends, default=0), problems)
        allows = self._allows(("allow",), head.get("allow", ()))
        if len(problems):
            problems.tell()
        return Script(
            title=head["scenario"],
            model=model,
            host=host,
            disks=tuple(disks.shapes.values()),
            instants=_instants(entries, statements, endings),
            about=head.get("about", ""),
            origin=head.get("source", ""),
            seed=head.get("seed"),
            allows=allows,
            path=path,
            source=text,
            clock=entries.labels.clock,
            timed=entries.labels.named is None,
            dated=entries.labels.dated,
            guests=guests,
            resources=tuple(resources.values()),
            faults=faults,
            faults_span=self._span_of(root, "faults"),
        )

    def _entries(self, root: Mapping[str, object], head: Mapping[str, Any]) -> Entries:
        """Return the timeline, taken apart."""
        before = len(self._problems)
        entries = Entries(self._places, self._problems, _clock(head, self._problems))
        entries.unsure = len(self._problems) > before
        if "timeline" in root:
            entries.read(root["timeline"])
        else:
            self._problems.add((), "there is no timeline", expected="timeline: [...]")
        return entries

    def _span_of(self, mapping: Mapping[str, object], key: str) -> Span | None:
        """Return the place of a key; None where it is not there."""
        place = self._places.get((id(mapping), key))
        return span_of(place) if place is not None else None

    def _statements(
        self,
        head: Mapping[str, Any],
        entries: Entries,
        checked: Sequence[dict[str, Any] | None],
        resources: "Mapping[str, Resource]",
        *,
        told: bool,
    ) -> tuple[Disks, list[Statement], Endings]:
        """Return the disks, a statement for each step that has no problem, and what ends jobs.

        Args:
            head: The top of the scenario, as far as it fits.
            entries: The timeline.
            checked: The long form of each step, as far as it fits.
            resources: Those that the top defines.
            told: Whether *head* has all that the file says of disks.
        """
        both = list(zip(entries.steps, checked, strict=True))
        steps = [(raw, step) for raw, step in both if step is not None]
        sound: list[CheckedStep] = [(raw.path, step) for raw, step in steps]
        broken = [*entries.broken, *(raw.raw for raw, step in both if step is None)]
        disks = Disks(self._problems)
        disks.read(head, sound, whole=told and not broken)
        names = Names(disks, self._problems, refusals=self._refusals)
        names.unsure = entries.unsure
        survey(names, sound, broken)
        problems = self._problems
        pictures, figures = Pictures(problems), Figures(names, disks, problems)
        around = Around(disks, names, entries.labels, problems, pictures, figures, resources)
        endings: Endings = {}
        statements: list[Statement] = []
        for number, (raw, step) in enumerate(steps):
            names.step = number
            statement = self._statement(raw, step, around, endings)
            if statement is not None and raw.otherwise and statements:
                first = statements[-1]
                others = (*first.otherwise, statement)
                allows = first.allows if first.otherwise else (*first.allows, INSTEAD)
                statements[-1] = first._replace(otherwise=others, allows=allows)
            elif statement is not None:
                statements.append(statement)
        return disks, statements, endings

    def _statement(
        self, raw: RawStep, step: dict[str, Any], around: Around, endings: Endings
    ) -> Statement | None:
        verb = next(iter(step)) if len(step) == 1 else self._verb(raw, step)
        if verb is None or verb in ("allow", *ENDINGS_BESIDE):
            self._problems.add(raw.path, "a step has no verb", expected=STEP_EXPECTED)
            return None
        request = VERBS[verb].read(around, (*raw.path, verb), step[verb])
        expects = None
        if "expect" in step and verb != "expect":
            expects = self._expects((*raw.path, "expect"), step["expect"])
        allows = self._allows((*raw.path, "allow"), step["allow"]) if "allow" in step else ()
        if request is None:
            return None
        moving = _moving(raw, step, verb, around)
        if isinstance(request, Qmp) and (moving or any(key in step for key in ENDINGS_BESIDE)):
            from simulator.scenario.qmp import let_last

            request = let_last(request)
        place = raw.place or self._places[id(raw.origin or raw.raw), verb]
        statement = Statement(
            verb=verb,
            request=request,
            span=span_of(place),
            expects=expects,
            allows=allows,
            repeats=around.names.repeats.get(around.names.step, ()),
            moving=moving,
        )
        drawn = step[verb].get("cells") if verb in GUEST_VERBS else None
        if drawn is not None:
            return statement._replace(cells=len(without_bars(drawn)))
        return self._with_ending(raw, step, around, statement, endings)

    def _with_ending(
        self,
        raw: RawStep,
        step: dict[str, Any],
        around: Around,
        statement: Statement,
        endings: Endings,
    ) -> Statement:
        """Return a statement with what ends its jobs, or put that into its instant."""
        verb, request = statement.verb, statement.request
        if isinstance(request, ThawGuest) and request.after:
            thaw = statement._replace(request=ThawGuest(), expects=None)
            return statement._replace(endings=((request.after, thaw),))
        for judged, key in (("cancel", "copied"), ("migrate", "to")):
            if verb == judged and key in step[verb]:
                drawn = (*raw.path, verb, key), step[verb][key]
                return statement._replace(copied=drawn)
        for when, finish, copied in read_endings(around, raw, step, verb, request):
            end = Statement(verb=verb, request=finish, span=statement.span, copied=copied)
            if isinstance(when, int):
                statement = statement._replace(endings=(*statement.endings, (when, end)))
            else:
                endings.setdefault(when, []).append(end)
        return statement

    def _verb(self, raw: RawStep, step: Mapping[str, Any]) -> str | None:
        """Return the verb of a step with several keys; None where there is none."""
        verbs = [key for key in raw.raw if key not in BESIDE]
        if len(verbs) > 1:
            self._problems.add(
                (*raw.path, verbs[1]),
                f"two verbs in one step: {verbs[0]} and {verbs[1]}",
                expected="one verb a step",
                help="make each a step of its own",
                at_key=True,
            )
        if verbs:
            return verbs[0]
        return "expect" if "expect" in step else None

    def _expects(self, path: Path, words: Sequence[str] | dict[str, Any]) -> tuple[str, ...]:
        if isinstance(words, dict):
            self._tell_alone(path, "measures stand")
            return ()
        for index, word in enumerate(words):
            if "|" in word:
                self._tell_alone((*path, index), "a figure stands")
            else:
                self._check_rule((*path, index), word, REFUSED)
        return tuple(words)

    def _tell_alone(self, path: Path, what: str) -> None:
        expected, help_ = "codes or names of rules, or refused", "make that a step of its own"
        self._problems.add(path, f"{what} beside a verb", expected=expected, help=help_)

    def _allows(self, path: Path, allows: Sequence[Mapping[str, str]]) -> tuple[Allowance, ...]:
        for index, allow in enumerate(allows):
            self._check_rule((*path, index, "rule"), allow["rule"])
        return tuple(Allowance(rule=each["rule"], because=each["because"]) for each in allows)

    def _check_rule(self, path: Path, word: str, *others: str) -> None:
        if self._rules is None or self._words is None or word in (*others, *self._words):
            return
        known = (*self._rules.values(), *others, *self._rules)
        self._problems.add(
            path,
            f"unknown rule {shorten(word)}",
            expected=alternatives(known),
            help=nearest(word, known),
        )


def _moving(raw: RawStep, step: Mapping[str, Any], verb: str, around: Around) -> "Moving | None":
    """Return how the job of a step moves its bytes; None where it does so at once."""
    if verb == "qmp":
        from simulator.scenario.moving import moving_at
        from simulator.scenario.qmp import speed_of

        speed = speed_of(step[verb]) if around.labels.named is None else 0
        return moving_at(speed, held="ends" in step) if speed else None
    if not VERBS[verb].has(MOVING[0]) or step[verb].keys().isdisjoint(MOVING):
        return None
    from simulator.scenario.moving import read_moving

    return read_moving((*raw.path, verb), step[verb], around)


def _clock(head: Mapping[str, Any], problems: Problems) -> "Clock | None":
    """Return what 0s is on a calendar; None where the top of a file does not say."""
    if "clock" not in head:
        return None
    from simulator.scenario.workloads import read_clock_of

    return read_clock_of(head["clock"], problems)


def _workloads(entries: Entries, problems: Problems) -> "Workloads | None":
    """Return the workloads of a file; None where it has none."""
    if not entries.guests:
        return None
    from simulator.scenario.workloads import Workloads

    return Workloads(entries, problems)


def _resources(
    head: Mapping[str, Any], told: object, problems: Problems
) -> "tuple[Mapping[str, Resource], Faults | None]":
    """Return what jobs share, of which *told* are all that the file has, and what fails."""
    if head.keys().isdisjoint(TIMED_KEYS):
        return {}, None
    from simulator.scenario.moving import read_faults, read_resources

    return read_resources(head, told, problems), read_faults(head, problems)


def _instants(
    entries: Entries, statements: Sequence[Statement], endings: Endings
) -> tuple[Instant, ...]:
    """Return the statements by instant; there is one for each step.

    What ends a job comes first in its instant: the guest's steps before it are under the job,
    and the steps of the instant find it done.
    """
    instants, start = [], 0
    for moment in entries.moments:
        end = start + sum(not step.otherwise for step in moment.steps)
        ended = endings.pop(moment.label, ()) if moment.label is not None else ()
        together = (*ended, *statements[start:end])
        instants.append(Instant(moment.label, moment.tick, together, moment.turn))
        start = end
    return tuple(instants)
