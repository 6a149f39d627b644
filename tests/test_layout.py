"""`docs/layout.md` leads a newcomer: whatever it names is there, and each room is named."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from simulator.scenario.later import COMMANDS_LATER, VERBS_LATER
from simulator.scenario.qmp.commands import COMMANDS
from simulator.scenario.verbs import VERBS
from tests.checkout import ROOT

LAYOUT = (ROOT / "docs" / "layout.md").read_text(encoding="utf-8")

SIMULATOR = ROOT / "simulator"

NO_MODULE = {"subprocess": "the library"}
"""What a row has in backticks that is no module or folder, each with what it is."""

PLACE = re.compile(r"[\w.*]+/[\w./*-]*|[\w*-]+\.(?:md|py|toml)")
"""A word in backticks that is a path: of the root, or of `simulator/`."""

NAMED_IN = re.compile(r"`([A-Za-z_][\w.]*)` (?:of|in) `([\w/.]+)`")
"""A name, and the file or folder that has it."""


def words(text: str) -> list[str]:
    """Return what stands in backticks, but commands."""
    return [word for word in re.findall(r"`([^`]+)`", text) if " " not in word]


def rows() -> Iterator[tuple[Path, str]]:
    """Yield each path of the table, and what it holds."""
    for path, holds in re.findall(r"^\| `(.+?)` \| (.*) \|$", LAYOUT, re.MULTILINE):
        yield ROOT / path, holds


def places(path: str) -> list[Path]:
    """Return what a path leads to, from the root or from `simulator/`."""
    return [*ROOT.glob(path), *SIMULATOR.glob(path)]


def below(room: Path) -> set[str]:
    """Return the names of all modules and folders below a folder, or below that of a module."""
    base = room if room.is_dir() else room.parent
    return {each.stem for each in base.rglob("*") if each.suffix == ".py" or each.is_dir()}


def rooms() -> Iterator[Path]:
    """Yield each folder of `simulator` that holds modules."""
    for path in sorted(SIMULATOR.rglob("__init__.py")):
        if path.parent != SIMULATOR:
            yield path.parent


def test_each_path_of_the_table_is_there_and_so_is_what_it_is_said_to_hold() -> None:
    assert len([*rows()]) > 20
    assert [str(path) for path, _ in rows() if not path.exists()] == []
    astray = [
        f"{path.relative_to(ROOT)} has no {word}"
        for path, holds in rows()
        for word in words(holds)
        if word not in NO_MODULE and not PLACE.fullmatch(word) and word not in below(path)
    ]
    assert astray == []


def test_each_path_in_the_text_is_there() -> None:
    inside = {name for path, _ in rows() for name in below(path)}
    found = [word for word in words(LAYOUT) if PLACE.fullmatch(word)]
    assert len(found) > 50
    assert [word for word in found if not places(word) and word.rstrip("/") not in inside] == []


def test_each_name_that_a_file_is_said_to_have_is_in_it() -> None:
    found = NAMED_IN.findall(LAYOUT)
    assert len(found) >= 10
    for name, place in found:
        files = [file for path in places(place) for file in [path, *path.glob("*.py")]]
        text = "".join(file.read_text(encoding="utf-8") for file in files if file.is_file())
        for part in name.split("."):
            assert re.search(rf"^\s*(def |class )?{part}\b", text, re.MULTILINE), (
                f"docs/layout.md: {place} has no {name}"
            )


def test_each_room_is_named() -> None:
    named = {word.rstrip("/").rpartition("/")[2] for word in words(LAYOUT) if word.endswith("/")}
    silent = [str(room.relative_to(ROOT)) for room in rooms() if room.name not in named]
    assert silent == [], "docs/layout.md does not say what these rooms hold"


def test_the_layers_are_those_that_the_imports_are_held_to() -> None:
    (drawn,) = re.findall(r"^    (cli -> .*)$", LAYOUT, re.MULTILINE)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = (each["layers"] for each in contracts if each["id"] == "layers")
    assert re.sub(r"[{}] ?", "", drawn).replace(" ->", "->").split("-> ") == layers


def test_what_the_program_does_is_not_told_to_come_later() -> None:
    """A name in `scenario/later.py` is turned down, whatever else there is of it."""
    assert COMMANDS_LATER & COMMANDS.keys() == set()
    assert set(VERBS_LATER) & VERBS.keys() == set()
