"""Rules about checkpoints that are unknown or gone, and a machine that is off: BT403 to BT405."""

from collections.abc import Iterator

from simulator.checks.rule import Rule, rule
from simulator.checks.turned_down import deleted, report, turned_down
from simulator.diagnostics import Finding, Severity
from simulator.model.operations import Fault
from simulator.timeline import Timeline


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
        yield report(self, timeline, entry)


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
        if deleted(timeline, entry):
            yield report(self, timeline, entry)


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
        yield report(self, timeline, entry)
