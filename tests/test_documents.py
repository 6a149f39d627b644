"""What the documents show is what the program prints."""

import re
import shlex
from pathlib import Path

import pytest

import simulator
from tests.checkout import ROOT, command

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(kind: str) -> list[tuple[str, str]]:
    """Return every fenced block of a kind, with where it stands."""
    return [
        (f"{path.name}:{text[: match.start()].count(chr(10)) + 1}", match[1])
        for path in DOCUMENTS
        for text in [path.read_text()]
        for match in re.finditer(rf"```{kind}\n(.*?)```", text, flags=re.DOTALL)
    ]


@pytest.mark.parametrize(("place", "block"), blocks("console"))
def test_a_console_block_is_what_the_command_prints(place: str, block: str) -> None:
    line, _, shown = block.partition("\n")
    words = shlex.split(line.removeprefix("$ "))
    assert words[0] == "backup-timeline", place
    printed = command(*words[1:]).out
    at = 0
    for part in re.split(r"^\.\.\.\n", shown, flags=re.MULTILINE):
        found = printed.find(part, at)
        assert found >= 0, f"{place}: not printed so:\n{part}"
        at = found + len(part)
    assert len(shown.splitlines()) > 3, f"{place} shows nothing"


@pytest.mark.parametrize(("place", "block"), blocks("yaml"))
def test_a_scenario_in_a_document_has_no_findings(place: str, block: str) -> None:
    found = simulator.loads(block).run().findings
    assert [each for each in found if each.allowed is None] == [], place


@pytest.mark.parametrize(("place", "block"), blocks("python"))
def test_python_in_a_document_runs(place: str, block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setitem(__builtins__, "print", lambda *words: None)  # type: ignore[arg-type]  # a module's builtins are a dict
    exec(compile(block, place, "exec"), {})


def test_the_readme_shows_both_commands_and_every_command_of_the_program() -> None:
    text = (ROOT / "README.md").read_text()
    assert "make demo" in text
    assert "make test" in text
    listed = re.findall(r"^  (\w+)  ", command("--help").out, flags=re.MULTILINE)
    assert len(listed) >= 7
    for name in listed:
        assert f"`backup-timeline {name}" in text, name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
        assert (path.parent / link).exists(), link


def test_the_picture_of_the_readme_is_the_one_that_is_drawn() -> None:
    drawn = simulator.load("scenarios/mail/2018.yaml").run().draw("film").svg()
    assert (ROOT / "docs" / "mail-film.svg").read_text() == drawn
