"""Plays a simulated timeline on a real QEMU and tells the first difference as a finding."""

import asyncio
import re
import signal
from collections.abc import Callable

from simulator.diagnostics import Finding
from simulator.hosts.daemon import INSTALL_HELP, QemuRefusedError
from simulator.hosts.failures import QemuError, QemuMissingError
from simulator.hosts.session import Session, open_session
from simulator.qemu.plan import Plan, Step, make_plan
from simulator.qemu.versions import says_the_same
from simulator.timeline import Timeline
from simulator.verify.compare import Difference, compare
from simulator.verify.observe import Observer
from simulator.verify.reporting import (
    REFUSAL,
    SURROUNDINGS,
    TIMEOUT_SECONDS,
    Verification,
    cancelled_by_signals,
    report,
    report_differences,
    words_of,
)
from simulator.verify.sight import sight_of

FAILED = ("VF003", "qemu-failed")
MISSING = ("VF004", "qemu-missing")
"""Codes and names of the findings."""


_UNKNOWN = re.compile(
    r"^Parameter '[^']*' (is unexpected|does not accept value)|^Invalid parameter"
)
"""What QEMU says to a part of a command that came into it later."""


_UNNAMED = re.compile(r"#block\d+")
"""A node that QEMU names itself, with a number by chance."""


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
    simulated = sight_of(step.machine, step.backups, step.restores)
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
