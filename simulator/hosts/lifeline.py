"""Whoever kills this program kills what it started: a small process waits for that.

Everything that is started here has the folder it works in as its home, so that it can be found, and
so can what it starts itself, as another user too. The small process runs this very file, without
the rest of the program.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

ENDED = b"."
"""What is said to the process that waits when there is nothing to clean up."""

_AGAIN_SECONDS = 0.02
"""How long whoever was killed may take to go, before it is looked for again."""


@contextmanager
def lifeline(*folders: os.PathLike[str]) -> Iterator[None]:
    """Should this program be killed meanwhile: end all that has one of the folders as its home.

    The folders are deleted then, too. What has been forked and runs no other program yet still
    holds the line, so it is not overlooked. A program within another one has no line.
    """
    if not sys.executable:
        yield
        return
    watcher = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, *map(os.fspath, folders)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        # Whatever is sent to the terminal's foreground, this one outlives it.
        start_new_session=True,
    )
    try:
        yield
    finally:
        with contextlib.suppress(BrokenPipeError):
            watcher.communicate(ENDED)


def processes_at_home(folder: os.PathLike[str] | str) -> Iterator[int]:
    """Yield the processes that have this folder as their home (Linux only)."""
    entry = b"HOME=" + os.fsencode(folder)
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                if name.isdecimal() and entry in _environment(name):
                    yield int(name)


def _environment(process: str) -> Sequence[bytes]:
    with open(f"/proc/{process}/environ", "rb") as environ:
        return environ.read().split(b"\0")


def end_processes(folder: os.PathLike[str] | str) -> bool:
    """End all that has this folder as its home; return whether there was any."""
    left = list(processes_at_home(folder))
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(left)


def _wait(folders: Sequence[str]) -> None:
    """Wait for the end of whoever holds the other end of the line, and clean up behind it."""
    if sys.stdin.buffer.read() == ENDED:
        return
    for folder in folders:
        while end_processes(folder):
            time.sleep(_AGAIN_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _wait(sys.argv[1:])
