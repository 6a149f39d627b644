"""Where things are in a checkout, and how tests run the program."""

import contextlib
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from simulator import cli

ROOT = Path(__file__).parents[1]
SCENARIOS = ROOT / "scenarios"
MAIL = SCENARIOS / "mail" / "2018.yaml"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did: its exit status, and what it printed where."""

    status: int
    out: str
    err: str


def command(*words: str, stdin: str = "") -> Outcome:
    """Run ``backup-timeline`` in this process, from the root of the checkout."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(ROOT),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr("sys.argv", ["backup-timeline", *words])
        patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        try:
            cli.main()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
    return Outcome(status, out.getvalue(), err.getvalue())


def scenario_files(folder: str = "**") -> Sequence[Path]:
    """Return the scenario files that are shipped, in the order of their names."""
    return sorted(SCENARIOS.glob(f"{folder}/*.yaml"))


def name_of(path: Path) -> str:
    """Return a scenario's path below the root, as a user would type it."""
    return str(path.relative_to(ROOT))


def project_files() -> Sequence[Path]:
    """Return the files of the project, relative to the root, with or without a git history.

    What tools and runs leave behind is not among them: caches, environments, builds.
    """
    left = {"__pycache__", "build", "dist"}
    found: list[Path] = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in left and (f == ".ci" or f[0] != ".")]
        found += [Path(folder, file).relative_to(ROOT) for file in files if file[0] != "."]
    return sorted(found)
