"""The jobs of the time view: backups, and what else moves bytes, as high as they are fast."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from simulator.diagnostics import shown
from simulator.model.machine import (
    Backup,
    BackupJob,
    ChainJob,
    CommitJob,
    MirrorJob,
    PullJob,
    Status,
)
from simulator.model.operations import CloseImages, EndJob, KillProcess
from simulator.model.series import Series, exchanged
from simulator.moves import Move
from simulator.render.amounts import write_amount, write_rate
from simulator.render.views.time.axis import Axis
from simulator.render.views.time.bars import Bar, Track, fold
from simulator.schedule.durations import write_duration
from simulator.timeline import Timeline


def job_tracks(timeline: Timeline, axis: Axis) -> list[Track]:
    """Return a row for each job: when it ran, then how long there is what it made."""
    return [
        *_backup_tracks(timeline, axis),
        *_chain_job_tracks(timeline, axis),
        *_other_tracks(timeline, axis),
    ]


def _backup_tracks(timeline: Timeline, axis: Axis) -> Iterator[Track]:
    """Yield a row for each backup: its job, then the time for which there is a file of it."""
    number_of = {frame.label: n for n, frame in enumerate(timeline.frames)}
    moves = {(move.entry, move.name, move.disk): move for move in timeline.moves}
    fastest = fastest_of(timeline)
    gone = _gone_at(timeline)
    for entry, backup in timeline.made_backups:
        number = number_of.get(entry.instant)
        if number is None:
            continue
        over = _ends_at(timeline, backup, number)
        move = moves.get((entry.number, backup.name, backup.disk))
        start, end = axis.places[number], axis.places[over]
        if move is not None:
            start, end = axis.at(move.start), axis.at(move.end)
        end = max(end, start + axis.least)
        last = gone.get(_identity(backup))
        until = axis.places[last] if last is not None else axis.end
        # It is one of the newest then.
        there = reversed(timeline.frames[over].machine.backups)
        is_there = _identity(backup) in map(_identity, there)
        kept = until if is_there and backup.usable else end
        bars = _backup_bars(backup, start, end, kept)
        yield Track(shown(backup.row), tuple(_with_levels(bars, move, axis, fastest)))


def kept_tracks(jobs: Sequence[Track]) -> list[Track]:
    """Return how long there is what very many jobs made."""
    rows = [(job.label, tuple(bar for bar in job.bars if bar.word == "kept")) for job in jobs]
    kept = [Track(label, tuple(bar._replace(text="") for bar in bars)) for label, bars in rows]
    return fold([track for track in kept if track.bars])


def _with_levels(
    bars: Iterator[Bar], move: Move | None, axis: Axis, fastest: Fraction
) -> Iterator[Bar]:
    """Yield the bars of a job, the first as high as it was fast."""
    job = next(bars)
    told = f"{job.title}; {_tell_move(move)}" if move is not None else job.title
    yield job._replace(title=told, levels=_levels(move, axis, fastest))
    yield from bars


def fastest_of(timeline: Timeline) -> Fraction:
    """Return the most bytes a second that any job of a run moved."""
    speeds = (p.speeds.data for move in timeline.moves for p in move.paces)
    return max((speed for speed in speeds if speed), default=Fraction(1))


def _levels(move: Move | None, axis: Axis, fastest: Fraction) -> tuple[tuple[float, float], ...]:
    """Return how fast a job was from which position on, beside the fastest; empty if at once."""
    if move is None or not move.paces:
        return ()
    levels = [(axis.at(move.start), 0.0)]
    for pace in move.paces:
        speed = pace.speeds.data
        levels.append((axis.at(pace.tick), float(speed / fastest) if speed is not None else 1.0))
    if move.done is not None and move.done != move.end:
        levels.append((axis.at(move.done), 0.0))
    return tuple(levels if levels[1][0] > levels[0][0] else levels[1:])


def _tell_move(move: Move) -> str:
    """Return how much a job moved, and how long that took."""
    took = f" in {write_duration(move.end - move.start)}" if move.end is not None else ""
    speeds = [pace.speeds.data for pace in move.paces if pace.speeds.data]
    rate = f", at most {write_rate(max(speeds))}" if speeds else ""
    return f"{write_amount(move.data_bytes)}{took}{rate}"


def _other_tracks(timeline: Timeline, axis: Axis) -> Iterator[Track]:
    """Yield a row for each job that moved bytes and made no backup."""
    made = {(entry.number, each.name) for entry, each in timeline.made_backups}
    fastest = fastest_of(timeline)
    for move in timeline.moves:
        if (move.entry, move.name) in made:
            continue
        bad = move.status not in (Status.COMPLETED, Status.RUNNING)
        told = f"{move.kind}, {move.status}" if bad else move.kind
        start = axis.at(move.start)
        end = max(axis.at(move.end), start + axis.least)
        role = {Status.FAILED: "error", Status.CANCELLED: "warning"}.get(move.status, "busy")
        title = f"{move.name}: {told}; {_tell_move(move)}"
        levels = _levels(move, axis, fastest)
        word = move.status.value if bad else "busy"
        bar = Bar(start, end, role, told, title, bad, word, levels, kind=move.kind)
        yield Track(shown(move.name), (bar,))


def _backup_bars(backup: Backup, start: float, end: float, until: float) -> Iterator[Bar]:
    """Yield the bar of a backup's job, and that of the time until which it is kept."""
    told = _tell_backup(backup)
    title, kind = f"{backup.row}: {told}", str(backup.kind)
    if backup.status in (Status.FAILED, Status.CANCELLED):
        role = "error" if backup.status is Status.FAILED else "warning"
        yield Bar(start, end, role, told, title, True, backup.status.value, kind=kind)
    else:
        text = "" if until > end else told
        yield Bar(start, end, "backup", text, title, word="backup", kind=kind)
    if until > end:
        yield Bar(end, until, "zero", told, title, word="kept")


def _tell_backup(backup: Backup) -> str:
    """Return what kind of backup it is, in a few words."""
    told = str(backup.kind)
    if backup.since:
        told += f" since {backup.since}"
    elif backup.bitmaps:
        told = f"through {', '.join(map(shown, backup.bitmaps))}"
    return told if backup.status is Status.COMPLETED else f"{told}, {backup.status}"


def _gone_at(timeline: Timeline) -> dict[tuple[str, int, str], int]:
    """Return the number of the frame at which each backup was there no more."""
    gone: dict[tuple[str, int, str], int] = {}
    before: Series[Backup] = ()
    for number, frame in enumerate(timeline.frames):
        left, came = exchanged(before, frame.machine.backups)
        # One that is another value now is there still.
        gone |= dict.fromkeys({*map(_identity, left)} - {*map(_identity, came)}, number)
        before = frame.machine.backups
    return gone


def _identity(backup: Backup) -> tuple[str, int, str]:
    """Return what a backup is the same by, however far it got."""
    return backup.row, backup.moment, backup.kind


def _ends_at(timeline: Timeline, backup: Backup, number: int) -> int:
    """Return the number of the frame at which a job is over."""
    for n in range(number, len(timeline.frames)):
        machine = timeline.frames[n].machine
        names = {(job.backup.name, job.disk) for job in machine.backup_jobs}
        if (backup.name, backup.disk) not in names:
            return n
    return len(timeline.frames) - 1


_KINDS = {CommitJob: "commit", PullJob: "pull", MirrorJob: "blockcopy"}
"""What a job on a chain is called."""


def _chain_job_tracks(timeline: Timeline, axis: Axis) -> Iterator[Track]:
    """Yield a row for each commit, pull or copy of a disk that runs on for a while."""
    begun: dict[tuple[str, str], int] = {}
    moved = {(move.name, move.kind) for move in timeline.moves}
    for number, frame in enumerate(timeline.frames):
        running = {
            _key(job) for job in frame.machine.jobs if not isinstance(job, BackupJob)
        } - moved
        for key in [key for key in begun if key not in running]:
            start, end = axis.places[begun.pop(key)], axis.places[number]
            yield _chain_job(key, start, end, _outcome(timeline, number, key))
        for key in sorted(running):
            begun.setdefault(key, number)
    for key, number in begun.items():
        yield _chain_job(key, axis.places[number], axis.end, "")


def _key(job: ChainJob) -> tuple[str, str]:
    return job.name, _KINDS[type(job)]


def _outcome(timeline: Timeline, number: int, key: tuple[str, str]) -> str:
    """Return how a job ended at an instant, if not well."""
    for entry in timeline.entries_of(timeline.frames[number]):
        before, after = (
            {_key(job) for job in machine.jobs if not isinstance(job, BackupJob)}
            for machine in (entry.before, entry.after)
        )
        if key not in before or key in after:
            continue
        ends = {each.job: each.status for each in entry.operations if isinstance(each, EndJob)}
        if key[0] in ends:
            return "" if ends[key[0]] is Status.COMPLETED else str(ends[key[0]])
        if isinstance(entry.request, KillProcess | CloseImages):
            return "lost with the process"
    return ""


def _chain_job(key: tuple[str, str], start: float, end: float, outcome: str) -> Track:
    name, kind = key
    told = f"{kind}, {outcome}" if outcome else kind
    role = ("error" if outcome != "cancelled" else "warning") if outcome else "busy"
    word = {"": "busy", "cancelled": "cancelled"}.get(outcome, "failed")
    title = f"{name}: {told}"
    return Track(name, (Bar(start, end, role, told, title, bool(outcome), word, kind=kind),))
