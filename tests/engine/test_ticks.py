"""What happens at one tick, and what depends on how a run goes."""

import pytest

import simulator
from simulator.model.clusters import WORKLOAD_FIRST
from simulator.timeline import Timeline

HEAD = "scenario: s\nmodel: libvirt\ndisk: 8\nseed: 3\ntimeline:\n"


def play(entries: str) -> Timeline:
    return simulator.loads(HEAD + entries).run().timeline


def frames(timeline: Timeline) -> list[str | None]:
    return [frame.label for frame in timeline.frames]


def writes_until(timeline: Timeline, label: str) -> int:
    """How often the guest had changed the disk by an instant."""
    frame = timeline.frame_of(label)
    assert frame is not None
    return frame.machine.disks[0].moment


GUEST = "  - guest: {workload: sequential, length: 64 KiB, writes: 1/s, "


def test_the_guest_writes_first_then_jobs_end_then_steps_are_done() -> None:
    timeline = play(
        "  - {at: 0s, do: [{create: S1}, {backup: {to: a.bak, ends: +3s}}]}\n"
        f"{GUEST}until: 3s}}\n"
        "  - {at: 3s, do: [{backup: b.bak}]}\n"
    )
    told = [entry.statement.verb if entry.statement else "guest" for entry in timeline.entries]
    assert told == ["create", "backup", "guest", "backup", "backup"]
    assert [entry.instant for entry in timeline.entries] == ["0s", "0s", None, "3s", "3s"]
    assert frames(timeline) == ["0s", "3s"]
    (b,) = timeline.last.backups_named("b.bak")
    assert b.moment == 3


def test_writes_at_the_very_tick_of_the_first_image_come_after_it() -> None:
    timeline = play(f"{GUEST}from: 1s, until: 4s}}\n  - {{at: 3s, do: [create: S1]}}\n  - at: 4s\n")
    assert writes_until(timeline, "3s") == 0
    # Those of 2s had no disk; those of 3s and 4s are there.
    assert writes_until(timeline, "4s") == 2
    content = timeline.last.disks[0].guest_view
    assert dict(content.items()) == {1: WORKLOAD_FIRST + 1, 2: WORKLOAD_FIRST + 2}


def test_nothing_is_written_while_no_process_runs() -> None:
    timeline = play(
        "  - {at: 0s, do: [create: S1]}\n"
        f"{GUEST}until: 10s}}\n"
        "  - {at: 3s, do: [crash]}\n  - {at: 7s, do: [start]}\n  - at: 10s\n"
    )
    assert [writes_until(timeline, at) for at in ("3s", "7s", "10s")] == [3, 3, 6]
    assert all(entry.refusal is None for entry in timeline.entries)


def test_what_a_frozen_guest_writes_waits_for_the_thaw() -> None:
    timeline = play(
        "  - {at: 0s, do: [create: S1]}\n"
        f"{GUEST}until: 7s}}\n"
        "  - {at: 3s, do: [freeze, {thaw: {after: 4s}}]}\n  - at: 5s\n"
        "  - write: -------Z\n  - at: 7s\n  - at: 8s\n"
    )
    assert [writes_until(timeline, at) for at in ("3s", "5s", "7s", "8s")] == [3, 3, 3, 8]
    assert timeline.last.disks[0].guest_view.get(7) == ord("Z")


def test_a_crash_ends_a_freeze_and_what_waited_is_lost() -> None:
    timeline = play(
        "  - {at: 0s, do: [create: S1]}\n"
        f"{GUEST}until: 10s}}\n"
        "  - {at: 3s, do: [freeze]}\n  - {at: 5s, do: [crash, start]}\n  - at: 10s\n"
    )
    assert [writes_until(timeline, at) for at in ("5s", "10s")] == [3, 8]


def test_a_guest_that_nobody_thaws_never_writes() -> None:
    timeline = play(
        f"  - {{at: 0s, do: [create: S1, freeze, freeze]}}\n{GUEST}until: 10s}}\n  - at: 10s\n"
    )
    assert writes_until(timeline, "10s") == 0
    assert timeline.entries[2].refusal is not None


NIGHTS = (
    "  - {at: 0s, do: [create: S1]}\n  - {every: 1h, until: 4h, overlap: OVERLAP, do: [STEP]}\n"
)


@pytest.mark.parametrize(
    ("overlap", "started"),
    [
        ("refuse", ["0s", "1h", "2h", "3h", "4h"]),
        ("skip", ["0s", "2h", "4h"]),
        ("queue", ["0s", "1h30m", "3h", "4h30m", "6h"]),
    ],
)
def test_a_turn_meets_the_jobs_of_the_one_before(overlap: str, started: list[str]) -> None:
    step = "backup: {to: b<n>.bak, ends: +90m}"
    timeline = play(NIGHTS.replace("OVERLAP", overlap).replace("STEP", step))
    begun = [e.instant for e in timeline.entries if e.statement and e.statement.verb == "backup"]
    first = [
        entry.instant
        for entry in timeline.entries
        if entry.statement is not None and type(entry.request).__name__ == "TakeBackup"
    ]
    assert first == started
    assert len(begun) >= len(first)


def test_what_stands_under_else_is_done_where_the_host_refuses() -> None:
    entries = "  - {at: 0s, do: [create: S1]}\n  - every: 1h\n    until: 2h\n    do:\n"
    entries += "      - {backup: {since: c<n-1>, to: i<n>, checkpoint: c<n>}, else: {backup: {to: "
    run = simulator.loads(
        f"{HEAD}{entries}f<n>, checkpoint: c<n>}}}}}}\n".replace("c<n-1>", "c<n>")
    )
    timeline = run.run().timeline
    assert [backup.name for backup in timeline.last.backups] == ["f1", "f2", "f3"]
    assert all(finding.allowed for finding in run.run().findings if finding.refused)


def test_equal_files_and_seeds_give_equal_bytes_and_other_seeds_others() -> None:
    entries = (
        "  - {at: 0s, do: [create: S1]}\n"
        "  - guest: {workload: zipf, writes: 1/s, until: 4s, length: 64 KiB, arrivals: poisson}\n"
    )
    first, again = (simulator.loads(HEAD + entries).run().json() for _ in range(2))
    assert first == again
    other = simulator.loads(HEAD.replace("seed: 3", "seed: -3") + entries).run().json()
    assert other.replace('"seed": -3', '"seed": 3') != first


def test_a_thousand_turns_are_played() -> None:
    timeline = play(
        "  - {at: 0s, do: [create: S1]}\n  - {every: 1m, until: 999m, do: [write: A-------]}\n"
    )
    assert len(timeline.frames) == 1000
