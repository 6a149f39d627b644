"""The rule about writes that mark very many bitmaps: BT502."""

from collections import Counter
from collections.abc import Iterator

from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.bitmap import DirtyBitmap
from simulator.model.disk import Disk
from simulator.model.series import known_of, parts_of
from simulator.timeline import Timeline

FEW = 32
"""So many bitmaps may record before somebody is told."""


@rule("BT502", "many-bitmaps", Severity.INFO)
def many_bitmaps(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds the step after which every guest write marks more than 32 bitmaps of a disk.

    ## Why is this wrong?
    Every bitmap that records costs each write of the guest a little, memory while the machine
    runs, and room in the image and time when it is closed and opened.

    ## Example
    ```yaml
    scenario: checkpoints, and none is deleted
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - at: T2
        do: [
           checkpoint: c1, checkpoint: c2, checkpoint: c3, checkpoint: c4, checkpoint: c5,
           checkpoint: c6, checkpoint: c7, checkpoint: c8, checkpoint: c9, checkpoint: c10,
           checkpoint: c11, checkpoint: c12, checkpoint: c13, checkpoint: c14, checkpoint: c15,
           checkpoint: c16, checkpoint: c17, checkpoint: c18, checkpoint: c19, checkpoint: c20,
           checkpoint: c21, checkpoint: c22, checkpoint: c23, checkpoint: c24, checkpoint: c25,
           checkpoint: c26, checkpoint: c27, checkpoint: c28, checkpoint: c29, checkpoint: c30,
           checkpoint: c31, checkpoint: c32, checkpoint: c33]
    ```

    ## Use instead
    ```yaml
    scenario: old checkpoints are deleted
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: b1, checkpoint: c1}}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {since: c1, to: b2, checkpoint: c2}}, {delete: {checkpoint: c1}}]}
    ```

    ## Source
    libvirt's page on incremental backup: every checkpoint's bitmap goes on recording, and a
    management application is to delete those that it does not need.
    """
    told: set[str] = set()
    for entry in timeline.entries:
        for before, after in zip(entry.before.disks, entry.after.disks, strict=True):
            if after.bitmaps is before.bitmaps or len(after.bitmaps) <= FEW or after.name in told:
                continue
            count = _recording(after)
            if count > FEW:
                told.add(after.name)
                yield self.found(
                    entry,
                    f"every write to {after.name} marks {count} bitmaps from now on",
                    label=f"more than {FEW} record on {after.active.name}",
                    help="delete checkpoints that no later increment starts at",
                )


def _recording(disk: Disk) -> int:
    """Return how many bitmaps a guest's write to a disk marks."""
    if not disk.chain:
        return 0
    node = disk.active.name
    return sum(known_of(part, _recorders).get(node, 0) for part in parts_of(disk.bitmaps))


def _recorders(bitmaps: tuple[DirtyBitmap, ...]) -> Counter[str]:
    """Return how many bitmaps record on each image."""
    return Counter(bitmap.node for bitmap in bitmaps if bitmap.recording)
