"""What a request means on the machine as it is: the images and bitmaps that it is about."""

from simulator.model.bitmap import DirtyBitmap
from simulator.model.disk import Disk
from simulator.model.machine import Kind, Machine
from simulator.model.operations import (
    BitmapKey,
    CloseImages,
    Fault,
    FileOperation,
    ForgetCheckpoint,
    MoveDisks,
    OpenImages,
    Operation,
    OutsideOperation,
    PowerOperation,
    Refusal,
    ResizeImage,
    RunBackup,
    Sync,
    Travels,
)
from simulator.model.requests import (
    BlockCopy,
    CancelJob,
    Commit,
    DeleteCheckpoint,
    DeleteSnapshot,
    Migrate,
    Pull,
    Qmp,
    Request,
    Resize,
    Snapshot,
    StartCheckpoint,
    TakeBackup,
    UseTool,
)
from simulator.model.transitions.files.opening import refuse_open
from simulator.releases.hosts import LIBVIRT, precedes

NEEDS_RUNNING: frozenset[type] = frozenset(
    (
        Snapshot,
        StartCheckpoint,
        TakeBackup,
        DeleteCheckpoint,
        Commit,
        Pull,
        BlockCopy,
        Resize,
        DeleteSnapshot,
        CancelJob,
        Qmp,
        Migrate,
    )
)
"""The requests that go to a running machine."""


def active_nodes(machine: Machine, disks: tuple[str, ...]) -> dict[str, str] | Refusal:
    """Return the active image of each disk, by the disk's name."""
    nodes: dict[str, str] = {}
    for name in disks:
        disk = machine.disk(name)
        if not disk.chain:
            return Refusal(f"disk {name} {disk.absence}")
        nodes[name] = disk.active.name
    return nodes


def handed_over(
    machine: Machine, request: Migrate, bitmaps: Travels
) -> tuple[Operation, ...] | Refusal:
    """Return how another process takes over a machine.

    On the same storage persistent bitmaps go with the images: they are stored, and loaded again.
    What a host notes of checkpoints stays behind. Source: ``facts/QEMU.md`` section 8, seen in
    QEMU 7.2; ``facts/LIBVIRT.md`` number 67, read and not run.

    Args:
        bitmaps: Those that go along where the disks are copied.
    """
    if machine.jobs:
        return Refusal(
            "Requested operation is not valid: domain has active block job", fault=Fault.JOB
        )
    forgotten = (ForgetCheckpoint(name=each.name) for each in machine.checkpoints)
    if request.copied:
        return (*forgotten, MoveDisks(bitmaps))
    return (*forgotten, CloseImages(), OpenImages())


def image_below(machine: Machine, snapshot: str) -> str | Refusal:
    """Return the image that a snapshot froze: the one below the image that it made."""
    disk = machine.disk_of(snapshot)
    if disk is None:
        return Refusal(f"there is no snapshot {snapshot} here")
    names = [image.name for image in disk.chain]
    place = names.index(snapshot)
    if place == 0:
        return Refusal(f"{snapshot} is no snapshot: there is no image below it")
    return names[place - 1]


def named_bitmaps(
    disk: Disk, wanted: tuple[tuple[str | None, str], ...]
) -> tuple[BitmapKey, ...] | Refusal:
    """Return the bitmaps of a disk that a user named; a bare name means every namesake."""
    found: list[BitmapKey] = []
    for node, name in wanted:
        nodes = disk.nodes_with(name) if node is None else (node,)
        keys = [(n, name) for n in nodes if disk.bitmap(n, name) is not None]
        if not keys:
            return Refusal(f"Dirty bitmap '{name}' not found", fault=Fault.MISSING)
        found += keys
    return tuple(found)


def newest_recording(disk: Disk) -> DirtyBitmap | None:
    """Return the newest bitmap of a disk that records, or None."""
    return next((b for b in reversed(disk.bitmaps) if b.recording), None)


def kind_of(request: TakeBackup) -> Kind:
    """Return what a backup will hold."""
    if request.bitmaps:
        return Kind.BITMAPS
    return Kind.FULL if request.since is None else Kind.INCREMENTAL


def needs_running(request: Request) -> bool:
    """Whether a request goes to a running machine: not that of a client which reads files."""
    past_host = isinstance(request, TakeBackup) and request.outside
    return type(request) in NEEDS_RUNNING and not past_host


def refuse_arguments(machine: Machine, request: TakeBackup, half: str) -> Refusal | None:
    """Return the no to a backup's arguments that the host does not have, or not yet.

    Args:
        half: Whose API it is: QEMU's, or libvirt's, which has refused its own by then.
    """
    if request.preserve and half != LIBVIRT:
        return Refusal("preserve-domain is libvirt's: QEMU has no such argument")
    if request.on_full is not None and half == LIBVIRT:
        return Refusal("libvirt does not pass on-cbw-error on to QEMU")
    if request.on_full is not None and precedes(machine.semantics.qemu, "11.1"):
        return Refusal("Parameter 'on-cbw-error' is unexpected")
    return None


def as_it_stands(
    machine: Machine,
    request: OutsideOperation | FileOperation | PowerOperation | UseTool | TakeBackup,
) -> tuple[Operation, ...] | Refusal:
    """Return what no host is asked for, so that every API means the same by it."""
    if isinstance(request, TakeBackup):
        return _read_by_client(machine, request)
    if isinstance(request, UseTool):
        bitmaps = not isinstance(request.change, ResizeImage)
        return refuse_open(machine, request.change.node, alone=bitmaps) or (request.change,)
    return (request,)


def _read_by_client(machine: Machine, request: TakeBackup) -> tuple[Operation, ...] | Refusal:
    """Return what a client reads that opens the files of some disks itself, each by itself."""
    nodes = active_nodes(machine, request.disks)
    if isinstance(nodes, Refusal):
        return nodes
    jobs: list[Operation] = []
    for disk, node in nodes.items():
        one = request.of(disk)
        named = [*one.bitmaps, *([(None, one.since)] if one.since is not None else [])]
        image = request.image or node
        jobs.append(
            RunBackup(
                target=request.to,
                image=image,
                kind=kind_of(one),
                sync=Sync.NONE,
                since=one.since,
                bitmaps=tuple(name for _, name in named),
                onto=request.onto,
                part=len(request.disks) > 1,
                pulled=True,
                sources=tuple((image, name) for _, name in named) or None,
                reuse=bool(named),
                outside=True,
            )
        )
    return tuple(jobs)
