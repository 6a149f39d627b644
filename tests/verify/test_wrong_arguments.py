"""Commands with several arguments wrong: QEMU names the one that it looks at first, and so do we.

Each combination is a step of one scenario that is played on the real thing.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import pytest

import simulator
from simulator.verify.on_qemu import verify
from tests.differential.drawing import flow, qmp
from tests.hosts.real import need_qemu
from tests.waiting import PATIENCE_SECONDS

HEAD = """scenario: wrong arguments combined
model: qemu
disks: {vda: {clusters: 4}, vdb: {clusters: 4}}
timeline:
  - at: T1
    do:
      - create: {image: S1, disk: vda, bitmap: B1}
      - create: {image: R1, disk: vdb, format: raw}
  - at: T2
    do:
      - snapshot: {image: S2, disk: vda, bitmap: B2}
      - qmp: {execute: block-dirty-bitmap-add, arguments: {node: S2, name: free}}
      - qmp: {execute: block-dirty-bitmap-add, arguments: {node: R1, name: B1}}
      - snapshot: {image: S3, disk: vda, bitmap: B3}
      - qmp: {execute: block-dirty-bitmap-add, arguments: {node: S3, name: free}}
  - at: T3
    do:
      - qmp:
          execute: blockdev-backup
          arguments:
            {job-id: held, device: S3, target: k1, sync: bitmap, bitmap: B3, bitmap-mode: never}
        ends: T5
  - at: T4
    do:
"""

COMMANDS: dict[str, dict[str, Sequence[Any]]] = {
    "blockdev-backup": {
        "device": ["S3", "nope"],
        "target": ["k2", "S3"],
        "sync": ["full", "top", "none", "bitmap", "incremental"],
        "bitmap": [None, "free", "B3", "nope"],
        "bitmap-mode": [None, "never", "on-success", "always"],
    },
    "block-dirty-bitmap-add": {
        "node": ["S3", "R1", "nope"],
        "name": ["", "B1", "B3", "x" * 1024],
        "granularity": [None, 1000, 1 << 32],
        "persistent": [False, True],
    },
    "block-commit": {
        "device": ["S3", "S2", "nope"],
        "top-node": [None, "nope", "S2", "R1", "S1"],
        "base-node": [None, "nope", "S2", "R1", "S3"],
    },
    "block-stream": {
        "device": ["S2", "nope"],
        "base": [None, "S1"],
        "base-node": [None, "nope", "R1", "S3"],
        "bottom": [None, "nope", "R1", "S3"],
    },
    "block_resize": {
        "node-name": ["S1", "S3", "nope"],
        "size": [100, -100, 0, 131072],
    },
    "block-export-add": {
        "type": ["nbd"],
        "id": ["e", "bad id"],
        "node-name": ["S1", "S3", "nope"],
        "writable": [False, True],
        "bitmaps": [["nope"], ["B3"], [{"node": "nope", "name": "B1"}]],
    },
    "blockdev-snapshot": {"node": ["S1", "nope"], "overlay": ["S1", "S3", "S9"]},
    "block-dirty-bitmap-merge": {
        "node": ["S3", "S2", "nope"],
        "target": ["B3", "B2", "nope"],
        "bitmaps": [["free", "nope"], ["nope"], [{"node": "nope", "name": "B1"}], ["B3"]],
    },
}
"""What each argument may be: most are wrong, in different ways."""


def steps(execute: str) -> Iterator[dict[str, Any]]:
    """Yield a command with every combination of its arguments that is wrong somewhere."""
    arguments = COMMANDS[execute]
    for values in product(*arguments.values()):
        told = dict(zip(arguments, values, strict=True))
        yield {"qmp": qmp(execute, **told)}


@pytest.mark.parametrize("execute", COMMANDS)
def test_of_several_wrong_arguments_the_one_that_qemu_looks_at_first_is_named(execute: str) -> None:
    need_qemu()
    refused = 0
    for one in batches(list(steps(execute))):
        timeline = simulator.loads(HEAD + "".join(f"      - {flow(s)}\n" for s in one)
                                   + "  - {at: T5}\n").run().timeline  # fmt: skip
        outcome = verify(timeline, timeout=PATIENCE_SECONDS)
        assert outcome.finding is None, [outcome.finding.message, *outcome.finding.notes]
        refused += sum(entry.refusal is not None for entry in timeline.entries)
    assert refused > 5


def batches(told: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield so many steps as one scenario takes, without those that QEMU accepts."""
    text = HEAD + "".join(f"      - {flow(step)}\n" for step in told) + "  - {at: T5}\n"
    entries = [e for e in simulator.loads(text).run().timeline.entries if e.instant == "T4"]
    wrong = [step for step, entry in zip(told, entries, strict=True) if entry.refusal is not None]
    for first in range(0, len(wrong), 60):
        yield wrong[first : first + 60]


def test_a_bitmap_that_may_not_change_is_named_before_sizes_that_differ() -> None:
    need_qemu()
    job = {"device": "S1", "target": "k1", "sync": "bitmap", "bitmap": "B1"}
    text = HEAD.partition("  - at: T2")[0] + "".join(
        f"      - {flow(step)}\n"
        for step in (
            {"qmp": qmp("blockdev-backup", device="S1", target="k1", sync="full")},
            {"resize": {"disk": "vda", "clusters": 6}},
            {"snapshot": {"image": "S2", "disk": "vda"}},
            {"qmp": qmp("blockdev-backup", bitmap_mode="on-success", **job)},
            {"qmp": qmp("blockdev-backup", bitmap_mode="never", **job)},
        )
    )
    timeline = simulator.loads(text).run().timeline
    refused = [entry.refusal.text for entry in timeline.entries if entry.refusal is not None]
    assert refused == [
        "Bitmap 'B1' is readonly and cannot be modified",
        "Source and target image have different sizes",
    ]
    assert verify(timeline, timeout=PATIENCE_SECONDS).finding is None
