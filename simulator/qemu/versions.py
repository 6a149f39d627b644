"""Where newer versions of QEMU say the same in other words than the one that the model follows.

The model follows QEMU 7.2. What newer ones do otherwise is in ``docs/qemu.md``; only words are let
pass here, so that a scenario agrees with both.
"""

import re
from typing import NamedTuple

FOLLOWED = (7, 2)
"""The version whose words the model has."""


class Change(NamedTuple):
    """A refusal that was reworded.

    Attributes:
        before: The words of the version that the model follows.
        after: A pattern of those of newer ones.
    """

    before: str
    after: re.Pattern[str]


CHANGES = (
    Change(
        before="Device '(null)' is in use",
        after=re.compile(
            r"Node '[^']*' is busy: "
            r"(node is used as backing hd of '[^']*'|block device is in use by block job: \w+)"
        ),
    ),
)
"""Source: the same commands sent to QEMU 7.2.22 and QEMU 10.0.13."""


def says_the_same(wanted: str | None, said: str | None, version: str) -> bool:
    """Whether QEMU's words are those that the model has, or what became of them.

    Args:
        wanted: The model's words; None where it accepts.
        said: QEMU's words; None where it accepts.
        version: Of QEMU, such as ``10.0.13``.
    """
    if wanted == said:
        return True
    if wanted is None or said is None or _numbers(version) <= FOLLOWED:
        return False
    return any(change.before == wanted and change.after.fullmatch(said) for change in CHANGES)


def is_older(version: str) -> bool:
    """Whether a version, such as ``6.2.0``, comes before the one that the model follows."""
    return _numbers(version) < FOLLOWED


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split(".")[:2])
