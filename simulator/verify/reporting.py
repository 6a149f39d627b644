"""What comes of a verification: a number of steps that agree, or a finding."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from simulator.diagnostics import Finding, Severity, printable
from simulator.timeline import Entry
from simulator.verify.compare import Difference

DIFFERENCE = ("VF001", "verify-difference")
REFUSAL = ("VF002", "verify-refusal")

TIMEOUT_SECONDS = 10.0
"""How long a step may take, with all that is looked at after it."""

SURROUNDINGS = (
    "No space left on device",
    " lock",
    "Permission denied",
    "Input/output error",
    "Too many open files",
    "Cannot allocate memory",
)
"""What QEMU says where it is not the command that is at fault."""


class Verification(NamedTuple):
    """What came of playing a timeline on a real QEMU.

    Attributes:
        steps: How many steps agreed.
        version: Of QEMU; empty where none was found.
        finding: The first difference, or what kept QEMU from going on; None where all agree.
        said: The QMP exchanged up to there, one line each.
    """

    steps: int
    version: str
    finding: Finding | None = None
    said: tuple[str, ...] = ()


def report_differences(entry: Entry, differing: list[Difference], peer: str) -> Finding:
    """Return a finding with every row that differs after a step.

    Args:
        peer: What it was held against, with its version.
    """
    rows = ", ".join(difference.row for difference in differing)
    many = len(differing) > 1
    notes: list[str] = []
    for difference in differing:
        notes += [f"{difference.row}:", *difference.lines] if many else difference.lines
    return report(
        entry,
        DIFFERENCE,
        f"{rows} {'are' if many else 'is'} not as on {peer}",
        notes=tuple(notes),
    )


def report(
    entry: Entry | None,
    rule: tuple[str, str],
    message: str,
    *,
    notes: tuple[str, ...] = (),
    help: str = "",
) -> Finding:
    """Return a finding about a statement, or about none; names in it may be anything."""
    statement = entry.statement if entry is not None else None
    code, name = rule
    return Finding(
        code=code,
        rule=name,
        severity=Severity.ERROR,
        message=printable(message),
        span=statement.span if statement is not None else None,
        label="after this step" if rule is DIFFERENCE else "",
        notes=tuple(map(printable, notes)),
        help=help,
        at=entry.instant if entry is not None else None,
        entry=entry.number if entry is not None else None,
    )


def words_of(error: Exception) -> str:
    """Return what failed, in one line, without the paths of the temporary folder."""
    if isinstance(error, OSError) and error.errno is not None:
        name = os.path.basename(str(error.filename)) if error.filename else ""
        what = os.strerror(error.errno)
        return f"{name}: {what}" if name else what
    return str(error) or type(error).__name__


@contextmanager
def cancelled_by_signals(caught: list[int]) -> Iterator[None]:
    """Let a signal that ends this program end what it started first, as Ctrl-C does."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None, "this runs in a task"
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int) -> None:
        caught.append(number)
        task.cancel()

    signals = (signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
