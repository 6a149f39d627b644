"""What a script does beside QMP, as command lines of programs, and what it says of a step. Pure."""

from collections.abc import Iterator
from typing import assert_never

from simulator.model.clusters import WORKLOAD_FIRST, Version
from simulator.qemu.actions import (
    CLIENT,
    Change,
    CopyFile,
    DeleteFile,
    GuestKind,
    GuestStep,
    MakeImage,
    PullData,
    ReadFile,
    RunTool,
    Stack,
    image_command,
    serve_options,
)
from simulator.timeline import Entry

IO_BYTES_MAX = 1 << 30
"""So much is written by one command of ``qemu-io``."""


WORDS_MAX = 64
"""So many words are handed to one call of ``qemu-io``; an even number."""


GUEST = "qemu-io -d unmap -f raw"
"""The guest: without ``unmap`` its discards would be ignored."""


def programs(
    action: GuestStep | MakeImage | RunTool | CopyFile | DeleteFile | Stack,
) -> Iterator[list[str]]:
    """Yield the command lines of what is done beside QMP."""
    match action:
        case GuestStep():
            address = f"nbd+unix:///{action.export}?socket=nbd.sock"
            for words in guest_commands(action):
                yield [*GUEST.split(), *words, "-c", "flush", address]
        case MakeImage():
            yield image_command(action)
        case RunTool():
            yield [*action.words]
        case CopyFile():
            yield ["cp", action.source, action.target]
        case DeleteFile():
            yield ["rm", "-f", action.file]
        case Stack():
            yield from _stack_commands(action)
        case _:
            assert_never(action)


def clients(action: PullData | ReadFile, *, refused: bool = False) -> Iterator[list[str]]:
    """Yield what the client of a pull does, in functions of a script."""
    pull = action.pull if isinstance(action, ReadFile) else action
    told = [pull.bitmap] if pull.bitmap is not None else []
    command = ["pull", pull.export, pull.file, *told]
    if pull.over is not None:
        command = ["pull_over", *command[1:], pull.over, str(pull.cluster_size)]
    if not isinstance(action, ReadFile):
        yield command
        return
    served = serve_options(action)
    if refused:
        yield ["turned_down", "qemu-nbd", "--fork", "-k", f"/tmp/{CLIENT}.nbd", *served]
        return
    yield from (["serve", *served], command, ["serve_no_more"])


def guest_commands(step: GuestStep) -> Iterator[list[str]]:
    """Yield what ``qemu-io`` is told to do, some changes at a time."""
    words = [word for change in step.changes for word in _guest_words(change)]
    for start in range(0, max(1, len(words)), WORDS_MAX):
        yield words[start : start + WORDS_MAX]


def _guest_words(change: Change) -> Iterator[str]:
    end = change.offset + change.length
    for start in range(change.offset, end, IO_BYTES_MAX):
        place = f"{start} {min(IO_BYTES_MAX, end - start)}"
        yield "-c"
        match change.kind:
            case GuestKind.WRITE:
                yield f"write -P {_byte_of(change.version):#04x} {place}"
            case GuestKind.ZERO:
                yield f"write -z -u {place}"
            case GuestKind.DISCARD:
                yield f"discard {place}"
            case _:
                assert_never(change.kind)


def _byte_of(version: Version) -> int:
    """Return a byte for a version: a letter's own, or one of 1 to 255 for a workload's write."""
    return version if version < WORKLOAD_FIRST else version % 255 + 1


def _stack_commands(stack: Stack) -> Iterator[list[str]]:
    """Yield what lays copies of backups over one another; the newest gets the name."""
    below: list[str] = ["-b", ""]
    for number, (file, format) in enumerate(stack.files, start=1):
        copy = stack.name if number == len(stack.files) else f"{stack.name}.{number}"
        yield ["cp", file, copy]
        if format == "qcow2":
            yield ["qemu-img", "rebase", "-u", "-f", "qcow2", *below, copy]
        below = ["-b", copy, "-F", format]


def title(entry: Entry) -> str:
    """Return a line that tells what a step of a script is about."""
    verb = entry.statement.verb if entry.statement is not None else "guest workload"
    where = f"{entry.instant}: " if entry.instant is not None else ""
    refused = f", refused: {entry.refusal.text}" if entry.refusal is not None else ""
    return one_line(f"{where}{verb}{refused}")


def one_line(text: str) -> str:
    """Return a text that can stand in a comment."""
    return "".join(c if c.isprintable() else " " for c in text)
