"""A program run to its end, within bounds of time and of what it says."""

import contextlib
import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from simulator.values import NamedTuple

COMPLAINTS_MAX = 64 * 1024
"""So much of what a program complains is kept: the end of it."""

_PART = 1 << 16


class Ran(NamedTuple):
    """What came of a program.

    Attributes:
        status: As ``subprocess`` has it.
        out: What it said.
        complaints: What it wrote about itself, the end of it.
        late: Whether it took too long, and was ended.
        loud: Whether it said too much, and was ended.
    """

    status: int
    out: bytes
    complaints: str
    late: bool = False
    loud: bool = False


def run_within(
    words: Sequence[str],
    *,
    seconds: float,
    bytes_max: int,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Ran:
    """Run a program, and end it where it passes a bound.

    Raises:
        OSError: It cannot be started.
    """
    end = time.monotonic() + seconds
    with subprocess.Popen(
        words,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None, "it was asked for"
        assert process.stderr is not None, "it was asked for"
        try:
            out, complaints, late = _listen(process.stdout, process.stderr, end, bytes_max)
            loud = len(out) > bytes_max
            if not late and not loud:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, end - time.monotonic()))
                late = process.returncode is None
        finally:
            process.kill()
    told = complaints.decode("utf-8", "replace")
    return Ran(process.returncode, bytes(out), told, late=late, loud=loud)


def _listen(
    out: IO[bytes], complaints: IO[bytes], end: float, bytes_max: int
) -> tuple[bytearray, bytearray, bool]:
    """Return all that is said on two pipes until they are closed, and whether it is too late."""
    said = {out: bytearray(), complaints: bytearray()}
    with selectors.DefaultSelector() as selector:
        for pipe in said:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map() and len(said[out]) <= bytes_max:
            left = end - time.monotonic()
            if left <= 0:
                return said[out], said[complaints], True
            for key, _ in selector.select(left):
                pipe = out if key.fileobj is out else complaints
                part = os.read(pipe.fileno(), _PART)
                said[pipe] += part
                if not part:
                    selector.unregister(pipe)
            del said[complaints][:-COMPLAINTS_MAX]
    return said[out], said[complaints], False
