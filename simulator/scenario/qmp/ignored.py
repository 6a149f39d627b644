"""Arguments of QMP commands that QEMU has and that change nothing here, each with its type.

Source: ``query-qmp-schema`` of QEMU 7.2.22. What a newer QEMU has beside them is unexpected.
"""

from collections.abc import Mapping
from typing import TypeAlias

Type: TypeAlias = "str | tuple[str, ...] | Mapping[str, Type]"
"""QEMU's word for a type, the words that are taken, or the members of an object."""

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
    "x-perf": {"use-copy-range": "boolean", "max-workers": "integer", "max-chunk": "integer"},
}
MIRROR: Mapping[str, Type] = {
    **_JOB,
    "buf-size": "integer",
    "on-source-error": _ON_ERROR,
    "on-target-error": _ON_ERROR,
    "copy-mode": ("background", "write-blocking"),
}
MERGE: Mapping[str, Type] = {**_JOB, "on-error": _ON_ERROR, "backing-file": "string"}
"""Those of commits and streams."""
EXPORT: Mapping[str, Type] = {
    "allocation-depth": "boolean",
    "description": "string",
    "iothread": "string",
    "fixed-iothread": "boolean",
    "writethrough": "boolean",
}
