"""Outputs: a file is written whole, or is what it was."""

import errno
import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import writing
from simulator.writing import (
    ChangedMeanwhile,
    is_same_file,
    open_output,
    open_text,
    replace_if_unchanged,
    write_text,
)
from tests.users import as_ordinary_user

ROOT = os.geteuid() == 0


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with open_text(path) as stream:
        stream.write("one\r\n")
        assert not path.exists()
        stream.write("two\n")
    assert path.read_bytes() == b"one\r\ntwo\n"
    assert names(tmp_path) == ["a.txt"]


def test_a_new_file_has_the_permissions_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "a")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
def test_after_a_failure_a_file_is_what_it_was_and_nothing_lies_beside_it(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")

    def fail() -> None:
        with open_output(path) as stream:
            stream.write(b"x" * 100_000)
            raise failure

    with pytest.raises(failure):
        fail()
    assert path.read_text() == "before"
    assert names(tmp_path) == ["a.txt"]


def test_after_a_failure_a_new_file_is_not_there(tmp_path: Path) -> None:
    def fail() -> None:
        with open_text(tmp_path / "a.txt") as stream:
            stream.write("half")
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        fail()
    assert names(tmp_path) == []


def test_permissions_and_a_symbolic_link_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "a.txt", tmp_path / "link"
    path.write_text("before")
    path.chmod(0o604)
    link.symlink_to("a.txt")
    write_text(link, "after")
    assert link.is_symlink()
    assert path.read_text() == "after"
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_a_link_that_leads_to_nothing_is_filled(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("a.txt")
    write_text(tmp_path / "link", "after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a.txt").read_text() == "after"


def test_links_in_a_circle_are_an_error_and_stay(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        write_text(tmp_path / "a", "after")
    assert names(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("after", ["longer than before was", "short", ""])
def test_a_file_of_two_names_keeps_both(tmp_path: Path, after: str) -> None:
    path, other = tmp_path / "a.txt", tmp_path / "b.txt"
    path.write_text("before, well")
    other.hardlink_to(path)
    write_text(path, after)
    assert other.read_text() == after
    assert path.samefile(other)
    assert names(tmp_path) == ["a.txt", "b.txt"]


def test_a_file_of_two_names_gets_its_old_content_again_where_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = tmp_path / "a.txt", tmp_path / "b.txt"
    path.write_text("before")
    other.hardlink_to(path)

    def full(handle: int, start: int, length: int) -> None:
        os.truncate(handle, 3)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "after" * 100)
    assert other.read_text() == "before"
    assert names(tmp_path) == ["a.txt", "b.txt"]


@pytest.mark.skipif(not ROOT, reason="only root can give files away")
def test_the_owner_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")
    os.chown(path, 65534, 65534)
    write_text(path, "after")
    assert path.read_text() == "after"
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


def test_a_file_of_somebody_else_is_written_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")
    inode = path.stat().st_ino
    monkeypatch.setattr(writing, "_owned_alike", lambda neighbour, there: False)
    write_text(path, "after")
    assert path.read_text() == "after"
    assert path.stat().st_ino == inode


def test_a_file_that_may_not_be_written_is_not_replaced() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        path = Path(folder) / "a.txt"

        def write() -> None:
            path.write_text("before")
            path.chmod(0o444)
            with pytest.raises(PermissionError):
                write_text(path, "after")
            assert path.read_text() == "before"

        as_ordinary_user(write)
        assert names(Path(folder)) == ["a.txt"]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        write_text(tmp_path, "after")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "no" / "a.txt", "after")


def test_a_pipe_is_written_directly(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as reader:
        write_text(path, "through")
        assert reader.communicate()[0] == b"through"
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_fresh_file_is_written_and_one_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "first", fresh=True)
    with pytest.raises(FileExistsError):
        write_text(path, "second", fresh=True)
    assert path.read_text() == "first"
    assert names(tmp_path) == ["a.txt"]


def test_a_fresh_file_does_not_win_over_one_that_came_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"

    def write() -> None:
        with open_text(path, fresh=True) as stream:
            stream.write("mine")
            path.write_text("theirs")

    with pytest.raises(FileExistsError):
        write()
    assert path.read_text() == "theirs"
    assert names(tmp_path) == ["a.txt"]


def test_a_file_is_replaced_if_it_is_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfone\r\n")
    replace_if_unchanged(path, b"\xef\xbb\xbfone\r\n", b"\xef\xbb\xbftwo\r\n")
    assert path.read_bytes() == b"\xef\xbb\xbftwo\r\n"


def test_a_newer_edit_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"newer")
    with pytest.raises(ChangedMeanwhile) as caught:
        replace_if_unchanged(path, b"older", b"mine")
    assert caught.value.strerror == "it was changed meanwhile, and is left as it is"
    assert path.read_bytes() == b"newer"
    assert names(tmp_path) == ["a.yaml"]


def test_an_edit_while_the_new_content_is_written_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = tmp_path / "a.yaml", os.fsync
    path.write_bytes(b"older")

    def edit(handle: int) -> None:
        path.write_bytes(b"newer")
        real(handle)

    monkeypatch.setattr(os, "fsync", edit)
    with pytest.raises(ChangedMeanwhile):
        replace_if_unchanged(path, b"older", b"mine")
    assert path.read_bytes() == b"newer"


def test_a_file_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(ChangedMeanwhile):
        replace_if_unchanged(tmp_path / "a.yaml", b"", b"mine")
    assert names(tmp_path) == []


def test_two_paths_of_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a")
    (tmp_path / "link").symlink_to("a.yaml")
    assert is_same_file(path, tmp_path / "link")
    assert is_same_file(tmp_path / "new", tmp_path / "." / "new")
    assert not is_same_file(path, tmp_path / "new")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if not ROOT or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small file system can only be mounted by root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_on_a_full_disk_a_file_is_what_it_was(small_disk: Path) -> None:
    path, other = small_disk / "a.txt", small_disk / "b.txt"
    path.write_text("before")
    for each in (path, small_disk / "new.txt"):
        with pytest.raises(OSError, match="No space left"):
            write_text(each, "x" * 100_000)
    assert path.read_text() == "before"
    other.hardlink_to(path)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "x" * 40_000)
    assert path.read_text() == other.read_text() == "before"
    assert names(small_disk) == ["a.txt", "b.txt"]


def test_where_a_device_is_full_the_failure_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = tmp_path / "a.txt", os.fdopen
    path.write_text("before")

    def open_full(handle: int, mode: str) -> object:
        os.close(handle)
        return real(os.open("/dev/full", os.O_WRONLY), mode)

    monkeypatch.setattr(os, "fdopen", open_full)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "after")
    assert path.read_text() == "before"
    assert names(tmp_path) == ["a.txt"]
