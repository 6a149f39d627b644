"""Real images as disks: which chains the files make, what is unhealthy, and what cannot be used."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.diagnostics import Finding, Problem
from simulator.verify.inspect_chain import (
    Chain,
    SeenImage,
    UnusableError,
    label,
    read_backing_chain,
)
from simulator.verify.inspect_disk import SeenDisk, cells_of, disk_document, draw_disk
from simulator.verify.inspect_health import find_faults
from simulator.verify.inspect_runs import total
from simulator.verify.inspect_scenario import write_scenario
from simulator.verify.inspect_tools import INSTALL_HELP, ToolMissingError, find_program, version

FORMAT = 1

UNITS = ((1 << 50, "PiB"), (1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


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
    findings = tuple(
        (disk.chain.active.path, found) for disk in disks for found in find_faults(disk, cells)
    )
    return Inspection(disks=disks, problems=tuple(kept), findings=findings)


def _add_chain(chains: list[Chain], path: str) -> None:
    """Add the chain of an image, unless another chain holds it; drop those that it holds."""
    added = read_backing_chain(path)
    if any(_holds(chain, added.active) for chain in chains):
        return
    chains[:] = [chain for chain in chains if not _holds(added, chain.active)]
    chains.append(added)


def _holds(chain: Chain, image: SeenImage) -> bool:
    return any(image.key == each.key for each in chain.images)


def _within(disks: Sequence[SeenDisk], path: str) -> bool:
    """Whether a path is an image of a chain, such as a raw base that is no chain of its own."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return False
    key = (found.st_dev, found.st_ino)
    return any(key == image.key for disk in disks for image in disk.chain.images)


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


def write_text(disk: SeenDisk, *, cells: int, alone: bool) -> str:
    """Return a disk as text: its files, its figure, and what the signs mean; no final newline."""
    figure = draw_disk(disk, cells=cells, alone=alone)
    lines = [*_head(disk, cells), "", figure]
    return "\n".join(lines)


def _head(disk: SeenDisk, cells: int) -> list[str]:
    images = disk.chain.images
    size = write_size(disk.cluster_size)
    lines = [
        f"{disk.name}: {_count(disk.length, 'cluster')} of {size}, {_count(len(images), 'image')}"
    ]
    for image, content in zip(images, disk.contents, strict=True):
        held = write_size(total(r for r in content if r[2] not in "0?") * disk.cluster_size)
        kind = image.format if image.version != 2 else "qcow2 v2"
        remarks = [kind, "unknown content" if "?" in [r[2] for r in content] else f"{held} of data"]
        remarks += ["active"] if image is disk.chain.active else []
        remarks += ["in use"] if image.in_use else []
        lines.append(f"  {disk.letter(image)}  {label(image.path)} ({', '.join(remarks)})")
    per_cell = cells_of(disk.length, cells)
    if per_cell > 1:
        lines.append(
            f"one cell is {per_cell:,} clusters, {write_size(per_cell * disk.cluster_size)}"
        )
    if "*" in draw_disk(disk, cells=cells):
        lines.append("* is a cell whose clusters are not all alike")
    return lines


def write_size(number: int) -> str:
    """Return bytes in the largest unit that they reach, with one digit after the point at most.

    >>> [write_size(number) for number in (0, 65536, 1000, 549453824)]
    ['0 B', '64 KiB', '1000 B', '524 MiB']
    """
    for unit, name in UNITS:
        if number >= unit:
            return f"{number / unit:,.1f}".removesuffix(".0") + f" {name}"
    return f"{number} B"


def summarise(inspection: Inspection) -> str:
    """Return one line that counts what was read and what was found."""
    disks = inspection.disks
    images = {image.key for disk in disks for image in disk.chain.images}
    bitmaps = {(i.key, b.name) for disk in disks for i in disk.chain.images for b in i.bitmaps}
    counts = [_count(len(disks), "disk"), _count(len(images), "image")]
    found = len(inspection.findings)
    return ", ".join(
        [
            *counts,
            _count(len(bitmaps), "bitmap"),
            _count(found, "finding") if found else "no findings",
        ]
    )


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def write_json(inspection: Inspection) -> str:
    """Return what was read as JSON text, with a final newline; disks as in the run document."""
    document = {
        "format": FORMAT,
        "qemu": version(),
        "disks": {disk.name: disk_document(disk) for disk in inspection.disks},
        "findings": [_finding_document(path, finding) for path, finding in inspection.findings],
    }
    return json.dumps(document, indent=1) + "\n"


def _finding_document(path: str, finding: Finding) -> dict[str, object]:
    return {
        "code": finding.code,
        "rule": finding.rule,
        "severity": finding.severity.value,
        "file": path,
        "message": finding.message,
        "notes": list(finding.notes),
        "help": finding.help,
    }


def scenario_of(inspection: Inspection, *, cells: int) -> str:
    """Return a scenario that goes on from what was read."""
    return write_scenario(inspection.disks, cells=cells)


__all__ = [
    "Inspection",
    "inspect_images",
    "label",
    "scenario_of",
    "summarise",
    "write_json",
    "write_text",
]
