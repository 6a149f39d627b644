"""What somebody pasted into a report: the JSON that qemu-img and QEMU print about images.

The files are not there, so what they hold is not known; their chain and their bitmaps are.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from zlib import crc32

from simulator.inspect.disk import SeenDisk
from simulator.inspect.image.chain import Chain, Cut
from simulator.inspect.image.qcow2 import StoredBitmap
from simulator.inspect.image.seen import SeenImage

EXPECTED = (
    "expected the JSON of qemu-img info --backing-chain --output=json, query-block or "
    "query-named-block-nodes"
)

GRANULARITY = 64 * 1024


class PastedError(Exception):
    """A text that is none of the known ones."""


def read_pasted(text: str) -> tuple[SeenDisk, ...]:
    """Return the disks that a text is about; what their images hold is not known.

    Raises:
        PastedError: It is no JSON, or that of another command.
    """
    try:
        read = json.loads(text)
    except ValueError as error:
        raise PastedError(f"it is no JSON ({error}); {EXPECTED}") from None
    if isinstance(read, dict) and "return" in read:
        read = read["return"]
    entries = read if isinstance(read, list) else [read]
    if not entries or not all(isinstance(each, dict) for each in entries):
        raise PastedError(EXPECTED)
    if all("virtual-size" in each and "filename" in each for each in entries):
        return (_disk("vda", [_image_of(each) for each in entries], entries[-1]),)
    if all("device" in each and "removable" in each for each in entries):
        found = tuple(_of_block(entries))
    elif all("node-name" in each and "drv" in each for each in entries):
        found = tuple(_of_nodes(entries))
    else:
        raise PastedError(f"it has {', '.join(sorted(entries[0])[:4])}; {EXPECTED}")
    if not found:
        raise PastedError(f"no image is open in it; {EXPECTED}")
    return found


def _of_block(entries: Sequence[dict[str, Any]]) -> Iterator[SeenDisk]:
    """Yield the disks of ``query-block``; bitmaps are those in memory, of the active image."""
    for number, entry in enumerate(entries):
        inserted = entry.get("inserted")
        if not isinstance(inserted, dict) or not isinstance(inserted.get("image"), dict):
            continue
        infos = list(_below(inserted["image"]))
        images = [_image_of(info) for info in infos]
        active = _with_live(images[0], inserted)
        yield _disk(_name(entry, number), [active, *images[1:]], infos[-1])


def _of_nodes(entries: Sequence[dict[str, Any]]) -> Iterator[SeenDisk]:
    """Yield the disks of ``query-named-block-nodes``: the nodes that are below no other one."""
    nodes = {
        each["image"]["filename"]: each
        for each in entries
        if isinstance(each.get("image"), dict)
        and isinstance(each["image"].get("filename"), str)
        and each["drv"] not in ("file", "host_device", "nbd")
    }
    below = {each.get("backing_file") for each in nodes.values()}
    number = 0
    for name, node in nodes.items():
        if name in below:
            continue
        infos = list(_below(node["image"]))
        images = [
            _with_live(_image_of(info), nodes.get(info.get("filename", ""), {})) for info in infos
        ]
        yield _disk(_name(node, number), images, infos[-1])
        number += 1


def _name(entry: dict[str, Any], number: int) -> str:
    told = entry.get("device") or entry.get("qdev") or entry.get("node-name")
    return str(told).rsplit("/", 1)[-1] if told else f"vd{chr(ord('a') + number % 26)}"


def _below(info: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what is told of an image and of those below it."""
    here: Any = info
    while isinstance(here, dict):
        yield here
        here = here.get("backing-image")


def _image_of(info: dict[str, Any]) -> SeenImage:
    path = str(info.get("filename", "?"))
    specific = info.get("format-specific")
    data = specific.get("data", {}) if isinstance(specific, dict) else {}
    data = data if isinstance(data, dict) else {}
    format = str(info.get("format", "raw"))
    bitmaps = [each for each in data.get("bitmaps", []) if isinstance(each, dict)]
    backing = info.get("backing-filename")
    damaged = ("QEMU calls it corrupt",) if data.get("corrupt") else ()
    return SeenImage(
        name=os.path.splitext(os.path.basename(path))[0] or path,
        path=path,
        key=(0, crc32(path.encode())),
        format=format,
        version=None if format != "qcow2" else 2 if str(data.get("compat", "1.1")) == "0.10" else 3,
        size=int(info.get("virtual-size", 0)),
        cluster_size=info.get("cluster-size"),
        runs=(),
        bitmaps=tuple(sorted((_stored(each) for each in bitmaps), key=lambda each: each.name)),
        encrypted=bool(info.get("encrypted")),
        damage=damaged,
        backing=str(backing) if backing else None,
        backing_format=info.get("backing-filename-format"),
    )


def _stored(told: dict[str, Any]) -> StoredBitmap:
    flags = told.get("flags", [])
    return StoredBitmap(
        name=str(told.get("name", "?")),
        granularity=int(told.get("granularity", GRANULARITY)),
        in_use="in-use" in flags,
        recording="auto" in flags,
    )


def _with_live(image: SeenImage, node: dict[str, Any]) -> SeenImage:
    """Return an image with the bitmaps that its process has in memory."""
    if not node:
        return image
    bitmaps = [each for each in node.get("dirty-bitmaps", []) if isinstance(each, dict)]
    live = (
        StoredBitmap(
            name=str(each.get("name", "?")),
            granularity=int(each.get("granularity", GRANULARITY)),
            in_use=bool(each.get("inconsistent")),
            recording=bool(each.get("recording")),
            count=int(each.get("count", 0)) // int(each.get("granularity", GRANULARITY) or 1),
        )
        for each in bitmaps
        if each.get("name")
    )
    return replace(image, bitmaps=tuple(sorted(live, key=lambda each: each.name)))


def _disk(name: str, images: Sequence[SeenImage], lowest: dict[str, Any]) -> SeenDisk:
    """Return a disk of some images, the active one first."""
    cut = None
    backing = images[-1].backing
    if backing is not None and not isinstance(lowest.get("backing-image"), dict):
        cut = Cut(
            code="IN101",
            rule="backing-missing",
            backing=backing,
            message="is not in what was pasted",
            help="ask for the whole chain: qemu-img info --backing-chain --output=json",
        )
    return SeenDisk(name=name, chain=Chain(images=tuple(reversed(images)), cut=cut))
