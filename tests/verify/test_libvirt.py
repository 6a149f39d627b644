"""Scenarios of the model ``libvirt`` on a real libvirt, and what goes wrong around it."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import simulator
from simulator.export.virsh import write_virsh
from simulator.hosts.libvirt import libvirtd
from simulator.hosts.libvirt.machine import Host
from simulator.hosts.libvirt.process import processes_at_home
from simulator.libvirt.actions import Virsh
from simulator.libvirt.plan import make_libvirt_plan
from simulator.libvirt.versions import says_the_same
from simulator.model.requests import StartCheckpoint
from simulator.verify.on_libvirt import verify
from tests.checkout import MAIL, ROOT, SCENARIOS, command
from tests.hosts.real import children, need_libvirt, nothing_left, timeline_of

SHIPPED = (
    "mail/2018-libvirt",
    "valid/two-disks",
    "valid/pull-backup",
    "valid/delete-middle",
    "valid/blockcopy",
    "flagged/BT108-pull-after-resize",
    "flagged/BT108-raw-base",
    "flagged/BT203-cancelled",
    "flagged/BT104-crash-after-restart",
)
"""Those in which libvirt does most; the others only say the same again."""

HEAD = "scenario: {}\nmodel: libvirt\ndisk: 8\ntimeline:\n"

CHAIN = """\
  - at: T1
    do: [create: {image: S1, bitmap: B1}]
  - write: AAAA----
  - at: T2
    do: [snapshot: {image: S2, bitmap: B2}]
  - write: ---BBB--
  - at: T3
    do: [snapshot: {image: S3, bitmap: B3}]
  - write: D----DD-
  - at: T4
    do:
"""
"""Three images, each with a checkpoint."""

STORIES = {
    "commits": CHAIN
    + """\
      - commit: {top: S2, base: S1}
      - backup: {since: B1, to: b1.bak}
      - backup: {since: B2, to: b2.bak}
      - commit: {top: S3}
      - backup: {since: B3, to: b3.bak}
""",
    "pulls": CHAIN
    + """\
      - pull: {into: S3, base: S1}
      - backup: {since: B1, to: b1.bak}
      - pull: {into: S3}
      - backup: {since: B2, to: b2.bak}
""",
    "deleted snapshots": CHAIN
    + """\
      - delete: {snapshot: S2}
      - shutdown
      - delete: {snapshot: S3}
      - start
      - backup: {since: B2, to: b2.bak}
""",
    "refusals": CHAIN
    + """\
      - {checkpoint: B1, expect: refused}
      - {checkpoint: a b, expect: refused}
      - checkpoint: -x
      - backup: {to: full.bak}
      - {backup: {to: full.bak}, expect: refused}
      - {cancel: full.bak, expect: refused}
      - {snapshot: S2, expect: refused}
      - {commit: {top: S1}, expect: refused}
      - {delete: {snapshot: S1}, expect: refused}
      - resize: {clusters: 16}
      - {backup: {to: i.bak, since: B3}}
      - {backup: {to: j.bak, since: B1}, expect: refused}
      - {start: null, expect: refused}
      - shutdown
      - {checkpoint: B4, expect: refused}
      - {backup: {to: k.bak}, expect: refused}
      - {delete: {checkpoint: B1}, expect: refused}
      - {snapshot: S4, expect: refused}
      - {commit: {top: S3}, expect: refused}
      - {shutdown: null, expect: refused}
""",
    "a commit after the disk shrank": """\
  - at: T1
    do: [create: {image: S1, bitmap: B1}]
  - write: ---A----
  - at: T2
    do: [{snapshot: S2}, {resize: {clusters: 4}}]
  - write: B---
  - at: T3
    do:
      - commit: {top: S2}
      - backup: {to: a.bak, since: B1}
      - snapshot: S2
""",
    "under a pull": """\
  - at: T1
    do: [create: {image: S1, bitmap: B1}]
  - write: AAAA----
  - at: T2
    do:
      - snapshot: S2
      - backup: {to: full.bak, mode: pull, since: B1, ends: T4}
  - write: B----B--
  - at: T3
    do:
      - checkpoint: B2
      - delete: {checkpoint: B1}
      - {commit: {top: S2}, expect: refused}
      - {pull: {into: S2}, expect: refused}
      - {resize: {clusters: 16}, expect: refused}
  - at: T4
    do: [crash, start]
""",
}
"""What the shipped scenarios leave out."""


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_scenario_agrees_with_libvirt(name: str) -> None:
    need_libvirt()
    timeline = simulator.load(SCENARIOS / f"{name}.yaml").run().timeline
    outcome = verify(timeline, timeout=60)
    assert outcome.finding is None, "\n".join([*outcome.finding.notes, *outcome.said])
    assert outcome.steps == len(make_libvirt_plan(timeline).steps)


@pytest.mark.parametrize("name", STORIES)
def test_a_story_agrees_with_libvirt(name: str) -> None:
    need_libvirt()
    outcome = verify(timeline_of(HEAD.format(name) + STORIES[name]), timeout=60)
    assert outcome.finding is None, "\n".join([*outcome.finding.notes, *outcome.said])


def test_a_running_backup_keeps_out_what_libvirt_waits_half_a_minute_for() -> None:
    """A real libvirt 9.0 says so after 30 seconds each, so it is not asked here."""
    story = """\
  - at: T1
    do: [create: S1, snapshot: S2]
  - at: T2
    do:
      - backup: {to: full.bak, mode: pull, ends: T3}
      - {backup: {to: other.bak}, expect: refused}
      - {snapshot: S3, expect: refused}
      - {delete: {snapshot: S2}, expect: refused}
  - at: T3
""".replace("[create: S1, snapshot: S2]", "[{create: S1}, {snapshot: S2}]")
    entries = timeline_of(HEAD.format("overlap") + story).entries
    said = [entry.refusal.text for entry in entries if entry.refusal is not None]
    assert (
        said
        == [
            "Timed out during operation: cannot acquire state change lock "
            "(held by monitor=remoteDispatchDomainBackupBegin)"
        ]
        * 3
    )


def test_a_difference_is_two_figures_with_carets_and_the_commands_so_far() -> None:
    need_libvirt()
    timeline = timeline_of(HEAD.format("x") + CHAIN.partition("  - at: T2")[0])
    *others, write = timeline.entries
    tampered = replace(timeline, entries=(*others, write._replace(after=write.before)))
    outcome = verify(tampered, timeout=60)
    assert outcome.finding is not None
    assert outcome.finding.code == "VF001"
    assert outcome.finding.message.startswith("S1, S1.B1, guest sees are not as on libvirt ")
    assert "simulator: |--------|" in outcome.finding.notes
    assert "QEMU:      |AAAA----|" in outcome.finding.notes
    assert any(note.strip().startswith("^^^^") for note in outcome.finding.notes)
    assert outcome.said[-1].startswith("$ virsh qemu-monitor-command machine --hmp 'qemu-io")
    assert "<name>machine</name>" in "\n".join(outcome.said)


def test_checkpoints_that_differ_are_told_with_their_parents() -> None:
    need_libvirt()
    timeline = timeline_of(
        HEAD.format("x")
        + "  - at: T1\n    do: [create: S1, checkpoint: B1]\n".replace(
            "[create: S1, checkpoint: B1]", "[{create: S1}, {checkpoint: B1}]"
        )
    )
    *others, last = timeline.entries
    assert isinstance(last.statement and last.statement.request, StartCheckpoint)
    after = replace(last.after, checkpoints=())
    outcome = verify(replace(timeline, entries=(*others, last._replace(after=after))), timeout=60)
    assert outcome.finding is not None
    assert outcome.finding.notes == ("simulator  none", "libvirt    B1", "           ^")


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("revert: {snapshot: S2}", "revert cannot be verified"),
        ("backup: {to: x.bak, fails: T5}", "a push backup that lasts cannot be verified"),
        ("backup: {to: x.bak, bitmaps: [B1]}", "through bitmaps that the user names"),
        ("snapshot: {image: S4, outside: true}", "made outside of libvirt cannot be verified"),
        ("qmp: {execute: block-dirty-bitmap-clear, arguments: {node: S3, name: B3}}", "qmp cannot"),
    ],
)
def test_a_verb_that_is_not_supported_is_a_finding_and_no_agreement(step: str, told: str) -> None:
    timeline = timeline_of(f"{HEAD.format('x')}{CHAIN}      - {step}\n  - at: T5\n")
    unsupported = [s.unsupported for s in make_libvirt_plan(timeline).steps if s.unsupported]
    assert unsupported
    assert f"{unsupported[0]} cannot be verified".find(told) >= 0


def test_a_pull_that_is_refused_is_begun_and_not_read() -> None:
    text = HEAD.format("a pull since a bitmap that a crash took") + (
        "  - {at: T1, do: [{create: S1}, {checkpoint: c1}, crash, start]}\n"
        "  - {at: T2, do: [{backup: {since: c1, to: inc.bak, mode: pull}}]}\n"
    )
    (action,) = make_libvirt_plan(simulator.loads(text).run().timeline).steps[-1].actions
    assert isinstance(action, Virsh)
    assert action.words[0] == "backup-begin"


def test_it_is_told_which_verb_is_not_supported(tmp_path: Path) -> None:
    need_libvirt()
    file = tmp_path / "x.yaml"
    file.write_text(
        f"{HEAD.format('x')}  - at: T1\n    do: [{{create: {{image: S1, disk: vda}}}}]\n"
        "  - at: T2\n    do:\n      - snapshot: S2\n      - revert: {snapshot: S2}\n"
    )
    outcome = command("verify", str(file), "--with", "libvirt", "--timeout", "60")
    assert outcome.status == 1
    assert "VF005" in outcome.out
    assert "revert cannot be verified on a real libvirt" in outcome.out
    assert "virsh so far:" in outcome.out
    exported = command("export", str(file), "--to", "virsh")
    assert exported.status == 2
    assert "T2: revert: revert cannot be exported" in exported.err


def test_only_the_model_libvirt_is_held_against_libvirt() -> None:
    for words in (
        ("verify", str(MAIL), "--with", "libvirt"),
        ("export", str(MAIL), "--to", "virsh"),
    ):
        outcome = command(*words)
        assert outcome.status == 2
        assert "the model is mail-2018" in outcome.err
        assert "--model libvirt" in outcome.err
        assert outcome.out == ""


def test_libvirt_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libvirtd, "_search_path", lambda: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = command("verify", str(MAIL), "--with", "libvirt", "--model", "libvirt")
    assert outcome.status == 2
    assert "VF007" in outcome.out
    assert "virsh, libvirtd, qemu-system-x86_64," in outcome.out
    told = re.sub(r"\n   =\s+", " ", outcome.out)
    assert "apt-get install libvirt-daemon-system libvirt-clients" in told
    assert outcome.err == ""


def test_newer_words_are_let_pass_on_a_newer_libvirt_only() -> None:
    old = "Operation not supported: cannot perform block operations while checkpoint exists"
    new = (
        "Operation not supported: support for offline external snapshots while checkpoint exists "
        "was not yet implemented"
    )
    assert says_the_same(old, new, "11.3.0 with QEMU 10.0.13")
    assert not says_the_same(old, new, "9.0.0 with QEMU 7.2.22")
    assert not says_the_same(old, None, "11.3.0 with QEMU 10.0.13")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that an ordinary user may enter, as those of pytest may not be."""
    with tempfile.TemporaryDirectory(prefix="t-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_machine_that_hangs_ends_with_a_finding_and_leaves_nothing(open_folder: Path) -> None:
    need_libvirt()

    def stop(host: Host, number: int) -> None:
        if number == 1:
            os.kill(host.running.process.pid, signal.SIGSTOP)

    with nothing_left(open_folder):
        outcome = verify(
            timeline_of(HEAD.format("x") + CHAIN.partition("  - at: T2")[0]), timeout=3, watch=stop
        )
    assert outcome.finding is not None
    assert outcome.finding.code == "VF006"
    assert outcome.finding.message == "libvirt took longer than 3 s"


def test_a_daemon_that_dies_is_a_finding_and_leaves_nothing(open_folder: Path) -> None:
    need_libvirt()

    def kill(host: Host, number: int) -> None:
        if number == 2:
            host.libvirtd.kill()

    with nothing_left(open_folder):
        outcome = verify(timeline_of(HEAD.format("x") + CHAIN), timeout=60, watch=kill)
    assert outcome.finding is not None
    assert "libvirtd" in outcome.finding.message


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)]
)
def test_a_signal_ends_it_with_all_that_it_started(
    open_folder: Path, number: int, status: int
) -> None:
    need_libvirt()
    environment = {**os.environ, "TMPDIR": str(open_folder)}
    words = [sys.executable, "-m", "simulator", "verify", str(MAIL), "--with", "libvirt"]
    with subprocess.Popen(
        [*words, "--model", "libvirt"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell starts what runs in the background with Ctrl-C switched off.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        home = wait_for_libvirt(process.pid, open_folder)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == status
    assert b"Traceback" not in err
    assert list(open_folder.iterdir()) == []
    assert list(processes_at_home(home)) == []


def wait_for_libvirt(parent: int, folder: Path) -> Path:
    """Wait until a process has started a libvirt; return the folder that it works in."""
    for _ in range(3000):
        homes = [path for path in folder.glob("bt-*") if list(processes_at_home(path))]
        if homes and children(parent):
            return homes[0]
        time.sleep(0.01)
    raise AssertionError("no libvirt was started")


@pytest.mark.parametrize("name", ["valid/pull-backup", "flagged/BT101-crash"])
def test_the_script_plays_the_scenario(name: str, open_folder: Path) -> None:
    need_libvirt()
    timeline = simulator.load(SCENARIOS / f"{name}.yaml").run().timeline
    script, folder = open_folder / "script.sh", open_folder / "made"
    script.write_text(write_virsh(timeline))
    ran = subprocess.run(
        ["sh", str(script), str(folder)], capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    made = {path.name for path in folder.iterdir()}
    wanted = {backup.name for backup in timeline.last.backups} | {"S1.qcow2"}
    assert wanted <= made
    assert not [file for file in made if file.endswith((".xml", ".sock"))]


def test_a_backup_of_two_disks_is_one_document_and_one_command() -> None:
    timeline = simulator.load(SCENARIOS / "valid" / "two-disks.yaml").run().timeline
    steps = make_libvirt_plan(timeline).steps
    backup = next(s for s in steps if s.entry.statement and s.entry.statement.verb == "backup")
    begin = backup.actions[0]
    assert isinstance(begin, Virsh)
    assert begin.words == (
        "backup-begin",
        "machine",
        "@folder@/backup-1.xml",
        "@folder@/checkpoint-1.xml",
    )
    text = dict(begin.documents)["backup-1.xml"]
    assert '<target file="@folder@/full.bak-vda"/>' in text
    assert '<target file="@folder@/full.bak-vdb"/>' in text
