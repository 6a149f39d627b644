"""The real things that a simulation can be held against."""

from collections.abc import Callable
from typing import NamedTuple

from simulator.libvirt.plan import refuse
from simulator.releases.hosts import Host
from simulator.timeline import Timeline
from simulator.verify import on_libvirt, on_qemu
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
