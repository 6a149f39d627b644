"""The mail on a real QEMU, beside the bare session that this needs; and the simulator beside it."""

from collections.abc import Iterator

import simulator
from simulator.verify.on_qemu import verify
from tests.benchmarks.figures import Figure, compare, show
from tests.benchmarks.many_runs import MAIL
from tests.hosts.bare import play_bare

ROUNDS = 9

VERIFY_LIMIT = 3.0
SIMULATOR_LIMIT = 0.01
"""The simulator is at least a hundred times faster than a session of QEMU."""

BATCH = 100
"""Runs of the simulator that are timed as one: a single one is too short to be timed."""


def main() -> bool:
    """Measure and print; return whether the limits are kept."""
    return show(measured())


def measured() -> Iterator[Figure]:
    """Yield the figures."""
    scenario = simulator.load(MAIL)
    timeline = scenario.run().timeline
    outcome = verify(timeline)
    assert outcome.finding is None, outcome.finding

    def bare() -> None:
        play_bare(timeline)

    yield compare(
        "verify the mail on QEMU, the bare session of QEMU",
        lambda: verify(timeline),
        bare,
        limit=VERIFY_LIMIT,
        rounds=ROUNDS,
    )

    def simulated() -> None:
        for _ in range(BATCH):
            scenario.run()

    yield compare(
        f"simulate the mail {BATCH} times, the bare session of QEMU",
        simulated,
        bare,
        limit=SIMULATOR_LIMIT * BATCH,
        rounds=ROUNDS,
    )
