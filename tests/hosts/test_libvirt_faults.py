"""What goes wrong around a real libvirt is a clear finding, and leaves nothing behind."""

import os
import re
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.hosts.libvirt import libvirtd
from simulator.hosts.libvirt.libvirtd import Libvirtd
from simulator.hosts.libvirt.machine import Host
from simulator.hosts.lifeline import processes_at_home
from simulator.verify.on_libvirt import verify
from tests.checkout import MAIL, command
from tests.hosts.real import (
    CHAIN,
    HEAD,
    children,
    mounted,
    need_libvirt,
    nothing_left,
    runs,
    timeline_of,
    verifying,
    wait_for_libvirt,
)
from tests.waiting import PATIENCE_SECONDS, wait_until

ON_LIBVIRT = ("--with", "libvirt", "--model", "libvirt")


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
            timeline_of(HEAD + CHAIN.partition("  - at: T2")[0]), timeout=3, watch=stop
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
        outcome = verify(timeline_of(HEAD + CHAIN), timeout=PATIENCE_SECONDS, watch=kill)
    assert outcome.finding is not None
    assert "libvirtd" in outcome.finding.message


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)]
)
def test_a_signal_ends_it_with_all_that_it_started(
    open_folder: Path, number: int, status: int
) -> None:
    need_libvirt()
    with verifying(open_folder, *ON_LIBVIRT) as process:
        home = wait_for_libvirt(process.pid, open_folder)
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == status
    assert b"Traceback" not in err
    assert list(open_folder.iterdir()) == []
    assert list(processes_at_home(home)) == []


def test_whoever_kills_it_leaves_neither_libvirt_nor_its_qemu(open_folder: Path) -> None:
    need_libvirt()
    with verifying(open_folder, *ON_LIBVIRT, "--timeout", "600") as process:
        home = wait_for_libvirt(process.pid, open_folder)
        wait_until(lambda: qemu_of(home) is not None, "the machine")
        qemu = qemu_of(home)
        assert qemu is not None
        os.kill(qemu, signal.SIGSTOP)
        started = {*children(process.pid), *processes_at_home(home)}
        assert qemu in started
        process.kill()
    wait_until(lambda: not any(map(runs, started)), "the end of what was started")
    assert list(open_folder.iterdir()) == []


def qemu_of(home: Path) -> int | None:
    """Return the QEMU that has the machine of a libvirt, once that is told."""
    file = home / ".r" / "libvirt" / "qemu" / "run" / "machine.pid"
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def test_a_daemon_that_dies_while_it_starts_is_a_finding(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_libvirt()

    async def kill(daemon: Libvirtd) -> bool:
        daemon.kill()
        return True

    monkeypatch.setattr(Libvirtd, "_answers", kill)
    with nothing_left(open_folder):
        outcome = verify(timeline_of(HEAD + CHAIN), timeout=PATIENCE_SECONDS)
    assert outcome.finding is not None
    assert outcome.finding.code == "VF006"
    assert "libvirtd cannot be used: Failed to connect socket" in outcome.finding.message
    assert "SIGKILL" in outcome.finding.message
    assert str(open_folder) not in outcome.finding.message


def test_a_machine_that_dies_is_a_finding_and_no_refusal(open_folder: Path) -> None:
    need_libvirt()

    def kill(host: Host, number: int) -> None:
        if number == 2:
            host.running.kill()

    with nothing_left(open_folder):
        outcome = verify(timeline_of(HEAD + CHAIN), timeout=PATIENCE_SECONDS, watch=kill)
    assert outcome.finding is not None
    assert outcome.finding.code == "VF006"
    assert "QEMU went away" in outcome.finding.message


def test_virsh_that_is_killed_says_nothing_of_libvirt(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_libvirt()
    programs = open_folder / "programs"
    programs.mkdir()
    virsh = programs / "virsh"
    virsh.write_text("#!/bin/sh\nkill -9 $$\n")
    virsh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    outcome = verify(timeline_of(HEAD + CHAIN), timeout=PATIENCE_SECONDS)
    assert outcome.finding is not None
    assert outcome.finding.code == "VF006"
    assert outcome.finding.message == "virsh went away: it was ended by SIGKILL"


def test_the_disk_is_full(open_folder: Path) -> None:
    need_libvirt()
    with mounted(open_folder / "small", size="64k") as folder:
        folder.chmod(0o777)
        with verifying(folder, *ON_LIBVIRT) as process:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        assert list(folder.iterdir()) == []
    assert process.returncode == 2
    assert b"VF006" in out
    assert b"Traceback" not in out + err


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
