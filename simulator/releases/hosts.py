"""Hosts: pairs of a QEMU and a libvirt, as scenarios and command lines name them."""

import re
from collections.abc import Mapping

from simulator.values import NamedTuple

QEMU, LIBVIRT = "qemu", "libvirt"

KNOWN = {QEMU: ("7.2", "10.0", "11.1"), LIBVIRT: ("9.0", "11.3", "12.8")}
"""The releases that are known, oldest first: those that were recorded (``tests/recordings``)."""

TOGETHER = tuple(zip(KNOWN[QEMU], KNOWN[LIBVIRT], strict=True))
"""Which come together: in Debian 12, in Debian 13, and in its unstable of November 2026."""

NAMES = {QEMU: "QEMU", LIBVIRT: "libvirt"}
"""The two halves of a host as they are written."""


class Host(NamedTuple):
    """What a model runs on: a release of QEMU and one of libvirt, such as ``10.0`` and ``11.3``.

    A libvirt's refusals carry QEMU's words, and its copies QEMU's cells, so that it takes both.
    """

    qemu: str
    libvirt: str

    def __str__(self) -> str:
        return f"QEMU {self.qemu}, libvirt {self.libvirt}"


HOST_DEFAULT = Host("10.0", "11.3")
"""The host of a scenario that names none: Debian 13's."""


class UnknownRelease(ValueError):
    """A release that nobody recorded, or something that is none.

    Attributes:
        half: ``qemu`` or ``libvirt``, or another word where one of these was expected.
        word: What was given for it.
        known: What could have been meant.
    """

    def __init__(self, half: str, word: str, known: tuple[str, ...]) -> None:
        name = NAMES.get(half)
        told = f"unknown release of {name}: {word}" if name else f"unknown part of a host: {half}"
        super().__init__(told)
        self.half = half
        self.word = word
        self.known = known


class MismatchedHost(ValueError):
    """Releases that cannot go together, or not with a model.

    Attributes:
        expected: What would go.
    """

    def __init__(self, told: str, expected: str) -> None:
        super().__init__(told)
        self.expected = expected


def numbers_of(release: str) -> tuple[int, ...]:
    """Return a version's numbers, to be compared: ``10.0.13`` is (10, 0, 13)."""
    return tuple(int(number) for number in re.findall("[0-9]+", release))


def read_host(halves: Mapping[str, str]) -> Host:
    """Return the host with these releases; one that is not told is the one that comes with it.

    Raises:
        UnknownRelease: One of them is not known.
    """
    found: dict[str, str] = {}
    for half, word in halves.items():
        if half not in KNOWN:
            raise UnknownRelease(half, word, (QEMU, LIBVIRT))
        if not is_known(half, word):
            raise UnknownRelease(half, word, KNOWN[half])
        found[half] = release_of(word)
    if not found:
        return HOST_DEFAULT
    for qemu, libvirt in TOGETHER:
        if found.get(QEMU) == qemu or (QEMU not in found and found.get(LIBVIRT) == libvirt):
            return Host(found.get(QEMU, qemu), found.get(LIBVIRT, libvirt))
    raise AssertionError("each known release has a pair")


def nearest_release(half: str, version: str) -> str:
    """Return the known release that a version is taken for: the newest that is not newer.

    >>> nearest_release("qemu", "10.0.13"), nearest_release("qemu", "12.0.0")
    ('10.0', '11.1')
    """
    older = [each for each in KNOWN[half] if numbers_of(each) <= numbers_of(version)]
    return older[-1] if older else KNOWN[half][0]


def is_known(half: str, version: str) -> bool:
    """Whether a version, such as ``10.0.13``, is of a release that is known."""
    return re.fullmatch(r"[0-9]+([.][0-9]+)+", version) is not None and (
        release_of(version) in KNOWN[half]
    )


def precedes(one: str, other: str) -> bool:
    """Whether a version is older than another."""
    return numbers_of(one) < numbers_of(other)


def precedes_all(half: str, version: str) -> bool:
    """Whether a version, such as ``6.2.0``, is older than all releases that are known."""
    return precedes(version, KNOWN[half][0])


def release_of(version: str) -> str:
    """Return the release that a version is of: ``10.0`` for ``10.0.13``."""
    return ".".join(version.split(".")[:2])


def host_with(qemu: str, libvirt: str = "") -> Host:
    """Return the host that versions are taken for.

    Args:
        qemu: Such as ``10.0.13``.
        libvirt: Such as ``11.3.0``; empty where there is none, or it does not matter.
    """
    release = nearest_release(QEMU, qemu)
    if not libvirt:
        return read_host({QEMU: release})
    return Host(release, nearest_release(LIBVIRT, libvirt))
