"""Rules about stacks of backups and what they give back: BT301, BT302, BT303, BT304, BT306.

Whether a restored disk is wrong is told by its content, never by its chain: BT302 to BT304 name
the fault of a stack whose content is not what its newest backup stands for.
"""

from collections.abc import Iterator
from itertools import pairwise

from simulator.checks.evidence import draw_evidence, join_words
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.clusters import ClusterMap
from simulator.model.machine import Backup, Restored
from simulator.notation import write_backup, write_view
from simulator.timeline import Entry, Timeline


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
            notes=_differences(timeline, entry, restored, moment),
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
            notes=_differences(timeline, entry, restored, moment),
            help=_way_to(timeline, restored, moment, restored.of),
        )


@rule("BT302", "chain-hole", Severity.ERROR)
def chain_hole(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds stacks in which the end of one backup is not the start of the next, and the result is
    wrong for it.

    ## Why is this wrong?
    What the guest wrote between that end and that start is in none of the stacked backups: those
    clusters come out as they were before.

    ## Example
    ```yaml
    scenario: the backup in the middle is left out
    model: mail-2018
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: full.bak, checkpoint: B2}}]}
      - write: ---BBB--
      - {at: T3, do: [{backup: {since: B2, to: inc1.bak, checkpoint: B3}}]}
      - write: D----DD-
      - at: T4
        do:
          - backup: {since: B3, to: inc2.bak}
          - restore: {from: [full.bak, inc2.bak]}
            allow: {rule: BT301, because: the hole is what this example is about}
    ```

    ## Use instead
    ```yaml
    scenario: every link is there
    model: mail-2018
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: full.bak, checkpoint: B2}}]}
      - write: ---BBB--
      - {at: T3, do: [{backup: {since: B2, to: inc1.bak, checkpoint: B3}}]}
      - write: D----DD-
      - at: T4
        do:
          - backup: {since: B3, to: inc2.bak}
          - restore: {from: [full.bak, inc1.bak, inc2.bak]}
    ```

    ## Source
    A review of kubevirt's enhancement 26, whose restore example stacked the third incremental on
    the full backup; abbbi/virtnbdbackup issues 17 and 33.
    """
    for entry, restored in _wrong_restores(timeline):
        for below, above in pairwise(_in_order(restored)):
            if above.start > below.end:
                ends = timeline.label_at(restored.disk, below.end)
                starts = timeline.label_at(restored.disk, above.start)
                yield self.found(
                    entry,
                    f"{above.name} does not go on where {below.name} ends",
                    label=f"{below.name} ends at {ends}, {above.name} starts at {starts}",
                    notes=_missed(timeline, entry, restored, below, above),
                    help=f"stack a backup from {ends} to {starts} between them",
                )


@rule("BT303", "wrong-order", Severity.ERROR)
def wrong_order(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds backups stacked in another order than they were taken, where the result is wrong for it.

    ## Why is this wrong?
    The upper backup wins: an older one on top puts old data over new.

    ## Example
    ```yaml
    scenario: the older incremental on top
    model: mail-2018
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: full.bak, checkpoint: B2}}]}
      - write: ---BBB--
      - {at: T3, do: [{backup: {since: B2, to: inc1.bak, checkpoint: B3}}]}
      - write: D----DD-
      - at: T4
        do:
          - backup: {since: B3, to: inc2.bak}
          - restore: {from: [full.bak, inc2.bak, inc1.bak]}
            allow: {rule: BT301, because: the order is what this example is about}
    ```

    ## Use instead
    ```yaml
    scenario: oldest first
    model: mail-2018
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: full.bak, checkpoint: B2}}]}
      - write: ---BBB--
      - {at: T3, do: [{backup: {since: B2, to: inc1.bak, checkpoint: B3}}]}
      - write: D----DD-
      - at: T4
        do:
          - backup: {since: B3, to: inc2.bak}
          - restore: {from: [full.bak, inc1.bak, inc2.bak]}
    ```

    ## Source
    abbbi/virtnbdbackup issue 17: the eleventh backup sorted by its name, `.10` before `.2`.
    """
    for entry, restored in _wrong_restores(timeline):
        for below, above in pairwise(restored.sources):
            if above.end < below.end:
                order = " <- ".join(source.name for source in _in_order(restored))
                later = timeline.label_at(restored.disk, below.end)
                earlier = timeline.label_at(restored.disk, above.end)
                yield self.found(
                    entry,
                    f"{above.name} is stacked on {below.name}, which is newer",
                    label=f"{below.name} ends at {later}, {above.name} at {earlier}",
                    notes=_differences(timeline, entry, restored, stands_for(restored.sources)),
                    help=f"stack {order}",
                )
                break


@rule("BT304", "wrong-base", Severity.ERROR)
def wrong_base(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds backups stacked on another one than they were taken against, where the result is wrong
    for it: not the one named with `onto`, or a full backup although a later full backup is where
    they start.

    ## Why is this wrong?
    An incremental holds what changed since its own base. On top of another base it leaves
    clusters as that base had them.

    ## Example
    ```yaml
    scenario: the increment of the second week on the full backup of the first
    model: mail-2018
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: week1.bak, checkpoint: B2}}]}
      - write: ---BBB--
      - {at: T3, do: [{backup: {to: week2.bak, checkpoint: B3}}]}
      - write: D----DD-
      - at: T4
        do:
          - backup: {since: B3, to: inc.bak, onto: week2.bak}
          - restore: {from: [week1.bak, inc.bak]}
            allow:
              - {rule: BT301, because: the base is what this example is about}
              - {rule: BT302, because: the base is what this example is about}
    ```

    ## Use instead
    ```yaml
    scenario: each increment on its own base
    model: mail-2018
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: week1.bak, checkpoint: B2}}]}
      - write: ---BBB--
      - {at: T3, do: [{backup: {to: week2.bak, checkpoint: B3}}]}
      - write: D----DD-
      - at: T4
        do:
          - backup: {since: B3, to: inc.bak, onto: week2.bak}
          - restore: {from: [week2.bak, inc.bak]}
    ```

    ## Source
    abbbi/virtnbdbackup issue 33: a parent chosen by the user.
    """
    for entry, restored in _wrong_restores(timeline):
        for below, above in pairwise(_in_order(restored)):
            base = _base_of(timeline, above)
            if base is None or base == below.name:
                continue
            if above.onto is None and not below.complete:
                continue
            yield self.found(
                entry,
                f"{above.name} was not taken against {below.name}",
                label=f"{above.name} was taken against {base}",
                notes=_missed(timeline, entry, restored, below, above),
                help=f"stack {above.name} on {base}",
            )


def _base_of(timeline: Timeline, backup: Backup) -> str | None:
    """Return what a backup was taken against: as the user said, or the full one it starts at."""
    if backup.onto is not None:
        return backup.onto
    return next(
        (
            other.name
            for _, other in timeline.made_backups
            if other.complete and other.disk == backup.disk and other.end == backup.start
        ),
        None,
    )


def _wrong_restores(timeline: Timeline) -> Iterator[tuple[Entry, Restored]]:
    """Yield restored disks that are not what their newest backup stands for."""
    for entry, restored in timeline.made_restores:
        if not timeline.gives(restored, stands_for(restored.sources)):
            yield entry, restored


def stands_for(sources: tuple[Backup, ...]) -> int:
    """Return the moment that a stack stands for: that of its newest backup."""
    return max(source.end for source in sources)


def _in_order(restored: Restored) -> tuple[Backup, ...]:
    """Return a stack in the order in which it was taken, from its newest complete backup on.

    What lies below a complete backup cannot be seen, however it was stacked.
    """
    taken = sorted(restored.sources, key=lambda source: (source.end, source.start))
    complete = [n for n, source in enumerate(taken) if source.complete]
    return tuple(taken[complete[-1] if complete else 0 :])


def _moment_meant(timeline: Timeline, restored: Restored) -> int:
    """Return the moment that a restored disk is meant to be, or else what its newest stands for."""
    if restored.of is not None:
        moment = timeline.moment_of(restored.of, restored.disk)
        if moment is not None:
            return moment
    return stands_for(restored.sources)


def _differences(
    timeline: Timeline, entry: Entry, restored: Restored, moment: int | None
) -> tuple[str, ...]:
    """Return the stack, the result, and carets where it differs from what the guest saw."""
    meant = timeline.state_at(restored.disk, moment) if moment is not None else None
    if moment is None or meant is None:
        return ()
    label = timeline.label_at(restored.disk, moment, prefer=restored.of)
    length = restored.length
    different = restored.content.differing(meant.guest_view).below(length)
    rows = [
        *(
            (source.row, write_backup(source, zeroes=timeline.draws_zeroes))
            for source in restored.sources
        ),
        (f"guest saw at {label}", write_view(meant.guest_view, meant.length)),
        (f"{restored.row} holds", write_view(restored.content, length)),
    ]
    notes = draw_evidence(rows, marked=different, length=length, caption=f"not as at {label}")
    if length == meant.length:
        return notes
    return (*notes, f"{restored.row} has {length:,} clusters, the disk had {meant.length:,} then")


def _missed(
    timeline: Timeline, entry: Entry, restored: Restored, below: Backup, above: Backup
) -> tuple[str, ...]:
    """Return what the guest changed between two backups, with carets: neither of them holds it."""
    then = timeline.state_at(restored.disk, below.end)
    now = timeline.state_at(restored.disk, above.start)
    if then is None or now is None:
        return ()
    ends = timeline.label_at(restored.disk, below.end)
    starts = timeline.label_at(restored.disk, above.start)
    return draw_evidence(
        [
            (f"guest saw at {ends}", write_view(then.guest_view, then.length)),
            (f"guest saw at {starts}", write_view(now.guest_view, now.length)),
        ],
        marked=then.guest_view.differing(now.guest_view).below(now.length),
        length=now.length,
        caption=f"in neither {below.name} nor {above.name}",
    )


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
