"""Arguments that releases of QEMU have and that nothing here plays yet.

Source: ``query-qmp-schema`` of the releases (``tests/recordings``); what they mean was measured,
``facts/QEMU.md`` sections 13.5 and 13.6.
"""

from collections.abc import Callable, Mapping
from typing import Any

from simulator.releases.hosts import KNOWN, QEMU, precedes
from simulator.values import NamedTuple


class Argument(NamedTuple):
    """An argument that a command does not take yet as QEMU does.

    Attributes:
        command: Whose it is.
        name: What it is called, with what it stands in: ``x-perf.min-cluster-size``.
        means: Whether a value of it means something else than its absence.
        shown: Such a value, told as JSON unless it is a text; an empty text if none is told.
        since: The first of the known releases that has it; an older one turns it down.
    """

    command: str
    name: str
    means: Callable[[object], bool]
    shown: object
    since: str

    def __str__(self) -> str:
        if isinstance(self.shown, str):
            return f"{self.name}: {self.shown}" if self.shown else self.name
        from json import dumps  # no scenario that is right needs it

        return f"{self.name}: {dumps(self.shown)}"

    def stands_in(self, command: str, arguments: Mapping[str, Any], release: str) -> bool:
        """Whether a command says it, on a release that has it, and means something by it."""
        if command != self.command or precedes(release, self.since):
            return False
        found: Any = arguments
        for key in self.name.split("."):
            if not isinstance(found, dict) or key not in found:
                return False
            found = found[key]
        return self.means(found)


SINCE: Mapping[str, str] = {
    "discard-source": "10.0",
    "x-perf.min-cluster-size": "10.0",
    "on-cbw-error": "11.1",
}
"""The arguments of backups that the oldest release does not have, each with the first that has."""

UNIT_MAX = 2**30
"""Bytes that a backup may be told to copy at a time: QEMU 10.0.13 and 11.1.3 die of more."""


def _kills(value: object) -> bool:
    return isinstance(value, int) and not 0 <= value <= UNIT_MAX


def _one(command: str, name: str, value: object, since: str = KNOWN[QEMU][0]) -> Argument:
    """Return an argument of which one value is not taken."""
    return Argument(command, name, lambda given: given == value, value, since)


_BACKUPS = ("blockdev-backup", "drive-backup")
_LEAST = "x-perf.min-cluster-size"

ARGUMENTS = (
    _one("drive-backup", "format", "raw"),
    *(Argument(each, _LEAST, _kills, "", SINCE[_LEAST]) for each in _BACKUPS),
)
"""Those of commands that are there."""


NOT_YET = "is not implemented yet"
"""What is said of them."""


def not_there(command: str, arguments: Mapping[str, Any], release: str) -> str:
    """Return what of a command a release has and nothing here plays; empty for nothing."""
    told = (one for one in ARGUMENTS if one.stands_in(command, arguments, release))
    return next((f"{one} of the command {command}" for one in told), "")
