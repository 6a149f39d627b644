"""Reads images and bitmaps of a running QEMU as rows of cells, for a recording."""

import errno
from typing import Any

from simulator.hosts.daemon import Daemon
from simulator.hosts.exports import Look, exported
from simulator.hosts.nbd import ALLOCATION, DEPTH, DIRTY_BITMAP, ZERO_FLAG, Extent, NbdClient
from simulator.qemu.actions import Command
from simulator.verify.copies import BitmapCopy, copy_bitmaps, remove_copies
from simulator.verify.sight import BitmapSight

CELL = 65536
"""Bytes of a cell: a cluster."""

COPY = "seen"


async def read_cells(client: NbdClient, *, own: bool = True) -> str:
    """Return what an export holds, a character a cluster.

    Args:
        own: Whether only the image itself counts, not what lies below it.
    """
    status = await client.status()
    return "".join(
        [await _cell(client, status, place, own=own) for place in range(0, client.size, CELL)]
    )


async def _cell(
    client: NbdClient, status: dict[str, list[Extent]], place: int, *, own: bool
) -> str:
    depth = _at(status[DEPTH], place)
    if (own and depth != 1) or depth == 0:
        return "-"
    if _at(status[ALLOCATION], place) & ZERO_FLAG:
        return "z"
    data = await client.read(place, min(CELL, client.size - place))
    if data.count(data[:1]) < len(data):
        return "~"
    return chr(data[0]) if data[0] else "0"


def _at(extents: list[Extent], place: int) -> int:
    return next(e.status for e in extents if e.offset <= place < e.offset + e.length)


def seen_through(view: str, layers: list[str]) -> str:
    """Return what is read through a chain, with zeroes only where an image holds some.

    QEMU tells zeroes, too, beyond the end of an image that is shorter than the one above it.

    >>> seen_through("Azzz", ["A--", "-z--"])
    'Az--'
    """
    held = ["".join(c[n : n + 1] for c in layers).replace("-", "")[-1:] for n in range(len(view))]
    pairs = zip(view, held, strict=True)
    return "".join((c if h and h in "z0" else "-") if c in "z0" else c for c, h in pairs)


def read_as(cells: str) -> str:
    """Return cells as a reader sees them: zeroes of any kind and nothing are alike."""
    return cells.replace("z", "-").replace("0", "-")


async def read_bitmaps(
    daemon: Daemon, images: dict[str, str], *, granularity: bool = False
) -> list[list[Any]]:
    """Return the bitmaps of some nodes: image, name, cells and flags, in the order of names.

    Args:
        daemon: Who has the nodes open.
        images: What each node is called in the recording.
        granularity: Whether that of each bitmap is told too.
    """
    rows: list[list[Any]] = []
    for node in await daemon.execute(Command("query-named-block-nodes", {"flat": True})):
        if node["node-name"] not in images:
            continue
        for bitmap in node.get("dirty-bitmaps", ()):
            if bitmap.get("name"):
                cells = await _bits(daemon, node["node-name"], bitmap)
                row = [images[node["node-name"]], bitmap["name"], cells, _flags(bitmap)]
                rows.append([*row, *([bitmap["granularity"]] if granularity else [])])
    return sorted(rows)


async def _bits(daemon: Daemon, node: str, bitmap: dict[str, Any]) -> str:
    """Return a bitmap's bits, a character a cluster; nobody reads one that is in use."""
    if bitmap["busy"] or bitmap.get("inconsistent"):
        return "!"
    told = BitmapSight(
        node, bitmap["name"], bitmap["granularity"], None, 0, False, False, False, False
    )
    copy = BitmapCopy(told, node, COPY)
    await daemon.execute(copy_bitmaps([copy]))
    async with exported(daemon, Look(node, bitmaps=((node, COPY),))) as client:
        extents, size = (await client.status())[DIRTY_BITMAP + COPY], client.size
    await daemon.execute(remove_copies([copy]))
    dirty = {
        cell
        for e in extents
        if e.status
        for cell in range(e.offset // CELL, -(-(e.offset + e.length) // CELL))
    }
    return "".join("X" if cell in dirty else "-" for cell in range(-(-size // CELL)))


def _flags(bitmap: dict[str, Any]) -> str:
    held = {
        "r": bitmap["recording"],
        "p": bitmap["persistent"],
        "b": bitmap["busy"],
        "i": bitmap.get("inconsistent", False),
    }
    return "".join(letter for letter, set_ in held.items() if set_)


def with_room(cells: int, file: dict[str, Any]) -> dict[str, Any]:
    """Return a file for a node that has room for some cells, written one by one."""
    steps = [
        {"event": "write_aio", "state": number, "new_state": number + 1}
        for number in range(1, cells + 1)
    ]
    full = {
        "event": "write_aio",
        "state": cells + 1,
        "iotype": "write",
        "errno": errno.ENOSPC,
        "once": False,
        "immediately": True,
    }
    return {"driver": "blkdebug", "image": file, "set-state": steps, "inject-error": [full]}
