"""What a qcow2 file says of itself: its header, and the bits of the bitmaps that it stores.

It reads, and nothing else. Every number that the file gives is held against the file's size before
it is used, so that a damaged file costs no more time or memory than a sound one.
Source: QEMU docs/interop/qcow2.txt, "Header", "Header extensions" and "Bitmaps extension".
"""

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from simulator.inspect.image.runs import Run, join_runs
from simulator.model.bitmap import GRANULARITY_MAX, GRANULARITY_MIN, NAME_BYTES_MAX

MAGIC = b"QFI\xfb"

HEADER_V2 = struct.Struct(">4sIQIIQIIQQIIQ")
HEADER_V3 = struct.Struct(">QQQII")
EXTENSION = struct.Struct(">II")
BITMAPS = struct.Struct(">IIQQ")
ENTRY = struct.Struct(">QIIBBHI")

EXTENSION_END, EXTENSION_BITMAPS, EXTENSION_BACKING_FORMAT = 0, 0x23852875, 0xE2792ACA
TABLE_ENTRY_BYTES = 8
TABLE_BYTES_MAX = 1 << 25
"""Bytes of the table of all clusters. Source: QEMU 7.2, ``QCOW_MAX_L1_SIZE``."""

CLUSTER_BITS = range(9, 22)
"""512 bytes to 2 MiB."""

INCOMPATIBLE_CORRUPT, INCOMPATIBLE_DATA_FILE, INCOMPATIBLE_EXTENDED = 1 << 1, 1 << 2, 1 << 4
AUTOCLEAR_BITMAPS = 1
"""Unset when a program that knows nothing of bitmaps has written to the image."""

AUTOCLEAR_LAST = 95
"""Where the lowest byte of these features lies."""

FLAG_IN_USE, FLAG_AUTO, FLAG_EXTRA_COMPATIBLE = 1, 2, 4
TYPE_DIRTY = 1
OFFSET_MASK = 0x00FF_FFFF_FFFF_FE00
ALL_ONES = 1

BACKING_BYTES_MAX = 1023
"""Length of a backing file's name. Source: QEMU docs/interop/qcow2.txt, "Header"."""

BITMAPS_MAX = 65535
"""Bitmaps in one image. Source: QEMU 7.2."""

BITS_READ_MAX = 1 << 29
"""Bytes of bitmaps that are read of one image."""

BITMAP_BYTES_MAX = 1 << 29
"""Bytes of one bitmap. Source: QEMU 7.2, ``BME_MAX_PHYS_SIZE``."""

DIRECTORY_BYTES_MAX = 1 << 26
"""Bytes of the directory. Source: QEMU 7.2, ``QCOW2_MAX_BITMAP_DIRECTORY_SIZE``."""

RUNS_MAX = 500_000
"""A bitmap of more runs is rounded to chunks."""

CHUNK_BYTES = 512
CHUNK = CHUNK_BYTES * 8
"""Bits that are looked at together, and that a bitmap of too many runs is rounded to."""


class DamagedError(ValueError):
    """A file that contradicts the format; the text says where."""


class Source:
    """A file open for reading, whose every read is checked against its end."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.size = os.lseek(descriptor, 0, os.SEEK_END)

    def read(self, offset: int, length: int, what: str) -> bytes:
        """Return some bytes.

        Raises:
            DamagedError: They lie, at least in part, behind the end of the file.
        """
        if length < 0 or offset < 0 or offset + length > self.size:
            raise DamagedError(
                f"{what} at byte {offset:,} reaches beyond the end of the file, "
                f"which has {self.size:,} bytes"
            )
        parts = b""
        while len(parts) < length:
            part = os.pread(self._descriptor, length - len(parts), offset + len(parts))
            if not part:
                raise DamagedError(f"{what} at byte {offset:,} cannot be read")
            parts += part
        return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the first cluster of a qcow2 file says.

    Attributes:
        version: 2 or 3.
        size: Bytes of the disk.
        cluster_size: Bytes.
        encrypted: Whether its data cannot be read without a key.
        corrupt: Whether QEMU has marked it so.
        data_file: Whether its data lies in another file.
        extended: Whether its clusters have parts that are held one by one.
        table_offset, table_length: Of the table of all clusters; the length in entries.
        snapshots, snapshots_offset: Of the list of internal snapshots.
        backing, backing_format: What is below it, and of which format.
        count, directory_offset, directory_size: Of the bitmaps.
        autoclear: Features that a program must unset which does not know them.
        lacking: The tables that the file should hold, and that lie behind its end.
    """

    version: int
    size: int
    cluster_size: int
    encrypted: bool
    corrupt: bool
    data_file: bool
    extended: bool = False
    table_offset: int = 0
    table_length: int = 0
    snapshots: int = 0
    snapshots_offset: int = 0
    backing: str | None = None
    backing_format: str | None = None
    count: int = 0
    directory_offset: int = 0
    directory_size: int = 0
    autoclear: int = AUTOCLEAR_BITMAPS
    lacking: tuple[str, ...] = ()

    @property
    def trusted(self) -> bool:
        """Whether every program that wrote to the image knows of bitmaps."""
        return bool(self.autoclear & AUTOCLEAR_BITMAPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBitmap:
    """A bitmap as a file stores it.

    Attributes:
        granularity: Bytes for one bit.
        in_use: Whether it was open for writing, and never stored since.
        recording: Whether QEMU will record to it as soon as it opens the image for writing.
        runs: The set bits, in granules; empty where it is in use, for then they mean nothing.
        count: Number of set bits.
        rounded: Whether it has too many runs, so that these cover more than is set.
        damage: Why its bits cannot be read; empty where they can.
    """

    name: str
    granularity: int
    in_use: bool
    recording: bool
    runs: tuple[Run, ...] = ()
    count: int = 0
    rounded: bool = False
    damage: str = ""


def read_header(source: Source) -> Header:
    """Return what the header of a qcow2 file says.

    Raises:
        DamagedError: It contradicts the format.
    """
    fields = HEADER_V2.unpack(source.read(0, HEADER_V2.size, "the header"))
    version, cluster_bits, size, crypt = fields[1], fields[4], fields[5], fields[6]
    if version not in (2, 3):
        raise DamagedError(f"its header says version {version} of qcow2; there are 2 and 3")
    if cluster_bits not in CLUSTER_BITS:
        raise DamagedError(f"its header says clusters of 2**{cluster_bits} bytes")
    incompatible = autoclear = 0
    end = HEADER_V2.size
    if version == 3:
        more = HEADER_V3.unpack(source.read(end, HEADER_V3.size, "the header"))
        incompatible, _, autoclear, _, end = more
    cluster_size = 1 << cluster_bits
    extensions = _extensions(source, end, cluster_size)
    bitmaps = _find_bitmaps(extensions)
    return Header(
        version=version,
        size=size,
        cluster_size=cluster_size,
        encrypted=crypt != 0,
        corrupt=bool(incompatible & INCOMPATIBLE_CORRUPT),
        data_file=bool(incompatible & INCOMPATIBLE_DATA_FILE),
        extended=bool(incompatible & INCOMPATIBLE_EXTENDED),
        table_offset=fields[8],
        table_length=fields[7],
        snapshots=fields[11],
        snapshots_offset=fields[12],
        backing=_backing(source, fields[2], fields[3]),
        backing_format=_text(extensions.get(EXTENSION_BACKING_FORMAT)),
        count=bitmaps[0],
        directory_offset=bitmaps[3],
        directory_size=bitmaps[2],
        autoclear=autoclear,
        lacking=tuple(_lacking(source, fields)),
    )


def _lacking(source: Source, fields: tuple[int, ...]) -> Iterator[str]:
    """Yield the tables that lie behind the end of the file; QEMU reads them as zeroes.

    Of those that are a cluster long only the start must be there.
    """
    length, place, counts = fields[7] * TABLE_ENTRY_BYTES, fields[8], fields[9]
    if length and place + length > source.size:
        yield cut_short("the table of all clusters", place, source.size)
    elif 0 < length <= TABLE_BYTES_MAX:
        entries = struct.iter_unpack(">Q", source.read(place, length, "the table of all clusters"))
        last = max(entry & OFFSET_MASK for (entry,) in entries)
        if last >= source.size:
            yield cut_short("a table of clusters", last, source.size)
    if counts >= source.size:
        yield cut_short("the table of reference counts", counts, source.size)


def cut_short(what: str, place: int, size: int) -> str:
    """Return that a part of a file lies behind its end."""
    return (
        f"it is cut short: {what} at byte {place:,} lies behind the end of the file, "
        f"which has {size:,} bytes"
    )


def _backing(source: Source, place: int, length: int) -> str | None:
    if not place or not 0 < length <= BACKING_BYTES_MAX:
        return None
    return _text(source.read(place, length, "the name of the backing image"))


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode("utf-8", "surrogateescape")


def _extensions(source: Source, start: int, cluster_size: int) -> dict[int, bytes]:
    """Return the extensions of a header: kind to data."""
    first = source.read(0, min(cluster_size, source.size), "the first cluster")
    found: dict[int, bytes] = {}
    while start + EXTENSION.size <= len(first):
        kind, length = EXTENSION.unpack_from(first, start)
        start += EXTENSION.size
        if kind == EXTENSION_END:
            break
        if start + length > len(first):
            raise DamagedError(f"a header extension of {length:,} bytes leaves the first cluster")
        found.setdefault(kind, first[start : start + length])
        start += -(-length // 8) * 8
    return found


def _find_bitmaps(extensions: Mapping[int, bytes]) -> tuple[int, int, int, int]:
    """Return number, a reserved field, size and offset of the bitmaps' directory; 0 for none."""
    data = extensions.get(EXTENSION_BITMAPS)
    if data is None:
        return 0, 0, 0, 0
    if len(data) != BITMAPS.size:
        raise DamagedError(f"the bitmaps extension has {len(data):,} bytes, not 24")
    found: tuple[int, int, int, int] = BITMAPS.unpack(data)
    return found


def read_bitmaps(source: Source, header: Header) -> tuple[StoredBitmap, ...]:
    """Return the bitmaps of an image, sorted by name: the order in the file flips at each start.

    Raises:
        DamagedError: Their directory contradicts the format.
    """
    if not header.count:
        return ()
    if header.count > BITMAPS_MAX:
        raise DamagedError(f"it claims {header.count:,} bitmaps; {BITMAPS_MAX:,} are possible")
    if header.directory_size > DIRECTORY_BYTES_MAX:
        raise DamagedError(f"it claims a bitmap directory of {header.directory_size:,} bytes")
    raw = source.read(header.directory_offset, header.directory_size, "the bitmap directory")
    reader = _Reader(source, header)
    found = list(reader.entries(raw))
    if len(found) != header.count:
        raise DamagedError(
            f"the bitmap directory holds {len(found):,} bitmaps, the header says {header.count:,}"
        )
    return tuple(sorted(found, key=lambda bitmap: bitmap.name))


@dataclass(slots=True)
class _Reader:
    """Reads bitmaps of one image, up to so many bytes of all of them."""

    source: Source
    header: Header
    left: int = BITS_READ_MAX

    def entries(self, raw: bytes) -> Iterator[StoredBitmap]:
        """Yield the bitmaps of a directory."""
        place = 0
        while place < len(raw):
            if place + ENTRY.size > len(raw):
                raise DamagedError("the bitmap directory ends within an entry")
            entry = ENTRY.unpack_from(raw, place)
            name_size, extra_size = entry[5], entry[6]
            start = place + ENTRY.size + extra_size
            if start + name_size > len(raw) or not 0 < name_size <= NAME_BYTES_MAX:
                raise DamagedError("the bitmap directory ends within an entry")
            name = raw[start : start + name_size].decode("utf-8", "backslashreplace")
            yield self._bitmap(name, entry)
            place = start + name_size
            place = -(-place // 8) * 8

    def _bitmap(self, name: str, entry: tuple[int, ...]) -> StoredBitmap:
        offset, entries, flags, kind, bits, _, extra_size = entry
        granularity = 1 << bits
        if kind != TYPE_DIRTY or not GRANULARITY_MIN <= granularity <= GRANULARITY_MAX:
            raise DamagedError(
                f"the bitmap directory names type {kind} and granularity 2**{bits} for a bitmap"
            )
        in_use = bool(flags & FLAG_IN_USE) or not self.header.trusted
        bitmap = StoredBitmap(
            name=name,
            granularity=granularity,
            in_use=in_use,
            recording=bool(flags & FLAG_AUTO) and not in_use,
        )
        if in_use:
            return bitmap
        try:
            if extra_size and not flags & FLAG_EXTRA_COMPATIBLE:
                raise DamagedError("it has data of a newer format")
            bits_set = self._bits(offset, entries, granularity)
        except DamagedError as damage:
            return StoredBitmap(
                name=name,
                granularity=granularity,
                in_use=False,
                recording=bitmap.recording,
                damage=str(damage),
            )
        return StoredBitmap(
            name=name,
            granularity=granularity,
            in_use=False,
            recording=bitmap.recording,
            runs=join_runs(bits_set.runs),
            count=bits_set.count,
            rounded=bits_set.rounded,
        )

    def _bits(self, offset: int, entries: int, granularity: int) -> "_Bits":
        length = -(-self.header.size // granularity)
        per_cluster = self.header.cluster_size * 8
        if entries != -(-length // per_cluster):
            raise DamagedError(f"its table has {entries:,} entries, which do not fit the disk")
        if entries * self.header.cluster_size > BITMAP_BYTES_MAX:
            raise DamagedError(f"its table has {entries:,} entries, more than QEMU takes")
        table = self.source.read(offset, entries * 8, "its table")
        found = _Bits()
        for index, (entry,) in enumerate(struct.iter_unpack(">Q", table)):
            first = index * per_cluster
            count = min(per_cluster, length - first)
            place = entry & OFFSET_MASK
            if place:
                size = -(-count // 8)
                self.left -= size
                if self.left < 0:
                    raise DamagedError(f"its bitmaps take more than {BITS_READ_MAX >> 20} MiB")
                found.add_bits(first, self.source.read(place, size, "a part of it"), count)
            elif entry & ALL_ONES:
                found.add(first, count)
                found.count += count
        return found


@dataclass(slots=True)
class _Bits:
    """Set bits, gathered from the first to the last."""

    runs: list[Run] = field(default_factory=list)
    count: int = 0
    rounded: bool = False

    def add(self, first: int, count: int) -> None:
        """Take a run that begins where the last one ends, or later."""
        if self.runs:
            start, length, _ = self.runs[-1]
            if start + length >= first:
                self.runs[-1] = (start, max(length, first + count - start), "X")
                return
        self.runs.append((first, count, "X"))
        if len(self.runs) > RUNS_MAX:
            self._round()

    def add_bits(self, first: int, data: bytes, count: int) -> None:
        """Take bits from bytes, of which the lowest bit of the first byte is the first."""
        if not any(data):
            return
        for place in range(0, len(data), CHUNK_BYTES):
            value = int.from_bytes(data[place : place + CHUNK_BYTES], "little")
            length = min(CHUNK, count - place * 8)
            value &= (1 << length) - 1
            if not value:
                continue
            start = first + place * 8
            self.count += value.bit_count()
            if self.rounded:
                self.add(start, length)
                continue
            for offset, size in _runs_of(value):
                self.add(start + offset, size)

    def _round(self) -> None:
        self.rounded = True
        rough: list[Run] = []
        for first, count, held in self.runs:
            start = first // CHUNK * CHUNK
            rough.append((start, -(-(first + count) // CHUNK) * CHUNK - start, held))
        self.runs = list(join_runs(rough))


def _runs_of(value: int) -> Iterator[tuple[int, int]]:
    """Yield first and length of each run of set bits.

    >>> list(_runs_of(0b0111001))
    [(0, 1), (3, 3)]
    """
    place = 0
    while value:
        zeroes = (value & -value).bit_length() - 1
        value >>= zeroes
        ones = (~value & (value + 1)).bit_length() - 1
        yield place + zeroes, ones
        value >>= ones
        place += zeroes + ones
