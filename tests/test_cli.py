"""The commands as a user types them: what they print where, and their exit status."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from time import process_time

import pytest

import simulator
from simulator import checks
from simulator.cli.program.app import COMMANDS
from simulator.inspect.health.codes import IN_REAL_CHAINS, OF_FILES
from tests.checkout import MAIL, ROOT, command, name_of

GOOD = "scenario: x\ndisk: 2\ntimeline: [{at: T1, do: [create: S1]}]\n"
FLAGGED = (
    "scenario: x\nmodel: mail-2018\ndisk: 2\n"
    "timeline:\n  - {at: T1, do: [create: S1]}\n  - write: A-\n"
    "  - {at: T2, do: [{copy: {image: S1, to: b}}]}\n"
)


def run_process(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "simulator", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_status_is_0_without_and_1_with_an_unexpected_error_and_2_for_what_cannot_be_used() -> None:
    assert command("run", "-", stdin=GOOD).status == 0
    assert command("run", "-", stdin=FLAGGED).status == 1
    assert command("run", "-", stdin="scenario: x\n").status == 2
    assert command("check", "-", stdin=FLAGGED).status == 1


def test_a_warning_alone_gives_status_0() -> None:
    warned = (
        "scenario: x\nmodel: mail-2018\ndisk: 2\ntimeline:\n"
        "  - {at: T1, do: [create: {image: S1, bitmap: B1}]}\n  - write: A-\n"
        "  - {at: T2, do: [checkpoint: B2]}\n  - write: -B\n"
        "  - {at: T3, do: [{backup: {since: B2, to: b}}]}\n"
    )
    outcome = command("check", "-", stdin=warned)
    assert "warning[BT401]" in outcome.out
    assert outcome.status == 0


def test_allowing_a_rule_needs_a_reason_and_gives_status_0() -> None:
    allowed = FLAGGED + "allow: {rule: BT205, because: the guest is idle}\n"
    outcome = command("check", "-", stdin=allowed)
    assert outcome.status == 0
    assert "(allowed: the guest is idle)" in " ".join(outcome.out.split())
    assert command("check", "-", stdin=FLAGGED + "allow: {rule: BT205}\n").status == 2


def test_the_worst_of_several_files_gives_the_status_and_the_others_are_still_played(
    tmp_path: Path,
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("scenario: [\n")
    outcome = command("run", str(broken), name_of(MAIL))
    assert outcome.status == 2
    assert "broken.yaml:1:12" in outcome.err
    assert "guest sees: |DAABBDD-|" in outcome.out


def test_json_is_the_run_document_of_the_contract() -> None:
    document = json.loads(command("run", name_of(MAIL), "--format", "json").out)
    assert document["format"] == 1
    assert document["file"] == name_of(MAIL)
    assert document["model"] == "mail-2018"
    frame = document["frames"][2]
    assert (frame["at"], frame["tick"]) == ("T3", 3)
    disk = frame["disks"]["vda"]
    assert disk["images"] == {"S1": "AAAA----", "S2": "---BBB--"}
    assert disk["bitmaps"][0] == {
        "node": "S1",
        "name": "B1",
        "cells": "XXXX----",
        "granularity": 65536,
        "count": 262144,
        "recording": False,
        "persistent": True,
        "busy": False,
        "inconsistent": False,
    }
    assert document["backups"]["B2.bak"]["copied_bytes"] == 196608
    assert document["restores"][0]["same_as"] == ["T3"]
    assert document["restores"][3]["same_as"] == []
    assert frame["checkpoints"][1] == {"name": "B2", "parent": "B1", "at": "T2"}


def test_guest_steps_after_the_last_instant_give_a_frame_without_a_label() -> None:
    text = GOOD.replace("timeline: [", "timeline: [").replace("]}]", "]}, {write: A-}]")
    document = json.loads(command("run", "-", "--format", "json", stdin=text).out)
    assert [frame["at"] for frame in document["frames"]] == ["T1", None]
    assert document["frames"][1]["disks"]["vda"]["guest"] == "A-"


def test_a_figure_that_is_not_met_shows_both_rows_with_carets() -> None:
    text = GOOD.replace("create: S1]}", "create: S1, expect: 'S1: |A-|']}")
    outcome = command("check", "-", stdin=text)
    assert outcome.status == 1
    lines = [line.strip(" =") for line in outcome.out.splitlines()]
    assert "note: expected: |A-|" in lines
    assert "note: found:    |--|" in lines
    assert "^" in lines


def test_an_expected_finding_that_is_not_found_fails_and_so_does_one_too_many() -> None:
    missing = FLAGGED.replace("to: b}}", "to: b}, expect: [BT201, BT205]}")
    assert "EX002" in command("check", "-", stdin=missing).out
    assert command("check", "-", stdin=missing).status == 1
    exact = FLAGGED.replace("to: b}}", "to: b}, expect: [torn-copy]}")
    assert command("check", "-", stdin=exact).status == 0
    none = FLAGGED.replace("to: b}}", "to: b}, expect: []}")
    assert command("check", "-", stdin=none).status == 1


@pytest.mark.parametrize("name", ["run", "check", "explain", "rules", "models", "schema", "new"])
def test_help_of_each_command_shows_an_example(name: str) -> None:
    outcome = command(name, "--help")
    assert outcome.status == 0
    assert f"Example: backup-timeline {name}" in outcome.out


def test_a_command_loads_its_own_module_alone_and_the_help_all_of_them() -> None:
    families = {module for module, _ in COMMANDS.values()}

    def loaded(*words: str) -> set[str]:
        told = "import atexit, sys\natexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        program = f"{told}sys.argv = ['backup-timeline', *{words!r}]\nimport simulator.cli\n"
        ran = subprocess.run(
            [sys.executable, "-c", f"{program}simulator.cli.main()"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        modules = {*ran.stderr.split()}
        found = {each for each in families if f"simulator.cli.{each}" in modules}
        return found | ({"typer"} & modules)

    assert loaded("run", str(MAIL), "--all") == {"playing", "typer"}
    assert loaded("rules") == {"reference", "typer"}
    assert loaded("--help") == {*families, "typer"}
    assert loaded("run", str(MAIL)) == set(), "there is nothing to parse"


@pytest.mark.parametrize(
    "files",
    [
        ["scenarios/mail/2018.yaml"],
        ["scenarios/flagged", "scenarios/mail/2018.yaml"],
        ["scenarios/mail/*.yaml", "there/is/none.yaml"],
        ["scenarios/nothing/*.yaml"],
        ["README.md"],
        ["\udcff.yaml"],
        [""],
    ],
)
def test_files_alone_are_run_as_with_an_option(files: list[str]) -> None:
    assert command("run", *files) == command("run", *files, "--format", "text")
    command("--isolated", "config")
    assert command("run", *files) == command("run", *files, "--format", "text")


@pytest.mark.parametrize("options", [(), ("--format", "text")])
def test_an_interrupt_ends_a_run_with_status_130_and_no_word(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    path = tmp_path / "slow.yaml"
    os.mkfifo(path)
    program = [sys.executable, "-m", "simulator", "run", str(path), *options]
    # The file is open once the program reads it.
    with (
        subprocess.Popen(
            program,
            cwd=ROOT,
            stderr=subprocess.PIPE,
            # A test run in the background is started with SIGINT ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as running,
        path.open("wb"),
    ):
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=60)
    assert (running.returncode, told) == (130, b"")


def test_new_writes_a_scenario_that_runs_and_never_writes_over_one(tmp_path: Path) -> None:
    path = tmp_path / "monday.yaml"
    assert command("new", str(tmp_path / "monday")).status == 0
    assert command("run", str(path)).status == 0
    before = path.read_text()
    again = command("new", str(path))
    assert again.status == 2
    assert "exists" in again.err
    assert path.read_text() == before
    assert command("new", str(tmp_path / "no" / "such")).status == 2


def test_an_unknown_model_or_rule_is_told_with_the_nearest_one() -> None:
    for words in (("run", name_of(MAIL), "--model", "libvrt"), ("models", "libvrt")):
        outcome = command(*words)
        assert outcome.status == 2
        assert "did you mean libvirt?" in outcome.err
    assert "did you mean stale-bitmap?" in command("explain", "stale-bitmaps").err
    assert command("explain", "BT999").status == 2


def test_a_rule_that_inspect_finds_is_explained_as_its_page_has_it() -> None:
    page = (ROOT / "docs/inspect.md").read_text()
    codes = {**IN_REAL_CHAINS, **OF_FILES}
    assert re.findall(r"^\| ((?:BT|IN)\d+) \|", page, re.MULTILINE) == list(codes)
    for code, (name, found) in codes.items():
        told = command("explain", code)
        assert (told.status, told.out) == (0, command("explain", name).out)
        ruled = {rule.code: f" ({rule.severity})" for rule in checks.RULES}.get(code, "")
        assert told.out.partition("\n")[0] == f"# {code} {name}{ruled}"
        assert f"{found}." in told.out
        assert re.search(rf"\| {code} \| {name} \| \w+ \| {re.escape(found)} \|", page)


def test_models_and_rules_are_listed() -> None:
    assert [line.split()[0] for line in command("models").out.splitlines()] == [
        "mail-2018",
        "nir-2018",
        "libvirt-6.0",
        "libvirt",
        "qemu-single",
        "qemu",
        "QEMU:",
        "libvirt:",
    ]
    assert "S2.B1" in command("models", "libvirt").out
    assert "BT201  error    stale-bitmap" in command("rules").out


def test_schemas_are_json() -> None:
    assert json.loads(command("schema", "scenario").out)["title"]
    assert json.loads(command("schema", "run").out)["title"]


def test_the_module_is_the_command_and_output_to_a_file_has_no_colour() -> None:
    outcome = run_process("run", name_of(MAIL))
    assert outcome.returncode == 0
    assert outcome.stdout == command("run", name_of(MAIL)).out
    assert "\x1b" not in outcome.stdout


def test_names_that_the_terminal_cannot_show_are_escaped_and_not_a_traceback() -> None:
    text = GOOD.replace("S1", "日本")
    outcome = subprocess.run(
        [sys.executable, "-m", "simulator", "run", "-"],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        input=text.encode(),
        capture_output=True,
        check=False,
    )
    assert outcome.returncode == 0
    assert b"Traceback" not in outcome.stderr
    assert rb"\u65e5\u672c: |--|" in outcome.stdout


def test_a_reader_that_has_seen_enough_ends_the_command_quietly() -> None:
    python = shlex.quote(sys.executable)
    shell = f"{python} -m simulator run {' '.join([name_of(MAIL)] * 60)} | head -n 1"
    outcome = subprocess.run(
        ["bash", "-c", shell], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert outcome.stderr == ""
    assert outcome.stdout == "Incremental backups across a snapshot\n"


@pytest.mark.parametrize(
    ("redirection", "status"),
    [("<&-", 2), (">&-", 0), ("2>&-", 0), (">/dev/full", 2)],
)
def test_closed_and_full_streams_give_no_traceback(redirection: str, status: int) -> None:
    files = "-" if redirection == "<&-" else name_of(MAIL)
    outcome = subprocess.run(
        ["bash", "-c", f"{shlex.quote(sys.executable)} -m simulator run {files} {redirection}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in outcome.stderr
    assert outcome.returncode == status


def test_a_timeline_with_nothing_in_it_has_an_empty_document() -> None:
    text = "scenario: x\ndisk: 8\ntimeline: []\n"
    document = json.loads(command("run", "-", "--format", "json", stdin=text).out)
    assert document["frames"] == []
    assert command("run", "-", stdin=text).status == 0


def test_judging_costs_about_as_much_a_backup_in_a_long_chain_as_in_a_short_one() -> None:
    """A guard against work that grows with the square of a chain, not a benchmark."""

    def seconds(days: int) -> float:
        lines = ["scenario: x", "model: mail-2018", "disk: 8", "timeline:"]
        lines += ["  - {at: T0, do: [create: {image: S1, bitmap: c0}]}"]
        for day in range(1, days + 1):
            step = f"{{backup: {{since: c{day - 1}, to: i{day}, checkpoint: c{day}}}}}"
            lines += ["  - write: AA------", f"  - {{at: T{day}, do: [{step}]}}"]
        timeline = simulator.loads("\n".join(lines)).run().timeline
        begun = process_time()
        checks.judge(timeline)
        return process_time() - begun

    assert seconds(400) < 40 * max(seconds(50), 0.002)


def test_colour_is_for_terminals_and_no_color_turns_it_off() -> None:
    painted = _on_a_terminal({})
    plain = _on_a_terminal({"NO_COLOR": "1"})
    assert b"\x1b[1;31merror[BT201]" in painted
    assert b"\x1b" not in plain
    assert b"error[BT201]" in plain


def _on_a_terminal(environment: dict[str, str]) -> bytes:
    """Return what the command prints on a terminal of its own."""
    import pty

    ours, theirs = pty.openpty()
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")}
    with subprocess.Popen(
        [sys.executable, "-m", "simulator", "check", name_of(MAIL)],
        cwd=ROOT,
        env={**env, "TERM": "xterm", **environment},
        stdout=theirs,
        stdin=subprocess.DEVNULL,
    ):
        os.close(theirs)
        printed = b""
        try:
            while part := os.read(ours, 4096):
                printed += part
        except OSError:
            pass  # Linux says so when the other side has closed the terminal.
    os.close(ours)
    return printed
