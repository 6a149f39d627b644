"""A timeline as what is to be done on a real QEMU, step by step. Pure.

One operation becomes commands in one place, :func:`add`; a new operation is a case there.
What QEMU can take as one transaction is sent as one. A ``qmp`` step is sent as it stands, with
arguments that mean nothing to the simulator; what is not sent at all is told.
"""

from collections.abc import Container, Mapping
from functools import partial
from typing import TypeAlias

from simulator.model.disk import CLUSTER_SIZE_DEFAULT
from simulator.model.machine import Machine, Power
from simulator.model.operations import (
    AddOverlay,
    CommitImages,
    DropSnapshot,
    EndGuest,
    FileOperation,
    Operation,
    PullImages,
    Refusal,
    ResizeImage,
    RunBackup,
    SaveSnapshot,
)
from simulator.model.requests import Qmp, TakeBackup, UseTool
from simulator.model.transitions import apply
from simulator.moves import Key, key_of
from simulator.qemu.actions import Action
from simulator.qemu.commands.backups import read_files
from simulator.qemu.commands.operations import add
from simulator.qemu.commands.outside import file_actions, images_named, qemu_img
from simulator.qemu.commands.work import Work
from simulator.qemu.names import Names, choose_names
from simulator.qemu.refused import Attempt, attempt
from simulator.qemu.sent import (
    attempt_as_written,
    compresses_over,
    queries,
    with_other_arguments,
)
from simulator.qemu.steps import Plan, Step, Unplayed, asks_nothing, completed, join_steps
from simulator.qemu.stops import Stop, Stops, begun_halfway, held_all_the_same, stops_of
from simulator.timeline import Entry, Timeline

QemuStep: TypeAlias = Step[Action]
QemuPlan: TypeAlias = Plan[Action]

IN_PIECES = (
    "a commit or a pull that is stopped half-way: QEMU copies in pieces as large as it likes, so it"
)
COMPRESSED = (
    "a compressed backup into a target that holds data: QEMU's job fails there, as it writes no "
    "compressed cluster over another one, so it"
)
NO_SUCH_CLUSTERS = "a drive-backup of a disk whose clusters are larger than those of its target"
GUEST_OFF = "a guest that powers off, since none runs here, so it"
NO_PART = "QEMU has no part in it"
ABOVE = "it is refused before QEMU is asked"
NO_IMAGE = "an image that no chain has may still have a file"
NO_LOCK = "qemu-storage-daemon locks no raw image, as the QEMU of a machine does"
OFF = "it is refused while there is no QEMU to ask"
"""Why a statement is not played."""


def make_plan(timeline: Timeline) -> QemuPlan:
    """Return what is to be done on a real QEMU for a timeline, with what it then is like."""
    names = choose_names(timeline)
    stops = stops_of(timeline)
    held = held_all_the_same(timeline, stops)
    halfway = begun_halfway(timeline)
    steps = (_step(names, stops, held, halfway, entry) for entry in timeline.entries)
    plan = join_steps(timeline, names, steps, held)
    broken = {
        key_of(job)
        for entry in timeline.entries
        for job in entry.after.backup_jobs
        if job.torn is not None
    }
    if not broken:
        return plan
    # A real scratch has room for all, so that its client reads one point in time.
    return plan._replace(steps=tuple(_unlooked(step, broken) for step in plan.steps))


def _unlooked(step: QemuStep, broken: Container[Key]) -> QemuStep:
    """Return a step without a look at some backups."""
    left = tuple(each for each in step.backups if (each.name, each.disk) not in broken)
    return step._replace(backups=left)


def _step(
    names: Names,
    stops: Stops,
    held: frozenset[Key],
    halfway: frozenset[int],
    entry: Entry,
) -> QemuStep | Unplayed | None:
    """Return the step of one statement; None where it asks for nothing."""
    request = entry.request
    if asks_nothing(entry):
        return None
    if entry.refusal is not None:
        asked = _refused(names, entry)
        if not asked.actions:
            return Unplayed(entry, asked.why)
    else:
        here = {key: stop for (number, key), stop in stops.items() if number == entry.number}
        why = next((stop.why for stop in here.values() if stop.why), "")
        if any(isinstance(each, EndGuest) for each in entry.operations):
            why = GUEST_OFF
        if why:
            return Step(entry, (), (), unsupported=why)
        if entry.number in halfway:
            return Step(entry, (), (), unsupported=IN_PIECES)
        if isinstance(request, Qmp) and compresses_over(entry.before, request):
            return Step(entry, (), (), unsupported=COMPRESSED)
        if any(map(partial(_of_large_clusters, entry.before), entry.operations)):
            return Step(entry, (), (), unsupported=NO_SUCH_CLUSTERS)
        asked = Attempt(_accepted(names, here, entry))
        if not asked.actions and not entry.new_restores:
            return Unplayed(entry, NO_PART)
    if isinstance(request, Qmp):
        asked = asked._replace(actions=with_other_arguments(asked.actions, request))
    return Step(entry, asked.actions, completed(entry.new_backups, held), asked.cleanup)


def _of_large_clusters(machine: Machine, operation: Operation) -> bool:
    """Whether QEMU makes a target whose clusters are smaller than those of its disk."""
    if not isinstance(operation, RunBackup) or operation.drive != "absolute-paths":
        return False
    disk = machine.disk_of(operation.image)
    return disk is not None and disk.cluster_size > CLUSTER_SIZE_DEFAULT


def _accepted(names: Names, stops: Mapping[Key, Stop], entry: Entry) -> tuple[Action, ...]:
    """Return the actions of operations that happen, each on the machine that the last one left."""
    work = Work(names, stops)
    machine = entry.before
    for operation in entry.operations:
        outcome = apply(machine, operation)
        assert not isinstance(outcome, Refusal), f"{operation} was accepted before"
        add(work, machine, operation)
        machine = outcome
    if isinstance(entry.request, Qmp) and machine.power is Power.RUNNING:
        work.do(*queries(entry.request))
    return work.finish()


def _attempted(names: Names, entry: Entry) -> Attempt:
    """Return what an API model asks of QEMU, which turns it down, where that is one command."""
    match entry.attempted:
        case (RunBackup(temporary=False, pulled=False) | ResizeImage() | AddOverlay() as one,):
            return attempt(names, entry.before, [one])
        case (CommitImages() | PullImages() | SaveSnapshot() | DropSnapshot() as one,):
            return attempt(names, entry.before, [one])
    return Attempt(why=ABOVE)


def _refused_tool(names: Names, machine: Machine, request: FileOperation | UseTool) -> Attempt:
    """Return the tool that must fail, where the machine has the images that it names."""
    images = [(machine.disk_of(name), name) for name in images_named(request)]
    if any(disk is None for disk, _ in images):
        return Attempt(why=NO_IMAGE)
    held = [disk.image(name) for disk, name in images if disk is not None]
    raw = any(image is not None and image.format == "raw" for image in held)
    if raw and machine.power is Power.RUNNING:
        return Attempt(why=NO_LOCK)
    # Of several commands the first one fails.
    if isinstance(request, UseTool):
        return Attempt((qemu_img(names, machine, request.change),))
    return Attempt((next(file_actions(names, machine, request)),))


def _refused_client(names: Names, entry: Entry) -> Attempt:
    """Return the client that asks no host and must fail, where there is an image to read."""
    machine = entry.before
    for run in (each for each in entry.attempted if isinstance(each, RunBackup)):
        disk = machine.disk_of(run.image)
        if disk is None:
            return Attempt(why=NO_IMAGE)
        if isinstance(apply(machine, run), Refusal):
            raw = any(image.format == "raw" for image in disk.chain_to(run.image))
            if raw and machine.power is Power.RUNNING:
                return Attempt(why=NO_LOCK)
            return Attempt((read_files(names, machine, disk, run)[-1],))
    return Attempt(why=ABOVE)


def _refused(names: Names, entry: Entry) -> Attempt:
    """Return what QEMU itself must turn down.

    What an API above QEMU turns down never gets there.
    """
    request = entry.request
    if isinstance(request, FileOperation | UseTool):
        return _refused_tool(names, entry.before, request)
    if isinstance(request, TakeBackup) and request.outside:
        return _refused_client(names, entry)
    if entry.before.power is not Power.RUNNING:
        return Attempt(why=OFF)
    if not isinstance(request, Qmp):
        return _attempted(names, entry)
    operations = [each for each in request.operations if not isinstance(each, Refusal)]
    if len(operations) < len(request.operations):
        return attempt_as_written(entry.before, request)
    return attempt(names, entry.before, operations)
