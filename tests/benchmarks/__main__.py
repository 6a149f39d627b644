"""Measure every figure, or just those of the benchmarks named; status 1 if a limit is broken."""

import sys
from collections.abc import Callable

from tests.benchmarks import (
    checkpoints,
    comparing,
    engine,
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
    "checkpoints": checkpoints.main,
}


def main(names: list[str]) -> int:
    """Run benchmarks by name, all where none is named; return the exit status."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {unknown[0]}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    print(HEAD)
    kept = [BENCHMARKS[name]() for name in names or BENCHMARKS]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
