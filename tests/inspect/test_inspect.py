"""`inspect` on real images: what it draws, tells as data, and makes a scenario of."""

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest

from simulator.render.shapes import BitmapDocument, DiskDocument
from tests.checkout import Outcome, command
from tests.hosts.real import need_qemu
from tests.inspect.images import (
    K,
    bitmap,
    call,
    create,
    leave_open,
    libvirt_chain,
    mail_chain,
    write,
)


@pytest.fixture(autouse=True)
def _qemu() -> None:
    need_qemu()


def inspect(*words: str | Path) -> Outcome:
    return command("inspect", *map(str, words))


def figure(*words: str | Path) -> str:
    """Return the figure alone: the second block of the text."""
    return inspect(*words).out.split("\n\n")[1]


def document(*words: str | Path) -> Any:
    return json.loads(inspect(*words, "--format", "json").out)


def codes(*words: str | Path) -> list[str]:
    return [finding["code"] for finding in document(*words)["findings"]]


def test_the_mail_is_drawn_with_a_letter_for_each_image(tmp_path: Path) -> None:
    assert figure(mail_chain(tmp_path)) == (
        "S1: |AAAA----| <- S2: |B--BBBB-|\n"
        "B1: |XXXX----|    B2: |---XXX--|\n"
        "                  B3: |X----XX-|+\n"
        "guest sees: |BAABBBB-|"
    )


def test_help_shows_an_example() -> None:
    outcome = command("inspect", "--help")
    assert outcome.status == 0
    assert "Example: backup-timeline inspect" in outcome.out


def test_two_images_of_eight_cells_fit_into_a_mail(tmp_path: Path) -> None:
    for path in (mail_chain(tmp_path), libvirt_chain(tmp_path)):
        lines = inspect(path).out.replace(str(tmp_path), ".").splitlines()
        assert max(map(len, lines)) <= 72


def test_a_libvirt_chain_is_healthy_and_its_scenario_has_checkpoints(tmp_path: Path) -> None:
    active = libvirt_chain(tmp_path)
    outcome = inspect(active)
    assert outcome.status == 0
    assert "no findings" in outcome.out
    assert figure(active).splitlines()[1] == "vm.C1: |XXXX----|+    vm.S2.C1: |---XXX-X|+"
    scenario = inspect(active, "--format", "scenario").out
    assert "model: libvirt" in scenario
    assert "- checkpoint: C2" in scenario
    goes_on = scenario + "      - backup: {since: C1, to: c1.bak}\n"
    goes_on += "      - backup: {since: C2, to: c2.bak}\n"
    played = command("run", "-", "--format", "json", stdin=goes_on)
    backups = json.loads(played.out)["backups"]
    assert (backups["c1.bak"]["cells"], backups["c2.bak"]["cells"]) == ("AAABBB-0", "----BB-0")


def test_the_document_has_the_names_of_the_run_document(tmp_path: Path) -> None:
    disk = document(mail_chain(tmp_path))["disks"]["vda"]
    assert set(disk) == {*DiskDocument.__required_keys__, "files"}
    assert [set(each) for each in disk["bitmaps"]] == [set(BitmapDocument.__annotations__)] * 3
    assert disk["images"] == {"S1": "AAAA----", "S2": "B--BBBB-"}
    assert disk["bitmaps"][1] == {
        "node": "S2",
        "name": "B2",
        "cells": "---XXX--",
        "granularity": 65536,
        "count": 196608,
        "recording": False,
        "persistent": True,
        "busy": False,
        "inconsistent": False,
    }


def test_zeroes_of_both_forms_are_drawn_as_zeroes(tmp_path: Path) -> None:
    path = create(tmp_path / "S1.qcow2")
    write(path, "write -P 1 0 64k", "write -z 64k 64k", "write -P 0 128k 64k")
    assert figure(path) == "S1: |A00-----|\nguest sees: |A-------|"


def test_a_cell_of_many_clusters_is_marked_where_they_are_not_alike(tmp_path: Path) -> None:
    path = create(tmp_path / "S1.qcow2")
    bitmap(path, "--add", "B1")
    write(path, "write 0 192k")
    assert figure(path, "--cells", "4") == "S1: |A*--|\nB1: |X*--|+\nguest sees: |A*--|"
    assert "one cell is 2 clusters, 128 KiB" in inspect(path, "--cells", "4").out
    assert document(path, "--cells", "4")["disks"]["vda"]["images"]["S1"] == "AAA-----"


@pytest.mark.parametrize(
    ("granularity", "cells", "count"),
    [("512", "-X------", 512), ("4096", "-X------", 4096), ("262144", "XXXX----", 262144)],
)
def test_granularity_need_not_be_the_size_of_a_cluster(
    tmp_path: Path, granularity: str, cells: str, count: int
) -> None:
    path = create(tmp_path / "S1.qcow2")
    bitmap(path, "--add", "-g", granularity, "B1")
    write(path, "write 68k 512")
    told = document(path)["disks"]["vda"]["bitmaps"][0]
    assert (told["granularity"], told["cells"], told["count"]) == (int(granularity), cells, count)


def test_a_cluster_size_of_512_bytes_and_a_last_cluster_cut_short(tmp_path: Path) -> None:
    path = create(tmp_path / "S1.qcow2", "5k", options=["-o", "cluster_size=512"])
    bitmap(path, "--add", "-g", "1024", "B1")
    write(path, "write 4608 512")
    assert figure(path) == "S1: |---------A|\nB1: |--------XX|+\nguest sees: |---------A|"


def test_a_part_of_a_bitmap_may_be_stored_as_all_ones(tmp_path: Path) -> None:
    path = create(tmp_path / "S1.qcow2", "2M", options=["-o", "cluster_size=512"])
    bitmap(path, "--add", "-g", "512", "B1")
    good = path.read_bytes()
    directory = int.from_bytes(good[(place := find_extension(good) + 16) : place + 8])
    table = int.from_bytes(good[directory : directory + 8])
    with path.open("r+b") as file:
        file.seek(table)
        file.write((1).to_bytes(8))
    told = document(path)["disks"]["vda"]["bitmaps"][0]
    assert told["cells"] == "X" * 4096
    assert told["count"] == 2 << 20


def find_extension(good: bytes) -> int:
    """Return where the bitmaps extension of an image lies."""
    return good.index(b"\x23\x85\x28\x75\0\0\0\x18") + 8


def test_a_sparse_disk_of_a_tib_is_quick_and_stacked(tmp_path: Path) -> None:
    base = create(tmp_path / "S1.qcow2", "1T")
    bitmap(base, "--add", "B1")
    write(base, "write 512G 64k")
    active = create(tmp_path / "S2.qcow2", backing=base)
    bitmap(active, "--add", "B1")
    write(active, "write 1023G 64M")
    drawn = figure(active)
    assert drawn.splitlines()[0] == f"S1:         |{'-' * 32}*{'-' * 31}|"
    assert drawn.splitlines()[3] == f"S2.B1:      |{'-' * 63}*|+"
    told = document(active)["disks"]["vda"]
    assert told["images"]["S1"] == [[8388608, 1, "A"]]
    assert told["guest"] == [[8388608, 1, "A"], [16760832, 1024, "B"]]


def test_several_arguments_are_several_disks_or_the_same_chain(tmp_path: Path) -> None:
    active = mail_chain(tmp_path)
    other = create(tmp_path / "data.qcow2", "128k")
    seen = document(tmp_path / "S1.qcow2", active, other, active)
    assert [disk["chain"] for disk in seen["disks"].values()] == [["S1", "S2"], ["data"]]
    drawn = inspect(active, other).out
    assert "guest sees vdb: |--|" in drawn


def test_a_raw_base_is_drawn_and_is_no_chain_of_its_own(tmp_path: Path) -> None:
    base = tmp_path / "base.raw"
    call("qemu-img", "create", "-q", "-f", "raw", base, "512k")
    call("qemu-io", "-f", "raw", "-c", "write 64k 64k", base)
    active = create(tmp_path / "S2.qcow2", backing=base)
    bitmap(active, "--add", "B1")
    assert figure(base, active).splitlines()[0] == "base: |-A------| <- S2: |--------|"
    assert codes(base, active) == ["IN107"]
    assert inspect(base, active).status == 0
    assert inspect(base).status == 2


def checksums(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.iterdir())
    }


def test_nothing_is_ever_changed_and_nothing_left_behind(tmp_path: Path) -> None:
    active = mail_chain(tmp_path)
    leave_open(active)
    before = checksums(tmp_path)
    for format in ("text", "json", "scenario"):
        inspect(active, "--format", format)
    assert checksums(tmp_path) == before


def random_chain(folder: Path, seed: int) -> Path:
    """Make a chain of up to three images, written to and marked in all sorts of ways."""
    draw = random.Random(seed)
    path = create(folder / "S1.qcow2")
    for number in range(draw.randint(1, 3)):
        if number:
            path = create(folder / f"S{number + 1}.qcow2", backing=path)
        names: list[str] = []
        for _ in range(draw.randint(1, 6)):
            start, length = draw.randrange(8) * 64, draw.choice((4, 64, 128))
            where = f"{start}k {min(length, 512 - start)}k"
            match draw.choice(("write", "write", "write -z", "discard", "add", "disable")):
                case "add":
                    name = f"B{len(names) + 1}"
                    names.append(name)
                    size = draw.choice((512, 4 * K, 64 * K, 64 * K, 128 * K))
                    bitmap(path, "--add", "-g", str(size), name)
                case "disable" if names:
                    bitmap(path, draw.choice(("--disable", "--enable")), draw.choice(names))
                case "disable":
                    pass
                case verb:
                    write(path, f"{verb} {where}")
        for name in names:
            if draw.random() < 0.2:
                call("qemu-img", "bitmap", "--merge", draw.choice(names), path, name)
    return path


@pytest.mark.parametrize("seed", range(16))
def test_a_scenario_makes_the_very_state_that_was_read(tmp_path: Path, seed: int) -> None:
    active = random_chain(tmp_path, seed)
    assert_scenario_gives(active)


def assert_scenario_gives(*active: Path) -> None:
    """Assert that the scenario of some disks plays with status 0, and ends in their state."""
    scenario = inspect(*active, "--format", "scenario").out
    played = command("run", "-", "--format", "json", stdin=scenario)
    assert (played.status, played.err) == (0, ""), scenario
    last = json.loads(played.out)["frames"][-1]["disks"]
    for name, disk in document(*active)["disks"].items():
        del disk["files"]
        for state in (disk, last[name]):
            state["bitmaps"].sort(key=lambda each: (each["node"], each["name"]))
        assert last[name] == disk, scenario


def test_a_scenario_of_a_broken_bitmap_breaks_it_again(tmp_path: Path) -> None:
    active = mail_chain(tmp_path)
    leave_open(active)
    assert_scenario_gives(active)


def test_a_scenario_of_two_disks_and_of_a_large_one(tmp_path: Path) -> None:
    active = mail_chain(tmp_path)
    large = create(tmp_path / "large.qcow2", "20G")
    bitmap(large, "--add", "B1")
    write(large, "write 1G 128k", "write -z 3G 1M", "write 19G 64k")
    assert_scenario_gives(active, large)
    assert_scenario_gives(large)


def test_a_scenario_of_very_many_runs_is_told_in_cells(tmp_path: Path) -> None:
    path = create(tmp_path / "S1.qcow2", "512M")
    bitmap(path, "--add", "B1")
    write(path, *(f"write -z {number * 128}k 64k" for number in range(2500)))
    scenario = inspect(path, "--format", "scenario").out
    assert "# vda: one cluster here stands for 128 clusters" in scenario.replace(
        "is 128", "is 128"
    ) or ("one cluster here is 128 clusters" in scenario)
    assert command("run", "-", stdin=scenario).status == 0


def test_names_that_a_scenario_cannot_have_are_changed(tmp_path: Path) -> None:
    path = create(tmp_path / "yes.qcow2")
    for name in ("a|b", "a_b", " x/y ", "null", "yes", "T 1", "Tag für heute", "n" * 1023):
        bitmap(path, "--add", name)
    write(path, "write 0 64k")
    assert inspect(path).status == 0
    scenario = inspect(path, "--format", "scenario").out
    played = command("run", "-", stdin=scenario)
    assert (played.status, played.err) == (0, "")
