"""The rule about the scratch space of a pull backup: BT210."""

from collections.abc import Iterator

from simulator.checks.evidence import join_words
from simulator.checks.rule import Rule, rule
from simulator.checks.turned_down import is_scratch_full
from simulator.diagnostics import Finding, Severity
from simulator.model.clusters import set_of
from simulator.model.machine import BackupJob
from simulator.model.operations import GuestWrite
from simulator.model.sizes import write_about, write_size
from simulator.model.transitions.backups.overwriting import to_keep
from simulator.moves import Move, moved_until
from simulator.schedule.durations import SECOND
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple


@rule("BT210", "scratch-full", Severity.ERROR)
def scratch_full(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds guest writes that fail because the scratch space of a pull backup is full.

    ## Why is this wrong?
    While a client pulls a backup, the old data of each cluster that the guest overwrites goes to
    the scratch image. Where there is no room, the guest's own write fails. The backup stays good;
    it is the guest that is harmed. With `on-cbw-error: break-snapshot` (QEMU 11.1) it is the
    other way round: the write is done, and from then on the client reads a mixture of two points
    in time, without an error.

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
        if entry.statement is not None and is_scratch_full(entry):
            yield _of_step(self, timeline, entry)
        elif entry.before.jobs is not entry.after.jobs:
            yield from _broken(self, timeline, entry)
    for filled in _filled(timeline):
        yield _of_workload(self, timeline, filled)


class Filled(NamedTuple):
    """A scratch space that had no room for what a workload overwrote.

    Attributes:
        begun: The step that started the job.
        job: As it was when the first write failed.
        first: That write.
        writes: How many failed.
        needed: Bytes that would have been enough until the job's end.
    """

    begun: Entry
    job: BackupJob
    first: Entry
    writes: int
    needed: int


def _broken(self: Rule, timeline: Timeline, entry: Entry) -> Iterator[Finding]:
    """Yield what a write does to backups whose old data finds no room, and that are to pay."""
    whole = {(job.name, job.disk) for job in entry.before.backup_jobs if job.torn is None}
    for job in entry.after.backup_jobs:
        if job.torn is None or (job.name, job.disk) not in whole or job.scratch_max is None:
            continue
        begun = _begun(timeline, job, entry)
        name, room = job.backup.name, write_size(job.scratch_max)
        yield self.found(
            entry if entry.statement is not None else begun,
            f"{name} becomes a mixture of two points in time: its scratch space is full",
            label="the old data of this has no room",
            notes=(
                f"the scratch space of {name} has {room}",
                "told break-snapshot, the client reads on without an error",
            ),
            help="give the scratch image room for all that the guest overwrites during the job, "
            "and throw this backup away",
        )


def _of_step(self: Rule, timeline: Timeline, entry: Entry) -> Finding:
    assert entry.refusal is not None, "the guest's write failed"
    jobs = [job for job in entry.before.backup_jobs if job.scratch_max is not None]
    read = [_told_read(timeline, job, _begun(timeline, job, entry), entry.tick) for job in jobs]
    return self.found(
        entry,
        f"the guest's write fails: the scratch space of "
        f"{join_words(job.backup.name for job in jobs)} is full",
        label=entry.refusal.text,
        notes=(entry.refusal.cause, *(told for told in read if told)),
        help="give the scratch image room for all that the guest overwrites during the job",
        refused=entry.refusal.text,
    )


def _of_workload(self: Rule, timeline: Timeline, filled: Filled) -> Finding:
    """Return what happened to the guest, at the step that gave the scratch its room."""
    begun, job, first = filled.begun, filled.job, filled.first
    assert first.refusal is not None and job.scratch_max is not None, "the guest's write failed"
    timed = timeline.script.timed
    when = f"at {timeline.script.write_tick(first.tick)}" if timed else timeline.when(first)
    name, room = job.backup.name, write_size(job.scratch_max)
    read = _told_read(timeline, job, begun, first.tick)
    writes = f"{filled.writes:,} of the guest's writes fail"
    ways = [f"give the scratch image {write_size(filled.needed)}"]
    rate = _rate(timeline, begun, first.tick)
    if rate is not None:
        ways.append(f"let the client read {write_size(rate)}/s or more")
    return self.found(
        begun,
        f"{writes if filled.writes > 1 else 'a write of the guest fails'}: "
        f"the scratch space of {name} is full {when}",
        label=f"{room} of scratch",
        notes=(
            first.refusal.text,
            *([read] if read else []),
            f"all that the guest overwrites while the job runs takes {write_size(filled.needed)}",
        ),
        help=", or ".join(ways),
    )


def _filled(timeline: Timeline) -> Iterator[Filled]:
    """Yield the jobs whose scratch had no room for a workload, in the order of those writes."""
    firsts: dict[int, Entry] = {}
    for entry in timeline.entries:
        if entry.statement is None and is_scratch_full(entry):
            for job in _overflowing(entry):
                firsts.setdefault(_begun(timeline, job, entry).number, entry)
    for number, first in firsts.items():
        begun = timeline.entries[number]
        for job in _overflowing(first):
            if _begun(timeline, job, first) is begun:
                yield _measured(timeline, begun, job, first)


def _measured(timeline: Timeline, begun: Entry, job: BackupJob, first: Entry) -> Filled:
    """Return how much room a job lacked, from the first write that failed until its end."""
    writes, lacking, kept = 0, set_of(job.backup.length), 0
    for entry in timeline.entries[first.number :]:
        now = next((each for each in entry.before.backup_jobs if _same(each, job)), None)
        if now is None or now.scratch is None:
            break
        kept = len(now.scratch)
        if entry.statement is None and is_scratch_full(entry):
            for write in _writes(entry, job.disk):
                writes += write.writes
                disk = entry.before.disk(job.disk)
                lacking = lacking | to_keep(disk, now, write.data.clusters())
    size = first.before.disk(job.disk).cluster_size
    return Filled(begun, job, first, writes, (kept + len(lacking)) * size)


def _overflowing(entry: Entry) -> list[BackupJob]:
    """Return the jobs whose scratch has no room for a workload's writes."""
    found = []
    for job in entry.before.backup_jobs:
        disk = entry.before.disk(job.disk)
        if job.scratch is None or job.scratch_max is None:
            continue
        for write in _writes(entry, job.disk):
            new = to_keep(disk, job, write.data.clusters())
            if (len(job.scratch) + len(new)) * disk.cluster_size > job.scratch_max:
                found.append(job)
    return found


def _writes(entry: Entry, disk: str) -> list[GuestWrite]:
    return [o for o in entry.operations if isinstance(o, GuestWrite) and o.disk == disk]


def _same(one: BackupJob, other: BackupJob) -> bool:
    """Whether two records are of one job."""
    return (one.name, one.disk, one.backup.moment) == (other.name, other.disk, other.backup.moment)


def _begun(timeline: Timeline, job: BackupJob, until: Entry) -> Entry:
    """Return the step that started a job that runs."""
    for entry in reversed(timeline.entries[: until.number]):
        if not any(_same(each, job) for each in entry.before.backup_jobs):
            return entry
    raise AssertionError("a job that runs was started")


def _move(timeline: Timeline, begun: Entry, disk: str) -> Move | None:
    moves = (m for m in timeline.moves if m.entry == begun.number and m.disk == disk)
    return next(moves, None)


def _told_read(timeline: Timeline, job: BackupJob, begun: Entry, tick: int) -> str:
    """Return how much a client had read at a tick; empty where it takes no time."""
    move = _move(timeline, begun, job.disk)
    if move is None or not move.paces:
        return ""
    read = min(move.size, int(moved_until(move.paces, tick)))
    return f"the client had read {write_about(read)} of {write_about(move.size)} by then"


def _rate(timeline: Timeline, begun: Entry, tick: int) -> int | None:
    """Return the bytes a second with which a client would be done before a tick.

    In whole KiB, where it is as much as that; None where the job ends by something else.
    """
    statement = begun.statement
    if statement is None or statement.moving is None or statement.moving.held or statement.endings:
        return None
    sizes = [move.size for move in timeline.moves if move.entry == begun.number]
    # What the guest writes at the very tick of the end comes before it.
    left = tick - 1 - begun.tick - statement.moving.latency
    if left <= 0 or not sizes:
        return None
    rate = -(-max(sizes) * SECOND // left)
    return rate if rate < 1024 else -(-rate // 1024) * 1024
