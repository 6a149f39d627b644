"""Asks a real QEMU which arguments its commands have, and writes down those about block devices.

Source: ``query-qmp-schema``, whose types have numbers for names, so that they are written out here:
a word for a type, a list of the words that are taken, an object for an object, a list of one thing
for an array. ``?`` behind a name says that it may be left out, ``type=nbd`` leads to what there is
besides where ``type`` is ``nbd``.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from simulator.hosts.session import open_session
from simulator.qemu.actions import Command

TIMEOUT_SECONDS = 60.0

RECORDED = re.compile(r"block|job-|nbd-|transaction$|x-debug-block")
"""The commands that the language has, or might have."""

DRIVER = "driver"
"""What images and filters have a variant for, each: these are left out."""

Types = Mapping[str, Mapping[str, Any]]
"""What the schema tells of each type, by its name there."""


def record() -> tuple[str, dict[str, Any]]:
    """Return QEMU's version, and the arguments of each command.

    Raises:
        QemuMissingError: There is no QEMU, or one that is too old.
        QemuError: It died.
    """
    return asyncio.run(_record())


async def _record() -> tuple[str, dict[str, Any]]:
    async with open_session(TIMEOUT_SECONDS) as session:
        told = await session.running.execute(Command("query-qmp-schema"))
        types = {each["name"]: each for each in told}
        commands = sorted(
            name
            for name, each in types.items()
            if each["meta-type"] == "command" and RECORDED.match(name)
        )
        return session.version, {
            name: _written(types, types[name]["arg-type"], ()) for name in commands
        }


def _written(types: Types, name: str, within: tuple[str, ...]) -> Any:
    """Return a type written out, as far as it is not within itself."""
    told = types[name]
    if name in within:
        return "object"
    within = (*within, name)
    match told["meta-type"]:
        case "builtin":
            return told["json-type"]
        case "enum":
            return sorted(each["name"] for each in told["members"])
        case "array":
            return [_written(types, told["element-type"], within)]
        case "alternate":
            kinds = (types[each["type"]] for each in told["members"])
            return "|".join(sorted(each.get("json-type", each["meta-type"]) for each in kinds))
        case _:
            return _object(types, told, within)


def _object(types: Types, told: Mapping[str, Any], within: tuple[str, ...]) -> dict[str, Any]:
    members = {
        each["name"] + ("?" if "default" in each else ""): _written(types, each["type"], within)
        for each in sorted(told["members"], key=lambda member: member["name"])
    }
    tag = told.get("tag")
    if tag is None or tag == DRIVER:
        return members
    for each in sorted(told["variants"], key=lambda variant: variant["case"]):
        written = _written(types, each["type"], within)
        if written:
            members[f"{tag}={each['case']}"] = written
    return members
