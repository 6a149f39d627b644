"""The program without a checkout: examples, the manual, hooks, the action, the wheel."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import simulator
from simulator.cli.manual import FILES
from simulator.cli.program.app import COMMANDS
from simulator.diagnostics import how_to_install
from simulator.pipeline import examples
from tests.checkout import ROOT, SCENARIOS, command
from tests.waiting import PATIENCE_SECONDS

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_shipped_scenario_is_an_example_and_plays() -> None:
    names = command("example").out.split()
    assert names == sorted(
        path.relative_to(SCENARIOS).with_suffix("").as_posix() for path in SCENARIOS.rglob("*.yaml")
    )
    assert simulator.example("mail/2018").run().at("T1").figure().startswith("S1: |--------|")
    text = command("example", "mail/2018").out
    assert text == (SCENARIOS / "mail/2018.yaml").read_text()


def test_an_example_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    assert command("example", "mail/2018", "-o", str(path)).status == 0
    again = command("example", "mail/t3", "-o", str(path))
    assert (again.status, "exists" in again.err) == (2, True)
    assert command("check", str(path)).status == 0


@pytest.mark.parametrize("name", ["2018", "mail/208", "../README", "/etc/passwd", ""])
def test_a_name_that_is_no_example(name: str) -> None:
    outcome = command("example", name)
    assert outcome.status == 2
    assert outcome.err.startswith("error: there is no example")
    with pytest.raises(ValueError, match="there is no example"):
        simulator.example(name)


def test_what_is_installed_has_its_scenarios_beside_its_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "simulator" / "shipped" / "scenarios"
    shutil.copytree(SCENARIOS / "mail", shipped / "mail")
    monkeypatch.setattr(examples, "PLACES", (shipped, tmp_path / "none"))
    assert examples.example_path("mail/2018") == shipped / "mail/2018.yaml"
    outcome = command("demo")
    assert outcome.status == 0
    assert "late.bak: |---BBD--|" in outcome.out


def test_a_wheel_has_all_of_it() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"]["scenarios"] == "simulator/shipped/scenarios"
    assert wheel["shared-data"] == {"share": "share"}
    assert (ROOT / "simulator/py.typed").is_file()
    assert (ROOT / PROJECT["project"]["license-files"][0]).is_file()


@pytest.mark.parametrize("name", FILES)
def test_the_manual_and_the_completions_are_those_of_the_commands(name: str) -> None:
    written = (ROOT / name).read_text()
    assert FILES[name]() == written, "make outs writes it anew"
    assert all(f".SS backup-timeline {each}" in written for each in COMMANDS) or "man1" not in name


def test_a_message_about_a_missing_library_names_a_command_for_this_python() -> None:
    told = how_to_install("matplotlib", "networkx")
    assert "matplotlib networkx" in told
    assert sys.executable in told
    assert "backup-timeline[" not in told


def test_each_hook_names_a_command_that_is_there() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    for hook in hooks:
        program, word = hook["entry"].split()
        assert program in PROJECT["project"]["scripts"]
        assert word in COMMANDS


def test_the_action_plays_scenarios_annotates_them_and_leaves_sarif(tmp_path: Path) -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    (step,) = [step for step in action["runs"]["steps"] if step["name"] == "play"]
    installed = tmp_path / "runner" / "backup-timeline" / "bin"
    installed.mkdir(parents=True)
    (installed / "backup-timeline").symlink_to(ROOT / ".venv/bin/backup-timeline")
    flagged = SCENARIOS / "flagged" / "BT205-active.yaml"
    environment = {
        **os.environ, "RUNNER_TEMP": str(tmp_path / "runner"), "COMMAND": "check",
        "FILES": f"{flagged} $(touch{os.sep}here)", "MORE": "--exit-zero", "SARIF": "out.sarif",
    }  # fmt: skip
    ran = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 2  # The second word is no file, and nothing that a shell runs.
    assert not (tmp_path / "here").exists()
    environment["FILES"] = str(flagged)
    ran = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS,
        check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    assert '"version": "2.1.0"' in (tmp_path / "out.sarif").read_text().replace('":"', '": "')
