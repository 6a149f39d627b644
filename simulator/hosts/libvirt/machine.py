"""The machine of a libvirt of our own, which never runs: what is done to it, and how it is seen.

Whatever happens, nothing is left behind: no process, no socket, no file.
"""

import asyncio
import json
import os
import re
import shlex
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, assert_never

from simulator.hosts.daemon import Daemon, QemuRefusedError
from simulator.hosts.exports import TEMPORARY, Look, open_export
from simulator.hosts.failures import QemuError
from simulator.hosts.libvirt.libvirtd import (
    DAEMON,
    POLL_SECONDS,
    Libvirtd,
    LibvirtRefusedError,
    Owner,
    find_owner,
    find_programs,
    room_for,
)
from simulator.hosts.libvirt.process import EMULATOR, OtherProcess
from simulator.hosts.lifeline import lifeline
from simulator.hosts.nbd import ALLOCATION, NbdClient
from simulator.hosts.session import Session
from simulator.libvirt.actions import Adopt, AwaitBackup, DefineMachine, LibvirtAction, Virsh
from simulator.libvirt.monitor import virtio_name, with_nodes
from simulator.libvirt.xml import DOMAIN, FOLDER, PULL_SOCKET, domain_xml
from simulator.qemu.actions import (
    Command,
    CopyFile,
    DeleteFile,
    KillQemu,
    MakeImage,
    PullData,
    ReadFile,
    RunTool,
    Stack,
)
from simulator.qemu.names import Names

START_SECONDS = 60.0
"""How long libvirt may take to start: it asks QEMU for all that it can do."""

SECOND = 1.0
"""libvirt calls the overlays of a revert by the second, and refuses another one within it."""

_TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}"
_NOTES = {
    "checkpoint": re.compile(rf"\s*(\S+)\s+{_TIME}\s*(\S*)\s*"),
    "snapshot": re.compile(rf"\s*(\S+)\s+{_TIME}\s+\S+\s*(\S*)\s*"),
}
"""A line of ``virsh checkpoint-list --parent``, and of ``snapshot-list --parent``."""


class Host(Session):
    """A libvirt daemon, its machine, and a process that only reads.

    Attributes:
        names: Its nodes are libvirt's, as they were at the last look.
        libvirtd: The daemon.
    """

    def __init__(self, folder: Path, timeout: float, owner: Owner | None, names: Names) -> None:
        super().__init__(folder, folder, timeout)
        self.names = names
        self.libvirtd = Libvirtd(folder, owner)
        self._defined = self._pulling = False
        self._adopted: dict[str, str] = {}
        self._tops: dict[str, str] = {}
        self._looks: list[str] = []
        self._next_revert = 0.0

    # Starting and ending.

    async def start(self) -> None:
        """Start the daemon, and wait until it answers.

        Raises:
            QemuError: It does not start.
        """
        await self.libvirtd.start()
        self.version = self.libvirtd.version
        self._spawn_reader()

    async def end(self) -> None:
        """End every process: libvirt first, so that it starts no other."""
        self.libvirtd.kill()
        await super().end()
        await self.libvirtd.end_others()

    # Doing.

    async def do(self, action: LibvirtAction) -> None:
        """Do one thing.

        Raises:
            LibvirtRefusedError: libvirt turns it down.
            QemuError: libvirt or QEMU, or something they stand on, failed.
        """
        match action:
            case DefineMachine():
                await self._define(action)
            case Virsh():
                await self._virsh(action)
            case Adopt():
                await self._adopt(action)
            case AwaitBackup():
                await self._await_backup()
            case KillQemu():
                await self._kill()
            case Command():
                await self._command(action)
            case MakeImage():
                await self.perform(action)
                self.libvirtd.give(self.folder / action.file)
            case DeleteFile():
                self._forget_adopted(action.file)
                await self.perform(action)
            case CopyFile() | RunTool() | Stack() | PullData() | ReadFile():
                await self.perform(action)
            case _:
                assert_never(action)

    async def _define(self, action: DefineMachine) -> None:
        """Let libvirt know the machine, with a second monitor that is for looking only."""
        emulator, path = shutil.which(EMULATOR) or EMULATOR, self.folder / "machine.xml"
        self._write(path.name, domain_xml(action.drives, emulator=emulator))
        text = domain_xml(action.drives, emulator=emulator, monitor=f"{FOLDER}/qmp.sock")
        path.write_text(text.replace(FOLDER, str(self.folder)), encoding="utf-8")
        await self.virsh("define", str(path))
        self._defined = True

    async def _virsh(self, action: Virsh) -> None:
        for name, text in action.documents:
            self._write(name, self._as_named(text))
        verb = action.words[0]
        if verb == "destroy":
            await self._lose()
        if verb == "snapshot-revert":
            await self._await_second()
        words = (self._as_named(word).replace(FOLDER, str(self.folder)) for word in action.words)
        told = await self.virsh(*words)
        if verb == "snapshot-revert":
            self._next_revert = asyncio.get_running_loop().time() + SECOND
        if verb == "snapshot-revert" and self.daemon is not None:
            await self._lose()
        if verb == "start" or "--paused" in action.words[1:]:
            await self._connect()
        elif verb == "backup-begin":
            self._pulling = any("<server " in text for _, text in action.documents)
            if self._pulling:
                self.running.nbd = str(self.folder / PULL_SOCKET)
        elif verb == "domjobabort":
            self._pulling = False
            await self._await_idle()
        elif verb == "qemu-monitor-command" and told:
            raise QemuError(f"qemu-io: {told}")

    async def _await_second(self) -> None:
        """Wait until the overlays of a revert are not called as those of the last one."""
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, self._next_revert - now))

    def _as_named(self, text: str) -> str:
        """Return a text with the files that libvirt named itself in the place of the planned."""
        for planned, real in self._adopted.items():
            text = re.sub(rf"{FOLDER}/{re.escape(planned)}(?![\w.-])", f"{FOLDER}/{real}", text)
        return text

    async def _adopt(self, made: Adopt) -> None:
        """Know the file of a disk's active image, under its planned name as well."""
        told = await self.virsh("domblklist", DOMAIN, said=False)
        paths = dict(line.split(maxsplit=1) for line in told.splitlines() if "/" in line)
        real, planned = Path(paths[made.disk].strip()), self.names.files[made.image]
        os.link(real, self.folder / planned)
        self._adopted[planned] = self.names.files[made.image] = real.name

    def _forget_adopted(self, planned: str) -> None:
        """Let a file that libvirt named itself go, where the planned one of its image goes."""
        real = self._adopted.pop(planned, None)
        if real is None:
            return
        (self.folder / real).unlink(missing_ok=True)
        files = self.names.files
        files.update({image: planned for image, file in files.items() if file == real})

    async def _command(self, command: Command) -> None:
        """Send QEMU a command past libvirt, with libvirt's nodes for images."""
        try:
            await self.running.execute(with_nodes(command, self.names.node), said=True)
        except QemuRefusedError as error:
            images = {node: image for image, node in self.names.nodes.items()}
            words = re.split(r"(libvirt-\d+-\w+)", error.text)
            told = "".join(images.get(word, word) for word in words)
            raise LibvirtRefusedError(told) from error

    def _write(self, name: str, text: str) -> None:
        """Write a document, and keep it to be shown beside a difference."""
        path = self.folder / name
        path.write_text(text.replace(FOLDER, str(self.folder)), encoding="utf-8")
        self.libvirtd.give(path)
        shown = text.replace(f"{FOLDER}/", "").replace(f"{self.folder}/", "")
        self.said += [f"$ cat {name}", *shown.splitlines()]

    async def virsh(self, *words: str, said: bool = True) -> str:
        """Run virsh and return what it prints.

        Raises:
            LibvirtRefusedError: libvirt turns it down.
            QemuError: libvirt or QEMU is gone, or does not tell what this program asks by itself.
        """
        if said:
            self.said.append(f"$ {self._without_folder(shlex.join(['virsh', *words]))}")
        try:
            return await self.libvirtd.virsh(*words)
        except LibvirtRefusedError as error:
            text = self._own_words(str(error))
            self._look_for_the_dead()
            if not said:
                raise QemuError(f"libvirt does not answer virsh {words[0]}: {text}") from error
            self.said.append(f"error: {text}")
            raise LibvirtRefusedError(text) from error

    def _look_for_the_dead(self) -> None:
        """Tell a refusal from the end of the one who should have answered.

        Raises:
            QemuError: libvirt or QEMU is gone.
        """
        if self.libvirtd.gone:
            raise self.libvirtd.failure(f"{DAEMON} went away")
        if self.daemon is not None and self.daemon.process.poll() is not None:
            raise QemuError("QEMU went away")

    def _without_folder(self, text: str) -> str:
        """Return a text with the names of files, not their paths."""
        return text.replace(f"{self.folder}/", "")

    def _own_words(self, text: str) -> str:
        """Return libvirt's words with images and backups as the scenario calls them."""
        called = {file: image for image, file in self.names.files.items()}
        called |= {file: backup for (backup, _), file in self.names.copies.items()}
        pattern = re.escape(f"{self.folder}/") + r"([\w.-]+)"
        return re.sub(pattern, lambda match: called.get(match[1], match[1]), text)

    async def _connect(self) -> None:
        """Open a second monitor of the machine, beside libvirt's own."""
        file = self.folder / ".r" / "libvirt" / "qemu" / "run" / f"{DOMAIN}.pid"
        ours = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            process = OtherProcess(int(file.read_text()))
            ours.connect(str(self.folder / "qmp.sock"))
        except (OSError, ValueError) as error:
            ours.close()
            raise QemuError("QEMU went away as soon as it was started") from error
        self.daemon = Daemon(process, ours, str(self.folder / "look.sock"), self.said)
        await self.daemon.greet()

    async def _lose(self) -> None:
        """Close the second monitor, and forget a pull: the machine is about to end."""
        if self.daemon is not None:
            await self.daemon.disconnect()
        self.daemon, self._pulling = None, False

    async def _kill(self) -> None:
        self.said.append("$ kill -9 QEMU")
        self.running.kill()
        await self._lose()
        while await self.virsh("domstate", DOMAIN, said=False) != "shut off":
            await asyncio.sleep(POLL_SECONDS)

    async def _await_backup(self) -> None:
        await self._await_idle()
        told = await self.virsh("domjobinfo", DOMAIN, "--completed", said=False)
        if "Completed" not in told.partition("\n")[0]:
            raise QemuError(f"the backup did not complete: {' '.join(told.split())}")

    async def _await_idle(self) -> None:
        while "None" not in await self.virsh("domjobinfo", DOMAIN, said=False):
            await asyncio.sleep(POLL_SECONDS)

    # Looking.

    async def notes(self, kind: str) -> dict[str, str | None]:
        """Return the name of each thing that libvirt has a note of, and its parent's.

        Args:
            kind: ``checkpoint`` or ``snapshot``.
        """
        if not self._defined:
            return {}
        told = await self.virsh(f"{kind}-list", DOMAIN, "--parent", said=False)
        found = [_NOTES[kind].fullmatch(line) for line in told.splitlines()]
        return {match[1]: match[2] or None for match in found if match is not None}

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Let the nodes of the running machine be exported, as long as somebody looks."""
        daemon = self.running
        daemon.nbd = str(self.folder / (PULL_SOCKET if self._pulling else "look.sock"))
        if not self._pulling:
            address = {"type": "unix", "data": {"path": daemon.nbd}}
            await daemon.execute(Command("nbd-server-start", {"addr": address}))
        try:
            yield
        finally:
            await self._stop_looking(daemon)

    async def _stop_looking(self, daemon: Daemon) -> None:
        await self._close_guests()
        for export in self._looks:
            await daemon.execute(Command("block-export-del", {"id": export, "mode": "hard"}))
        await daemon.await_deleted(set(self._looks))
        self._looks.clear()
        if not self._pulling:
            # libvirt starts one itself for a pull, and QEMU has no more than one.
            await daemon.execute(Command("nbd-server-stop"))

    async def guest(self, export: str) -> NbdClient:
        """Return a connection that reads a disk as its guest does."""
        if export not in self._guests:
            disk = next(disk for disk, name in self.names.guests.items() if name == export)
            look = Look(self.names.node(self._tops[disk]), f"{TEMPORARY}-{export}")
            await self.running.execute(open_export(look))
            self._looks.append(look.export)
            self._guests[export] = await NbdClient.connect(
                self.running.nbd, look.export, [ALLOCATION]
            )
        return self._guests[export]

    async def chains(self, disks: Sequence[str]) -> dict[str, list[str]]:
        """Find libvirt's nodes for the images; return the images of each chain, base first."""
        nodes = await self.running.execute(Command("query-named-block-nodes", {"flat": True}))
        blocks = await self.running.execute(Command("query-block"))
        images = {file: image for image, file in self.names.files.items()}
        self.names.nodes.clear()
        for node in sorted(nodes, key=lambda node: node["node-name"].endswith("-format")):
            file = _own_name(node.get("file", ""))
            if file in images and node["node-name"].startswith("libvirt-"):
                self.names.nodes[images[file]] = node["node-name"]
        chains: dict[str, list[str]] = {}
        for disk in disks:
            block = next(b for b in blocks if f"/{virtio_name(disk)}/" in b.get("qdev", ""))
            chains[disk] = [images.get(f, f) for f in _chain(block["inserted"]["image"])]
            self._tops[disk] = chains[disk][-1]
        return chains


def _chain(image: dict[str, Any]) -> list[str]:
    """Return the files of a chain, base first. A job's filter goes by the file below it."""
    files: list[str] = []
    while image:
        file = _own_name(image["filename"])
        if file not in files[:1]:
            files.insert(0, file)
        image = image.get("backing-image", {})
    return files


def _own_name(filename: str) -> str:
    """Return a file's name without its folder.

    QEMU tells how it opened an image where that lies on another one than its file says.

    >>> _own_name('json:{"driver": "qcow2", "file": {"driver": "file", "filename": "/tmp/S2"}}')
    'S2'
    """
    if filename.startswith("json:"):
        told = json.loads(filename.removeprefix("json:"))
        filename = told.get("file", told).get("filename", "")
    return os.path.basename(filename)


@asynccontextmanager
async def open_host(timeout: float, names: Names) -> AsyncIterator[Host]:
    """Yield a libvirt of our own in a temporary folder; end it and delete the folder afterwards.

    Args:
        timeout: Seconds that a program may take.

    Raises:
        QemuMissingError: A program is not installed.
        QemuError: It does not start.
    """
    find_programs()
    owner = find_owner()
    with (
        tempfile.TemporaryDirectory(prefix="bt-", dir=room_for(owner)) as folder,
        lifeline(Path(folder)),
    ):
        host = Host(Path(folder), timeout, owner, names)
        try:
            async with asyncio.timeout(max(timeout, START_SECONDS)):
                await host.start()
            yield host
        finally:
            await host.end()
