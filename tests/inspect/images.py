"""Real images for tests, made with QEMU's own programs."""

import json
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

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


class Daemon:
    """A ``qemu-storage-daemon`` that has a chain open for writing, spoken to in QMP."""

    def __init__(self, active: Path, base: Path | None = None) -> None:
        self._process = subprocess.Popen(
            ["qemu-storage-daemon", "--chardev", "stdio,id=m", "--monitor", "chardev=m"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._late = threading.Timer(PATIENCE_SECONDS, self._process.kill)
        self._late.start()
        self.execute("qmp_capabilities")
        below = None if base is None else {**_node("base", base), "backing": None}
        self.execute("blockdev-add", {**_node("active", active), "backing": below})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the images, as a shutdown does: bitmaps are stored."""
        if self._process.poll() is None:
            self.execute("quit")
            self._end()

    def kill(self) -> None:
        """Leave the images as they are."""
        self._process.kill()
        self._end()

    def _end(self) -> None:
        self._process.communicate(timeout=PATIENCE_SECONDS)
        self._late.cancel()

    def execute(self, command: str, arguments: Mapping[str, Any] | None = None) -> None:
        """Run a command that must succeed."""
        said = json.dumps({"execute": command, "arguments": arguments or {}})
        assert self._process.stdin is not None
        self._process.stdin.write(f"{said}\n")
        self._process.stdin.flush()
        told = self._hear("return", "error")
        assert "error" not in told, told

    def _hear(self, *keys: str) -> dict[str, Any]:
        """Return the next thing that is said with one of some keys."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told: dict[str, Any] = json.loads(line)
            if not set(keys).isdisjoint(told):
                return told
        raise AssertionError("qemu-storage-daemon has ended")

    def write(self, command: str) -> None:
        """Let a client of NBD write, as a guest would."""
        with tempfile.TemporaryDirectory() as folder:
            address = {"type": "unix", "data": {"path": f"{folder}/nbd"}}
            self.execute("nbd-server-start", {"addr": address})
            export = {"type": "nbd", "id": "e", "node-name": "active", "writable": True}
            self.execute("block-export-add", export)
            call("qemu-io", "-f", "raw", "-c", command, f"nbd+unix:///active?socket={folder}/nbd")
            self.execute("nbd-server-stop")

    def push(self, target: Path, *bitmaps: tuple[str, str]) -> None:
        """Push an increment as libvirt does: over the live image, since merged bitmaps."""
        merged = {"node": "active", "name": "merged"}
        self.execute("block-dirty-bitmap-add", {**merged, "disabled": True})
        sources = [{"node": node, "name": name} for node, name in bitmaps]
        merge = {"node": "active", "target": "merged", "bitmaps": sources}
        self.execute("block-dirty-bitmap-merge", merge)
        self.execute("blockdev-add", {**_node("target", target), "backing": None})
        job = {"job-id": "push", "device": "active", "target": "target", "auto-dismiss": True}
        self.execute("blockdev-backup", {**job, "sync": "incremental", "bitmap": "merged"})
        while self._hear("event")["event"] != "BLOCK_JOB_COMPLETED":
            pass
        self.execute("blockdev-del", {"node-name": "target"})
        self.execute("block-dirty-bitmap-remove", merged)


def _node(name: str, path: Path) -> dict[str, Any]:
    return {
        "driver": "qcow2",
        "node-name": name,
        "file": {"driver": "file", "filename": str(path)},
    }
