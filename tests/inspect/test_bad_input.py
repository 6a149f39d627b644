"""Files that `inspect` cannot use, or not wholly: each is told, and none ends in a traceback."""

import json
import os
import random
import stat
import subprocess
import time
from pathlib import Path

import pytest

from simulator.hosts import qemu_img
from simulator.inspect.document import write_json
from simulator.inspect.inspection import inspect_images
from simulator.inspect.scenario.writing import write_scenario
from simulator.inspect.text import write_text
from tests.checkout import Outcome, command
from tests.hosts.real import need_qemu
from tests.inspect.images import bitmap, call, create, libvirt_chain, mail_chain, write
from tests.users import bound_by_permissions
from tests.waiting import PATIENCE_SECONDS


@pytest.fixture(autouse=True)
def _qemu() -> None:
    need_qemu()


def told(*paths: Path) -> Outcome:
    return command("inspect", *map(str, paths))


def codes(path: Path) -> list[str]:
    outcome = command("inspect", str(path), "--format", "json")
    return [each["code"] for each in json.loads(outcome.out)["findings"]]


def unusable(path: Path) -> str:
    """Return what is said of a file that cannot be used, on one line."""
    outcome = told(path)
    assert (outcome.status, outcome.out) == (2, "")
    return " ".join(outcome.err.split())


def test_what_is_no_image_at_all(tmp_path: Path) -> None:
    text, empty, pipe = tmp_path / "text", tmp_path / "empty", tmp_path / "pipe"
    text.write_text("not an image\n")
    empty.touch()
    os.mkfifo(pipe)
    assert "text is not a qcow2 image" in unusable(text)
    assert "empty is an empty file" in unusable(empty)
    assert "is a directory" in unusable(tmp_path)
    assert "is a pipe or a socket" in unusable(pipe)
    assert "No such file or directory" in unusable(tmp_path / "none")
    assert "is a character device" in unusable(Path("/dev/null"))


def test_an_image_without_permission(tmp_path: Path) -> None:
    path = create(tmp_path / "S1.qcow2")
    path.chmod(0)
    with bound_by_permissions():
        assert "Permission denied" in unusable(path)
    path.chmod(stat.S_IRWXU)


def test_a_good_image_beside_a_bad_one_is_still_drawn(tmp_path: Path) -> None:
    outcome = told(tmp_path / "none", create(tmp_path / "S1.qcow2"))
    assert outcome.status == 2
    assert "guest sees: |--------|" in outcome.out
    assert "No such file" in outcome.err


def test_an_image_cut_short(tmp_path: Path) -> None:
    good = mail_chain(tmp_path).read_bytes()
    for length in (3, 50, 80, 300, 70_000):
        path = tmp_path / "short.qcow2"
        path.write_bytes(good[:length])
        assert "error:" in unusable(path)


@pytest.mark.parametrize(
    ("length", "what"),
    [
        (104, "the table of reference counts"),
        (600, "the table of all clusters"),
        (3 * 65536, "the table of all clusters"),
        (3 * 65536 + 8, "a table of clusters"),
        (5 * 65536, "data"),
        (-65536, "data"),
    ],
)
def test_an_image_that_qemu_opens_though_it_is_cut_short(
    tmp_path: Path, length: int, what: str
) -> None:
    path = create(tmp_path / "short.qcow2", "8M")
    write(path, "write -P 65 0 1M", "write -P 66 4M 256k")
    os.truncate(path, length if length > 0 else path.stat().st_size + length)
    outcome = told(path)
    assert outcome.status == 1
    assert codes(path)
    assert set(codes(path)) == {"IN103"}
    assert f"it is cut short: {what}" in " ".join(outcome.out.split())


def test_the_last_cluster_of_a_file_may_be_stored_in_part(tmp_path: Path) -> None:
    path = create(tmp_path / "whole.qcow2")
    write(path, "write -P 65 0 512k")
    os.truncate(path, path.stat().st_size - 1)
    assert codes(path) == []


def test_a_backing_file_that_is_missing_leaves_cells_unknown(tmp_path: Path) -> None:
    active = mail_chain(tmp_path)
    (tmp_path / "S1.qcow2").unlink()
    outcome = told(active)
    assert outcome.status == 1
    assert "guest sees: |A??AAAA?|" in outcome.out
    assert "error[IN101] backing-missing" in outcome.out


def test_a_damaged_backing_file(tmp_path: Path) -> None:
    active = mail_chain(tmp_path)
    (tmp_path / "S1.qcow2").write_bytes(b"QFI\xfbrubbish")
    assert codes(active)[-1] == "IN103"
    assert told(active).status == 1


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_loop_in_the_backing_chain(tmp_path: Path, length: int) -> None:
    first = path = create(tmp_path / "S1.qcow2")
    for number in range(2, length + 1):
        path = create(tmp_path / f"S{number}.qcow2", backing=path)
    call("qemu-img", "rebase", "-u", "-b", path.name, "-F", "qcow2", first)
    outcome = told(path)
    assert outcome.status == 1
    assert "error[IN102] backing-loop" in outcome.out


@pytest.mark.parametrize(
    ("backing", "code"),
    [
        ("nbd://localhost/x", "IN101"),
        ("/dev/null", "IN101"),
        ("json:{", "IN101"),
        ('json:{"driver":"qcow2","file":{"driver":"file","filename":"/no/such"}}', "IN101"),
    ],
)
def test_a_backing_file_that_is_no_local_image(tmp_path: Path, backing: str, code: str) -> None:
    path = create(tmp_path / "S1.qcow2")
    call("qemu-img", "rebase", "-u", "-b", backing, "-F", "qcow2", path)
    assert codes(path) == [code]


def test_backing_files_are_found_as_qemu_finds_them(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    base = create(tmp_path / "below" / "a:b.qcow2")
    write(base, "write 0 64k")
    active = create(tmp_path / "S2.qcow2", "512k")
    names = [
        "below/a:b.qcow2",
        str(base),
        f"file:{base}",
        f'json:{{"driver":"qcow2","file":{{"driver":"file","filename":"{base}"}}}}',
        f'json:{{"driver":"qcow2","file.driver":"file","file.filename":"{base}"}}',
    ]
    for name in names:
        call("qemu-img", "rebase", "-u", "-b", name, "-F", "qcow2", active)
        assert "a:b: |A-------| <- S2" in told(active).out, name


def test_an_old_version_and_an_encrypted_image(tmp_path: Path) -> None:
    old = create(tmp_path / "old.qcow2", options=["-o", "compat=0.10"])
    assert codes(old) == ["IN107"]
    secret = ["--object", "secret,id=s,data=abc"]
    options = "encrypt.format=aes,encrypt.key-secret=s"
    locked = create(tmp_path / "locked.qcow2", options=[*secret, "-o", options])
    assert codes(locked) == ["IN105"]
    assert "|????????|" in told(locked).out
    for path in (old, locked):
        scenario = command("inspect", str(path), "--format", "scenario").out
        assert command("run", "-", stdin=scenario).status == 0


def test_an_image_that_a_process_writes_to(tmp_path: Path) -> None:
    active = libvirt_chain(tmp_path)
    with subprocess.Popen(
        ["qemu-io", str(active)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"read 0 512\n")
        process.stdin.flush()
        process.stdout.readline()
        before = active.stat().st_mtime_ns
        outcome = told(active)
        assert active.stat().st_mtime_ns == before
        process.stdin.close()
    assert outcome.status == 0
    assert "warning[IN104] image-in-use" in outcome.out
    assert "vm.S2.C1: |????????|" in outcome.out
    assert "torn read" in outcome.out
    assert codes(active) == []


def test_a_missing_program_is_told_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = create(tmp_path / "S1.qcow2")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "qemu-img is not installed" in unusable(path)
    assert "qemu-utils" in unusable(path)
    assert command("inspect", str(path), "--format", "json").status == 2


def fake(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program of our own in the place of ``qemu-img``."""
    program = folder / "bin" / "qemu-img"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def test_a_program_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = create(tmp_path / "S1.qcow2")
    fake(tmp_path, "exec sleep 3600", monkeypatch)
    monkeypatch.setattr(qemu_img, "TIMEOUT_SECONDS", 0.2)
    start = time.monotonic()
    assert "took more than 0.2 s, and was ended" in unusable(path)
    assert time.monotonic() - start < PATIENCE_SECONDS


@pytest.mark.parametrize("said", ["echo nonsense", "echo '{}'", "echo '[1]'", "exit 3", "yes"])
def test_a_program_that_says_something_else(
    tmp_path: Path, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = create(tmp_path / "S1.qcow2")
    fake(tmp_path, said, monkeypatch)
    monkeypatch.setattr(qemu_img, "OUTPUT_BYTES_MAX", 1 << 20)
    assert "error:" in unusable(path)


def mutate(good: bytes, draw: random.Random) -> bytes:
    """Return a file with some bytes changed, mostly in its metadata, or cut short."""
    changed = bytearray(good)
    if draw.random() < 0.3:
        del changed[draw.randrange(len(changed)) :]
    heads = [0, 0x10000, 0x20000, 0x30000, *(find_bitmaps(good))]
    for _ in range(draw.randint(1, 6)):
        if not changed:
            break
        place = draw.choice(heads) + int(draw.expovariate(1 / 40))
        value = draw.choice((0, 1, 2, 0x7F, 0x80, 0xFF, draw.randrange(256)))
        changed[place % len(changed)] = value
    return bytes(changed)


def find_bitmaps(good: bytes) -> list[int]:
    """Return where the bitmap directory lies, and the tables that it names."""
    start = good.index(b"\x23\x85\x28\x75\0\0\0\x18") + 8
    directory = int.from_bytes(good[start + 16 : start + 24])
    return [start, directory, int.from_bytes(good[directory : directory + 8])]


def test_no_damaged_file_ends_in_a_traceback(tmp_path: Path) -> None:
    active = mail_chain(tmp_path)
    bitmap(active, "--add", "-g", "512", "fine")
    write(active, "write 0 4k")
    good = active.read_bytes()
    draw = random.Random(7)
    outcomes = set()
    for _ in range(300):
        active.write_bytes(mutate(good, draw))
        seen = inspect_images([str(active)], cells=64)
        for disk in seen.disks:
            assert write_text(disk, cells=64, alone=True)
        write_json(seen) if draw.random() < 0.1 else None
        write_scenario(seen.disks, cells=64)
        outcomes.add((bool(seen.problems), seen.failing))
    assert outcomes >= {(True, False), (False, True)}


def test_the_parser_survives_what_qemu_would_turn_down(tmp_path: Path) -> None:
    from simulator.inspect.image.qcow2 import DamagedError, Source, read_bitmaps, read_header

    active = mail_chain(tmp_path)
    good = active.read_bytes()
    draw = random.Random(11)
    read = damaged = 0
    for _ in range(2000):
        active.write_bytes(mutate(good, draw))
        with active.open("rb") as file:
            source = Source(file.fileno())
            try:
                read_bitmaps(source, read_header(source))
                read += 1
            except DamagedError:
                damaged += 1
    assert read > 100
    assert damaged > 100
