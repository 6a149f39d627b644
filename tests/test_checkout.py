"""The checkout stands alone: nothing in it names or reads what lies outside."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.checkout import ROOT, project_files

UP = re.compile(r"(?:\.\./)+[\w./-]*")
PARENTS = re.compile(r"__file__\)(?:\.resolve\(\))?\.parents\[(\d+)\]")
OUTSIDE = re.compile(
    r"(?<![\w.-])/work\b|ROOT\.parent|shared" + r"/(?:design|facts|faults|oracle|seed)"
)
"""A folder that stood beside the checkout where it was written, and what was in it."""


def outside(path: Path, text: str) -> Iterator[str]:
    """Yield what a file says of places outside the checkout."""
    here = ROOT / path
    for match in UP.finditer(text):
        if not (here.parent / match[0]).resolve().is_relative_to(ROOT.resolve()):
            yield match[0]
    for match in PARENTS.finditer(text):
        if int(match[1]) >= len(path.parts):
            yield match[0]
    yield from (match[0] for match in OUTSIDE.finditer(text))


def test_nothing_in_the_checkout_names_what_lies_outside() -> None:
    looked_at, found = 0, []
    for path in project_files():
        try:
            text = (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # A picture.
        looked_at += 1
        if path != Path("tests/test_checkout.py"):
            found += [f"{path}: {what}" for what in outside(path, text)]
    assert found == []
    assert looked_at > 300


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("tests/a.py", "../../elsewhere"),
        ("README.md", "[there](../there.md)"),
        ("tests/a.py", "Path(__file__).parents[2]"),
        ("tests/a.py", "ROOT.parent / name"),
        ("docs/a.md", "as in /work/" + "main"),
        ("docs/a.md", "as in the shared/" + "oracle"),
    ],
)
def test_a_place_outside_is_seen(path: str, text: str) -> None:
    assert list(outside(Path(path), text))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("notebooks/a.ipynb", "../scenarios/mail/2018.yaml"),
        ("tests/render/a.py", "Path(__file__).parents[2]"),
        ("docs/a.md", "this/work/that and workshared/files"),
    ],
)
def test_a_place_inside_is_let_pass(path: str, text: str) -> None:
    assert list(outside(Path(path), text)) == []


MADE_OF = ("Makefile", "pyproject.toml", "uv.lock")
"""What the environment is made of."""


@pytest.mark.parametrize("target", ["test", "check", "setup"])
def test_make_says_so_where_nothing_can_be_written(target: str) -> None:
    with tempfile.TemporaryDirectory(prefix="read only ") as folder:
        for name in MADE_OF:
            shutil.copy(ROOT / name, folder)
        Path(folder).chmod(0o555)
        user: dict[str, Any] = {"user": "nobody"} if os.geteuid() == 0 else {}
        ran = subprocess.run(
            ["make", target],
            cwd=folder,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
            **user,
        )
        assert ran.returncode == 2
        assert f"'{Path(folder).resolve()}' cannot be written to" in ran.stderr
        assert sorted(os.listdir(folder)) == sorted(MADE_OF)
        Path(folder).chmod(0o755)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tree"], "make tree: say which release of Debian: make tree SUITE=trixie"),
        (["inside"], "make inside: say which release of Debian: make inside SUITE=trixie"),
        (["inside", "SUITE=potato"], "make inside: there is no tree '{}/potato': make tree"),
        (["tree", "SUITE=potato"], "make tree: only root may make a tree or enter it"),
        (["inside", "SUITE=woody"], "make inside: only root may make a tree or enter it"),
    ],
)
def test_make_says_what_a_tree_of_another_debian_lacks(words: list[str], message: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "woody").mkdir()
        (Path(folder) / "woody" / ".ready").touch()
        user: dict[str, Any] = {"user": "nobody"} if os.geteuid() == 0 else {}
        ran = subprocess.run(
            ["make", *words, f"TREES={folder}"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
            **user,
        )
        assert ran.returncode == 2
        assert message.format(folder) in ran.stderr
