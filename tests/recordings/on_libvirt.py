"""Plays a timeline on a real libvirt and writes down what it does.

Nothing here asks the simulator: what is sent comes from the operations, what is told from libvirt
and from QEMU below it. The guest flushes nothing, so a ``kill`` loses clusters that it just wrote.
"""

import asyncio
import os
import re
from itertools import groupby
from typing import Any

from simulator.hosts.exports import Look, exported, open_read_only
from simulator.hosts.libvirt.libvirtd import LibvirtRefusedError
from simulator.hosts.libvirt.machine import Host, open_host
from simulator.libvirt.actions import DefineMachine, Virsh
from simulator.libvirt.monitor import device_of
from simulator.libvirt.xml import (
    DOMAIN,
    Drive,
    Target,
    backup_xml,
    checkpoint_xml,
    path_of,
)
from simulator.qemu.actions import Command, KillQemu, MakeImage
from simulator.qemu.names import Names
from tests.recordings.files import Recorded, Step, Timeline
from tests.recordings.seeing import CELL, read_as, read_bitmaps, read_cells

DISK = "vda"
BASE = "S1"
TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.02
"""How often somebody who waits looks again."""

_VERSIONS = re.compile(r"(\S+) with QEMU (\S+)")
_COPIED = re.compile(r"File processed:\s+([\d.]+) (B|KiB|MiB)")
_UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2}


async def record(timeline: Timeline) -> tuple[str, str, Recorded]:
    """Play a timeline; return the versions of libvirt and of QEMU, and what was found.

    Raises:
        QemuMissingError: A program is not there.
        QemuError: One of them died, or does not do as it should.
    """
    images = {op[1] for op in timeline.ops if op[0] == "snapshot"} | {BASE}
    copies = {op[1] for op in timeline.ops if op[0] == "backup"}
    files = {image: f"{image}.qcow2" for image in images}
    files |= {op[1]: f"{op[1]}.{op[2]}" for op in timeline.ops if op[0] == "blockcopy"}
    names = Names({}, {}, files, {}, {(each, DISK): each for each in copies}, {}, {}, {})
    async with open_host(TIMEOUT_SECONDS, names) as host:
        found = _VERSIONS.fullmatch(host.version)
        assert found is not None, host.version
        player = _Player(host, files)
        await host.do(MakeImage(files[BASE], "qcow2", timeline.cells * CELL, CELL))
        await host.do(DefineMachine((Drive(DISK, files[BASE], "qcow2"),)))
        await host.do(Virsh(("start", DOMAIN, "--paused")))
        steps = [await player.step(op) for op in timeline.ops]
        return found[1], found[2], Recorded(timeline.name, timeline.cells, tuple(steps))


class _Player:
    """One machine with one disk, defined and paused."""

    def __init__(self, host: Host, files: dict[str, str]) -> None:
        self._host = host
        self._files = files
        self._documents = 0

    async def step(self, op: list[str]) -> Step:
        """Do one operation and look."""
        told: Step = {"op": op}
        try:
            told |= await self._do(op)
        except LibvirtRefusedError as error:
            told["error"] = str(error)
        return told | await self._look()

    async def _do(self, op: list[str]) -> Step:
        match op:
            case ["write", picture]:
                await self._write(picture)
            case ["checkpoint", name]:
                await self._virsh("checkpoint-create-as", DOMAIN, name)
            case ["checkpoint-delete", name, *flags]:
                await self._virsh("checkpoint-delete", DOMAIN, name, *flags)
            case ["snapshot", name]:
                spec = f"{DISK},snapshot=external,file={path_of(self._files[name])}"
                words = ("--disk-only", "--diskspec", spec)
                await self._virsh("snapshot-create-as", DOMAIN, name, *words)
            case ["commit", top, base]:
                named = ("--top", path_of(self._files[top]), "--base", path_of(self._files[base]))
                active = (await self._chain())[-1][0] == top
                ends = ("--active", "--pivot") if active else ()
                await self._virsh("blockcommit", DOMAIN, DISK, *named, "--wait", *ends)
            case ["blockcopy", name, format]:
                options = ("--format", format, "--transient-job", "--wait", "--pivot")
                await self._virsh("blockcopy", DOMAIN, DISK, path_of(self._files[name]), *options)
            case ["revert", snapshot]:
                await self._revert(snapshot)
            case ["backup", name, *rest]:
                return await self._backup(name, *rest)
            case ["kill"]:
                await self._host.do(KillQemu())
                await self._virsh("start", DOMAIN, "--paused")
            case _:
                raise AssertionError(op)
        return {}

    async def _revert(self, snapshot: str) -> None:
        """Go back, and start the machine, which is off then."""
        before = set(os.listdir(self._host.folder))
        await self._virsh("snapshot-revert", DOMAIN, snapshot)
        (made,) = set(os.listdir(self._host.folder)) - before
        self._files[f"{snapshot}-revert"] = made
        await self._host.running.disconnect()
        await self._virsh("start", DOMAIN, "--paused")

    async def _virsh(self, *words: str) -> None:
        await self._host.do(Virsh(words))

    async def _write(self, picture: str) -> None:
        """Let the guest write letters and zeroes (``0``), and discard (``~``)."""
        place = 0
        for cell, run in groupby(picture):
            length = len(list(run))
            verb = {"-": "", "~": "discard", "0": "write -z -u"}.get(cell, f"write -P {ord(cell)}")
            if verb:
                words = f'qemu-io -d {device_of(DISK)} "{verb} {place * CELL} {length * CELL}"'
                await self._virsh("qemu-monitor-command", DOMAIN, "--hmp", words)
            place += length

    async def _backup(
        self, name: str, since: str | None = None, checkpoint: str | None = None
    ) -> Step:
        self._documents += 1
        file, documents = f"backup-{self._documents}.xml", []
        documents.append((file, backup_xml([Target(DISK, name)], since=since, pulled=False)))
        words = ["backup-begin", DOMAIN, path_of(file)]
        if checkpoint is not None:
            file = f"checkpoint-{self._documents}.xml"
            documents.append((file, checkpoint_xml(checkpoint, [(DISK, True)])))
            words.append(path_of(file))
        await self._host.do(Virsh(tuple(words), tuple(documents)))
        while "None" not in await self._host.virsh("domjobinfo", DOMAIN, said=False):
            await asyncio.sleep(POLL_SECONDS)
        info = await self._host.virsh("domjobinfo", DOMAIN, "--completed", said=False)
        copied = _COPIED.search(info)
        assert copied is not None, info
        size = int(float(copied[1]) * _UNITS[copied[2]])
        return {"backup": await self._copy(name), "copied_bytes": size}

    async def _copy(self, name: str) -> str:
        """Return what a backup holds, by itself."""
        reader = await self._host.reader()
        await reader.execute(open_read_only("copy", name, "qcow2", None))
        async with exported(reader, Look("copy")) as client:
            cells = await read_cells(client)
        await reader.execute(Command("blockdev-del", {"node-name": "copy"}))
        return cells

    async def _look(self) -> Step:
        """Return images, bitmaps, checkpoints and what the guest sees, by a monitor of our own."""
        daemon = self._host.running
        daemon.nbd = str(self._host.folder / "look.sock")
        address = {"type": "unix", "data": {"path": daemon.nbd}}
        await daemon.execute(Command("nbd-server-start", {"addr": address}))
        chain = await self._chain()
        images = {node: image for image, node in chain}
        layers: list[list[str]] = []
        for image, node in chain:
            async with exported(daemon, Look(node)) as client:
                layers.append([image, await read_cells(client)])
        async with exported(daemon, Look(chain[-1][1])) as client:
            view = await read_cells(client, own=False)
        bitmaps = await read_bitmaps(daemon, images, granularity=True)
        await daemon.execute(Command("nbd-server-stop"))
        listed = await self._host.notes("checkpoint")
        return {
            "layers": layers,
            "bitmaps": bitmaps,
            "guest": read_as(view),
            "checkpoints": [[name, parent] for name, parent in listed.items()],
        }

    async def _chain(self) -> list[tuple[str, str]]:
        """Return the images that QEMU has open, base first, each with its node."""
        daemon, called = self._host.running, {file: name for name, file in self._files.items()}
        nodes: dict[str, str] = {}
        for node in await daemon.execute(Command("query-named-block-nodes", {"flat": True})):
            # A raw image has no node of its format in newer versions.
            file, name = os.path.basename(node["file"]), node["node-name"]
            if file not in nodes or name.endswith("-format"):
                nodes[file] = name
        (block,) = [b for b in await daemon.execute(Command("query-block")) if "inserted" in b]
        image: dict[str, Any] = block["inserted"]["image"]
        files: list[str] = []
        while image:
            files.insert(0, os.path.basename(image["filename"]))
            image = image.get("backing-image", {})
        return [(called[file], nodes[file]) for file in files]
