"""The rule about jobs that do not get to their end: BT506."""

from collections.abc import Iterator

from simulator.checks.claims.failures import failures
from simulator.checks.points.uncovered import checkpoint_without_backup
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity, Span
from simulator.model.sizes import write_about
from simulator.moves import BY_CHANCE, TOO_EARLY, Move
from simulator.timeline import Timeline


@rule("BT506", "unfinished-job", Severity.WARNING)
def unfinished_job(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds jobs that fail although no step says so: because their end comes before they have copied
    all, or by chance. Where another rule tells what comes of it, it is silent.

    ## Why is this wrong?
    What a job has copied until it fails is no backup. Who does not look at how it ended goes on as
    if there were one.

    ## Example
    ```yaml
    scenario: half an hour is too little
    model: libvirt
    disk: 8
    timeline:
      - {at: 0s, do: [{create: S1}, {write: AAAABBBB}]}
      - {at: 1h, do: [{backup: {to: full.bak, rate: 512 KiB/h, ends: +30m}}]}
    ```

    ## Use instead
    ```yaml
    scenario: the job ends when it has copied all
    model: libvirt
    disk: 8
    timeline:
      - {at: 0s, do: [{create: S1}, {write: AAAABBBB}]}
      - {at: 1h, do: [{backup: {to: full.bak, rate: 512 KiB/h}}]}
    ```

    ## Source
    QEMU QMP reference, `BLOCK_JOB_COMPLETED`: `error` alone tells that a job failed,
    and who does not listen for it learns nothing.
    """
    told = _told(timeline)  # and a request of several disks is told once
    found: dict[Span | None, list[Move]] = {}
    for move in timeline.moves:
        if move.why in (BY_CHANCE, TOO_EARLY) and (move.entry, move.name) not in told:
            told.add((move.entry, move.name))
            statement = timeline.entries[move.entry].statement
            found.setdefault(statement.span if statement is not None else None, []).append(move)
    for moves in found.values():
        yield _report(self, timeline, moves)


def _told(timeline: Timeline) -> set[tuple[int, str]]:
    """Return the backups that failed of which other rules tell what comes of it."""
    unfinished = {(move.entry, move.name) for move in timeline.moves if move.why}
    if not unfinished:
        return set()
    failed = {id(each.failed) for each in failures(timeline)}
    told = {
        (entry.number, backup.name)
        for entry, backup in timeline.made_backups
        if id(backup) in failed
    }
    entries = {finding.entry for finding in checkpoint_without_backup.check(timeline)}
    return told | {each for each in unfinished if each[0] in entries}


def _report(self: Rule, timeline: Timeline, moves: list[Move]) -> Finding:
    move = moves[0]
    assert move.end is not None, "it failed at a tick"
    early = move.why == TOO_EARLY
    copied = f"it had copied {write_about(move.data_bytes + move.zero_bytes)} of "
    notes = [f"{copied}{write_about(move.size)} by then"]
    if len(moves) > 1:
        last = timeline.script.write_tick(moves[-1].end or 0)
        fail = "fails" if len(moves) == 2 else "fail"
        notes.append(f"{len(moves) - 1:,} more of this step {fail}, the last one at {last}")
    return self.found(
        timeline.entries[move.entry],
        f"{move.name} fails at {timeline.script.write_tick(move.end)}"
        f"{': it is ended before it has copied all' if early else ', by chance'}",
        label="it ends too early" if early else "drawn by faults",
        notes=tuple(notes),
        turns=True,
        help="let it end when it has copied all, or copy faster"
        if early
        else "look at how it ended, and take another one",
    )
