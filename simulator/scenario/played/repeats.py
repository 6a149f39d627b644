"""Names that two steps of a file introduce: a mistake where both would be there at one time.

A step that the host refused leaves its names free, and so does whatever gives one up; what a host
refuses, only a run can tell.
"""

from simulator.model.machine import Machine, Status
from simulator.model.requests import TakeBackup
from simulator.scenario.names import Thing
from simulator.scenario.problems import FIRST, Problems
from simulator.scenario.yaml12 import Path
from simulator.timeline import Entry, Repeat, Timeline

_NOTHING_LEFT = (Status.FAILED, Status.CANCELLED)
"""What a job came to, if another one may be started under its name: the host says whether."""


def check_repeats(timeline: Timeline, *, restarts: bool, own: bool) -> None:
    """Hold the names that statements introduce against what was there by then.

    Args:
        timeline: The record of a run.
        restarts: Whether a checkpoint of a name that is there starts it anew.
        own: Whether the run is under the scenario's own model. Under another one, what a host
            turns down is no mistake in the file.

    Raises:
        InputError: One of them was there.
    """
    problems: Problems | None = None
    told: set[Path] = set()  # The turns of a schedule share their places.
    for entry in timeline.entries:
        for repeat in entry.statement.repeats if entry.statement is not None else ():
            if restarts and repeat.thing == Thing.CHECKPOINT:
                continue
            if not _is_there(entry.before, repeat) or (entry.refusal is not None and not own):
                continue
            if _is_written_over(entry, repeat):
                continue
            if repeat.path in told:
                continue
            told.add(repeat.path)
            if problems is None:
                problems = Problems(timeline.script.path, timeline.script.source)
            problems.add(
                repeat.path,
                f"the {repeat.thing} {repeat.name} is introduced twice, first on {FIRST}",
                expected="a new name",
                help="if that is meant, say so beside the verb: expect: refused",
                first=repeat.first,
            )
    if problems is not None:
        problems.tell()


def _is_written_over(entry: Entry, repeat: Repeat) -> bool:
    """Whether a client writes over a backup of the same disks, which nobody else is writing."""
    request = entry.request
    if repeat.thing is not Thing.BACKUP or not isinstance(request, TakeBackup):
        return False
    running = any(job.backup.name == repeat.name for job in entry.before.backup_jobs)
    there = {backup.disk for backup in entry.before.backups_named(repeat.name)}
    return request.pulled and not running and there == {*request.disks}


def _is_there(machine: Machine, repeat: Repeat) -> bool:
    name = repeat.name
    match repeat.thing:
        case Thing.IMAGE:
            gone = (disk.detached for disk in machine.disks if disk.detached is not None)
            return machine.node_taken(name) or any(disk.image(name) for disk in gone)
        case Thing.CHECKPOINT:
            return machine.checkpoint(name) is not None or any(
                bitmap.name == name
                for disk in machine.disks
                if repeat.disk in (None, disk.name)
                for bitmap in disk.bitmaps
            )
        case Thing.BACKUP:
            jobs = (job.backup.name == name for job in machine.backup_jobs)
            made = (b.status not in _NOTHING_LEFT for b in machine.backups_named(name))
            return any(jobs) or any(made)
        case Thing.RESTORE:
            return any(restored.name == name for restored in machine.restores)
        case _:
            return False
