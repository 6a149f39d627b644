"""Records what is installed: ``python -m tests.recordings [WHAT]...``, or ``make record``.

WHAT is ``qemu``, ``libvirt``, or ``arguments``: those that the commands of QEMU have.

Each file is written whole when all of its timelines were played, and is told what differs from the
one that was there. The date is today's in UTC, or that of ``SOURCE_DATE_EPOCH``.
"""

import asyncio
import datetime
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from simulator.hosts.daemon import INSTALL_HELP
from simulator.hosts.failures import QemuError, QemuMissingError
from simulator.hosts.libvirt.libvirtd import INSTALL_HELP as LIBVIRT_INSTALL_HELP
from tests.recordings import on_libvirt, on_qemu, on_schema
from tests.recordings.files import (
    Recorded,
    Recording,
    RecordingError,
    Timeline,
    path_of,
    read_recording,
    read_timelines,
    recordings,
    write_arguments,
    write_recording,
)

UNUSABLE = 2
"""Exit status where nothing can be recorded, or a file cannot be read."""

Played = tuple[dict[str, str], Recorded]
"""The versions that a timeline was played on, and what was found."""


def play_on_qemu(timeline: Timeline) -> Played:
    """Play a timeline on the QEMU that is installed."""
    version, played = asyncio.run(on_qemu.record(timeline))
    return {"of": "qemu", "version": version}, played


def play_on_libvirt(timeline: Timeline) -> Played:
    """Play a timeline on the libvirt that is installed."""
    version, qemu, played = asyncio.run(on_libvirt.record(timeline))
    return {"of": "libvirt", "version": version, "qemu": qemu}, played


PLAYERS: Mapping[str, tuple[Callable[[Timeline], Played], str]] = {
    "qemu": (play_on_qemu, INSTALL_HELP),
    "libvirt": (play_on_libvirt, LIBVIRT_INSTALL_HELP),
}

ARGUMENTS = "arguments"

KNOWN = (*PLAYERS, ARGUMENTS)
"""What can be recorded."""


def main(words: list[str]) -> int:
    """Record what was asked for, or all that is installed; return the exit status."""
    unknown = [word for word in words if word not in KNOWN]
    if unknown:
        print(f"make record: {unknown[0]} is not one of {', '.join(KNOWN)}", file=sys.stderr)
        return UNUSABLE
    try:
        today()
    except (ValueError, OverflowError, OSError):
        found = os.environ["SOURCE_DATE_EPOCH"]
        print(
            f"make record: SOURCE_DATE_EPOCH: found {found!r}, expected seconds since 1970",
            file=sys.stderr,
        )
        return UNUSABLE
    written = 0
    for of in words or KNOWN:
        play, help = PLAYERS.get(of, (None, INSTALL_HELP))
        try:
            if play is None:
                record_arguments()
            else:
                for path in recordings(of):
                    read_recording(path)
                record(of, play)
            written += 1
        except QemuMissingError as error:
            print(f"make record: no {of} to record: {error}; {help}", file=sys.stderr)
        except (QemuError, RecordingError, OSError) as error:
            print(f"make record: {error}", file=sys.stderr)
            return UNUSABLE
    return 0 if written else UNUSABLE


def record(of: str, play: Callable[[Timeline], Played]) -> None:
    """Play all timelines and write the file of the version that is installed."""
    head: dict[str, Any] = {}
    played: list[Recorded] = []
    for timeline in read_timelines(of):
        head, found = play(timeline)
        played.append(found)
    command = f"make record WITH={of}"
    recording = Recording({**head, "command": command, "date": today()}, tuple(played))
    path = path_of(head)
    told = differences(read_recording(path), recording) if path.exists() else ["new"]
    text = write_recording(recording)
    if told:
        path.write_text(text, encoding="utf-8")
    steps = sum(len(each.steps) for each in played)
    print(f"{path.name}: {len(played)} timelines, {steps} steps; {len(told)} differ from before")
    for line in told[:20]:
        print(f"  {line}")


def record_arguments() -> None:
    """Write the file of the arguments of the QEMU that is installed."""
    version, commands = on_schema.record()
    head = {"of": ARGUMENTS, "version": version}
    path = path_of(head)
    text = write_arguments(
        {**head, "command": f"make record WITH={ARGUMENTS}", "date": today()}, commands
    )
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    told = text.partition("\n")[2] != before.partition("\n")[2]
    if told:
        path.write_text(text, encoding="utf-8")
    print(f"{path.name}: {len(commands)} commands; {'new, or other' if told else 'as before'}")


def differences(old: Recording, new: Recording) -> list[str]:
    """Return the steps that are not as in an older recording; none where only the date differs."""
    before = {each.name: each for each in old.timelines}
    told = [f"{name}: gone" for name in before.keys() - {each.name for each in new.timelines}]
    for played in new.timelines:
        known = before.get(played.name)
        if known is None or len(known.steps) != len(played.steps):
            told.append(f"{played.name}: new, or of another length")
            continue
        for number, (one, other) in enumerate(zip(known.steps, played.steps, strict=True)):
            keys = [k for k in sorted({*one, *other}) if one.get(k) != other.get(k)]
            if keys:
                told.append(f"{played.name}, step {number}: {', '.join(keys)}")
    return told


def today() -> str:
    """Return the date that is written down."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    now = datetime.datetime.now(datetime.UTC)
    at = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC) if epoch else now
    return at.date().isoformat()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
