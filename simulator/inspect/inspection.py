"""Real images as disks: which chains the files make, what is unhealthy, and what cannot be used."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simulator.diagnostics import Finding, Problem
from simulator.hosts.qemu_img import INSTALL_HELP, ToolMissingError, find_program
from simulator.inspect.disk import SeenDisk
from simulator.inspect.health.faults import find_faults
from simulator.inspect.health.sharing import find_shared
from simulator.inspect.image.chain import Chain, join_chains, read_backing_chain
from simulator.inspect.image.seen import UnusableError, label
from simulator.inspect.scenario.writing import write_scenario


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What was read.

    Attributes:
        disks: One for each chain, in the order in which their active images were named.
        problems: Images that cannot be used, each with the path as the user named it.
        findings: What is wrong, with the path of the active image of its disk.
    """

    disks: tuple[SeenDisk, ...]
    problems: tuple[tuple[str, Problem], ...]
    findings: tuple[tuple[str, Finding], ...]

    @property
    def failing(self) -> bool:
        """Whether something unhealthy was found."""
        return any(finding.failing for _, finding in self.findings)


def inspect_images(paths: Sequence[str], *, cells: int) -> Inspection:
    """Return what images hold. Nothing is written, and nothing is opened for writing.

    Args:
        paths: Active images; one that is in another one's chain adds nothing.
        cells: How many a figure has at most.
    """
    chains: list[Chain] = []
    problems: list[tuple[str, Problem]] = []
    try:
        find_program()
        for path in paths:
            try:
                _add_chain(chains, path)
            except UnusableError as error:
                problems.append((path, Problem(message=f"{label(path)} {error}", help=error.help)))
    except ToolMissingError:
        problem = Problem(message="qemu-img is not installed", help=INSTALL_HELP)
        return Inspection(disks=(), problems=((paths[0], problem),), findings=())
    disks = tuple(SeenDisk(name=_disk_name(n), chain=chain) for n, chain in enumerate(chains))
    kept = [each for each in problems if not _within(disks, each[0])]
    findings = (*_find_in_each(disks, cells), *find_shared(disks))
    return Inspection(disks=disks, problems=tuple(kept), findings=findings)


def _find_in_each(disks: Sequence[SeenDisk], cells: int) -> Iterator[tuple[str, Finding]]:
    """Yield what is wrong with each disk, and of a file that two have only once."""
    known: set[tuple[int, int]] = set()
    for disk in disks:
        for found in find_faults(disk, cells, known):
            yield disk.chain.active.path, found
        known |= {image.key for image in disk.chain.files}


def _add_chain(chains: list[Chain], path: str) -> None:
    """Add the chain of an image; what is the lower part of another chain is one with it."""
    added = read_backing_chain(path)
    for place, chain in enumerate(chains):
        joined = join_chains(chain, added)
        if joined is not None:
            chains[place] = joined
            return
    chains.append(added)


def _within(disks: Sequence[SeenDisk], path: str) -> bool:
    """Whether a path is an image of a chain, such as a raw base that is no chain of its own."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return False
    key = (found.st_dev, found.st_ino)
    return any(key == image.key for disk in disks for image in disk.chain.files)


def _disk_name(number: int) -> str:
    """Return ``vda``, ``vdb``, and after ``vdz`` ``vdaa``.

    >>> [_disk_name(n) for n in (0, 25, 26)]
    ['vda', 'vdz', 'vdaa']
    """
    letters = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("a") + letter) + letters
    return f"vd{letters}"


def scenario_of(inspection: Inspection, *, cells: int) -> str:
    """Return a scenario that goes on from what was read."""
    return write_scenario(inspection.disks, cells=cells)
