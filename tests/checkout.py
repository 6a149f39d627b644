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
SHARED = ROOT.parent / "shared"
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


def shared_file(name: str) -> Path:
    """Return a file that stands beside the checkout; skip the test where it is not there."""
    path = SHARED / name
    if not path.exists():
        if os.environ.get("REQUIRE_REAL"):
            pytest.fail(f"{path} is missing, and REQUIRE_REAL is set")
        pytest.skip(f"{path} is not there: it stands beside the checkout, not in it")
    return path
