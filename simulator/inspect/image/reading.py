"""What one file holds: asked of QEMU, and read from the file where QEMU does not tell."""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from simulator.hosts import qemu_img
from simulator.inspect.image.qcow2 import (
    MAGIC,
    DamagedError,
    Header,
    Source,
    cut_short,
    read_bitmaps,
    read_header,
)
from simulator.inspect.image.runs import UNKNOWN, Run, join_runs
from simulator.inspect.image.seen import (
    DATA,
    RESTORE,
    ZERO,
    KeptContent,
    SeenImage,
    UnusableError,
)
from simulator.inspect.image.tables import Tables, list_states

DATA_READ_MAX = 64 * 1024 * 1024
"""Up to so many bytes of an image's data are read, to tell zeroes that are stored as data."""

RAW_UNIT = 4096
"""Bytes of a raw image that are told apart; QEMU allocates that much at its start."""

_SUFFIX = re.compile(r"\.(qcow2|qcow|img|raw)$")


def key_of(found: os.stat_result) -> tuple[int, int]:
    """Return by what a file is known whatever it is called."""
    return found.st_dev, found.st_ino


def read_image(path: str, format: str | None) -> SeenImage:
    """Return what one file holds.

    Args:
        format: As a header names it; None to look at the file.

    Raises:
        UnusableError: Nothing can be told of it.
    """
    try:
        path.encode("utf-8")
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISBLK(found.st_mode):
            raise UnusableError(f"is {_kind_of(found.st_mode)}, not an image")
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise UnusableError(f"cannot be opened: {error.strerror}") from None
    except ValueError:
        raise UnusableError("has a name that is not UTF-8 text", "give it another name") from None
    try:
        image = _look(path, format, Source(descriptor), descriptor)
        after = os.fstat(descriptor)
        changed = (found.st_mtime_ns, found.st_size) != (after.st_mtime_ns, after.st_size)
        return replace(image, in_use=image.in_use or changed)
    except DamagedError as error:
        raise UnusableError(f"is damaged: {error}", RESTORE) from None
    except OSError as error:
        raise UnusableError(f"cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)


def _kind_of(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a directory"
    return "a character device" if stat.S_ISCHR(mode) else "a pipe or a socket"


def _look(path: str, format: str | None, source: Source, descriptor: int) -> SeenImage:
    magic = source.read(0, min(4, source.size), "the header") == MAGIC
    format = format or ("qcow2" if magic else "raw")
    if format == "qcow2" and not magic:
        if not source.size:
            raise UnusableError("is an empty file")
        raise UnusableError(
            "is not a qcow2 image",
            "name the active image of a chain; only qcow2 has backing files and bitmaps",
        )
    if format not in qemu_img.TOOLS_OK:
        raise UnusableError(f"has the format {format}, which is not looked into")
    header = read_header(source) if format == "qcow2" else None
    told, in_use, refusal = _describe(path, format, header, source)
    image = SeenImage(
        name=_SUFFIX.sub("", os.path.basename(path)) or path,
        path=path,
        key=key_of(found := os.fstat(descriptor)),
        written=found.st_mtime_ns,
        format=format,
        version=header.version if header else None,
        size=int(told["virtual-size"]),
        cluster_size=header.cluster_size if header else None,
        runs=(),
        in_use=in_use,
        encrypted=header.encrypted if header else False,
        trusted=header.trusted if header else True,
        refusal=refusal,
        autoclear=header.autoclear if header else 0,
        backing=told.get("backing-filename"),
        backing_format=told.get("backing-filename-format"),
    )
    if header is None:
        return _with_runs(image, header, descriptor)
    tables = Tables(source, header)
    if refusal:
        image = _with_tables(image, tables, descriptor)
    else:
        image = _with_runs(image, header, descriptor)
    return _with_states(_with_bitmaps(image, header, source), tables, descriptor)


def _describe(
    path: str, format: str, header: Header | None, source: Source
) -> tuple[dict[str, Any], bool, str]:
    """Return what QEMU says of an image, whether it is in use, and why QEMU turns it down.

    An image that is turned down for its bitmaps alone is described by its header.
    """
    try:
        return (*_ask_info(path, format), "")
    except UnusableError as error:
        refusal = error.reason
        if header is None or header.lacking or "bitmap" not in refusal.lower():
            raise
    if not header.trusted or not header.count or _sound(source, header):
        raise UnusableError(f"is turned down by QEMU: {refusal}", RESTORE)
    told = {"virtual-size": header.size, "backing-filename": header.backing}
    return {**told, "backing-filename-format": header.backing_format}, False, refusal


def _sound(source: Source, header: Header) -> bool:
    """Whether the bitmaps of an image can be read."""
    try:
        return not any(bitmap.damage for bitmap in read_bitmaps(source, header))
    except DamagedError:
        return False


def _ask_info(path: str, format: str) -> tuple[dict[str, Any], bool]:
    """Return what QEMU says of an image, and whether another process writes to it."""
    try:
        try:
            told, in_use = qemu_img.ask("info", path, format, share=False), False
        except qemu_img.LockedError:
            told, in_use = qemu_img.ask("info", path, format, share=True), True
    except qemu_img.ToolError as error:
        said = str(error)
        raise UnusableError(f"is turned down by QEMU: {said}", RESTORE, reason=said) from None
    if not isinstance(told, dict) or not isinstance(told.get("virtual-size"), int):
        raise UnusableError("is described by QEMU in words that are not understood")
    return told, in_use


def _with_runs(image: SeenImage, header: Header | None, descriptor: int) -> SeenImage:
    """Return the image with what it holds, as far as that can be told."""
    unknown = _unknown(image.size)
    damage: tuple[str, ...] = header.lacking if header else ()
    damage = ("QEMU has marked it as corrupt", *damage) if header and header.corrupt else damage
    if image.encrypted:
        return replace(image, runs=unknown, damage=damage)
    try:
        extents = qemu_img.ask("map", image.path, image.format, share=image.in_use)
        readable = image.format == "raw" or (header is not None and not header.data_file)
        runs = join_runs(_runs(extents, image, descriptor if readable else None))
        if header is not None and not header.data_file:
            damage += tuple(_behind_end(extents, header, descriptor))
    except qemu_img.ToolError as error:
        return replace(image, runs=unknown, damage=(*damage, f"QEMU cannot map it: {error}"))
    except (KeyError, TypeError):
        return replace(image, runs=unknown, damage=(*damage, "QEMU's map is not understood"))
    return replace(image, runs=runs, damage=damage)


def _with_tables(image: SeenImage, tables: Tables, descriptor: int) -> SeenImage:
    """Return the image with what its own tables say that it holds."""
    header = tables.header
    try:
        found = list(tables.extents(header.table_offset, header.table_length, image.size))
    except DamagedError as error:
        return replace(image, runs=_unknown(image.size), damage=(*image.damage, str(error)))
    runs = join_runs(_runs(found, image, None if header.data_file else descriptor))
    behind = () if header.data_file else tuple(_behind_end(found, header, descriptor))
    if image.encrypted:
        runs = _unknown(image.size)
    return replace(image, runs=runs, damage=(*image.damage, *behind))


def _with_states(image: SeenImage, tables: Tables, descriptor: int) -> SeenImage:
    """Return the image with the states that are kept inside it."""
    header = tables.header
    kept: list[KeptContent] = []
    left = 0 if header.data_file else DATA_READ_MAX
    try:
        for state in list_states(tables.source, header):
            runs = _unknown(state.size)
            if not image.encrypted:
                with suppress(DamagedError):
                    found = list(tables.extents(state.place, state.length, state.size))
                    left -= sum(extent["length"] for extent in found if extent["data"])
                    runs = join_runs(_runs(found, image, descriptor if left >= 0 else None))
            kept.append(KeptContent(name=state.name, size=state.size, runs=runs))
    except DamagedError as error:
        image = replace(image, damage=(*image.damage, str(error)))
    return replace(image, snapshots=tuple(kept))


def _unknown(size: int) -> tuple[Run, ...]:
    return ((0, size, UNKNOWN),) if size else ()


def _behind_end(extents: Any, header: Header, descriptor: int) -> Iterator[str]:
    """Yield that the file should hold data behind its end; QEMU reads it as zeroes."""
    stored = [e["offset"] + e["length"] for e in extents if e["data"] and "offset" in e]
    size, end = os.fstat(descriptor).st_size, max(stored, default=0)
    # Of the last cluster only the start must be there.
    if end - header.cluster_size >= size:
        yield cut_short("data", end - header.cluster_size, size)


def _runs(extents: Any, image: SeenImage, descriptor: int | None) -> Iterator[Run]:
    """Yield what an image holds, in bytes.

    Args:
        descriptor: Where data lies at the offsets that the map tells; None where it does not.
    """
    stored = sum(extent["length"] for extent in extents if extent["data"])
    unit = image.cluster_size or RAW_UNIT
    for extent in extents:
        start, length = int(extent["start"]), int(extent["length"])
        if extent["data"]:
            found: Iterable[Run] = ((start, length, DATA),)
            if descriptor is not None and stored <= DATA_READ_MAX and "offset" in extent:
                found = _look_for_zeroes(descriptor, start, length, int(extent["offset"]), unit)
            yield from (run for run in found if run[2] == DATA or image.format != "raw")
        elif image.format == "raw":
            continue  # A hole and zeroes are the same at the end of a chain.
        elif extent["present"]:
            yield start, length, ZERO


def _look_for_zeroes(
    descriptor: int, start: int, length: int, offset: int, unit: int
) -> Iterator[Run]:
    """Yield the clusters of an extent, of which some may hold nothing but zero bytes."""
    for place in range(0, length, unit):
        size = min(unit, length - place)
        data = os.pread(descriptor, size, offset + place)
        yield start + place, size, DATA if data.strip(b"\0") or not data else ZERO


def _with_bitmaps(image: SeenImage, header: Header, source: Source) -> SeenImage:
    try:
        return replace(image, bitmaps=read_bitmaps(source, header))
    except DamagedError as error:
        return replace(image, damage=(*image.damage, str(error)), unlisted=True)
