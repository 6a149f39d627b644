"""The rule about bitmaps that are stopped by hand while the guest goes on: BT110."""

from collections.abc import Iterator

from simulator.checks.bitmaps.overlays import changed_until, next_recording, records
from simulator.checks.claims.blame import lost_to
from simulator.checks.copied import never_copied
from simulator.checks.evidence import draw_evidence, name_clusters
from simulator.checks.rule import Rule, relate, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.clusters import ClusterSet, set_of
from simulator.model.disk import Disk
from simulator.model.operations import DisableBitmap
from simulator.model.requests import Qmp
from simulator.notation import write_bits, write_view
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple


@rule("BT110", "recording-stopped", Severity.WARNING)
def recording_stopped(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds bitmaps that a command disables while nothing else records, or while increments by their
    name go on: what the guest writes from there is in none of them.

    ## Why is this wrong?
    A bitmap that does not record says nothing of what changes. Hosts that look at names let the
    next incremental pass, and one that is enabled again later looks as if it had recorded all of
    the time.

    ## Example
    ```yaml
    scenario: the bitmap is off while the guest writes
    model: qemu
    disk: 8
    timeline:
      - at: T1
        do:
          - create: {image: S1, bitmap: B1}
          - qmp: {execute: blockdev-backup, arguments: {device: S1, target: full, sync: full}}
      - write: A-------
      - at: T2
        do:
          - qmp: {execute: block-dirty-bitmap-disable, arguments: {node: S1, name: B1}}
      - write: -B------
      - at: T3
        do:
          - qmp: {execute: block-dirty-bitmap-enable, arguments: {node: S1, name: B1}}
    ```

    ## Use instead
    ```yaml
    scenario: another bitmap begins where the first one stops
    model: qemu
    disk: 8
    timeline:
      - at: T1
        do:
          - create: {image: S1, bitmap: B1}
          - qmp: {execute: blockdev-backup, arguments: {device: S1, target: full, sync: full}}
      - write: A-------
      - at: T2
        do:
          - qmp:
              - {execute: block-dirty-bitmap-add, arguments: {node: S1, name: B2}}
              - {execute: block-dirty-bitmap-disable, arguments: {node: S1, name: B1}}
      - write: -B------
    ```

    ## Source
    QEMU docs/interop/bitmaps.rst, "Disabling": a disabled bitmap does not record writes.
    """
    for entry in timeline.entries:
        if entry.refusal is None and isinstance(entry.request, Qmp):
            for each in entry.operations:
                stop = _look(timeline, entry, each) if isinstance(each, DisableBitmap) else None
                if stop is not None and stop.lost:
                    yield _report(self, timeline, stop)


class Stop(NamedTuple):
    """A bitmap that a command stopped.

    Attributes:
        disk: Its disk, after the step.
        lost: The clusters that nobody got, or that increments by its name lack.
        again: The step at which something records again; None where nothing does.
    """

    entry: Entry
    disk: Disk
    node: str
    name: str
    lost: ClusterSet
    again: Entry | None


def _look(timeline: Timeline, entry: Entry, off: DisableBitmap) -> Stop | None:
    """Return what comes of a bitmap that is disabled; None where it did not record."""
    before = entry.before.disk_of(off.node)
    if before is None or not before.chain or before.active.name != off.node:
        return None
    bitmap = before.bitmap(off.node, off.name)
    if bitmap is None or not bitmap.recording:
        return None
    disk = entry.after.disk(before.name)
    lost, again = set_of(disk.length), None
    based = any(b.disk == disk.name and b.usable for b in entry.before.backups)
    if based and not records(disk):
        again = next_recording(timeline, entry, disk.name)
        later = again.after.disk(disk.name) if again is not None else timeline.last.disk(disk.name)
        lost = never_copied(timeline, disk.name, changed_until(disk, later), later.moment)
    return Stop(
        entry,
        disk,
        off.node,
        off.name,
        lost | (lost_to(timeline, entry, disk.name, off.name) or lost),
        again,
    )


def _report(self: Rule, timeline: Timeline, stop: Stop) -> Finding:
    disk, again = stop.disk, stop.again
    later = again.after.disk(disk.name) if again is not None else timeline.last.disk(disk.name)
    bitmap = disk.bitmap(stop.node, stop.name)
    assert bitmap is not None, "it was disabled, not removed"
    ends = timeline.label_at(disk.name, later.moment, prefer=again.instant if again else None)
    return self.found(
        stop.entry,
        f"{stop.name} is disabled, and {name_clusters(stop.lost)} "
        f"{'is' if len(stop.lost) == 1 else 'are'} lost to it",
        label=f"{stop.name} does not record what the guest writes next",
        notes=draw_evidence(
            [
                (stop.name, write_bits(disk.clusters_of(bitmap), disk.length_of(stop.node))),
                (f"guest saw at {ends}", write_view(later.guest_view, later.length)),
            ],
            marked=stop.lost.below(later.length),
            length=later.length,
            caption=f"not in {stop.name}",
        ),
        help=f"begin the next bitmap in the transaction that disables {stop.name}, "
        "or take a full backup with a new one",
        related=(relate(timeline, again, "only from here on something records"),)
        if again is not None
        else (),
    )
