"""Rules about how backups are stacked: BT302 to BT304.

Whether a restored disk is wrong is told by its content, never by its chain: these rules name the
fault of a stack whose content is not what its newest backup stands for.
"""

from collections.abc import Iterator
from itertools import pairwise

from simulator.checks.claims.ontos import report_onto, wrong_ontos
from simulator.checks.restores.differences import draw_differences, draw_missed, report
from simulator.checks.restores.faults import base_of, faults_of
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.restorable.history import history_of
from simulator.timeline import Timeline


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
    for fault in faults_of(timeline, self.code):
        below, above = fault.below, fault.above
        assert above is not None, "something lies on a hole"
        starts = timeline.label_at(above.disk, history_of(timeline).start_of(above))
        if below is None:
            message = f"{above.name} goes on from {starts}, and nothing lies below it"
            label, notes = f"{above.name} starts at {starts}", draw_differences(timeline, fault)
        else:
            ends = timeline.label_at(above.disk, history_of(timeline).end_of(below))
            message = f"{above.name} does not go on where {below.name} ends"
            label = f"{below.name} ends at {ends}, {above.name} starts at {starts}"
            notes = draw_missed(timeline, below, above)
        yield report(self, timeline, fault, message, label=label, notes=notes)


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
    for fault in faults_of(timeline, self.code):
        ends = history_of(timeline).end_of
        below, above = next(
            (below, above)
            for below, above in pairwise(fault.restored.sources)
            if ends(above) < ends(below)
        )
        later = timeline.label_at(above.disk, ends(below))
        earlier = timeline.label_at(above.disk, ends(above))
        message = f"{above.name} is stacked on {below.name}, which is newer"
        label = f"{below.name} ends at {later}, {above.name} at {earlier}"
        yield report(
            self, timeline, fault, message, label=label, notes=draw_differences(timeline, fault)
        )


@rule("BT304", "wrong-base", Severity.ERROR)
def wrong_base(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds backups stacked on another one than they were taken against, where the result is wrong
    for it: not the one named with `onto`, or a full backup although a later full backup is where
    they start. Finds backups, too, that are wrong on the one that they name with `onto`.

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
    for fault in faults_of(timeline, self.code):
        below, above = fault.below, fault.above
        assert below is not None, "the base is one of the stack"
        assert above is not None, "something lies on the base"
        yield report(
            self,
            timeline,
            fault,
            f"{above.name} was not taken against {below.name}",
            label=f"{above.name} was taken against {base_of(timeline, above)}",
            notes=draw_missed(timeline, below, above),
        )
    for onto in wrong_ontos(timeline):
        if onto.cleared is None:
            yield report_onto(self, timeline, onto)
