"""The rule about a copy of an image that the guest is still writing: BT205."""

from collections.abc import Iterator

from simulator.checks.evidence import draw_evidence, name_clusters
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.machine import Backup
from simulator.notation import write_backup
from simulator.restorable.history import is_torn, written_by_jobs
from simulator.timeline import Entry, Timeline


@rule("BT205", "torn-copy", Severity.ERROR)
def torn_copy(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds plain copies of an image that holds anything and that the guest is still writing, or a
    commit or a pull; and those that came out as a mixture, since their image was written while
    they were made.

    ## Why is this wrong?
    A copy takes time, and the image changes while it is made: the copy holds what is written ahead
    of it, and lacks what is written behind it, so that it may hold the later of two writes without
    the earlier one. What QEMU has not flushed is missing altogether, and the bitmaps in the copy
    are inconsistent. The figure shows the best case of a copy without `rate`, `through` or
    `latency`: it took no time. With them it shows what the copy read.

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
            disk = entry.before.disk(copy.disk)
            active = bool(disk.chain) and copy.image == disk.active.name
            yield self.found(
                entry,
                f"copy {copy.name} is read while {_writer(timeline, entry, copy)}",
                label=f"{copy.image} is the active image"
                if active
                else f"{copy.image} is written while it is copied",
                notes=_mixture(entry, copy)
                or (
                    f"{name_clusters(copy.content.clusters())} of {copy.image} may be torn or "
                    "missing",
                ),
                help=f"snapshot first and copy {copy.image} then, take a backup, or shut down"
                if active
                else f"copy {copy.image} when nothing writes it, or take a backup",
            )


def _writer(timeline: Timeline, entry: Entry, copy: Backup) -> str:
    """Return who writes an image while it is copied, in words."""
    disk = entry.before.disk(copy.disk)
    if disk.chain and copy.image == disk.active.name:
        return f"the guest writes {copy.image}"
    for each in timeline.entries[entry.number :]:
        word = written_by_jobs(each.before, copy.disk).get(copy.image)
        if word is not None:
            return f"data is {word} into {copy.image}"
        if copy in each.new_backups and each is not entry:
            break
    return f"{copy.image} is written"


def _mixture(entry: Entry, copy: Backup) -> tuple[str, ...]:
    """Return what a copy holds that is a mixture, beside what its image held when it began."""
    if not copy.torn:
        return ()
    began = next(each for each in entry.new_backups if each.disk == copy.disk)
    at = f" at {began.at}" if began.at is not None else ""
    return draw_evidence(
        [
            (f"{copy.image} held{at}", write_backup(began, zeroes=True)),
            (f"{copy.name} holds", write_backup(copy, zeroes=True)),
        ],
        marked=began.content.differing(copy.content),
        length=copy.length,
        caption="written before the copy came to it",
    )
