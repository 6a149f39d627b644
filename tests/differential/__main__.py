"""Plays random timelines on the real thing: ``python -m tests.differential 1000 [SEED [libvirt]]``.

Or all of four steps over a small alphabet, on QEMU: ``python -m tests.differential all 4``.

They are played in batches, one for each core at a time, and each batch has a seed of its own, so
that it can be played again by itself.
"""

import multiprocessing
import os
import random
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.differential import exhaustive, on_libvirt, timelines
from tests.differential.tally import Tally

PEERS = {"qemu": timelines.play, "libvirt": on_libvirt.play}
"""What plays timelines on each of the real things."""

BATCH = 20
"""Timelines of one batch."""

TOLD_EACH = 500
"""After so many of all timelines it is told how far it is."""

FORK = multiprocessing.get_context("fork")
"""How workers start: the way that Python takes since 3.14 does not find what stands here."""


def main() -> int:
    """Play all timelines, or as many as were asked for; return 1 where the two do not agree."""
    return play_all(int(sys.argv[2])) if sys.argv[1] == "all" else play_random()


def play_all(length: int) -> int:
    """Play all timelines of a length over a small alphabet."""
    begun, tally, differing = time.monotonic(), Tally(), 0
    print(f"all timelines of {length} steps out of {', '.join(exhaustive.ALPHABET)}", flush=True)
    for told, drawn in exhaustive.play_all(length):
        tally.join(drawn)
        differing += len(told)
        print(*told, sep="\n", end="\n" if told else "", flush=True)
        if tally.timelines % TOLD_EACH == 0:
            seconds = time.monotonic() - begun
            print(f"{tally.timelines} played, {differing} differ, {seconds:.0f} s", flush=True)
    print(*tally.lines(), f"{tally.timelines - differing} of {tally.timelines} agree", sep="\n")
    return 1 if differing else 0


def play_random() -> int:
    """Play random timelines, up to one that does not agree."""
    wanted, peer = int(sys.argv[1]), sys.argv[3] if len(sys.argv) > 3 else "qemu"
    seed = int(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2] else random.randrange(1_000_000)
    tally = Tally()
    batches = [min(BATCH, wanted - start) for start in range(0, wanted, BATCH)]
    begun, agreed = time.monotonic(), 0
    print(f"{wanted} timelines of up to {timelines.STEPS_MAX} steps, seed {seed}", flush=True)
    with ProcessPoolExecutor(os.cpu_count(), FORK) as pool:
        running: dict[Future[tuple[str, Tally]], int] = {
            pool.submit(play_batch, seed + number, size, peer): size
            for number, size in enumerate(batches)
        }
        for done in as_completed(running):
            told, drawn = done.result()
            tally.join(drawn)
            if told:
                pool.shutdown(wait=False, cancel_futures=True)
                print(told)
                return 1
            agreed += running[done]
            seconds = time.monotonic() - begun
            print(f"{agreed} of {wanted} agree, {seconds:.0f} s", flush=True)
    print(*tally.lines(), sep="\n")
    return 0


def play_batch(seed: int, size: int, peer: str) -> tuple[str, Tally]:
    """Play one batch; return what does not agree, or nothing, and what was drawn.

    Args:
        peer: ``qemu`` or ``libvirt``.
    """
    timelines.DISAGREEMENT = Path(f"disagreement-{seed}.yaml")
    timelines.TALLY = Tally()
    try:
        PEERS[peer](size, seed=seed)
    except timelines.DisagreementError as found:
        told = f"seed {seed}, {size} timelines: {timelines.DISAGREEMENT} has\n{found}"
        return told, timelines.TALLY
    return "", timelines.TALLY


if __name__ == "__main__":
    sys.exit(main())
