"""The real things that a simulation can be held against."""

from collections.abc import Callable

from simulator.diagnostics import Code, Severity
from simulator.libvirt.plan import refuse
from simulator.releases.hosts import Host
from simulator.timeline import Timeline
from simulator.values import NamedTuple
from simulator.verify import on_libvirt, on_qemu, playing
from simulator.verify.on_libvirt import verify as verify_on_libvirt
from simulator.verify.on_qemu import verify as verify_on_qemu
from simulator.verify.playing import Verification


class Peer(NamedTuple):
    """A real thing.

    Attributes:
        name: As it is written.
        language: What it is spoken to in.
        verify: Plays a timeline on it, with so many seconds for a step, and the host that is meant.
        refuse: Tells why a timeline cannot be played on it; empty where it can.
    """

    name: str
    language: str
    verify: Callable[[Timeline, float, Host | None], Verification]
    refuse: Callable[[Timeline], str] = lambda _: ""


PEERS = {
    "qemu": Peer(
        "QEMU",
        "QMP",
        lambda timeline, s, asked: verify_on_qemu(timeline, timeout=s, asked=asked),
    ),
    "libvirt": Peer(
        "libvirt",
        "virsh",
        lambda timeline, s, asked: verify_on_libvirt(timeline, timeout=s, asked=asked),
        refuse,
    ),
}
"""By the name that the command line has for it."""

NOT_THERE = (on_qemu.MISSING[1], on_libvirt.MISSING[1])
"""The rules that say nothing about a scenario: there was nothing to hold it to."""

NOT_JUDGED = (*NOT_THERE, on_qemu.FAILED[1], on_libvirt.FAILED[1])
"""The rules that say nothing about a scenario: nobody held it to anything, or not to its end."""

CODES = (
    Code(
        *playing.DIFFERENCE,
        Severity.ERROR,
        "After a step the real thing is not as simulated: an image, a bitmap, what the guest sees, "
        "a backup or a restored disk.",
        "What was said to it so far is printed: run that by hand. If the real thing is right, the "
        "simulation is wrong for this release, and the scenario is a bug report.",
    ),
    Code(
        *playing.REFUSAL,
        Severity.ERROR,
        "The real thing turns down what is simulated as accepted, or accepts what is simulated as "
        "refused, or refuses it in other words.",
        "Look which release is installed and which one the scenario is about: "
        "`models --changes FROM..TO` tells what changed between them.",
    ),
    Code(
        *on_qemu.FAILED,
        Severity.ERROR,
        "QEMU ended, hung, or could not do what it was asked for a reason of its surroundings.",
        "Its own words are printed. Look for room in the temporary folder, and for other processes "
        "that hold locks; `--timeout` gives slow steps more time.",
    ),
    Code(
        *on_qemu.MISSING,
        Severity.ERROR,
        "There is no QEMU here, or it is too old, so nothing was held against anything.",
        "On Debian: apt-get install qemu-utils qemu-system-common.",
    ),
    Code(
        *on_qemu.UNSUPPORTED,
        Severity.ERROR,
        "A scenario has a step that the real thing cannot be made to do, so that it cannot be held "
        "against it to its end.",
        "Leave that step out, or verify the part before it in a scenario of its own.",
    ),
    Code(
        *on_libvirt.FAILED,
        Severity.ERROR,
        "The libvirt daemon ended, hung, or could not do what it was asked for a reason of its "
        "surroundings.",
        "Its own words are printed. It is a daemon of its own, beside the one that the host may "
        "run; look for room in the temporary folder.",
    ),
    Code(
        *on_libvirt.MISSING,
        Severity.ERROR,
        "There is no libvirt here, or it is too old, so nothing was held against anything.",
        "On Debian: apt-get install libvirt-daemon-system libvirt-clients qemu-system-x86.",
    ),
)
"""What each code of a verification stands for."""
