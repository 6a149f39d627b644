"""QEMU's own commands for bitmaps as acts: what a model without checkpoints is asked for."""

from collections.abc import Iterator
from typing import Any

from simulator.apis.libvirt.merging import FORGOTTEN
from simulator.model.bitmap import DirtyBitmap
from simulator.model.machine import Machine
from simulator.model.operations import (
    BITMAP_WORDS,
    AddBitmap,
    BitmapOperation,
    ClearBitmap,
    DisableBitmap,
    EnableBitmap,
    MergeBitmaps,
    RemoveBitmap,
)
from simulator.model.requests import Qmp

ADD, TURN, CLEAR, REMOVE, MERGE = range(5)
"""What is done to a bitmap; from `MERGE` on, it is merged into another one, by its place."""


def bitmaps_of(machine: Machine) -> list[DirtyBitmap]:
    """Return the bitmaps that somebody can name."""
    return [each for disk in machine.disks for each in disk.bitmaps if each.name != FORGOTTEN]


def commands_on(machine: Machine, room: int) -> Iterator[tuple[int, int]]:
    """Yield what can be asked of the bitmaps of a machine: the place of one, and what is done.

    Args:
        room: So many names of bitmaps may be added.
    """
    if room > 0:
        yield from ((place, ADD) for place in range(len(machine.disks)))
    there = bitmaps_of(machine)
    for place in range(len(there)):
        yield from ((place, what) for what in (TURN, CLEAR, REMOVE))
    for place, into in ((one, other) for one in range(len(there)) for other in range(len(there))):
        if place != into and there[place].length == there[into].length:
            yield place, MERGE + into


def command_for(machine: Machine, place: int, what: int, name: str) -> Qmp:
    """Return what is asked of a bitmap as QEMU's command.

    Args:
        name: What a new one is called.
    """
    operation = _operation(machine, place, what, name)
    return Qmp((f"block-dirty-bitmap-{BITMAP_WORDS[type(operation)]}",), (operation,))


def _operation(machine: Machine, place: int, what: int, name: str) -> BitmapOperation:
    if what == ADD:
        return AddBitmap(node=machine.disks[place].active.name, name=name)
    there = bitmaps_of(machine)
    bitmap = there[place]
    if what >= MERGE:
        into = there[what - MERGE]
        return MergeBitmaps(into.node, into.name, ((bitmap.node, bitmap.name),))
    turned = DisableBitmap if bitmap.recording else EnableBitmap
    kinds = {TURN: turned, CLEAR: ClearBitmap, REMOVE: RemoveBitmap}
    return kinds[what](node=bitmap.node, name=bitmap.name)


def write_command(request: Qmp) -> dict[str, Any]:
    """Return a command as a ``qmp`` step has it."""
    match request.operations[0]:
        case AddBitmap(node=node, name=name):
            named: dict[str, Any] = {"node": node, "name": name, "persistent": True}
        case MergeBitmaps(node=node, name=name, sources=sources):
            bitmaps = [{"node": one, "name": other} for one, other in sources]
            named = {"node": node, "target": name, "bitmaps": bitmaps}
        case (
            ClearBitmap(node=node, name=name)
            | RemoveBitmap(node=node, name=name)
            | DisableBitmap(node=node, name=name)
            | EnableBitmap(node=node, name=name)
        ):
            named = {"node": node, "name": name}
        case other:
            raise AssertionError(f"{other} is no command that is tried")
    return {"execute": request.commands[0], "arguments": named}
