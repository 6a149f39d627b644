"""Rules about requests that the host turned down: BT901."""

from collections.abc import Iterator

from simulator.checks.jobs import is_scratch_full
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.timeline import Timeline


@rule("BT901", "refused", Severity.ERROR)
def refused(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds requests that the host turned down, with the host's own words where they are known.

    ## Why is this wrong?
    Nothing happened: the state stays as it was, and what the scenario builds on the request is
    not there.

    ## Example
    ```yaml
    scenario: an incremental since a checkpoint that was deleted
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - at: T2
        do:
          - delete: {checkpoint: B1}
          - backup: {since: B1, to: inc.bak}
    ```

    ## Use instead
    ```yaml
    scenario: the checkpoint is deleted when nobody needs it as a start any more
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - at: T2
        do:
          - backup: {since: B1, to: inc.bak, checkpoint: B2}
          - delete: {checkpoint: B1}
    ```

    ## Source
    Observed on libvirt 9.0.0 and 11.3.0, and on QEMU 7.2.22.
    """
    for entry in timeline.entries:
        if entry.refusal is None or entry.refusal.boundary or is_scratch_full(entry):
            continue
        verb = entry.statement.verb if entry.statement is not None else "the guest's workload"
        yield self.found(
            entry,
            f"{verb} is refused: {entry.refusal.text}",
            label="the host turns this down",
            notes=(f"cause: {entry.refusal.cause}",) if entry.refusal.cause else (),
            refused=entry.refusal.text,
        )
