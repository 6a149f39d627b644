"""Plays a simulated timeline on a real QEMU and tells the first difference as a finding."""

import re
from collections.abc import Callable

from simulator.diagnostics import Finding
from simulator.hosts.daemon import INSTALL_HELP, QemuRefusedError
from simulator.hosts.failures import ToolError
from simulator.hosts.installed import installed_host
from simulator.hosts.session import Session, open_session
from simulator.qemu.commands.nodes import FILTER
from simulator.qemu.plan import QemuPlan, QemuStep, make_plan
from simulator.releases.hosts import QEMU, Host, precedes_all
from simulator.timeline import Timeline
from simulator.verify.compare import compare
from simulator.verify.observe import Observer
from simulator.verify.playing import (
    REFUSAL,
    SURROUNDINGS,
    TIMEOUT_SECONDS,
    Stage,
    Verification,
    play_on,
    played_as,
    report,
    report_differences,
)
from simulator.verify.sight import sight_of

UNSUPPORTED = ("VF005", "not-verifiable")
FAILED = ("VF003", "qemu-failed")
MISSING = ("VF004", "qemu-missing")
"""Codes and names of the findings."""


_UNKNOWN = re.compile(r"^Parameter '[^']*' does not accept value|^Invalid parameter")
_UNEXPECTED = re.compile(r"^Parameter '[^']*' is unexpected")
"""What QEMU says to a part of a command that came into it later."""


_UNNAMED = re.compile(rf"#block\d+|(?<=')[\w.-]+{FILTER}(?=')")
"""A node that QEMU names itself, with a number by chance, or that has a name for once."""


def verify(
    timeline: Timeline,
    *,
    timeout: float = TIMEOUT_SECONDS,
    watch: Callable[[Session, int], None] | None = None,
    asked: Host | None = None,
) -> Verification:
    """Play a timeline on a real QEMU, as the one that is installed, and compare after each step.

    Args:
        timeout: Seconds that a step may take.
        watch: Is told the number of each step before it is done.
        asked: The host that is meant; None for the one that the scenario names, if it does.
    """

    def played(each: Timeline) -> Verification:
        return play(make_plan(each), timeout=timeout, watch=watch)

    return played_as(timeline, installed_host(), asked, played)


def play(
    plan: QemuPlan,
    *,
    timeout: float = TIMEOUT_SECONDS,
    watch: Callable[[Session, int], None] | None = None,
) -> Verification:
    """Play a plan on a real QEMU and compare after each step; see :func:`verify`."""
    return play_on(STAGE, plan, timeout=timeout, watch=watch)


async def _perform(
    session: Session, observer: Observer, plan: QemuPlan, step: QemuStep
) -> Finding | None:
    """Do one step and look; return what is not as simulated."""
    if step.unsupported:
        return report(step.entry, UNSUPPORTED, f"{step.unsupported} cannot be verified on QEMU")
    said, by = None, ""
    try:
        for action in step.actions:
            await session.perform(action)
    except QemuRefusedError as error:
        said, by = _UNNAMED.sub("#block", error.text), error.command.execute
        if said != step.refusal:
            said = plan.names.by_backups(said)
        if error.unknown or (step.refusal is None and _lacks(error.text, session.version)):
            message = f"QEMU {session.version} is too old: {error}"
            return report(step.entry, MISSING, message, help="use a newer QEMU")
        if said != step.refusal and any(words in error.text for words in SURROUNDINGS):
            return _failed(step, f"{error.command.execute}: {error}")
        try:
            for action in step.cleanup:
                await session.perform(action)
        except QemuRefusedError as failed:
            return _failed(step, f"{failed.command.execute}: {failed}")
    except ToolError as error:
        if step.refusal is None:
            raise
        said, by = plan.names.by_images(_UNNAMED.sub("#block", error.said)), "the tool"
    unlike = _compare_refusals(step, said, by)
    if unlike is not None:
        return unlike
    simulated = sight_of(step.machine, step.backups, step.restores)
    real = await observer.observe(simulated)
    differing = list(compare(simulated, real, mixed=plan.mixed))
    if differing:
        return report_differences(step.entry, differing, f"QEMU {session.version}")
    return None


def _lacks(text: str, version: str) -> bool:
    """Whether QEMU says that it does not have yet what the simulator knows of it.

    An argument may be the user's own, so that is told of a QEMU only that is older than all known.
    """
    unexpected = precedes_all(QEMU, version) and _UNEXPECTED.search(text)
    return bool(unexpected or _UNKNOWN.search(text))


def _compare_refusals(step: QemuStep, text: str | None, by: str) -> Finding | None:
    """Return a finding where one side refuses and the other does not, or in other words.

    Args:
        text: QEMU's words; None where it accepts.
        by: What they are about.
    """
    if text == step.refusal:
        return None
    notes = (
        f"simulator: {step.refusal or 'accepted'}",
        f"QEMU: {text or 'accepted'}",
    )
    if step.refusal is None:
        message = f"QEMU refuses {by}, which the simulator accepts"
    elif text is None:
        message = "QEMU accepts what the simulator refuses"
    else:
        message = "QEMU refuses in other words than the simulator"
    return report(step.entry, REFUSAL, message, notes=notes)


def _failed(step: QemuStep, message: str) -> Finding:
    return report(step.entry, FAILED, message)


STAGE = Stage("QEMU", MISSING, FAILED, INSTALL_HELP, lambda s, _: open_session(s), _perform)
"""A real QEMU to play on."""
