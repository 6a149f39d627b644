"""The rule about a copy of an image that the guest is still writing: BT205."""

from collections.abc import Iterator

from simulator.checks.evidence import name_clusters
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.restorable.history import is_torn
from simulator.timeline import Timeline


@rule("BT205", "torn-copy", Severity.ERROR)
def torn_copy(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds plain copies of an image that the guest is still writing, and that holds anything.

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
    for entry, copy in timeline.made_backups:
        if is_torn(entry, copy):
            active = entry.before.disk(copy.disk).active.name
            yield self.found(
                entry,
                f"copy {copy.name} is read while the guest writes {copy.image}",
                label=f"{copy.image} is the active image"
                if copy.image == active
                else f"{copy.image} takes what is committed",
                notes=(
                    f"{name_clusters(copy.content.clusters())} of {copy.image} may be torn or "
                    "missing",
                ),
                help=f"snapshot first and copy {copy.image} then, take a backup, or shut down",
            )
