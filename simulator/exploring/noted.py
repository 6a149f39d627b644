"""What is known beside a machine: what its guest saw, and where the tracking of consumers began."""

from typing import TypeAlias

from simulator.model.clusters import ClusterMap
from simulator.model.machine import Machine
from simulator.values import NamedTuple

Views: TypeAlias = dict[int, ClusterMap]
"""What the guest saw at the moments that something refers to."""

Consumers: TypeAlias = dict[tuple[str, str], int]
"""Where the tracking of bitmaps began that are no checkpoint's, by disk and name: the moment that a
backup since one starts from."""


Snapshots: TypeAlias = dict[tuple[str, str], int]
"""The moment at which each overlay was put onto its disk, by disk and image: who goes back to it is
to see what the guest saw then."""


class Noted(NamedTuple):
    """What is known beside a machine.

    Attributes:
        views: By moment, for each disk's name.
    """

    views: dict[str, Views]
    consumers: Consumers
    snapshots: Snapshots


def noted_of(machine: Machine) -> Noted:
    """Return what is known beside a machine whose disks have just been made."""
    return Noted({disk.name: {disk.moment: disk.guest_view} for disk in machine.disks}, {}, {})
