"""When the jobs of a step end, by themselves or in failure: at a later instant, or after a time."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from simulator.model.machine import Status
from simulator.model.requests import Expect, FinishJobs, Request
from simulator.scenario.problems import FIRST
from simulator.scenario.shapes import ENDINGS, ENDINGS_BESIDE
from simulator.scenario.units import TICK_MAX, near_measure, read_duration
from simulator.scenario.validation import RawStep
from simulator.scenario.verb import Around
from simulator.scenario.verbs import VERBS
from simulator.scenario.words import alternatives, nearest, shorten
from simulator.scenario.yaml12 import Path

NEVER = "never"
"""In place of an instant: nobody ends the job."""

_STATUSES = dict(zip(ENDINGS, (Status.COMPLETED, Status.FAILED, Status.CANCELLED), strict=True))

Ending: TypeAlias = tuple[str | int, FinishJobs, tuple[Path, str] | None]
"""The label of the instant at which jobs end, or how many ticks after the step; how; and what is
drawn of what they had copied."""


def read_endings(
    around: Around, raw: RawStep, step: Mapping[str, Any], verb: str, request: Request
) -> list[Ending]:
    """Return when the jobs of a step end, and how; none where it does not say, or never.

    Args:
        around: The file.
        raw: The step as the file has it.
        step: Its verb and what stands beside it.
        verb: Its verb.
        request: What it asks for.
    """
    problems, path = around.problems, raw.path
    holder, where = (step, path) if verb == "qmp" else (step[verb], (*path, verb))
    known = ENDINGS_BESIDE if verb == "qmp" else ENDINGS
    named = [key for key in known if isinstance(holder, Mapping) and key in holder]
    beside = [key for key in ENDINGS_BESIDE if key in step and verb != "qmp"]
    if beside:
        takers = tuple(name for name, each in VERBS.items() if each.has(ENDINGS[0]))
        problems.add(
            (*path, beside[0]),
            f"{beside[0]} stands beside {verb}",
            expected=f"ends or fails as an argument of {alternatives(takers)}, or beside qmp",
            at_key=True,
        )
    if not named or isinstance(request, Expect):
        return []
    if len(named) > 1:
        problems.add(
            (*where, named[1]),
            f"both {named[0]} and {named[1]} are there",
            expected="one of them",
            at_key=True,
        )
    jobs = VERBS[verb].jobs(request)
    if not jobs:
        problems.add(
            (*where, named[0]),
            f"{named[0]} stands beside commands that start no job",
            expected="blockdev-backup, block-commit or block-stream",
            at_key=True,
        )
    return _endings(around, (*where, named[0]), holder[named[0]], jobs, raw.tick)


def _endings(
    around: Around, path: Path, told: Any, jobs: tuple[str, ...], tick: int
) -> list[Ending]:
    """Return the endings of jobs that one key of a step tells.

    Args:
        told: A label or a time, or that with more.
    """
    stop = {"at": told} if isinstance(told, str) else told
    word = stop["at"]
    if word == NEVER and path[-1] == "ends" and around.labels.find(word) is None:
        return []
    copied = around.copied((*path, "copied"), stop)
    stopped = _stopped(around, path, stop, jobs)
    read = _after if word.startswith("+") else _later
    when = read(around, path if stop is not told else (*path, "at"), word, tick)
    if when is None or not stopped:
        return []
    drawn = ((*path, "copied"), stop["copied"]) if "copied" in stop else None
    status = _STATUSES[str(path[-1])]
    ends: list[Ending] = [(when, FinishJobs(stopped, status, copied), drawn)]
    if others := tuple(job for job in jobs if job not in stopped):
        ends.append((when, FinishJobs(others, Status.COMPLETED), None))
    return ends


def _stopped(
    around: Around, path: Path, stop: Mapping[str, Any], jobs: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the jobs of a step that are stopped: all, or the one that is named."""
    name = stop.get("job")
    if name is None or not jobs:
        return jobs
    if name not in jobs:
        around.problems.add(
            (*path, "job"),
            f"this step starts no job {shorten(name)}",
            expected=alternatives(jobs),
            help=nearest(name, jobs),
        )
        return ()
    return (name,)


def _after(around: Around, path: Path, word: str, tick: int) -> int | None:
    """Return how many ticks after the step, or None where that is a problem."""
    labels = around.labels
    if labels.named is not None:
        around.problems.add(
            path,
            f"{shorten(word)} needs times, and {labels.named} on {FIRST} is a name",
            expected="the label of a later instant",
            first=labels.path(labels.named),
        )
        return None
    time = read_duration(word[1:].lstrip())
    if time is None or time.denominator != 1 or not 0 < time <= TICK_MAX - tick:
        near = near_measure(word[1:], "duration")
        around.problems.add(
            path,
            f"{path[-1] if path[-1] != 'at' else path[-2]} is {shorten(word)}",
            expected="a time after the step such as +30m",
            help=near.replace("mean ", "mean +"),
        )
        return None
    return int(time)


def _later(around: Around, path: Path, word: str, tick: int) -> str | None:
    """Return the label of an instant after the step, or None where that is a problem."""
    labels = around.labels
    label = labels.find(word)
    if label is None:
        around.problems.add(
            path,
            f"unknown instant {shorten(word)}",
            expected=alternatives(labels.ticks),
            help=nearest(word, labels.ticks),
        )
    elif labels.ticks[label] < tick or (
        labels.ticks[label] == tick and labels.entry(label) <= _entry(path)
    ):
        around.problems.add(
            path,
            f"the instant {label} is no later one",
            expected="an instant that comes after this step",
        )
    else:
        return label
    return None


def _entry(path: Path) -> int:
    """Return which entry of the timeline a path leads into."""
    assert isinstance(path[1], int), "a step stands in the timeline"
    return path[1]
