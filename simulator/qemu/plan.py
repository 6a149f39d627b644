"""A timeline as what is to be done on a real QEMU, step by step. Pure.

One operation becomes commands in one place, :func:`add`; a new operation is a case there.
What QEMU can take as one transaction is sent as one.
"""

from collections.abc import Iterable
from typing import NamedTuple

from simulator.model.machine import Backup, Machine, Power, Restored, Status
from simulator.model.operations import Refusal
from simulator.model.requests import Expect, Qmp
from simulator.model.transitions import apply
from simulator.qemu.actions import Action
from simulator.qemu.commands.operations import add
from simulator.qemu.commands.work import Work
from simulator.qemu.names import Names, choose_names
from simulator.qemu.refused import Attempt, attempt
from simulator.timeline import Entry, Timeline


class Step(NamedTuple):
    """What one statement comes to on a real QEMU.

    Attributes:
        entry: The timeline's record of the statement.
        actions: What is done, in this order.
        cleanup: What is done when QEMU has turned the last of these down.
        refusal: QEMU's words, where it must do so.
        machine: The simulated machine afterwards.
        backups, restores: The copies to be looked at afterwards.
    """

    entry: Entry
    actions: tuple[Action, ...]
    cleanup: tuple[Action, ...]
    refusal: str | None
    machine: Machine
    backups: tuple[Backup, ...]
    restores: tuple[Restored, ...]


class Plan(NamedTuple):
    """A timeline for a real QEMU.

    Attributes:
        steps: Those statements that QEMU takes part in.
        mixed: Whether a guest step touches a part of a cluster. The simulated cluster has the
            newest data then, and a real one is like it when that data lies somewhere in it.
    """

    names: Names
    steps: tuple[Step, ...]
    mixed: bool


def make_plan(timeline: Timeline) -> Plan:
    """Return what is to be done on a real QEMU for a timeline, with what it then is like."""
    names = choose_names(timeline)
    steps = [step for entry in timeline.entries if (step := _step(names, entry)) is not None]
    if steps:
        # At the end all copies are looked at once more: nobody may have touched them.
        steps[-1] = steps[-1]._replace(backups=_done(steps[-1].machine.backups))
    return Plan(
        names=names,
        steps=tuple(steps),
        mixed=any(
            getattr(operation, "extent", None) is not None
            for entry in timeline.entries
            for operation in entry.operations
        ),
    )


def _step(names: Names, entry: Entry) -> Step | None:
    """Return the step of one statement; None where QEMU has no part in it."""
    request = entry.request
    if isinstance(request, Expect):
        return None
    text = entry.refusal.text if entry.refusal is not None else None
    cleanup: tuple[Action, ...] = ()
    if text is not None:
        actions, cleanup = _refused(names, entry, request)
    else:
        actions = _accepted(names, entry)
    restores = entry.new_restores
    if not actions and not restores:
        return None
    return Step(
        entry=entry,
        actions=actions,
        cleanup=cleanup,
        refusal=text,
        machine=entry.after,
        backups=_done(entry.new_backups),
        restores=restores,
    )


def _done(backups: Iterable[Backup]) -> tuple[Backup, ...]:
    """Return the backups that hold something: what a job that failed leaves is not fixed."""
    return tuple(backup for backup in backups if backup.status is Status.COMPLETED)


def _accepted(names: Names, entry: Entry) -> tuple[Action, ...]:
    """Return the actions of operations that happen, each on the machine that the last one left."""
    work = Work(names)
    machine = entry.before
    for operation in entry.operations:
        outcome = apply(machine, operation)
        assert not isinstance(outcome, Refusal), f"{operation} was accepted before"
        add(work, machine, operation)
        machine = outcome
    return work.finish()


def _refused(names: Names, entry: Entry, request: object) -> Attempt:
    """Return the command that QEMU itself must turn down.

    What an API above QEMU turns down never gets there, and neither does a command that is wrong
    in itself.
    """
    if not isinstance(request, Qmp) or entry.before.power is not Power.RUNNING:
        return Attempt()
    operations = [each for each in request.operations if not isinstance(each, Refusal)]
    if len(operations) < len(request.operations):
        return Attempt()
    return attempt(names, entry.before, operations)
