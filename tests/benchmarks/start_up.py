"""The program from nothing to the mail's figures, beside the bare import of what it stands on."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.benchmarks.figures import Figure, compare, show

ROOT = Path(__file__).parents[2]
MAIL = "scenarios/mail/2018.yaml"
SCRIPT = str(Path(sys.executable).parent / "backup-timeline")

PEER = (sys.executable, "-c", "import simpy, yaml, typer; from pydantic import BaseModel")
COMMANDS = {
    "backup-timeline run MAIL": (SCRIPT, "run", MAIL),
    "python -m simulator run MAIL": (sys.executable, "-m", "simulator", "run", MAIL),
}
LIMIT = 1.4
ROUNDS = 15
"""A start takes a quarter of a second, and the noise of a busy machine is a tenth of that."""


def main() -> bool:
    """Measure and print; return whether the limit is kept."""
    run((sys.executable, "-m", "compileall", "-q", "simulator"))
    return show(measured())


def measured() -> Iterator[Figure]:
    """Yield the figures."""
    for name, command in COMMANDS.items():
        for unmeasured in (command, PEER):
            run(unmeasured)
        yield compare(
            f"{name}, bare imports",
            partial(run, command),
            partial(run, PEER),
            limit=LIMIT,
            rounds=ROUNDS,
        )


def run(command: tuple[str, ...]) -> None:
    """Run a command to its end, with byte code written and read as for a user."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)
