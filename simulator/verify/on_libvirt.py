"""Plays a simulated timeline on a real libvirt and tells the first difference as a finding."""

import re
from collections.abc import Callable, Iterable

from simulator.diagnostics import Finding
from simulator.hosts.installed import installed_host
from simulator.hosts.libvirt.libvirtd import INSTALL_HELP, LibvirtRefusedError
from simulator.hosts.libvirt.machine import Host, open_host
from simulator.libvirt.plan import LibvirtPlan, LibvirtStep, make_libvirt_plan
from simulator.model.requests import Revert
from simulator.releases import hosts as releases
from simulator.timeline import Timeline
from simulator.verify.compare import Difference, compare
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
from simulator.verify.sight import Sight, sight_of

UNSUPPORTED = ("VF005", "not-verifiable")
FAILED = ("VF006", "libvirt-failed")
MISSING = ("VF007", "libvirt-missing")
"""Codes and names of the findings; a difference has those of a verification on QEMU."""

DEAD = (
    "unexpectedly closed the monitor",
    "process exited while connecting to monitor",
    "End of file from qemu monitor",
    "Failed to connect socket",
    "End of file while reading data",
    "Connection reset by peer",
)
"""What libvirt says where QEMU died, and virsh where libvirt did."""

LOCKED = "Timed out during operation: cannot acquire state change lock"
LOCK_SECONDS = 30.0
"""What libvirt says to a request that another one keeps out, and how long it waits before.

Source: ``facts/LIBVIRT.md`` section 3, number 25.
"""

OWNER = re.compile(r" \(as uid:[0-9]+, gid:[0-9]+\)")
"""Who libvirt runs QEMU as: that is the host's, and the model leaves it out."""

NEW_OVERLAY = re.compile(r"[\w.-]+\.\d{10}\b")
"""What libvirt calls an overlay that it makes at a revert: by the second."""

_NUMBERED = re.compile("libvirt-[0-9]+-(?:format|storage)")
_NODE = re.compile(r"(Node|backing hd of) '[^']*'")
"""libvirt counts images where it names them to QEMU; the model goes by their own names."""

Watch = Callable[[Host, int], None]


def verify(
    timeline: Timeline,
    *,
    timeout: float = TIMEOUT_SECONDS,
    watch: Watch | None = None,
    asked: releases.Host | None = None,
) -> Verification:
    """Play a timeline on a real libvirt, as the one that is installed; compare after each step.

    Args:
        timeout: Seconds that a step may take.
        watch: Is told the number of each step before it is done.
        asked: The host that is meant; None for the one that the scenario names, if it does.
    """

    def played(each: Timeline) -> Verification:
        return play_on(STAGE, make_libvirt_plan(each), timeout=timeout, watch=watch)

    return played_as(timeline, installed_host(libvirt=True), asked, played)


def _waits(step: LibvirtStep) -> float:
    """Return how long libvirt is known to wait in a step."""
    locked = step.refusal is not None and step.refusal.startswith(LOCKED)
    return LOCK_SECONDS if locked else 0


async def _perform(
    host: Host, observer: Observer, plan: LibvirtPlan, step: LibvirtStep
) -> Finding | None:
    """Do one step and look; return what is not as simulated."""
    if step.unsupported:
        return report(
            step.entry, UNSUPPORTED, f"{step.unsupported} cannot be verified on a real libvirt"
        )
    said: str | None = None
    try:
        for action in step.actions:
            await host.do(action)
    except LibvirtRefusedError as error:
        said = str(error)
    request = step.entry.request
    if said is not None and isinstance(request, Revert):
        said = NEW_OVERLAY.sub(request.image, said)
    if not _says_the_same(step.refusal, said):
        return _other_words(step, said)
    differing = await _look_at_notes(host, step)
    wanted = sight_of(step.machine, step.backups, step.restores)
    seen = await _look(host, observer, wanted)
    differing += seen if isinstance(seen, list) else compare(wanted, seen, mixed=plan.mixed)
    if differing:
        return report_differences(step.entry, differing, f"libvirt {host.version}")
    return None


def _says_the_same(wanted: str | None, said: str | None) -> bool:
    """Whether libvirt's words are the simulator's, but for what is by chance.

    >>> _says_the_same("Node 'S2' is busy", "Node 'libvirt-3-format' is busy")
    True
    """
    if wanted is None or said is None:
        return wanted == said
    said = OWNER.sub("", said)
    if _NUMBERED.search(said):
        wanted, said = (_NODE.sub(r"\1", each) for each in (wanted, said))
    return wanted == said


def _other_words(step: LibvirtStep, said: str | None) -> Finding:
    """Return a finding where one side refuses and the other does not, or in other words."""
    if said is not None and (_tells(said, DEAD) or (step.refusal is None and _tells_around(said))):
        return report(step.entry, FAILED, said)
    if step.refusal is None:
        message = "libvirt refuses what the simulator accepts"
    elif said is None:
        message = "libvirt accepts what the simulator refuses"
    else:
        message = "libvirt refuses in other words than the simulator"
    notes = (f"simulator: {step.refusal or 'accepted'}", f"libvirt:   {said or 'accepted'}")
    return report(step.entry, REFUSAL, message, notes=notes)


def _tells(said: str, words: Iterable[str]) -> bool:
    return any(each in said for each in words)


def _tells_around(said: str) -> bool:
    """Whether it is what libvirt stands on that is at fault, and no other request."""
    return _tells(said, SURROUNDINGS) and LOCKED not in said


async def _look_at_notes(host: Host, step: LibvirtStep) -> list[Difference]:
    """Return how the checkpoints and snapshots that libvirt notes differ from the simulated."""
    ours: dict[str, dict[str, str | None]] = {
        "checkpoint": {each.name: each.parent for each in step.machine.checkpoints},
        "snapshot": {each.name: each.parent for each in step.machine.snapshots},
    }
    found: list[Difference] = []
    for kind, notes in ours.items():
        if kind == "snapshot" and not notes and not step.entry.before.snapshots:
            continue
        real = await host.notes(kind)
        if real != notes:
            order = list(notes)
            told = _tell(notes, order), _tell(real, order)
            found.append(difference(f"the list of {kind}s", *told))
    return found


def _tell(parents: dict[str, str | None], order: list[str]) -> str:
    """Return checkpoints or snapshots in one line, each with its parent.

    >>> _tell({"B2": "B1", "B1": None}, ["B1", "B2"])
    'B1, B1 <- B2'
    """
    return ", ".join(
        name if parents[name] is None else f"{parents[name]} <- {name}"
        for name in [*(n for n in order if n in parents), *sorted(parents.keys() - set(order))]
    )


async def _look(host: Host, observer: Observer, wanted: Sight) -> Sight | list[Difference]:
    """Return what is there, or in which chains other images are than there should be."""
    if host.daemon is None:
        return await observer.observe(wanted)
    real = await host.chains([disk.name for disk in wanted.disks])
    differing: list[Difference] = []
    for disk in wanted.disks:
        ours = [image.name for image in disk.images]
        if real[disk.name] != ours:
            row = f"the chain of {disk.name}"
            differing.append(difference(row, " <- ".join(ours), " <- ".join(real[disk.name])))
    if differing:
        return differing
    async with host.looking():
        return await observer.observe(wanted)


def difference(row: str, ours: str, theirs: str) -> Difference:
    """Return two lines that differ, with a caret below the first place where they do."""
    pairs = enumerate(zip(ours, theirs, strict=False))
    place = next((n for n, (one, other) in pairs if one != other), min(len(ours), len(theirs)))
    lines = (f"simulator  {ours or 'none'}", f"libvirt    {theirs or 'none'}")
    return Difference(row, (*lines, f"{' ' * (len('simulator  ') + place)}^"))


STAGE = Stage("libvirt", MISSING, FAILED, INSTALL_HELP, open_host, _perform, _waits)
"""A real libvirt to play on."""
