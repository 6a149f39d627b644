"""Rules about requests turned down for want of a bitmap that can be used: BT101 to BT106.

A host has few words for many mistakes; each of these rules is one of the mistakes.
"""

from collections.abc import Iterator

from simulator.checks.rule import Rule, rule
from simulator.checks.turned_down import joined_later, report, turned_down
from simulator.diagnostics import Finding, Severity
from simulator.model.operations import Fault
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
            yield report(self, timeline, entry)


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
        yield report(self, timeline, entry)


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
            allow: {rule: BT110, because: what comes of it is what this example is about}
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
        yield report(self, timeline, entry)


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
        yield report(self, timeline, entry)


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
        yield report(self, timeline, entry)


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
        yield report(self, timeline, entry)
