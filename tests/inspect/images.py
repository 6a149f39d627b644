"""Real images for tests, made with QEMU's own programs."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.waiting import PATIENCE_SECONDS, wait_until

K = 1024


def call(*words: str | Path) -> None:
    """Run a program that must succeed."""
    told = [str(word) for word in words]
    subprocess.run(told, check=True, capture_output=True, timeout=PATIENCE_SECONDS)


def create(
    path: Path, size: str = "512k", *, backing: Path | None = None, options: Sequence[str] = ()
) -> Path:
    """Make a qcow2 image, of the size of its backing image where it has one."""
    words: list[str | Path] = ["qemu-img", "create", "-q", "-f", "qcow2", *options]
    if backing is not None:
        words += ["-b", backing.name, "-F", "raw" if backing.suffix == ".raw" else "qcow2"]
    call(*words, path, *([size] if backing is None else []))
    return path


def write(path: Path, *commands: str) -> None:
    """Let ``qemu-io`` do what a guest would, such as ``write 0 64k``."""
    words = [word for command in commands for word in ("-c", command)]
    call("qemu-io", "-d", "unmap", *words, path)


def bitmap(path: Path, *words: str) -> None:
    """Change a bitmap with ``qemu-img bitmap``: ``--add``, ``-g``, ``--disable``, a name."""
    call("qemu-img", "bitmap", *words[:-1], path, words[-1])


def leave_open(path: Path) -> None:
    """Kill a process that has an image open for writing, as a crash of the host would."""
    options = f"driver=qcow2,node-name=n,file.driver=file,file.filename={path}"
    with subprocess.Popen(
        ["qemu-storage-daemon", "--blockdev", options, "--nbd-server", f"{_socket(path)}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _wait_for(path)
        finally:
            process.kill()
    path.with_suffix(".sock").unlink(missing_ok=True)


def _socket(path: Path) -> str:
    return f"addr.type=unix,addr.path={path.with_suffix('.sock')}"


def _wait_for(path: Path) -> None:
    """Wait until the server that is opened after the image is there."""
    wait_until(path.with_suffix(".sock").exists, "qemu-storage-daemon")


def mail_chain(folder: Path) -> Path:
    """Make the images of the mail at T4, and return the active one."""
    s1 = create(folder / "S1.qcow2")
    bitmap(s1, "--add", "B1")
    write(s1, "write -P 65 0 256k")
    bitmap(s1, "--disable", "B1")
    s2 = create(folder / "S2.qcow2", backing=s1)
    bitmap(s2, "--add", "B2")
    write(s2, "write -P 66 192k 192k")
    bitmap(s2, "--disable", "B2")
    bitmap(s2, "--add", "B3")
    write(s2, "write -P 67 0 64k", "write -P 67 320k 128k")
    return s2


def libvirt_chain(folder: Path) -> Path:
    """Make a chain as libvirt leaves it: every name on every image, all recording."""
    s1 = create(folder / "vm.qcow2")
    bitmap(s1, "--add", "C1")
    write(s1, "write 0 256k")
    s2 = create(folder / "vm.S2", backing=s1)
    bitmap(s2, "--add", "C1")
    write(s2, "write 192k 64k")
    bitmap(s2, "--add", "C2")
    write(s2, "write 256k 128k", "write -z 448k 64k")
    return s2
