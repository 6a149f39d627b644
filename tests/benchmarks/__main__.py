"""Measure every figure, or just those of the benchmarks named; status 1 if a limit is broken."""

import subprocess
import sys
from collections.abc import Callable

from tests.benchmarks import (
    checkpoints,
    comparing,
    engine,
    exploring,
    formats,
    jobs,
    loading,
    many_runs,
    start_up,
    verifying,
    week,
)
from tests.benchmarks.figures import HEAD

BENCHMARKS: dict[str, Callable[[], bool]] = {
    "start_up": start_up.main,
    "loading": loading.main,
    "many_runs": many_runs.main,
    "engine": engine.main,
    "week": week.main,
    "jobs": jobs.main,
    "verifying": verifying.main,
    "comparing": comparing.main,
    "exploring": exploring.main,
    "formats": formats.main,
    "checkpoints": checkpoints.main,
}


def main(names: list[str]) -> int:
    """Run benchmarks by name, all where none is named; return the exit status."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {unknown[0]}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    if len(names) == 1:
        print(HEAD)
        return 0 if BENCHMARKS[names[0]]() else 1
    # Each in a process of its own: a program starts with the memory of the one that starts it.
    command = [sys.executable, "-m", "tests.benchmarks"]
    ends = [subprocess.run([*command, name], check=False) for name in names or BENCHMARKS]
    return max(end.returncode for end in ends)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
