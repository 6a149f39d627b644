"""Rules about what comes back: BT301 and BT306, of restored disks and of reverts."""

from collections.abc import Iterator
from itertools import groupby

from simulator.checks.claims.reverts import Reverted, find_reverts, gives_back
from simulator.checks.evidence import draw_change, draw_evidence, join_words
from simulator.checks.restores.acts import find_changed_views
from simulator.checks.restores.causes import writer_of
from simulator.checks.restores.differences import draw_differences, report, tell_way
from simulator.checks.restores.faults import CODES, faults_of
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.machine import Restored
from simulator.notation import write_view
from simulator.restorable.history import history_of
from simulator.timeline import Entry, Timeline


@rule("BT301", "unseen-state", Severity.ERROR)
def unseen_state(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds restored disks that equal no state that the guest ever saw, and disks of one restore that
    the machine never had at one time.

    ## Why is this wrong?
    A backup is worth what can be restored from it. A mixture of two points in time may boot, and
    holds file systems and databases that never existed.

    ## Example
    ```yaml
    scenario: an incremental restored without what it stands on
    model: mail-2018
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: full.bak, checkpoint: B2}}]}
      - write: ---BBB--
      - {at: T3, do: [{backup: {since: B2, to: inc.bak}}, {restore: {from: [inc.bak]}}]}
    ```

    ## Use instead
    ```yaml
    scenario: the same on top of the full backup
    model: mail-2018
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: full.bak, checkpoint: B2}}]}
      - write: ---BBB--
      - {at: T3, do: [{backup: {since: B2, to: inc.bak}}, {restore: {from: [full.bak, inc.bak]}}]}
    ```

    ## Source
    Eric Blake's mail of June 2018: B2.bak by itself matches nothing that the guest ever saw.
    """
    for fault in faults_of(timeline, self.code):
        row, above = fault.restored.row, fault.above
        label = "this stack mixes points in time"
        partly = [source.row for source in fault.restored.sources if source.partly]
        if partly:
            label = f"{join_words(partly)} {'hold' if partly[1:] else 'holds'} a part only"
        if above is not None:
            starts = timeline.label_at(above.disk, history_of(timeline).start_of(above))
            label = f"{above.name} holds what changed since {starts}, and lacks its base"
        yield report(
            self,
            timeline,
            fault,
            f"{row} is a state that the guest never saw",
            label=label,
            notes=draw_differences(timeline, fault),
        )
    yield from _never_together(self, timeline)


@rule("BT306", "wrong-instant", Severity.ERROR)
def wrong_instant(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds restored disks that are not the instant that they were meant to give back (`of`, or else
    what the newest backup stands for), reverts that do not give back the state of their snapshot,
    and acts that change what the guest sees although nobody wrote.

    ## Why is this wrong?
    The disk may be a good one, of another day. Nobody notices until the missing data is needed.

    ## Example
    ```yaml
    scenario: the base uploaded twice, and the overlay never
    model: mail-2018
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - {at: T2, do: [{snapshot: {image: S2, bitmap: B2}}, {copy: {image: S1, to: S1.bak}}]}
      - write: ---BBB--
      - {at: T3, do: [{backup: {since: B2, to: S2.bak, checkpoint: B3}}]}
      - {at: T4, do: [{restore: {from: [S1.bak, S1.bak], of: T3}}]}
    ```

    ## Use instead
    ```yaml
    scenario: the base, and the overlay on top of it
    model: mail-2018
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - {at: T2, do: [{snapshot: {image: S2, bitmap: B2}}, {copy: {image: S1, to: S1.bak}}]}
      - write: ---BBB--
      - {at: T3, do: [{backup: {since: B2, to: S2.bak, checkpoint: B3}}]}
      - {at: T4, do: [{restore: {from: [S1.bak, S2.bak], of: T3}}]}
    ```

    ## Source
    T5 of the mail of June 2018, where the first speaker uploads S1 twice.
    """
    for fault in faults_of(timeline, self.code):
        restored = fault.restored
        found = timeline.instants_like(restored)
        meant = fault.meant(timeline)
        yield report(
            self,
            timeline,
            fault,
            f"{restored.row} is not {meant}",
            label=f"this gives {join_words(found)}" if found else "this gives no instant",
            notes=draw_differences(timeline, fault),
        )
    for revert in find_reverts(timeline):
        if not gives_back(timeline, revert):
            yield _report_revert(self, timeline, revert)
    yield from _changed_views(self, timeline)


def _report_revert(self: Rule, timeline: Timeline, revert: Reverted) -> Finding:
    meant = timeline.label_at(revert.disk, revert.meant)
    disk = revert.entry.after.disk(revert.disk)
    gone = next((image.name for image in disk.chain if image.removed), None)
    label = f"{revert.image} has changed since {meant}"
    way = tell_way(timeline, revert.entry, revert.disk, revert.meant, meant)
    if gone is not None:
        label = f"the file of {gone} goes with it, and {disk.name} cannot be opened"
        way = f"get {gone} back from a backup before the machine starts"
    return self.found(
        revert.entry,
        f"the revert to {revert.snapshot} does not give {meant} back",
        label=label,
        related=writer_of(timeline, revert),
        notes=draw_change(
            timeline,
            revert.disk,
            revert.meant,
            revert.moment,
            prefer=revert.entry.instant,
            caption=f"not as at {meant}",
        ),
        help=way,
    )


def _changed_views(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """Yield acts after which the guest sees another disk, although nobody wrote."""
    for entry, before, after in find_changed_views(timeline):
        length = max(before.length, after.length)
        yield self.found(
            entry,
            f"the guest of {before.name} does not see what it saw before",
            label="nobody wrote, and this changes the disk",
            notes=draw_evidence(
                [
                    ("guest saw before", write_view(before.guest_view, before.length)),
                    ("guest sees now", write_view(after.guest_view, after.length)),
                ],
                marked=before.guest_view.differing(after.guest_view),
                length=length,
                caption="otherwise than before",
            ),
            help=tell_way(
                timeline,
                entry,
                before.name,
                before.moment,
                timeline.label_at(before.name, before.moment),
            ),
        )


def _never_together(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """Yield restores whose disks are each as the guest saw them, and never at one time."""
    wrong = {(id(f.entry), f.restored.name) for code in CODES for f in faults_of(timeline, code)}
    for (number, name), group in groupby(
        timeline.made_restores, key=lambda made: (made[0].number, made[1].name)
    ):
        entry, parts = timeline.entries[number], [restored for _, restored in group]
        if len(parts) < 2 or (id(entry), name) in wrong:
            continue
        if _were_together(timeline, entry, parts):
            continue
        yield self.found(
            entry,
            f"the machine never had the disks of {name} at one time",
            label="these disks are of different instants",
            notes=tuple(
                f"{each.row} is {join_words(timeline.instants_like(each)) or 'between instants'}"
                for each in parts
            ),
            help=_ways_to_each(timeline, entry, parts),
        )


def _were_together(timeline: Timeline, entry: Entry, parts: list[Restored]) -> bool:
    """Whether there was a time at which all disks were as they have been restored."""
    alike = [set(timeline.moments_like(each)) for each in parts]
    return any(
        number <= entry.number and all(m in like for m, like in zip(moments, alike, strict=True))
        for moments, number in timeline.states_together(tuple(p.disk for p in parts)).items()
    )


def _ways_to_each(timeline: Timeline, entry: Entry, parts: list[Restored]) -> str:
    """Return what to stack for one of the instants that the disks are of, the newest first."""
    now = history_of(timeline).at(entry)
    meant = {label for each in parts for label in timeline.instants_like(each)}
    for label in reversed(now.instants):
        told = now.told(label) if label in meant else None
        if told is not None:
            return f"for {label} stack {told}"
    return "no stack gives one instant of all disks; take a full backup of them now"
