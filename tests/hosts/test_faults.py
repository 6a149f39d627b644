"""What goes wrong around a verification is a clear finding, and leaves nothing behind."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import simulator
from simulator.hosts.failures import QemuError
from simulator.hosts.session import Session, run_program
from simulator.qemu.actions import Command
from simulator.qemu.plan import make_plan
from simulator.verify.on_qemu import play, verify
from simulator.verify.playing import Verification
from tests.checkout import MAIL, SCENARIOS, command
from tests.hosts.real import (
    children,
    hold_qemu,
    mail,
    mounted,
    need_qemu,
    nothing_left,
    runs,
    verifying,
)
from tests.waiting import PATIENCE_SECONDS, wait_until

AT = 6
"""The step of the mail at which something goes wrong."""


def fault(
    folder: Path, happens: Callable[[Session], None], *, timeout: float = PATIENCE_SECONDS
) -> Verification:
    """Verify the mail while something goes wrong, and see that nothing is left."""
    need_qemu()

    def watch(session: Session, number: int) -> None:
        if number == AT:
            happens(session)

    with nothing_left(folder):
        return verify(mail(), timeout=timeout, watch=watch)


def said(outcome: Verification, code: str = "VF003") -> str:
    assert outcome.finding is not None
    assert outcome.finding.code == code
    assert outcome.finding.span is not None
    assert outcome.steps == AT
    return outcome.finding.message


def test_a_verification_that_agrees_leaves_nothing_behind(tmp_path: Path) -> None:
    need_qemu()
    with nothing_left(tmp_path):
        assert verify(mail()).finding is None


def test_qemu_dies(tmp_path: Path) -> None:
    def kill(session: Session) -> None:
        session.running.process.kill()
        session.running.process.wait()

    assert "SIGKILL" in said(fault(tmp_path, kill))


def test_the_process_that_reads_dies(tmp_path: Path) -> None:
    def kill(session: Session) -> None:
        for pid in children(os.getpid()) - {session.running.process.pid}:
            os.kill(pid, signal.SIGKILL)

    assert "QEMU" in said(fault(tmp_path, kill))


def test_the_sockets_disappear(tmp_path: Path) -> None:
    def remove(session: Session) -> None:
        Path(session.running.nbd).unlink()

    assert "socket of its NBD server is gone" in said(fault(tmp_path, remove))


def test_qemu_hangs(tmp_path: Path) -> None:
    def stop(session: Session) -> None:
        os.kill(session.running.process.pid, signal.SIGSTOP)

    for timeout in (1.0, 10.0, 100.0):
        outcome = fault(tmp_path, stop, timeout=timeout)
        if outcome.steps == AT:
            break  # A machine that is busy needs longer to come as far.
    assert said(outcome) == f"QEMU took longer than {timeout:g} s"
    assert outcome.finding is not None
    assert "--timeout" in outcome.finding.help


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with too little room for the mail."""
    with mounted(tmp_path / "small", size="1200k") as folder:
        yield folder


def test_the_disk_is_full(small_disk: Path) -> None:
    need_qemu()
    with nothing_left(small_disk):
        outcome = verify(mail())
    assert outcome.finding is not None
    assert outcome.finding.code == "VF003"
    assert "No space left on device" in outcome.finding.message
    assert str(small_disk) not in outcome.finding.message


def test_an_image_is_locked_by_another_process(tmp_path: Path) -> None:
    need_qemu()
    timeline = simulator.load(SCENARIOS / "valid" / "restart.yaml").run().timeline
    steps = make_plan(timeline).steps
    start = next(
        n for n, s in enumerate(steps) if s.entry.statement and s.entry.statement.verb == "start"
    )
    others: list[subprocess.Popen[bytes]] = []

    def watch(session: Session, number: int) -> None:
        if number == start:
            other = subprocess.Popen(
                ["qemu-io", str(session.folder / "S1.qcow2")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            others.append(other)
            assert other.stdin is not None
            assert other.stdout is not None
            other.stdin.write(b"length\n")
            other.stdin.flush()
            os.read(other.stdout.fileno(), 100)

    try:
        outcome = verify(timeline, watch=watch)
    finally:
        for other in others:
            other.kill()
            other.communicate()
    assert outcome.finding is not None
    assert outcome.finding.code == "VF003"
    assert "lock" in outcome.finding.message


def test_a_command_that_this_qemu_does_not_know(tmp_path: Path) -> None:
    need_qemu()
    plan = make_plan(mail())
    steps = list(plan.steps)
    steps[AT] = steps[AT]._replace(actions=(Command("blockdev-of-tomorrow"),))
    with nothing_left(tmp_path):
        outcome = play(plan._replace(steps=tuple(steps)))
    assert "too old: The command blockdev-of-tomorrow has not been found" in said(outcome, "VF004")


def test_a_part_of_a_transaction_that_this_qemu_does_not_know(tmp_path: Path) -> None:
    need_qemu()
    plan = make_plan(mail())
    steps = list(plan.steps)
    unknown = Command("transaction", {"actions": [{"type": "of-tomorrow", "data": {}}]})
    steps[AT] = steps[AT]._replace(actions=(unknown,))
    assert "too old" in said(play(plan._replace(steps=tuple(steps))), "VF004")


def test_qemu_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = command("verify", str(MAIL), str(MAIL))
    assert outcome.status == 2
    assert outcome.out.count("VF004") == 1
    assert "qemu-storage-daemon and qemu-img not found" in outcome.out
    assert "apt-get install qemu-utils" in outcome.out
    assert "qemu-system-common" in outcome.out
    assert outcome.err == ""


def test_qemu_is_no_qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("qemu-storage-daemon", "qemu-img"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'invalid option' >&2\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    outcome = command("verify", str(MAIL))
    assert outcome.status == 2
    assert "VF003" in outcome.out
    assert "invalid option" in outcome.out


GREETING = (
    '{"QMP": {"version": {"qemu": {"major": 9, "minor": 0, "micro": 0}, "package": ""}, '
    '"capabilities": []}}'
)

NO_VERSION = '{"QMP": {"version": {"qemu": 3}, "capabilities": []}}'

STAND_IN = """\
import os, signal, sys
qmp = next(int(word.rpartition("fd=")[2]) for word in sys.argv if word.startswith("socket,"))
say, wait = (lambda said: os.write(qmp, said)), signal.pause
"""

MISBEHAVING = {
    "hangs": ("wait()", "took longer than 1 s"),
    "complains without end": ("while True: os.write(2, b'no\\n')", "took longer than 1 s"),
    "babbles": ("while True: say(b'yes\\n')", "Did not understand Greeting"),
    "never ends a line": ("while True: say(bytes(4096))", "did not start"),
    "has no version": (
        f"say(b'{NO_VERSION}\\n{{\"return\": {{}}}}\\n'); wait()",
        "does not tell its version",
    ),
    "answers nothing": (f"say(b'{GREETING}\\n'); wait()", "took longer than 1 s"),
    "ends": ("os.write(2, b'gone\\n'); sys.exit(3)", "it ended with status 3; it said: gone"),
}
"""What stands in for a storage daemon, and what is told of it."""


@pytest.mark.parametrize("name", MISBEHAVING)
def test_a_daemon_that_misbehaves_is_a_finding_and_leaves_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_qemu()
    script, told = MISBEHAVING[name]
    programs, room = tmp_path / "programs", tmp_path / "room"
    programs.mkdir()
    room.mkdir()
    program = programs / "qemu-storage-daemon"
    (programs / "stand-in.py").write_text(f"{STAND_IN}{script}\n")
    # The path of Python may have blanks, which no first line of a script can.
    words = shlex.join([sys.executable, "-IS", str(programs / "stand-in.py")])
    program.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    with nothing_left(room):
        # Whoever is waited for in vain is not waited for long.
        outcome = verify(mail(), timeout=1.0 if "took longer" in told else 60.0)
    assert outcome.finding is not None
    assert outcome.finding.code == "VF003"
    assert told in outcome.finding.message
    assert "\n" not in outcome.finding.message


def test_a_program_that_babbles_is_ended(tmp_path: Path) -> None:
    with pytest.raises(QemuError, match="sh said more than 1 MiB"):
        run_program(["sh", "-c", "exec yes"], tmp_path, 60)
    with pytest.raises(QemuError, match=r"sh took longer than 0\.2 s"):
        run_program(["sh", "-c", "yes >&2"], tmp_path, 0.2)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)]
)
def test_a_signal_ends_it_with_all_that_it_started(
    tmp_path: Path, number: int, status: int
) -> None:
    need_qemu()
    with verifying(tmp_path, "--timeout", "60") as process:
        started = hold_qemu(process.pid)
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == status
    assert b"Traceback" not in err
    assert list(tmp_path.iterdir()) == []
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]


def test_whoever_kills_it_leaves_nothing_even_of_a_qemu_that_hangs(tmp_path: Path) -> None:
    need_qemu()
    with verifying(tmp_path, "--timeout", "60") as process:
        hold_qemu(process.pid)
        started = children(process.pid)
        process.kill()
    wait_until(lambda: not any(map(runs, started)), "the end of what was started")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_used_is_told_as_everywhere(tmp_path: Path) -> None:
    need_qemu()
    broken = tmp_path / "broken.yaml"
    broken.write_text("scenario: x\n")
    outcome = command("verify", str(broken), str(MAIL))
    assert outcome.status == 2
    assert "broken.yaml" in outcome.err
    assert "16 steps agree" in outcome.out


def test_the_programs_that_are_needed_are_found_in_the_path() -> None:
    need_qemu()
    assert shutil.which("qemu-storage-daemon")
