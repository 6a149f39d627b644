"""All states of a small disk by formulas, against each on a machine of its own, a second, and
Quint's simulator on a toy of the mail's images and bitmaps; and a proof for disks of any size.
"""

from collections.abc import Iterator
from time import process_time

import numpy as np

from simulator.apis import MODELS
from simulator.exploring.acts import Limits
from simulator.exploring.judging import WRONG_BACKUP
from simulator.exploring.proving import VERBS_PROVED, Proving
from simulator.exploring.searching.direct import Direct
from simulator.exploring.searching.search import Asked, Search
from tests.benchmarks.figures import Figure, show
from tests.benchmarks.quint import quint

VERBS = ("write", "checkpoint", "snapshot", "backup", "delete", "commit", "crash", "shutdown",
         "start")  # fmt: skip

TOY = ("write", "snapshot", "checkpoint", "read")
"""What the model that Quint runs knows of the mail's API."""

STATES = 20_000

PROVED = Limits(images=3, bitmaps=3)
PROOF_MAX, TRANSITIONS = 120.0, 5e6
"""Seconds of one core that a proof of libvirt may take, and columns that are taken on in one."""

SEEDS = range(1, 11)
"""Quint looks for a late read from each of these."""


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
    yield from _proof()
    yield from _beside_quint()


def _proof() -> Iterator[Figure]:
    """Yield what a proof takes, and all steps of its columns where the model's answers are known.

    The model is asked once for each shape, and that is nearly all of a proof.
    """
    search = Proving(MODELS["libvirt"], PROVED, VERBS_PROVED).search
    assert isinstance(search, Search), "a proof is by formulas"
    begun = process_time()
    while not search.complete:
        search.advance()
    ours = process_time() - begun
    told = f"libvirt proved, 3 images and 3 bitmaps, {search.states:,} columns"
    yield Figure(name=told, ours=ours, peer=PROOF_MAX, limit=1)
    rows = search.store.rows[: search.states]
    numbers = np.argsort(rows[:, 0], kind="stable")
    rows, before = rows[numbers], search.steps
    begun = process_time()
    for _ in search.levels.next_of(rows, numbers):
        pass
    rate = (search.steps - before) / (process_time() - begun)
    told = f"{search.steps - before:,} transitions of them, 5 million/s by ours"
    yield Figure(name=told, ours=TRANSITIONS / 1e6, peer=rate / 1e6, limit=1, unit="M/s")


def _beside_quint() -> Iterator[Figure]:
    """Yield how short what is found is, and how many states are seen in a second."""
    with quint() as peer:
        if peer is None:
            print("Quint is not measured: there is no npm here (Debian: nodejs, npm)")
            return
        shortest, rate = min(map(peer.length, SEEDS)), peer.rate()
    search = Search((MODELS["mail-2018"],), Asked(Limits(clusters=4), TOY))
    begun, steps = process_time(), 0
    while search.depth < 9:
        wrong = [found for found in search.advance() if found.kind == WRONG_BACKUP]
        if not steps and wrong:
            steps = wrong[0].depth
    ours = search.states / (process_time() - begun)
    told = "the mail's late read, Quint's shortest of ten"
    yield Figure(name=told, ours=steps, peer=shortest, limit=1, unit="steps")
    told = "states a second, Quint's by ours"
    yield Figure(name=told, ours=rate, peer=ours, limit=1 / 20, unit="/s")


def _each(search: Search | Direct, *, steps: int) -> float:
    """Return the seconds of a processor that so many states take."""
    begun = process_time()
    for _ in range(steps):
        search.advance()
    return (process_time() - begun) * STATES / search.states
