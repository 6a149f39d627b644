"""The real things that a simulation can be held against."""

from collections.abc import Callable
from typing import NamedTuple

from simulator.timeline import Timeline
from simulator.verify import export, libvirt_verification, verification
from simulator.verify.libvirt_export import export_virsh
from simulator.verify.libvirt_plan import MODEL, UnsupportedError
from simulator.verify.libvirt_verification import verify as verify_on_libvirt
from simulator.verify.verification import Verification
from simulator.verify.verification import verify as verify_on_qemu


class Peer(NamedTuple):
    """A real thing.

    Attributes:
        name: As it is written.
        language: What it is spoken to in.
        verify: Plays a timeline on it, with so many seconds for a step.
        model: The only API model that it is like; None where it can play all of them.
    """

    name: str
    language: str
    verify: Callable[[Timeline, float], Verification]
    model: str | None = None

    def refuse(self, timeline: Timeline) -> str:
        """Return why a timeline cannot be played on it; empty where it can."""
        if self.model in (None, timeline.model):
            return ""
        return (
            f"the model is {timeline.model}, and {self.name} can only be held against "
            f"{self.model}; try --model {self.model}, or --with qemu"
        )


__all__ = ["NOT_THERE", "PEERS", "Peer", "UnsupportedError", "export_timeline"]

PEERS = {
    "qemu": Peer("QEMU", "QMP", lambda timeline, s: verify_on_qemu(timeline, timeout=s)),
    "libvirt": Peer(
        "libvirt", "virsh", lambda timeline, s: verify_on_libvirt(timeline, timeout=s), MODEL
    ),
}
"""By the name that the command line has for it."""

NOT_THERE = (verification.MISSING[1], libvirt_verification.MISSING[1])
"""The rules that say nothing about a scenario: there was nothing to hold it to."""

VIRSH = "virsh"
"""The language of scripts for a real libvirt; all others are for a real QEMU."""


def export_timeline(timeline: Timeline, language: str) -> str:
    """Return a timeline as a script.

    Raises:
        UnsupportedError: It cannot be written in that language.
    """
    if language != VIRSH:
        return export.export_timeline(timeline, export.Language(language))
    problem = PEERS["libvirt"].refuse(timeline)
    if problem:
        raise UnsupportedError(problem)
    return export_virsh(timeline)
