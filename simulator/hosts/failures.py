"""What goes wrong around a real thing, and how it is told."""

import signal

from simulator.diagnostics import printable

LAST_WORDS_MAX = 300
"""So many characters of what a program said last are told."""


class QemuError(Exception):
    """A real thing, or something it stands on, failed: it died, hung, or found no room."""


class ToolError(QemuError):
    """A program ended with a complaint.

    Attributes:
        said: The first line of it, without the program's name.
    """

    def __init__(self, told: str, said: str) -> None:
        super().__init__(told)
        self.said = said


class QemuMissingError(Exception):
    """A real thing is not on this machine, or is too old."""


def tell_end(what: str, status: int | None, said: str, *, program: str = "") -> str:
    """Return what went wrong, with how the process ended and what it said last.

    Args:
        status: As ``subprocess`` has it; None while the process runs.
        said: All that is known of what it wrote.
        program: Its name, which it may put before each line.

    >>> tell_end("QEMU went away", -9, "qemu: one\\nqemu: two\\n", program="qemu")
    'QEMU went away: it was ended by SIGKILL; it said: two'
    """
    if status is not None and status < 0:
        what = f"{what}: it was ended by {signal.Signals(-status).name}"
    elif status:
        what = f"{what}: it ended with status {status}"
    what = " ".join(what.split())
    last = said.splitlines()[-1].removeprefix(f"{program}: ") if said.strip() else ""
    shown = printable(last[:LAST_WORDS_MAX])
    return f"{what}; it said: {shown}" if shown else what
