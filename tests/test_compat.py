"""The regression check: each backup is asked by content, records say what they are of."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

import simulator
from simulator.compare.compat.found import find_differences
from simulator.compare.compat.kinds import KINDS
from tests.checkout import ROOT, Outcome, command

TWO = """\
scenario: two full backups
model: libvirt
disk: 4
timeline:
  - at: T1
    do: [{create: S1}]
  - write: A---
  - at: T2
    do: [{snapshot: S2}]
  - write: -B--
  - at: T3
    do: [{backup: {to: first.bak}}]
  - at: T4
    do: [{backup: {to: second.bak}}]
"""

LOWER = """\
from simulator.apis.libvirt import Libvirt


class Lower(Libvirt):
    id = "lower"
    title = "one backup reads the base"

    def backup(self, machine, request):
        if request.to == "second.bak":
            request = request._replace(image="S1")
        return super().backup(machine, request)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with scenarios of one name in two places; commands run in `project`."""
    for place in ("project/a", "a", "project/b"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "project" / "a" / "x.yaml").write_text(TWO)
    (tmp_path / "a" / "x.yaml").write_text(TWO.replace("A---", "C---"))
    (tmp_path / "project" / "b" / "y.yaml").write_text(TWO.replace("two", "other"))
    (tmp_path / "project" / "lower.py").write_text(LOWER)
    return tmp_path / "project"


def run(folder: Path, *words: str) -> Outcome:
    """Run a command as if in a folder."""
    before = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.checkout.ROOT", folder)
        try:
            return command(*words)
        finally:
            os.chdir(before)


def test_a_full_backup_that_lost_data_is_an_error_whatever_else_has_the_instant(
    folder: Path,
) -> None:
    outcome = run(folder, "compat", "libvirt", "lower.py", "a/x.yaml")
    assert outcome.status == 1
    assert (
        "  ERR  other-data: line 14, T4: second.bak holds other data, and does\n"
        "       not give back T3, T4\n"
        "       second.bak, libvirt: |AB00|\n"
        "       second.bak, lower:   |A000|\n"
    ) in outcome.out
    assert "copied" not in outcome.out
    back = run(folder, "compat", "lower.py", "libvirt", "a/x.yaml")
    assert back.status == 1
    assert "does\n       not give back T2\n" in back.out
    assert "with it: T2: T2 could be restored, and cannot be any more" in back.out


def changed(**backups: dict[str, Any]) -> tuple[Any, Any]:
    """Return a run of two full backups, and the same with some of what it says of them changed."""
    old: Any = simulator.loads(TWO).run().document()
    new = json.loads(json.dumps(old))
    for name, change in backups.items():
        new["backups"][f"{name}.bak"].update(change)
    return old, new


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"cells": "A000"}, "other-data", "second.bak holds other data, and does not give back"),
        ({"cells": "ABC0"}, "other-data", "second.bak holds other data, and does not give back"),
        ({"status": "failed", "usable": False}, "lost-backup", "was completed, and is failed now"),
        ({"status": "deleted"}, "lost-backup", "was completed, and is deleted now"),
        ({"torn": True}, "other-data", "second.bak holds other data, and does not give back"),
    ],
)
def test_each_way_to_lose_a_backup_is_an_error(
    change: dict[str, Any], kind: str, message: str
) -> None:
    old, new = changed(second=change)
    found = find_differences(old, new)
    assert [(each.kind, each.level, each.line) for each in found if each.level == "ERR"] == [
        (kind, "ERR", 14)
    ]
    assert message in found[0].message


def test_equal_is_never_more() -> None:
    old, new = changed(second={"cells": "AB--"})
    assert find_differences(old, new) == ()
    text = (
        "scenario: s\ndisk: 4\ntimeline:\n"
        "  - {at: T1, do: [create: S1, backup: {to: f, checkpoint: c}]}\n  - write: AA--\n"
        "  - {at: T2, do: [backup: {to: i, since: c}]}\n"
    )
    old = simulator.loads(text).run().document()
    new = json.loads(json.dumps(old))
    new["backups"]["i"]["cells"] = "AA0-"
    (found,) = find_differences(old, new)
    assert (found.kind, found.level) == ("other-clusters", "INFO")


def test_a_backup_that_is_not_made_any_more_without_a_refusal_is_lost() -> None:
    old, new = changed()
    del new["backups"]["second.bak"]
    (found,) = find_differences(old, new)
    assert (found.kind, found.message) == (
        "lost-backup",
        "second.bak was completed, and is not made now",
    )


def test_what_follows_from_a_refusal_is_folded_below_it() -> None:
    outcome = command("compat", "libvirt", "mail-2018", "scenarios/valid/shallow-copy.yaml")
    assert outcome.status == 1
    assert (
        "  ERR  refused-now: line 24, T4: accepted before, refused now\n"
        "       mail-2018: Dirty bitmap 'c1' not found\n"
        "       with it: line 25, T4: accepted before, refused now\n"
        "       with it: line 24, T4: inc.bak was completed, and is not made now\n"
        "       with it: T4: again was T4, and is not made now\n"
        "       with it: T4: T4 could be restored, and cannot be any more\n"
        "  ERR  wrong-now: line 16, T3: BT108"
    ) in outcome.out
    assert outcome.out.endswith("1 scenario, 1 of them with differences: 2 ERR, 0 WARN, 0 INFO\n")


def test_records_of_two_files_are_kept_apart_or_refused(folder: Path) -> None:
    two = run(folder, "record", "a/x.yaml", "../a/x.yaml", "-o", "base")
    assert (two.status, two.out) == (0, "2 run documents written below base\n")
    assert {p.relative_to(folder / "base").as_posix() for p in (folder / "base").rglob("*.*")} == {
        "a/x.jsonl",
        "x.jsonl",
    }
    same = run(folder, "compat", "base", "a/x.yaml", "../a/x.yaml")
    assert (same.status, same.err) == (0, "")
    far = "/".join([os.pardir, os.pardir, "a", "x.yaml"])
    outside = run(folder / "b", "record", "../a/x.yaml", far, "-o", "more")
    assert outside.status == 2
    assert f"../a/x.yaml and {far} would both be written to more/x.jsonl" in outside.err
    assert "--root names a folder" in outside.err
    assert not (folder / "b" / "more").exists()


def test_a_baseline_says_nothing_of_the_machine_and_is_found_from_elsewhere(folder: Path) -> None:
    whole = str(folder / "a")
    assert run(ROOT, "record", whole, "-o", str(folder / "base")).status == 0
    text = (folder / "base" / "x.jsonl").read_text()
    assert str(folder) not in text
    assert json.loads(text.splitlines()[0])["file"] == "x.yaml"
    base = str(folder / "base")
    assert run(ROOT, "compat", base, whole).status == 0
    assert run(folder / "b", "compat", "../base", "../a/x.yaml", "--root", "../a").status == 0
    rooted = run(folder, "record", "a", "b", "-o", "rooted", "--root", ".")
    assert rooted.status == 0
    again = run(folder / "b", "compat", "../rooted", "y.yaml", "--root", "..")
    assert (again.status, again.err) == (0, "")
    other = run(folder, "compat", "rooted", "../a/x.yaml", "--root", ".")
    assert other.status == 2
    assert "../a/x.yaml is not below ." in other.err


def test_an_edited_scenario_is_not_taken_for_a_change_of_semantics(folder: Path) -> None:
    assert run(folder, "record", ".", "-o", "base").status == 0
    path = folder / "a" / "x.yaml"
    path.write_text(TWO.replace("A---", "A-A-"))
    edited = run(folder, "compat", "base", "a", "b")
    assert edited.status == 2
    assert "a/x.yaml changed since it was recorded" in edited.err
    assert "record it again" in edited.err
    assert edited.out == "1 scenario, 0 of them with differences: 0 ERR, 0 WARN, 0 INFO\n"
    path.write_text(TWO.replace("\n", "\r\n"))
    assert run(folder, "compat", "base", "a/x.yaml").status == 0
    path.write_text(TWO.replace("two full", "three"))
    other = run(folder, "compat", "base", "a/x.yaml")
    assert other.status == 2
    assert "this is a record of another scenario: two full backups" in other.err


def test_rows_of_a_baseline_are_told_from_those_of_now(folder: Path) -> None:
    assert run(folder, "record", "a", "-o", "base").status == 0
    outcome = run(folder, "compat", "base", "lower.py", "a")
    assert "second.bak, baseline: |AB00|\n       second.bak, now:      |A000|\n" in outcome.out
    first = json.loads((folder / "base" / "a" / "x.jsonl").read_text().splitlines()[0])
    assert set(first["recorded"]) == {"scenario", "model", "program", "version"}
    assert run(folder, "record", "a", "-o", "lower", "--model", "lower.py").status == 0
    second = json.loads((folder / "lower" / "a" / "x.jsonl").read_text().splitlines()[0])
    made = [each["recorded"] for each in (first, second)]
    assert [made[0][key] == made[1][key] for key in ("scenario", "model", "program")] == [
        True,
        False,
        True,
    ]
    both = run(folder, "compat", "base", "lower", "a")
    assert both.status == 1
    assert "second.bak, baseline base: " in both.out


def test_a_baseline_of_another_model_than_the_scenarios_is_told(folder: Path) -> None:
    assert run(folder, "record", "a", "-o", "base", "--model", "mail-2018").status == 0
    outcome = run(folder, "compat", "base", "a")
    assert outcome.err == (
        "warning: base is of mail-2018, and 1 scenario here of libvirt: name mail-2018 as NEW\n"
    )
    assert run(folder, "compat", "base", "mail-2018", "a").err == ""


def test_without_a_second_one_each_scenario_is_played_under_its_own_model(tmp_path: Path) -> None:
    base = str(tmp_path / "base")
    assert command("record", "scenarios/valid", "-o", base).status == 0
    outcome = command("compat", base, "scenarios/valid")
    assert outcome.status == 0
    assert ", 0 of them with differences: 0 ERR, 0 WARN, 0 INFO\n" in outcome.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("libvirt", "libvrt", "scenarios/mail"), "did you mean libvirt?"),
        (("libvirt", "libvirt-6.0"), "no scenario is named"),
        (("libvirt", "scenarios/none/*.yaml"), "no scenario fits scenarios/none/*.yaml"),
        (("libvirt", "docs"), "no scenario in docs"),
    ],
)
def test_what_cannot_be_held_against_anything_is_told(words: tuple[str, ...], told: str) -> None:
    outcome = command("compat", *words)
    assert (outcome.status, outcome.out) == (2, "")
    assert told in outcome.err


def test_a_review_comes_as_markdown(folder: Path) -> None:
    outcome = run(folder, "compat", "libvirt", "lower.py", "a/x.yaml", "--format", "markdown")
    assert outcome.out.startswith("**1 scenario, 1 of them with differences: 1 ERR, 0 WARN, 2 INFO")
    assert "| ERR | other-data | line 14, T4 | second.bak holds other data" in outcome.out
    assert "\n```text\nother-data, line 14, T4\n  second.bak, libvirt: |AB00|\n" in outcome.out


def test_every_kind_is_in_the_table_of_the_page() -> None:
    page = (ROOT / "docs" / "proposals.md").read_text()
    for kind, (level, _) in KINDS.items():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| {level} |")]
        assert f"`{kind}`" in row


def test_timelines_that_nobody_wrote_are_compared_beside_the_scenarios(tmp_path: Path) -> None:
    words = ("compat", "libvirt", "libvirt@9.0", "scenarios/mail/2018.yaml", "--explore")
    outcome = command(*words, str(tmp_path / "d"))
    assert outcome.status == 1
    assert f"{tmp_path}/d/differs-1.yaml" in outcome.out
    assert "ERR  refused-now" in outcome.out
    found = tmp_path / "d" / "differs-1.yaml"
    assert command("compat", "libvirt", "libvirt@9.0", str(found)).status == 1


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("libvirt", "libvirt", "both of the models are libvirt"),
        ("libvirt", "BASE", "--explore needs two models"),
        ("BASE", "libvirt", "--explore needs two models"),
    ],
)
def test_exploring_takes_two_models(old: str, new: str, told: str, tmp_path: Path) -> None:
    base = str(tmp_path / "base")
    scenario = "scenarios/mail/2018.yaml"
    assert command("record", scenario, "-m", "libvirt", "-o", base).status == 0
    words = [base if word == "BASE" else word for word in (old, new)]
    outcome = command("compat", *words, scenario, "--explore", str(tmp_path / "d"))
    assert outcome.status == 2
    assert told in outcome.err
