"""The later instant at which the jobs of a step end, by themselves or in failure."""

from collections.abc import Mapping
from typing import Any

from simulator.model.machine import Status
from simulator.model.requests import FinishJobs, Request
from simulator.scenario.shapes import ENDINGS
from simulator.scenario.verb import Around
from simulator.scenario.verbs import VERBS
from simulator.scenario.words import alternatives, nearest, shorten
from simulator.scenario.yaml12 import Path

_TAKERS = tuple(name for name, verb in VERBS.items() if ENDINGS[0] in verb.keys)
"""The verbs that take an ending as an argument."""


def read_ending(
    around: Around, path: Path, step: Mapping[str, Any], verb: str, request: Request
) -> tuple[str, FinishJobs] | None:
    """Return the instant at which the jobs of a step end, and how; None where it names none.

    Args:
        around: The file.
        path: Where the step stands.
        step: Its verb and what stands beside it.
        verb: Its verb.
        request: What it asks for.
    """
    problems = around.problems
    holder, where = (step, path) if verb == "qmp" else (step[verb], (*path, verb))
    named = [key for key in ENDINGS if isinstance(holder, Mapping) and key in holder]
    beside = [key for key in ENDINGS if key in step and verb != "qmp"]
    if beside:
        problems.add(
            (*path, beside[0]),
            f"{beside[0]} stands beside {verb}",
            expected=f"ends or fails as an argument of {alternatives(_TAKERS)}, or beside qmp",
            at_key=True,
        )
    if not named:
        return None
    if len(named) > 1:
        problems.add(
            (*where, named[1]),
            "both ends and fails are there",
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
    label = _later(around, (*where, named[0]), holder[named[0]])
    if label is None or not jobs:
        return None
    status = Status.COMPLETED if named[0] == "ends" else Status.FAILED
    return label, FinishJobs(jobs=jobs, status=status)


def _later(around: Around, path: Path, word: str) -> str | None:
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
    elif labels.entry(label) <= _entry(path):
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
