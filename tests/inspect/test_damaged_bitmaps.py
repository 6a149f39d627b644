"""An image that QEMU turns down for its bitmaps alone: its data is drawn, and the help saves it."""

import json
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import pytest

from tests.checkout import command
from tests.hosts.real import need_qemu
from tests.inspect.helps import same_data, try_help
from tests.inspect.images import bitmap, call, create, libvirt_chain, write


@pytest.fixture(autouse=True)
def _qemu() -> None:
    need_qemu()


def document(path: Path) -> Any:
    return json.loads(command("inspect", str(path), "--format", "json").out)


def directory_of(path: Path) -> tuple[int, int]:
    """Return where the bitmap directory of an image lies, and its size."""
    data = path.read_bytes()
    start = data.index(b"\x23\x85\x28\x75\0\0\0\x18") + 8
    return int.from_bytes(data[start + 16 : start + 24]), int.from_bytes(
        data[start + 8 : start + 16]
    )


def overwrite(path: Path, place: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(data)


def damage_directory(path: Path) -> None:
    """Zero the bitmap directory, as was seen with Proxmox."""
    place, size = directory_of(path)
    overwrite(path, place, bytes(size))


def damage_granularity(path: Path) -> None:
    overwrite(path, directory_of(path)[0] + 17, b"\x40")


def damage_table(path: Path) -> None:
    """Let the only part of the first bitmap lie where no cluster begins."""
    place, _ = directory_of(path)
    table = int.from_bytes(path.read_bytes()[place : place + 8])
    overwrite(path, table, b"\xff" * 8)


@pytest.mark.parametrize("damage", [damage_directory, damage_granularity, damage_table])
def test_the_data_is_drawn_and_the_help_saves_it(tmp_path: Path, damage: Any) -> None:
    active = libvirt_chain(tmp_path)
    whole = tmp_path / "whole.qcow2"
    call("qemu-img", "convert", "-O", "qcow2", active, whole)
    before = document(active)["disks"]["vda"]
    damage(active)
    with pytest.raises(CalledProcessError):
        call("qemu-img", "convert", "-O", "qcow2", active, tmp_path / "none.qcow2")
    outcome = command("inspect", str(active))
    assert outcome.status == 1
    said = " ".join(outcome.out.split())
    assert "vm.S2 cannot be opened by QEMU, since its bitmaps are damaged" in said
    told = document(active)
    assert told["disks"]["vda"]["images"] == before["images"]
    assert told["disks"]["vda"]["guest"] == before["guest"]
    (finding,) = told["findings"]
    assert finding["notes"][0].startswith("QEMU says: ")
    damaged = active.read_bytes()
    try_help(finding["help"], NEW=tmp_path / "new.qcow2")
    assert same_data(tmp_path / "new.qcow2", whole)
    assert active.read_bytes() == damaged
    assert document(tmp_path / "new.qcow2")["findings"] == []


def test_a_base_with_damaged_bitmaps_leaves_no_cell_unknown(tmp_path: Path) -> None:
    active = libvirt_chain(tmp_path)
    before = document(active)["disks"]["vda"]["guest"]
    damage_directory(tmp_path / "vm.qcow2")
    told = document(active)
    assert told["disks"]["vda"]["guest"] == before
    assert [each["code"] for each in told["findings"]] == ["IN103"]


def test_features_of_the_data_stay_and_internal_snapshots_are_told(tmp_path: Path) -> None:
    external = f"data_file={tmp_path}/data.raw,data_file_raw=on"
    path = create(tmp_path / "S1.qcow2", options=["-o", external])
    bitmap(path, "--add", "B1")
    write(path, "write -P 65 0 128k")
    damage_directory(path)
    (finding,) = document(path)["findings"]
    assert r"printf '\002'" in finding["help"]
    try_help(finding["help"], NEW=tmp_path / "new.qcow2")
    assert document(tmp_path / "new.qcow2")["disks"]["vda"]["images"]["new"] == "AA------"
    kept = create(tmp_path / "S2.qcow2")
    bitmap(kept, "--add", "B1")
    call("qemu-img", "snapshot", "-c", "before", kept)
    damage_directory(kept)
    notes = [note for each in document(kept)["findings"] for note in each["notes"]]
    assert "NEW will not have its internal snapshots" in notes


def test_compressed_and_zero_clusters_are_told_as_qemu_tells_them(tmp_path: Path) -> None:
    source = create(tmp_path / "source.qcow2", "4M", options=["-o", "cluster_size=4k"])
    write(source, "write -P 65 0 1M", "write -P 66 3000k 96k")
    path = tmp_path / "S1.qcow2"
    options = ["-c", "-O", "qcow2", "-o", "cluster_size=4k"]
    call("qemu-img", "convert", *options, source, path)
    bitmap(path, "--add", "B1")
    write(path, "write -z 512k 100k", "discard 3000k 4k", "write -P 0 8k 4k")
    before = document(path)["disks"]["vda"]["images"]
    damage_directory(path)
    assert document(path)["disks"]["vda"]["images"] == before
