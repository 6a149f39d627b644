"""YAML is read alike with libyaml and without it, in an interpreter of its own."""

import subprocess
import sys
from pathlib import Path

import pytest
from yaml import BaseLoader

import simulator
from simulator.diagnostics import InputError
from simulator.scenario import load_text
from simulator.scenario.yaml12 import parsing
from tests.checkout import name_of, scenario_files

ROOT = Path(__file__).parents[2]

BAD = (
    "scenario: s\ndisk: 8\ntimeline: [{write: AAAA----}, {wrte: A}]\n",
    "scenario: s\ndisk: 8\ntimeline:\n  - at: T1\n    do:\n      - expect: |\n          S1: |AA|\n",
    "scenario: s\nscenario: t\ntimeline: []\n",
    "a: *b\n",
    "scenario: \x07\n",
    "scenario: [\n",
    "\tscenario: s\n",
    "scenario: s\n---\nscenario: t\n",
    "scenario: >\n  folded\n\n\ndisk: eight\ntimeline: []\n",
    'scenario: "a\\x41b"\ndisk: "x"\ntimeline: []\n',
)


@pytest.fixture
def without_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse in Python."""
    monkeypatch.setattr(parsing, "Events", BaseLoader)


def told(text: str) -> list[tuple[int, int]]:
    """Where the problems of a text are."""
    with pytest.raises(InputError) as caught:
        load_text(text, "bad.yaml")
    spans = [problem.span for problem in caught.value.problems]
    return [(span.line, span.column) for span in spans if span is not None]


def test_libyaml_is_used_where_it_is_there() -> None:
    assert parsing.Events is not BaseLoader


def test_pyyaml_without_libyaml_is_enough() -> None:
    hidden = "import sys; sys.modules['yaml._yaml'] = None\n"
    program = (
        "import yaml, simulator\nfrom simulator.scenario.yaml12 import parsing\n"
        "assert parsing.Events is yaml.BaseLoader\n"
        "print(simulator.load('scenarios/mail/2018.yaml').run().text())\n"
    )
    command = [sys.executable, "-c", hidden + program]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "guest sees: |DAABBDD-|" in ran.stdout


@pytest.mark.parametrize("path", scenario_files(), ids=name_of)
def test_every_scenario_is_the_same_without_libyaml(
    path: Path, request: pytest.FixtureRequest
) -> None:
    whole = simulator.load(str(path)).script
    request.getfixturevalue("without_libyaml")
    assert simulator.load(str(path)).script == whole


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_is_at_the_same_place_without_libyaml(
    text: str, request: pytest.FixtureRequest
) -> None:
    places = told(text)
    request.getfixturevalue("without_libyaml")
    assert places
    assert told(text) == places
