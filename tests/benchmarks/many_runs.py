"""The mail a thousand times in one process, beside the bare reading of its YAML."""

from collections.abc import Iterator
from pathlib import Path

import yaml

import simulator
from tests.benchmarks.figures import Figure, compare, show

MAIL = Path(__file__).parents[2] / "scenarios" / "mail" / "2018.yaml"
RUNS = 1_000
LIMIT = 20.0


def main() -> bool:
    """Measure and print; return whether the limit is kept."""
    return show(measured())


def measured() -> Iterator[Figure]:
    """Yield the figures."""
    text = MAIL.read_text(encoding="utf-8")
    assert "late.bak: |---BBD--|" in simulator.loads(text).run().text()

    def ours() -> None:
        for _ in range(RUNS):
            simulator.loads(text).run().text()

    def peer() -> None:
        for _ in range(RUNS):
            yaml.load(text, yaml.CSafeLoader)

    yield compare(
        f"load, run, judge and print the mail {RUNS:,} times, yaml.load", ours, peer, limit=LIMIT
    )
