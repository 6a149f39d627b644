"""What doctor says of real folders of virtnbdbackup is so, by content."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import simulator
from simulator.doctor.health.codes import CODES
from tests.checkout import ROOT, Outcome, command
from tests.doctor.folders import ANSWERS, lay, state_of, unpack
from tests.hosts.real import need_qemu

SAMPLES = tuple(ANSWERS)


def doctor(*arguments: object) -> Outcome:
    return command("doctor", *map(str, arguments))


def told(folder: Path, *more: object) -> dict[str, Any]:
    return dict(json.loads(doctor(folder, *more, "-f", "json").out))


def codes(document: dict[str, Any]) -> list[str]:
    return [finding["code"] for finding in document["findings"]]


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_state_can_be_restored_by_the_files_that_give_it_and_by_no_others(
    sample: str, tmp_path: Path
) -> None:
    folder = unpack(sample, tmp_path)
    (read,) = told(folder)["folders"]
    states = {state["name"]: state for state in read["states"]}
    answers = ANSWERS[sample]
    for instant, files in answers["restorable"].items():
        state = states[state_of(sample, instant)]
        assert state["restorable"]
        assert [name for stack in state["from"].values() for name in stack] == files
        if sample != "compressed":
            for disk, stack in state["from"].items():
                assert lay(folder, stack) == answers["instants"][instant][disk]
    for instant in set(answers["not_restorable"]) - {"killed"}:
        assert not states[state_of(sample, instant)]["restorable"]


@pytest.mark.parametrize(
    ("sample", "found"),
    [
        ("one-disk", ["DR106"]),
        ("two-disks", ["DR106"]),
        ("compressed", []),
        ("file-removed", ["DR101"]),
        ("stream-cut", ["DR102"]),
        ("increment-lost", ["DR101"]),
        ("qemu-killed", []),
    ],
)
def test_what_is_wrong_with_a_folder_is_told_once(
    sample: str, found: list[str], tmp_path: Path
) -> None:
    assert codes(told(unpack(sample, tmp_path))) == found


def test_the_tools_own_restore_is_named_only_where_it_gives_the_state(tmp_path: Path) -> None:
    (read,) = told(unpack("two-disks", tmp_path))["folders"]
    ways = {state["name"]: state["how"] for state in read["states"]}
    assert ways["virtnbdbackup.1"].endswith("--until virtnbdbackup.1")
    assert "virtnbdrestore" not in ways["virtnbdbackup.2"]
    assert ways["virtnbdbackup.3"].endswith("--until virtnbdbackup.3")


def test_a_file_that_was_touched_comes_at_another_place_for_the_tool(tmp_path: Path) -> None:
    folder = unpack("file-removed", tmp_path)
    os.utime(folder / "vda.inc.virtnbdbackup.2.data")
    document = told(folder)
    assert "DR105" in codes(document)
    late = next(each for each in document["findings"] if each["code"] == "DR105")
    assert "stands on vda.inc.virtnbdbackup.2.data" in late["message"]


def test_checkpoints_are_held_against_the_image_that_a_kill_left(tmp_path: Path) -> None:
    need_qemu()
    folder = unpack("qemu-killed", tmp_path)
    document = told(folder, folder.parent / "vda.qcow2")
    assert codes(document) == ["DR108", "DR109"]
    missing, broken = document["findings"]
    assert "vda has no bitmap of virtnbdbackup.2" in missing["message"]
    assert "checkpoint-delete vm virtnbdbackup.2 --metadata" in missing["help"]
    assert "virtnbdbackup.0 and virtnbdbackup.1" in broken["message"]
    assert "--metadata" not in broken["help"]
    alone = told(folder.parent / "vda.qcow2", "--checkpoints", folder / "checkpoints")
    assert codes(alone) == ["DR108", "DR109"]


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_scenario_goes_on_from_a_folder_and_restores_what_it_gives(
    sample: str, tmp_path: Path
) -> None:
    text = doctor(unpack(sample, tmp_path), "-f", "scenario").out
    run = simulator.loads(text).run()
    answers = ANSWERS[sample]
    restored = {(row["of"], row["disk"]) for row in run.document()["restores"]}
    assert len({of for of, _ in restored}) == len(answers["restorable"])
    assert {finding.code for finding in run.findings} <= {"BT305"}
    assert bool(run.findings) == bool(set(answers["not_restorable"]) - {"killed"})


def test_a_document_of_another_machine_is_told(tmp_path: Path) -> None:
    folder = unpack("one-disk", tmp_path)
    document = folder / "checkpoints" / "virtnbdbackup.1.xml"
    document.write_text(document.read_text().replace("<name>vm</name>", "<name>other</name>"))
    (finding,) = [f for f in told(folder)["findings"] if f["code"] == "DR111"]
    assert "of the machine other" in finding["message"]


def test_a_list_and_documents_that_do_not_go_together(tmp_path: Path) -> None:
    folder = unpack("one-disk", tmp_path)
    (folder / "checkpoints" / "virtnbdbackup.1.xml").unlink()
    assert {"DR110", "DR112"} <= set(codes(told(folder)))


def test_what_a_run_left_unfinished_and_files_under_each_others_names(tmp_path: Path) -> None:
    folder = unpack("one-disk", tmp_path)
    first = folder / "vda.inc.virtnbdbackup.1.data"
    shutil.copy2(first, folder / "vda.inc.virtnbdbackup.9.data")
    shutil.copy2(first, folder / "vda.inc.virtnbdbackup.4.data.partial")
    found = codes(told(folder))
    assert "DR103" in found
    assert "DR104" in found


@pytest.mark.parametrize("length", [0, 20, 39, 60, 300, 380, 131_400])
def test_a_stream_that_is_cut_anywhere_is_told(length: int, tmp_path: Path) -> None:
    folder = unpack("one-disk", tmp_path)
    path = folder / "vda.inc.virtnbdbackup.1.data"
    os.truncate(path, length)
    ended = doctor(folder)
    assert "Traceback" not in ended.err
    if length < 378:  # Its head and its description.
        assert ended.status == 2
        assert "cut off" in ended.err
    else:
        assert ended.status == 1
        assert "DR102" in ended.out
    assert "virtnbdbackup.2  2026-11-29T14:26:48  cannot be restored" in ended.out


def test_the_page_has_every_code_and_what_is_printed(
    tmp_path: Path,
) -> None:
    page = (ROOT / "docs/doctor.md").read_text()
    for code, (name, found) in CODES.items():
        assert f"| {code} | {name} | {found} |" in page
    folder = unpack("stream-cut", tmp_path)
    out = doctor(folder).out.replace(str(folder), "backup")
    (shown,) = re.findall(r"```\n\$ [^\n]*\n(.*?)```", page, re.DOTALL)
    # How findings are broken over lines depends on how long the folder's name is.
    assert out.partition("error[")[0] == shown.partition("error[")[0]
    assert out.splitlines()[-1] == shown.splitlines()[-1]


def test_the_words_and_figures_of_a_cut_stream(tmp_path: Path) -> None:
    out = doctor(unpack("stream-cut", tmp_path)).out
    assert "vda: |AAAABBAA------------B-------------------------------------------|" in out
    assert "it has no\n    stop frame, so virtnbdbackup.2 and virtnbdbackup.3 cannot" in out
    assert out.endswith("2 of 4 states can be restored, 1 finding\n")
    assert out.isascii()
