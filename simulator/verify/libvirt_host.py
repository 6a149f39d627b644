"""A real libvirt of our own in a temporary folder: a session daemon, a machine that never runs.

A libvirt of the user's is never touched: the daemon has folders of its own, and runs as an
ordinary user. Whatever happens, nothing is left behind: no process, no socket, no file.
"""

import asyncio
import contextlib
import os
import pwd
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, assert_never

from simulator.verify.actions import (
    Command,
    CopyFile,
    DeleteFile,
    KillQemu,
    MakeImage,
    PullData,
    Stack,
)
from simulator.verify.compare import Difference
from simulator.verify.daemon import Daemon, QemuError, QemuMissingError
from simulator.verify.exports import TEMPORARY, Look, open_export
from simulator.verify.libvirt_plan import (
    AwaitBackup,
    DefineMachine,
    LibvirtAction,
    Virsh,
    virtio_name,
)
from simulator.verify.libvirt_xml import DOMAIN, FOLDER, PULL_SOCKET, domain_xml
from simulator.verify.names import Names
from simulator.verify.nbd import ALLOCATION, NbdClient
from simulator.verify.observe import Observer
from simulator.verify.session import Session
from simulator.verify.sight import Sight

EMULATOR = "qemu-system-x86_64"
DAEMON = "libvirtd"
PROGRAMS = ("virsh", DAEMON, EMULATOR, "qemu-img", "qemu-storage-daemon")
"""What a verification on libvirt starts."""

INSTALL_HELP = (
    "install them (Debian, Ubuntu: apt-get install libvirt-daemon-system libvirt-clients "
    "qemu-system-x86 qemu-utils; Fedora: dnf install libvirt-daemon-driver-qemu libvirt-client "
    "libvirt-daemon qemu-system-x86-core qemu-img)"
)

USER = "nobody"
"""Who runs libvirt where this program is run by root: root's own libvirt is the system's."""

START_SECONDS = 60.0
"""How long libvirt may take to start: it asks QEMU for all that it can do."""

POLL_SECONDS = 0.02
"""How often somebody who waits looks again."""

FOLDER_BYTES_MAX = 45
"""Longest path of the folder: libvirt's sockets lie up to 57 bytes below it, and have 107."""

_SAFE = re.compile(r"[\w./+-]+", re.ASCII)
"""A path that needs no quoting, wherever it is written."""

_CHECKPOINT = re.compile(r"\s*(\S+)\s+\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\s*(\S*)\s*")
"""A line of ``virsh checkpoint-list --parent``."""

_known_qemus: dict[str, bytes] = {}
"""What libvirt wrote down about QEMU, by file: a second daemon need not ask for it again."""


class LibvirtRefusedError(Exception):
    """libvirt turned a command down; the text is its own words."""


class Owner(NamedTuple):
    """The user that runs libvirt in the place of root."""

    uid: int
    gid: int


class OtherProcess:
    """A process that somebody else started, held so that its number cannot become another's.

    Attributes:
        pid: Its number.
        returncode: 0 when it has ended; nobody but its parent knows how.
    """

    stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._descriptor = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Return 0 when it has ended, and None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: It took longer.
        """
        if self._look(timeout) is None:
            raise subprocess.TimeoutExpired(EMULATOR, timeout or 0)
        return 0

    def kill(self) -> None:
        """End it where it stands."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._descriptor], [], [], timeout)[0]:
            os.close(self._descriptor)
            self.returncode = 0
        return self.returncode


class Host(Session):
    """A libvirt daemon, its machine, and a process that only reads.

    Attributes:
        names: Its nodes are libvirt's, as they were at the last look.
        libvirtd: The daemon; None before it is started.
    """

    def __init__(self, folder: Path, timeout: float, owner: Owner | None, names: Names) -> None:
        super().__init__(folder, folder, timeout)
        self.names = names
        self._owner = owner
        self.libvirtd: subprocess.Popen[bytes] | None = None
        self._defined = self._pulling = False
        self._tops: dict[str, str] = {}
        self._looks: list[str] = []

    # Starting and ending.

    async def start(self) -> None:
        """Start the daemon, and wait until it answers.

        Raises:
            QemuError: It does not start.
        """
        config, known = self.folder / "c" / "libvirt", self._known_folder()
        for path in (config, known, self.folder / "r"):
            path.mkdir(parents=True)
        (self.folder / "r").chmod(0o700)
        # Otherwise a second daemon would be started, just to write the log of the machine.
        (config / "qemu.conf").write_text('stdio_handler = "file"\n')
        for name, text in _known_qemus.items():
            (known / name).write_bytes(text)
        for path in (self.folder, *self.folder.rglob("*")):
            self._give(path)
        log = self.folder / "libvirtd.log"
        with log.open("wb") as written:
            self.libvirtd = subprocess.Popen(
                [_find(DAEMON) or DAEMON],
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                **self._surroundings,
            )
        while not await self._answers():
            if self.libvirtd.poll() is not None:
                lines = log.read_text(errors="replace").splitlines() or ["nothing"]
                raise QemuError(f"{DAEMON} did not start; it said: {lines[-1]}")
            await asyncio.sleep(POLL_SECONDS)
        told = await self.virsh("version", said=False)
        for path in known.iterdir():
            _known_qemus[path.name] = path.read_bytes()
        found = re.findall(r"(?:library: libvirt|hypervisor: QEMU) (\S+)", told)
        self.version = " with QEMU ".join(dict.fromkeys(found[-2:]))
        self._spawn_reader()

    async def _answers(self) -> bool:
        try:
            await self.virsh("uri", said=False)
        except LibvirtRefusedError:
            return False
        return True

    def _known_folder(self) -> Path:
        return self.folder / "k" / "libvirt" / "qemu" / "cache" / "capabilities"

    @property
    def _surroundings(self) -> dict[str, Any]:
        """What every process of libvirt's is started with: folders, and a user, of its own."""
        folders = {"RUNTIME_DIR": "r", "CONFIG_HOME": "c", "CACHE_HOME": "k", "DATA_HOME": "h"}
        settings: dict[str, Any] = {
            "cwd": self.folder,
            "start_new_session": True,
            "env": {
                "PATH": _search_path(),
                "LC_ALL": "C",
                "HOME": str(self.folder),
                "LIBVIRT_AUTOSTART": "0",
                **{f"XDG_{name}": str(self.folder / to) for name, to in folders.items()},
            },
        }
        if self._owner is not None:
            settings |= {"user": self._owner.uid, "group": self._owner.gid, "extra_groups": []}
        return settings

    def _give(self, path: Path) -> None:
        """Give a file to the user that runs libvirt."""
        if self._owner is not None:
            os.chown(path, *self._owner)

    async def end(self) -> None:
        """End every process: libvirt first, so that it starts no other."""
        if self.libvirtd is not None:
            self.libvirtd.kill()
            self.libvirtd.wait()
        await super().end()
        # What libvirt had just started, or had started to ask QEMU what it can do.
        while left := list(processes_at_home(self.folder)):
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(POLL_SECONDS)

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
            case AwaitBackup():
                await self._await_backup()
            case KillQemu():
                await self._kill()
            case MakeImage() | CopyFile() | DeleteFile() | Stack() | PullData():
                await self.perform(action)
                if isinstance(action, MakeImage):
                    self._give(self.folder / action.file)
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
            self._write(name, text)
        verb = action.words[0]
        if verb == "destroy":
            await self._lose()
        told = await self.virsh(*(word.replace(FOLDER, str(self.folder)) for word in action.words))
        if verb == "start":
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

    def _write(self, name: str, text: str) -> None:
        """Write a document, and keep it to be shown beside a difference."""
        path = self.folder / name
        path.write_text(text.replace(FOLDER, str(self.folder)), encoding="utf-8")
        self._give(path)
        shown = text.replace(f"{FOLDER}/", "").replace(f"{self.folder}/", "")
        self.said += [f"$ cat {name}", *shown.splitlines()]

    async def virsh(self, *words: str, said: bool = True) -> str:
        """Run virsh and return what it prints.

        Raises:
            LibvirtRefusedError: libvirt turns it down.
            QemuError: libvirt or QEMU is gone.
        """
        shown = self._without_folder(shlex.join(["virsh", *words]))
        if said:
            self.said.append(f"$ {shown}")
        process = await asyncio.create_subprocess_exec(
            "virsh",
            "-q",
            "-c",
            "qemu:///session",
            *words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **self._surroundings,
        )
        try:
            out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            text = self._own_words(_last_error(err.decode(errors="replace")))
            if said:
                self.said.append(f"error: {text}")
                self._look_for_the_dead()
            raise LibvirtRefusedError(text)
        return out.decode(errors="replace").strip()

    def _look_for_the_dead(self) -> None:
        """Tell a refusal from the end of the one who should have answered.

        Raises:
            QemuError: libvirt or QEMU is gone.
        """
        if self.libvirtd is not None and self.libvirtd.poll() is not None:
            raise QemuError(f"{DAEMON} went away")
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
        pid = int((self.folder / "r" / "libvirt" / "qemu" / "run" / f"{DOMAIN}.pid").read_text())
        ours = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            ours.connect(str(self.folder / "qmp.sock"))
        except OSError:
            ours.close()
            raise
        self.daemon = Daemon(OtherProcess(pid), ours, str(self.folder / "look.sock"), self.said)
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

    async def checkpoints(self) -> dict[str, str | None]:
        """Return the name of each checkpoint that libvirt knows, and its parent's."""
        if not self._defined:
            return {}
        told = await self.virsh("checkpoint-list", DOMAIN, "--parent", said=False)
        found = [_CHECKPOINT.fullmatch(line) for line in told.splitlines()]
        return {match[1]: match[2] or None for match in found if match is not None}

    async def look(self, observer: Observer, wanted: Sight) -> Sight | list[Difference]:
        """Return what is there, or in which chains other images are than there should be."""
        if self.daemon is None:
            return await observer.observe(wanted)
        differing = await self._find_nodes(wanted)
        if differing:
            return differing
        daemon = self.daemon
        daemon.nbd = str(self.folder / (PULL_SOCKET if self._pulling else "look.sock"))
        if not self._pulling:
            address = {"type": "unix", "data": {"path": daemon.nbd}}
            await daemon.execute(Command("nbd-server-start", {"addr": address}))
        try:
            return await observer.observe(wanted)
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

    async def _find_nodes(self, wanted: Sight) -> list[Difference]:
        """Find libvirt's nodes for the images; return the chains that are not as they should."""
        nodes = await self.running.execute(Command("query-named-block-nodes", {"flat": True}))
        blocks = await self.running.execute(Command("query-block"))
        images = {file: image for image, file in self.names.files.items()}
        self.names.nodes.clear()
        for node in sorted(nodes, key=lambda node: node["node-name"].endswith("-format")):
            file = os.path.basename(node.get("file", ""))
            if file in images and node["node-name"].startswith("libvirt-"):
                self.names.nodes[images[file]] = node["node-name"]
        differing: list[Difference] = []
        for disk in wanted.disks:
            block = next(b for b in blocks if f"/{virtio_name(disk.name)}/" in b.get("qdev", ""))
            real = [images.get(file, file) for file in _chain(block["inserted"]["image"])]
            ours = [image.name for image in disk.images]
            self._tops[disk.name] = real[-1]
            if real != ours:
                row = f"the chain of {disk.name}"
                differing.append(difference(row, " <- ".join(ours), " <- ".join(real)))
        return differing


def difference(row: str, ours: str, theirs: str) -> Difference:
    """Return two lines that differ, with a caret below the first place where they do."""
    pairs = enumerate(zip(ours, theirs, strict=False))
    place = next((n for n, (one, other) in pairs if one != other), min(len(ours), len(theirs)))
    lines = (f"simulator  {ours or 'none'}", f"libvirt    {theirs or 'none'}")
    return Difference(row, (*lines, f"{' ' * (len('simulator  ') + place)}^"))


def _chain(image: dict[str, Any]) -> list[str]:
    """Return the files of a chain, base first. A job's filter goes by the file below it."""
    files: list[str] = []
    while image:
        file = os.path.basename(image["filename"])
        if file not in files[:1]:
            files.insert(0, file)
        image = image.get("backing-image", {})
    return files


def _last_error(text: str) -> str:
    """Return libvirt's own words; virsh's lead is a line of its own.

    >>> _last_error("error: Failed to do so\\nerror: operation failed: no\\n")
    'operation failed: no'
    """
    _, _, words = f"\n{text.strip()}".rpartition("\nerror: ")
    return " / ".join((words or text.strip()).splitlines())


def processes_at_home(folder: Path) -> Iterator[int]:
    """Yield the processes that have this folder as their home."""
    entry = b"HOME=" + os.fsencode(folder)
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if entry in path.read_bytes().split(b"\0"):
                yield int(path.parent.name)


def _search_path() -> str:
    """Return where programs are looked for: the daemon's is often no user's."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def _find(program: str) -> str | None:
    return shutil.which(program, path=_search_path() if program == DAEMON else None)


def find_programs(programs: Sequence[str] = PROGRAMS) -> None:
    """Look for the programs that a verification on libvirt starts.

    Raises:
        QemuMissingError: One of them is not installed, or this is no Linux.
    """
    if sys.platform != "linux":
        raise QemuMissingError("a libvirt is verified on Linux only")
    missing = [name for name in programs if _find(name) is None]
    if missing:
        raise QemuMissingError(f"{', '.join(missing)} not found")


def _owner() -> Owner | None:
    """Return who runs libvirt in the place of root; None where this program is not root's.

    Raises:
        QemuMissingError: There is no such user.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(USER)
    except KeyError:
        raise QemuMissingError(
            f"root has no libvirt of its own, and there is no user {USER} to run it"
        ) from None
    return Owner(entry.pw_uid, entry.pw_gid)


def _room(owner: Owner | None) -> str | None:
    """Return where the folder is made: the usual place, where libvirt gets along with it."""
    usual = Path(tempfile.gettempdir()).resolve()
    short = len(os.fsencode(usual)) + len("/bt-12345678") <= FOLDER_BYTES_MAX
    open_to_all = owner is None or all(p.stat().st_mode & 1 for p in (usual, *usual.parents))
    return str(usual) if short and open_to_all and _SAFE.fullmatch(str(usual)) else "/tmp"


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
    owner = _owner()
    with tempfile.TemporaryDirectory(prefix="bt-", dir=_room(owner)) as folder:
        host = Host(Path(folder), timeout, owner, names)
        try:
            async with asyncio.timeout(max(timeout, START_SECONDS)):
                await host.start()
            yield host
        finally:
            await host.end()
