"""What a command is at is told on a terminal, when it takes long, and nowhere else."""

import os
import pty
import subprocess
import sys

import pytest

from tests.checkout import ROOT

WORK = """
import sys, threading
from simulator.cli import progress
began = threading.Event()
start = progress.Shown.start
def started(shown):
    start(shown)
    began.set()
progress.Shown.start = started
with progress.waiting("playing [b]x\\x1b[31m", after={after}):
    began.wait({until})
print("rich" in sys.modules)
"""


def said(*, after: float, until: float, terminal: bool, work: str = WORK) -> tuple[str, str]:
    """Return what a program printed, and what its errors' terminal or pipe showed.

    Args:
        after: Seconds before it shows what it is at.
        until: Seconds that its work takes, at most: it ends when it is shown.
        work: The program.
    """
    mine, its = pty.openpty() if terminal else os.pipe()
    program = subprocess.run(
        [sys.executable, "-c", work.format(after=after, until=until)],
        stdout=subprocess.PIPE,
        stderr=its,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
        check=True,
    )
    os.close(its)
    shown = bytearray()
    try:
        while part := os.read(mine, 4096):
            shown += part
    except OSError:
        pass  # So a terminal ends whose other side is closed.
    os.close(mine)
    return program.stdout, shown.decode()


def test_on_a_terminal_it_is_told_after_a_while_and_escaped() -> None:
    out, shown = said(after=0, until=60, terminal=True)
    assert out == "True\n"
    assert "playing [b]x\\x1b[31m" in shown


@pytest.mark.parametrize(("after", "terminal"), [(60, True), (0, False)], ids=["soon", "pipe"])
def test_else_nothing_is_told_and_rich_is_not_loaded(after: float, terminal: bool) -> None:
    assert said(after=after, until=0, terminal=terminal) == ("False\n", "")


MANY = """
import sys, threading
from simulator.cli import progress
progress.SECONDS = progress.SECONDS_BETWEEN = {after}
began = threading.Event()
start = progress.Shown.start
def started(shown):
    start(shown)
    began.set()
progress.Shown.start = started
track = progress.Track(3)
for name in "ab":
    began.clear()
    with track.file(f"checking {{name}}"):
        began.wait({until})
    print(name)
print("rich" in sys.modules)
"""


def test_many_files_are_a_bar_that_is_away_while_something_is_printed() -> None:
    out, shown = said(after=0, until=60, terminal=True, work=MANY)
    assert out == "a\nb\nTrue\n"
    assert "checking a" in shown
    assert "0/3" in shown
    assert "1/3" in shown
    assert "━" in shown


@pytest.mark.parametrize(("after", "terminal"), [(60, True), (0, False)], ids=["soon", "pipe"])
def test_of_many_files_nothing_is_told_where_it_is_quick_or_in_a_pipe(
    after: float, terminal: bool
) -> None:
    assert said(after=after, until=0, terminal=terminal, work=MANY) == ("a\nb\nFalse\n", "")
