"""Exports that exist only while somebody looks."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from simulator.hosts.daemon import Daemon
from simulator.hosts.nbd import ALLOCATION, DEPTH, DIRTY_BITMAP, NbdClient
from simulator.qemu.actions import Command

TEMPORARY = "look"
"""What nodes, exports and bitmaps are called that exist only while somebody looks."""


class Look(NamedTuple):
    """A node that is exported while somebody looks at it.

    Attributes:
        bitmaps: Node and name of bitmaps that are told with it.
    """

    node: str
    export: str = TEMPORARY
    bitmaps: tuple[tuple[str, str], ...] = ()


def open_export(look: Look) -> Command:
    """Return the command that starts an export."""
    options: dict[str, Any] = {
        "type": "nbd",
        "id": look.export,
        "node-name": look.node,
        "name": look.export,
        "allocation-depth": True,
    }
    if look.bitmaps:
        options["bitmaps"] = [{"node": node, "name": name} for node, name in look.bitmaps]
    return Command("block-export-add", options)


@asynccontextmanager
async def connected(daemon: Daemon, looks: Sequence[Look]) -> AsyncIterator[list[NbdClient]]:
    """Yield a connection to each of some exports that are open, and close the exports."""
    clients: list[NbdClient] = []
    try:
        for look in looks:
            contexts = (ALLOCATION, DEPTH, *(DIRTY_BITMAP + name for _, name in look.bitmaps))
            clients.append(await NbdClient.connect(daemon.nbd, look.export, contexts))
        yield clients
        for client in clients:
            await client.close()
    finally:
        for client in clients:
            client.drop()
    await daemon.execute_all(
        [Command("block-export-del", {"id": look.export, "mode": "hard"}) for look in looks]
    )
    await daemon.await_deleted({look.export for look in looks})


@asynccontextmanager
async def exported(daemon: Daemon, look: Look) -> AsyncIterator[NbdClient]:
    """Export a node; yield a connection to it."""
    await daemon.execute(open_export(look))
    async with connected(daemon, [look]) as (client,):
        yield client


@asynccontextmanager
async def writable(daemon: Daemon, file: str) -> AsyncIterator[NbdClient]:
    """Open a file that nobody else has open; yield a connection to write it with."""
    name = f"{TEMPORARY}-written"
    node = {
        "driver": "qcow2",
        "node-name": name,
        "file": {"driver": "file", "filename": file},
    }
    export = {"type": "nbd", "id": name, "node-name": name, "name": name, "writable": True}
    await daemon.execute(Command("blockdev-add", node))
    await daemon.execute(Command("block-export-add", export))
    client = await NbdClient.connect(daemon.nbd, name)
    try:
        yield client
        await client.close()
    finally:
        client.drop()
    await daemon.execute(Command("block-export-del", {"id": name, "mode": "hard"}))
    await daemon.await_deleted({name})
    await daemon.execute(Command("blockdev-del", {"node-name": name}))


def open_read_only(node: str, file: str, format: str, below: str | None) -> Command:
    """Return the command that opens a file to be read, whoever else has it open.

    It takes no lock: one to read would keep a later commit from having the file to itself.
    """
    options: dict[str, Any] = {
        "driver": format,
        "node-name": node,
        "read-only": True,
        "force-share": True,
        "file": {"driver": "file", "filename": file, "locking": "off"},
    }
    if format == "qcow2":
        options["backing"] = below
    return Command("blockdev-add", options)
