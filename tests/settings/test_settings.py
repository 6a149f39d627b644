"""A project's configuration: found, held against what there is, shown, and in force."""

import json
import os
from pathlib import Path

import pytest

from simulator.settings.places import find_places
from tests.checkout import Outcome, command
from tests.test_compat import LOWER, TWO

CONFIGURATION = """\
[project]
name = "x"

[tool.backup-timeline]
paths = ["scenarios"]
documents = ["docs"]
ignore = ["BT5"]
models = { lower = "lower.py" }
root = "."

[tool.backup-timeline.baselines]
release = "base"

[tool.backup-timeline.per-file."scenarios/old/*"]
ignore = ["refused"]
model = "libvirt-6.0"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a configuration in its pyproject.toml."""
    for place in ("scenarios/old", "docs", ".git"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(CONFIGURATION)
    (tmp_path / "lower.py").write_text(LOWER)
    (tmp_path / "scenarios" / "two.yaml").write_text(TWO)
    (tmp_path / "scenarios" / "old" / "three.yaml").write_text(
        TWO.replace("create: S1", "create: S1}, {checkpoint: c1")
    )
    return tmp_path


def run(folder: Path, *words: str) -> Outcome:
    """Run a command as if in a folder."""
    before = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.checkout.ROOT", folder)
        try:
            return command(*words)
        finally:
            os.chdir(before)


def test_what_is_in_force_is_shown_with_where_it_is_from(project: Path) -> None:
    told = run(project, "config")
    assert (told.status, told.err) == (0, "")
    lines = dict(line.split(" = ", 1) for line in told.out.splitlines()[1:])
    assert told.out.splitlines()[0] == "# pyproject.toml"
    assert lines["paths"].split("#") == ['["scenarios"]'.ljust(40) + "  ", " pyproject.toml:5"]
    assert lines["select"].endswith("# default")
    data = json.loads(run(project / "docs", "config", "-f", "json").out)
    assert data["file"] == "../pyproject.toml"
    assert data["values"]["ignore"] == {"value": ["BT5"], "from": "../pyproject.toml:7"}
    assert run(project, "--isolated", "config").out.startswith("# no configuration")


def test_paths_rules_and_models_of_files_are_in_force(project: Path) -> None:
    whole = run(project, "check", "-q")
    assert (whole.status, whole.out) == (0, "")
    assert run(project / "docs", "check", "-q") == whole
    alone = run(project, "--isolated", "check", "scenarios", "--statistics")
    assert "BT501" in alone.out
    assert "BT901" not in alone.out
    old = "scenarios/old/three.yaml"
    told = run(project, "check", old)
    assert told.out.endswith("2 findings, 2 of them not told\n")
    under = run(project, "check", old, "--model", "libvirt", "--ignore", "EX")
    assert "BT501" in under.out
    assert "not told" not in under.out


def test_a_proposal_and_a_baseline_go_by_their_names(project: Path) -> None:
    assert run(project / "docs", "record", "-o", "release").status == 0
    assert sorted(p.name for p in (project / "base").rglob("*.jsonl")) == [
        "three.jsonl",
        "two.jsonl",
    ]
    assert (project / "base" / "scenarios" / "two.jsonl").is_file()
    same = run(project / "scenarios", "compat", "release", "two.yaml")
    assert (same.status, same.err) == (0, "")
    worse = run(project / "scenarios", "compat", "release", "lower")
    assert worse.status == 1
    assert "second.bak, now:      |A000|" in worse.out
    unknown = run(project, "check", "--model", "lowr")
    assert "did you mean lower?" in unknown.err


def test_a_file_of_its_own_comes_before_pyproject_and_one_can_be_named(project: Path) -> None:
    (project / "backup-timeline.toml").write_text('select = ["BT201"]\n')
    assert "# backup-timeline.toml:1" in run(project, "config").out
    (project / "mine.toml").write_text('select = ["BT202"]\n')
    assert "# mine.toml:1" in run(project, "--config", "mine.toml", "config").out
    none = run(project, "check")
    assert none.status == 2
    assert "no FILE is named, and no paths in a configuration" in none.err


def test_without_a_table_a_pyproject_says_nothing(project: Path) -> None:
    (project / "pyproject.toml").write_text('[project]\nname = "backup-timeline"\n')
    assert run(project, "config").out.startswith("# no configuration")


WRONG = """\
pths = ["scenarios"]
select = [
  "BT9999",
]
paths = "scenarios"

[per-file]
"a/*" = { ignor = ["BT1"] }
"b/*" = 5

[models]
a = 1
"""


def test_all_mistakes_are_told_with_their_places(project: Path) -> None:
    (project / "backup-timeline.toml").write_text(WRONG)
    outcome = run(project, "check")
    assert (outcome.status, outcome.out) == (2, "")
    for place, told in (
        ("1:1", "unknown key pths"),
        ("2:1", "unknown rule BT9999"),
        ("5:1", "paths is not a list of texts: 'scenarios'"),
        ("8:1", "unknown key ignor"),
        ("9:1", "b/* is no table: 5"),
        ("12:1", "a is no text: 1"),
    ):
        assert f"error: {told}\n" in outcome.err
        assert f"--> backup-timeline.toml:{place}\n" in outcome.err
    assert "did you mean paths?" in outcome.err
    assert "did you mean ignore?" in outcome.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"select = [\n", "no TOML"),
        (b"a = 1\na = 2\n", "backup-timeline.toml:2:"),
        (b"\xff", "is not text in UTF-8"),
    ],
)
def test_what_is_no_configuration_is_told(text: bytes, told: str, project: Path) -> None:
    (project / "backup-timeline.toml").write_bytes(text)
    outcome = run(project, "check")
    assert outcome.status == 2
    assert told in outcome.err


def test_a_file_that_is_not_there_is_told(project: Path) -> None:
    assert "cannot read none.toml" in run(project, "--config", "none.toml", "check").err


def test_a_key_is_found_where_it_stands() -> None:
    text = 'x = """\ny = 1\n"""\n[a."b.c"]\nd.e = [\n  1, # f = 1\n]\n[[g]]\nh = 1\n'
    found = {".".join(path): span.line for path, span in find_places(text).items()}
    assert found["x"] == 1
    assert "y" not in found
    assert found["a.b.c"] == 4
    assert found["a.b.c.d.e"] == 5
    assert "f" not in found
