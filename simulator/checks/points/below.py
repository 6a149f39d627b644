"""What changes or goes under a guest that did not write: BT406 and BT407."""

from collections.abc import Iterator, Sequence

from simulator.checks.evidence import draw_evidence, join_words, name_clusters
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.clusters import ClusterMap, ClusterSet, map_of, set_of
from simulator.model.disk import Disk, read_chain
from simulator.model.machine import Machine, Power
from simulator.model.notes import SnapshotNote
from simulator.model.operations import (
    AddOverlay,
    AttachDisk,
    CommitImages,
    CreateImage,
    DetachDisk,
    EndJob,
    FileOperation,
    GuestDiscard,
    GuestWrite,
    LoadSnapshot,
    MirrorDisk,
    Operation,
    PullImages,
    RebaseFile,
    RemoveFile,
    ResizeImage,
    RevertImages,
)
from simulator.model.requests import UseTool
from simulator.model.transitions.beside import find_files
from simulator.model.values import replace
from simulator.notation import write_view
from simulator.timeline import Entry, Timeline


@rule("BT406", "changed-from-below", Severity.ERROR)
def changed_from_below(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds acts that change what a guest sees although it wrote nothing: something writes an image
    that its disk lies on, or puts the disk onto another image.

    ## Why is this wrong?
    An overlay holds only what its own guest wrote; all else is read from the images below, which
    must stay as they were when it was made. A commit into a template changes every linked clone of
    it, and no bitmap of a clone tells of that.

    ## Example
    ```yaml
    scenario: an overlay is committed into a base that a clone lies on
    model: qemu
    disks: {vda: 8, vdb: 8}
    timeline:
      - {at: T1, do: [{create: {image: S1, disk: vda}}]}
      - write: {disk: vda, cells: AAAA----}
      - at: T2
        do:
          - snapshot: {image: S2, disk: vda}
          - create: {image: C2, disk: vdb, backing: S1}
      - write: {disk: vda, cells: ---BBB--}
      - {at: T3, do: [{commit: S2}]}
    ```

    ## Use instead
    ```yaml
    scenario: the clone pulls what it needs first
    model: qemu
    disks: {vda: 8, vdb: 8}
    timeline:
      - {at: T1, do: [{create: {image: S1, disk: vda}}]}
      - write: {disk: vda, cells: AAAA----}
      - at: T2
        do:
          - snapshot: {image: S2, disk: vda}
          - create: {image: C2, disk: vdb, backing: S1}
      - write: {disk: vda, cells: ---BBB--}
      - {at: T3, do: [{pull: C2}, {commit: S2}]}
    ```

    ## Source
    QEMU 7.2.22: `block-commit` into a node that is the backing node of another disk is accepted,
    and that disk reads the new data. libvirt opens the image once for each disk, and QEMU's locks
    refuse the commit.
    """
    told: set[tuple[str, str]] = set()
    for entry in timeline.entries:
        by_hand = isinstance(entry.request, FileOperation | UseTool)
        if not (entry.before.forked or by_hand) or entry.refusal is not None:
            continue
        if isinstance(entry.request, RemoveFile):
            continue  # BT407 tells of it.
        operations = () if by_hand else entry.operations
        own = {_disk_of(entry.before, operation) for operation in operations}
        for was, now in zip(entry.before.disks, entry.after.disks, strict=True):
            if was is now or was.name in own or not was.chain or not now.chain:
                continue
            changed = was.guest_view.differing(now.guest_view)
            written = _written(was, now)
            if changed and (was.name, written) not in told:
                # What a guest goes on doing is told once.
                if any(isinstance(each, GuestWrite | GuestDiscard) for each in entry.operations):
                    told.add((was.name, written))
                yield _report(self, entry, was, now, written)


def _report(self: Rule, entry: Entry, was: Disk, now: Disk, written: str) -> Finding:
    changed = was.guest_view.differing(now.guest_view)
    recorded = _recorded(was, now)
    verb = entry.statement.verb if entry.statement is not None else "a workload"
    rows = [("guest saw", write_view(was.guest_view, was.length))]
    rows += [("guest sees", write_view(now.guest_view, now.length))]
    names = [image.name for image in now.chain]
    place = names.index(written) + 1
    above = names[place] if place < len(names) else None
    label = f"{written} is written, and {above} lies on it"
    help = f"pull into {above} first, so that it no longer lies on {written}"
    if isinstance(entry.request, RebaseFile):
        label = f"{entry.request.image} holds nothing of what it read from another image"
        help = "leave safe: false out, and what would read otherwise is copied first"
    elif isinstance(entry.request, FileOperation | UseTool):
        label = label if above is not None else f"{written} is written, and its guest is off"
        help = f"leave {written} as it is, or let the guest itself write while the machine runs"
    missing = changed - recorded
    told = f"no bitmap of {now.name} has {name_clusters(missing)} for that"
    return self.found(
        entry,
        f"{verb} changes what the guest of {now.name} sees",
        label=label,
        notes=(
            *draw_evidence(
                rows, marked=changed, length=now.length, caption="changed, and nobody wrote it"
            ),
            *((told,) if missing else ()),
        ),
        help=help,
    )


def _recorded(was: Disk, now: Disk) -> ClusterSet:
    """Return the clusters that bitmaps of a disk have got."""
    recorded = set_of(now.length)
    for bitmap in now.bitmaps:
        before = was.bitmap(bitmap.node, bitmap.name)
        if before is not None and before is not bitmap:
            recorded = recorded | (now.clusters_of(bitmap) - was.clusters_of(before))
    return recorded


def _written(was: Disk, now: Disk) -> str:
    """Return the lowest image of a disk that is not as it was."""
    held = {image.name: image.content for image in was.chain}
    others = (i.name for i in now.chain if i.name in held and held[i.name] is not i.content)
    return next(others, now.chain[0].name)


def _disk_of(machine: Machine, operation: Operation) -> str | None:
    """Return the disk whose own state an operation changes; None for no disk, or no state."""
    match operation:
        case GuestWrite(disk=name) | GuestDiscard(disk=name):
            return name or machine.disks[0].name
        case CreateImage(disk=name) | AttachDisk(disk=name) | DetachDisk(disk=name):
            return name
        case CommitImages(device=node) | PullImages(into=node) | ResizeImage(node=node):
            disk = machine.disk_of(node)
        case RevertImages(image=node) | LoadSnapshot(node=node):
            disk = machine.disk_of(node)
        case EndJob(job=job):
            return next((each.disk for each in machine.jobs if each.name == job), None)
        case _:
            return None
    return disk.name if disk is not None else None


@rule("BT407", "image-removed", Severity.ERROR)
def image_removed(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds image files that are removed while a disk lies on them, and that are still needed when the
    machine closes its images, or at the end; and new images under the name of a file that a
    snapshot needs, where the host can return to it.

    ## Why is this wrong?
    A process that has the file open goes on as if nothing were, so that nobody notices. Once it is
    closed the data is gone, and no disk that lies on it can be opened. A commit, a pull and a copy
    leave the files of what they take out of a chain, and a host that goes back to a snapshot opens
    them by the names that it noted, whatever is in them by then.

    ## Example
    ```yaml
    scenario: a cleanup removes the base below an overlay
    model: qemu
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - write: AAAA----
      - {at: T2, do: [{snapshot: S2}, {backup: full.bak}]}
      - {at: T3, do: [{delete: {image: S1, outside: true}}]}
      - {at: T4, do: [shutdown]}
    ```

    ## Use instead
    ```yaml
    scenario: what it holds is pulled up first
    model: qemu
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - write: AAAA----
      - {at: T2, do: [{snapshot: S2}, {backup: full.bak}]}
      - {at: T3, do: [{delete: {image: S1, outside: true}}, {pull: S2}]}
      - {at: T4, do: [shutdown]}
    ```

    ## Source
    QEMU 7.2.22: a chain whose base was removed is read and written as before; `blockdev-add` says
    `Could not open 'S1': No such file or directory` afterwards. Apache CloudStack issue 8034, where
    templates are cleaned away below volumes. libvirt 12.8.0: a revert lies on the new file, and
    where that is the current snapshot's own, libvirt deletes it and starts nothing any more.
    """
    yield from _written_over(self, timeline)
    for entry, request in timeline.accepted(RemoveFile):
        for disk in entry.after.disks:
            if disk.image(request.image) is not None:
                closed = _closed_with(timeline, entry, disk.name, request.image)
                if closed is not None:
                    yield _report_removed(self, timeline, entry, disk, request.image, closed)


def _closed_with(timeline: Timeline, entry: Entry, disk: str, image: str) -> Entry | None:
    """Return when the machine closed an image that was removed; None where it lost it before.

    One that is still open at the end counts as closed there.
    """
    for later in timeline.entries[entry.number :]:
        if later.after.disk(disk).image(image) is None:
            return None
        if later.after.power is not Power.RUNNING:
            return later
    return timeline.entries[-1]


def _report_removed(
    self: Rule, timeline: Timeline, entry: Entry, disk: Disk, image: str, closed: Entry
) -> Finding:
    lies = "is" if disk.active.name == image else "lies on"
    held = disk.image(image)
    assert held is not None, "it was found by this image"
    # The one that was removed from a machine that is off holds nothing any more.
    before = entry.before.disk(disk.name)
    seen = before.guest_view
    lost = seen.clusters() & (seen.differing(_without(before, image)))
    off = closed.after.power is not Power.RUNNING
    when = timeline.when(closed) if off else "when it is closed"
    running = entry.before.power is Power.RUNNING
    return self.found(
        entry,
        f"{image} is removed, and {disk.name} {lies} it",
        label=f"{disk.name} cannot be opened {when}"
        if not off
        else f"closed {when}"
        if running
        else "the machine is off, and nobody has it open",
        notes=draw_evidence(
            [("guest saw", write_view(seen, before.length))],
            marked=lost,
            length=before.length,
            caption=f"in {image} only" if lost else "",
        ),
        help=f"copy {disk.name} into a new image before the machine stops (blockcopy, pull)"
        if running
        else f"get {image} back from a backup before the machine starts",
    )


def _without(disk: Disk, image: str) -> ClusterMap:
    """Return what a disk would read as if one of its images held nothing."""
    chain = (
        replace(each, content=map_of(each.length)) if each.name == image else each
        for each in disk.chain
    )
    return read_chain(tuple(chain))


def _written_over(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """Yield new images under the names of files that snapshots need."""
    for entry in timeline.entries:
        before = entry.before
        if not before.semantics.reverts_external or not before.snapshots:
            continue
        for name in _made(entry):
            needed = [note for note in before.snapshots if name in note.needs]
            if needed and any(disk.laid_aside(name) for disk in before.disks):
                yield _report_written_over(self, timeline, entry, name, needed)


def _made(entry: Entry) -> Iterator[str]:
    """Yield the images whose files a step makes."""
    for each in entry.operations:
        match each:
            case AddOverlay(overlay=name) | RevertImages(overlay=name) | MirrorDisk(into=name):
                yield name


def _report_written_over(
    self: Rule, timeline: Timeline, entry: Entry, name: str, needed: Sequence[SnapshotNote]
) -> Finding:
    first = needed[0]
    disk = next(disk for disk, images in first.chains if name in images)
    held = _returned(entry.before, first, disk)
    lost = next(e.image.content for d in entry.before.disks if (e := d.laid_aside(name)))
    without = _returned(entry.before, first, disk, but=name)
    length = entry.before.disk(disk).length
    names = join_words([note.name for note in needed])
    needs = "snapshots" if needed[1:] else "snapshot"
    return self.found(
        entry,
        f"{name} is made anew, and the old one is needed by the {needs} {names}",
        label=f"a revert to {first.name} lies on this one, or fails",
        notes=draw_evidence(
            [(f"a revert to {first.name} gave", write_view(held, length))],
            marked=lost.clusters() & held.differing(without),
            length=length,
            caption=f"in the old {name} only",
        ),
        help="give the new image a name that no file has",
    )


def _returned(machine: Machine, note: SnapshotNote, disk: str, *, but: str = "") -> ClusterMap:
    """Return what a disk reads as after a return to a snapshot.

    Args:
        but: An image that holds nothing.
    """
    names = [image for image in dict(note.chains)[disk] if image != but]
    files = find_files(machine, names, disk) or ()
    return read_chain(tuple(file.image for file in files))
