"""Rules about what becomes of bitmaps when a chain gets shorter: BT108."""

from collections.abc import Iterator

from simulator.checks.evidence import join_words
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.bitmap import DirtyBitmap
from simulator.model.disk import Disk
from simulator.model.requests import Detach, FinishJobs, Revert
from simulator.notation import bar, write_bits, write_rows
from simulator.timeline import Timeline


@rule("BT108", "dropped-by-commit", Severity.ERROR)
def dropped_by_commit(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds bitmaps that are lost because their image is committed, pulled or copied away, and nobody
    merges them into one of the same name.

    ## Why is this wrong?
    QEMU moves data only. A bitmap goes with its image, and what it named is in no bitmap any more:
    an incremental that starts at it is impossible from then on.

    ## Example
    ```yaml
    scenario: an overlay is committed, and its bitmap is gone
    model: qemu
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - {at: T2, do: [{snapshot: {image: S2, bitmap: B2}}]}
      - write: ---BBB--
      - {at: T3, do: [{commit: {top: S2, base: S1}}]}
    ```

    ## Use instead
    ```yaml
    scenario: libvirt merges the bitmaps of an overlay that it commits
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - {at: T2, do: [{snapshot: {image: S2, bitmap: B2}}, {backup: {to: full.bak}}]}
      - write: ---BBB--
      - {at: T3, do: [{commit: {top: S2, base: S1}}]}
    ```

    ## Source
    Observed on QEMU 7.2 (block-commit, block-stream) and on libvirt 9.0 and 11.3, where a raw base
    drops all bitmaps without a word; oVirt's incremental backup page on raw bases.
    """
    for entry in timeline.entries:
        if entry.refusal is not None or isinstance(entry.request, Revert | Detach):
            continue
        for before in entry.before.disks:
            after = entry.after.disk(before.name)
            lost = _lost(before, after) if after is not before else []
            if not lost:
                continue
            names = join_words(f"{b.node}.{b.name}" for b in lost)
            yield self.found(
                entry,
                f"{names} {'are' if len(lost) > 1 else 'is'} lost with "
                f"{join_words(dict.fromkeys(b.node for b in lost))}",
                label="the end of the job drops it"
                if isinstance(entry.request, FinishJobs)
                else "",
                notes=tuple(
                    write_rows((f"{b.node}.{b.name}", bar(_bits(before, b))) for b in lost)
                ),
                help=_advise(after),
            )


def _advise(after: Disk) -> str:
    """Return what to do so that bitmaps are not lost with their images."""
    if after.chain and after.active.format == "raw":
        return "let a qcow2 image take the data: a raw one stores no bitmaps"
    return "merge it into a bitmap of the image that stays, before its own is dropped"


def _lost(before: Disk, after: Disk) -> list[DirtyBitmap]:
    """Return the stored bitmaps of images that are gone, whose bits no namesake has."""
    left = {image.name for image in after.chain}
    if left.issuperset(image.name for image in before.chain):
        return []
    return [
        bitmap
        for bitmap in before.bitmaps
        if bitmap.node not in left
        and bitmap.persistent
        and not bitmap.inconsistent
        and not _is_merged(before, bitmap, after)
    ]


def _is_merged(before: Disk, bitmap: DirtyBitmap, after: Disk) -> bool:
    """Whether a bitmap's namesakes, of which there must be one, have all of its bits, and one
    goes on where it recorded what the guest writes.

    What lies beyond the end of a disk that shrank is nobody's loss.
    """
    namesakes = [each for each in after.bitmaps if each.name == bitmap.name]
    missing = before.clusters_of(bitmap)
    for each in namesakes:
        missing = missing - after.clusters_of(each)
    if bitmap.recording and bitmap.node == before.active.name:
        namesakes = [b for b in namesakes if b.recording and b.node == after.active.name]
    return bool(namesakes) and not missing.below(after.length)


def _bits(disk: Disk, bitmap: DirtyBitmap) -> str:
    return write_bits(disk.clusters_of(bitmap), disk.length_of(bitmap.node))
