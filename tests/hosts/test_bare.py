"""What a verification costs beside the session that it needs anyway."""

import time
from collections.abc import Callable

from simulator.verify.on_qemu import verify
from tests.hosts.bare import play_bare
from tests.hosts.real import mail, need_qemu

RUNS = 5

TIMES_MAX = 6
"""The figure to reach is 3; a test that shares its cores with others allows for that."""


def fastest(run: Callable[[], object]) -> float:
    """Return the seconds of the fastest of some runs."""
    taken: list[float] = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        run()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def test_looking_costs_little_beside_the_session_itself() -> None:
    need_qemu()
    timeline = mail()
    assert fastest(lambda: verify(timeline)) < TIMES_MAX * fastest(lambda: play_bare(timeline))
