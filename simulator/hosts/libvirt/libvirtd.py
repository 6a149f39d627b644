"""A real libvirt of our own in a temporary folder: a session daemon, and virsh to speak to it.

A libvirt of the user's is never touched: the daemon has folders of its own, and runs as an
ordinary user.
"""

import asyncio
import contextlib
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simulator.hosts.failures import QemuError, QemuMissingError, tell_end
from simulator.hosts.libvirt.process import EMULATOR
from simulator.hosts.lifeline import end_processes
from simulator.values import NamedTuple

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

POLL_SECONDS = 0.02
"""How often somebody who waits looks again."""

END_SECONDS = 0.2
"""How long the end of the daemon may take, where its connection has ended."""

LOG_BYTES_MAX = 4096
"""So much of the end of the daemon's log is read, where it fails."""

SAID_BYTES_MAX = 16 * 1024 * 1024
"""So much virsh may say."""

FOLDER_BYTES_MAX = 45
"""Longest path of the folder: libvirt's sockets lie up to 57 bytes below it, and have 107."""

_SAFE = re.compile(r"[\w./+-]+", re.ASCII)
"""A path that needs no quoting, wherever it is written."""

_known_qemus: dict[str, bytes] = {}
"""What libvirt wrote down about QEMU, by file: a second daemon need not ask for it again."""


class LibvirtRefusedError(Exception):
    """libvirt turned a command down; the text is its own words."""


class Owner(NamedTuple):
    """The user that runs libvirt in the place of root."""

    uid: int
    gid: int


class Libvirtd:
    """A libvirt daemon that works in a folder.

    Attributes:
        process: The daemon; None before it is started.
        version: Of libvirt, and of its QEMU.
    """

    def __init__(self, folder: Path, owner: Owner | None) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.version = ""
        self._folder = folder
        self._owner = owner

    async def start(self) -> None:
        """Start the daemon, and wait until it answers.

        Raises:
            QemuError: It does not start.
        """
        config, known = self._folder / ".c" / "libvirt", self._known_folder()
        for path in (config, known, self._folder / ".r"):
            path.mkdir(parents=True)
        (self._folder / ".r").chmod(0o700)
        # Otherwise a second daemon would be started, just to write the log of the machine.
        (config / "qemu.conf").write_text('stdio_handler = "file"\n')
        for name, text in _known_qemus.items():
            (known / name).write_bytes(text)
        for path in (self._folder, *self._folder.rglob("*")):
            self.give(path)
        with self._log.open("wb") as written:
            self.process = subprocess.Popen(
                [find_program(DAEMON) or DAEMON],
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                **self._surroundings,
            )
        while not await self._answers():
            if self.process.poll() is not None:
                raise self.failure(f"{DAEMON} did not start")
            await asyncio.sleep(POLL_SECONDS)
        try:
            told = await self.virsh("version")
        except LibvirtRefusedError as error:
            raise self.failure(f"{DAEMON} cannot be used: {error}") from error
        for path in known.iterdir():
            _known_qemus[path.name] = path.read_bytes()
        found = re.findall(r"(?:library: libvirt|hypervisor: QEMU) (\S+)", told)
        self.version = " with QEMU ".join(dict.fromkeys(found[-2:]))

    async def _answers(self) -> bool:
        try:
            await self.virsh("uri")
        except LibvirtRefusedError:
            return False
        return True

    async def virsh(self, *words: str) -> str:
        """Run virsh and return what it prints.

        Raises:
            LibvirtRefusedError: libvirt turns it down.
            QemuError: virsh cannot be started, or did not come to its end.
        """
        try:
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
        except subprocess.SubprocessError as error:
            raise QemuError(f"virsh cannot be started: {error}") from error
        try:
            assert process.stdout is not None, "it was asked for"
            assert process.stderr is not None, "it was asked for"
            out, err = await asyncio.gather(_hear(process.stdout), _hear(process.stderr))
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        status = process.returncode
        said = _last_error(err.decode(errors="replace"))
        if status is not None and status < 0:
            raise QemuError(tell_end("virsh went away", status, said))
        if status:
            raise LibvirtRefusedError(said)
        return out.decode(errors="replace").strip()

    @property
    def _log(self) -> Path:
        return self._folder / "libvirtd.log"

    def failure(self, what: str) -> QemuError:
        """Return what went wrong, where the daemon ended with how, and what it said last."""
        status: int | None = None
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = self.process.wait(END_SECONDS)
        what = what.replace(f"{self._folder}/", "")
        if status is None:
            return QemuError(what)
        with self._log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_BYTES_MAX))
            said = log.read(LOG_BYTES_MAX).decode(errors="replace")
        return QemuError(tell_end(what, status, said))

    @property
    def gone(self) -> bool:
        """Whether the daemon was started and is not there any more."""
        return self.process is not None and self.process.poll() is not None

    def give(self, path: Path) -> None:
        """Give a file to the user that runs libvirt."""
        if self._owner is not None:
            os.chown(path, *self._owner)

    def kill(self) -> None:
        """End the daemon where it stands, and wait until it is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def end_others(self) -> None:
        """End what it had just started, or had started to ask QEMU what it can do."""
        while end_processes(self._folder):
            await asyncio.sleep(POLL_SECONDS)

    def _known_folder(self) -> Path:
        return self._folder / ".k" / "libvirt" / "qemu" / "cache" / "capabilities"

    @property
    def _surroundings(self) -> dict[str, Any]:
        """What every process of libvirt's is started with: folders, and a user, of its own."""
        folders = {"RUNTIME_DIR": ".r", "CONFIG_HOME": ".c", "CACHE_HOME": ".k", "DATA_HOME": ".h"}
        settings: dict[str, Any] = {
            "cwd": self._folder,
            "start_new_session": True,
            "env": {
                "PATH": _search_path(),
                "LC_ALL": "C",
                "HOME": str(self._folder),
                "LIBVIRT_AUTOSTART": "0",
                **{f"XDG_{name}": str(self._folder / to) for name, to in folders.items()},
            },
        }
        if self._owner is not None:
            settings |= {"user": self._owner.uid, "group": self._owner.gid, "extra_groups": []}
        return settings


async def _hear(stream: asyncio.StreamReader) -> bytes:
    """Return all that virsh says.

    Raises:
        QemuError: It is more than anybody would read.
    """
    said = bytearray()
    while part := await stream.read(1 << 16):
        said += part
        if len(said) > SAID_BYTES_MAX:
            raise QemuError(f"virsh said more than {SAID_BYTES_MAX >> 20} MiB")
    return bytes(said)


def _last_error(text: str) -> str:
    """Return libvirt's own words; virsh's lead is a line of its own.

    >>> _last_error("error: Failed to do so\\nerror: operation failed: no\\n")
    'operation failed: no'
    """
    _, _, words = f"\n{text.strip()}".rpartition("\nerror: ")
    return " / ".join((words or text.strip()).splitlines())


def _search_path() -> str:
    """Return where programs are looked for: the daemon's is often no user's."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def find_program(program: str) -> str | None:
    """Return where a program is; None where it is not."""
    return shutil.which(program, path=_search_path() if program == DAEMON else None)


def find_programs(programs: Sequence[str] = PROGRAMS) -> None:
    """Look for the programs that a verification on libvirt starts.

    Raises:
        QemuMissingError: One of them is not installed, or this is no Linux.
    """
    if sys.platform != "linux":
        raise QemuMissingError("a libvirt is verified on Linux only")
    missing = [name for name in programs if find_program(name) is None]
    if missing:
        raise QemuMissingError(f"{', '.join(missing)} not found")


def find_owner() -> Owner | None:
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


def room_for(owner: Owner | None) -> str | None:
    """Return where the folder is made: the usual place, where libvirt gets along with it."""
    usual = Path(tempfile.gettempdir()).resolve()
    short = len(os.fsencode(usual)) + len("/bt-12345678") <= FOLDER_BYTES_MAX
    open_to_all = owner is None or all(p.stat().st_mode & 1 for p in (usual, *usual.parents))
    return str(usual) if short and open_to_all and _SAFE.fullmatch(str(usual)) else "/tmp"
