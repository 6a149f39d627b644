"""What the language knows and this program does not do yet: told in so many words."""

from collections.abc import Mapping

from simulator.scenario.problems import Problems
from simulator.scenario.yaml12 import Path

VERBS_LATER = ("merge", "retention")

KEYS_LATER: Mapping[str, tuple[str, ...]] = {
    "": ("host", "retention", "store", "fleet"),
    "guest": ("trace",),
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


def tell_later(problems: Problems, path: Path, what: str, *, at_key: bool = True) -> None:
    """Note that something, by its name such as ``the verb commit``, is not implemented yet."""
    problems.add(path, f"{what} is not implemented yet", at_key=at_key)
