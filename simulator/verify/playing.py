"""Plays a plan on something real, and tells what comes of it: steps that agree, or a finding."""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from simulator.diagnostics import Finding, Severity, printable
from simulator.hosts.failures import QemuError, QemuMissingError
from simulator.hosts.session import Session
from simulator.qemu.names import Names
from simulator.qemu.steps import Plan, Step, Unplayed
from simulator.releases.hosts import HOST_DEFAULT, NAMES, QEMU, Host, is_known
from simulator.timeline import Entry, Timeline
from simulator.upgrades import Upgraded, first_difference
from simulator.values import NamedTuple
from simulator.verify.compare import Difference
from simulator.verify.observe import Observer

A = TypeVar("A")
S = TypeVar("S", bound=Session)

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


LINES_MAX = 8
"""So many places of steps that are not played are told one by one."""


class Verification(NamedTuple):
    """What came of playing a timeline on something real.

    Attributes:
        steps: How many steps agreed.
        unplayed: What was not played, and why; empty where something differs.
        version: Of what it was played on; empty where none was found.
        finding: The first difference, or what kept it from going on; None where all agree.
        said: What was said to it and back up to there, one line each.
        host: The known host that it was held to.
        known: Where the host that the scenario is about goes otherwise, as the record says.
    """

    steps: int
    version: str
    finding: Finding | None = None
    said: tuple[str, ...] = ()
    unplayed: tuple[Unplayed, ...] = ()
    host: Host = HOST_DEFAULT
    known: Upgraded | None = None


def summarise(outcome: Verification, peer: str) -> str:
    """Return what came of a timeline on which a peer agrees, in one line.

    >>> summarise(Verification(7, "7.2.22"), "QEMU")
    '7 steps agree with QEMU 7.2.22'
    """
    counted = "1 step agrees" if outcome.steps == 1 else f"{outcome.steps} steps agree"
    agreed = f"{counted} with {peer} {outcome.version}{_taken_for(outcome, peer)}"
    if outcome.unplayed:
        lines: dict[str, list[str]] = {}
        for entry, why in outcome.unplayed:
            lines.setdefault(why, []).append(_line_of(entry))
        told = "; ".join(
            f"line{'s' if len(found) > 1 else ''} {_few(found)}: {why}"
            for why, found in lines.items()
        )
        agreed += f", {len(outcome.unplayed)} not played ({told})"
    if outcome.known is not None:
        names = ", ".join(change.name for change in outcome.known.changes)
        agreed += (
            f"; the scenario is about {outcome.known.host}, which goes otherwise at line "
            f"{_line_of(outcome.known.entry)} ({names})"
        )
    return agreed


def _taken_for(outcome: Verification, peer: str) -> str:
    """Return which known release a version that is not known is taken for; empty for others."""
    halves = zip((peer.lower(), QEMU), outcome.version.split(" with QEMU "), strict=False)
    unknown = [half for half, version in halves if version and not is_known(half, version)]
    if not unknown:
        return ""
    taken = outcome.host._asdict()
    return f" (taken for {' and '.join(f'{NAMES[half]} {taken[half]}' for half in unknown)})"


def _line_of(entry: Entry) -> str:
    span = entry.statement.span if entry.statement is not None else None
    return "?" if span is None else str(span.line)


def _few(lines: list[str]) -> str:
    """Return the lines of steps, which repeat where a step does."""
    different = list(dict.fromkeys(lines))
    more = f" and {len(different) - LINES_MAX} more" if len(different) > LINES_MAX else ""
    return ", ".join(different[:LINES_MAX]) + more


@dataclass(frozen=True)
class Stage(Generic[S, A]):
    """Something real that plans are played on.

    Attributes:
        name: As it is written.
        missing, failed: The rules of the findings where it is not there, or does not hold out.
        install_help: What to do where it is not there.
        open: Starts it, with so many seconds for a program; it is ended afterwards.
        perform: Does one step, and returns what is not as simulated.
        waits: Seconds that it is known to wait in a step.
    """

    name: str
    missing: tuple[str, str]
    failed: tuple[str, str]
    install_help: str
    open: Callable[[float, Names], AbstractAsyncContextManager[S]]
    perform: Callable[[S, Observer, Plan[A], Step[A]], Awaitable[Finding | None]]
    waits: Callable[[Step[A]], float] = lambda _: 0


def played_as(
    timeline: Timeline,
    installed: Host | None,
    asked: Host | None,
    play: Callable[[Timeline], Verification],
) -> Verification:
    """Return what comes of a timeline that is held to the host that is installed.

    Args:
        installed: None where there is none, which playing it will tell.
        asked: The host that is meant; None for the one that the scenario names, if it does.
    """
    host = installed or timeline.host
    if timeline.host != host and timeline.elsewhere is not None:
        timeline = timeline.elsewhere(host, None)
    outcome = play(timeline)._replace(host=host)
    meant = asked or timeline.script.host
    if outcome.finding is not None or meant in (None, host):
        return outcome
    return outcome._replace(known=first_difference(timeline, meant))


def play_on(
    stage: Stage[S, A],
    plan: Plan[A],
    *,
    timeout: float,
    watch: Callable[[S, int], None] | None = None,
) -> Verification:
    """Play a plan on something real and compare after each step.

    Args:
        timeout: Seconds that a step may take.
        watch: Is told the number of each step before it is done.
    """
    caught: list[int] = []
    try:
        return asyncio.run(_play(stage, plan, timeout, watch or (lambda _, __: None), caught))
    except asyncio.CancelledError:
        # All is cleaned up: now the signal may do what it came for.
        for number in caught:
            signal.raise_signal(number)
        raise


async def _play(
    stage: Stage[S, A],
    plan: Plan[A],
    timeout: float,
    watch: Callable[[S, int], None],
    caught: list[int],
) -> Verification:
    done, version, said = 0, "", list[str]()
    step: Step[A] | None = None
    try:
        with cancelled_by_signals(caught):
            async with stage.open(timeout, plan.names) as session:
                said, version = session.said, session.version
                observer = Observer(session, plan.names)
                for step in plan.steps:
                    watch(session, done)
                    async with asyncio.timeout(timeout + stage.waits(step)):
                        finding = await stage.perform(session, observer, plan, step)
                    if finding is not None:
                        return Verification(done, version, finding, tuple(said))
                    done += 1
    except QemuMissingError as error:
        finding = report(None, stage.missing, str(error), help=stage.install_help)
        return Verification(done, version, finding)
    except TimeoutError:
        message = f"{stage.name} took longer than {timeout:g} s"
        help = "give it more time: --timeout"
        finding = report(step and step.entry, stage.failed, message, help=help)
        return Verification(done, version, finding, tuple(said))
    except (QemuError, OSError) as error:
        finding = report(step and step.entry, stage.failed, words_of(error))
        return Verification(done, version, finding, tuple(said))
    return Verification(done, version, unplayed=plan.unplayed)


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
