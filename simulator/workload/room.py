"""Which changes find room, where what each of them overwrites first has to be kept."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from simulator.workload.arrivals import Integers

Booleans: TypeAlias = npt.NDArray[np.bool_]


def find_room(clusters: Integers, kept: Integers, unit: int, length: int, room: int) -> Booleans:
    """Return which of some changes find room, as if one came after the other.

    What is kept already needs no room. From the first unit on that finds none, a later one has it
    only where it is cut short at the end of the disk.

    Args:
        clusters: What each changes, in the order of time.
        kept: The clusters that are kept already, in whole units.
        unit: Clusters that are kept together.
        length: Clusters of the disk.
        room: How many clusters there is room for.
    """
    if len(clusters) * unit <= room:
        return np.ones(len(clusters), dtype=bool)
    units = clusters // unit
    fresh = ~np.isin(units, kept // unit)
    new, first = np.unique(units[fresh], return_index=True)
    new = new[np.argsort(first)]
    sizes = np.minimum((new + 1) * unit, length) - new * unit
    found = np.cumsum(sizes) <= room
    found |= sizes <= room - int(sizes[found].sum())
    passed = ~fresh
    passed[fresh] = np.isin(units[fresh], new[found])
    return passed
