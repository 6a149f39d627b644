"""What a timeline can be written in as a script; a new language is a case here. Pure."""

from enum import StrEnum
from typing import assert_never

from simulator.export.programs import title
from simulator.export.qmp import write_qmp
from simulator.export.shell import write_sh
from simulator.export.virsh import write_virsh
from simulator.libvirt.actions import UnsupportedError
from simulator.libvirt.plan import refuse
from simulator.qemu.plan import QemuPlan, make_plan
from simulator.timeline import Timeline

__all__ = ["Language", "UnsupportedError", "export_timeline"]


class Language(StrEnum):
    """What a timeline can be written in: for a real QEMU, or for a real libvirt."""

    QMP = "qmp"
    SH = "sh"
    VIRSH = "virsh"


def export_timeline(timeline: Timeline, language: Language) -> str:
    """Return a timeline as a script.

    Raises:
        UnsupportedError: It cannot be written in that language.
    """
    match language:
        case Language.QMP:
            return write_qmp(_playable(timeline))
        case Language.SH:
            return write_sh(_playable(timeline), timeline)
        case Language.VIRSH:
            if problem := refuse(timeline):
                raise UnsupportedError(problem)
            return write_virsh(timeline)
        case _:
            assert_never(language)


def _playable(timeline: Timeline) -> QemuPlan:
    """Return what a real QEMU is to do, where it can be made to do all of it."""
    plan = make_plan(timeline)
    for step in plan.steps:
        if step.unsupported:
            raise UnsupportedError(f"{title(step.entry)}: {step.unsupported} cannot be exported")
    return plan
