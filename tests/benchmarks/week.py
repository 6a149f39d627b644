"""A week of 200 writes a second on a terabyte, beside SimPy with no model at all.

Hourly checkpoints each take an incremental backup, and each night takes a full one, which is put
back as a trial while the next incremental goes through the same resources. The writes are drawn,
every rule is asked, every backup is held against what the guest saw, and all is told as text and as
a report: that is the timed work. Beside it stands the same week with jobs that take no time.
SimPy is measured at 10⁷ timeouts, since it needs a minute for the 1.2·10⁸ of the whole week. The
other rows have 10⁷ writes in the week as well, of 16 a second, so that its 350 instants cost twelve
times as much beside them.
"""

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import simulator
from simulator.pipeline import Scenario
from simulator.restorable.history import history_of
from tests.benchmarks.engine import bare_simpy
from tests.benchmarks.figures import Figure, compare, show

HOURS, NIGHTS = 7 * 24, 7
WHOLE = 200 * 3600
"""Writes an hour; ten and a hundred million in all are a twelfth and a little less than all."""

TEN, HUNDRED = WHOLE // 12, WHOLE // 12 * 10
HOT = "[0, 200 GiB]"

NIGHT = "23h30m"
"""When a full backup begins that takes its time: libvirt runs one at a time."""

TRIALS = f"""\
  - every: 24h
    from: 24h
    until: {HOURS}h
    do:
      - restore: {{from: full<n>.bak, as: trial<n>, through: [net, store]}}
"""
"""Each night's backup is put back while the hour's incremental is taken."""

SIMPY_LIMIT, SIZE_LIMIT, GROWTH_LIMIT = 0.1, 1.5, 12.0
BYTES_MAX = 4 * 10**9
ROUNDS = 3


def main() -> bool:
    """Measure and print; return whether all limits are kept."""
    return show(measured())


def measured() -> Iterator[Figure]:
    """Yield the figures."""
    # A process counts the memory of the one that starts it, which is still small.
    yield Figure(
        name="peak memory of the whole week, 1.2·10⁸ writes",
        ours=peak_of(week(WHOLE, region=HOT, sharing=True)) / 1e6,
        peer=BYTES_MAX / 1e6,
        limit=1,
        unit="MB",
    )
    whole = simulator.loads(week(WHOLE, region=HOT, sharing=True))
    ten = simulator.loads(week(TEN, region=HOT))
    shared = simulator.loads(week(TEN, region=HOT, sharing=True))
    tib, pib, hundred = (
        simulator.loads(week(writes, disk))
        for writes, disk in ((TEN, "1 TiB"), (TEN, "1 PiB"), (HUNDRED, "1 TiB"))
    )
    for name, scenario, share in (
        ("week of 1.2·10⁸ writes, jobs that share, SimPy timeouts", whole, TEN / WHOLE),
        ("week at 10⁷ writes on 1 TiB, as many SimPy timeouts", ten, 1.0),
        ("the same, jobs that share resources, SimPy timeouts", shared, 1.0),
    ):
        yield compare(
            name,
            partial(live, scenario),
            partial(bare_simpy, TEN * HOURS),
            limit=SIMPY_LIMIT,
            rounds=ROUNDS,
            share=share,
        )
    yield compare(
        "week at 10⁷ writes all over 1 PiB, 1 TiB",
        partial(live, pib),
        partial(live, tib),
        limit=SIZE_LIMIT,
        rounds=ROUNDS,
    )
    yield compare(
        "week at 10⁸ writes all over 1 TiB, 10⁷",
        partial(live, hundred),
        partial(live, tib),
        limit=GROWTH_LIMIT,
        rounds=ROUNDS,
    )


def week(writes: int, disk: str = "1 TiB", *, region: str = "", sharing: bool = False) -> str:
    """Return the scenario of a week.

    Args:
        writes: How many there are in an hour.
        region: Where they go; anywhere if nothing is said.
        sharing: Whether jobs take their time, and share what they go through.
    """
    there = f", region: {region}" if region else ""
    through = ", through: [net, store]" if sharing else ""
    return (
        "scenario: a week of one machine\nmodel: libvirt\nseed: 7\n"
        f"disks: {{vda: {{size: {disk}}}}}\n"
        + ("resources: {net: {bandwidth: 2 GiB/s}, store: {bandwidth: 1 GiB/s}}\n" * sharing)
        + "timeline:\n"
        "  - at: 0s\n    do: [{create: S1}, {backup: {to: full0.bak, checkpoint: c0}}]\n"
        f"  - guest: {{until: {HOURS}h, workload: zipf, writes: {writes}/h, length: 4 KiB, "
        f"skew: 1.1{there}}}\n"
        f"  - every: 1h\n    from: 1h\n    until: {HOURS}h\n    do:\n"
        f"      - backup: {{since: c<n-1>, to: inc<n>.bak, checkpoint: c<n>{through}}}\n"
        f"  - every: 24h\n    from: {NIGHT if sharing else '24h'}\n    until: {HOURS}h\n    do:\n"
        f"      - backup: {{to: full<n>.bak{through}}}\n" + (TRIALS * sharing)
    )


def live(scenario: Scenario) -> None:
    """Play a week, hold every backup against what the guest saw, tell it, and report on it."""
    run = scenario.run()
    assert not run.failing
    (graph,) = history_of(run.timeline).graphs.values()
    for place, piece in enumerate(graph.pieces):
        ways = {(way.start, way.end) for way in graph.ways[place]}
        assert piece.complete or (piece.start, piece.end) in ways, piece.row
        assert piece.end in {end for _, end in ways}, piece.row
    assert len(graph.pieces) == 1 + HOURS + NIGHTS
    assert "".join(run.tell())
    assert run.report("json")


def peak_of(scenario: str) -> int:
    """Return the most memory, in bytes, that a process of its own takes for a week."""
    program = (
        "import sys, simulator\n"
        "from tests.benchmarks.engine import peak\n"
        "from tests.benchmarks.week import live\n"
        "live(simulator.loads(sys.stdin.read()))\n"
        "print(peak())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        input=scenario,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(ran.stdout)
