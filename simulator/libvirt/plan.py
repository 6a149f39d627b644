"""A timeline as what is to be done on a real libvirt: virsh commands and XML documents. Pure.

One request becomes commands in one place, ``requests.ask``; a new verb is a case there.
What libvirt itself makes of a command is what the verification is to find out, so a request is
translated and not the operations that the simulator makes of it.
"""

from collections.abc import Iterator
from typing import TypeAlias

from simulator.libvirt.actions import LibvirtAction, UnsupportedError, Virsh
from simulator.libvirt.files import Files
from simulator.libvirt.requests import ask
from simulator.model.machine import Power
from simulator.model.operations import (
    CopyImage,
    DropBackup,
    Fault,
    FileOperation,
    GuestOperation,
    KillProcess,
    StackBackups,
)
from simulator.model.requests import Request, TakeBackup, UseTool
from simulator.qemu.actions import Command
from simulator.qemu.names import choose_names
from simulator.qemu.steps import Plan, Step, Unplayed, asks_nothing, completed, join_steps
from simulator.timeline import Entry, Timeline

MODEL = "libvirt"
"""Id of the only API model that a real libvirt is like."""


NO_PART = "libvirt has no part in it"
UNSAID = "what is refused has no words in libvirt"
"""Why a statement is not played."""


LibvirtStep: TypeAlias = Step[LibvirtAction]
LibvirtPlan: TypeAlias = Plan[LibvirtAction]


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
    return join_steps(timeline, names, (_step(files, entry) for entry in timeline.entries))


def _step(files: Files, entry: Entry) -> LibvirtStep | Unplayed | None:
    """Return the step of one statement; None where it asks for nothing."""
    request = entry.request
    if asks_nothing(entry):
        return None
    if _never_asked(entry, request):
        return Unplayed(entry, UNSAID)
    actions: tuple[LibvirtAction, ...] = ()
    unsupported = ""
    try:
        asked = ask(files, entry, request)
        actions = tuple(_up_to_refused(asked) if entry.refusal else asked)
    except UnsupportedError as error:
        unsupported = str(error)
    if not actions and not unsupported and not entry.new_restores:
        return Unplayed(entry, NO_PART)
    return Step(entry, actions, completed(entry.new_backups), unsupported=unsupported)


def _up_to_refused(actions: Iterator[LibvirtAction]) -> Iterator[LibvirtAction]:
    """Yield actions up to the first command: there is nothing to wait for then, or to read."""
    for action in actions:
        yield action
        if isinstance(action, Virsh | Command):
            return


def _never_asked(entry: Entry, request: Request | None) -> bool:
    """Whether a refused request has no words in libvirt: nobody there could say it, or hear it."""
    if entry.refusal is None:
        return False
    outside = isinstance(
        request,
        CopyImage | DropBackup | StackBackups | KillProcess | FileOperation | UseTool,
    ) or (isinstance(request, TakeBackup) and request.outside)
    off = entry.before.power is not Power.RUNNING or entry.before.ending
    return (
        entry.refusal.fault is Fault.BOUNDARY
        or outside
        or (off and isinstance(request, GuestOperation))
    )
