"""The way of a verb: read, planned, done, told in words, and sent to the real things.

Nothing here is written out by verb. What the shipped scenarios do is gathered once, and each verb,
request and operation is looked for in it; so a new one fails until it has every part, and a
scenario that shows it. What cannot be asked of a real thing is listed, with the reason.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

import simulator
from simulator.libvirt.plan import make_libvirt_plan
from simulator.model.operations import (
    EndGuest,
    ForgetCheckpoint,
    ForgetSnapshot,
    FreezeGuest,
    Operation,
    RebaseFile,
    RecordCheckpoint,
    RecordSnapshot,
    Refusal,
    RestoreCheckpoint,
    StoreBitmaps,
    ThawGuest,
    UndefineMachine,
)
from simulator.model.requests import Attach, Detach, Expect, Migrate, Request
from simulator.model.transitions import apply
from simulator.qemu.commands.operations import add
from simulator.qemu.commands.work import Work
from simulator.qemu.names import choose_names
from simulator.render.story import guest_lines, title_of
from simulator.scenario.verbs import VERBS
from simulator.timeline import Timeline
from tests.checkout import scenario_files

VERBS_ALL = tuple(VERBS)

OPERATIONS: tuple[type, ...] = get_args(Operation)

REQUESTS: tuple[type, ...] = get_args(Request)

NOT_TOLD_TO_QEMU: Mapping[type, str] = {
    RecordCheckpoint: "a note of libvirt's own",
    RestoreCheckpoint: "a note of libvirt's own",
    ForgetCheckpoint: "a note of libvirt's own",
    RecordSnapshot: "a note of libvirt's own",
    ForgetSnapshot: "a note of libvirt's own",
    UndefineMachine: "a note of libvirt's own",
    StoreBitmaps: "it comes with the snapshot, when its transaction commits",
    EndGuest: "no guest runs that could power off",
    FreezeGuest: "the guest's own agent does it",
    ThawGuest: "the guest's own agent does it",
}
"""The operations that are no command of QEMU's, each with the reason."""

NOT_ASKED_OF_LIBVIRT: Mapping[type, str] = {
    Expect: "it is asked of the simulator only",
    Attach: "a guest without an operating system keeps its disks",
    Detach: "a guest without an operating system keeps its disks",
    Migrate: "a migration needs another host",
    RebaseFile: "libvirt goes by the chain that it noted, not by the file",
    FreezeGuest: "a guest without an operating system has no agent",
    ThawGuest: "a guest without an operating system has no agent",
}
"""The requests that a real libvirt is not sent, each with the reason."""

WITHOUT_WORDS: Mapping[str, str] = {"expect": "it is judged, and is no part of the story"}
"""The verbs that the text of a run does not tell, each with the reason."""

OTHER_WORDS: Mapping[str, str] = {"zero": "zeroes", "write": "writes", "discard": "discards"}
"""The verbs that a run tells in another form."""


@dataclass(frozen=True, slots=True)
class Way:
    """What the shipped scenarios do.

    Attributes:
        planned: The requests that an API model made operations of.
        done: The operations that happened.
        to_qemu: The operations that come to something on a real QEMU.
        to_libvirt: The requests that come to something on a real libvirt.
        told: The verbs in whose own words a run tells of them.
        used: The verbs that a step has.
    """

    planned: set[type] = field(default_factory=set)
    done: set[type] = field(default_factory=set)
    to_qemu: set[type] = field(default_factory=set)
    to_libvirt: set[type] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)

    def follow(self, timeline: Timeline) -> None:
        """Add what one run does."""
        names = choose_names(timeline)
        for entry in timeline.entries:
            statement = entry.statement
            if statement is not None and entry.refusal is None:
                self.planned.add(type(statement.request))
                self.used.add(statement.verb)
            machine = entry.before
            # What guests write by themselves may fail.
            for operation in entry.operations if entry.refusal is None else ():
                self.done.add(type(operation))
                work = Work(names)
                add(work, machine, operation)
                if work.finish():
                    self.to_qemu.add(type(operation))
                outcome = apply(machine, operation)
                assert not isinstance(outcome, Refusal)
                machine = outcome
        for frame in timeline.frames:
            lines = (title_of(timeline, frame), *guest_lines(timeline, frame))
            words = set(re.findall(r"\w+", " ".join(lines)))
            self.told.update(verb for verb in VERBS_ALL if OTHER_WORDS.get(verb, verb) in words)

    def ask(self, timeline: Timeline) -> None:
        """Add what one run of the model ``libvirt`` asks of a real one."""
        for step in make_libvirt_plan(timeline).steps:
            if step.actions and step.entry.statement is not None:
                self.to_libvirt.add(type(step.entry.statement.request))


@cache
def way() -> Way:
    """Follow every shipped scenario, as it is and under the model ``libvirt``."""
    gone = Way()
    for path in scenario_files():
        scenario = simulator.load(path)
        gone.follow(scenario.run().timeline)
        gone.ask(scenario.run("libvirt").timeline)
    return gone


def named(kind: type) -> str:
    return kind.__name__


def check(found: bool, listed: bool, lacks: str, where: str, table: str) -> None:
    """Fail with what is missing, and where it goes; or with the table that tells of it in vain."""
    assert found or listed, f"{lacks}: {where}"
    assert not (found and listed), f"{table} in {Path(__file__).name} has what is there by now"


@pytest.mark.parametrize("verb", VERBS_ALL)
def test_a_scenario_shows_every_verb(verb: str) -> None:
    shown = verb in way().used
    assert shown, f"no scenario has the verb {verb}: write one in scenarios/"


@pytest.mark.parametrize("verb", VERBS_ALL)
def test_a_run_tells_of_every_verb_in_its_words(verb: str) -> None:
    found, listed = verb in way().told, verb in WITHOUT_WORDS
    where = "it goes into simulator/render/story.py, and a scenario shows it"
    check(found, listed, f"no run tells of {verb}", where, "WITHOUT_WORDS")


@pytest.mark.parametrize("request_type", REQUESTS, ids=named)
def test_some_api_model_makes_operations_of_every_request(request_type: type) -> None:
    planned = request_type in way().planned
    assert planned, (
        f"no scenario plans a {named(request_type)}: ApiModel.plan in simulator/apis/base.py "
        "has it, and a scenario in scenarios/ asks for it"
    )


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_every_operation_happens(operation: type) -> None:
    happens = operation in way().done
    assert happens, (
        f"{named(operation)} happens in no scenario: simulator/model/transitions/ does it, "
        "and a scenario in scenarios/ shows it"
    )


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_every_operation_is_sent_to_a_real_qemu_or_listed(operation: type) -> None:
    found, listed = operation in way().to_qemu, operation in NOT_TOLD_TO_QEMU
    where = "it goes into simulator/qemu/commands/operations.py, and a scenario shows it"
    lacks = f"a real QEMU is sent nothing for {named(operation)}"
    check(found, listed, lacks, where, "NOT_TOLD_TO_QEMU")


@pytest.mark.parametrize("request_type", REQUESTS, ids=named)
def test_every_request_is_sent_to_a_real_libvirt_or_listed(request_type: type) -> None:
    found, listed = request_type in way().to_libvirt, request_type in NOT_ASKED_OF_LIBVIRT
    where = "it goes into simulator/libvirt/requests.py, and a scenario shows it"
    lacks = f"a real libvirt is sent nothing for {named(request_type)}"
    check(found, listed, lacks, where, "NOT_ASKED_OF_LIBVIRT")
