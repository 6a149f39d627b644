"""Rules about restored disks that are no state of the guest, or not the one meant: BT301, BT306."""

from collections.abc import Iterator

from simulator.checks.evidence import join_words
from simulator.checks.restores.differences import draw_differences, stands_for
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.clusters import ClusterMap
from simulator.model.machine import Backup, Restored
from simulator.timeline import Timeline


@rule("BT301", "unseen-state", Severity.ERROR)
def unseen_state(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds restored disks that equal no state that the guest ever saw.

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
    for entry, restored in timeline.made_restores:
        if timeline.seen(restored):
            continue
        moment = _moment_meant(timeline, restored)
        yield self.found(
            entry,
            f"{restored.row} is a state that the guest never saw",
            label="this stack mixes points in time",
            notes=draw_differences(timeline, restored, moment),
            help=_advice(timeline, restored),
        )


@rule("BT306", "wrong-instant", Severity.ERROR)
def wrong_instant(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds restored disks that are not the instant that they were meant to give back (`of`).

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
    for entry, restored in timeline.made_restores:
        if restored.of is None:
            continue
        moment = timeline.moment_of(restored.of, restored.disk)
        if moment is None or timeline.gives(restored, moment):
            continue
        found = timeline.instants_like(restored)
        yield self.found(
            entry,
            f"{restored.row} is not {restored.of}",
            label=f"this gives {join_words(found)}" if found else "this gives no instant",
            notes=draw_differences(timeline, restored, moment),
            help=_way_to(timeline, restored, moment, restored.of),
        )


def _moment_meant(timeline: Timeline, restored: Restored) -> int:
    """Return the moment that a restored disk is meant to be, or else what its newest stands for."""
    if restored.of is not None:
        moment = timeline.moment_of(restored.of, restored.disk)
        if moment is not None:
            return moment
    return stands_for(restored.sources)


def _advice(timeline: Timeline, restored: Restored) -> str:
    """Return what to do about a state that the guest never saw."""
    lowest = restored.sources[0]
    if not lowest.complete and lowest.start > 0:
        starts = timeline.label_at(restored.disk, lowest.start)
        return f"stack it on a backup of {starts}, where {lowest.name} starts"
    moment = _moment_meant(timeline, restored)
    label = timeline.label_at(restored.disk, moment, prefer=restored.of)
    return _way_to(timeline, restored, moment, label)


def _way_to(timeline: Timeline, restored: Restored, moment: int | None, label: str) -> str:
    """Return how to get a moment back from the backups that there are, or that none holds it."""
    made = [b for b in timeline.last.backups if b.disk == restored.disk]
    for newest in made:
        if newest.end == newest.moment == moment:
            chain = _chain_down(newest, made)
            if chain and _reads_as(timeline, chain, restored.disk, newest.end):
                return f"for {label} stack {' <- '.join(source.name for source in chain)}"
    return f"no stack of these backups gives {label}: take one at {label}"


def _chain_down(newest: Backup, made: list[Backup]) -> list[Backup]:
    """Return the backups from a root up to this one, each starting where another ends."""
    chain = [newest]
    while not chain[0].complete and chain[0].start > 0:
        start = chain[0].start
        below = [b for b in made if b.end == start and b.end == b.moment and b not in chain]
        if not below:
            return []
        chain.insert(0, next((b for b in below if b.complete), below[0]))
    return chain


def _reads_as(timeline: Timeline, chain: list[Backup], disk: str, moment: int) -> bool:
    view: ClusterMap = chain[0].content
    for source in chain[1:]:
        view = view.overlay(source.content)
    meant = timeline.state_at(disk, moment)
    if meant is None or meant.length != chain[-1].length:
        return False
    return view.reads_like(meant.guest_view)
