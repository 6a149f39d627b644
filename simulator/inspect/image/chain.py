"""A backing chain as its files tell it: each image's own allocation, and the bitmaps it stores."""

import json
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from simulator.diagnostics import printable
from simulator.hosts import qemu_img
from simulator.inspect.image.qcow2 import (
    MAGIC,
    DamagedError,
    Header,
    Source,
    StoredBitmap,
    cut_short,
    read_bitmaps,
    read_header,
)
from simulator.inspect.image.runs import EMPTY, UNKNOWN, Run, join_runs

DATA = "A"
"""Stands in an image's own runs for data, whoever wrote it."""

ZERO = "0"

IMAGES_MAX = 256
"""A longer chain is cut."""

DATA_READ_MAX = 64 * 1024 * 1024
"""Up to so many bytes of an image's data are read, to tell zeroes that are stored as data."""

RAW_UNIT = 4096
"""Bytes of a raw image that are told apart; QEMU allocates that much at its start."""

RESTORE = "restore it from a backup, or save what is left: qemu-img convert"

_PROTOCOL = re.compile(r"[A-Za-z0-9+.-]+:")

_SUFFIX = re.compile(r"\.(qcow2|qcow|img|raw)$")


class UnusableError(Exception):
    """An image that nothing can be told of.

    Attributes:
        help: What to do.
    """

    def __init__(self, message: str, help: str = "") -> None:
        super().__init__(message)
        self.help = help


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenImage:
    """One image file and what it holds itself.

    Attributes:
        name: What figures call it.
        path: As it was found.
        key: Device and inode, by which a file is known whatever it is called.
        format: ``qcow2``, ``raw``, or another one that QEMU knows.
        version: Of qcow2, 2 or 3; None for other formats.
        size: Bytes of the disk.
        cluster_size: Bytes; None where the format has none.
        runs: What it holds, in bytes: data, zeroes, or unknown.
        bitmaps: Sorted by name.
        in_use: Whether another process writes to it.
        encrypted: Whether its data cannot be read without a key.
        damage: What is wrong with the file, one line each.
        trusted: Whether every program that wrote to the image knows of bitmaps.
        backing: What its header names; None at the end of a chain.
        backing_format: What its header says of it.
    """

    name: str
    path: str
    key: tuple[int, int]
    format: str
    version: int | None
    size: int
    cluster_size: int | None
    runs: tuple[Run, ...]
    bitmaps: tuple[StoredBitmap, ...] = ()
    in_use: bool = False
    encrypted: bool = False
    damage: tuple[str, ...] = ()
    trusted: bool = True
    backing: str | None = None
    backing_format: str | None = None

    def bitmap(self, name: str) -> StoredBitmap | None:
        """Return a bitmap by its name, or None."""
        return next((each for each in self.bitmaps if each.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Where a chain ends too early.

    Attributes:
        code, rule: Of the finding.
        backing: What the lowest image names.
        message: What is wrong with it, as the end of a sentence that begins with its name.
        help: What to do.
    """

    code: str
    rule: str
    backing: str
    message: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A backing chain.

    Attributes:
        images: From the lowest that could be read to the active one; at least one.
        cut: Why there is nothing below the lowest image, although it names something.
    """

    images: tuple[SeenImage, ...]
    cut: Cut | None = None

    @property
    def active(self) -> SeenImage:
        """The image that takes the guest's writes."""
        return self.images[-1]


def read_backing_chain(path: str) -> Chain:
    """Return the chain below and with an image, each image read for itself.

    Raises:
        UnusableError: The image itself cannot be used. What is below it may be missing or broken.
        ToolMissingError: There is no ``qemu-img``.
    """
    images = [_read_image(path, "qcow2")]
    cut: Cut | None = None
    while cut is None and images[-1].backing is not None:
        below = _read_below(images)
        if isinstance(below, Cut):
            cut = below
        else:
            images.append(below)
    return Chain(images=_named(reversed(images)), cut=cut)


def _read_below(images: list[SeenImage]) -> SeenImage | Cut:
    """Return the image below the last one, or why the chain ends here."""
    cut = _cut_below(images[-1])
    path, format = _find_file(images[-1])
    if path is None:
        help = "inspect it where it lies, or copy the image here"
        return replace(cut, message="is not a local file", help=help)
    if len(images) >= IMAGES_MAX:
        return replace(cut, message=f"comes after {IMAGES_MAX} images", help="commit some of them")
    try:
        key = _key_of(os.stat(path))
        if any(key == image.key for image in images):
            return replace(
                cut,
                code="IN102",
                rule="backing-loop",
                message="is above it in the same chain, so the chain never ends",
                help="point it to its own base again: qemu-img rebase -u -b BASE -F FORMAT",
            )
        return _read_image(path, format)
    except OSError as error:
        return replace(cut, message=f"cannot be opened: {error.strerror}")
    except ValueError:
        return replace(cut, message="has a name that no file can have")
    except UnusableError as error:
        if not os.path.isfile(path):
            return replace(cut, message=str(error))
        help = error.help or RESTORE
        return replace(cut, code="IN103", rule="damaged-image", message=str(error), help=help)


def _cut_below(image: SeenImage) -> Cut:
    """Return that there is nothing below an image; why, is left to say."""
    assert image.backing is not None, "the caller looks whether there is one"
    return Cut(
        code="IN101",
        rule="backing-missing",
        backing=image.backing,
        message="",
        help=f"put the file back, or point {image.path} to where it is now: "
        "qemu-img rebase -u -b FILE -F FORMAT",
    )


def _find_file(image: SeenImage) -> tuple[str | None, str | None]:
    """Return path and format of the file that an image names as its backing, if it is local."""
    name, format = image.backing or "", image.backing_format
    if name.startswith("json:"):
        return _find_in_json(name.removeprefix("json:"), format)
    name = name.removeprefix("file:")
    if _PROTOCOL.match(name):
        return None, None
    return os.path.join(os.path.dirname(image.path), name), format


def _find_in_json(text: str, format: str | None) -> tuple[str | None, str | None]:
    try:
        node: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None, None
    while isinstance(node, dict):
        driver = node.get("driver")
        name = node.get("filename", node.get("file.filename"))
        if isinstance(name, str) and (driver == "file" or node.get("file.driver") == "file"):
            return name, format
        format = driver if isinstance(driver, str) else format
        node = node.get("file")
    return None, None


def _key_of(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _read_image(path: str, format: str | None) -> SeenImage:
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
    told, in_use = _ask_info(path, format)
    image = SeenImage(
        name=_SUFFIX.sub("", os.path.basename(path)) or path,
        path=path,
        key=_key_of(os.fstat(descriptor)),
        format=format,
        version=header.version if header else None,
        size=int(told["virtual-size"]),
        cluster_size=header.cluster_size if header else None,
        runs=(),
        in_use=in_use,
        encrypted=header.encrypted if header else False,
        trusted=header.trusted if header else True,
        backing=told.get("backing-filename"),
        backing_format=told.get("backing-filename-format"),
    )
    image = _with_runs(image, header, descriptor)
    return _with_bitmaps(image, header, source) if header else image


def _ask_info(path: str, format: str) -> tuple[dict[str, Any], bool]:
    """Return what QEMU says of an image, and whether another process writes to it."""
    try:
        try:
            told, in_use = qemu_img.ask("info", path, format, share=False), False
        except qemu_img.LockedError:
            told, in_use = qemu_img.ask("info", path, format, share=True), True
    except qemu_img.ToolError as error:
        raise UnusableError(f"is turned down by QEMU: {error}", RESTORE) from None
    if not isinstance(told, dict) or not isinstance(told.get("virtual-size"), int):
        raise UnusableError("is described by QEMU in words that are not understood")
    return told, in_use


def _with_runs(image: SeenImage, header: Header | None, descriptor: int) -> SeenImage:
    """Return the image with what it holds, as far as that can be told."""
    unknown: tuple[Run, ...] = ((0, image.size, UNKNOWN),) if image.size else ()
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
        return replace(image, damage=(*image.damage, str(error)))


def _named(images: Iterable[SeenImage]) -> tuple[SeenImage, ...]:
    """Return images, each with a name of its own."""
    named: list[SeenImage] = []
    taken: set[str] = set()
    for image in images:
        name, number = image.name, 2
        while name in taken:
            name, number = f"{image.name}-{number}", number + 1
        taken.add(name)
        named.append(replace(image, name=name))
    return tuple(named)


def label(text: str) -> str:
    """Return a name as a figure can show it: on one line, without bars.

    >>> label("a|b")
    'a\\\\x7cb'
    """
    return printable(text).replace("|", "\\x7c").strip() or EMPTY
