"""Rules about backups that were turned down, and requests beside one: BT208, BT211, BT213."""

from collections.abc import Iterator

from simulator.checks.rule import Rule, rule
from simulator.checks.turned_down import joined_later, report, turned_down
from simulator.checks.windows import tell_window, window_at
from simulator.diagnostics import Finding, Severity
from simulator.model.operations import Fault
from simulator.model.requests import TakeBackup
from simulator.timeline import Timeline


@rule("BT208", "not-in-checkpoint", Severity.ERROR, refusal=True)
def not_in_checkpoint(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds incrementals of a disk that joined the machine, or was replaced, after the checkpoint.

    ## Why is this wrong?
    The checkpoint says nothing of that disk. One such disk makes the whole backup fail, also for
    the disks that are well.

    ## Example
    ```yaml
    scenario: a disk joins after the checkpoint
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAA----
      - {at: T2, do: [{attach: {disk: vdb, clusters: 4, image: W1}}]}
      - {at: T3, do: [{backup: {since: c0, to: inc.bak}}]}
    ```

    ## Use instead
    ```yaml
    scenario: the new disk is left out, and gets a full backup of its own
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAA----
      - {at: T2, do: [{attach: {disk: vdb, clusters: 4, image: W1}}]}
      - at: T3
        do:
          - backup: {since: c0, to: inc.bak, disks: [vda]}
          - backup: {to: full-b.bak, disks: [vdb]}
    ```

    ## Source
    Observed on libvirt 9.0 and 11.3; virtnbdbackup issues 135 and 240, OpenNebula issue 6741.
    """
    for entry in turned_down(timeline, Fault.MISSING):
        joined = joined_later(timeline, entry)
        if joined:
            from simulator.checks.refusals.ways import leave_out

            advice = leave_out(timeline, entry, joined)
            yield report(self, timeline, entry, help=advice.text if advice else "")


@rule("BT211", "overlapping-job", Severity.ERROR, refusal=True)
def overlapping_job(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds requests that the host does not take while a job runs.

    ## Why is this wrong?
    libvirt has one backup a machine, and no snapshots, commits or resizes beside it; it says so
    only after half a minute, and does not say which job it is. A pull runs until its client ends
    it, so a client that died keeps all others out.

    ## Example
    ```yaml
    scenario: a snapshot while a client pulls
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: b.bak, mode: pull, ends: T4}}]}
      - {at: T3, do: [{snapshot: S2}]}
      - {at: T4}
    ```

    ## Use instead
    ```yaml
    scenario: the snapshot waits for the end of the pull
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: b.bak, mode: pull, ends: T4}}]}
      - {at: T4, do: [{snapshot: S2}]}
    ```

    ## Source
    Observed on libvirt 9.0 and 11.3, and on QEMU 7.2; the FAQ of virtnbdbackup on locks held by a
    dead client.
    """
    for entry in turned_down(timeline, Fault.JOB):
        from simulator.checks.refusals.causes import in_the_way

        windows = (window_at(timeline, entry, job) for job in in_the_way(entry))
        told = dict.fromkeys(tell_window(timeline, entry, window) for window in windows)
        yield report(self, timeline, entry, notes=tuple(filter(None, told)))


@rule("BT213", "end-is-now", Severity.ERROR, refusal=True)
def end_is_now(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds backups that ask for an end other than now, of an API that has none.

    ## Why is this wrong?
    An incremental is the clusters that changed between two points, with the content of the second
    one. A bitmap gives the clusters. The content is there for now, or where something froze it.

    ## Example
    ```yaml
    scenario: an incremental that is to end at a checkpoint of the past
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c1}}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {since: c1, to: inc.bak, checkpoint: c2}}]}
      - write: D----DD-
      - {at: T3, do: [{backup: {since: c1, until: c2, to: again.bak}}]}
    ```

    ## Use instead
    ```yaml
    scenario: the incremental is taken in the step that starts the checkpoint
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c1}}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {since: c1, to: inc.bak, checkpoint: c2}}]}
      - write: D----DD-
      - {at: T3, do: [{backup: {since: c2, to: more.bak}}]}
    ```

    ## Source
    Eric Blake's mail of June 2018, on "trying to grab an incremental backup whose end boundary is
    not the current point in time".
    """
    for entry, backup in timeline.asked(TakeBackup):
        if entry.refusal is None or entry.refusal.fault is not Fault.BOUNDARY:
            continue
        from simulator.checks.refusals.causes import tell_causes
        from simulator.checks.refusals.ways import advise

        advice = advise(timeline, entry)
        yield self.found(
            entry,
            f"backup {backup.to} is to end at {backup.until}, and can only end now",
            label="the API has no other end",
            notes=(f"cause: {entry.refusal.cause}",),
            help=advice.text if advice is not None else "",
            related=tell_causes(timeline, entry),
            refused=entry.refusal.text,
        )
