"""Ways out where an incremental is impossible: a full backup that something new begins with."""

from collections.abc import Iterator

from simulator.apis.qemu import Qemu
from simulator.checks.evidence import join_words
from simulator.checks.refusals.advice import Advice, Way, new_name
from simulator.model.machine import Kind, Machine
from simulator.model.operations import AddBitmap, Fault, Operation, RemoveBitmap, RunBackup
from simulator.model.requests import (
    Attach,
    DeleteCheckpoint,
    Qmp,
    RedefineCheckpoint,
    Request,
    TakeBackup,
)
from simulator.timeline import Entry, Timeline


def start_anew(timeline: Timeline, entry: Entry, backup: TakeBackup) -> Iterator[Advice]:
    """Yield what may be done in place of an incremental that is refused, the best first."""
    assert entry.refusal is not None, "it was turned down"
    machine, fault = entry.before, entry.refusal.fault
    for since in backup.sinces:
        if fault is Fault.OUT_OF_STEP:
            disks = tuple(name for name in backup.disks if backup.since_of(name) == since)
            redefined = RedefineCheckpoint(since, disks)
            told = f"redefine checkpoint {since}, whose bitmaps are still there"
            yield Advice(told, (Way((redefined,), again=True),))
        if fault is Fault.INCONSISTENT:
            yield from _without_broken(machine, backup, since)
        held = any(disk.nodes_with(since) for disk in machine.disks)
        if fault is None and held and not backup.starts:
            named = backup._replace(since=None, bitmaps=((None, since),))
            yield Advice(f"name the bitmap instead: bitmaps: [{since}]", (Way((named,)),))
    yield from full_backups(machine, backup.disks, bare=timeline.model == Qemu.id)


def _without_broken(machine: Machine, backup: TakeBackup, since: str) -> Iterator[Advice]:
    """Yield how a bitmap goes that can only be removed, and what begins then."""
    full = _full(machine, backup.disks, new_name(machine, since))
    steps: tuple[Request, ...] = (DeleteCheckpoint(since), full)
    then = "take a full backup that starts a new checkpoint"
    yield Advice(f"delete checkpoint {since}, which removes its bitmaps, and {then}", (Way(steps),))
    broken: list[Operation] = [
        RemoveBitmap(bitmap.node, bitmap.name)
        for name in backup.disks
        for bitmap in machine.disk(name).bitmaps
        if bitmap.inconsistent and bitmap.name == since
    ]
    removed = Qmp(("block-dirty-bitmap-remove",), tuple(broken))
    yield Advice(f"remove bitmap {since}, and {then}", (Way((removed, full)),))


def full_backups(machine: Machine, disks: tuple[str, ...], *, bare: bool) -> Iterator[Advice]:
    """Yield full backups of some disks, with a new checkpoint of as many of them as can have one.

    Args:
        bare: Whether the API knows bitmaps only.
    """
    name = new_name(machine, "checkpoint")
    there = tuple(each for each in disks if machine.disk(each).chain)
    raw = tuple(each for each in there if machine.disk(each).active.format == "raw")
    stored = tuple(each for each in there if each not in raw)
    gone = tuple(each for each in disks if each not in there)
    attached = tuple(Attach(each) for each in gone)
    first = f"attach {join_words(gone)} first, and " if gone else ""
    yield Advice(
        f"{first}take a full backup that starts a new checkpoint",
        (Way((*attached, _full(machine, disks, name))),),
    )
    if stored and raw:
        with_one, without = _full(machine, stored, name), _full(machine, raw, None)
        without = without._replace(to=new_name(machine, f"{without.to}-raw"))
        yield Advice(
            f"take a full backup of {join_words(stored)} that starts a new checkpoint, and one of "
            f"{join_words(raw)}, where none can begin: a raw image stores no bitmaps",
            (Way((with_one, without)),),
        )
    if bare:
        yield from _in_a_transaction(machine, there)
    yield Advice(
        "take a full backup: no checkpoint can begin here", (Way((_full(machine, there, None),)),)
    )


def _full(machine: Machine, disks: tuple[str, ...], checkpoint: str | None) -> TakeBackup:
    return TakeBackup(new_name(machine, "full"), disks, checkpoint=checkpoint)


def _in_a_transaction(machine: Machine, disks: tuple[str, ...]) -> Iterator[Advice]:
    """Yield a full backup with a new bitmap, in QEMU's own words."""
    nodes = [machine.disk(name).active for name in disks]
    for persistent in (True, False):
        operations: list[Operation] = []
        for image in nodes:
            operations += with_bitmap(machine, image.name, persistent=persistent)
        kept = (
            "a persistent bitmap" if persistent else "a bitmap, which lasts as long as QEMU runs,"
        )
        yield Advice(
            f"take a full backup and add {kept} in the same transaction",
            (Way((Qmp(("transaction",), tuple(operations)),)),),
        )


def with_bitmap(machine: Machine, node: str, *, persistent: bool) -> tuple[Operation, ...]:
    """Return a full backup of an image and a new bitmap on it, to happen together."""
    target = new_name(machine, f"full-of-{node}")
    added = AddBitmap(node, new_name(machine, "bitmap"), persistent=persistent)
    return added, RunBackup(target, node, Kind.FULL)
