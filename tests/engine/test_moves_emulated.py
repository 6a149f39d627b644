"""One push and a guest that writes meanwhile, held against a walk cluster by cluster."""

from fractions import Fraction
from math import ceil

from hypothesis import example, given, settings
from hypothesis import strategies as st

import simulator
from simulator.schedule.durations import SECOND
from simulator.timeline import Timeline

LAW = settings(derandomize=True, deadline=None, max_examples=60)
CLUSTER = 65536
MS = 10**6

WRITES = st.dictionaries(st.integers(1, 9000), st.integers(0, 7), max_size=8)


def scenario(data: set[int], bounds: str, latency: int, writes: dict[int, int], stop: int) -> str:
    """A push that is stopped, and writes of one cluster each at times after its start."""

    def cells(clusters: set[int], letter: str) -> str:
        return "".join(letter if n in clusters else "-" for n in range(8))

    lines = [
        "scenario: a push and a guest\nmodel: qemu\ndisk: 8",
        "resources: {r16: 16 KiB/s, r64: 64 KiB/s, r96: 96 KiB/s, r100: 100 KiB/s}\ntimeline:",
        f"  - at: 0s\n    do: [{{create: S1}}, {{write: '{cells(data, 'A')}'}}]",
        "  - at: 1s\n    do:",
        f"      - backup: {{to: t, {bounds}, latency: {latency}ms, cancel: +{stop}ms}}",
    ]
    for when, cluster in sorted(writes.items()):
        lines.append(f"  - at: {1000 + when}ms\n    do: [{{write: '{cells({cluster}, 'B')}'}}]")
    return "\n".join(lines) + "\n"


def play(text: str) -> Timeline:
    return simulator.loads(text).run().timeline


@given(
    st.sets(st.integers(0, 7)),
    st.sampled_from([16, 64, 96, 100]),
    st.booleans(),
    st.sampled_from([0, 700]),
    WRITES,
    st.integers(1, 9000),
)
@example(set(), 16, True, 700, {1: 0}, 2)
@example({0}, 16, True, 700, {1: 0}, 2)
@example({0}, 16, True, 700, {1: 1}, 2)
@example(set(), 16, True, 700, {1: 0}, 5000)
@LAW
def test_a_push_is_where_a_walk_is(
    data: set[int], rate: int, slow: bool, latency: int, writes: dict[int, int], stop: int
) -> None:
    """A job that keeps to its rate, or a slow target, which takes data only."""
    bounds = f"through: [r{rate}]" if slow else f"rate: {rate} KiB/s"
    timeline = play(scenario(data, bounds, latency, writes, stop))
    (move,) = timeline.moves
    start, each = 1 * SECOND, Fraction(SECOND * 64, rate)
    first = start + latency * MS
    taken = [each if n in data or not slow else 0 for n in range(8)]
    in_turn = {n: first + sum(taken[: n + 1]) for n in range(8)}
    whole = in_turn[7]
    end = min(start + stop * MS, -(-whole.numerator // whole.denominator))
    assert move.end == end
    copied = {n for n, when in in_turn.items() if when <= end}
    waits = list[Fraction | int]()
    for when, cluster in sorted(writes.items()):
        tick = start + when * MS
        # At one tick what ends by itself comes before the steps of the file.
        if tick >= end or in_turn[cluster] <= max(tick, first):
            continue
        # Through a resource zeroes move nothing.
        turn = ceil(in_turn[cluster]) if cluster in data or not slow else first
        waits.append(max(0, min(end, turn) - tick))
    (backup,) = timeline.last.backups
    held = {n for n, _ in backup.content.items()}
    if end == start + stop * MS and end < whole:
        beside = {c for t, c in writes.items() if slow and c not in data}
        assert copied <= held <= copied | beside
    assert move.waited_writes == sum(1 for waited in waits if waited)
    assert move.waited == sum(waits)
