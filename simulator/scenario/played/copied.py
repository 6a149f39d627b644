"""Pictures of what a job had copied when it was stopped, held against what there was to copy."""

from simulator.model.clusters import ClusterSet
from simulator.model.machine import BackupJob, Job, Kind, Transfer
from simulator.model.requests import CancelJob, FinishJobs
from simulator.moves import key_of, kind_of
from simulator.notation import bar, write_bits
from simulator.scenario.pictures import without_bars
from simulator.scenario.problems import Problems
from simulator.scenario.yaml12 import Path
from simulator.timeline import Timeline


def check_copied(timeline: Timeline) -> None:
    """Hold pictures of what was copied against what the jobs had to copy.

    Raises:
        InputError: One is shorter or longer than its job, or has more than that was to copy; or it
            is told of a job that is no push.
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
            pushed = isinstance(job, BackupJob) and job.backup.transfer is Transfer.PUSH
            if not pushed or not isinstance(job, BackupJob) or job.backup.kind is Kind.NONE:
                _tell_no_push(problems, drawn[0], job)
            elif isinstance(request.copied, ClusterSet):
                _check(problems, *drawn, request.copied, job)
    if problems is not None and len(problems):
        problems.tell()


def _tell_no_push(problems: Problems, path: Path, job: Job) -> None:
    """Note that nobody can say of a job how far it had come: its images hold all, or nothing is."""
    backup = isinstance(job, BackupJob)
    what = "a backup that somebody reads meanwhile" if backup else f"a {kind_of(job)}"
    help = "what is read of it is nowhere" if backup else "one that is stopped has copied all"
    problems.add(
        path,
        f"copied is told of {key_of(job)[0]}, which is {what}",
        expected="it of a backup that QEMU writes",
        help=help,
    )


def _check(problems: Problems, path: Path, drawn: str, copied: ClusterSet, job: BackupJob) -> None:
    told, length = len(without_bars(drawn)), job.backup.length
    if told != length:
        problems.add(
            path,
            f"the picture has {told:,} clusters, {job.backup.name} has {length:,}",
            expected=f"{length:,} characters between the bars, if any",
        )
        return
    read = job.backup.read
    for first, count in (copied - read).runs() if read is not None else ():
        problems.add(
            path,
            f"{job.backup.name} has not to copy cell{'s' if count > 1 else ''} {first + 1}"
            + (f" to {first + count}" if count > 1 else ""),
            expected=f"clusters among {bar(write_bits(read, length))}" if read else "no cluster",
            offset=first + (told != len(drawn)),
            width=count,
        )
