"""A guest that writes millions of times under nightly backups, beside SimPy with no model at all.

Each checkpoint takes an incremental, and each incremental is restored at once, on top of all that
were taken before it. That every restored disk is what the guest saw is part of the timed work.
"""

import resource
import subprocess
import sys
from collections.abc import Generator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import simpy

from simulator import checks
from simulator.apis import MODELS
from simulator.engine import play
from simulator.model.operations import StackBackups
from simulator.model.requests import Create, Request, Snapshot, TakeBackup
from simulator.timeline import DiskShape, Feed, Instant, Script, Statement, Timeline
from tests.benchmarks.figures import Figure, compare, show

DISK = "vda"
TIB, PIB = 1 << 24, 1 << 34
"""Clusters of 64 KiB."""

MILLION = 10**6
CHECKPOINTS, SNAPSHOTS = 100, 10
MODEL_IDS = ("mail-2018", "libvirt")

SIMPY_LIMIT, SIZE_LIMIT, GROWTH_LIMIT = 0.3, 1.5, 12.0
RULES_LIMIT = 12.0
"""Thrice the checkpoints, each with a restore that names them all, are nine times as much."""

BYTES_PER_WRITE_MAX, BYTES_MAX = 100, 200 * 10**6
"""What a process may take at most: so much for each write, and so much besides."""

ROUNDS_OF_BIG = 3


def main() -> bool:
    """Measure and print; return whether all limits are kept."""
    return show(measured())


def measured() -> Iterator[Figure]:
    """Yield the figures, the small ones first."""
    million, on_a_pib, ten_million = (
        nightly_backups(writes, clusters)
        for writes, clusters in ((MILLION, TIB), (MILLION, PIB), (10 * MILLION, TIB))
    )
    for model in MODEL_IDS:
        yield compare(
            f"{model}: 10⁶ writes on 1 TiB, 10⁶ bare SimPy timeouts",
            partial(back_up, model, million),
            partial(bare_simpy, MILLION),
            limit=SIMPY_LIMIT,
        )
    for model in MODEL_IDS:
        yield compare(
            f"{model}: 10⁶ writes on 1 PiB, on 1 TiB",
            partial(back_up, model, on_a_pib),
            partial(back_up, model, million),
            limit=SIZE_LIMIT,
        )
    for model in MODEL_IDS:
        yield compare(
            f"{model}: 10⁷ writes on 1 TiB, 10⁶",
            partial(back_up, model, ten_million),
            partial(back_up, model, million),
            limit=GROWTH_LIMIT,
            rounds=ROUNDS_OF_BIG,
        )
    few, many = (nightly_backups(MILLION, TIB, checkpoints=n) for n in (100, 300))
    for model in MODEL_IDS:
        yield compare(
            f"{model}: all rules on 300 checkpoints, on 100",
            partial(judge_anew, play(many, MODELS[model])),
            partial(judge_anew, play(few, MODELS[model])),
            limit=RULES_LIMIT,
        )
    for model in MODEL_IDS:
        allowed = BYTES_PER_WRITE_MAX * 10 * MILLION + BYTES_MAX
        yield Figure(
            name=f"{model}: peak memory of 10⁷ writes, what they may take",
            ours=peak_of_process(model, 10 * MILLION, TIB) / 1e6,
            peer=allowed / 1e6,
            limit=1.0,
            unit="MB",
        )


def back_up(model: str, script: Script) -> None:
    """Play the backups, and hold each restored disk against what the guest saw, exactly."""
    timeline = play(script, MODELS[model])
    assert not any(entry.refusal for entry in timeline.entries)
    checked = 0
    for _, restored in timeline.made_restores:
        assert restored.of is not None
        moment = timeline.moment_of(restored.of, DISK)
        seen = timeline.view_at(DISK, moment) if moment is not None else None
        assert seen is not None
        assert seen
        assert not restored.content.differing(seen)
        checked += 1
    assert checked == CHECKPOINTS


def judge_anew(timeline: Timeline) -> None:
    """Hold a timeline against every rule, with nothing left from an earlier time."""
    assert not any(finding.failing for finding in checks.judge(replace(timeline)))


def nightly_backups(writes: int, clusters: int, *, checkpoints: int = CHECKPOINTS) -> Script:
    """Return a busy disk under nightly incrementals, with a snapshot every tenth night."""
    instants = [
        instant(0, Create(image="S0", disk=DISK), TakeBackup("full", (DISK,), checkpoint="c0"))
    ]
    names = ["full"]
    for k in range(1, checkpoints + 1):
        names.append(f"inc{k}")
        requests: list[Request] = [
            TakeBackup(names[-1], (DISK,), since=f"c{k - 1}", checkpoint=f"c{k}"),
            StackBackups(name=f"r{k}", sources=tuple(names), of=f"c{k}"),
        ]
        if k % (checkpoints // SNAPSHOTS) == 0:
            requests.append(Snapshot(images=((DISK, f"S{k}"),), bitmap=f"s{k}"))
        instants.append(instant(k * (writes // checkpoints), *requests))
    return Script(
        title="nightly",
        model=MODEL_IDS[0],
        disks=(DiskShape(name=DISK, length=clusters),),
        instants=tuple(instants),
        feeds=(skewed_writes(writes, clusters),),
    )


def instant(tick: int, *requests: Request) -> Instant:
    """Return an instant that is labelled for the checkpoint that it begins."""
    label = next((r.checkpoint for r in requests if isinstance(r, TakeBackup)), None)
    statements = tuple(Statement(verb=type(r).__name__, request=r) for r in requests)
    return Instant(label=label, tick=tick, statements=statements)


def skewed_writes(writes: int, clusters: int) -> Feed:
    """Return single-cluster writes, one a tick, most of them to a few clusters all over a disk."""
    ranks = np.random.default_rng(1).zipf(1.2, size=writes) % clusters
    scattered = ranks.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(8)
    return Feed(
        disk=DISK,
        ticks=np.arange(1, writes + 1, dtype=np.int64),
        clusters=(scattered % np.uint64(clusters)).astype(np.int64),
    )


def bare_simpy(events: int) -> None:
    """Let one process wait so many times, and do nothing else."""
    env = simpy.Environment()

    def process() -> Generator[simpy.Event, None, None]:
        for _ in range(events):
            yield env.timeout(1)

    env.process(process())
    env.run()


def peak_of_process(model: str, writes: int, clusters: int) -> int:
    """Return the most memory, in bytes, that a process of its own takes for the same work."""
    program = (
        "from tests.benchmarks.engine import back_up, nightly_backups, peak\n"
        f"back_up({model!r}, nightly_backups({writes}, {clusters}))\n"
        "print(peak())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(ran.stdout)


def peak() -> int:
    """Return the most memory that this process has taken so far, in bytes."""
    kib = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kib
