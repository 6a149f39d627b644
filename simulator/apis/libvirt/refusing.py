"""What libvirt turns down, in its own words."""

from collections.abc import Sequence

from simulator.model.disk import Disk, Image
from simulator.model.machine import Machine, MirrorJob, Power
from simulator.model.operations import Fault, Operation, Refusal
from simulator.model.requests import (
    BlockCopy,
    Commit,
    DeleteCheckpoint,
    DeleteSnapshot,
    Detach,
    Pull,
    RedefineCheckpoint,
    Request,
    Resize,
    Snapshot,
    StartCheckpoint,
    TakeBackup,
    disks_of,
)
from simulator.model.transitions import apply_all
from simulator.model.transitions.chains.carrying import chain_fault
from simulator.model.transitions.chains.resizing import resize_in_use
from simulator.model.values import replace

INACTIVE = {
    StartCheckpoint: "cannot create checkpoint for inactive domain",
    DeleteCheckpoint: "cannot delete checkpoint for inactive domain",
    TakeBackup: "cannot perform disk backup for inactive domain",
}
"""libvirt's words for what needs a running machine, by the kind of request."""

NOT_RUNNING = "Requested operation is not valid: domain is not running"
"""Its words for everything else that does."""

LOCKED = (
    "Timed out during operation: cannot acquire state change lock "
    "(held by monitor=remoteDispatchDomainBackupBegin)"
)
"""Its words, after half a minute, for what a running backup keeps out.

Source: ``facts/LIBVIRT.md`` section 3, numbers 25 and 27.
"""

BESIDE_CHECKPOINTS = "while checkpoint exists"
"""What its words have in common for what it does not do beside checkpoints."""

INTERLOCK = "cannot perform block operations while checkpoint exists"
"""Its words for what it does not do beside checkpoints."""

NOT_YET = "support for offline external snapshots while checkpoint exists was not yet implemented"
"""What newer releases say to a snapshot of a machine that is off."""

QEMU_SAYS = "internal error: unable to execute QEMU command"
"""How libvirt begins where it passes on what QEMU says."""


def refuse_beside_backup(machine: Machine, request: Request) -> Refusal | None:
    """Return libvirt's words to what it does not do while a backup runs.

    A checkpoint may begin or be deleted: the job has bitmaps of its own (number 26). A machine has
    one backup at a time.
    """
    if not machine.backup_jobs or machine.power is not Power.RUNNING:
        return None
    if isinstance(request, TakeBackup | Snapshot | DeleteSnapshot):
        running = ", ".join(dict.fromkeys(job.backup.name for job in machine.backup_jobs))
        return Refusal(LOCKED, cause=f"the backup {running} runs", fault=Fault.JOB)
    match request:
        case Commit(top=image) | Pull(into=image):
            disk = machine.disk_of(image)
        case Detach(disk=name) | BlockCopy(disk=name):
            disk = machine.disk(name)
        case _:
            return None
    if disk is not None and any(job.disk == disk.name for job in machine.backup_jobs):
        told = f"Operation not supported: disk '{disk.name}' already in active block job"
        return Refusal(told, cause="a backup of it runs", fault=Fault.JOB)
    return None


def refuse_beside_copy(machine: Machine, request: Request) -> Refusal | None:
    """Return libvirt's words to what it does not do while a disk is copied to a new image.

    A checkpoint may begin or be deleted (number 30). A backup and a commit are looked at in other
    ways first. Source: libvirt 9.0.0 with QEMU 7.2.22.
    """
    copied = [job.disk for job in machine.jobs if isinstance(job, MirrorJob)]
    if not copied or machine.power is not Power.RUNNING:
        return None
    if isinstance(request, DeleteSnapshot) and not request.metadata:
        told = "cannot delete external snapshots when there is another active block job"
        cause = f"{', '.join(copied)} is being copied"
        return Refusal(f"Operation not supported: {told}", cause=cause, fault=Fault.JOB)
    if isinstance(request, TakeBackup | Commit):
        return None
    found = (refuse_copied(machine, disk, request) for disk in disks_of(machine, request))
    return next((each for each in found if each is not None), None)


def refuse_copied(machine: Machine, disk: str, request: Request) -> Refusal | None:
    """Return libvirt's words to a request for a disk that is being copied; None where it is not."""
    jobs = (job for job in machine.jobs_on(disk) if isinstance(job, MirrorJob))
    copy = next(jobs, None)
    if copy is None:
        return None
    if isinstance(request, TakeBackup):
        told = f"internal error: disk '{disk}' has a blockjob assigned"
    elif isinstance(request, Resize):
        said = resize_in_use(machine, machine.disk(disk).active.name, copy, cause="")
        told = f"{QEMU_SAYS} 'block_resize': {said.text}"
    else:
        told = f"block copy still active: disk '{disk}' already in active block job"
    return Refusal(told, cause=f"{disk} is being copied to {copy.into}", fault=Fault.JOB)


def refuse_offline_snapshot(machine: Machine) -> Refusal | None:
    """Return libvirt's no to a snapshot of a machine that is off and has checkpoints."""
    if not machine.checkpoints:
        return None
    told = NOT_YET if machine.semantics.offline_snapshots_named else INTERLOCK
    return Refusal(
        f"Operation not supported: {told}",
        cause="the machine is off, so QEMU is not there to re-create the bitmaps",
        fault=Fault.OFF,
    )


def asked_of_qemu(
    machine: Machine, command: str, plan: tuple[Operation, ...] | Refusal
) -> tuple[Operation, ...] | Refusal:
    """Return a plan, or QEMU's no to it in libvirt's words: which command was refused."""
    outcome = plan if isinstance(plan, Refusal) else apply_all(machine, plan)
    if isinstance(outcome, Refusal) and machine.power is Power.RUNNING:
        return replace(outcome, text=f"{QEMU_SAYS} '{command}': {outcome.text}")
    return plan


def locked(machine: Machine, disk: Disk, node: str, command: str) -> Refusal | None:
    """Return libvirt's no to a job that writes an image that another disk lies on, too.

    libvirt opens it once for each disk, and QEMU locks it. Source: QEMU 7.2.22, with a node of its
    own for each disk.
    """
    others = machine.sharers(node, disk.name)
    if not others:
        return None
    told = f"{QEMU_SAYS} '{command}': Failed to get \"write\" lock"
    return Refusal(told, cause=f"{others[0].name} lies on {node} as well")


def refuse_targets(machine: Machine, request: TakeBackup) -> Refusal | None:
    """Return libvirt's no to a target whose file exists; that of a pull is its client's."""
    if request.pulled:
        return None
    for name in request.disks:
        if machine.backup_exists(request.to, name) or machine.disk_of(request.to) is not None:
            told = f"store '{request.to}' for backup of '{name}' exists"
            return Refusal(f"invalid argument: {told}")
    return None


def refuse_migration(machine: Machine) -> Refusal | None:
    """Return libvirt's no to a migration; its words are read in its source, and not run."""
    count = len(machine.snapshots)
    if not count:
        return None
    told = f"cannot migrate domain with {count} snapshots"
    return Refusal(f"Requested operation is not valid: {told}")


def refuse_written(machine: Machine, image: str) -> Refusal | None:
    """Return libvirt's no to a disk that is to lie on an image that a guest writes."""
    disk = machine.disk_of(image)
    if disk is None or disk.active.name != image or machine.power is not Power.RUNNING:
        return None
    told = f"{QEMU_SAYS} 'blockdev-add': Failed to get shared \"write\" lock"
    return Refusal(told, cause=f"the guest of {disk.name} writes {image}")


def refuse_start(machine: Machine) -> Refusal | None:
    """Return libvirt's no to a start with a file that is gone, or that it cannot lock."""
    for disk in machine.disks:
        for place, image in reversed([*enumerate(disk.chain)]):
            if not image.removed:
                continue
            told = f"Cannot access storage file '{image.name}'"
            # It knows what it has noted below the active image, and finds the base by itself.
            if place and image is not disk.active:
                told = f"Cannot access backing file '{image.name}' of storage file"
                told = f"{told} '{disk.active.name}'"
            return Refusal(f"{told}: No such file or directory", cause="its file was removed")
    for disk in machine.disks if machine.forked else ():
        others = machine.sharers(disk.active.name, disk.name) if disk.chain else ()
        if others:
            told = "internal error: process exited while connecting to monitor: Failed to get"
            cause = f"{others[0].name} lies on {disk.active.name}, which {disk.name} writes"
            return Refusal(f'{told} "write" lock', cause=cause)
    return None


def unknown_checkpoint(disk: Disk, name: str) -> Refusal:
    """Return libvirt's no to an incremental since a checkpoint that it does not know."""
    held = disk.nodes_with(name)
    return Refusal(
        f"Domain checkpoint not found: Checkpoint '{name}' "
        f"for incremental backup of disk '{disk.name}' not found",
        cause=f"{', '.join(held)} still holds its bitmap" if held else "",
        fault=Fault.OUT_OF_STEP if held else Fault.UNKNOWN,
    )


def broken_chain(disk: Disk, name: str) -> Refusal | None:
    """Return libvirt's no to a checkpoint's bitmaps on a disk; it has one text for all faults."""
    found = chain_fault(disk, name)
    if found is None:
        return None
    fault, cause = found
    told = f"checkpoint inconsistent: missing or broken bitmap '{name}' for disk '{disk.name}'"
    return Refusal(told, cause=cause, fault=fault)


def refuse_base(machine: Machine, commit: Commit) -> Refusal | None:
    """Return libvirt's words for a commit whose base does not lie below its top.

    It looks for both before it asks whether the machine runs. One that is off it knows by its own
    description only, and what an overlay lies on that was made meanwhile may not be in it. Source:
    libvirt 9.0.0.
    """
    disk = machine.disk_of(commit.top)
    if disk is None:
        return None
    base = commit.base if commit.base is not None else disk.chain[0].name
    known = [image.name for image in _known_chain(machine, disk)]
    beneath = ""
    if commit.top in known:
        if base in known[: known.index(commit.top)]:
            return None
        beneath = f"'{base}' beneath "
    told = f"could not find image {beneath}'{commit.top}' in chain for '{disk.name}'"
    cause, fault = "", None
    if base in [image.name for image in disk.chain_to(commit.top)[:-1]]:
        cause = f"the machine is off, and libvirt does not know what {known[0]} lies on"
        fault = Fault.OFF
    return Refusal(f"invalid argument: {told}", cause=cause, fault=fault)


def _known_chain(machine: Machine, disk: Disk) -> Sequence[Image]:
    """Return the images of a chain that libvirt knows of, base first."""
    unknown = 0
    if machine.power is not Power.RUNNING:
        ends = [place for place, image in enumerate(disk.chain) if not image.linked]
        unknown = max(ends, default=0)
    return disk.chain[unknown:]


def refuse_parent(machine: Machine, request: RedefineCheckpoint) -> Refusal | None:
    """Return libvirt's words for a parent that is not there, or lies below its own child."""
    name, parent = request.name, request.parent
    if parent == name:
        return Refusal(f"invalid argument: cannot set moment {name} as its own parent")
    if parent is not None and machine.checkpoint(parent) is None:
        return Refusal(f"invalid argument: parent {parent} for moment {name} not found")
    above = machine.checkpoint(parent) if parent is not None else None
    while above is not None:
        if above.parent == name:
            told = f"parent {above.name} would create cycle to {name}"
            return Refusal(f"invalid argument: {told}")
        above = machine.checkpoint(above.parent) if above.parent is not None else None
    return None


def refuse_validation(machine: Machine, request: RedefineCheckpoint) -> Refusal | None:
    """Return libvirt's words for bitmaps that a checkpoint needs and are not there."""
    if machine.power is not Power.RUNNING:
        return Refusal(NOT_RUNNING, cause="the machine is off", fault=Fault.OFF)
    for disk in request.disks:
        refusal = broken_chain(machine.disk(disk), request.name)
        if refusal is not None:
            return refusal
    return None
