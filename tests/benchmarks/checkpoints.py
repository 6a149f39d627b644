"""Thousands of checkpoints with an incremental each: what is written follows what happened.

Under `libvirt` every one of their bitmaps records on, so that there are half a million states of
bitmaps, of which a few thousand are not as they were.
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import simulator
from simulator.pipeline import Run
from simulator.render.page import write_page
from tests.benchmarks.figures import Figure, compare, seconds, show

VERY_MANY, MANY, FEW = 10_000, 1000, 100
MODEL_IDS = "mail-2018", "libvirt"
SECONDS_MAX, BYTES_MAX, LINES_MAX = 10.0, 400 * 10**6, 10 * 10**6
"""Of `run` as text and as lines; the last is how long the lines may be."""

TWICE_LIMIT, TENFOLD_LIMIT, DISK_LIMIT = 2.5, 12.0, 2.0
PAGE_SECONDS, PAGE_BYTES = 3.0, 2 * 10**6
ROUNDS = 3


def main() -> bool:
    """Measure and print; return whether all limits are kept."""
    return show(measured())


def measured() -> Iterator[Figure]:
    """Yield the figures."""
    for form in ("text", "jsonl", "json"):
        cpu, peak, length = process(checkpoints(MANY), "run", "--format", form)
        name = f"run of {MANY:,} checkpoints as {form}"
        if form != "json":
            yield Figure(name=name, ours=cpu, peer=SECONDS_MAX, limit=1)
        yield Figure(name=name, ours=peak / 1e6, peer=BYTES_MAX / 1e6, limit=1, unit="MB")
        if form == "jsonl":
            yield Figure(name=name, ours=length / 1e6, peer=LINES_MAX / 1e6, limit=1, unit="MB")
    half, whole = checkpoints(MANY // 2), checkpoints(MANY)
    yield compare(
        f"text of {MANY:,} checkpoints, of {MANY // 2:,}",
        partial(process, whole, "run"),
        partial(process, half, "run"),
        limit=TWICE_LIMIT,
        rounds=ROUNDS,
    )
    for model in MODEL_IDS:
        for command in ("run", "check"):
            ours, peer = (
                min(process(checkpoints(n, model=model), command)[0] for _ in range(ROUNDS))
                for n in (VERY_MANY, MANY)
            )
            name = f"{model}: {command} of {VERY_MANY:,} checkpoints, of {MANY:,}"
            yield Figure(name=name, ours=ours, peer=peer, limit=TENFOLD_LIMIT)
    large, small = (simulator.loads(checkpoints(24, disk)).run() for disk in ("1 TiB", "1 GiB"))
    yield compare(
        "page of 24 checkpoints on 1 TiB, on 1 GiB",
        partial(page, large),
        partial(page, small),
        limit=DISK_LIMIT,
    )
    drawn = simulator.loads(checkpoints(FEW)).run()
    name = f"page of {FEW} checkpoints"
    yield Figure(name=name, ours=len(page(drawn)) / 1e6, peer=PAGE_BYTES / 1e6, limit=1, unit="MB")
    taken = sorted(seconds(partial(page, drawn)) for _ in range(ROUNDS))[ROUNDS // 2]
    yield Figure(name=name, ours=taken, peer=PAGE_SECONDS, limit=1)


def page(run: Run) -> str:
    """Return the page of a run."""
    return write_page(run.timeline, run.findings)


def process(scenario: str, command: str, *options: str) -> tuple[float, int, int]:
    """Return what a command takes as a process: seconds of CPU, bytes of memory and of output."""
    with tempfile.TemporaryDirectory() as folder:
        path, written = Path(folder) / "scenario.yaml", Path(folder) / "out"
        path.write_text(scenario)
        words = [sys.executable, "-m", "simulator", command, str(path), *options]
        with written.open("wb") as out, subprocess.Popen(words, stdout=out) as program:
            _, status, used = os.wait4(program.pid, 0)
            program.returncode = os.waitstatus_to_exitcode(status)
        assert program.returncode == 0, f"{words} ended with {program.returncode}"
        return used.ru_utime + used.ru_stime, _bytes(used), written.stat().st_size


def _bytes(used: resource.struct_rusage) -> int:
    """Return the most memory that a process took."""
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def checkpoints(count: int, disk: str = "8", model: str = "libvirt") -> str:
    """Return a scenario: a write of three clusters before each incremental with a checkpoint."""
    steps = "".join(
        f"  - write: {{offset: {number * 5 % 6 * 64} KiB, length: 192 KiB, "
        f"data: {chr(65 + number % 26)}}}\n"
        f"  - at: T{number}\n    do:\n"
        f"      - backup: {{to: i{number}.bak, since: c{number - 1}, checkpoint: c{number}}}\n"
        for number in range(1, count + 1)
    )
    return (
        f"scenario: many checkpoints\nmodel: {model}\ndisk: {disk}\ntimeline:\n"
        "  - at: T0\n    do: [create: S1, backup: {to: full.bak, checkpoint: c0}]\n" + steps
    )
