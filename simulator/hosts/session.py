"""A real QEMU at work in a temporary folder: performs the actions of a plan.

Whatever happens, nothing is left behind: no process, no socket, no file.
"""

import asyncio
import os
import shlex
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import assert_never

from simulator.hosts.daemon import PROGRAM, Daemon, find_programs, spawn
from simulator.hosts.exports import served, writable
from simulator.hosts.failures import QemuError, ToolError, tell_end
from simulator.hosts.lifeline import lifeline
from simulator.hosts.nbd import ALLOCATION, DIRTY_BITMAP, ZERO_FLAG, Extent, NbdClient, NbdError
from simulator.hosts.programs import run_within
from simulator.model.clusters import letter_of
from simulator.qemu.actions import (
    CLIENT,
    Action,
    AwaitGone,
    AwaitJobs,
    Change,
    Command,
    CopyFile,
    DeleteFile,
    DropGuest,
    GuestKind,
    GuestStep,
    HasCommand,
    KillQemu,
    MakeImage,
    PullData,
    QuitQemu,
    ReadFile,
    RunTool,
    Stack,
    StartQemu,
    bytes_of,
    drop_command,
    image_command,
    serve_options,
)

SOCKET_PATH_MAX = 100
"""Longest path of a unix socket, in bytes. Source: Linux has 108."""

TEMPLATE_BYTES_MAX = 4 * 1024 * 1024
"""An empty image up to this size is kept, to be written again instead of made again."""

TEMPLATES_MAX = 128
"""So many are kept."""

_TEMPLATES: dict[tuple[str | None, MakeImage], bytes] = {}
"""Those made so far, by the program that made them."""

TOLD_MAX = 8
"""So many changes of a guest are told one by one."""

WRITE_BYTES_MAX = 8 * 1024 * 1024
"""So much data is handed to QEMU at a time."""


SAID_BYTES_MAX = 1024 * 1024
"""So much a program may say that has nothing to tell."""


class Session:
    """The QEMU that a plan is played on, and a second one that only reads.

    Attributes:
        folder: Where the images are.
        daemon: The process that has them open; None while the machine is off.
        reader: The process that looks at backups, and at images while the machine is off.
        said: The QMP exchanged so far.
        version: Of QEMU.
    """

    def __init__(self, folder: Path, sockets: Path, timeout: float) -> None:
        self.folder = folder
        self.daemon: Daemon | None = None
        self.said: list[str] = []
        self.version = ""
        self._sockets = sockets
        self._timeout = timeout
        self._reader: Daemon | None = None
        self._reading = False
        self._guests: dict[str, NbdClient] = {}
        self._started = 0

    async def start(self) -> None:
        """Start the QEMU under test; the first time, the one that reads starts beside it."""
        self._started += 1
        self.said.append(f"$ {PROGRAM}")
        self.daemon = spawn(self.folder, self._sockets, f"qemu-{self._started}", self.said)
        await self.daemon.greet()
        self.version = self.daemon.version
        self._spawn_reader()

    async def reader(self) -> Daemon:
        """Return the process that reads."""
        reader = self._spawn_reader()
        if not self._reading:
            await reader.greet()
            self._reading = True
        return reader

    def _spawn_reader(self) -> Daemon:
        if self._reader is None:
            self._reader = spawn(self.folder, self._sockets, "reader", [])
        return self._reader

    async def guest(self, export: str) -> NbdClient:
        """Return the guest's connection to its disk."""
        if export not in self._guests:
            assert self.daemon is not None, "a guest needs a running machine"
            self._guests[export] = await NbdClient.connect(self.daemon.nbd, export, [ALLOCATION])
        return self._guests[export]

    async def end(self) -> None:
        """End every process."""
        self._drop_guests()
        for daemon in (self.daemon, self._reader):
            if daemon is not None:
                daemon.kill()
        for daemon in (self.daemon, self._reader):
            if daemon is not None:
                await daemon.crash()
        self.daemon = self._reader = None

    async def perform(self, action: Action) -> None:
        """Do one thing.

        Raises:
            QemuRefusedError: QEMU turns a command down.
            QemuError: QEMU, or something it stands on, failed.
            OSError: The folder failed, as when the disk is full.
        """
        match action:
            case Command():
                await self.running.execute(action, said=True)
            case HasCommand():
                await self.running.look_for(action.name)
            case AwaitJobs():
                await self.running.await_jobs(action.jobs, action.end)
            case GuestStep():
                await self._guest_step(action)
            case AwaitGone():
                await self.running.await_deleted({action.export})
            case DropGuest():
                await self._drop_guest(action.export)
            case PullData():
                await self._pull_data(action, self.running.nbd)
            case ReadFile():
                await self._read_file(action)
            case MakeImage() | RunTool() | CopyFile() | DeleteFile():
                self._change_files(action)
            case Stack():
                pass  # It is read through where it lies, by whoever looks.
            case StartQemu():
                await self.start()
            case QuitQemu():
                await self._close_guests()
                await self.running.quit()
                self.daemon = None
            case KillQemu():
                self._drop_guests()
                self.said.append("$ kill -9 QEMU")
                await self.running.crash()
                self.daemon = None
            case _:
                assert_never(action)

    def failure(self) -> QemuError:
        """Return what became of the process whose connection was lost."""
        daemons = [each for each in (self.daemon, self._reader) if each is not None]
        gone = [each for each in daemons if each.process.poll() is not None]
        return (gone or daemons)[0].failure("QEMU went away")

    @property
    def running(self) -> Daemon:
        """The process that has the images open; there must be one."""
        assert self.daemon is not None, "the model refuses this on a machine that is off"
        return self.daemon

    async def _guest_step(self, step: GuestStep) -> None:
        self.said.append(_tell_guest(step))
        try:
            guest = await self.guest(step.export)
            for change in step.changes:
                await _change(guest, change)
            await guest.flush()
        except NbdError as error:
            raise QemuError(f"the guest's write failed: {error}") from error
        except ConnectionError as error:
            raise self.failure() from error

    async def _drop_guest(self, export: str) -> None:
        guest = self._guests.pop(export, None)
        if guest is not None:
            await guest.close()
        await self.running.execute(drop_command(export), said=True)
        await self.running.await_deleted({export})

    async def _read_file(self, read: ReadFile) -> None:
        """Be a client that asks no host, and reads an image file through a program of its own."""
        socket = str(self._sockets / f"{CLIENT}.nbd")
        options = serve_options(read)
        self.said.append(f"$ {shlex.join(['qemu-nbd', *options])}")
        # Who asks whether it listens is a client, too, and may not be gone yet.
        words = ["qemu-nbd", "-t", "-e", "0", "-k", socket, *options]
        async with served(words, self.folder, socket):
            await self._pull_data(read.pull, socket)

    async def _pull_data(self, pull: PullData, server: str) -> None:
        """Be the client of a pull: read what the bitmap tells, and write it into a file.

        Args:
            server: The socket of the one that has the export.
        """
        told = f", the clusters of {pull.bitmap}" if pull.bitmap is not None else ""
        self.said.append(f"client: read {pull.export}{told}; write {pull.file}")
        writer = await self.reader()
        contexts = [ALLOCATION]
        if pull.bitmap is not None:
            contexts.append(DIRTY_BITMAP + pull.bitmap)
        try:
            source = await NbdClient.connect(server, pull.export, contexts)
            status = await source.status()
            async with writable(writer, pull.file, pull.over or "qcow2") as target:
                await _copy(source, target, status, pull)
                await target.flush()
            await source.close()
        except NbdError as error:
            raise QemuError(f"the export {pull.export} cannot be read: {error}") from error
        except ConnectionError as error:
            raise self.failure() from error

    async def _close_guests(self) -> None:
        for guest in self._guests.values():
            await guest.close()
        self._guests.clear()

    def _drop_guests(self) -> None:
        for guest in self._guests.values():
            guest.drop()
        self._guests.clear()

    def _change_files(self, action: MakeImage | RunTool | CopyFile | DeleteFile) -> None:
        match action:
            case MakeImage():
                self._make_image(action)
            case RunTool():
                self.said.append(f"$ {shlex.join(action.words)}")
                run_program([*action.words], self.folder, self._timeout)
            case CopyFile():
                self.said.append(f"$ {shlex.join(['cp', action.source, action.target])}")
                shutil.copyfile(self.folder / action.source, self.folder / action.target)
            case DeleteFile():
                self.said.append(f"$ {shlex.join(['rm', action.file])}")
                (self.folder / action.file).unlink(missing_ok=True)
            case _:
                assert_never(action)

    def _make_image(self, make: MakeImage) -> None:
        self.said.append(f"$ {shlex.join(image_command(make))}")
        path = self.folder / make.file
        template = shutil.which("qemu-img"), make._replace(file="")
        path.unlink(missing_ok=True)
        if template in _TEMPLATES:
            path.write_bytes(_TEMPLATES[template])
            return
        run_program(image_command(make), self.folder, self._timeout)
        if make.format == "qcow2" and path.stat().st_size <= TEMPLATE_BYTES_MAX:
            if len(_TEMPLATES) == TEMPLATES_MAX:
                _TEMPLATES.clear()
            _TEMPLATES[template] = path.read_bytes()


async def _change(guest: NbdClient, change: Change) -> None:
    match change.kind:
        case GuestKind.WRITE:
            unit = bytes_of(change.version)
            for start in range(0, change.length, WRITE_BYTES_MAX):
                length = min(WRITE_BYTES_MAX, change.length - start)
                data = unit * (length // len(unit) + 1)
                await guest.write(change.offset + start, data[:length])
        case GuestKind.ZERO:
            await guest.write_zeroes(change.offset, change.length)
        case GuestKind.DISCARD:
            await guest.discard(change.offset, change.length)
        case _:
            assert_never(change.kind)


async def _copy(
    source: NbdClient, target: NbdClient, status: dict[str, list[Extent]], pull: PullData
) -> None:
    """Copy what a client is to read: all data, or the clusters of a bitmap, zeroes and all."""
    if pull.bitmap is None:
        wanted = [e for e in status[ALLOCATION] if not e.status & ZERO_FLAG]
    else:
        wanted = [e for e in status[DIRTY_BITMAP + pull.bitmap] if e.status]
    for extent in wanted:
        for start in range(extent.offset, extent.offset + extent.length, pull.cluster_size):
            length = min(pull.cluster_size, extent.offset + extent.length - start)
            data = await source.read(start, length)
            if any(data):
                await target.write(start, bytes(data))
            else:
                await target.write_zeroes(start, length)


def _tell_guest(step: GuestStep) -> str:
    """Return a guest's step as a line to be read between those of QMP."""
    told = [
        f"{c.kind} {letter_of(c.version)} at {c.offset}, {c.length} bytes"
        if c.kind is GuestKind.WRITE
        else f"{c.kind} at {c.offset}, {c.length} bytes"
        for c in step.changes[:TOLD_MAX]
    ]
    if len(step.changes) > TOLD_MAX:
        told.append(f"and {len(step.changes) - TOLD_MAX} more")
    return f"{step.export}: {'; '.join([*told, 'flush'])}"


def run_program(command: list[str], folder: Path, timeout: float) -> None:
    """Run a program to its end.

    Raises:
        ToolError: It failed.
        QemuError: It took too long, or said too much.
    """
    env = {**os.environ, "HOME": str(folder)}
    ran = run_within(command, seconds=timeout, bytes_max=SAID_BYTES_MAX, cwd=folder, env=env)
    if ran.late:
        raise QemuError(f"{command[0]} took longer than {timeout:g} s")
    if ran.loud:
        raise QemuError(f"{command[0]} said more than {SAID_BYTES_MAX >> 20} MiB")
    if ran.status:
        told = tell_end(f"{command[0]} failed", ran.status, ran.complaints, program=command[0])
        said = ran.complaints.strip().partition("\n")[0].removeprefix(f"{command[0]}: ")
        raise ToolError(told, said)


@asynccontextmanager
async def open_session(timeout: float) -> AsyncIterator[Session]:
    """Yield a running QEMU in a temporary folder; end it and delete the folder afterwards.

    Args:
        timeout: Seconds that one program may take.

    Raises:
        QemuMissingError: There is none on this machine, or one that is too old.
        QemuError: It does not start.
    """
    find_programs()
    with (
        tempfile.TemporaryDirectory(prefix="backup-timeline-") as folder,
        tempfile.TemporaryDirectory(prefix="bt-", dir=_room_for_sockets(folder)) as sockets,
        lifeline(Path(folder), Path(sockets)),
    ):
        session = Session(Path(folder), Path(sockets), timeout)
        try:
            async with asyncio.timeout(timeout):
                await session.start()
            yield session
        finally:
            await session.end()


def _room_for_sockets(folder: str) -> str:
    """Return a folder whose sockets have paths short enough for the system."""
    return folder if len(os.fsencode(folder)) + 30 <= SOCKET_PATH_MAX else "/tmp"
