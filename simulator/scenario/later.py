"""What the language knows and this program does not do yet: told in so many words."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from simulator.releases.hosts import KNOWN, QEMU
from simulator.scenario.problems import Problems
from simulator.scenario.yaml12 import Path

VERBS_LATER = ("merge", "retention")

KEYS_LATER: Mapping[str, tuple[str, ...]] = {
    "": ("host", "retention", "store", "fleet"),
    "guest": ("trace",),
    "migrate": ("bitmaps",),
}
"""Keys by the verb that they belong to; those at the top of a file by nothing."""

# fmt: off
COMMANDS_LATER = frozenset((
    "block-dirty-bitmap-populate",
    "block-job-pause", "block-job-resume", "block-job-set-speed", "blockdev-add",
    "blockdev-close-tray", "blockdev-create", "blockdev-del",
    "blockdev-reopen", "change-backing-file", "drive-mirror",
    "job-pause", "job-resume", "nbd-server-add", "nbd-server-remove",
    "quit", "x-debug-block-dirty-bitmap-sha256",
))
# fmt: on
"""Commands that QEMU 7.2 has."""


class CommandLater(NamedTuple):
    """A command of a newer QEMU.

    Attributes:
        since: The oldest known release that has it.
    """

    name: str
    since: str


COMMANDS_NEWER = (
    CommandLater("block-job-change", "10.0"),
    CommandLater("blockdev-set-active", "10.0"),
)
"""Commands that QEMU 7.2 does not have; nobody finds them there."""


class ArgumentLater(NamedTuple):
    """An argument that a command does not take yet as QEMU does.

    Attributes:
        command: Whose it is.
        name: What it is called, with what it stands in: ``x-perf.min-cluster-size``.
        means: Whether a value of it means something else than its absence.
        since: The oldest known release that has it; an older one turns it down.
    """

    command: str
    name: str
    means: Callable[[object], bool]
    since: str = KNOWN[QEMU][0]

    def stands_in(self, command: str, arguments: Mapping[str, Any]) -> bool:
        """Whether a command says it, and means something by it."""
        if command != self.command:
            return False
        found: Any = arguments
        for key in self.name.split("."):
            if not isinstance(found, dict) or key not in found:
                return False
            found = found[key]
        return self.means(found)


def _is(word: object) -> Callable[[object], bool]:
    return lambda value: value == word


UNIT = 64 * 1024
"""Bytes that a backup copies at a time at least."""


def _copies_more(value: object) -> bool:
    """Whether a smallest cluster is larger than what is copied at a time anyhow, or is none."""
    return isinstance(value, int) and not (
        0 <= value <= UNIT and (value == 0 or value.bit_count() == 1)
    )


_BACKUPS = ("blockdev-backup", "drive-backup")

ARGUMENTS_LATER = (
    ArgumentLater("blockdev-mirror", "sync", _is("none")),
    ArgumentLater("drive-backup", "format", _is("raw")),
    *(ArgumentLater(each, "discard-source", _is(True), "10.0") for each in _BACKUPS),
    *(ArgumentLater(each, "x-perf.min-cluster-size", _copies_more, "10.0") for each in _BACKUPS),
    *(ArgumentLater(each, "on-cbw-error", _is("break-snapshot"), "11.1") for each in _BACKUPS),
)
"""Those of commands that are there."""


def tell_later(problems: Problems, path: Path, what: str, *, at_key: bool = True) -> None:
    """Note that something is not implemented yet.

    Args:
        problems: Takes it.
        path: Where it stands.
        what: The thing by name, such as ``the verb commit``.
        at_key: Whether it is a key.
    """
    problems.add(path, f"{what} is not implemented yet", at_key=at_key)
