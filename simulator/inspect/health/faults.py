"""All that is wrong with a disk, and with disks that share images."""

from collections.abc import Collection

from simulator.diagnostics import Finding
from simulator.inspect.disk import SeenDisk
from simulator.inspect.health.backups import find_backups
from simulator.inspect.health.bitmaps import find_in_bitmaps
from simulator.inspect.health.files import find_in_files


def find_faults(
    disk: SeenDisk, cells: int, known: Collection[tuple[int, int]] = frozenset()
) -> tuple[Finding, ...]:
    """Return what is wrong with a disk's files and bitmaps, sorted by code.

    Args:
        cells: How many a figure has at most.
        known: Images whose files were told of with another disk.
    """
    found = [*find_in_files(disk, known), *find_backups(disk), *find_in_bitmaps(disk, cells)]
    return tuple(sorted(found, key=lambda finding: finding.code))
