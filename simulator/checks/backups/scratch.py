"""The rule about the scratch space of a pull backup: BT210."""

from collections.abc import Iterator

from simulator.checks.evidence import join_words
from simulator.checks.rule import Rule, rule
from simulator.checks.turned_down import is_scratch_full
from simulator.diagnostics import Finding, Severity
from simulator.model.machine import Transfer
from simulator.timeline import Timeline


@rule("BT210", "scratch-full", Severity.ERROR)
def scratch_full(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds guest writes that fail because the scratch space of a pull backup is full.

    ## Why is this wrong?
    While a client pulls a backup, the old data of each cluster that the guest overwrites goes to
    the scratch image. Where there is no room, the guest's own write fails. The backup stays good;
    it is the guest that is harmed.

    ## Example
    ```yaml
    scenario: room for one cluster, and the guest overwrites three
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: full.bak, mode: pull, scratch: 64 KiB, ends: T3}}]}
      - write: BBB-----
      - {at: T3}
    ```

    ## Use instead
    ```yaml
    scenario: room for all that the guest overwrites during the job
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: full.bak, mode: pull, scratch: 192 KiB, ends: T3}}]}
      - write: BBB-----
      - {at: T3}
    ```

    ## Source
    Observed on libvirt 9.0 and 11.3: the guest's write fails with "No space left on device", and
    the export is still right.
    """
    for entry in timeline.entries:
        if not is_scratch_full(entry):
            continue
        assert entry.refusal is not None, "the guest's write failed"
        full = [
            job.backup.name
            for job in entry.before.backup_jobs
            if job.backup.transfer is Transfer.PULL and job.scratch_max is not None
        ]
        yield self.found(
            entry,
            f"the guest's write fails: the scratch space of {join_words(full)} is full",
            label=entry.refusal.text,
            notes=(entry.refusal.cause,),
            help="give the scratch image room for all that the guest overwrites during the job",
            refused=entry.refusal.text,
        )
