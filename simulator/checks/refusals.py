"""Rules about requests that the host turned down: BT101-106, BT208, BT211, BT403-405, BT901.

A host has few words for many mistakes; each of these rules is one of the mistakes. What none of
them knows is BT901.
"""

from collections.abc import Iterator

from simulator.checks.evidence import join_words
from simulator.checks.rule import Rule, rule
from simulator.checks.turned_down import (
    deleted,
    in_the_way,
    joined_later,
    line_of,
    report,
    turned_down,
    turned_down_else,
    way_out,
)
from simulator.diagnostics import Finding, Severity
from simulator.model.operations import Fault
from simulator.model.requests import DeleteCheckpoint
from simulator.timeline import Timeline


@rule("BT101", "bitmap-missing", Severity.ERROR, refusal=True)
def bitmap_missing(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds requests for a bitmap that is not there: the active image has none of that name.

    ## Why is this wrong?
    What the guest wrote is in no bitmap, so no incremental can say what to copy. libvirt has one
    text for this and for all other faults of bitmaps; the finding tells the step that lost it.

    ## Example
    ```yaml
    scenario: a crash in the session that made the bitmap
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAA----
      - {at: T2, do: [crash, start, {backup: {since: c0, to: inc.bak}}]}
    ```

    ## Use instead
    ```yaml
    scenario: a clean shutdown stores it
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAA----
      - {at: T2, do: [shutdown, start, {backup: {since: c0, to: inc.bak}}]}
    ```

    ## Source
    Observed on libvirt 9.0 and 11.3; virtnbdbackup issues 225, 237 and 266; oVirt engine issue
    896: "incremental backup failed: Bitmap does not exist".
    """
    for entry in turned_down(timeline, Fault.MISSING):
        if not joined_later(timeline, entry):
            yield report(self, timeline, entry, help=way_out(entry))


@rule("BT102", "bitmap-gap", Severity.ERROR, refusal=True)
def bitmap_gap(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds incrementals through a bitmap that an image in the middle of the chain lacks.

    ## Why is this wrong?
    Writes to that image are in no bitmap of this name. Read down the chain, the bitmap would be
    silent about them, so libvirt refuses.

    ## Example
    ```yaml
    scenario: a tool outside made an overlay, and the bitmap came only with the next one
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAA----
      - at: T2
        do:
          - snapshot: {image: S2, outside: true}
          - snapshot: {image: S3, outside: true}
          - qmp:
              execute: block-dirty-bitmap-add
              arguments: {node: S3, name: c0, persistent: true}
      - {at: T3, do: [{backup: {since: c0, to: inc.bak}}]}
    ```

    ## Use instead
    ```yaml
    scenario: libvirt makes the overlays, with the bitmap on each
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAA----
      - {at: T2, do: [{snapshot: S2}, {snapshot: S3}]}
      - {at: T3, do: [{backup: {since: c0, to: inc.bak}}]}
    ```

    ## Source
    libvirt's qemuBlockBitmapChainIsValid; the README of virtnbdbackup on overlays that other
    tools make.
    """
    for entry in turned_down(timeline, Fault.GAP):
        yield report(self, timeline, entry, help=way_out(entry))


@rule("BT103", "bitmap-not-recording", Severity.ERROR, refusal=True)
def bitmap_not_recording(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds incrementals through a bitmap that somebody disabled: it does not reach now.

    ## Why is this wrong?
    What the guest wrote since then is not in it. Enabling it again does not bring that back.

    ## Example
    ```yaml
    scenario: a bitmap is frozen beside libvirt
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAA----
      - at: T2
        do:
          - qmp: {execute: block-dirty-bitmap-disable, arguments: {node: S1, name: c0}}
      - write: --BB----
      - {at: T3, do: [{backup: {since: c0, to: inc.bak}}]}
    ```

    ## Use instead
    ```yaml
    scenario: nobody touches the bitmaps of libvirt
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAA----
      - write: --BB----
      - {at: T3, do: [{backup: {since: c0, to: inc.bak}}]}
    ```

    ## Source
    Observed on libvirt 9.0 and 11.3.
    """
    for entry in turned_down(timeline, Fault.FROZEN):
        yield report(self, timeline, entry, help=way_out(entry))


@rule("BT104", "inconsistent-bitmap", Severity.ERROR, refusal=True)
def inconsistent_bitmap(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds requests that need a bitmap which was open for writing when its process died.

    ## Why is this wrong?
    QEMU flags a stored bitmap as in use while it is open, and trusts it no more after a crash. It
    can be removed and nothing else, and a disk with one cannot be resized.

    ## Example
    ```yaml
    scenario: a crash in a later session
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAA----
      - {at: T2, do: [shutdown, start]}
      - write: --BB----
      - {at: T3, do: [crash, start, {backup: {since: c0, to: inc.bak}}]}
    ```

    ## Use instead
    ```yaml
    scenario: a clean end of that session
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAA----
      - {at: T2, do: [shutdown, start]}
      - write: --BB----
      - {at: T3, do: [shutdown, start, {backup: {since: c0, to: inc.bak}}]}
    ```

    ## Source
    Observed on QEMU 7.2 and libvirt 9.0 and 11.3; virtnbdbackup issue 258, NetBackup's
    limitations.
    """
    for entry in turned_down(timeline, Fault.INCONSISTENT):
        help = "; ".join(filter(None, ("remove the bitmap", way_out(entry))))
        yield report(self, timeline, entry, help=help)


@rule("BT105", "busy-bitmap", Severity.ERROR, refusal=True)
def busy_bitmap(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds bitmaps that are changed, cleared, removed or merged into while a job or an export uses
    them.

    ## Why is this wrong?
    The job reads through the bitmap, and what the guest writes meanwhile is kept beside it until
    the job ends. A change in between would be lost or tear the backup.

    ## Example
    ```yaml
    scenario: a bitmap is cleared while a job reads through it
    model: qemu
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - at: T2
        do:
          - qmp:
              execute: blockdev-backup
              arguments: {device: S1, target: inc.bak, sync: incremental, bitmap: B1}
            ends: T3
          - qmp: {execute: block-dirty-bitmap-clear, arguments: {node: S1, name: B1}}
      - {at: T3}
    ```

    ## Use instead
    ```yaml
    scenario: it is cleared when the job has ended
    model: qemu
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - at: T2
        do:
          - qmp:
              execute: blockdev-backup
              arguments: {device: S1, target: inc.bak, sync: incremental, bitmap: B1}
            ends: T3
      - at: T3
        do:
          - qmp: {execute: block-dirty-bitmap-clear, arguments: {node: S1, name: B1}}
    ```

    ## Source
    Observed on QEMU 7.2.22; docs/interop/bitmaps.rst.
    """
    for entry in turned_down(timeline, Fault.BUSY):
        yield report(
            self, timeline, entry, help="wait for the end of the job or export that uses it"
        )


@rule("BT106", "unmergeable-bitmaps", Severity.ERROR, refusal=True)
def unmergeable_bitmaps(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds merges of bitmaps of different sizes, such as after a resize between two snapshots.

    ## Why is this wrong?
    An image below keeps its size when the disk is resized, and its bitmap keeps the bits of that
    size. QEMU merges only bitmaps of one size, so an incremental across the resize is impossible.

    ## Example
    ```yaml
    scenario: the disk grows after a snapshot, and an incremental goes back to before it
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAA----
      - {at: T2, do: [{snapshot: S2}, {resize: 16}]}
      - {at: T3, do: [{backup: {since: c0, to: inc.bak}}]}
    ```

    ## Use instead
    ```yaml
    scenario: a full backup with a new checkpoint after the resize
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAA----
      - {at: T2, do: [{snapshot: S2}, {resize: 16}, {backup: {to: full2.bak, checkpoint: c1}}]}
      - write: BBBB------------
      - {at: T3, do: [{backup: {since: c1, to: inc.bak}}]}
    ```

    ## Source
    Observed on libvirt 9.0 and 11.3; virtnbdbackup issue 109.
    """
    for entry in turned_down(timeline, Fault.UNMERGEABLE):
        yield report(self, timeline, entry, help=way_out(entry))


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
            help = f"leave {joined} out, and take a full backup of it with a new checkpoint"
            yield report(self, timeline, entry, help=help)


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
        jobs = in_the_way(entry)
        running = join_words(dict.fromkeys(job.name for job in jobs)) if jobs else "the job"
        help = f"end {running} first, or wait for it"
        yield report(self, timeline, entry, help=help)


@rule("BT403", "metadata-out-of-step", Severity.ERROR, refusal=True)
def metadata_out_of_step(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds requests that fail because the host's note of a checkpoint and its bitmaps disagree.

    ## Why is this wrong?
    libvirt keeps checkpoints apart from the bitmaps in the images. An undefine, a transient
    machine or a fail-over loses the one and not the other; then an incremental finds no
    checkpoint, or a new checkpoint finds its bitmap there already.

    ## Example
    ```yaml
    scenario: the definition is given up, and the metadata with it
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAA----
      - {at: T2, do: [shutdown, {undefine: {metadata: true}}, start]}
      - {at: T3, do: [{backup: {since: c0, to: inc.bak}}]}
    ```

    ## Use instead
    ```yaml
    scenario: the checkpoint is redefined first
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAA----
      - at: T2
        do:
          - shutdown
          - undefine: {metadata: true}
          - start
          - checkpoint: {name: c0, redefine: true}
      - {at: T3, do: [{backup: {since: c0, to: inc.bak}}]}
    ```

    ## Source
    Observed on libvirt 9.0 and 11.3; virtnbdbackup issues 9, 18, 91 and 284, CloudStack pull
    request 13074, OpenNebula issue 6206.
    """
    for entry in turned_down(timeline, Fault.OUT_OF_STEP):
        help = "redefine the checkpoint, parents first, or remove the bitmap"
        request = entry.statement.request if entry.statement is not None else None
        if isinstance(request, DeleteCheckpoint):
            help = "delete the host's note alone: metadata: true"
        yield report(self, timeline, entry, help=help)


@rule("BT404", "deleted-start", Severity.ERROR, refusal=True)
def deleted_start(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds incrementals since a checkpoint that somebody deleted.

    ## Why is this wrong?
    A checkpoint is the start of somebody's next incremental. Where two products or schedules
    share a machine, the clean-up of one takes the start of the other.

    ## Example
    ```yaml
    scenario: a clean-up deletes the checkpoint that the next incremental starts at
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAA----
      - at: T2
        do:
          - delete: {checkpoint: c0}
          - backup: {since: c0, to: inc.bak}
    ```

    ## Use instead
    ```yaml
    scenario: it is deleted when a newer one has taken its place
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAA----
      - at: T2
        do:
          - backup: {since: c0, to: inc.bak, checkpoint: c1}
          - delete: {checkpoint: c0}
    ```

    ## Source
    oVirt's incremental backup page, use cases 1 and 2; trackers of KubeVirt.
    """
    for entry in turned_down(timeline, Fault.UNKNOWN):
        gone = deleted(timeline, entry)
        if gone is not None:
            note = f"deleted {timeline.when(gone)}{line_of(gone)}"
            yield report(self, timeline, entry, notes=(note,), help=way_out(entry))


@rule("BT405", "machine-off", Severity.ERROR, refusal=True)
def machine_off(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds checkpoints, backups and changes of a chain that need a running machine.

    ## Why is this wrong?
    Only the process that has the images open can do it at one instant. The machine need not do
    anything: one that is started paused will do.

    ## Example
    ```yaml
    scenario: a backup while the machine is off
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAA----
      - {at: T2, do: [shutdown, {backup: {since: c0, to: inc.bak}}]}
    ```

    ## Use instead
    ```yaml
    scenario: a backup after the start
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAA----
      - {at: T2, do: [shutdown, start, {backup: {since: c0, to: inc.bak}}]}
    ```

    ## Source
    Observed on libvirt 9.0 and 11.3; virtnbdbackup issues 29 and 104, KubeVirt enhancement 401.
    """
    for entry in turned_down(timeline, Fault.OFF):
        yield report(self, timeline, entry, help="start the machine first; it may stay paused")


@rule("BT901", "refused", Severity.ERROR, refusal=True)
def refused(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds requests that the host turned down and that no other rule knows more of, with the host's
    own words where they are known.

    ## Why is this wrong?
    Nothing happened: the state stays as it was, and what the scenario builds on the request is
    not there.

    ## Example
    ```yaml
    scenario: the base image is no snapshot
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - {at: T2, do: [{snapshot: S2}, {delete: {snapshot: S1}}]}
    ```

    ## Use instead
    ```yaml
    scenario: the snapshot is deleted by the name of the image that it made
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - {at: T2, do: [{snapshot: S2}, {delete: {snapshot: S2}}]}
    ```

    ## Source
    Observed on libvirt 9.0.0 and 11.3.0, and on QEMU 7.2.22.
    """
    for entry in turned_down_else(timeline):
        yield report(self, timeline, entry)
