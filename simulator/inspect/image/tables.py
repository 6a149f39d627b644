"""What the tables of a qcow2 file say: which clusters an image and its internal snapshots hold.

QEMU tells that of an image as it is now, unless it turns the image down; of a state that is kept
inside an image it tells nothing.
Source: QEMU docs/interop/qcow2.txt, "Cluster mapping" and "Snapshots".
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from simulator.inspect.image.qcow2 import (
    OFFSET_MASK,
    TABLE_BYTES_MAX,
    TABLE_ENTRY_BYTES,
    DamagedError,
    Header,
    Source,
)

SNAPSHOT = struct.Struct(">QIHHIIQII")
SNAPSHOT_SIZE = struct.Struct(">QQ")
"""The size of the machine's state, and the disk's."""

SNAPSHOTS_MAX = 65536
"""Internal snapshots of one image. Source: QEMU 7.2, ``QCOW_MAX_SNAPSHOTS``."""

EXTRA_BYTES_MAX = 1024
"""What a snapshot may carry along. Source: QEMU 7.2, ``QCOW_MAX_SNAPSHOT_EXTRA_DATA``."""

ENTRIES_READ_MAX = 1 << 22
"""Entries of one file's tables that are read, of the image and all its internal snapshots."""

ZERO_FLAG, COMPRESSED_FLAG, COPIED_FLAG = 1, 1 << 62, 1 << 63


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptState:
    """An internal snapshot as a file lists it.

    Attributes:
        size: Bytes of the disk.
        place, length: Its table of all clusters: where it lies, and its entries.
    """

    name: str
    size: int
    place: int
    length: int


def list_states(source: Source, header: Header) -> Iterator[KeptState]:
    """Yield the internal snapshots of an image, oldest first.

    Raises:
        DamagedError: The list contradicts the format.
    """
    if header.snapshots > SNAPSHOTS_MAX:
        raise DamagedError(f"it claims {header.snapshots:,} internal snapshots")
    place, what = header.snapshots_offset, "the list of internal snapshots"
    for _ in range(header.snapshots):
        fields = SNAPSHOT.unpack(source.read(place, SNAPSHOT.size, what))
        table, length, id_size, name_size, extra_size = (*fields[:4], fields[8])
        if extra_size > EXTRA_BYTES_MAX:
            raise DamagedError(f"an internal snapshot claims {extra_size:,} bytes of extra data")
        rest = source.read(place + SNAPSHOT.size, extra_size + id_size + name_size, what)
        size = header.size
        if extra_size >= SNAPSHOT_SIZE.size:
            _, size = SNAPSHOT_SIZE.unpack_from(rest)
        name = rest[extra_size + id_size :] or rest[extra_size:]
        yield KeptState(
            name=name.decode("utf-8", "backslashreplace"), size=size, place=table, length=length
        )
        place = -(-(place + SNAPSHOT.size + len(rest)) // 8) * 8


@dataclass(slots=True)
class Tables:
    """Looks clusters up in the tables of one file, so many of them at most."""

    source: Source
    header: Header
    left: int = ENTRIES_READ_MAX

    def extents(self, place: int, length: int, size: int) -> Iterator[dict[str, Any]]:
        """Yield the clusters that are held, as ``qemu-img map`` would.

        Args:
            place, length: A table of all clusters: where it lies, and its entries.
            size: Bytes of the disk.

        Raises:
            DamagedError: A table lies outside the file, or there are too many.
        """
        if self.header.extended:
            raise DamagedError("its clusters have parts (extended_l2), which are not looked into")
        if length * TABLE_ENTRY_BYTES > TABLE_BYTES_MAX:
            raise DamagedError(f"a table of clusters claims {length:,} entries")
        self._spend(length)
        what = "the table of all clusters"
        table = self.source.read(place, length * TABLE_ENTRY_BYTES, what)
        per_table = self.header.cluster_size // TABLE_ENTRY_BYTES
        for index, (entry,) in enumerate(struct.iter_unpack(">Q", table)):
            if entry & OFFSET_MASK:
                yield from self._held(index * per_table, entry & OFFSET_MASK, size)

    def _held(self, first: int, place: int, size: int) -> Iterator[dict[str, Any]]:
        """Yield what one table of clusters says, of which the first is so many from the start."""
        unit = self.header.cluster_size
        self._spend(unit // TABLE_ENTRY_BYTES)
        # The last cluster of a file may be stored in part; what is missing reads as zeroes.
        length = max(0, min(unit, self.source.size - place)) // TABLE_ENTRY_BYTES * 8
        table = self.source.read(place, length, "a table of clusters")
        for index, (entry,) in enumerate(struct.iter_unpack(">Q", table)):
            start = (first + index) * unit
            if start >= size:
                return
            if not entry:
                continue
            zero = not entry & COMPRESSED_FLAG and bool(entry & ZERO_FLAG)
            stored = entry & (OFFSET_MASK | COMPRESSED_FLAG | COPIED_FLAG)
            if not zero and not stored:
                continue
            extent = {"start": start, "length": min(unit, size - start), "present": True}
            extent |= {"data": not zero, "zero": zero}
            if not zero and not entry & COMPRESSED_FLAG:
                extent["offset"] = entry & OFFSET_MASK
            yield extent

    def _spend(self, entries: int) -> None:
        self.left -= entries
        if self.left < 0:
            raise DamagedError(f"its tables have more than {ENTRIES_READ_MAX:,} entries")
