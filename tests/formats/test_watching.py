"""``check --watch`` looks again at what is edited, until somebody ends it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkout import ROOT, command
from tests.formats.test_formats import STALE
from tests.waiting import PATIENCE_SECONDS, wait_until


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """A folder with one scenario, and what watches it and prints to `out`."""
    folder = tmp_path / "scenarios"
    folder.mkdir()
    (folder / "a.yaml").write_text(STALE)
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    with (tmp_path / "out").open("wb") as out:
        program = subprocess.Popen(
            [sys.executable, "-m", "simulator", "check", "--watch", str(folder)],
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            # A shell starts what runs in the background with Ctrl-C switched off.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        yield folder, program
        program.kill()
        program.wait()


def wait_for(folder: Path, text: str, *, times: int = 1) -> str:
    """Return what was printed once something is in it so often."""
    out = folder.parent / "out"
    wait_until(lambda: out.read_text().count(text) >= times, text)
    return out.read_text()


def test_what_is_edited_is_checked_again(
    watching: tuple[Path, subprocess.Popen[bytes]],
) -> None:
    folder, program = watching
    assert "error[BT201]" in wait_for(folder, "watching 1 scenario; Ctrl-C ends it")
    (folder / "a.yaml").write_text(STALE.replace("write: AA--", "write: AA-"))
    wait_for(folder, "the picture has 3 clusters")
    (folder / "a.yaml").write_text(STALE)
    wait_for(folder, "error[BT201]", times=2)
    (folder / "b.yaml").write_text(STALE)
    wait_for(folder, "watching 2 scenarios")
    (folder / "b.yaml").unlink()
    wait_for(folder, f"{folder / 'b.yaml'} is gone")
    program.send_signal(signal.SIGINT)
    assert program.wait(PATIENCE_SECONDS) == 130


def test_nobody_watches_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    outcome = command("check", "--watch", "scenarios/mail")
    assert outcome.status == 2
    assert "--watch goes on until somebody ends it, and this is CI" in outcome.err
