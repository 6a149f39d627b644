"""What `inspect` advises is done with real programs, and cures what it was advised for."""

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.inspect.health.codes import IN_REAL_CHAINS, OF_FILES
from simulator.inspect.image import qcow2
from tests.checkout import command
from tests.hosts.real import need_qemu
from tests.inspect.helps import commands_in, same_data, try_help
from tests.inspect.images import bitmap, call, create, leave_open, write


@pytest.fixture(autouse=True)
def _qemu() -> None:
    need_qemu()


def findings(*paths: Path) -> list[dict[str, Any]]:
    told = json.loads(command("inspect", *map(str, paths), "--format", "json").out)
    found: list[dict[str, Any]] = told["findings"]
    return found


def only(path: Path, code: str) -> dict[str, Any]:
    (found,) = findings(path)
    assert found["code"] == code
    return found


def chain(folder: Path, *bitmaps: str) -> Path:
    """Make a chain with an image for each text, which names its bitmaps."""
    path: Path | None = None
    for number, names in enumerate(bitmaps, start=1):
        path = create(folder / f"S{number}.qcow2", backing=path)
        for name in names.split():
            bitmap(path, "--add", name)
        write(path, f"write -P {number} {number * 64}k 64k")
    assert path is not None, "a chain has an image"
    return path


FOREIGN = "of:me"
"""No name that libvirt takes for a checkpoint."""


def test_an_overlay_made_outside_is_committed_back(tmp_path: Path) -> None:
    active = chain(tmp_path, "B1", "B1", "")
    found = only(active, "BT101")
    assert "virsh checkpoint-delete DOMAIN B1" in found["help"]
    assert commands_in(found["help"]) == [f"qemu-img commit {active}"]
    seen = tmp_path / "seen.qcow2"
    call("qemu-img", "convert", "-O", "qcow2", active, seen)
    try_help(found["help"])
    below = tmp_path / "S2.qcow2"
    assert findings(below) == []
    assert same_data(below, seen)
    told = json.loads(command("inspect", str(below), "--format", "json").out)
    marks = {each["node"]: each["cells"] for each in told["disks"]["vda"]["bitmaps"]}
    assert marks["S2"] == "--XX----"


def test_bitmaps_that_are_not_libvirts_are_removed_by_qemu(tmp_path: Path) -> None:
    active = chain(tmp_path, FOREIGN, "")
    found = only(active, "BT101")
    assert "virsh" not in found["help"]
    try_help(found["help"].partition("; or ")[2])
    assert findings(active) == []
    broken = chain(tmp_path, FOREIGN)
    leave_open(broken)
    try_help(only(broken, "BT104")["help"])
    assert findings(broken) == []


@pytest.mark.parametrize("name", ["B1", "virtnbdbackup.0"])
def test_an_inconsistent_bitmap_asks_whose_it_is(tmp_path: Path, name: str) -> None:
    path = chain(tmp_path, name)
    leave_open(path)
    help = only(path, "BT104")["help"]
    assert f"virsh checkpoint-delete DOMAIN {name} (with --metadata" in help
    if name == "B1":
        assert help.index("virsh") < help.index("qemu-img")
        try_help(help)
        assert findings(path) == []
    else:
        assert commands_in(help) == []


def test_a_name_on_both_sides_of_a_gap_is_given_up(tmp_path: Path) -> None:
    active = chain(tmp_path, "B1", "", "B1")
    assert "delete the old one: virsh checkpoint-delete DOMAIN B1" in only(active, "BT102")["help"]
    # What libvirt does with it: the bitmap goes from each image, and one of another name begins.
    for image in ("S1", "S3"):
        bitmap(tmp_path / f"{image}.qcow2", "--remove", "B1")
    bitmap(active, "--add", "B2")
    assert findings(active) == []


def test_a_bitmap_that_stopped_is_merged_with_the_next(tmp_path: Path) -> None:
    path = chain(tmp_path, "B1")
    bitmap(path, "--disable", "B1")
    bitmap(path, "--add", "B2")
    write(path, "write 448k 64k")
    assert "merge it with the bitmaps that were made after it" in only(path, "BT103")["help"]
    call("qemu-img", "bitmap", "--merge", "B1", path, "B2")
    bitmap(path, "--remove", "B1")
    assert findings(path) == []
    told = json.loads(command("inspect", str(path), "--format", "json").out)
    assert told["disks"]["vda"]["bitmaps"][0]["cells"] == "-X-----X"


def test_a_resized_overlay_is_committed_back(tmp_path: Path) -> None:
    active = chain(tmp_path, "B1", "B1")
    call("qemu-img", "resize", "-q", active, "1M")
    assert f"(qemu-img commit {active}" in only(active, "BT106")["help"]
    try_help(only(active, "BT106")["help"])
    assert findings(tmp_path / "S1.qcow2") == []


def test_an_older_bitmap_of_the_name_is_removed(tmp_path: Path) -> None:
    chain(tmp_path, "B1", "")
    active = tmp_path / "S2.qcow2"
    bitmap(active, "--add", "B1")
    try_help(only(active, "BT109")["help"])
    assert findings(active) == []


def test_a_backing_image_that_went_elsewhere_is_found_again(tmp_path: Path) -> None:
    active = chain(tmp_path, "B1", "B1")
    elsewhere = (tmp_path / "S1.qcow2").rename(tmp_path / "moved.qcow2")
    try_help(only(active, "IN101")["help"], FILE=elsewhere, FORMAT="qcow2")
    assert findings(active) == []


def test_a_loop_is_undone(tmp_path: Path) -> None:
    active = chain(tmp_path, "B1", "B1", "B1")
    middle = tmp_path / "S2.qcow2"
    call("qemu-img", "rebase", "-u", "-b", active.name, "-F", "qcow2", middle)
    try_help(only(active, "IN102")["help"], BASE="S1.qcow2", FORMAT="qcow2")
    assert findings(active) == []


def test_an_old_version_is_raised(tmp_path: Path) -> None:
    old = create(tmp_path / "old.qcow2", options=["-o", "compat=0.10"])
    try_help(only(old, "IN107")["help"])
    bitmap(old, "--add", "B1")
    assert findings(old) == []


def test_bits_of_too_many_runs_are_told_to_be_rounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = create(tmp_path / "S1.qcow2")
    bitmap(path, "--add", "B1")
    write(path, *(f"write {number * 128}k 64k" for number in range(4)))
    monkeypatch.setattr(qcow2, "RUNS_MAX", 3)
    (finding,) = findings(path)
    assert (finding["code"], finding["severity"]) == ("IN106", "info")
    assert "B1 on S1 has too many runs to draw" in finding["message"]


def test_every_code_is_found_by_some_test() -> None:
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert [code for code in {**IN_REAL_CHAINS, **OF_FILES} if code not in text] == []
