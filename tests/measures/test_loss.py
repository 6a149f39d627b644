"""Loss over time, held against what can be restored at every tick, asked one by one."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

import simulator
from simulator.measures.changes import changes_of
from simulator.measures.loss import Point, find_loss
from simulator.restorable.history import Restorable, history_of
from simulator.schedule.durations import SECOND
from simulator.timeline import Timeline

HEAD = """
scenario: what would be lost
disk: 4
timeline:
  - at: 0s
    do: [{create: S1}]
"""

WRITES = st.sampled_from(["A---", "-B--", "--C-", "AB--"]).map(lambda p: f'{{write: "{p}"}}')
HOW = ["full", "since", "since", "copy", "go", "lose", "bad", "none"]
TIMES = ["", ", rate: 64 KiB/s", ", rate: 32 KiB/s, latency: 1s"]


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    """Draw a few instants, a second or more apart, at which backups come and go."""
    text, made, tick, checkpoints = HEAD, 0, 0, list[str]()
    for number in range(draw(st.integers(2, 7))):
        tick += draw(st.integers(1, 4))
        steps = [draw(WRITES)] if draw(st.booleans()) else []
        how = draw(st.sampled_from(HOW)) if number else "full"
        time = draw(st.sampled_from(TIMES))
        target = f"b{draw(st.integers(0, max(0, made - 1)))}"
        if how == "full":
            steps.append(f"{{backup: {{to: b{made}, checkpoint: c{made}{time}}}}}")
        elif how == "copy":
            steps.append(f"{{copy: {{image: S1, to: b{made}{time}}}}}")
        elif how == "since":
            since = draw(st.sampled_from(checkpoints))
            steps.append(f"{{backup: {{since: {since}, to: b{made}, checkpoint: c{made}{time}}}}}")
        elif how == "go":
            steps.append(f"{{delete: {{backup: {target}}}}}")
        elif how == "lose":
            steps.append(f"{{lose: {target}}}")
        elif how == "bad":
            steps.append(f"{{corrupt: {{backup: {target}, cells: X---}}}}")
        if how in ("full", "since"):
            checkpoints.append(f"c{made}")
        made += how in ("full", "since", "copy")
        text += f"  - at: {tick}s\n    do: [{', '.join(steps)}]\n"
        if draw(st.booleans()):
            text += f"  - {draw(WRITES)[1:-1]}\n" if number else ""
    return simulator.loads(text).run().timeline


def asked(timeline: Timeline, tick: int) -> tuple[str | None, int | None] | None:
    """Return the newest instant that can be restored at a tick, and its tick.

    None before the first one can be.
    """
    passed = [frame for frame in timeline.frames if frame.tick <= tick]
    if not passed or not passed[-1].entries:
        return None
    last = passed[-1]
    copying = {m.name for m in timeline.moves if m.kind == "copy" and (m.end or 0) > tick}
    history = history_of(timeline)
    there = history.available(last.machine)
    found = Restorable(history, there, passed, last.entries - 1).without(copying)
    if not any(found.history.graphs[d].ways[p] for d, all in found.available.items() for p in all):
        return None, None
    ticks = {frame.label: frame.tick for frame in passed}
    newest = found.restorable[-1] if found.restorable else None
    return newest, ticks[newest] if newest is not None else None


@given(timelines())
@settings(derandomize=True, deadline=None, max_examples=200)
def test_it_is_as_if_somebody_had_asked_at_every_tick(timeline: Timeline) -> None:
    loss = find_loss(timeline)
    ends = [move.end for move in timeline.moves if move.end is not None]
    ticks = sorted({*range(0, loss.end + 1, SECOND // 2), *ends})
    begun = False
    for tick in ticks:
        answer = asked(timeline, tick)
        begun = begun or (answer is not None and answer[0] is not None)
        expected = tick - (answer[1] or 0) if begun and answer is not None else None
        assert loss.at(tick) == expected
    assert loss.end == max([timeline.frames[-1].tick, *ends])


def test_a_backup_counts_when_its_job_has_ended_and_while_it_is_there() -> None:
    # Until 3 s nothing can be restored; the full backup takes 2 s, and gives back 1s. At 9 s the
    # increment has been copied in one more second. At 12 s all is lost.
    run = simulator.loads("""
scenario: counted
disk: 2
timeline:
  - at: 0s
    do: [{create: S1}]
  - write: A-
  - at: 1s
    do: [{backup: {to: full, checkpoint: c1, rate: 64 KiB/s}}]
  - at: 7s
    do: [{write: -B}]
  - at: 8s
    do: [{backup: {since: c1, to: inc, rate: 64 KiB/s}}]
  - at: 10s
    do: [{corrupt: {backup: inc, cells: -X}}]
  - at: 12s
    do: [{lose: full}]
  - at: 13s
    do: []
""").run()
    loss = find_loss(run.timeline)
    assert loss.points == (
        Point(3 * SECOND, "3s", 3 * SECOND, 65536),
        Point(9 * SECOND, "9s", 9 * SECOND, 131072),
        Point(10 * SECOND, "3s", 3 * SECOND, 65536),
        Point(12 * SECOND, None, None, 0),
    )
    # Nothing changed while the backups ran, so what is there at their ends is what they hold.
    # From 3 s on it grows from 0 to 6, from 0 to 1, from 7 to 9, from 12 to 13.
    assert loss.worst == loss.worst_at == 13 * SECOND
    assert loss.mean == Fraction(18 * 2 + 1 + 16 * 2 + 25, 2) * SECOND / 10
    assert loss.at(2 * SECOND) is None
    assert loss.at(11 * SECOND) == 8 * SECOND


def test_what_can_never_be_restored_has_no_loss() -> None:
    run = simulator.loads("""
scenario: never
disk: 2
timeline:
  - at: 0s
    do: [{create: S1}, {write: A-}]
  - at: 1h
    do: []
""").run()
    loss = find_loss(run.timeline)
    assert (loss.points, loss.worst, loss.worst_at, loss.mean) == ((), None, None, None)


def test_a_copy_that_goes_bad_while_it_is_made_is_there_when_it_is_made() -> None:
    # Nothing can be restored from what is damaged; it is stored all the same, from 14 s on.
    run = simulator.loads("""
scenario: bad from the start
disk: 4
timeline:
  - at: 0s
    do: [{create: S1}, {write: AB--}, {snapshot: S2}]
  - at: 10s
    do: [{copy: {image: S1, to: c, rate: 32 KiB/s}}]
  - at: 12s
    do: [{corrupt: {backup: c, cells: X---}}]
  - at: 16s
    do: [{lose: c}]
  - at: 20s
    do: []
""").run()
    changes = [*changes_of(run.timeline)]
    assert [(c.tick // SECOND, len(c.came), len(c.gone)) for c in changes] == [
        (0, 0, 0),
        (10, 0, 0),
        (12, 0, 0),
        (14, 1, 0),
        (16, 0, 1),
        (20, 0, 0),
    ]
    assert find_loss(run.timeline).points == ()
