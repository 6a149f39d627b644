"""What is to be made of a disk that was read: its images, their content, their bitmaps."""

import itertools
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from simulator.inspect.disk import SeenDisk, cells_of
from simulator.inspect.image.runs import UNKNOWN, Run, cut_out, to_units
from simulator.inspect.image.seen import SeenImage
from simulator.model.disk import CLUSTER_SIZE_DEFAULT
from simulator.values import NamedTuple

STEPS_MAX = 2000
"""A disk of more runs is told in cells of many clusters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A bitmap to be made.

    Attributes:
        granularity: Bytes for one bit.
        bits: In granules.
        clusters: In clusters.
        broken: Whether it is inconsistent.
    """

    name: str
    granularity: int
    bits: tuple[Run, ...]
    clusters: tuple[Run, ...]
    recording: bool
    broken: bool


class Kept(NamedTuple):
    """An internal snapshot to be made, and what its image held, in clusters."""

    name: str
    content: tuple[Run, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """An image to be made: its content in clusters, its bitmaps, and the states kept inside it."""

    name: str
    format: str
    letter: str
    content: tuple[Run, ...]
    marks: tuple[Mark, ...]
    kept: tuple[Kept, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A disk to be made.

    Attributes:
        remarks: In what it differs from the disk that was read.
    """

    name: str
    length: int
    cluster_size: int
    layers: tuple[Layer, ...]
    remarks: tuple[str, ...]

    @property
    def granularity(self) -> int:
        """Bytes for one bit of a bitmap of which nobody says more."""
        return min(max(self.cluster_size, 4096), 65536)


def plan_of(disk: SeenDisk, cells: int) -> Plan:
    """Return what is to be made of a disk, in fewer cells where it has too many runs."""
    remarks = list(_remarks(disk))
    runs = sum(map(len, disk.contents))
    runs += sum(len(b.runs) for image in disk.chain.images for b in image.bitmaps)
    scale = cells_of(disk.length, cells) if runs > STEPS_MAX else 1
    size = disk.cluster_size if scale == 1 else CLUSTER_SIZE_DEFAULT
    length = max(1, -(-disk.length // scale))
    if scale > 1:
        remarks.append(f"one cluster here is {scale:,} clusters of the disk, if any of them is so")
    states: dict[str, tuple[Kept, ...]] = {}
    for image in disk.chain.images:
        states[image.name], more = _states(disk, image, scale, length)
        remarks += more
    layers = tuple(
        Layer(
            name=image.name,
            format=image.format if image.format == "raw" else "qcow2",
            letter=disk.letter(image),
            content=to_units((r for r in content if r[2] != UNKNOWN), scale, length),
            marks=tuple(
                Mark(
                    name=bitmap.name,
                    granularity=bitmap.granularity if scale == 1 else size,
                    bits=bitmap.runs if scale == 1 else to_units(disk.bits(bitmap), scale, length),
                    clusters=to_units(disk.bits(bitmap), scale, length),
                    recording=bitmap.recording,
                    broken=disk.inconsistent(image, bitmap),
                )
                for bitmap in image.bitmaps
                if disk.legible(image, bitmap) or disk.inconsistent(image, bitmap)
            ),
            kept=states[image.name],
        )
        for image, content in zip(disk.chain.images, disk.contents, strict=True)
    )
    return Plan(
        name=disk.name, length=length, cluster_size=size, layers=layers, remarks=tuple(remarks)
    )


def _states(
    disk: SeenDisk, image: SeenImage, scale: int, length: int
) -> tuple[tuple[Kept, ...], list[str]]:
    """Return the internal snapshots that writes alone lead to, and what is told of all of them.

    What an image gave up after one was taken, no guest step takes away from it.
    """
    made: list[Kept] = []
    told: list[str] = []
    later = to_units((r for r in disk.content(image) if r[2] != UNKNOWN), scale, length)
    for snapshot in reversed(image.snapshots):
        content = to_units(disk.kept(image, snapshot), scale, length)
        unknown = any(run[2] == UNKNOWN for run in content)
        if unknown or snapshot.size != image.size or cut_out(content, later):
            told.append(f"{image.name} keeps the state {snapshot.name} inside; it is left out")
            continue
        told.append(f"{image.name} keeps the state {snapshot.name} inside")
        made.append(Kept(snapshot.name, content))
        later = content
    return tuple(reversed(made)), told[::-1]


def _remarks(disk: SeenDisk) -> Iterator[str]:
    images = disk.chain.images
    if disk.chain.cut is not None:
        yield f"what {images[0].name} is backed by could not be read, and is left out"
    for backup in disk.chain.backups:
        yield f"{backup.image.name} is likely a push backup, and is left out"
    for image in images:
        if any(run[2] == UNKNOWN for run in image.runs):
            yield f"what {image.name} holds could not be read, and is left out"
        if any(
            not disk.legible(image, b) and not disk.inconsistent(image, b) for b in image.bitmaps
        ):
            yield f"bitmaps of {image.name} could not be read, and are left out"
    if len({image.size for image in images}) > 1:
        yield "the images differ in size; here all have the active one's"


def with_names(plans: Sequence[Plan]) -> tuple[Plan, ...]:
    """Return plans in which images and bitmaps have names that a step can use."""
    bitmaps: dict[str, str] = {}
    for name in sorted({m.name for plan in plans for layer in plan.layers for m in layer.marks}):
        bitmaps[name] = _unused(_shown(name) or "bitmap", bitmaps.values())
    taken = list(bitmaps.values())
    renamed = []
    for plan in plans:
        layers = []
        for layer in plan.layers:
            stem = re.sub(r"[^A-Za-z0-9._-]+", "_", layer.name)[:200] or "image"
            taken.append(_unused(stem, taken))
            marks = tuple(replace(mark, name=bitmaps[mark.name]) for mark in layer.marks)
            kept: list[Kept] = []
            for name, content in layer.kept:
                name = _unused(_shown(name) or "kept", [each.name for each in kept])
                kept.append(Kept(name, content))
            layers.append(replace(layer, name=taken[-1], marks=marks, kept=tuple(kept)))
        renamed.append(replace(plan, layers=tuple(layers)))
    return tuple(renamed)


def _shown(name: str) -> str:
    """Return a name without what a step or a figure cannot have."""
    return "".join(c if c.isprintable() and c not in "|/" else "_" for c in name).strip()[:200]


def _unused(stem: str, taken: Collection[str]) -> str:
    """Return a name, with a number where it is taken."""
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    return next(name for name in names if name not in taken)
