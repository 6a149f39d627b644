"""Internal snapshots, what jobs of libvirt leave behind, and images that two disks share."""

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.inspect.image import tables
from tests.checkout import command
from tests.hosts.real import need_qemu
from tests.inspect.helps import same_data, try_help
from tests.inspect.images import bitmap, call, create, leave_open, libvirt_chain, write


@pytest.fixture(autouse=True)
def _qemu() -> None:
    need_qemu()


def document(*paths: Path) -> Any:
    return json.loads(command("inspect", *map(str, paths), "--format", "json").out)


def keep(path: Path, name: str) -> None:
    call("qemu-img", "snapshot", "-c", name, path)


def kept(folder: Path) -> Path:
    """Make an image that keeps two states, on a base that keeps one."""
    base = create(folder / "S1.qcow2")
    write(base, "write -P 65 0 128k")
    keep(base, "monday")
    write(base, "write -P 66 64k 128k", "write -z 448k 64k")
    active = create(folder / "S2.qcow2", backing=base)
    keep(active, "empty")
    write(active, "write -P 67 256k 64k")
    keep(active, "later one")
    write(active, "write -P 68 256k 128k")
    return active


def test_internal_snapshots_are_drawn_and_told(tmp_path: Path) -> None:
    active = kept(tmp_path)
    outcome = command("inspect", str(active))
    assert outcome.status == 0
    assert "IMAGE@NAME is a state that is kept inside the image\n" in outcome.out
    assert outcome.out.split("\n\n")[1].splitlines() == [
        "S1:        |AAA----0| <- S2:           |----BB--|",
        "S1@monday: |AA------|    S2@empty:     |--------|",
        "                         S2@later one: |----B---|",
        "guest sees: |AAA-BB--|",
    ]
    told = document(active)
    assert told["disks"]["vda"]["files"]["S1"]["snapshots"] == [
        {"name": "monday", "size": 524288, "cells": "AA------"}
    ]
    assert [each["code"] for each in told["findings"]] == ["IN109", "IN109"]
    assert (
        "S2 keeps 2 internal snapshots inside: empty and later one"
        in told["findings"][0]["message"]
    )


def test_the_help_shows_the_state_that_was_kept(tmp_path: Path) -> None:
    path = create(tmp_path / "S1.qcow2")
    write(path, "write -P 65 0 128k")
    before, shown = tmp_path / "before.qcow2", tmp_path / "shown.qcow2"
    call("qemu-img", "convert", "-O", "qcow2", path, before)
    keep(path, "monday")
    write(path, "write -P 66 64k 128k")
    (finding,) = document(path)["findings"]
    try_help(finding["help"].partition("; leave")[0], NEW=shown)
    assert same_data(shown, before)


def test_a_scenario_keeps_the_states_where_writes_lead_to_them(tmp_path: Path) -> None:
    scenario = command("inspect", str(kept(tmp_path)), "--format", "scenario").out
    assert "# vda: S2 keeps the state later one inside.\n" in scenario
    # libvirt has no note of a snapshot that it did not make itself.
    playing = ("run", "-", "--format", "json", "--model", "qemu")
    for back, seen in (("monday", "AA------"), ("", "AAA----0")):
        steps, _, _ = scenario.partition("      - snapshot: S2")
        steps += f"      - revert: {back}\n" if back else ""
        played = command(*playing, stdin=steps)
        assert (played.status, played.err) == (0, ""), steps
        assert json.loads(played.out)["frames"][-1]["disks"]["vda"]["images"]["S1"] == seen
    played = command(*playing, stdin=f"{scenario}      - revert: later one\n")
    assert played.status == 0, played.out + played.err
    assert json.loads(played.out)["frames"][-1]["disks"]["vda"]["guest"] == "AAA-B---"


def test_a_state_that_no_write_leads_to_is_left_out_and_told(tmp_path: Path) -> None:
    path = create(tmp_path / "S1.qcow2")
    write(path, "write 64k 64k")
    keep(path, "sunday")
    write(path, "write 0 64k")
    keep(path, "monday")
    call("qemu-img", "snapshot", "-a", "sunday", path)
    bitmap(path, "--add", "B1")
    write(path, "write 128k 64k")
    seen = document(path)["disks"]["vda"]
    scenario = command("inspect", str(path), "--format", "scenario").out
    assert seen["images"]["S1"] == "-AA-----"
    assert "# vda: S1 keeps the state monday inside; it is left out.\n" in scenario
    assert "# vda: S1 keeps the state sunday inside.\n" in scenario
    played = command("run", "-", "--format", "json", stdin=scenario)
    assert (played.status, played.err) == (0, "")
    last = json.loads(played.out)["frames"][-1]["disks"]["vda"]
    assert (last["images"], last["bitmaps"]) == (seen["images"], seen["bitmaps"])


@pytest.mark.parametrize("broken", [False, True])
def test_what_a_job_left_behind_is_told_and_goes(tmp_path: Path, broken: bool) -> None:
    active = libvirt_chain(tmp_path)
    bitmap(tmp_path / "vm.qcow2", "--add", "libvirt-tmp-activewrite")
    if broken:
        leave_open(tmp_path / "vm.qcow2")
    found = document(active)["findings"]
    finding = found[-1]
    assert [each["code"] for each in found] == (["BT104"] if broken else []) + ["IN108"]
    assert finding["severity"] == "warning"
    assert "libvirt-tmp-activewrite on vm is left by a job of libvirt" in finding["message"]
    try_help(finding["help"])
    assert "IN108" not in [each["code"] for each in document(active)["findings"]]


def clones(folder: Path) -> tuple[Path, Path, Path]:
    base = create(folder / "base.qcow2")
    write(base, "write -P 65 0 256k")
    one, two = (create(folder / f"{name}.qcow2", backing=base) for name in ("one", "two"))
    write(one, "write -P 66 0 64k")
    write(two, "write -P 67 64k 64k")
    return base, one, two


def test_a_base_of_two_disks_is_told_and_the_help_parts_them(tmp_path: Path) -> None:
    base, one, two = clones(tmp_path)
    before = tmp_path / "before.qcow2"
    call("qemu-img", "convert", "-O", "qcow2", one, before)
    (finding,) = document(one, two)["findings"]
    assert (finding["code"], finding["file"]) == ("IN110", str(base))
    assert len(finding["notes"]) == 1
    try_help(finding["help"])
    call("qemu-img", "commit", "-q", two)
    assert same_data(one, before)
    assert document(one, two)["findings"] == []


def test_a_disk_that_was_committed_into_what_another_one_sees(tmp_path: Path) -> None:
    base, one, two = clones(tmp_path)
    keep(base, "monday")
    third = create(tmp_path / "three.qcow2", backing=base)
    call("qemu-img", "commit", "-q", "-d", one)
    told = document(one, two, third)
    assert [each["code"] for each in told["findings"]] == ["IN109", "IN110"]
    shared = told["findings"][-1]
    assert "base is the base of one, two and three" in shared["message"]
    assert "base was written to after one, two and three were" in shared["notes"][1]


def test_names_of_states_that_a_step_cannot_have_are_changed(tmp_path: Path) -> None:
    path = create(tmp_path / "S1.qcow2")
    write(path, "write 0 64k")
    for name in ("a|b", "a_b", "yes", "T 1"):
        keep(path, name)
    drawn = command("inspect", str(path)).out
    assert "S1@a\\x7cb: |A-------|\n" in drawn
    scenario = command("inspect", str(path), "--format", "scenario").out
    played = command("run", "-", stdin=scenario)
    assert (played.status, played.err) == (0, "")


def test_tables_of_a_hostile_file_cost_no_more_than_their_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = create(tmp_path / "S1.qcow2")
    write(path, "write 0 128k")
    for number in range(4):
        keep(path, f"day {number}")
    monkeypatch.setattr(tables.Tables.__init__, "__defaults__", (20_000,))
    told = document(path)["disks"]["vda"]["files"]["S1"]["snapshots"]
    assert [each["cells"] for each in told] == ["AA------"] * 2 + ["????????"] * 2
    scenario = command("inspect", str(path), "--format", "scenario").out
    assert "S1 keeps the state day 3 inside; it is left out" in scenario
    assert command("run", "-", stdin=scenario).status == 0
