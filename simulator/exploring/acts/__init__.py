"""The requests that are tried: which there are on a machine, and how each is asked and written.

An act names things by their places, so that it means the same on all machines of one shape.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from simulator.apis.base import ApiModel
from simulator.apis.libvirt.merging import FORGOTTEN
from simulator.exploring.acts.bitmaps import command_for, commands_on, write_command
from simulator.model.clusters import ClusterMap, ClusterSet
from simulator.model.machine import Machine, Power
from simulator.model.operations import (
    CloseImages,
    DropBackup,
    GuestDiscard,
    GuestWrite,
    KillProcess,
    OpenImages,
    Refusal,
)
from simulator.model.requests import (
    BlockCopy,
    Commit,
    DeleteCheckpoint,
    DeleteSnapshot,
    Pull,
    Qmp,
    Request,
    Resize,
    Revert,
    Snapshot,
    StartCheckpoint,
    TakeBackup,
)
from simulator.values import NamedTuple

OURS = re.compile(r"\b[SBb][0-9]+[a-z]?(?:\.bak)?\b")
"""Names that an exploration gives: images, checkpoints and backups."""


class Act(NamedTuple):
    """A request, on things by their places.

    Attributes:
        verb: One of `VERBS`.
        place: The thing that it is about: a checkpoint, an image, a backup, or a disk.
        other: A second one, such as the base of a commit; -1 for none.
        point: Whether a checkpoint starts with it.
    """

    verb: str
    place: int = -1
    other: int = -1
    point: bool = False


class Limits(NamedTuple):
    """How far is looked.

    Attributes:
        images: The most images of a chain, and the most snapshots that a host notes.
        bitmaps: The most checkpoints, and bitmaps' names, at a time.
        backups: The most backups that are kept at a time, to be deleted; the others are judged
            as they are taken.
        clusters, disks: How large disks are, and how many.
        depth: The most steps after the first image; None for no limit.
    """

    images: int = 3
    bitmaps: int = 3
    backups: int = 2
    clusters: int = 2
    disks: int = 1
    depth: int | None = None


class Fresh(NamedTuple):
    """Names that nothing has had yet; each kind is counted."""

    image: str
    point: str
    backup: str


Written: TypeAlias = tuple[str, Any]
"""A step as a scenario has it: its verb and its arguments."""


def points_of(machine: Machine) -> list[str]:
    """Return what a backup may be taken since: checkpoints, and bitmaps that are nobody's else."""
    names = dict.fromkeys(each.name for each in machine.checkpoints)
    for disk in machine.disks:
        names |= dict.fromkeys(each.name for each in disk.bitmaps if each.name != FORGOTTEN)
    return list(names)


def _chain(machine: Machine) -> list[str]:
    return [image.name for disk in machine.disks for image in disk.chain]


def _guest(verb: str) -> "Finder":
    def find(machine: Machine, limits: Limits) -> Iterator[Act]:
        if machine.power is Power.RUNNING and not machine.ending:
            yield from (Act(verb, place) for place in range(len(machine.disks)))

    return find


def _snapshots(machine: Machine, limits: Limits) -> Iterator[Act]:
    room = len(machine.snapshots) < limits.images
    if room and all(len(disk.chain) < limits.images for disk in machine.disks):
        yield Act("snapshot")
        if len(points_of(machine)) < limits.bitmaps:
            yield Act("snapshot", point=True)


def _outside(machine: Machine, limits: Limits) -> Iterator[Act]:
    if all(len(disk.chain) < limits.images for disk in machine.disks):
        yield Act("outside")


def _checkpoints(machine: Machine, limits: Limits) -> Iterator[Act]:
    names = points_of(machine)
    if len(names) < limits.bitmaps:
        yield Act("checkpoint")
    noted = {each.name for each in machine.checkpoints}
    yield from (Act("checkpoint", n) for n, name in enumerate(names) if name not in noted)


def _backups(machine: Machine, limits: Limits) -> Iterator[Act]:
    names = points_of(machine)
    more = len(names) < limits.bitmaps
    for place in range(-1, len(names)):
        yield Act("backup", place)
        if more:
            yield Act("backup", place, point=True)


def _reads(machine: Machine, limits: Limits) -> Iterator[Act]:
    yield from (Act("read", place) for place in range(len(points_of(machine))))


def _deletions(machine: Machine, limits: Limits) -> Iterator[Act]:
    yield from (Act("delete", n) for n in range(len(machine.checkpoints)))


def _merges(machine: Machine, limits: Limits) -> Iterator[Act]:
    yield from (Act("merge", place) for place in range(len(_snapshots_of(machine))))


def _snapshots_of(machine: Machine) -> list[str]:
    """Return the names of snapshots: images that lie on another one, and what the host noted."""
    above = (image.name for disk in machine.disks for image in disk.chain[1:])
    return list(dict.fromkeys([*above, *(note.name for note in machine.snapshots)]))


def _drops(machine: Machine, limits: Limits) -> Iterator[Act]:
    names = list(dict.fromkeys(each.name for each in machine.backups))
    yield from (Act("drop", place) for place in range(len(names)))


def _pairs(verb: str) -> "Finder":
    def find(machine: Machine, limits: Limits) -> Iterator[Act]:
        first = 0
        for disk in machine.disks:
            count = len(disk.chain)
            for top in range(first + 1, first + count):
                yield from (Act(verb, top, base) for base in range(first, top))
                if verb == "pull":
                    yield Act(verb, top)
            first += count

    return find


def _reverts(machine: Machine, limits: Limits) -> Iterator[Act]:
    yield from (Act("revert", place) for place in range(len(_snapshots_of(machine))))


def _power(verb: str, state: Power) -> "Finder":
    def find(machine: Machine, limits: Limits) -> Iterator[Act]:
        if (machine.power is Power.RUNNING) is (state is Power.RUNNING):
            yield Act(verb)

    return find


def _forgotten(machine: Machine, limits: Limits) -> Iterator[Act]:
    yield from (Act("forget", place) for place in range(len(_snapshots_of(machine))))


def _resizes(machine: Machine, limits: Limits) -> Iterator[Act]:
    for place, disk in enumerate(machine.disks):
        yield from (Act("resize", place, length) for length in range(1, limits.clusters + 1)
                    if length != disk.length)  # fmt: skip


def _commands(machine: Machine, limits: Limits) -> Iterator[Act]:
    room = limits.bitmaps - len(points_of(machine))
    yield from (Act("bitmap", place, what) for place, what in commands_on(machine, room))


def _copies(machine: Machine, limits: Limits) -> Iterator[Act]:
    yield from (Act("blockcopy", place) for place in range(len(machine.disks)))


Finder: TypeAlias = Callable[[Machine, Limits], Iterator[Act]]

VERBS: dict[str, tuple[Finder, str]] = {
    "write": (_guest("write"), "the guest writes some clusters"),
    "checkpoint": (_checkpoints, "a checkpoint of all disks; a consumer's starts anew"),
    "snapshot": (_snapshots, "an overlay of all disks, with and without a checkpoint"),
    "backup": (_backups, "full, and since each checkpoint; with and without a checkpoint"),
    "read": (_reads, "a backup through the bitmaps of one name, whatever the model thinks of it"),
    "delete": (_deletions, "a checkpoint is deleted"),
    "merge": (_merges, "a snapshot is deleted"),
    "drop": (_drops, "a backup is deleted"),
    "commit": (_pairs("commit"), "images are merged down"),
    "pull": (_pairs("pull"), "backing data is pulled up"),
    "revert": (_reverts, "back to a snapshot"),
    "crash": (_power("crash", Power.RUNNING), "the process dies"),
    "shutdown": (_power("shutdown", Power.RUNNING), "a clean end"),
    "start": (_power("start", Power.OFF), "a start after either"),
    "forget": (_forgotten, "a host gives up its note of a snapshot, and no image"),
    "bitmap": (_commands, "QEMU's commands for bitmaps"),
    "blockcopy": (_copies, "a disk is copied into a new image, and goes on there"),
    "outside": (_outside, "an overlay by a tool that knows nothing of bitmaps"),
    "resize": (_resizes, "a disk grows or shrinks"),
    "zero": (_guest("zero"), "the guest writes zeroes"),
    "discard": (_guest("discard"), "the guest gives clusters back"),
}
"""The verbs that can be tried: what finds their requests on a machine, and what they are."""

LATER = frozenset({"drop", "forget", "bitmap", "blockcopy", "outside", "resize", "zero", "discard"})
"""The verbs that are tried where they are named: a user's own loss, and rarer requests."""

VERBS_DEFAULT = tuple(name for name in VERBS if name not in LATER)

VERBS_BITMAPS = tuple(name for name in VERBS if name in ("bitmap", *VERBS_DEFAULT)
                      and name not in ("checkpoint", "delete"))  # fmt: skip
"""The verbs that are tried on a model without checkpoints."""

COUPLING = frozenset({"resize"})
"""The verbs for which one cluster is not like another, whatever the model."""

GUEST = frozenset({"write", "zero", "discard"})

NOTED = frozenset({"merge", "revert", "forget"})
"""The verbs that go by what a host noted of snapshots."""


def acts_of(machine: Machine, verbs: tuple[str, ...], limits: Limits) -> list[Act]:
    """Return what can be asked of a machine, in the order of the verbs."""
    return [act for verb in verbs for act in VERBS[verb][0](machine, limits)]


def verbs_for(model: ApiModel, machine: Machine) -> tuple[str, ...]:
    """Return the verbs that are tried unless others are named.

    Args:
        machine: One at its beginning.
    """
    disks = tuple(disk.name for disk in machine.disks)
    plan = model.plan(machine, StartCheckpoint(name="B1", disks=disks))
    return VERBS_BITMAPS if isinstance(plan, Refusal) else VERBS_DEFAULT


def request_of(
    machine: Machine, act: Act, fresh: Fresh, data: ClusterMap | ClusterSet | None = None
) -> Request:
    """Return an act as a request to a machine.

    Args:
        fresh: Names for what it makes.
        data: What a guest writes, or gives back.
    """
    disks = tuple(disk.name for disk in machine.disks)
    match act.verb:
        case "write" | "zero":
            assert isinstance(data, ClusterMap), "a guest writes something"
            return GuestWrite(disk=disks[act.place], data=data)
        case "discard":
            assert isinstance(data, ClusterSet), "a guest gives something back"
            return GuestDiscard(disk=disks[act.place], clusters=data)
        case "snapshot" | "outside":
            point = fresh.point if act.point else None
            return Snapshot(_overlays(disks, fresh), point, outside=act.verb == "outside")
        case "checkpoint" | "backup" | "read" | "delete" | "drop":
            return _of_points(machine, act, fresh, disks)
        case "crash":
            return KillProcess()
        case "shutdown":
            return CloseImages()
        case "start":
            return OpenImages()
        case "resize":
            return Resize(disk=disks[act.place], length=act.other)
        case "blockcopy":
            return BlockCopy(to=fresh.image, disk=disks[act.place])
        case "bitmap":
            return command_for(machine, act.place, act.other, fresh.point)
    return _of_images(machine, act, fresh)


def _overlays(disks: tuple[str, ...], fresh: Fresh) -> tuple[tuple[str, str], ...]:
    if len(disks) == 1:
        return ((disks[0], fresh.image),)
    return tuple((disk, f"{fresh.image}{chr(97 + n)}") for n, disk in enumerate(disks))


def _of_points(machine: Machine, act: Act, fresh: Fresh, disks: tuple[str, ...]) -> Request:
    names = points_of(machine)
    name = names[act.place] if 0 <= act.place < len(names) else None
    if act.verb == "checkpoint":
        return StartCheckpoint(name=name or fresh.point, disks=disks)
    if act.verb == "drop":
        return DropBackup(list(dict.fromkeys(each.name for each in machine.backups))[act.place])
    if act.verb == "delete":
        return DeleteCheckpoint(name=machine.checkpoints[act.place].name)
    point = fresh.point if act.point else None
    if act.verb == "read":
        assert name is not None, "it is found by its place"
        return TakeBackup(to=fresh.backup, disks=disks, bitmaps=((None, name),))
    return TakeBackup(to=fresh.backup, disks=disks, since=name, checkpoint=point)


def _of_images(machine: Machine, act: Act, fresh: Fresh) -> Request:
    if act.verb in NOTED:
        name = _snapshots_of(machine)[act.place]
        if act.verb == "revert":
            return Revert(snapshot=name, image=fresh.image)
        return DeleteSnapshot(name=name, metadata=act.verb == "forget")
    chain = _chain(machine)
    name = chain[act.place]
    base = chain[act.other] if act.other >= 0 else None
    return Commit(top=name, base=base) if act.verb == "commit" else Pull(into=name, base=base)


def write_step(request: Request, machine: Machine, cells: str = "") -> Written:
    """Return a request as a scenario has it.

    Args:
        cells: The picture of a guest's step.
    """
    alone = len(machine.disks) == 1
    match request:
        case GuestWrite(disk=disk) | GuestDiscard(disk=disk):
            zero = "zero" if isinstance(request, GuestWrite) and not cells.strip("-0") else "write"
            verb = "discard" if isinstance(request, GuestDiscard) else zero
            return verb, cells if alone else {"disk": disk, "cells": cells}
        case Snapshot(images=images, bitmap=bitmap, outside=outside):
            told: dict[str, Any] = {"image": images[0][1]} if alone else {"images": dict(images)}
            told |= {"bitmap": bitmap} if bitmap is not None else {}
            return "snapshot", told | ({"outside": True} if outside else {})
        case StartCheckpoint(name=name):
            return "checkpoint", name
        case TakeBackup():
            return "backup", _backup(request)
        case DropBackup(name=name):
            return "delete", {"backup": name}
        case DeleteCheckpoint(name=name):
            return "delete", {"checkpoint": name}
        case DeleteSnapshot(name=name, metadata=metadata):
            return "delete", {"snapshot": name} | ({"metadata": True} if metadata else {})
        case Commit(top=top, base=base):
            return "commit", {"top": top} | ({"base": base} if base is not None else {})
        case Pull(into=into, base=base):
            return "pull", {"into": into} | ({"base": base} if base is not None else {})
        case Revert(snapshot=snapshot, image=image):
            return "revert", {"snapshot": snapshot, "image": image}
        case BlockCopy(to=to, disk=disk):
            return "blockcopy", {"to": to} | ({} if alone else {"disk": disk})
        case Resize(disk=disk, length=length):
            return "resize", {"disk": disk, "clusters": length}
        case Qmp():
            return "qmp", write_command(request)
    words = {KillProcess: "crash", CloseImages: "shutdown", OpenImages: "start"}
    return words[type(request)], None


def _backup(request: TakeBackup) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if request.since is not None:
        told["since"] = request.since
    if request.bitmaps:
        told["bitmaps"] = [name for _, name in request.bitmaps]
    told["to"] = request.to
    if request.checkpoint is not None:
        told["checkpoint"] = request.checkpoint
    return told
