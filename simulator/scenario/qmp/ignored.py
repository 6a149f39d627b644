"""Arguments of QMP commands that QEMU has and that change nothing here, each with its type.

What a release of QEMU does not have yet is unexpected there. Source: ``query-qmp-schema`` of QEMU
7.2.22, 10.0.13 and 11.1.3 (``tests/recordings``).
"""

from collections.abc import Mapping
from typing import TypeAlias

from simulator.releases.unmodelled import SINCE
from simulator.values import dataclass


@dataclass(frozen=True, slots=True)
class Newer:
    """The type of an argument that releases have from *since* on, the oldest known one with it."""

    since: str
    type: "Type"


Type: TypeAlias = "str | tuple[str, ...] | Mapping[str, Type] | Newer"
"""QEMU's word for a type, the words that are taken, or the members of an object."""

COMMANDS_NEWER: Mapping[str, str] = {"block-job-change": "10.0", "blockdev-set-active": "10.0"}
"""Commands that the oldest release does not have, each with the first of the known that has it."""

_ON_ERROR = ("report", "ignore", "enospc", "stop", "auto")

_JOB: Mapping[str, Type] = {
    "speed": "integer",
    "filter-node-name": "string",
    "auto-finalize": "boolean",
    "auto-dismiss": "boolean",
}

BACKUP: Mapping[str, Type] = {
    **_JOB,
    "compress": "boolean",
    "on-source-error": _ON_ERROR,
    "on-target-error": _ON_ERROR,
    "x-perf": {
        "use-copy-range": "boolean",
        "max-workers": "integer",
        "max-chunk": "integer",
        "min-cluster-size": Newer(SINCE["x-perf.min-cluster-size"], "integer"),
    },
    "discard-source": Newer(SINCE["discard-source"], "boolean"),
    "on-cbw-error": Newer(SINCE["on-cbw-error"], ("break-guest-write", "break-snapshot")),
}
MIRROR: Mapping[str, Type] = {
    **_JOB,
    "buf-size": "integer",
    "on-source-error": _ON_ERROR,
    "on-target-error": _ON_ERROR,
    "copy-mode": ("background", "write-blocking"),
    "target-is-zero": Newer("11.1", "boolean"),
}
MERGE: Mapping[str, Type] = {
    **_JOB,
    "on-error": _ON_ERROR,
    "backing-file": "string",
    "backing-mask-protocol": Newer("10.0", "boolean"),
}
"""Those of commits and streams."""
EXPORT: Mapping[str, Type] = {
    "allocation-depth": "boolean",
    "description": "string",
    "iothread": "string",
    "fixed-iothread": "boolean",
    "writethrough": "boolean",
    "allow-inactive": Newer("10.0", "boolean"),
}
