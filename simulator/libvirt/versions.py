"""Where newer versions of libvirt say the same in other words than the one that the model follows.

The model follows libvirt 9.0. Source: the same commands sent to libvirt 9.0.0 and 11.3.0.
"""

import re

FOLLOWED = (9, 0)
"""The version whose words the model has."""

CHANGES = {
    "Operation not supported: cannot perform block operations while checkpoint exists": (
        "Operation not supported: support for offline external snapshots while checkpoint exists "
        "was not yet implemented"
    ),
    "internal error: unable to execute QEMU command 'block_resize': Device '(null)' is in use": (
        "internal error: unable to execute QEMU command 'block_resize': Node '[^']*' is busy: "
        "node is used as backing hd of '[^']*'"
    ),
}
"""Patterns of the words of newer versions, by those that the model follows."""


OWNER = re.compile(r" \(as uid:[0-9]+, gid:[0-9]+\)")
"""Who libvirt runs QEMU as: that is the host's, and the model leaves it out."""


def says_the_same(wanted: str | None, said: str | None, version: str) -> bool:
    """Whether libvirt's words are those that the model has, or what became of them.

    Args:
        wanted: The model's words; None where it accepts.
        said: libvirt's words; None where it accepts.
        version: Of libvirt, such as ``11.3.0 with QEMU 10.0.13``.
    """
    if wanted is None or said is None:
        return wanted == said
    said = OWNER.sub("", said)
    if wanted == said:
        return True
    newer = tuple(int(number) for number in version.split(".")[:2]) > FOLLOWED
    return newer and re.fullmatch(CHANGES.get(wanted, "(?!)"), said) is not None
