"""Rules about requests that the host turned down: BT901."""

from collections.abc import Iterator

from simulator.checks.jobs import is_scratch_full
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.disk import Disk
from simulator.model.requests import TakeBackup
from simulator.timeline import Entry, Timeline


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
            label="turned down",
            notes=_notes(timeline, entry),
            refused=entry.refusal.text,
        )


def _notes(timeline: Timeline, entry: Entry) -> tuple[str, ...]:
    """Return what the host does not tell: the cause, and the step that brought it about."""
    assert entry.refusal is not None, "it was turned down"
    cause = entry.refusal.cause
    told = [f"cause: {cause}"] if cause else []
    request = entry.statement.request if entry.statement is not None else None
    if cause and isinstance(request, TakeBackup) and request.since is not None:
        told += _lost(timeline, entry, request.since, request.disks)
    return tuple(told)


def _lost(
    timeline: Timeline, until: Entry, checkpoint: str, disks: tuple[str, ...]
) -> Iterator[str]:
    """Yield the step at which a checkpoint's bitmap was last lost or broken, for each disk."""
    for name in disks:
        for entry in reversed(timeline.entries[: until.number]):
            before, after = entry.before.disk(name), entry.after.disk(name)
            if _usable(before, checkpoint) and not _usable(after, checkpoint):
                where = f" at {entry.instant}" if entry.instant is not None else ""
                verb = entry.statement.verb if entry.statement is not None else "the workload"
                span = entry.statement.span if entry.statement is not None else None
                line = f", line {span.line}" if span is not None else ""
                yield f"{checkpoint} on {name} was usable until the {verb}{where}{line}"
                break


def _usable(disk: Disk, name: str) -> bool:
    """Whether the active image holds a bitmap of this name that reaches now."""
    bitmap = disk.bitmap(disk.active.name, name) if disk.chain else None
    return bitmap is not None and bitmap.recording and not bitmap.inconsistent
