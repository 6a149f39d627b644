"""Plays random timelines on the real thing: ``python -m tests.differential 1000 [SEED [libvirt]]``.

They are played in batches, one for each core at a time, and each batch has a seed of its own, so
that it can be played again by itself.
"""

import os
import random
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.differential import on_libvirt, timelines

PEERS = {"qemu": timelines.play, "libvirt": on_libvirt.play}
"""What plays timelines on each of the real things."""

BATCH = 20
"""Timelines of one batch."""


def main() -> int:
    """Play as many timelines as were asked for; return 1 where the two do not agree."""
    wanted, peer = int(sys.argv[1]), sys.argv[3] if len(sys.argv) > 3 else "qemu"
    seed = int(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2] else random.randrange(1_000_000)
    batches = [min(BATCH, wanted - start) for start in range(0, wanted, BATCH)]
    begun, agreed = time.monotonic(), 0
    print(f"{wanted} timelines of up to {timelines.STEPS_MAX} steps, seed {seed}", flush=True)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        running: dict[Future[str], int] = {
            pool.submit(play_batch, seed + number, size, peer): size
            for number, size in enumerate(batches)
        }
        for done in as_completed(running):
            told = done.result()
            if told:
                pool.shutdown(wait=False, cancel_futures=True)
                print(told)
                return 1
            agreed += running[done]
            seconds = time.monotonic() - begun
            print(f"{agreed} of {wanted} agree, {seconds:.0f} s", flush=True)
    return 0


def play_batch(seed: int, size: int, peer: str) -> str:
    """Play one batch; return what does not agree, or nothing.

    Args:
        peer: ``qemu`` or ``libvirt``.
    """
    timelines.DISAGREEMENT = Path(f"disagreement-{seed}.yaml")
    try:
        PEERS[peer](size, seed=seed)
    except timelines.DisagreementError as found:
        return f"seed {seed}, {size} timelines: {timelines.DISAGREEMENT} has\n{found}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
