"""Plays a simulated timeline on a real QEMU and tells the first difference as a finding."""

import asyncio
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from simulator.diagnostics import Finding, Severity
from simulator.timeline import Entry, Timeline
from simulator.verify.compare import Difference, compare
from simulator.verify.daemon import (
    INSTALL_HELP,
    QemuError,
    QemuMissingError,
    QemuRefusedError,
)
from simulator.verify.observe import Observer
from simulator.verify.plan import Plan, Step, make_plan
from simulator.verify.session import Session, open_session
from simulator.verify.versions import says_the_same

DIFFERENCE = ("VF001", "verify-difference")
REFUSAL = ("VF002", "verify-refusal")
FAILED = ("VF003", "qemu-failed")
MISSING = ("VF004", "qemu-missing")
"""Codes and names of the findings."""

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


_UNKNOWN = re.compile(
    r"^Parameter '[^']*' (is unexpected|does not accept value)|^Invalid parameter"
)
"""What QEMU says to a part of a command that came into it later."""


_UNNAMED = re.compile(r"#block\d+")
"""A node that QEMU names itself, with a number by chance."""


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


def verify(
    timeline: Timeline,
    *,
    timeout: float = TIMEOUT_SECONDS,
    watch: Callable[[Session, int], None] | None = None,
) -> Verification:
    """Play a timeline on a real QEMU and compare after each step.

    Args:
        timeout: Seconds that a step may take.
        watch: Is told the number of each step before it is done.
    """
    return play(make_plan(timeline), timeout=timeout, watch=watch)


def play(
    plan: Plan,
    *,
    timeout: float = TIMEOUT_SECONDS,
    watch: Callable[[Session, int], None] | None = None,
) -> Verification:
    """Play a plan on a real QEMU and compare after each step; see :func:`verify`."""
    caught: list[int] = []
    try:
        return asyncio.run(_verify(plan, timeout, watch or (lambda _, __: None), caught))
    except asyncio.CancelledError:
        # All is cleaned up: now the signal may do what it came for.
        for number in caught:
            signal.raise_signal(number)
        raise


async def _verify(
    plan: Plan, timeout: float, watch: Callable[[Session, int], None], caught: list[int]
) -> Verification:
    done, version, said = 0, "", list[str]()
    step: Step | None = None
    try:
        with cancelled_by_signals(caught):
            async with open_session(timeout) as session:
                said, version = session.said, session.version
                observer = Observer(session, plan.names)
                for step in plan.steps:
                    watch(session, done)
                    async with asyncio.timeout(timeout):
                        finding = await _play(session, observer, plan, step)
                    if finding is not None:
                        return Verification(done, version, finding, tuple(said))
                    done += 1
    except QemuMissingError as error:
        return Verification(done, version, _missing(str(error)))
    except TimeoutError:
        said_so = f"QEMU took longer than {timeout:g} s"
        finding = _finding(step, FAILED, said_so, help="give it more time: --timeout")
        return Verification(done, version, finding, tuple(said))
    except (QemuError, OSError) as error:
        return Verification(done, version, _failed(step, words_of(error)), tuple(said))
    return Verification(done, version)


async def _play(session: Session, observer: Observer, plan: Plan, step: Step) -> Finding | None:
    """Do one step and look; return what is not as simulated."""
    refused: QemuRefusedError | None = None
    try:
        for action in step.actions:
            await session.perform(action)
    except QemuRefusedError as error:
        refused = error
        if error.unknown or (step.refusal is None and _UNKNOWN.search(error.text)):
            message = f"QEMU {session.version} is too old: {error}"
            return _finding(step, MISSING, message, help="use a newer QEMU")
        if any(words in error.text for words in SURROUNDINGS):
            return _failed(step, f"{error.command.execute}: {error}")
        try:
            for action in step.cleanup:
                await session.perform(action)
        except QemuRefusedError as failed:
            return _failed(step, f"{failed.command.execute}: {failed}")
    unlike = _compare_refusals(step, refused, session.version)
    if unlike is not None:
        return unlike
    simulated = step.sight
    real = await observer.observe(simulated)
    differing = list(compare(simulated, real, mixed=plan.mixed))
    return _differ(step, differing, session.version) if differing else None


def _compare_refusals(step: Step, refused: QemuRefusedError | None, version: str) -> Finding | None:
    """Return a finding where one side refuses and the other does not, or in other words."""
    text = _UNNAMED.sub("#block", refused.text) if refused is not None else None
    if says_the_same(step.refusal, text, version):
        return None
    notes = (
        f"simulator: {step.refusal or 'accepted'}",
        f"QEMU: {text or 'accepted'}",
    )
    if step.refusal is None and refused is not None:
        message = f"QEMU refuses {refused.command.execute}, which the simulator accepts"
    elif text is None:
        message = "QEMU accepts what the simulator refuses"
    else:
        message = "QEMU refuses in other words than the simulator"
    return _finding(step, REFUSAL, message, notes=notes)


def _differ(step: Step, differing: list[Difference], version: str) -> Finding:
    """Return a finding with every row that differs after a step."""
    return report_differences(step.entry, differing, f"QEMU {version}")


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


def _failed(step: Step | None, message: str) -> Finding:
    return _finding(step, FAILED, message)


def _missing(message: str) -> Finding:
    return _finding(None, MISSING, message, help=INSTALL_HELP)


def _finding(
    step: Step | None,
    rule: tuple[str, str],
    message: str,
    *,
    notes: tuple[str, ...] = (),
    help: str = "",
) -> Finding:
    return report(step and step.entry, rule, message, notes=notes, help=help)


def report(
    entry: Entry | None,
    rule: tuple[str, str],
    message: str,
    *,
    notes: tuple[str, ...] = (),
    help: str = "",
) -> Finding:
    """Return a finding about a statement, or about none."""
    statement = entry.statement if entry is not None else None
    code, name = rule
    return Finding(
        code=code,
        rule=name,
        severity=Severity.ERROR,
        message=message,
        span=statement.span if statement is not None else None,
        label="after this step" if rule is DIFFERENCE else "",
        notes=notes,
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
