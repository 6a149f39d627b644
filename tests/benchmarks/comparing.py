"""All shipped scenarios under two models, beside one run over them, as whole processes."""

import subprocess
import sys
from collections.abc import Iterator

from tests.benchmarks.figures import Figure, compare, show
from tests.checkout import ROOT, name_of, scenario_files

LIMIT = 2.5
ROUNDS = 5


def main() -> bool:
    """Measure and print; return whether the limit is kept."""
    return show(measured())


def measured() -> Iterator[Figure]:
    """Yield the figures."""
    files = [name_of(path) for path in scenario_files()]

    def program(*words: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "simulator", *words],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            check=True,
        )

    yield compare(
        f"compare two models over {len(files)} scenarios, one run over them",
        lambda: program("compare", "scenarios", "--models", "mail-2018,libvirt"),
        lambda: program("run", *files),
        limit=LIMIT,
        rounds=ROUNDS,
    )
