"""When the writes of a workload happen: exact ticks, block by block."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from simulator.workload.guests import Guest, Stretch

Integers: TypeAlias = npt.NDArray[np.int64]

BLOCK = 1 << 16
"""Writes that are drawn at once."""

_SAFE = 1 << 62


def regular(stretches: tuple[Stretch, ...]) -> Iterator[Integers]:
    """Yield the ticks of writes that come evenly: the i-th when i writes' worth has passed.

    A tick is rounded up, so what has happened by a tick is exactly what the rate says.
    """
    done = Fraction(0)
    for stretch in stretches:
        before, done = done, done + (stretch.end - stretch.begin) * stretch.rate
        first, last = int(before) + 1, int(done)
        while first <= last:
            count = min(BLOCK, last - first + 1)
            yield _ticks(stretch, first - before, count)
            first += count


def _ticks(stretch: Stretch, ahead: Fraction, count: int) -> Integers:
    """Return the ticks of some writes of a stretch.

    Args:
        ahead: How many writes' worth passes from its begin to the first of them.
    """
    gap = 1 / stretch.rate
    start = ahead * gap
    scale = start.denominator * gap.denominator
    first, step = int(start * scale), int(gap * scale)
    whole, rest = divmod(first, scale)
    if rest + count * step + scale >= _SAFE:
        exact = [stretch.begin + -(-(first + k * step) // scale) for k in range(count)]
        return np.array(exact, dtype=np.int64)
    ticks = np.arange(count, dtype=np.int64)
    ticks *= step
    if scale > 1:
        ticks += rest + scale - 1
        ticks //= scale
    ticks += stretch.begin + whole
    return ticks


def poisson(
    stretches: tuple[Stretch, ...], draw: Callable[[], npt.NDArray[np.float64]]
) -> Iterator[Integers]:
    """Yield the ticks of writes whose gaps are drawn.

    Args:
        draw: Gives the next gaps, in writes: 1 on average.
    """
    passed, left = 0.0, np.empty(0)
    for stretch in stretches:
        worth, rate = float((stretch.end - stretch.begin) * stretch.rate), float(stretch.rate)
        while rate:
            if not len(left):
                left = passed + np.cumsum(draw())
                passed = float(left[-1])
            within = int(left.searchsorted(worth, side="right"))
            if within:
                yield stretch.begin + np.ceil(left[:within] / rate).astype(np.int64)
            left = left[within:]
            if len(left):
                break
        left, passed = left - worth, passed - worth


def arrivals(guest: Guest, draw: Callable[[], npt.NDArray[np.float64]]) -> Iterator[Integers]:
    """Yield the ticks of a guest's writes, ascending, in blocks."""
    return poisson(guest.stretches, draw) if guest.poisson else regular(guest.stretches)
