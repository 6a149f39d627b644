"""Everything that copied bytes in a run: backups, copies, merges and restores, one a disk."""

from collections.abc import Iterator

from simulator.flows.course import Course
from simulator.measures import courses
from simulator.model.disk import Disk
from simulator.model.machine import (
    Backup,
    BackupJob,
    ChainJob,
    CommitJob,
    Job,
    Machine,
    MirrorJob,
    PullJob,
    Restored,
    Status,
)
from simulator.model.operations import CommitImages, MirrorDisk, PullImages
from simulator.model.transitions import apply_all
from simulator.moves import Key, Move, key_of, kind_of, status_of
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple


class Work(NamedTuple):
    """One job of a run, or what moved bytes without one; some take no time.

    Attributes:
        name, disk: A backup's target, a restored disk, an image that is made, or what a job is
            called; and the disk that it worked on.
        kind: ``full``, ``incremental`` … of a backup, ``copy``, ``commit``, ``pull``,
            ``blockcopy`` or ``restore``.
        entry: Number of the entry that started it.
        start: The tick of its step.
        end: The tick at which it ended; None where it still runs at the end of the run.
        status: How it ended.
        data_bytes, zero_bytes: What it moved because it holds data, or reads as zeroes.
        copied_bytes: What QEMU's own job counts as progress; of what has no job, the data.
        stored_bytes: Data of the backup or copy that it left behind.
        waited_writes, waited: Writes of the guest that waited for a copy before write, and the
            nanoseconds that they waited, together, each for the last of its clusters.
        scratch_peak: The most bytes that its scratch space held.
        through: Names of the resources that its data went through.
        why: Why it failed, as far as the clock knows.
    """

    name: str
    disk: str
    kind: str
    entry: int
    start: int
    end: int | None
    status: Status
    data_bytes: int = 0
    zero_bytes: int = 0
    copied_bytes: int = 0
    stored_bytes: int = 0
    waited_writes: int = 0
    waited: int = 0
    scratch_peak: int = 0
    through: tuple[str, ...] = ()
    why: str = ""

    @property
    def window(self) -> int | None:
        """The ticks that it took; None where it still runs."""
        return self.end - self.start if self.end is not None else None


class _End(NamedTuple):
    """How a job of the machine's came to its end."""

    entry: int
    tick: int
    status: Status
    scratch_peak: int


def find_works(timeline: Timeline) -> tuple[Work, ...]:
    """Return the jobs of a run in the order of their starts; asked again, the same."""
    known = timeline.memo.get("works")
    if isinstance(known, tuple):
        return known
    found = tuple(_Finder(timeline).works())
    timeline.memo["works"] = found
    return found


class _Finder:
    """Reads the jobs off the record of a run."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._moves = {(m.entry, m.name, m.disk): m for m in timeline.moves}
        self._made: dict[int, list[Backup]] = {}
        for entry, backup in timeline.made_backups:
            self._made.setdefault(entry.number, []).append(backup)
        self._ends: dict[Key, list[_End]] = {}
        for entry in timeline.entries:
            self._note_ends(entry)

    def works(self) -> Iterator[Work]:
        """Yield the jobs, those of one step by the order of the disks in it."""
        for entry in self._timeline.entries:
            if entry.statement is None or entry.refusal is not None:
                continue
            for backup in self._made.get(entry.number, ()):
                yield self._of_backup(entry, backup)
            if entry.after.jobs is not entry.before.jobs:
                for job in entry.after.jobs:
                    if not isinstance(job, BackupJob) and _is_new(job, entry.before):
                        yield self._of_chain(entry, job)
            for before, merge in _chain_jobs(entry):
                yield _done_at_once(entry, merge, courses.course_of(before, merge))
            for restored in entry.new_restores:
                yield self._of_restore(entry, restored)

    def _note_ends(self, entry: Entry) -> None:
        """Note the jobs that are no more after an entry."""
        if entry.after.jobs is entry.before.jobs:
            return
        left = {key_of(job) for job in entry.after.jobs}
        for job in entry.before.jobs:
            if key_of(job) not in left:
                status = status_of(job, entry.after, entry.operations)
                peak = _scratch_of(job, entry.before)
                end = _End(entry.number, entry.tick, status, peak)
                self._ends.setdefault(key_of(job), []).append(end)

    def _end_of(self, entry: Entry, key: Key) -> _End | None:
        """Return how the job came to its end that a step started; None where it still runs."""
        return next((end for end in self._ends.get(key, ()) if end.entry > entry.number), None)

    def _of_backup(self, entry: Entry, backup: Backup) -> Work:
        kind, last = backup.kind.value, self._timeline.last
        key = backup.name, backup.disk
        move = self._moves.get((entry.number, *key))
        held = backup.data_bytes if backup.has_file else 0
        peak = max((_scratch_of(job, last) for job in last.jobs if key_of(job) == key), default=0)
        if move is not None and move.status is not Status.RUNNING:
            return _moved(move, backup.copied_bytes, held)
        if move is not None:
            return _moved(move, move.data_bytes + move.zero_bytes, 0)._replace(scratch_peak=peak)
        work = Work(
            name=backup.name,
            disk=backup.disk,
            kind=kind,
            entry=entry.number,
            start=entry.tick,
            end=entry.tick,
            status=backup.status,
            data_bytes=backup.data_bytes,
            zero_bytes=backup.zero_bytes,
            copied_bytes=backup.copied_bytes,
            stored_bytes=held,
        )
        if not any(key_of(job) == key for job in entry.after.jobs):
            return work
        if backup.status is Status.RUNNING:
            nothing = work._replace(data_bytes=0, zero_bytes=0, copied_bytes=0, stored_bytes=0)
            return nothing._replace(end=None, scratch_peak=peak)
        end = self._end_of(entry, key)
        assert end is not None, "the backup's job has ended"
        return work._replace(end=end.tick, scratch_peak=end.scratch_peak)

    def _of_chain(self, entry: Entry, job: ChainJob) -> Work:
        key = key_of(job)
        move = self._moves.get((entry.number, *key))
        if move is not None:
            return _moved(move, move.data_bytes + move.zero_bytes, 0)
        work = _done_at_once(entry, job, courses.course_of(entry.before, job))
        end = self._end_of(entry, key)
        if end is None:
            return work._replace(end=None, status=Status.RUNNING)
        return work._replace(end=end.tick, status=end.status)

    def _of_restore(self, entry: Entry, restored: Restored) -> Work:
        move = self._moves.get((entry.number, restored.name, restored.disk))
        if move is not None:
            return _moved(move, move.data_bytes, 0)
        size = sum(source.data_bytes for source in restored.sources)
        return Work(
            name=restored.name,
            disk=restored.disk,
            kind="restore",
            entry=entry.number,
            start=entry.tick,
            end=entry.tick,
            status=Status.COMPLETED,
            data_bytes=size,
            copied_bytes=size,
        )


def _moved(move: Move, copied: int, stored: int) -> Work:
    """Return what a job that took time comes to."""
    return Work(
        name=move.name,
        disk=move.disk,
        kind=move.kind,
        entry=move.entry,
        start=move.start,
        end=move.end,
        status=move.status,
        data_bytes=move.data_bytes,
        zero_bytes=move.zero_bytes,
        copied_bytes=copied,
        stored_bytes=stored,
        waited_writes=move.waited_writes,
        waited=move.waited,
        scratch_peak=move.scratch_peak,
        through=move.through,
        why=move.why,
    )


def _done_at_once(entry: Entry, job: ChainJob, course: Course) -> Work:
    """Return what a merge comes to that takes no time."""
    name, disk = key_of(job)
    return Work(
        name=name,
        disk=disk,
        kind=kind_of(job),
        entry=entry.number,
        start=entry.tick,
        end=entry.tick,
        status=Status.COMPLETED,
        data_bytes=course.data_size,
        zero_bytes=course.size - course.data_size,
        copied_bytes=course.size,
    )


def _scratch_of(job: Job, machine: Machine) -> int:
    """Return the bytes in a job's scratch space."""
    scratch = job.scratch if isinstance(job, BackupJob) else None
    return len(scratch) * machine.disk(job.disk).cluster_size if scratch is not None else 0


def _chain_jobs(entry: Entry) -> Iterator[tuple[Machine, ChainJob]]:
    """Yield what merged or copied a chain within a step, as jobs, and the machine before each."""
    for number, operation in enumerate(entry.operations):
        if not isinstance(operation, CommitImages | PullImages | MirrorDisk):
            continue
        before = apply_all(entry.before, entry.operations[:number]) if number else entry.before
        assert isinstance(before, Machine), "the step was accepted"
        job = _job_of(operation, before)
        if not any(_is_new(each, entry.before) for each in entry.after.jobs_on(job.disk)):
            yield before, job


def _is_new(job: Job, before: Machine) -> bool:
    return not isinstance(job, BackupJob) and all(job.name != each.name for each in before.jobs)


def _job_of(operation: CommitImages | PullImages | MirrorDisk, before: Machine) -> ChainJob:
    """Return what an operation would be as a job that lasts."""
    match operation:
        case CommitImages(device=device, top=top, base=base, carry=carry):
            disk = _disk_of(before, device)
            top, base = top or disk.active.name, base or disk.chain[0].name
            name = operation.job or f"commit-{top}"
            return CommitJob(name=name, disk=disk.name, top=top, base=base, carry=carry)
        case PullImages(into=into, base=base, bottom=bottom, carry=carry):
            disk = _disk_of(before, into)
            names = [image.name for image in disk.chain]
            if bottom is not None:
                base = names[names.index(bottom) - 1] if bottom != names[0] else None
            name = operation.job or f"pull-{into}"
            return PullJob(name=name, disk=disk.name, into=into, base=base, carry=carry)
        case MirrorDisk(node=node, into=into, shallow=shallow):
            name, kind, carry = _disk_of(before, node).name, operation.format, operation.carry
            return MirrorJob(
                name=into, disk=name, into=into, format=kind, carry=carry, shallow=shallow
            )


def _disk_of(machine: Machine, node: str) -> Disk:
    disk = machine.disk_of(node)
    assert disk is not None, "the step was accepted"
    return disk
