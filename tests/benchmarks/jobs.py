"""Jobs that share resources, beside as many bare SimPy processes that share nothing."""

import random
from collections.abc import Generator, Iterator
from fractions import Fraction
from functools import partial
from typing import NamedTuple

import simpy

from simulator.flows.course import SECOND, Course
from simulator.flows.sharing import Flow
from simulator.flows.traffic import Traffic
from tests.benchmarks.figures import Figure, compare, show

JOBS, RESOURCES = 1000, 10
BANDWIDTH = 100 << 20
MIB = 1 << 20

LIMIT = 3.0


class Job(NamedTuple):
    """A job of some MiB that begins at a tick, and goes through some resources."""

    begins: int
    size: int
    through: tuple[str, ...]


def main() -> bool:
    """Measure and print; return whether all limits are kept."""
    return show(measured())


def measured() -> Iterator[Figure]:
    """Yield the figures: each job through one resource, and through two."""
    for ways in (1, 2):
        jobs = drawn(ways)
        yield compare(
            f"{JOBS:,} jobs through {ways} of {RESOURCES} resources, bare SimPy",
            partial(shared, jobs),
            partial(alone, jobs),
            limit=LIMIT,
        )


def drawn(ways: int) -> list[Job]:
    """Return jobs of a night; about half of each resource is used."""
    chance = random.Random(ways)  # drawn to be measured, not to be safe
    names = [f"r{number}" for number in range(RESOURCES)]
    night = 2 * JOBS * ways * SECOND // RESOURCES * 10
    return [
        Job(chance.randrange(night), chance.randrange(1, 2000), tuple(chance.sample(names, ways)))
        for _ in range(JOBS)
    ]


def shared(jobs: list[Job]) -> None:
    """Let the jobs share their resources until all have ended."""
    traffic = Traffic({f"r{number}": Fraction(BANDWIDTH) for number in range(RESOURCES)})
    for number, job in enumerate(jobs):
        whole = range(job.size)
        traffic.begin(number, Course(whole, whole, MIB), Flow(job.through), None, job.begins)
    now: int | None = 0
    while now is not None:
        for number in traffic.ended(now):
            traffic.drop(number)
        traffic.settle(now)
        now = traffic.next_tick()


def alone(jobs: list[Job]) -> None:
    """Let as many processes wait until they begin, and then as long as their bytes take."""
    env = simpy.Environment()

    def process(job: Job) -> Generator[simpy.Event, None, None]:
        yield env.timeout(job.begins)
        yield env.timeout(job.size * MIB * SECOND // BANDWIDTH)

    for job in jobs:
        env.process(process(job))
    env.run()
