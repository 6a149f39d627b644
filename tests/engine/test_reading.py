"""What a plain copy holds whose image is written while it is copied.

Figures are worked out by hand beside their scenarios; laws are held against a walk that looks at
one cluster after the other.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulator
from simulator.engine import reading, waits
from simulator.flows.course import SECOND, Course, Speeds
from simulator.model.clusters import WORKLOAD_FIRST
from simulator.model.machine import Backup, Status
from simulator.pipeline.runs import Run
from simulator.timeline import Timeline

LAW = settings(derandomize=True, deadline=None, max_examples=100)

HEAD = """
scenario: copies that take time
disk: 8
resources: {nas: 64 KiB/s, shelf: {capacity: 320 KiB}}
timeline:
  - {at: 0s, do: [{create: S1}]}
"""

FULL = HEAD + "  - write: AAAAAAAA\n"


def play(steps: str, head: str = FULL) -> Run:
    """Play some steps after the head's."""
    return simulator.loads(head + steps).run()


def made(timeline: Timeline, name: str = "S1.bak") -> Backup:
    """Return the one backup of a name that the last machine has."""
    (backup,) = timeline.last.backups_named(name)
    return backup


def cells(backup: Backup) -> str:
    """Return what a backup holds, a character a cluster."""
    held = dict(backup.content.items())
    return "".join("-" if n not in held else chr(held[n] or ord("0")) for n in range(backup.length))


def codes(run: Run) -> list[str]:
    return [each.code for each in run.findings]


def test_a_copy_has_what_is_written_ahead_of_it_and_lacks_what_is_written_behind_it() -> None:
    # At 4 s it has passed 3 clusters.
    run = play("""
  - at: 1s
    do: [{copy: {image: S1, to: S1.bak, rate: 64 KiB/s}}]
  - at: 4s
    do: [{write: BBBB--BB}]
  - at: 20s
    do: [{restore: {from: [S1.bak], as: back}}]
""")
    assert cells(made(run.timeline)) == "AAABAABB"
    assert (run.timeline.moves[0].start, run.timeline.moves[0].end) == (SECOND, 9 * SECOND)
    assert codes(run) == ["BT205", "BT301"]
    (restored,) = run.timeline.last.restores
    assert run.timeline.instants_like(restored) == ()


@pytest.mark.parametrize(("tick", "held"), [("3s999999999ns", "B"), ("4s", "A"), ("4s1ns", "A")])
def test_a_write_at_the_nanosecond_at_which_it_has_passed_is_behind(tick: str, held: str) -> None:
    run = play(f"""
  - at: 1s
    do: [{{copy: {{image: S1, to: S1.bak, rate: 64 KiB/s}}}}]
  - at: {tick}
    do: [{{write: --B-----}}]
""")
    assert cells(made(run.timeline)) == f"AA{held}AAAAA"


def test_of_several_writes_the_last_one_counts_before_the_copy_comes() -> None:
    run = play("""
  - at: 1s
    do: [{copy: {image: S1, to: S1.bak, rate: 64 KiB/s}}]
  - {at: 2s, do: [{write: ------BB}]}
  - {at: 6s500ms, do: [{write: ------C-}]}
  - {at: 8s, do: [{write: ------DD}]}
  - {at: 8s500ms, do: [{write: "-------0"}]}
""")
    assert cells(made(run.timeline)) == "AAAAAAC0"


def test_a_gap_is_passed_with_what_comes_before_it_and_costs_nothing() -> None:
    # Two clusters of data: over at 3 s. The gap in front is passed at once, the next at 2 s.
    steps = """
  - at: 1s
    do: [{copy: {image: S1, to: S1.bak, rate: 64 KiB/s}}]
  - {at: 1s1ns, do: [{write: B-------}]}
  - {at: 1s999999999ns, do: [{write: --B-----}]}
  - {at: 2s, do: [{write: --C--B--}]}
  - {at: 3s, do: [{write: "-------B"}]}
"""
    run = play(steps, HEAD + "  - write: -A----A-\n")
    assert cells(made(run.timeline)) == "-AB---A-"
    assert run.timeline.moves[0].end == 3 * SECOND
    assert made(run.timeline).data_bytes == 3 * 64 * 1024


def test_what_is_written_before_the_first_byte_is_in_the_copy() -> None:
    run = play("""
  - at: 1s
    do: [{copy: {image: S1, to: S1.bak, rate: 64 KiB/s, latency: 5s}}, {write: B-------}]
  - {at: 6s, do: [{write: CC------}]}
  - {at: 7s, do: [{write: DD------}]}
""")
    assert cells(made(run.timeline)) == "CDAAAAAA"


def test_it_goes_by_the_share_that_the_copy_has() -> None:
    # Alone until 3 s, 2 clusters; then half as fast, so that the third is passed at 5 s.
    run = play("""
  - at: 1s
    do: [{copy: {image: S1, to: S1.bak, through: nas}}]
  - at: 3s
    do: [{copy: {image: S1, to: other.bak, through: nas}}]
  - {at: 4s999999999ns, do: [{write: BBB-----}]}
  - {at: 5s, do: [{write: CCC-----}]}
""")
    assert cells(made(run.timeline)) == "AABAAAAA"
    assert cells(made(run.timeline, "other.bak")) == "BCCAAAAA"


def test_an_overlay_takes_the_writes_and_the_copy_below_it_is_whole() -> None:
    run = play("""
  - at: 1s
    do: [{copy: {image: S1, to: S1.bak, rate: 64 KiB/s}}]
  - {at: 3s, do: [{write: B------B}, {snapshot: S2}]}
  - {at: 4s, do: [{write: CCCCCCCC}]}
""")
    assert cells(made(run.timeline)) == "AAAAAAAB"


COMMIT = """
  - at: 1s
    do: [{snapshot: S2}, {copy: {image: S1, to: S1.bak, rate: 64 KiB/s}}]
  - {at: 2s, do: [{write: BBBB-BBB}, {snapshot: S3}]}
"""


def test_what_a_commit_moves_counts_by_how_far_it_was() -> None:
    # The copy passes cluster c at 2 + c s. The commit begins at 5 s and moves 4 clusters a second,
    # and none of the fifth: it is at cluster 4 at 6 s, at 5 to 7 at 6.25 to 6.75 s.
    run = play(COMMIT + "  - at: 5s\n    do: [{commit: {top: S2, base: S1, rate: 256 KiB/s}}]\n")
    assert cells(made(run.timeline)) == "AAAAABBB"
    (torn,) = run.findings
    assert torn.code == "BT205"
    assert torn.message == "copy S1.bak is read while data is committed into S1"


def test_a_commit_that_the_copy_keeps_ahead_of_is_no_finding() -> None:
    # It begins at 7 s: the copy has passed 6 clusters, and the others before the commit comes.
    run = play(COMMIT + "  - at: 7s\n    do: [{commit: {top: S2, base: S1, rate: 64 KiB/s}}]\n")
    assert cells(made(run.timeline)) == "AAAAAAAA"
    assert codes(run) == []


def test_a_commit_that_is_over_before_the_first_byte_is_no_finding() -> None:
    late = COMMIT.replace("64 KiB/s", "64 KiB/s, latency: 5s")
    run = play(late + "  - at: 3s\n    do: [{commit: {top: S2, base: S1}}]\n")
    assert cells(made(run.timeline)) == "BBBBABBB"
    assert codes(run) == []


def test_a_commit_that_takes_no_time_is_met_at_once() -> None:
    run = play(COMMIT + "  - at: 7s\n    do: [{commit: {top: S2, base: S1}}]\n")
    assert cells(made(run.timeline)) == "AAAAAABB"
    assert codes(run) == ["BT205"]


def test_a_commit_that_is_stopped_leaves_what_it_had_moved() -> None:
    # At 6 s it has moved 4 clusters of data; the copy has passed 5 of 8, and meets none of them.
    steps = (
        "  - at: 5s\n    do: [{commit: {top: S2, base: S1, rate: 256 KiB/s, cancel: +1500ms}}]\n"
    )
    run = play(COMMIT + steps.replace("256", "64"))
    assert cells(made(run.timeline)) == "AAAAAAAA"
    # Four times as fast it has moved all but the last by 6.5 s.
    run = play(COMMIT + steps)
    assert cells(made(run.timeline)) == "AAAAABBA"


def test_a_copy_that_begins_under_a_commit_has_what_it_moved_by_then_and_meets() -> None:
    # The commit moves a cluster a second from 1 s on, the copy two from 3 s on: it passes cluster c
    # at 3.5 + c / 2 s, and the commit at 2 + c s: they meet at the fourth.
    run = play("""
  - {at: 500ms, do: [{snapshot: S2}, {write: BBBBBBBB}, {snapshot: S3}]}
  - {at: 1s, do: [{commit: {top: S2, base: S1, rate: 64 KiB/s}}]}
  - {at: 3s, do: [{copy: {image: S1, to: S1.bak, rate: 128 KiB/s}}]}
""")
    assert cells(made(run.timeline)) == "BBBAAAAA"
    assert codes(run) == ["BT205"]


def test_a_store_that_is_full_keeps_what_was_read_of_what_was_written() -> None:
    # Five clusters fit, so that the sixth makes it fail just after 6 s.
    run = play("""
  - at: 1s
    do: [{copy: {image: S1, to: S1.bak, rate: 64 KiB/s, through: shelf}}]
  - {at: 2s500ms, do: [{write: BB-B---B}]}
""")
    backup = made(run.timeline)
    assert (cells(backup), backup.status) == ("ABABA---", Status.FAILED)


def test_a_copy_of_what_nobody_writes_ends_without_a_statement() -> None:
    timeline = play("""
  - at: 1s
    do: [{snapshot: S2}, {copy: {image: S1, to: S1.bak, rate: 64 KiB/s}}]
  - {at: 4s, do: [{write: BBBBBBBB}]}
""").timeline
    assert made(timeline).torn is None
    assert [entry.statement.verb for entry in timeline.entries if entry.statement] == [
        "create",
        "write",
        "snapshot",
        "copy",
        "write",
    ]


# Laws.


def naive(
    at_start: dict[int, int],
    writes: Iterable[tuple[int, int, int]],
    length: int,
    start: int,
    speed: Fraction,
) -> dict[int, int]:
    """Walk over the clusters, and look at all writes for each.

    Args:
        writes: Tick, cluster and version of each, in the order of time.
        start: The tick at which the copy's first byte moves.
        speed: Clusters a nanosecond.
    """
    held: dict[int, int] = {}
    passed = 0
    for cluster in range(length):
        if at_start.get(cluster, 0):
            passed += 1
        version = at_start.get(cluster)
        for tick, where, new in writes:
            # What lies before all data is passed just after the first byte's tick.
            ahead = tick < start + passed / speed if passed else tick <= start
            if where == cluster and ahead:
                version = new
        if version is not None:
            held[cluster] = version
    return held


LETTERS = st.sampled_from("BCDEF0")
TICKS = st.integers(1, 12 * 4).map(lambda quarter: quarter * SECOND // 4)


@given(
    before=st.text("-A0", min_size=8, max_size=8),
    writes=st.lists(
        st.tuples(TICKS, st.integers(0, 7), LETTERS), max_size=12, unique_by=lambda w: w[0]
    ),
    rate=st.sampled_from([64, 96, 128]),
)
@LAW
def test_a_copy_reads_each_cluster_as_a_walk_does(
    before: str, writes: list[tuple[int, int, str]], rate: int
) -> None:
    ordered = sorted(writes, key=lambda each: each[0])
    text = HEAD + f'  - write: "{before}"\n' * (before != "-" * 8)
    text += f"  - at: 1ns\n    do: [{{copy: {{image: S1, to: S1.bak, rate: {rate} KiB/s}}}}]\n"
    for tick, cluster, letter in ordered:
        drawn = "-" * cluster + letter + "-" * (7 - cluster)
        text += f'  - {{at: {tick}ns, do: [{{write: "{drawn}"}}]}}\n'
    version = {"0": 0} | {letter: ord(letter) for letter in "ABCDEF"}
    wanted = naive(
        {n: version[letter] for n, letter in enumerate(before) if letter != "-"},
        [(tick, cluster, version[letter]) for tick, cluster, letter in ordered],
        8,
        1,
        Fraction(rate, 64 * SECOND),
    )
    found = made(simulator.loads(text).run().timeline)
    assert dict(found.content.items()) == wanted


@pytest.mark.parametrize("clusters", [64, 5000])
@pytest.mark.parametrize("mix", ["", ", mix: {zero: 20%, discard: 20%}"])
@pytest.mark.parametrize("seed", range(4))
def test_a_workload_is_met_write_by_write(clusters: int, mix: str, seed: int) -> None:
    """Of 900 writes to 60 clusters, within which the copy comes past them."""
    from simulator.workload.drawing import TRIMS, WRITES, draw

    text = f"""
scenario: a copy under a workload
seed: {seed}
disk: {clusters}
timeline:
  - at: 0s
    do: [{{create: S1}}, {{write: {{offset: 0 B, length: {40 * 64} KiB, data: A}}}}]
  - guest: {{from: 1s, until: 10s, workload: uniform, writes: 100/s, length: 64 KiB,
            region: [0 B, {60 * 64} KiB]{mix}}}
  - at: 2s
    do: [{{copy: {{image: S1, to: S1.bak, rate: {9 * 64} KiB/s}}}}]
  - {{at: 5s, do: []}}
  - {{at: 12s, do: []}}
"""
    timeline = simulator.loads(text).run().timeline
    window = draw(timeline.script.guests[0], seed).take(None)
    kinds = window.kinds if window.kinds is not None else [WRITES] * len(window.ticks)
    changes = list(zip(map(int, window.ticks), map(int, window.clusters), kinds, strict=True))
    reads, at_start = dict.fromkeys(range(40), ord("A")), dict.fromkeys(range(40), ord("A"))
    writes, done = list[tuple[int, int, int]](), 0
    # Versions are counted in each stretch, without what is trimmed there.
    for end in (entry.tick for entry in timeline.entries if entry.statement is None):
        version = WORKLOAD_FIRST + done
        while done < len(changes) and changes[done][0] <= end:
            tick, cluster, kind = changes[done]
            done += 1
            now = 0 if kind != WRITES else version
            version += kind < TRIMS
            # A base image stays without what is trimmed there and was never written.
            if kind < TRIMS or cluster in reads:
                reads[cluster] = now
                writes.append((tick, cluster, now))
    at_start |= {cluster: now for tick, cluster, now in writes if tick <= 2 * SECOND}
    assert done == len(changes)
    found = dict(made(timeline).content.items())
    assert found == naive(at_start, writes, 60, 2 * SECOND, Fraction(9, SECOND))
    assert made(timeline).torn


@given(
    covered=st.sets(st.integers(0, 59), min_size=1),
    share=st.fractions(0, 1, max_denominator=50),
    speed=st.none() | st.integers(1, 40).map(Fraction),
    cut=st.integers(0, 3),
    changes=st.lists(
        st.tuples(st.integers(0, 30 * SECOND), st.integers(0, 59)),
        min_size=waits.MANY + 1,
        max_size=60,
    ),
)
@LAW
def test_many_changes_at_once_are_ahead_as_they_are_one_by_one(
    covered: set[int],
    share: Fraction,
    speed: Fraction | None,
    cut: int,
    changes: list[tuple[int, int]],
) -> None:
    data = sorted(covered)
    course = Course(data, data, 4, 240 - cut)
    under = waits.Under(course, share * course.size, 5 * SECOND, Speeds(speed, None))
    ticks = [5 * SECOND + tick for tick, _ in changes]
    clusters = [cluster for _, cluster in changes]
    assert list(reading.ahead(under, ticks, clusters)) == [
        one for each in zip(ticks, clusters, strict=True) for one in _alone(under, *each)
    ]


def _alone(under: waits.Under, tick: int, cluster: int) -> Sequence[bool]:
    return reading.ahead(under, [tick], [cluster])


@given(
    committed=st.sets(st.integers(0, 59), min_size=waits.MANY + 1),
    zeroes=st.sets(st.integers(0, 59)),
    speeds=st.builds(Speeds, st.integers(1, 40).map(Fraction), st.integers(1, 40).map(Fraction)),
    copy_speed=st.integers(1, 40).map(Fraction),
    later=st.integers(0, 20 * SECOND),
)
@LAW
def test_what_a_job_moves_is_met_as_a_walk_meets_it(
    committed: set[int], zeroes: set[int], speeds: Speeds, copy_speed: Fraction, later: int
) -> None:
    size = 4
    course = Course(sorted(committed), sorted(committed - zeroes), size, 60 * size)
    job = waits.Under(course, Fraction(0), later, speeds)
    whole = range(60)
    copy = waits.Under(
        Course(whole, whole, size, 60 * size), Fraction(0), 0, Speeds(copy_speed, None)
    )
    found = reading.moved_by(job, 0, len(course.covered), copy)
    wanted, then = [], Fraction(later)
    for cluster in course.covered:
        speed = speeds.zeroes if cluster in zeroes else speeds.data
        assert speed is not None
        then += SECOND * size / speed
        passed = SECOND * size * (cluster + 1) / copy_speed
        # Both happen at the tick that comes then.
        wanted.append(-(-then // 1) < -(-passed // 1))
    assert list(found) == wanted


def test_a_copy_that_is_deleted_while_it_is_made_is_missed_by_nobody() -> None:
    run = play("""
  - at: 500ms
    do: [snapshot: S2]
  - at: 1s
    do: [{copy: {image: S1, to: S1.bak, rate: 64 KiB/s, through: shelf}}]
  - {at: 2s, do: [{delete: {backup: S1.bak}}]}
""")
    assert run.timeline.last.backups == ()
    assert codes(run) == []
