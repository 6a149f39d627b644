"""A timeline as what is to be done on a real libvirt: virsh commands and XML documents. Pure.

One request becomes commands in one place, ``requests.ask``; a new verb is a case there.
What libvirt itself makes of a command is what the verification is to find out, so a request is
translated and not the operations that the simulator makes of it.
"""

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from simulator.libvirt.actions import LibvirtAction, UnsupportedError
from simulator.libvirt.files import Files
from simulator.libvirt.requests import ask
from simulator.model.machine import Backup, Checkpoint, Machine, Power, Restored, Status
from simulator.model.operations import (
    CopyImage,
    DropBackup,
    Fault,
    GuestOperation,
    KillProcess,
    StackBackups,
)
from simulator.model.requests import Expect, Request
from simulator.qemu.names import Names, choose_names
from simulator.timeline import Entry, Timeline

MODEL = "libvirt"
"""Id of the only API model that a real libvirt is like."""


class LibvirtStep(NamedTuple):
    """What one statement comes to on a real libvirt.

    Attributes:
        entry: The timeline's record of the statement.
        actions: What is done, in this order.
        unsupported: Why it cannot be done; empty where it can.
        refusal: libvirt's words, where it must turn the last command down.
        machine: The simulated machine afterwards.
        backups, restores: The copies to be looked at afterwards.
    """

    entry: Entry
    actions: tuple[LibvirtAction, ...]
    unsupported: str
    refusal: str | None
    machine: Machine
    backups: tuple[Backup, ...]
    restores: tuple[Restored, ...]

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """The checkpoints that libvirt must know afterwards."""
        return self.machine.checkpoints


class LibvirtPlan(NamedTuple):
    """A timeline for a real libvirt.

    Attributes:
        steps: Those statements that libvirt takes part in.
        mixed: As in :class:`simulator.qemu.plan.Plan`.
    """

    names: Names
    steps: tuple[LibvirtStep, ...]
    mixed: bool


def refuse(timeline: Timeline) -> str:
    """Return why a timeline cannot be played on a real libvirt; empty where it can."""
    if timeline.model == MODEL:
        return ""
    return (
        f"the model is {timeline.model}, and libvirt can only be held against {MODEL}; "
        f"try --model {MODEL}, or --with qemu"
    )


def make_libvirt_plan(timeline: Timeline) -> LibvirtPlan:
    """Return what is to be done on a real libvirt for a timeline, with what it is like then."""
    names = choose_names(timeline)
    files = Files(names)
    steps = [step for entry in timeline.entries if (step := _step(files, entry)) is not None]
    if steps:
        # At the end all copies are looked at once more: nobody may have touched them.
        steps[-1] = steps[-1]._replace(backups=_done(steps[-1].machine.backups))
    return LibvirtPlan(
        names=names,
        steps=tuple(steps),
        mixed=any(
            getattr(operation, "extent", None) is not None
            for entry in timeline.entries
            for operation in entry.operations
        ),
    )


def _step(files: Files, entry: Entry) -> LibvirtStep | None:
    """Return the step of one statement; None where libvirt has no part in it."""
    request = entry.request
    if isinstance(request, Expect) or _never_asked(entry, request):
        return None
    actions: tuple[LibvirtAction, ...] = ()
    unsupported = ""
    try:
        # What is refused is the first command; there is nothing to wait for then, or to read.
        actions = tuple(islice(ask(files, entry, request), 1 if entry.refusal else None))
    except UnsupportedError as error:
        unsupported = str(error)
    if not actions and not unsupported and not entry.new_restores:
        return None
    return LibvirtStep(
        entry=entry,
        actions=actions,
        unsupported=unsupported,
        refusal=entry.refusal.text if entry.refusal is not None else None,
        machine=entry.after,
        backups=_done(entry.new_backups),
        restores=entry.new_restores,
    )


def _never_asked(entry: Entry, request: Request | None) -> bool:
    """Whether a refused request has no words in libvirt: nobody there could say it, or hear it."""
    if entry.refusal is None:
        return False
    outside = isinstance(request, CopyImage | DropBackup | StackBackups | KillProcess)
    off = entry.before.power is not Power.RUNNING
    return (
        entry.refusal.fault is Fault.BOUNDARY
        or outside
        or (off and isinstance(request, GuestOperation))
    )


def _done(backups: Iterable[Backup]) -> tuple[Backup, ...]:
    return tuple(backup for backup in backups if backup.status is Status.COMPLETED)
