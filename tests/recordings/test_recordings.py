"""Recordings are read and written whole, are what is recorded today, and bad ones are told."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkout import ROOT
from tests.hosts.real import need_libvirt, need_qemu
from tests.recordings import on_schema
from tests.recordings.__main__ import differences, main, play_on_libvirt, play_on_qemu, today
from tests.recordings.files import (
    FORMAT,
    Recording,
    RecordingError,
    path_of,
    read_arguments,
    read_recording,
    read_timelines,
    recordings,
    write_arguments,
    write_recording,
)

FILES = [*recordings("qemu"), *recordings("libvirt")]

STEP = '{"op": ["kill"]}\n'
TIMELINE = '{"timeline": "a", "cells": 8}\n'


def head(format: int = FORMAT) -> str:
    """Return the first line of a recording."""
    return f'{{"format": {format}, "of": "qemu", "version": "7.2.22"}}\n'


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recording_is_written_as_it_was_read_and_tells_where_it_is_from(path: Path) -> None:
    recording = read_recording(path)
    assert write_recording(recording) == path.read_text()
    assert path_of(recording.head) == path
    assert recording.head["command"]
    assert recording.head["date"]
    timelines = {each.name: each.cells for each in read_timelines(recording.head["of"])}
    assert timelines.items() <= {each.name: each.cells for each in recording.timelines}.items()


def test_what_is_installed_still_does_what_was_recorded_of_its_version() -> None:
    need_libvirt()
    for of, play in (("qemu", play_on_qemu), ("libvirt", play_on_libvirt)):
        timelines = read_timelines(of)
        head, played = play(timelines[0])
        path = path_of(head)
        known = read_recording(path if path.exists() else recordings(of)[-1])
        (before,) = (each for each in known.timelines if each.name == played.name)
        new, old = Recording(head, (played,)), Recording(known.head, (before,))
        if path.exists():
            assert differences(old, new) == []
        else:
            assert len(played.steps) == len(before.steps)


@pytest.mark.parametrize("path", recordings("arguments"), ids=lambda path: path.stem)
def test_arguments_are_written_as_they_were_read_for_each_qemu_that_was_recorded(
    path: Path,
) -> None:
    head, commands = read_arguments(path)
    assert write_arguments(head, commands) == path.read_text()
    assert path_of(head) == path
    assert {"device", "target", "sync"} <= commands["blockdev-backup"].keys()
    assert "name?" in commands["block-export-add"]["type=nbd"]


def test_the_arguments_of_the_qemu_that_is_installed_are_those_that_were_recorded() -> None:
    need_qemu()
    version, commands = on_schema.record()
    path = path_of({"of": "arguments", "version": version})
    if path.exists():
        assert read_arguments(path)[1] == commands
    else:
        assert commands.keys() >= read_arguments(recordings("arguments")[0])[1].keys()


def test_a_file_of_arguments_that_is_none_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "arguments-1.jsonl"
    path.write_text(f'{head()}{{"execute": "quit", "arguments": {{}}}}\n{STEP}')
    with pytest.raises(RecordingError, match=":3: no command with its arguments"):
        read_arguments(path)


def test_what_differs_is_told_by_timeline_and_step() -> None:
    recording = read_recording(FILES[0])
    first, second, *_ = recording.timelines
    changed = ({**first.steps[0], "guest": "A"}, *first.steps[1:])
    new = recording._replace(timelines=(first._replace(steps=changed),))
    told = differences(recording._replace(timelines=(first, second)), new)
    assert told == [f"{second.name}: gone", f"{first.name}, step 0: guest"]
    assert differences(recording, recording) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (head(FORMAT + 1), f":1: format {FORMAT + 1}; this reads formats up to {FORMAT}"),
        ("", ":1:1: no JSON"),
        ('{"of": "qemu"}\n', ":1: this is no recording: it has no format"),
        ('{"format": 1, "of": "qemu"}\n', ":1: the head does not tell its version"),
        (f"{head()}[]\n", ":2: an object is expected"),
        (f"{head()}{STEP}", ":2: neither a timeline with its cells nor a step"),
        (f"{head()}{TIMELINE}{STEP}nothing\n", ":4:1: no JSON"),
        (f"{head()}{TIMELINE}{{}}\n", ":3: neither a timeline with its cells nor a step"),
    ],
)
def test_a_file_that_is_no_recording_is_told_with_its_place(
    text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "qemu-1.jsonl"
    path.write_text(text)
    with pytest.raises(RecordingError) as error:
        read_recording(path)
    assert str(error.value).startswith(f"{path}{message}")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "qemu-1.jsonl"
    path.write_bytes(b"\xff\n")
    for each in (path, tmp_path):
        with pytest.raises(RecordingError, match="cannot be read"):
            read_recording(each)


def test_nothing_is_recorded_over_a_recording_of_a_newer_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tests.recordings.files.FOLDER", tmp_path)
    (tmp_path / "qemu-99.jsonl").write_text(head(FORMAT + 1))
    assert main(["qemu"]) == 2
    assert f"qemu-99.jsonl:1: format {FORMAT + 1}" in capsys.readouterr().err


def test_where_nothing_is_installed_nothing_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to(shutil.which(sys.executable) or sys.executable)
    ran = subprocess.run(
        [sys.executable, "-m", "tests.recordings"],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert (
        "make record: no qemu to record: qemu-storage-daemon and qemu-img not found" in ran.stderr
    )
    assert "make record: no libvirt to record" in ran.stderr
    assert "apt-get install" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_unknown_name_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["xen"]) == 2
    assert "xen is not one of qemu, libvirt, arguments" in capsys.readouterr().err


def test_the_date_is_the_one_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1530000000")
    assert today() == "2018-06-26"


def test_a_date_that_is_none_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert main([]) == 2
    assert "SOURCE_DATE_EPOCH: found 'yesterday', expected seconds" in capsys.readouterr().err
