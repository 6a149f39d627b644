"""What tests with a real QEMU share: whether it is there, and what it leaves behind."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import simulator
from simulator.hosts.daemon import QemuMissingError
from simulator.hosts.libvirt.libvirtd import find_programs
from simulator.timeline import Timeline
from tests.checkout import MAIL

LIBVIRT_PACKAGES = "libvirt-daemon-system libvirt-clients qemu-system-x86"

NEEDED = ("qemu-storage-daemon", "qemu-img", "qemu-io")


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
    """Return the timeline of the mail."""
    return simulator.load(MAIL).run().timeline


def timeline_of(text: str) -> Timeline:
    """Return the timeline of a scenario as text."""
    return simulator.loads(text).run().timeline


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
