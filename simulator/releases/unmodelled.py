"""Commands and arguments that releases of QEMU have and that nothing here plays yet.

Source: ``query-qmp-schema`` of the releases (``tests/recordings``); what they mean was measured,
``facts/QEMU.md`` sections 13.5 to 13.7.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from simulator.releases.hosts import KNOWN, QEMU, precedes

COMMANDS: Mapping[str, str] = {"block-job-change": "10.0", "blockdev-set-active": "10.0"}
"""Commands that the oldest release does not have, each with the first that has it."""


class Argument(NamedTuple):
    """An argument that a command does not take yet as QEMU does.

    Attributes:
        command: Whose it is.
        name: What it is called, with what it stands in: ``x-perf.min-cluster-size``.
        means: Whether a value of it means something else than its absence.
        shown: Such a value, as it is told.
        since: The first of the known releases that has it; an older one turns it down.
    """

    command: str
    name: str
    means: Callable[[object], bool]
    shown: str
    since: str

    def __str__(self) -> str:
        return f"{self.name}: {self.shown}" if self.shown else self.name

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

UNIT = 64 * 1024
"""Bytes that a backup copies at a time at least."""


def _copies_more(value: object) -> bool:
    """Whether a smallest cluster is larger than what is copied at a time anyhow, or is none."""
    return isinstance(value, int) and not (0 <= value <= UNIT and value.bit_count() <= 1)


def _one(command: str, name: str, value: object, since: str = KNOWN[QEMU][0]) -> Argument:
    """Return an argument of which one value is not taken."""
    shown = value if isinstance(value, str) else json.dumps(value)
    return Argument(command, name, lambda given: given == value, shown, since)


_BACKUPS = ("blockdev-backup", "drive-backup")
_LEAST = "x-perf.min-cluster-size"

ARGUMENTS = (
    _one("drive-backup", "format", "raw"),
    *(_one(each, "discard-source", True, SINCE["discard-source"]) for each in _BACKUPS),
    *(Argument(each, _LEAST, _copies_more, "", SINCE[_LEAST]) for each in _BACKUPS),
    *(_one(each, "on-cbw-error", "break-snapshot", SINCE["on-cbw-error"]) for each in _BACKUPS),
)
"""Those of commands that are there."""


def lacks(command: str, release: str) -> bool:
    """Whether a release has a newer command that is not there yet."""
    return command in COMMANDS and not precedes(release, COMMANDS[command])
