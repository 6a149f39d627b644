"""A process that somebody else started: the QEMU of a libvirt."""

import contextlib
import os
import select
import signal
import subprocess

EMULATOR = "qemu-system-x86_64"


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
