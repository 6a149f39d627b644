"""Several processes that ask a model what its requests make of shapes, at the same time."""

from collections.abc import Hashable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_all_start_methods, get_context
from signal import SIG_IGN, SIGINT, signal
from typing import TypeAlias

from simulator.exploring.columns.space import ENDLESS, Move, Space

SHAPES_EACH = 16
"""So many shapes are asked about at a time."""

Found: TypeAlias = list[list[tuple[Move, Hashable]]]

CAN_SHARE = "fork" in get_all_start_methods()
"""Whether a process can begin with all that this one knows."""

_shared: list[Space] = []
"""What the processes that begin now know."""


def ask_ahead(space: Space, numbers: Sequence[int], workers: int) -> None:
    """Ask for the moves of shapes, several at a time, and keep them as if asked for one by one.

    Raises:
        MemoryError: A process was ended by the system, which does that where memory is short.
    """
    asked = [number for number in numbers if space.moves[number] is None]
    if workers < 2 or not CAN_SHARE or len(asked) < workers * SHAPES_EACH or space.stopped:
        return
    parts = [asked[n : n + SHAPES_EACH] for n in range(0, len(asked), SHAPES_EACH)]
    _shared[:] = [space]
    pool = ProcessPoolExecutor(workers, get_context("fork"), signal, (SIGINT, SIG_IGN))
    try:
        given: list[Future[Found]] = [pool.submit(_asked, part) for part in parts]
        for part, answer in zip(parts, given, strict=True):
            for number, found in zip(part, answer.result(), strict=True):
                space.learn(number, found)
            if space.stopped:
                break
    except BrokenProcessPool:
        raise MemoryError from None
    finally:
        _shared.clear()
        pool.shutdown(cancel_futures=True)


def _asked(numbers: list[int]) -> Found:
    """Return the moves of shapes, and the key of what comes of each."""
    return [list(_moves(_shared[0], number)) for number in numbers]


def _moves(space: Space, number: int) -> list[tuple[Move, Hashable]]:
    found = []
    for move, came in space.tried(number):
        found.append((move, came.shape.key if came is not None else None))
        if move.raised == ENDLESS:
            break
    return found
