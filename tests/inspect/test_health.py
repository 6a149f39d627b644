"""What `inspect` says of chains that are unhealthy, by the rules that libvirt goes by."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.checkout import command
from tests.hosts.real import need_qemu
from tests.inspect.images import bitmap, call, create, leave_open, write


@pytest.fixture(autouse=True)
def _qemu() -> None:
    need_qemu()


def findings(path: Path) -> list[dict[str, Any]]:
    outcome = command("inspect", str(path), "--format", "json")
    told: list[dict[str, Any]] = json.loads(outcome.out)["findings"]
    failing = any(each["severity"] == "error" for each in told)
    assert outcome.status == int(failing)
    assert all(each["message"] and isinstance(each["help"], str) for each in told)
    return told


def codes(path: Path) -> list[str]:
    return [each["code"] for each in findings(path)]


def chain(folder: Path, *bitmaps: str) -> Path:
    """Make a chain with an image for each text, which names its bitmaps."""
    path: Path | None = None
    for number, names in enumerate(bitmaps, start=1):
        path = create(folder / f"S{number}.qcow2", backing=path)
        for name in names.split():
            bitmap(path, "--add", name)
        write(path, f"write {number * 64}k 64k")
    assert path is not None, "a chain has an image"
    return path


def test_every_image_with_the_name_is_healthy(tmp_path: Path) -> None:
    assert codes(chain(tmp_path, "B1", "B1 B2", "B1 B2")) == []


def test_an_overlay_made_outside_lacks_the_bitmap(tmp_path: Path) -> None:
    (found,) = findings(chain(tmp_path, "B1 B2", "B1 B2", ""))
    assert (found["code"], found["rule"]) == ("BT101", "bitmap-missing")
    assert "no bitmap B1 or B2; S2 below it has" in found["message"]
    assert "knows nothing of bitmaps" in found["notes"][0]
    assert found["notes"][1] == "1 cluster of S3 is in no bitmap of that name"


def test_a_removed_bitmap_has_another_cause(tmp_path: Path) -> None:
    active = chain(tmp_path, "B1", "B1 B2")
    bitmap(active, "--remove", "B1")
    (found,) = findings(active)
    assert found["code"] == "BT101"
    assert "it was removed from the active image" in found["notes"][0]


def test_a_gap_in_the_middle(tmp_path: Path) -> None:
    (found,) = findings(chain(tmp_path, "B1", "", "B1"))
    assert (found["code"], found["rule"]) == ("BT102", "bitmap-gap")
    assert "S2" in found["message"]


@pytest.mark.parametrize("image", ["S1", "S2"])
def test_a_disabled_bitmap_anywhere_on_the_way(tmp_path: Path, image: str) -> None:
    active = chain(tmp_path, "B1", "B1")
    bitmap(tmp_path / f"{image}.qcow2", "--disable", "B1")
    (found,) = findings(active)
    assert (found["code"], found["rule"]) == ("BT103", "bitmap-not-recording")
    assert f"B1 on {image} is not recording" in found["message"]


def test_a_killed_process_leaves_the_bitmap_inconsistent(tmp_path: Path) -> None:
    active = chain(tmp_path, "B1", "B1")
    leave_open(active)
    (found,) = findings(active)
    assert (found["code"], found["rule"]) == ("BT104", "inconsistent-bitmap")
    assert "was killed" in found["notes"][0]
    text = command("inspect", str(active)).out
    assert "S2.B1: |!!!!!!!!|\n" in text
    told = json.loads(command("inspect", str(active), "--format", "json").out)
    broken = told["disks"]["vda"]["bitmaps"][1]
    assert (broken["inconsistent"], broken["recording"], broken["count"]) == (True, False, 0)


def test_a_program_without_bitmaps_wrote_to_the_image(tmp_path: Path) -> None:
    path = chain(tmp_path, "B1")
    with path.open("r+b") as file:
        file.seek(88)
        file.write(bytes(8))  # The autoclear features, as such a program leaves them.
    (found,) = findings(path)
    assert found["code"] == "BT104"
    assert "knows nothing of bitmaps" in found["notes"][0]


def test_a_resize_leaves_sizes_that_cannot_be_merged(tmp_path: Path) -> None:
    active = chain(tmp_path, "B1", "B1")
    call("qemu-img", "resize", "-q", active, "1M")
    assert codes(active) == ["BT106"]


def test_an_older_bitmap_of_the_same_name_is_told_by_what_it_does_not_mark(tmp_path: Path) -> None:
    chain(tmp_path, "B1", "")
    active = tmp_path / "S2.qcow2"
    bitmap(active, "--add", "B1")
    write(active, "write 256k 64k")
    (found,) = findings(active)
    assert (found["code"], found["severity"]) == ("BT109", "warning")
    assert "S2 holds: |--A-A---|".replace("A", "B") in found["notes"]
    assert "B1 on it: |----X---|" in found["notes"]


def test_an_overlay_that_is_larger_than_a_bitmap_below_it_needs(tmp_path: Path) -> None:
    base = create(tmp_path / "S1.qcow2", "1M")
    write(base, "write 0 1M")
    middle = create(tmp_path / "S2.qcow2", backing=base)
    call("qemu-img", "resize", "-q", "--shrink", middle, "512k")
    active = create(tmp_path / "S3.qcow2", backing=middle)
    call("qemu-img", "resize", "-q", active, "1M")
    disk = json.loads(command("inspect", str(active), "--format", "json").out)["disks"]["vda"]
    assert disk["guest"] == "AAAAAAAA--------"


def test_very_many_bitmaps_cost_something(tmp_path: Path) -> None:
    path = create(tmp_path / "S1.qcow2")
    words = [word for number in range(40) for word in ("--add", f"B{number}")]
    for name in words[1::2]:
        bitmap(path, "--add", name)
    assert codes(path) == ["BT502"]
