"""The rule about a copy of an image that the guest is still writing: BT205."""

from collections.abc import Iterator

from simulator.checks.evidence import name_clusters
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.machine import CommitJob, Power
from simulator.model.operations import CopyImage
from simulator.timeline import Timeline


@rule("BT205", "torn-copy", Severity.ERROR)
def torn_copy(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds plain copies of an image that the guest is still writing.

    ## Why is this wrong?
    A copy takes time, and the guest goes on writing while it is made: the beginning of the copy
    is older than its end. What QEMU has not flushed is missing altogether, and the bitmaps in the
    copy are inconsistent. The figure shows the best case, a copy that took no time.

    ## Example
    ```yaml
    scenario: the active image is copied under a running guest
    model: mail-2018
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - write: AAAA----
      - {at: T2, do: [{copy: {image: S1, to: S1.bak}}]}
      - write: --BB----
    ```

    ## Use instead
    ```yaml
    scenario: a snapshot makes the image read-only first
    model: mail-2018
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - write: AAAA----
      - {at: T2, do: [{snapshot: S2}, {copy: {image: S1, to: S1.bak}}]}
      - write: --BB----
    ```

    ## Source
    Observed on libvirt 9.0 and 11.3: the running image read from outside showed `|--------|` and
    `|---BBD--|` where the guest had `|D--BBDD-|`. QEMU 7.2: `cp` of the active image gives a copy
    whose bitmaps are inconsistent.
    """
    for entry, copy in timeline.accepted(CopyImage):
        disk = entry.before.disk_of(copy.image)
        image = disk.image(copy.image) if disk is not None else None
        if disk is None or image is None:
            continue
        committed = {j.base for j in entry.before.jobs_on(disk.name) if isinstance(j, CommitJob)}
        if image is not disk.active and image.name not in committed:
            continue
        if entry.before.power is Power.RUNNING:
            held = image.content.clusters()
            yield self.found(
                entry,
                f"copy {copy.target} is read while the guest writes {copy.image}",
                label=f"{copy.image} is the active image"
                if image is disk.active
                else f"{copy.image} takes what is committed",
                notes=(f"{name_clusters(held)} of {copy.image} may be torn or missing",)
                if held
                else (),
                help=f"snapshot first and copy {copy.image} then, take a backup, or shut down",
            )
