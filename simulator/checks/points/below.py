"""What changes under a guest that did not write: BT406."""

from collections.abc import Iterator

from simulator.checks.evidence import draw_evidence, name_clusters
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.disk import Disk
from simulator.model.machine import Machine
from simulator.model.operations import (
    AttachDisk,
    CommitImages,
    CreateImage,
    DetachDisk,
    EndJob,
    GuestDiscard,
    GuestWrite,
    LoadSnapshot,
    Operation,
    PullImages,
    ResizeImage,
    RevertImages,
)
from simulator.notation import write_view
from simulator.timeline import Entry, Timeline


@rule("BT406", "changed-from-below", Severity.ERROR)
def changed_from_below(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds acts that change what a guest sees although it wrote nothing: something writes an image
    that its disk lies on.

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
        if not entry.before.forked or entry.refusal is not None:
            continue
        own = {_disk_of(entry.before, operation) for operation in entry.operations}
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
    verb = entry.statement.verb if entry.statement is not None else "a workload"
    rows = [("guest saw", write_view(was.guest_view, was.length))]
    rows += [("guest sees", write_view(now.guest_view, now.length))]
    names = [image.name for image in now.chain]
    above = names[names.index(written) + 1]
    return self.found(
        entry,
        f"{verb} changes what the guest of {now.name} sees",
        label=f"{written} is written, and {above} lies on it",
        notes=(
            *draw_evidence(
                rows, marked=changed, length=now.length, caption="changed, and nobody wrote it"
            ),
            f"no bitmap of {now.name} has {name_clusters(changed)} for that",
        ),
        help=f"pull into {above} first, so that it no longer lies on {written}",
    )


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
