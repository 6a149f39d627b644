"""What tests with a real QEMU share: whether it is there, and what it leaves behind."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import simulator
from simulator.hosts.failures import QemuMissingError
from simulator.hosts.installed import installed_host
from simulator.hosts.libvirt.libvirtd import find_programs
from simulator.hosts.lifeline import processes_at_home
from simulator.timeline import Timeline
from tests.checkout import MAIL, ROOT
from tests.waiting import wait_until

LIBVIRT_PACKAGES = "libvirt-daemon-system libvirt-clients qemu-system-x86"

NEEDED = ("qemu-storage-daemon", "qemu-img", "qemu-io")

HEAD = "scenario: x\nmodel: libvirt\ndisk: 8\ntimeline:\n"

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


def need_qemu() -> None:
    """Skip the test where QEMU's programs are missing; fail it under REQUIRE_REAL=1."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if not missing:
        return
    reason = f"{', '.join(missing)} missing: apt-get install qemu-utils qemu-system-common"
    if os.environ.get("REQUIRE_REAL"):
        pytest.fail(f"{reason}, and REQUIRE_REAL is set")
    pytest.skip(reason)


def need_libvirt() -> None:
    """Skip the test where libvirt's or QEMU's programs are missing; fail it likewise."""
    need_qemu()
    try:
        find_programs()
    except QemuMissingError as error:
        reason = f"{error}: apt-get install {LIBVIRT_PACKAGES}"
        if os.environ.get("REQUIRE_REAL"):
            pytest.fail(f"{reason}, and REQUIRE_REAL is set")
        pytest.skip(reason)


def mail() -> Timeline:
    """Return the timeline of the mail, as on what is installed."""
    return _here(simulator.load(MAIL).run().timeline)


def timeline_of(text: str) -> Timeline:
    """Return the timeline of a scenario as text, as on what is installed."""
    return _here(simulator.loads(text).run().timeline)


def _here(timeline: Timeline) -> Timeline:
    host = installed_host(libvirt=True) or installed_host()
    if host is None or timeline.elsewhere is None:
        return timeline
    return timeline.elsewhere(host, None)


def children(pid: int) -> set[int]:
    """Return the processes that a process started and that are still there."""
    found: set[int] = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # It has just gone.
        if int(fields[1]) == pid:
            found.add(int(status.parent.name))
    return found


@contextmanager
def nothing_left(folder: Path) -> Iterator[None]:
    """Check that no process, socket or file stays behind; temporary files go to a folder."""
    before = children(os.getpid())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        yield
    assert children(os.getpid()) == before
    assert list(folder.iterdir()) == []


def runs(pid: int) -> bool:
    """Whether a process is there and has not ended: nobody may be there to ask for how."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@contextmanager
def mounted(folder: Path, *, size: str) -> Iterator[Path]:
    """Mount a small file system on a new folder; skip the test where that takes root."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    able = os.geteuid() == 0 and shutil.which("mount") is not None
    if not able or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here: that takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def verifying(folder: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``verify`` in a process of its own, with a folder for its temporary files."""
    with subprocess.Popen(
        [sys.executable, "-m", "simulator", "verify", str(MAIL), *words],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell starts what runs in the background with Ctrl-C switched off.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def hold_qemu(parent: int) -> set[int]:
    """Stop the QEMU that a process starts, so that it waits; return its processes."""
    found: set[int] = set()

    def started() -> bool:
        found.clear()
        found.update(pid for pid in children(parent) if "qemu-storage" in _command_line(pid))
        return len(found) == 2

    wait_until(started, "QEMU")
    for pid in found:
        os.kill(pid, signal.SIGSTOP)
    return found


def wait_for_libvirt(parent: int, folder: Path) -> Path:
    """Wait until a process has started a libvirt; return the folder that it works in."""
    homes: list[Path] = []

    def started() -> bool:
        homes[:] = [path for path in folder.glob("bt-*") if list(processes_at_home(path))]
        return bool(homes and children(parent))

    wait_until(started, "libvirt")
    return homes[0]


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
