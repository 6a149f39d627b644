"""One process of ``qemu-storage-daemon``, spoken to by QMP and ended by its number."""

import asyncio
import contextlib
import json
import logging
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from qemu.qmp import (
    EventListener,
    ExecInterruptedError,
    ExecuteError,
    Message,
    QMPClient,
    QMPError,
    StateError,
)

from simulator.hosts.failures import QemuError, QemuMissingError, tell_end
from simulator.qemu.actions import Command, JobEnd

PROGRAM = "qemu-storage-daemon"
PROGRAMS = (PROGRAM, "qemu-img")
"""What a verification starts."""

INSTALL_HELP = (
    "install them (Debian, Ubuntu: apt-get install qemu-utils qemu-system-common; "
    "Fedora: dnf install qemu-img)"
)

VERSION_MIN = (7, 2)
"""The oldest QEMU that this was tried with."""

ALIVE_SECONDS = 0.2
"""How often somebody who waits for an event looks whether QEMU is still there."""

POLL_SECONDS = 0.005
"""How often somebody looks at what no event tells."""

LOOK_SECONDS = 0.5
"""How long a job may take to see what the guest wrote; it looks ten times a second."""

GRACE_SECONDS = 2.0
"""How long the end of a connection may take."""

PIPE_BYTES_MAX = 1024 * 1024
"""A pipe holds no more. Source: Linux, ``/proc/sys/fs/pipe-max-size``."""

CANCELLED = "it was cancelled"

_EVENTS = (
    "JOB_STATUS_CHANGE",
    "BLOCK_JOB_COMPLETED",
    "BLOCK_JOB_CANCELLED",
    "BLOCK_JOB_ERROR",
    "BLOCK_EXPORT_DELETED",
)

_REACHED = {
    JobEnd.COMPLETED: ("null",),
    JobEnd.CANCELLED: ("null",),
    JobEnd.PENDING: ("pending", "null"),
    JobEnd.READY: ("ready", "null"),
    JobEnd.SYNCED: ("ready", "null"),
    JobEnd.PAUSED: ("paused", "null"),
    JobEnd.WAITING: ("waiting", "pending", "null"),
    JobEnd.FAILED: ("null",),
}
"""The states of a job that end the wait for it; one that is gone never comes back."""


class QemuRefusedError(Exception):
    """QEMU turned a command down.

    Attributes:
        text: Its own words.
        unknown: Whether this QEMU has no such command.
    """

    def __init__(self, command: Command, text: str, *, unknown: bool) -> None:
        super().__init__(text)
        self.command = command
        self.text = text
        self.unknown = unknown


class _Client(QMPClient):
    """A QMP client that keeps no log: writing each message for it takes longer than sending it."""

    def _cb_outbound(self, msg: Message) -> Message:
        return msg

    def _cb_inbound(self, msg: Message) -> Message:
        return msg


def find_programs() -> None:
    """Look for the programs that a verification starts.

    Raises:
        QemuMissingError: One of them is not installed.
    """
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        raise QemuMissingError(f"{' and '.join(missing)} not found")


class Process(Protocol):
    """What is asked of a process: those of ``subprocess`` have it, and those of others too."""

    @property
    def stderr(self) -> IO[bytes] | None:
        """What it writes about itself, where that can be read."""

    @property
    def returncode(self) -> int | None:
        """How it ended."""

    @property
    def pid(self) -> int:
        """Its number."""

    def poll(self) -> int | None:
        """Return how it ended; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""

    def kill(self) -> None:
        """End it where it stands."""


class Daemon:
    """A process of ``qemu-storage-daemon`` that works in a folder.

    Attributes:
        process: The process.
        nbd: Path of the socket of its NBD server.
        version: Of QEMU, such as ``7.2.22``.
        said: What was sent and answered so far, one line each.
    """

    def __init__(self, process: Process, qmp: socket.socket, nbd: str, said: list[str]) -> None:
        self.process = process
        self.nbd = nbd
        self.said = said
        self.version = ""
        self._socket = qmp
        self._qmp = _Client()
        self._events = self.listen(*_EVENTS)
        self._jobs: dict[str, str] = {}
        self._errors: dict[str, str] = {}
        self._deleted: set[str] = set()
        self._halted: set[str] = set()

    def listen(self, *events: str) -> EventListener:
        """Return what takes in the events of these names, from now on."""
        listener = EventListener(events)
        self._qmp.register_listener(listener)
        return listener

    async def greet(self) -> None:
        """Wait until the process takes commands, and look how old it is.

        Raises:
            QemuError: It did not start.
            QemuMissingError: It is too old.
        """
        logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL + 1)
        try:
            await self._qmp.connect(self._socket)
        except (QMPError, OSError) as error:
            raise self.failure(f"QEMU did not start: {error}") from error
        greeting = self._qmp.greeting
        assert greeting is not None, "the connection was negotiated"
        version: Any = greeting.QMP.version
        try:
            numbers = tuple(version["qemu"][part] for part in ("major", "minor", "micro"))
        except (KeyError, TypeError):
            raise self.failure("QEMU does not tell its version") from None
        self.version = ".".join(map(str, numbers))
        if numbers[:2] < VERSION_MIN:
            oldest = ".".join(map(str, VERSION_MIN))
            raise QemuMissingError(f"QEMU {self.version} is too old; {oldest} is the oldest")

    async def execute(self, command: Command, *, said: bool = False) -> Any:
        """Send a command and return what QEMU answers.

        Args:
            said: Whether the exchange is kept, to be shown beside a difference.

        Raises:
            QemuRefusedError: QEMU turns it down.
            QemuError: QEMU is gone.
        """
        if said:
            self.said.append(f"-> {json.dumps(command.as_json())}")
        try:
            answer = await self._qmp.execute(command.execute, dict(command.arguments))
        except ExecuteError as error:
            if said:
                self.said.append(f"<- {json.dumps({'error': error.error.error._raw})}")
            unknown = error.error_class == "CommandNotFound"
            raise QemuRefusedError(command, str(error), unknown=unknown) from error
        except (ExecInterruptedError, StateError, OSError) as error:
            raise self.failure("QEMU went away") from error
        except QMPError as error:
            raise self.failure(f"QEMU cannot be spoken to: {error}") from error
        if said:
            self.said.append(f"<- {json.dumps({'return': answer})}")
        return answer

    async def look_for(self, name: str) -> None:
        """Turn down a command that this QEMU does not have, as it would itself.

        Raises:
            QemuRefusedError: There is none of this name.
        """
        known = await self.execute(Command("query-commands"))
        if name not in {each["name"] for each in known}:
            text = f"The command {name} has not been found"
            self.said.append(f"query-commands: no {name}")
            raise QemuRefusedError(Command(name), text, unknown=False)

    async def execute_all(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands without waiting for the answers in between; return an answer to each.

        A refusal is an answer here.

        Raises:
            QemuError: QEMU is gone.
        """
        answers = await asyncio.gather(
            *(self.execute(command) for command in commands), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, QemuRefusedError):
                raise answer
        return answers

    async def await_jobs(self, jobs: tuple[str, ...], end: JobEnd) -> None:
        """Wait until every job has come to its end, or to where it waits itself.

        Raises:
            QemuError: A job failed, or QEMU is gone.
        """
        reached = _REACHED[end]
        if end is JobEnd.PAUSED:
            # A job is paused for a moment whenever a node is drained.
            await self._until(lambda: self._halted >= {*jobs})
            self._halted -= {*jobs}
        await self._until(lambda: all(self._jobs.get(job) in reached for job in jobs))
        if end is JobEnd.SYNCED:
            await self._catch_up(jobs)
        for job in jobs:
            error = self._errors.pop(job, None)
            ended = self._jobs[job] == "null" and self._jobs.pop(job) is not None
            if end is JobEnd.FAILED and error in (None, CANCELLED):
                raise QemuError(f"job {job} did not fail: {error or 'it completed'}")
            if error is not None and end not in (JobEnd.CANCELLED, JobEnd.FAILED):
                raise QemuError(f"job {job} failed: {error}")
            if ended and "null" not in reached[:1]:
                raise QemuError(f"job {job} ended before it was told to")

    async def _catch_up(self, jobs: tuple[str, ...]) -> None:
        """Wait until jobs that follow the guest have copied what it wrote.

        They look for it now and then, and their bitmaps, which have no names, tell before.
        """
        for _ in range(int(LOOK_SECONDS / POLL_SECONDS)):
            told = await self.execute(Command("query-block-jobs"))
            nodes = await self.execute(Command("query-named-block-nodes", {"flat": True}))
            nameless = [b for n in nodes for b in n.get("dirty-bitmaps", ()) if "name" not in b]
            lags = any(each["device"] in jobs and each["offset"] < each["len"] for each in told)
            if not lags and not any(bitmap["count"] for bitmap in nameless):
                return
            await asyncio.sleep(POLL_SECONDS)

    async def await_deleted(self, exports: set[str]) -> None:
        """Wait until exports are gone."""
        await self._until(lambda: exports <= self._deleted)
        self._deleted -= exports

    async def _until(self, done: Callable[[], bool]) -> None:
        """Take in events until something is so."""
        while not done():
            try:
                event = await asyncio.wait_for(self._events.get(), ALIVE_SECONDS)
            except TimeoutError:
                if self.process.poll() is not None:
                    raise self.failure("QEMU went away") from None
                continue
            self._take(str(event["event"]), event["data"])

    def _take(self, event: str, details: Any) -> None:
        match event:
            case "JOB_STATUS_CHANGE":
                self._jobs[details["id"]] = details["status"]
            case "BLOCK_JOB_COMPLETED" if "error" in details:
                self._errors[details["device"]] = details["error"]
            case "BLOCK_JOB_CANCELLED":
                self._errors[details["device"]] = CANCELLED
            case "BLOCK_JOB_ERROR" if details["action"] == "stop":
                self._halted.add(details["device"])
            case "BLOCK_EXPORT_DELETED":
                self._deleted.add(details["id"])

    async def quit(self) -> None:
        """Let the process close its images and end."""
        # It may be gone before its answer is.
        with contextlib.suppress(QemuError):
            await self.execute(Command("quit"), said=True)
        while self.process.poll() is None:
            await asyncio.sleep(0.0005)
        failure = self.failure("QEMU did not end well") if self.process.returncode else None
        await self.disconnect()
        if failure is not None:
            raise failure

    async def crash(self) -> None:
        """Let the process die where it stands."""
        self.kill()
        await self.disconnect()

    async def disconnect(self) -> None:
        """Close the connection; the process goes on."""
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._qmp.disconnect(), GRACE_SECONDS)
        self._socket.close()
        if self.process.stderr is not None:
            self.process.stderr.close()

    def kill(self) -> None:
        """End the process, whatever it does, and wait until it is gone."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def failure(self, what: str) -> QemuError:
        """Return what went wrong, with how the process ended and what it said last."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(0.2)
        status = self.process.poll()
        return QemuError(tell_end(what, status, self._last_words(), program=PROGRAM))

    def _last_words(self) -> str:
        """Return what the process wrote about itself and nobody read, as far as a pipe holds it."""
        stderr = self.process.stderr
        if stderr is None or stderr.closed:
            return ""
        os.set_blocking(stderr.fileno(), False)
        with contextlib.suppress(BlockingIOError):
            return os.read(stderr.fileno(), PIPE_BYTES_MAX).decode(errors="replace")
        return ""


def spawn(folder: Path, sockets: Path, name: str, said: list[str]) -> Daemon:
    """Return a new process, not greeted yet; its NBD server is there once it answers.

    It gets its end of a connected pair of unix sockets for QMP. QEMU 7.2 may hang or crash where
    somebody connects to a listening one just as it starts.

    Raises:
        QemuError: It cannot be started.
    """
    nbd = str(sockets / f"{name}.nbd")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with theirs:
        try:
            process = subprocess.Popen(
                [
                    PROGRAM,
                    "--nbd-server",
                    f"addr.type=unix,addr.path={nbd},max-connections=0",
                    "--chardev",
                    f"socket,id=qmp,fd={theirs.fileno()}",
                    "--monitor",
                    "chardev=qmp",
                ],
                cwd=folder,
                # Whoever cleans up after this program finds it by that.
                env={**os.environ, "HOME": str(folder)},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                # Ctrl-C in a terminal goes to this program only, which ends the process itself.
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise QemuError(f"cannot start {PROGRAM}: {error.strerror}") from error
    return Daemon(process, ours, nbd, said)
