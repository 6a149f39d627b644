"""All states of a small disk by formulas, against each on a machine of its own, and a second."""

from collections.abc import Iterator
from time import process_time

from simulator.apis import MODELS
from simulator.exploring.acts import Limits
from simulator.exploring.searching.direct import Direct
from simulator.exploring.searching.search import Asked, Search
from tests.benchmarks.figures import Figure, show

VERBS = ("write", "checkpoint", "snapshot", "backup", "delete", "commit", "crash", "shutdown",
         "start")  # fmt: skip

STATES = 20_000


def main() -> bool:
    """Measure and print; return whether the limits are kept."""
    return show(measured())


def measured() -> Iterator[Figure]:
    """Yield the figures."""
    asked = Asked(Limits(clusters=4), VERBS)
    ours = _each(Search((MODELS["libvirt"],), asked), steps=7)
    theirs = _each(Direct(MODELS["libvirt"], asked), steps=4)
    told = f"{STATES:,} states of libvirt, 4 clusters"
    yield Figure(name=f"{told}, on machines", ours=ours, peer=theirs, limit=0.25)
    yield Figure(name=f"{told}, a second of one core", ours=ours, peer=1.0, limit=1)


def _each(search: Search | Direct, *, steps: int) -> float:
    """Return the seconds of a processor that so many states take."""
    begun = process_time()
    for _ in range(steps):
        search.advance()
    return (process_time() - begun) * STATES / search.states
