"""Pictures of what a job had copied when it was stopped, held against what there was to copy."""

from simulator.model.clusters import ClusterSet
from simulator.model.machine import BackupJob, Job, Kind, MirrorJob, Transfer
from simulator.model.requests import CancelJob, FinishJobs
from simulator.moves import key_of, kind_of
from simulator.notation import bar, write_bits
from simulator.scenario.pictures import without_bars
from simulator.scenario.problems import Problems
from simulator.scenario.yaml12 import Path
from simulator.timeline import Timeline
from simulator.values import NamedTuple


def check_copied(timeline: Timeline) -> None:
    """Hold pictures of what was copied against what the jobs had to copy.

    Raises:
        InputError: One is shorter or longer than its job, or has more than that was to copy; or it
            is told of a job of which nobody can say.
    """
    problems: Problems | None = None
    for entry in timeline.entries:
        drawn = entry.statement.copied if entry.statement is not None else None
        if drawn is None:
            continue
        request = entry.request
        if not isinstance(request, FinishJobs | CancelJob):
            continue
        names = {*request.jobs} if isinstance(request, FinishJobs) else {request.job}
        for job in entry.before.jobs:
            if names.isdisjoint({job.name, key_of(job)[0]}):
                continue
            problems = problems or Problems(timeline.script.path, timeline.script.source)
            had = _to_copy(job)
            if had is None:
                _tell_none(problems, drawn[0], job)
            elif isinstance(request.copied, ClusterSet):
                _check(problems, *drawn, request.copied, had)
    if problems is not None and len(problems):
        problems.tell()


class _ToCopy(NamedTuple):
    """What a job had to copy, into an image or a backup; no clusters stand for all of them."""

    job: str
    name: str
    length: int
    clusters: ClusterSet | None


def _to_copy(job: Job) -> _ToCopy | None:
    """Return what a job had to copy; None where nobody can say how far it had come."""
    if isinstance(job, BackupJob):
        backup = job.backup
        if backup.transfer is not Transfer.PUSH or backup.kind is Kind.NONE:
            return None
        return _ToCopy(backup.name, backup.name, backup.length, backup.read)
    if isinstance(job, MirrorJob) or job.copying is None:
        return None
    image = job.copying.image
    return _ToCopy(job.name, image.name, image.length, job.copying.clusters)


def _tell_none(problems: Problems, path: Path, job: Job) -> None:
    """Note that nobody can say of a job how far it had come: what it writes is nowhere then."""
    backup = isinstance(job, BackupJob)
    what = "a backup that somebody reads meanwhile" if backup else f"a {kind_of(job)}"
    help = "what is read of it is nowhere" if backup else "its new image is dropped with it"
    problems.add(
        path,
        f"copied is told of {key_of(job)[0]}, which is {what}",
        expected="it of a backup that QEMU writes, a commit or a pull",
        help=help,
    )


def _check(problems: Problems, path: Path, drawn: str, copied: ClusterSet, had: _ToCopy) -> None:
    told = len(without_bars(drawn))
    if told != had.length:
        problems.add(
            path,
            f"the picture has {told:,} clusters, {had.name} has {had.length:,}",
            expected=f"{had.length:,} characters between the bars, if any",
        )
        return
    read = had.clusters
    for first, count in (copied - read).runs() if read is not None else ():
        problems.add(
            path,
            f"{had.job} has not to copy cell{'s' if count > 1 else ''} {first + 1}"
            + (f" to {first + count}" if count > 1 else ""),
            expected=f"clusters among {bar(write_bits(read, had.length))}"
            if read
            else "no cluster",
            offset=first + (told != len(drawn)),
            width=count,
        )
