"""Scratch spaces that fill up: which writes of a workload fail, and what would have been enough."""

import re

import pytest

import simulator
from simulator.diagnostics import Finding
from simulator.model.operations import GuestWrite
from simulator.pipeline import Run
from simulator.schedule.durations import SECOND
from simulator.timeline import Entry
from simulator.workload.drawing import TRIMS, Window, draw, merge

SLOW = """
scenario: a client that reads too slowly
model: libvirt
disk: 8
timeline:
  - at: 0s
    do: [{{create: S1}}, {{write: AABB----}}]
  - at: 1s
    do: [{{backup: {{to: pull, mode: pull, scratch: {scratch}, {rate}}}}}]
  - guest: {{from: 1s, until: 20s, workload: sequential, writes: 2/s, length: 64 KiB}}
"""


def play(scratch: str = "128 KiB", rate: str = "rate: 64 KiB/s") -> Run:
    return simulator.loads(SLOW.format(scratch=scratch, rate=rate)).run()


def failed(run: Run) -> list[Entry]:
    return [entry for entry in run.timeline.entries if entry.refusal is not None]


def count(entry: Entry) -> int:
    return sum(each.writes for each in entry.operations if isinstance(each, GuestWrite))


def full(run: Run) -> Finding:
    (found,) = [each for each in run.findings if each.code == "BT210"]
    return found


def test_the_first_write_without_room_fails_at_its_tick_and_so_do_all_to_other_clusters() -> None:
    # A write each half second, one cluster after the other. Two find room; from 2.5 s on the six
    # others fail, until the client has read its four clusters, at 5 s.
    run = play()
    first, later = failed(run)
    assert (first.tick, count(first)) == (5 * SECOND // 2, 1)
    assert count(later) == 5
    (move,) = run.timeline.moves
    assert (move.end, move.scratch_peak) == (5 * SECOND, 2 * 65536)


def test_the_finding_says_when_how_many_how_far_and_what_would_do() -> None:
    # The client has 1.5 s until then. All eight clusters are overwritten before its end; done
    # before 2.5 s is who reads 256 KiB in just under 1.5 s.
    found = full(play())
    assert (
        found.message
        == "6 of the guest's writes fail: the scratch space of pull is full at 2s500ms"
    )
    assert found.notes == (
        "write failed: No space left on device",
        "the client had read 96 KiB of 256 KiB by then",
        "all that the guest overwrites while the job runs takes 512 KiB",
    )
    assert found.help == "give the scratch image 512 KiB, or let the client read 171 KiB/s or more"
    assert found.at == "1s"


@pytest.mark.parametrize(
    ("scratch", "rate", "fails"),
    [
        ("512 KiB", "rate: 64 KiB/s", False),
        ("448 KiB", "rate: 64 KiB/s", True),
        ("128 KiB", "rate: 171 KiB/s", False),
        ("128 KiB", "rate: 170 KiB/s", True),
    ],
)
def test_what_the_help_says_is_enough_and_less_is_not(scratch: str, rate: str, fails: bool) -> None:
    assert bool(failed(play(scratch, rate))) is fails


def test_where_something_else_ends_the_job_no_rate_is_told() -> None:
    assert "the client" not in full(play(rate="rate: 64 KiB/s, ends: +10s")).help
    assert "the client" not in full(play(rate="ends: +10s")).help


def test_what_is_kept_already_goes_on() -> None:
    text = SLOW.format(scratch="128 KiB", rate="rate: 64 KiB/s")
    again = "  - guest: {from: 1s, until: 20s, workload: sequential, writes: 8/s, length: 64 KiB, "
    text += again + "region: [0, 128 KiB]}\n"
    run = simulator.loads(text).run()
    assert sum(map(count, failed(run))) == 6
    written = [count(e) for e in run.timeline.entries if e.statement is None and not e.refusal]
    assert sum(written) == 19 * 10 - 6


def expected(window: Window, unit: int, length: int, room: int) -> tuple[int, int, set[int]]:
    """Return the first tick without room, how many writes fail, and what the guest changed."""
    kept: set[int] = set()
    first, failures, changed = 0, 0, set()
    kinds = window.kinds if window.kinds is not None else [0] * len(window.ticks)
    for tick, cluster, kind in zip(window.ticks, window.clusters, kinds, strict=True):
        if kind >= TRIMS:
            continue
        begin = int(cluster) // unit * unit
        fresh = set(range(begin, min(begin + unit, length))) - kept
        if len(kept) + len(fresh) > room:
            first = first or int(tick)
            failures += 1
            continue
        kept |= fresh
        changed.add(int(cluster))
    return first, failures, changed


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("looks", [0, 7])
@pytest.mark.parametrize(
    ("disk", "unit", "length"),
    [
        ("{clusters: 50}", 1, 50),
        ("{clusters: 5000}", 1, 5000),
        ("{size: 18572 KiB, cluster_size: 4 KiB}", 16, 4643),
    ],
)
def test_each_write_fails_or_not_as_if_they_came_one_by_one(
    seed: int, looks: int, disk: str, unit: int, length: int
) -> None:
    room = length // 3
    size = re.search(r"cluster_size: (\d+)", disk)
    scratch = room * (int(size[1]) if size else 64)
    text = f"""
scenario: s
model: libvirt
seed: {seed}
disks: {{vda: {disk}}}
timeline:
  - at: 0s
    do: [create: S1]
  - at: 1s
    do: [{{backup: {{to: pull, mode: pull, checkpoint: c, scratch: {scratch} KiB, ends: 1h}}}}]
  - guest: {{from: 1s, until: 59m, workload: zipf, writes: 2/s, mix: {{zero: 5%, discard: 5%}}}}
  - guest: {{from: 1s, until: 59m, workload: uniform, writes: 1/s}}
"""
    text += "".join(f"  - at: {number + 2}m\n" for number in range(looks)) + "  - at: 1h\n"
    scenario = simulator.loads(text)
    run = scenario.run()
    streams = [draw(guest, seed).take(None) for guest in scenario.script.guests]
    first, failures, changed = expected(merge(streams), unit, length, room)
    entries = failed(run)
    assert entries[0].tick == first
    assert sum(map(count, entries)) == failures > 100
    bitmap = run.timeline.last.disks[0].bitmap("S1", "c")
    assert bitmap is not None
    assert set(run.timeline.last.disks[0].clusters_of(bitmap)) >= changed
    view = run.timeline.last.disks[0].guest_view
    assert set(view.clusters()) == changed
