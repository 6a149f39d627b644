"""Pictures of what a job had copied when it was stopped, held against what there was to copy."""

from simulator.model.clusters import ClusterSet
from simulator.model.machine import BackupJob
from simulator.model.requests import CancelJob, FinishJobs
from simulator.notation import bar, write_bits
from simulator.scenario.pictures import without_bars
from simulator.scenario.problems import Problems
from simulator.scenario.yaml12 import Path
from simulator.timeline import Timeline


def check_copied(timeline: Timeline) -> None:
    """Hold pictures of what was copied against what the jobs had to copy.

    Raises:
        InputError: One is shorter or longer than its job, or has more than that was to copy.
    """
    problems: Problems | None = None
    for entry in timeline.entries:
        request = entry.request
        drawn = entry.statement.copied if entry.statement is not None else None
        if drawn is None or not isinstance(request, FinishJobs | CancelJob):
            continue
        names = {*request.jobs} if isinstance(request, FinishJobs) else {request.job}
        for job in entry.before.backup_jobs:
            if isinstance(request.copied, ClusterSet) and names & {job.name, job.backup.name}:
                problems = problems or Problems(timeline.script.path, timeline.script.source)
                _check(problems, *drawn, request.copied, job)
    if problems is not None and len(problems):
        problems.tell()


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
