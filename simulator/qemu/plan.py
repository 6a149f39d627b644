"""A timeline as what is to be done on a real QEMU, step by step. Pure.

One operation becomes commands in one place, :func:`add`; a new operation is a case there.
What QEMU can take as one transaction is sent as one.
"""

from typing import TypeAlias

from simulator.model.machine import Power
from simulator.model.operations import Refusal
from simulator.model.requests import Expect, Qmp
from simulator.model.transitions import apply
from simulator.qemu.actions import Action
from simulator.qemu.commands.operations import add
from simulator.qemu.commands.work import Work
from simulator.qemu.names import Names, choose_names
from simulator.qemu.refused import Attempt, attempt
from simulator.qemu.steps import Plan, Step, completed, join_steps
from simulator.timeline import Entry, Timeline

QemuStep: TypeAlias = Step[Action]
QemuPlan: TypeAlias = Plan[Action]


def make_plan(timeline: Timeline) -> QemuPlan:
    """Return what is to be done on a real QEMU for a timeline, with what it then is like."""
    names = choose_names(timeline)
    return join_steps(timeline, names, (_step(names, entry) for entry in timeline.entries))


def _step(names: Names, entry: Entry) -> QemuStep | None:
    """Return the step of one statement; None where QEMU has no part in it."""
    request = entry.request
    if isinstance(request, Expect):
        return None
    cleanup: tuple[Action, ...] = ()
    if entry.refusal is not None:
        actions, cleanup = _refused(names, entry, request)
    else:
        actions = _accepted(names, entry)
    if not actions and not entry.new_restores:
        return None
    return Step(entry, actions, completed(entry.new_backups), cleanup)


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
