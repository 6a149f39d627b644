"""Exported scripts: lines of QMP, and a shell script that rebuilds the scenario for real."""

import asyncio
import json
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest

import simulator
from simulator.export.languages import Language, export_timeline
from simulator.hosts.session import Session
from simulator.model.machine import Machine, Power, Status
from simulator.model.operations import CloseImages
from simulator.model.transitions import apply
from simulator.qemu.plan import make_plan
from simulator.timeline import Timeline
from simulator.verify.compare import compare
from simulator.verify.observe import Observer
from simulator.verify.sight import Sight, sight_of
from tests.checkout import MAIL, command, name_of, scenario_files
from tests.hosts.real import need_qemu
from tests.waiting import PATIENCE_SECONDS

HALFWAY = {"merges-stopped-half-way": "QEMU copies in pieces as large as it likes"}
OUTSIDE = {"stored": "what was stacked cannot be read any more when its full backup is lost"}

NEWER = {
    "newer-commands": "the QEMU that is installed may not have its arguments",
    "BT901-node-let-go": "the same",
    "BT901-pulled-into-twice": "QEMU 7.2 takes what 10.0 turns down",
    "BT306-another-image-of-that-name": "QEMU before 11.1 writes zeroes that 11.1 passes over",
}

GUEST_OFF = dict.fromkeys(
    ("guest-off-under-a-backup", "BT405-guest-off-under-a-backup"),
    "no guest runs in a script, so that none powers off",
)

MEANWHILE = dict.fromkeys(
    ("torn-copy", "BT205-while-committed"),
    "a script copies a file at once, so that nobody writes it meanwhile",
)

NOT_REBUILT = (
    OUTSIDE
    | MEANWHILE
    | GUEST_OFF
    | HALFWAY
    | NEWER
    | {
        path.stem: "a guest's workload writes one byte a write, and many writes share a byte"
        for path in scenario_files()
        if simulator.load(path).script.guests
    }
)
"""Scenarios that a script cannot rebuild so far that it can be told cell by cell, and why; see
docs/time.md."""


@pytest.mark.parametrize(
    "path", [path for path in scenario_files() if path.stem not in NOT_REBUILT], ids=name_of
)
def test_the_script_rebuilds_the_images_bitmaps_backups_and_restores(
    path: Path, tmp_path: Path
) -> None:
    need_qemu()
    timeline = simulator.load(path).run().timeline
    script, folder = tmp_path / "script.sh", tmp_path / "made here"
    script.write_text(export_timeline(timeline, Language.SH))
    ran = subprocess.run(
        ["sh", str(script), str(folder)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert not [file for file in folder.iterdir() if not file.is_file()]
    wanted = closed(timeline)
    real = asyncio.run(look(folder, timeline, wanted))
    assert list(compare(wanted, real, mixed=make_plan(timeline).mixed)) == []


def closed(timeline: Timeline) -> Sight:
    """Return what must be there when the machine has been shut down."""
    last = timeline.last
    machine = apply(last, CloseImages()) if last.power is Power.RUNNING else last
    assert isinstance(machine, Machine)
    # What a job that did not complete leaves in its target is not fixed.
    made = [backup for backup in machine.backups if backup.status is Status.COMPLETED]
    # A stack is put together anew to be read, so what was written over since is not in it.
    there = {id(backup) for backup in machine.backups}
    restores = [r for r in machine.restores if all(id(each) in there for each in r.sources)]
    assert restores or not machine.restores
    return sight_of(machine, made, restores)


async def look(folder: Path, timeline: Timeline, wanted: Sight) -> Sight:
    """Read back what a script made."""
    with tempfile.TemporaryDirectory() as sockets:
        session = Session(folder, Path(sockets), 10)
        try:
            return await Observer(session, make_plan(timeline).names).observe(wanted)
        finally:
            await session.end()


def test_the_restored_stacks_of_the_mail_are_images_like_those_of_its_full_backups(
    tmp_path: Path,
) -> None:
    need_qemu()
    script, folder = tmp_path / "mail.sh", tmp_path / "mail"
    assert command("export", str(MAIL), "--to", "sh", "-o", str(script)).status == 0
    ran = subprocess.run(
        ["sh", str(script), str(folder)],
        check=True,
        timeout=PATIENCE_SECONDS,
        capture_output=True,
        text=True,
    )
    chain, *told = ran.stdout.splitlines()
    assert chain == "chain of vda: S1.qcow2 <- S2.qcow2"
    assert {"backup B2.bak: B2.bak", "restored back-to-T3: back-to-T3.qcow2"} <= {*told}
    assert all((folder / line.rsplit(": ", 1)[1]).is_file() for line in told)
    for restored, full in (("back-to-T3", "full3.bak"), ("in-three-steps", "full4.bak")):
        images = [str(folder / f"{restored}.qcow2"), str(folder / full)]
        compared = subprocess.run(
            ["qemu-img", "compare", *images], capture_output=True, text=True, check=False
        )
        assert compared.stdout == "Images are identical.\n"


def test_a_script_does_not_write_into_a_folder_that_is_there(tmp_path: Path) -> None:
    need_qemu()
    script = export_timeline(simulator.load(MAIL).run().timeline, Language.SH)
    ran = subprocess.run(
        ["sh", "-s", str(tmp_path)], input=script, capture_output=True, text=True, check=False
    )
    assert ran.returncode != 0
    assert list(tmp_path.iterdir()) == []


def test_qmp_is_lines_of_json_with_the_mail_s_own_transactions() -> None:
    outcome = command("export", str(MAIL), "--to", "qmp")
    assert outcome.status == 0
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    assert all(set(line) & {"execute", "shell", "await"} for line in lines)
    first = next(line for line in lines if line.get("execute") == "transaction")
    assert [each["type"] for each in first["arguments"]["actions"]] == [
        "block-dirty-bitmap-disable",
        "blockdev-snapshot",
        "block-dirty-bitmap-add",
    ]


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    outcome = command("export", str(MAIL), "--to", "qmp", "-o", str(tmp_path / "no" / "x"))
    assert outcome.status == 2
    assert "cannot write" in outcome.err


def test_qmp_says_which_command_is_to_be_turned_down() -> None:
    outcome = command("export", "scenarios/flagged/BT106-sizes-differ.yaml", "--to", "qmp")
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    told = [
        (command["execute"], line["refused"])
        for command, line in pairwise(lines)
        if "refused" in line
    ]
    assert told == [
        (
            "block-dirty-bitmap-merge",
            "Bitmaps are of different sizes (destination size is 655360, source size is 524288) "
            "and can't be merged",
        )
    ]
