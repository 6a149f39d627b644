"""The rule about checkpoints that close what nobody copies: BT401."""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from math import inf

from simulator.checks.evidence import draw_evidence, name_clusters
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.clusters import ClusterSet
from simulator.model.disk import Disk
from simulator.model.notes import Checkpoint
from simulator.model.requests import TakeBackup
from simulator.notation import write_bits, write_view
from simulator.timeline import Entry, Timeline


@rule("BT401", "checkpoint-without-backup", Severity.WARNING)
def checkpoint_without_backup(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds checkpoints that close a stretch of guest writes that no backup ever covers, while the
    guest writes on.

    ## Why is this wrong?
    A checkpoint keeps no data. What the guest wrote up to it can be copied at that instant, or
    later as part of a stretch that reaches to now; if neither is done, the instant cannot be
    restored, and a later incremental that starts at it stands on nothing.

    ## Example
    ```yaml
    scenario: a checkpoint, and nobody copies what it closes
    model: mail-2018
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - {at: T2, do: [{checkpoint: B2}]}
      - write: D----DD-
      - {at: T3, do: [{backup: {since: B2, to: inc.bak}}]}
    ```

    ## Use instead
    ```yaml
    scenario: a backup in the step that starts the checkpoint
    model: mail-2018
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: full.bak, checkpoint: B2}}]}
      - write: D----DD-
      - {at: T3, do: [{backup: {since: B2, to: inc.bak}}]}
    ```

    ## Source
    Eric Blake's mail of June 2018: "it is usually important to create your incremental backup at
    the same time you start your next bitmap".
    """
    copies: dict[str, Copies] = {}
    for entry, checkpoint in timeline.made_checkpoints():
        for name in checkpoint.disks:
            disk = entry.after.disk(name)
            start = _closed_since(entry, disk)
            if start is None or _readable_below(disk) or not _written_on(timeline, disk):
                continue
            if name not in copies:
                copies[name] = Copies(timeline, name)
            if copies[name].reach_back(disk.moment) <= start:
                continue
            written = _written(timeline, disk, start)
            if not written:
                continue
            yield self.found(
                entry,
                f"nobody copies what checkpoint {checkpoint.name} closes",
                label=f"the guest wrote {name_clusters(written)} before it",
                notes=_closed_notes(timeline, disk, written),
                help=_advise(entry, checkpoint),
            )


def _advise(entry: Entry, checkpoint: Checkpoint) -> str:
    """Return what to do so that a checkpoint closes what is copied."""
    if entry.statement is not None and isinstance(entry.statement.request, TakeBackup):
        target = entry.statement.request.to
        return f"let {target} complete, or take another backup before the guest writes on"
    return (
        "take a backup in the step that starts the checkpoint: "
        f"backup: {{to: NAME, checkpoint: {checkpoint.name}}}"
    )


def _closed_since(entry: Entry, disk: Disk) -> int | None:
    """Return the moment of the checkpoint before, or of the start; None where nothing closes."""
    moments = (each.moment(disk.name) for each in reversed(entry.before.checkpoints))
    start = next((moment for moment in moments if moment is not None), 0)
    return None if start == disk.moment else start


def _written_on(timeline: Timeline, disk: Disk) -> bool:
    """Whether the guest changes the disk after this state."""
    return timeline.last.disk(disk.name).moment > disk.moment


def _written(timeline: Timeline, disk: Disk, start: int) -> ClusterSet:
    """Return the clusters that read differently than they did at a moment before."""
    before = timeline.view_at(disk.name, start)
    assert before is not None, "a checkpoint is an entry, so its state is known"
    return before.differing(disk.guest_view).below(disk.length)


def _readable_below(disk: Disk) -> bool:
    """Whether a read-only image still shows the state: the active one holds nothing yet."""
    return len(disk.chain) > 1 and not disk.active.content


class Copies:
    """The completed backups of a disk, by the moment at which their data was read."""

    def __init__(self, timeline: Timeline, disk: str) -> None:
        made = sorted(
            (backup.moment, backup.start)
            for _, backup in timeline.made_backups
            if backup.disk == disk and backup.usable
        )
        self._moments = [moment for moment, _ in made]
        backwards = accumulate((start for _, start in reversed(made)), min)
        self._starts = [*reversed(list(backwards))]

    def reach_back(self, moment: int) -> float:
        """Return the earliest start of the backups read at a moment or later."""
        place = bisect_left(self._moments, moment)
        return self._starts[place] if place < len(self._starts) else inf


def _closed_notes(timeline: Timeline, disk: Disk, written: ClusterSet) -> tuple[str, ...]:
    label = timeline.label_at(disk.name, disk.moment)
    return draw_evidence(
        [
            (f"written before {label}", write_bits(written, disk.length)),
            (f"guest saw at {label}", write_view(disk.guest_view, disk.length)),
        ],
        marked=written,
        length=disk.length,
        caption="in no backup",
    )
