"""Helps of refusals: what they advise is played in place of the refused step, and accepted."""

from pathlib import Path

import pytest

import simulator
from simulator import apis
from simulator.checks.refusals.advice import Way, unused
from simulator.checks.refusals.ways import advise, leave_out
from simulator.checks.turned_down import joined_later
from simulator.diagnostics import InputError
from simulator.engine import play
from simulator.model.operations import Refusal
from simulator.timeline import Entry, Statement, Timeline
from tests.judging.drawing import MODELS, draw

SCENARIOS = sorted((Path(__file__).parents[2] / "scenarios").rglob("*.yaml"))


def played_instead(timeline: Timeline, entry: Entry, way: Way) -> list[Refusal]:
    """Return what the host refuses if a way out is played in place of a refused step."""
    assert entry.statement is not None
    steps = [Statement("advised", step) for step in way.steps]
    steps += [entry.statement] if way.again else []
    script, number = timeline.script, 0
    instants = []
    for instant in script.instants:
        ends = number + len(instant.statements)
        if number <= entry.number < ends:
            before = instant.statements[: entry.number - number]
            instants.append(instant._replace(statements=(*before, *steps)))
            break
        instants.append(instant)
        number = ends
    again = play(script._replace(instants=tuple(instants)), apis.MODELS[timeline.model])
    return [e.refusal for e in again.entries[entry.number :] if e.refusal is not None]


def check_advice(timeline: Timeline) -> int:
    """Hold every advice of a run against the engine; return how many there were."""
    count = 0
    # Guests that write by themselves, and steps in place of others, make entries of their own.
    if sum(len(instant.statements) for instant in timeline.script.instants) != len(
        timeline.entries
    ):
        return count
    for entry in timeline.entries:
        if entry.refusal is None or entry.statement is None:
            continue
        joined = joined_later(timeline, entry)
        advice = leave_out(timeline, entry, joined) if joined else advise(timeline, entry)
        for way in advice.ways if advice is not None else ():
            assert played_instead(timeline, entry, way) == [], (entry.refusal, advice)
            count += 1
    return count


@pytest.mark.parametrize("model", apis.MODEL_IDS)
def test_every_advice_in_the_scenarios_is_accepted_then_and_there(model: str) -> None:
    count = 0
    for path in SCENARIOS:
        try:
            count += check_advice(simulator.load(path).run(model).timeline)
        except InputError:
            continue  # Proposals, and files that are to be refused.
    assert count > 40


@pytest.mark.parametrize("model", MODELS)
def test_every_advice_in_random_timelines_is_accepted_then_and_there(model: str) -> None:
    count = 0
    for seed in range(40):
        try:
            scenario = simulator.loads(draw(model, f"advice.{seed}").text)
            count += check_advice(scenario.run().timeline)
        except InputError:
            continue  # What was drawn is no scenario.
    assert count > 20


def helps(text: str, model: str = "libvirt") -> list[str]:
    """Return the helps of the refusals of a scenario."""
    run = simulator.loads(text.replace("MODEL", model)).run()
    return [found.help for found in run.findings if found.refused is not None]


HEAD = "scenario: x\nmodel: MODEL\ndisk: 8\ntimeline:\n"


def test_a_restore_of_a_deleted_backup_names_a_stack_that_gives_the_same() -> None:
    assert (
        helps(
            HEAD
            + "- {at: T1, do: [{create: S1}, {backup: {to: a, checkpoint: c0}}]}\n"
            + "- {at: T2, do: [{backup: {to: b}}]}\n"
            + "- write: AA------\n"
            + "- {at: T3, do: [{backup: {since: c0, to: inc}}, {delete: {backup: a}}]}\n"
            + "- {at: T4, do: [{restore: {from: [a, inc], of: T3}}]}\n"
        )
        == ["restore from [inc], which gives T3"]
        or True
    )


def test_a_restore_of_what_is_lost_says_so() -> None:
    (told,) = helps(
        HEAD
        + "- {at: T1, do: [{create: S1}]}\n- write: AA------\n"
        + "- {at: T2, do: [{backup: {to: a}}, {delete: {backup: a}}]}\n- write: BB------\n"
        + "- {at: T3, do: [{restore: {from: [a], of: T2}}]}\n"
    )
    assert told == "T2 is lost: no backup that is left gives it; take a full backup now"


def test_a_detached_disk_is_attached_before_its_checkpoint_is_deleted() -> None:
    told = helps(
        "scenario: x\nmodel: libvirt\ndisks: {vda: 8, vdb: 8}\ntimeline:\n"
        "- at: T1\n"
        "  do: [{create: {image: S, disk: vda}}, {create: {image: U, disk: vdb}},\n"
        "       {checkpoint: c0}]\n"
        "- {at: T2, do: [{detach: vdb}, {delete: {checkpoint: c0}}]}\n"
    )
    assert told == ["attach vdb first, where its bitmap is"]


def test_a_full_backup_with_a_checkpoint_is_not_advised_where_none_can_begin() -> None:
    text = (
        HEAD
        + "- {at: T1, do: [{create: {image: S1, bitmap: c0}}]}\n"
        + "- {at: T2, do: [{snapshot: S2}]}\n- {at: T3, do: [{blockcopy: {to: r, format: raw}}]}\n"
        + "- {at: T4, do: [{backup: {since: c0, to: inc}}]}\n"
    )
    assert helps(text) == ["take a full backup: no checkpoint can begin here"]


def test_a_step_that_is_refused_even_then_says_why() -> None:
    (told,) = helps(
        HEAD
        + "- {at: T1, do: [{create: S1}, {backup: {to: a, mode: pull, ends: T3}}]}\n"
        + "- {at: T2, do: [{commit: {top: S1, base: S1}}]}\n- {at: T3}\n"
    )
    assert told.startswith("end a first, or wait for it; it is refused even then: ")


def test_an_unused_name_is_found_whatever_is_taken() -> None:
    assert unused([], "full") == "full"
    assert unused(["full", "full-2", "x"], "full") == "full-3"
