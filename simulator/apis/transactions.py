"""What the actions of a QMP transaction are, one after the other.

Source: QEMU 7.2; ``facts/QEMU.md`` section 6.4.
"""

from collections.abc import Iterable, Iterator, Sequence

from simulator.model.machine import Machine, Status
from simulator.model.operations import (
    AddOverlay,
    EndJob,
    Operation,
    Refusal,
    RunBackup,
    StoreBitmaps,
)
from simulator.model.transitions import apply


def in_one_transaction(actions: Iterable[Operation | Refusal]) -> tuple[Operation, ...] | Refusal:
    """Return the primitives of actions that happen together, or why one is no command at all.

    What follows from an action when the transaction commits comes after all of them: an image
    below a new overlay becomes read-only, and jobs that were started do their work.
    """
    together: list[Operation] = []
    for action in actions:
        if isinstance(action, Refusal):
            return action
        together.append(action)
    if len(together) == 1:
        return tuple(together)
    done = [
        each._replace(stored=False)
        if isinstance(each, AddOverlay)
        else each._replace(lasting=True)
        if isinstance(each, RunBackup)
        else each
        for each in together
    ]
    stored = [StoreBitmaps(each.node) for each in together if isinstance(each, AddOverlay)]
    ended = [
        EndJob(each.target, Status.COMPLETED)
        for each in together
        if isinstance(each, RunBackup) and not each.lasting
    ]
    return (*done, *stored, *ended)


def one_by_one(
    machine: Machine, actions: Sequence[Operation]
) -> Iterator[tuple[Machine, Operation]]:
    """Yield actions that happen together, each with the machine that those before it leave."""
    together = in_one_transaction(actions)
    assert not isinstance(together, Refusal), "these are operations"
    for action, meant in zip(actions, together, strict=False):
        yield machine, action
        outcome = apply(machine, meant)
        if not isinstance(outcome, Refusal):
            machine = outcome
