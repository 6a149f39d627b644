"""All shipped scenarios checked with four formats, beside the same with one."""

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.benchmarks.figures import compare, show

ROOT = Path(__file__).parents[2]
CHECK = (sys.executable, "-m", "simulator", "check", "scenarios")
LIMIT = 1.2


def main() -> bool:
    """Measure and print; return whether the limit is kept."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = ("sarif", "junit", "gitlab", "markdown")
        outputs = [f"--output={each}={folder}/{each}" for each in wanted]
        figure = compare(
            "check with four formats, one",
            partial(run, (*CHECK, *outputs)),
            partial(run, CHECK),
            limit=LIMIT,
        )
        return show([figure])


def run(command: tuple[str, ...]) -> None:
    """Run a command to its end."""
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
