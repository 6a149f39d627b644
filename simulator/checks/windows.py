"""How long jobs ran: each with the steps that started and ended it."""

from bisect import bisect_right

from simulator.model.machine import Job, Machine, Status
from simulator.moves import WITHOUT_JOB, Progress
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple


class Window(NamedTuple):
    """The time that a job ran, whichever disks it worked on.

    Attributes:
        name: A backup's target, or what the job is called.
        begun: The step that started it.
        until: The tick at which it ended on its last disk; None where it still runs at the end of
            the run.
        complete: Whether it ended, and did not fail, nor was cancelled.
    """

    name: str
    begun: Entry
    until: int | None = None
    complete: bool = False

    @property
    def ticks(self) -> int | None:
        """How long it ran; None where it still does."""
        return self.until - self.begun.tick if self.until is not None else None


def windows_of(timeline: Timeline) -> tuple[Window, ...]:
    """Return the windows of all jobs, in the order of their starts; asked again, the same ones."""
    known = timeline.memo.get("windows")
    if not isinstance(known, tuple):
        known = timeline.memo["windows"] = _windows(timeline)
    return known


def windows_of_copies(timeline: Timeline) -> tuple[Window, ...]:
    """Return the windows of plain copies and of restores that take time, which are no jobs."""
    return tuple(
        Window(each.name, timeline.entries[each.entry], each.end, each.status is Status.COMPLETED)
        for each in timeline.moves
        if each.kind in WITHOUT_JOB
    )


def _windows(timeline: Timeline) -> tuple[Window, ...]:
    found: list[Window] = []
    running: dict[tuple[str, str], int] = {}
    for entry in timeline.entries:
        if entry.after.jobs is entry.before.jobs:
            continue
        then, now = _keys(entry.before), _keys(entry.after)
        for key in then - now:
            place = running.pop(key)
            if place not in running.values():
                made = entry.after.backups_named(key[0])
                complete = all(backup.status is Status.COMPLETED for backup in made)
                found[place] = found[place]._replace(until=entry.tick, complete=complete)
        for key in sorted(now - then):
            if not found or (found[-1].name, found[-1].begun) != (key[0], entry):
                found.append(Window(key[0], entry))
            running[key] = len(found) - 1
    return tuple(found)


def _keys(machine: Machine) -> set[tuple[str, str]]:
    return {(job.name, job.disk) for job in machine.jobs}


def window_at(timeline: Timeline, entry: Entry, job: Job) -> Window:
    """Return the window of a job that runs when something is asked for."""
    begun = [w for w in windows_of(timeline) if w.begun.number < entry.number]
    return next(w for w in reversed(begun) if w.name == job.name)


def tell_window(timeline: Timeline, entry: Entry, window: Window) -> str:
    """Return since when a job has run that something meets, and until when it would.

    Returns:
        Nothing where its instants are names, or it takes no time of its own.
    """
    statement = window.begun.statement
    if statement is None or (statement.moving is None and not statement.endings):
        return ""
    told = timeline.script.write_tick
    since = f"{window.name} has run since {window.begun.instant or told(window.begun.tick)}"
    moving = [each for each in _progress(timeline, entry) if each.name == window.name]
    ticks = [each.until for each in moving]
    if None in ticks:
        return f"{since}, and has moved nothing yet"
    until = max((tick for tick in ticks if tick is not None), default=entry.tick)
    if until > entry.tick:
        return f"{since}, and would until {told(until)} at this rate"
    done = f", has moved all at {told(until)}" if moving else ""
    if window.until is None:
        return f"{since}{done}, and nobody ends it"
    return f"{since}{done}, and does until {told(window.until)}"


def _progress(timeline: Timeline, entry: Entry) -> tuple[Progress, ...]:
    """Return how far the jobs had come at the end of an entry's instant."""
    place = bisect_right(timeline.frames, entry.number, key=lambda frame: frame.entries)
    return timeline.frames[place].progress if place < len(timeline.frames) else ()
