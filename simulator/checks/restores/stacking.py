"""Rules about how backups are stacked: BT302 to BT304.

Whether a restored disk is wrong is told by its content, never by its chain: these rules name the
fault of a stack whose content is not what its newest backup stands for.
"""

from collections.abc import Iterator
from itertools import pairwise

from simulator.checks.evidence import draw_change
from simulator.checks.restores.differences import draw_differences, stands_for
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.machine import Backup, Restored
from simulator.timeline import Entry, Timeline


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
                    notes=_missed(timeline, below, above),
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
                    notes=draw_differences(timeline, restored, stands_for(restored.sources)),
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
                notes=_missed(timeline, below, above),
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


def _in_order(restored: Restored) -> tuple[Backup, ...]:
    """Return a stack in the order in which it was taken, from its newest complete backup on.

    What lies below a complete backup cannot be seen, however it was stacked.
    """
    taken = sorted(restored.sources, key=lambda source: (source.end, source.start))
    complete = [n for n, source in enumerate(taken) if source.complete]
    return tuple(taken[complete[-1] if complete else 0 :])


def _missed(timeline: Timeline, below: Backup, above: Backup) -> tuple[str, ...]:
    """Return what the guest changed between two backups, with carets: neither of them holds it."""
    return draw_change(
        timeline,
        above.disk,
        below.end,
        above.start,
        caption=f"in neither {below.name} nor {above.name}",
    )
