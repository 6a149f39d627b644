"""The disk that a chain of real images makes, drawn in the notation of the mail, and as data.

The letters of a real image cannot be known, so each image has one of its own: ``A`` the lowest,
``B`` the one on top of it. What the guest sees then shows which image each cluster comes from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain as chained
from itertools import zip_longest
from string import ascii_lowercase, ascii_uppercase
from typing import Any, TypeAlias

from simulator.inspect.image.chain import Chain
from simulator.inspect.image.qcow2 import StoredBitmap
from simulator.inspect.image.runs import UNKNOWN, Run, clip, lay_over, to_units, write_cells
from simulator.inspect.image.seen import DATA, ZERO, KeptContent, SeenImage, label
from simulator.model.disk import CLUSTER_SIZE_DEFAULT
from simulator.notation import BROKEN, GUEST, Figure, Strip, write_figure, write_rows, write_strip

WIDTH = 72
"""Columns up to which images stand side by side, so that a figure can be pasted into a mail."""

CELLS_DEFAULT = 64
"""How many cells a disk is drawn with, at most."""

CELLS_AS_TEXT_MAX = 4096
"""A disk of more clusters is told in runs instead of strings, as in the run document."""

LETTERS = ascii_uppercase + ascii_lowercase
"""One for each image; a longer chain begins again."""

Cells: TypeAlias = str | list[Run]


@dataclass(frozen=True, kw_only=True)
class SeenDisk:
    """A disk as its files tell it.

    Attributes:
        name: ``vda`` for the first chain, ``vdb`` for the second.
        chain: Its images.
    """

    name: str
    chain: Chain

    @property
    def cluster_size(self) -> int:
        """Bytes of a cluster of the active image."""
        return self.chain.active.cluster_size or CLUSTER_SIZE_DEFAULT

    @property
    def length(self) -> int:
        """Number of clusters of the active image."""
        return -(-self.chain.active.size // self.cluster_size)

    def letter(self, image: SeenImage) -> str:
        """Return the letter that stands for an image's data."""
        return LETTERS[self.chain.files.index(image) % len(LETTERS)]

    @cached_property
    def contents(self) -> tuple[tuple[Run, ...], ...]:
        """What each image holds itself, in clusters of the disk, under the image's letter."""
        return tuple(self.content(image) for image in self.chain.images)

    def content(self, image: SeenImage) -> tuple[Run, ...]:
        """Return what a file holds itself, likewise."""
        return self._in_letters(image, image.runs)

    def kept(self, image: SeenImage, snapshot: KeptContent) -> tuple[Run, ...]:
        """Return what an image held when an internal snapshot was taken, likewise."""
        return self._in_letters(image, snapshot.runs)

    def _in_letters(self, image: SeenImage, runs: Sequence[Run]) -> tuple[Run, ...]:
        letter = self.letter(image)
        told = ((f, n, letter if held == DATA else held) for f, n, held in runs)
        return to_units(told, self.cluster_size, self.length)

    @cached_property
    def guest(self) -> tuple[Run, ...]:
        """What the guest sees: no zeroes, for they read like what was never written."""
        view: tuple[Run, ...] = ()
        if self.chain.cut is not None:
            view = ((0, self.length, UNKNOWN),) if self.length else ()
        for image, content in zip(self.chain.images, self.contents, strict=True):
            # Whatever lies behind the end of an overlay reads as zeroes, not as what is below.
            view = lay_over(tuple(clip(view, -(-image.size // self.cluster_size))), content)
        return tuple(run for run in view if run[2] != ZERO)

    def bits(self, bitmap: StoredBitmap) -> tuple[Run, ...]:
        """Return the clusters of the disk that a bitmap's bits touch."""
        size = self.cluster_size
        if bitmap.granularity >= size:
            ratio = bitmap.granularity // size
            wide = ((first * ratio, count * ratio, held) for first, count, held in bitmap.runs)
            return tuple(clip(wide, self.length))
        return to_units(bitmap.runs, size // bitmap.granularity, self.length)

    def legible(self, image: SeenImage, bitmap: StoredBitmap) -> bool:
        """Whether a bitmap's bits are in the file: neither open in a process, nor broken."""
        return not bitmap.in_use and not bitmap.damage

    def inconsistent(self, image: SeenImage, bitmap: StoredBitmap) -> bool:
        """Whether nobody stored the bitmap after it was last open."""
        return bitmap.in_use and not image.in_use


def cells_of(length: int, cells: int) -> int:
    """Return how many clusters one of so many cells stands for."""
    return max(1, -(-length // cells))


def draw_disk(disk: SeenDisk, *, cells: int, alone: bool = True) -> str:
    """Return the figure of a disk, with no final newline.

    S1: |AAAA----| <- S2: |B--BBBB-|
    B1: |XXXX----|    B2: |---XXX--|
                      B3: |X----XX-|+
    guest sees: |BAABBBB-|

    Where that is too wide, one image stands below another. Backups over the chain come after it.

    Args:
        cells: How many a row has at most.
        alone: Whether it is the only disk.
    """
    guest = Strip(
        label=GUEST if alone else f"{GUEST} {disk.name}", cells=_cells(disk, disk.guest, cells)
    )
    columns = [
        [
            Strip(label=label(image.name), cells=_cells(disk, content, cells)),
            *(_bitmap_strip(disk, image, bitmap, cells) for bitmap in image.bitmaps),
            *(_kept_strip(disk, image, snapshot, cells) for snapshot in image.snapshots),
        ]
        for image, content in zip(disk.chain.images, disk.contents, strict=True)
    ]
    backups = [
        Strip(label=label(each.image.name), cells=_cells(disk, disk.content(each.image), cells))
        for each in disk.chain.backups
    ]
    rows = tuple(_without_end(row) for row in zip_longest(*columns))
    wide = write_figure(Figure(rows))
    if len(columns) == 1 or max(map(len, wide.splitlines())) <= WIDTH:
        return "\n".join([wide, *map(write_strip, [*backups, guest])])
    strips = [*chained(*columns), *backups, guest]
    lines = write_rows((strip.label, write_strip(strip).partition(": ")[2]) for strip in strips)
    return "\n".join(lines)


def _without_end(row: Sequence[Strip | None]) -> tuple[Strip | None, ...]:
    last = max(n for n, strip in enumerate(row) if strip is not None)
    return tuple(row[: last + 1])


def _cells(disk: SeenDisk, runs: tuple[Run, ...], cells: int) -> str:
    return write_cells(runs, disk.length, cells_of(disk.length, cells))


def _bitmap_strip(disk: SeenDisk, image: SeenImage, bitmap: StoredBitmap, cells: int) -> Strip:
    namesakes = sum(each.bitmap(bitmap.name) is not None for each in disk.chain.images)
    width = -(-disk.length // cells_of(disk.length, cells))
    if disk.legible(image, bitmap):
        drawn = _cells(disk, disk.bits(bitmap), cells)
    else:
        drawn = (BROKEN if disk.inconsistent(image, bitmap) else UNKNOWN) * width
    return Strip(
        label=label(f"{image.name}.{bitmap.name}" if namesakes > 1 else bitmap.name),
        cells=drawn,
        recording=bitmap.recording,
    )


def _kept_strip(disk: SeenDisk, image: SeenImage, snapshot: KeptContent, cells: int) -> Strip:
    drawn = _cells(disk, disk.kept(image, snapshot), cells)
    return Strip(label=label(f"{image.name}@{snapshot.name}"), cells=drawn)


def disk_document(disk: SeenDisk) -> dict[str, Any]:
    """Return a disk as the run document has it, and the files that it was read from."""
    images = list(zip(disk.chain.images, disk.contents, strict=True))
    backups = [(each.image, disk.content(each.image)) for each in disk.chain.backups]
    return {
        "cluster_size": disk.cluster_size,
        "clusters": disk.length,
        "chain": [image.name for image, _ in images],
        "images": {image.name: _tell(disk, content) for image, content in [*images, *backups]},
        "bitmaps": [
            _bitmap_document(disk, image, bitmap) for image, _ in images for bitmap in image.bitmaps
        ],
        "guest": _tell(disk, disk.guest),
        "files": {image.name: _file_document(disk, image) for image in disk.chain.files},
    }


def _bitmap_document(disk: SeenDisk, image: SeenImage, bitmap: StoredBitmap) -> dict[str, Any]:
    bits = disk.bits(bitmap)
    if not disk.legible(image, bitmap) and not disk.inconsistent(image, bitmap):
        bits = ((0, disk.length, UNKNOWN),) if disk.length else ()
    return {
        "node": image.name,
        "name": bitmap.name,
        "cells": _tell(disk, bits),
        "granularity": bitmap.granularity,
        "count": bitmap.count * bitmap.granularity,
        "recording": bitmap.recording,
        "persistent": True,
        "busy": False,
        "inconsistent": disk.inconsistent(image, bitmap),
    }


def _file_document(disk: SeenDisk, image: SeenImage) -> dict[str, Any]:
    return {
        "path": image.path,
        "format": image.format,
        "size": image.size,
        "backing": image.backing,
        "in_use": image.in_use,
        "encrypted": image.encrypted,
        "snapshots": [
            {"name": each.name, "size": each.size, "cells": _tell(disk, disk.kept(image, each))}
            for each in image.snapshots
        ],
    }


def _tell(disk: SeenDisk, runs: tuple[Run, ...]) -> Cells:
    return write_cells(runs, disk.length) if disk.length <= CELLS_AS_TEXT_MAX else list(runs)
