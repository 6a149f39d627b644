"""The rule about jobs that their schedule leaves too little time: BT503."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from simulator.checks.rule import Rule, rule
from simulator.checks.windows import Window, windows_of, windows_of_copies
from simulator.diagnostics import Finding, Severity
from simulator.schedule.durations import write_duration
from simulator.schedule.turns import Overlap
from simulator.timeline import Entry, Instant, Timeline
from simulator.values import NamedTuple


@rule("BT503", "window-exceeds-interval", Severity.WARNING)
def window_exceeds_interval(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds schedules with a turn that finds a job of a turn before still running.

    ## Why is this wrong?
    The job takes longer than its schedule leaves. What becomes of the next turn is up to the host
    and to the scheduler: it is refused, left out, waits, or takes its share of what both go
    through. In each case there are fewer backups than were planned, or later ones, and where the
    next job takes as long, the schedule never catches up.

    ## Example
    ```yaml
    scenario: a full backup every night, and it takes 32 hours
    model: libvirt
    disk: 8
    timeline:
      - {at: 0s, do: [{create: S1}, {write: AAAABBBB}]}
      - every: 1d
        from: 1d
        until: 3d
        overlap: skip
        do: [{backup: {to: full<n>.bak, rate: 16 KiB/h}}]
      - {at: 2d12h, do: [{write: CCCCCCCC}]}
    ```

    ## Use instead
    ```yaml
    scenario: a full backup every other night
    model: libvirt
    disk: 8
    timeline:
      - {at: 0s, do: [{create: S1}, {write: AAAABBBB}]}
      - every: 2d
        from: 1d
        until: 3d
        do: [{backup: {to: full<n>.bak, rate: 16 KiB/h}}]
      - {at: 2d12h, do: [{write: CCCCCCCC}]}
    ```

    ## Source
    systemd.timer(5): a unit that is still active when its timer elapses is not started again.
    vzdump(1): `lockwait`, the minutes that a backup waits for the one before.
    """
    for turns in _schedules(timeline):
        late = [turn for turn in turns if turn.met]
        if late:
            yield _report(self, timeline, turns, late)


class Turn(NamedTuple):
    """A turn of a schedule.

    Attributes:
        tick: When it was planned.
        overlap: What becomes of it while jobs of the turns before still run.
        left: Ticks until the next turn; for the last one, since the one before.
        entries: What was done in it; none where it was left out.
        started: The jobs that it started.
        met: Those of the turns before that still ran.
    """

    tick: int
    overlap: Overlap
    left: int
    entries: tuple[Entry, ...]
    started: tuple[Window, ...]
    met: tuple[Window, ...]

    @property
    def in_time(self) -> bool:
        """Whether it started something, and all of that was complete before the next turn."""
        return bool(self.started) and all(
            window.ticks is not None and window.ticks <= self.left and window.complete
            for window in self.started
        )


def _schedules(timeline: Timeline) -> Iterator[list[Turn]]:
    """Yield the turns of each schedule that started a job, in the order of time."""
    started: dict[tuple[int, int], list[Window]] = {}
    for window in (*windows_of(timeline), *windows_of_copies(timeline)):
        turn = window.begun.turn
        if turn is not None:
            started.setdefault((turn.schedule, turn.number), []).append(window)
    if not started:
        return
    planned: dict[int, list[Instant]] = {}
    for instant in timeline.script.instants:
        if instant.turn is not None:
            planned.setdefault(instant.turn.schedule, []).append(instant)
    done: dict[tuple[int, int], list[Entry]] = {}
    for entry in timeline.entries:
        if entry.turn is not None:
            done.setdefault((entry.turn.schedule, entry.turn.number), []).append(entry)
    for number in sorted({schedule for schedule, _ in started}):
        yield [*_turns(planned[number], done, started)]


def _turns(
    planned: Sequence[Instant],
    done: dict[tuple[int, int], list[Entry]],
    started: dict[tuple[int, int], list[Window]],
) -> Iterator[Turn]:
    left = [after.tick - before.tick for before, after in pairwise(planned)]
    left += left[-1:] or [0]
    running: list[Window] = []
    for instant, gap in zip(planned, left, strict=True):
        assert instant.turn is not None, "it is a turn of the schedule"
        key = instant.turn.schedule, instant.turn.number
        running = [each for each in running if each.until is None or each.until > instant.tick]
        own = tuple(started.get(key, ()))
        yield Turn(
            tick=instant.tick,
            overlap=instant.turn.overlap,
            left=gap,
            entries=tuple(done.get(key, ())),
            started=own,
            met=tuple(running),
        )
        running += own


def _report(self: Rule, timeline: Timeline, turns: list[Turn], late: list[Turn]) -> Finding:
    """Return what the first turn met that found a job running, and what came of the others."""
    told = timeline.script.write_tick
    first, window = late[0], late[0].met[-1]
    of = next(turn for turn in turns if window in turn.started)
    took = write_duration(window.ticks) if window.ticks is not None else None
    ends = f"it takes {took}" if took is not None else "nobody ends it"
    notes = [f"the turn at {told(first.tick)} {_fate(timeline, first)}"]
    if len(late) > 1:
        notes.append(f"{len(late):,} of {len(turns):,} turns find one running")
    notes.append(_catches_up(timeline, turns, late))
    return self.found(
        window.begun,
        f"{window.name} runs on into the next turn of its schedule, {write_duration(of.left)} "
        f"after its own: {ends}",
        label=f"still runs at {told(first.tick)}",
        notes=tuple(notes),
        turns=True,
        help=f"leave more than {took} between two turns, or let them move less, or faster"
        if took is not None
        else f"end {window.name} before the next turn",
    )


def _fate(timeline: Timeline, turn: Turn) -> str:
    """Return what became of a turn that found a job running."""
    if not turn.entries:
        return "is left out" if turn.overlap is Overlap.SKIP else "never begins"
    if turn.entries[0].tick > turn.tick:
        return f"waits until {timeline.script.write_tick(turn.entries[0].tick)}"
    if turn.overlap is Overlap.REFUSE and any(entry.refusal for entry in turn.entries):
        return "is refused"
    return "begins beside it"


def _catches_up(timeline: Timeline, turns: list[Turn], late: list[Turn]) -> str:
    """Return whether a schedule is in step again after its last late turn."""
    later = turns[turns.index(late[-1]) + 1 :]
    well = next((turn for turn in later if turn.in_time), None)
    if well is None:
        return "it does not catch up"
    since = timeline.script.write_tick(well.tick)
    return f"it catches up: the turn at {since} finds none, and is done in time"
