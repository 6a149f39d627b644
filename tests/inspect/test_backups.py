"""A push increment that still lies over the live image is a backup, and not the active image."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.checkout import command
from tests.hosts.real import need_qemu
from tests.inspect.helps import same_data, try_help
from tests.inspect.images import Daemon, bitmap, call, create, libvirt_chain, write


@pytest.fixture(autouse=True)
def _qemu() -> None:
    need_qemu()


def document(*paths: Path) -> Any:
    return json.loads(command("inspect", *map(str, paths), "--format", "json").out)


def pushed(folder: Path) -> tuple[Path, Path]:
    """Make a live chain of two images, and push an increment since C1; return it and the live."""
    live = libvirt_chain(folder)
    target = create(folder / "inc.qcow2", backing=live)
    with Daemon(live, folder / "vm.qcow2") as daemon:
        daemon.push(target, ("base", "C1"), ("active", "C1"))
    return target, live


def test_an_increment_over_the_live_image_is_told_as_a_backup(tmp_path: Path) -> None:
    target, live = pushed(tmp_path)
    outcome = command("inspect", str(target))
    assert outcome.status == 0
    assert "warning[BT206] live-backing: inc is likely a push backup" in outcome.out
    assert "inc.qcow2 (qcow2, 384 KiB of data, likely a push backup)" in outcome.out
    assert "vm.S2 (qcow2, 192 KiB of data, active)" in outcome.out
    told, alone = document(target), document(live)
    (finding,) = told["findings"]
    assert finding["notes"][0] == "likely since it holds what C1 on vm.S2 marks, no more"
    disk = told["disks"]["vda"]
    assert (disk["chain"], disk["guest"]) == (["vm", "vm.S2"], alone["disks"]["vda"]["guest"])
    assert disk["images"]["inc"] == "CCCCCC-0"
    assert alone["findings"] == []
    assert document(live, target) == told == document(target, live)


def test_what_the_guest_writes_later_makes_it_no_less_a_backup(tmp_path: Path) -> None:
    target, live = pushed(tmp_path)
    write(live, "write 384k 64k")
    (finding,) = document(target)["findings"]
    assert finding["code"] == "BT206"
    assert "vm.S2 was written to after it, and it holds nothing that C1" in finding["notes"][0]


@pytest.mark.parametrize("killed", [False, True])
def test_bitmaps_that_a_process_has_or_had_open_make_it_no_less_a_backup(
    tmp_path: Path, killed: bool
) -> None:
    live = libvirt_chain(tmp_path)
    target = create(tmp_path / "inc.qcow2", backing=live)
    with Daemon(live, tmp_path / "vm.qcow2") as daemon:
        daemon.push(target, ("active", "C2"))
        daemon.write("write 448k 64k")
        if killed:
            daemon.kill()
        codes = [each["code"] for each in document(target)["findings"]]
    assert codes == (["BT104", "BT206"] if killed else ["BT206", "IN104"])


def test_several_backups_over_one_live_image_are_one_disk(tmp_path: Path) -> None:
    first, live = pushed(tmp_path)
    second = create(tmp_path / "inc2.qcow2", backing=live)
    with Daemon(live, tmp_path / "vm.qcow2") as daemon:
        daemon.push(second, ("active", "C2"))
    told = document(first, second)
    assert [disk["chain"] for disk in told["disks"].values()] == [["vm", "vm.S2"]]
    assert [each["code"] for each in told["findings"]] == ["BT206", "BT206"]
    drawn = command("inspect", str(first), str(second)).out
    assert "inc: |CCCCCC-0|\ninc2: |----DD-0|\nguest sees: |" in drawn
    scenario = command("inspect", str(first), "--format", "scenario").out
    assert "# vda: inc is likely a push backup, and is left out.\n" in scenario
    assert command("run", "-", stdin=scenario).status == 0


def test_put_onto_the_backup_before_it_an_increment_gives_its_instant(tmp_path: Path) -> None:
    live = libvirt_chain(tmp_path)
    full = tmp_path / "full.qcow2"
    call("qemu-img", "convert", "-O", "qcow2", live, full)
    bitmap(live, "--add", "C3")
    target = create(tmp_path / "inc.qcow2", backing=live)
    write(live, "write -P 70 0 128k")
    with Daemon(live, tmp_path / "vm.qcow2") as daemon:
        daemon.push(target, ("active", "C3"))
    seen = tmp_path / "seen.qcow2"
    call("qemu-img", "convert", "-O", "qcow2", live, seen)
    write(live, "write -P 71 64k 256k")
    assert not same_data(target, seen)
    (finding,) = document(target)["findings"]
    try_help(finding["help"], PREVIOUS_BACKUP=full)
    assert same_data(target, seen)
    assert document(target)["findings"] == []


def test_an_overlay_of_which_nothing_tells_is_told_both_ways(tmp_path: Path) -> None:
    base = create(tmp_path / "S1.qcow2")
    bitmap(base, "--add", "B1")
    write(base, "write 0 128k")
    overlay = create(tmp_path / "S2.qcow2", backing=base)
    write(overlay, "write 0 64k")
    os.utime(base, ns=(0, 0))
    (finding,) = document(overlay)["findings"]
    assert finding["code"] == "BT101"
    assert "or S2 is a push backup over the live image" in finding["notes"][-1]
    assert "commit" not in finding["help"]
    write(overlay, "write 448k 64k")
    (finding,) = document(overlay)["findings"]
    assert "push" not in " ".join(finding["notes"])
