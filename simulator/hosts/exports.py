"""Exports that exist only while somebody looks."""

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from simulator.hosts.daemon import POLL_SECONDS, Daemon
from simulator.hosts.failures import ToolError, tell_end
from simulator.hosts.nbd import ALLOCATION, DEPTH, DIRTY_BITMAP, NbdClient
from simulator.qemu.actions import Command
from simulator.values import NamedTuple

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
async def writable(daemon: Daemon, file: str, format: str) -> AsyncIterator[NbdClient]:
    """Open a file that nobody else has open; yield a connection to write it with."""
    name = f"{TEMPORARY}-written"
    node: dict[str, Any] = {
        "driver": format,
        "node-name": name,
        "file": {"driver": "file", "filename": file},
    }
    if format == "qcow2":
        # A copy of an image file names one below it.
        node["backing"] = None
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


@asynccontextmanager
async def served(words: Sequence[str], folder: Path, path: str) -> AsyncIterator[None]:
    """Let a program serve an image file as long as somebody reads it.

    Args:
        words: Its command line.
        path: The socket that it listens at.

    Raises:
        ToolError: It does not start.
    """
    # Whoever cleans up after this program finds it by its home.
    env = {**os.environ, "HOME": str(folder)}
    with subprocess.Popen(
        words,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            while not _answers(path):
                if process.poll() is not None:
                    assert process.stderr is not None, "it was asked for"
                    said = process.stderr.read().decode("utf-8", "replace")
                    told = tell_end(f"{words[0]} failed", process.returncode, said)
                    first = said.strip().partition("\n")[0].removeprefix(f"{words[0]}: ")
                    raise ToolError(told, first)
                await asyncio.sleep(POLL_SECONDS)
            yield
        finally:
            process.kill()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def _answers(path: str) -> bool:
    """Whether somebody greets at a socket: ``qemu-nbd`` listens before it opens the image."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as ours:
        ours.settimeout(POLL_SECONDS)
        try:
            ours.connect(path)
            return bool(ours.recv(1))
        except OSError:
            return False


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
