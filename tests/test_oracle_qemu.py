"""The primitives against recordings of real QEMU: every image, bitmap, backup and refusal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from simulator.model.bitmap import DirtyBitmap
from simulator.model.clusters import ZERO, Version, range_of, set_of
from simulator.model.disk import Disk
from simulator.model.machine import Backup, Kind, Machine, Restored, Status
from simulator.model.operations import (
    AddBitmap,
    AddOverlay,
    BitmapMode,
    ClearBitmap,
    CloseImages,
    CommitImages,
    CreateImage,
    DisableBitmap,
    EnableBitmap,
    EndJob,
    GuestDiscard,
    GuestWrite,
    KillProcess,
    MergeBitmaps,
    MirrorDisk,
    OpenImages,
    Operation,
    PullImages,
    Refusal,
    RemoveBitmap,
    ResizeImage,
    RunBackup,
    StackBackups,
    Sync,
)
from simulator.model.transitions import apply_all
from simulator.notation import write_backup, write_bits, write_clusters, write_view
from simulator.releases.changes import semantics_of
from simulator.releases.hosts import host_with, precedes
from simulator.releases.unmodelled import SINCE
from tests.recordings.files import Recorded, Step, read_recording, recordings

DISK = "vda"
TEMPORARY = "temporary"
"""The bitmap that a backup merges others into; it was removed before anybody looked."""

RESTORED = "restored"

COMMIT = "commit"
"""The job of a commit, where it has a name."""

CANCELLED = "Operation canceled"
"""What a job says that was cancelled as it was asked to be."""

COMPARED_MIN = {"random": 900, "refusals": 300, "versions": 200}
"""How many steps of each recording are at least compared, so that none can pass by stopping."""

Op = dict[str, Any]


@dataclass(slots=True)
class Replay:
    """A recorded timeline, played again.

    Attributes:
        name: What the recording calls the timeline.
        views: What the guest saw after each step so far.
    """

    name: str
    machine: Machine
    views: list[str] = field(default_factory=list)

    @property
    def length(self) -> int:
        """Number of clusters of its disk."""
        return self.disk.length

    @property
    def disk(self) -> Disk:
        """The only disk."""
        return self.machine.disks[0]

    def differences(self, steps: Sequence[Step]) -> Iterator[list[str]]:
        """Yield what differs after each step, up to one that this version does not have."""
        for number, step in enumerate(steps):
            operations = self.operations(step["op"])
            if operations is None:
                return
            outcome = apply_all(self.machine, operations)
            refusal = outcome.text if isinstance(outcome, Refusal) else None
            self.machine = self.machine if isinstance(outcome, Refusal) else outcome
            real, ours = recorded(step), self.drawn(refusal)
            if "backup" in step:
                ours["backup"] = self.backup(step["op"]["name"])
            if "restored" in step:
                ours |= self.restored()
            where = f"{self.name}, step {number}, {step['op']}"
            yield [
                f"{where}: {key} is {ours[key]}, on QEMU {real[key]}"
                for key in real
                if ours[key] != real[key]
            ]
            self.views.append(write_view(self.disk.guest_view, self.length))

    def drawn(self, refusal: str | None) -> dict[str, Any]:
        """Return the state in the recording's terms."""
        disk = self.disk
        return {
            "error": refusal,
            "layers": [[i.name, write_clusters(i.content, i.length)] for i in disk.chain],
            "bitmaps": sorted(
                [
                    b.node,
                    b.name,
                    "!" if b.inconsistent else write_bits(b.dirty, b.length),
                    flags(b),
                ]
                for b in disk.bitmaps
            ),
            "guest": write_clusters(disk.guest_view, self.length),
        }

    def backup(self, name: str) -> str | None:
        """Return the cells of a backup, or None where there is none."""
        made: tuple[Backup, ...] = self.machine.backups_named(name)
        return write_backup(made[-1], zeroes=True) if made else None

    def restored(self) -> dict[str, Any]:
        """Return what the newest restored disk reads as, and the steps that it is like."""
        newest: Restored = self.machine.restores[-1]
        cells = write_view(newest.content, newest.length)
        same = [number for number, view in enumerate(self.views) if view == cells]
        return {"restored": cells, "matches": same}

    def operations(self, op: Op) -> list[Operation] | None:
        """Return the primitives of a recorded step; None for what this version does not have."""
        match op["op"]:
            case "create":
                image = op["name"]
                return [
                    CreateImage(disk=DISK, image=image),
                    AddBitmap(node=image, name=op["bitmap"]),
                ]
            case "write" | "zero" | "discard":
                return self._guest(op)
            case "snapshot":
                overlay = op["name"]
                added = [AddBitmap(node=overlay, name=op["bitmap"])] if "bitmap" in op else []
                frozen = [DisableBitmap(node=n, name=b) for n, b in op.get("disable", ())]
                return [*frozen, AddOverlay(node=self.disk.active.name, overlay=overlay), *added]
            case "checkpoint":
                return self._checkpoint(op)
            case "bitmap":
                return [bitmap_operation(op)]
            case "backup":
                return self._backup(op)
            case "commit":
                return self._commit(op)
            case "stream":
                return [PullImages(into=op.get("into", self.disk.active.name), base=op["base"])]
            case "mirror":
                return self._mirror(op)
            case "restore":
                return [StackBackups(name=RESTORED, sources=tuple(op["chain"]))]
            case "restart":
                return [CloseImages(), OpenImages()]
            case "crash":
                assert op["flush"], "our guest's writes count as flushed"
                return [KillProcess(), OpenImages()]
            case "resize":
                return [ResizeImage(node=self.disk.active.name, length=op["cells"])]
            case _:
                return None

    def _guest(self, op: Op) -> list[Operation]:
        if "off" in op:
            # All of these lie past the end of the disk: NBD refuses them before QEMU sees them.
            assert op["off"] >= self.disk.size
            return []
        if op["op"] == "discard":
            clusters = set_of(self.length, range(op["at"], op["at"] + op["n"]))
            return [GuestDiscard(disk=DISK, clusters=clusters)]
        version: Version = ZERO if op["op"] == "zero" else ord(op["data"])
        return [GuestWrite(disk=DISK, data=range_of(self.length, op["at"], op["n"], version))]

    def _commit(self, op: Op) -> list[Operation]:
        commit = CommitImages(
            self.disk.active.name, op["top"], op["base"], carry=op.get("carry", False)
        )
        if op.get("end") != "cancel":
            return [commit]
        end = EndJob(job=COMMIT, status=Status.CANCELLED, command="job-cancel", forced=True)
        return [commit._replace(lasting=True, job=COMMIT), end]

    def _mirror(self, op: Op) -> list[Operation]:
        mirror = MirrorDisk(node=self.disk.active.name, into=op["name"])
        mirror = mirror._replace(granularity=op.get("granularity"))
        if "during" not in op:
            return [mirror]
        guest = [operation for each in op["during"] for operation in self._guest(each)]
        end = EndJob(job=op["name"], status=Status.COMPLETED)
        return [mirror._replace(lasting=True), *guest, end]

    def _checkpoint(self, op: Op) -> list[Operation]:
        node = self.disk.active.name
        frozen = [DisableBitmap(node=node, name=name) for name in op["disable"]]
        return [AddBitmap(node=node, name=op["bitmap"]), *frozen]

    def _backup(self, op: Op) -> list[Operation] | None:
        """Return a backup as one transaction, what the guest does under it, and its end.

        None where it has an argument that the release does not know: whoever reads it says so.
        """
        newer = {"discard": "discard-source", "unit": "x-perf.min-cluster-size"}
        release = self.machine.semantics.qemu
        if any(key in op and precedes(release, SINCE[name]) for key, name in newer.items()):
            return None
        node = self.disk.active.name
        begun = self._checkpoint(op["checkpoint"]) if "checkpoint" in op else []
        run = RunBackup(target=op["name"], image=op.get("node", node), kind=Kind.FULL)
        run = run._replace(discards="discard" in op, unit=op.get("unit"))
        if "bitmaps" in op:
            sources = tuple((n, b) for n, b in op["bitmaps"])
            return [
                *begun,
                run._replace(
                    kind=Kind.BITMAPS,
                    sync=Sync.BITMAP,
                    bitmap=TEMPORARY,
                    temporary=True,
                    sources=sources,
                ),
            ]
        if op["sync"] == "top":
            run = run._replace(kind=Kind.TOP, sync=Sync.TOP)
        if op["sync"] == "bitmap":
            mode = BitmapMode(op["mode"])
            run = run._replace(kind=Kind.BITMAPS, sync=Sync.BITMAP, bitmap=op["bitmap"], mode=mode)
        if "during" not in op:
            return [*begun, run]
        guest = [operation for each in op["during"] for operation in self._guest(each)]
        status = Status.CANCELLED if op.get("end") == "cancel" else Status.COMPLETED
        end = EndJob(job=op["name"], status=status)
        return [*begun, run._replace(lasting=True), *guest, end]


def bitmap_operation(op: Op) -> Operation:
    """Return one of the six bitmap commands."""
    node, name = op["node"], op["name"]
    match op["cmd"]:
        case "add":
            granularity, persistent = op.get("granularity"), op.get("persistent", False)
            return AddBitmap(node=node, name=name, granularity=granularity, persistent=persistent)
        case "remove":
            return RemoveBitmap(node=node, name=name)
        case "clear":
            return ClearBitmap(node=node, name=name)
        case "enable":
            return EnableBitmap(node=node, name=name)
        case "disable":
            return DisableBitmap(node=node, name=name)
        case "merge":
            sources = tuple((n, b) for n, b in op["bitmaps"])
            return MergeBitmaps(node=node, name=name, sources=sources)
        case other:
            raise AssertionError(other)


def flags(bitmap: DirtyBitmap) -> str:
    """Return a bitmap's flags as the recording writes them."""
    held = {
        "r": bitmap.recording,
        "p": bitmap.persistent,
        "b": bitmap.busy,
        "i": bitmap.inconsistent,
    }
    return "".join(letter for letter, set_ in held.items() if set_)


def recorded(step: Step) -> dict[str, Any]:
    """Return what a recording says of a step, drawn as our figures are."""
    speaker, _, said = step.get("error", "").partition(": ")
    told: dict[str, Any] = {
        "error": said if speaker in ("QMP", "Job") and said != CANCELLED else None,
        "layers": [[name, drawn_zeroes(cells)] for name, cells in step["layers"]],
        "bitmaps": sorted(step["bitmaps"]),
        "guest": drawn_zeroes(step["guest"]),
    }
    if "backup" in step:
        told["backup"] = drawn_zeroes(step["backup"])
    if "restored" in step:
        told["restored"] = drawn_zeroes(step["restored"]).replace("0", "-")
        told["matches"] = step["matches"]
    return told


def drawn_zeroes(cells: str) -> str:
    """Return cells with a zero cluster drawn as a data cluster full of zero bytes is."""
    return cells.replace("z", "0")


@pytest.mark.parametrize("path", recordings("qemu"), ids=lambda path: path.stem)
@pytest.mark.parametrize("kind", COMPARED_MIN)
def test_the_primitives_give_what_real_qemu_gave(kind: str, path: Path) -> None:
    compared = 0
    differing = []
    semantics = semantics_of(host_with(read_recording(path).head["version"]))
    for case in recorded_timelines(path, kind):
        disk = Disk(name=DISK, length=case.cells)
        replay = Replay(case.name, Machine(disks=(disk,), semantics=semantics))
        for found in replay.differences(case.steps):
            compared += 1
            differing += found
    assert differing == []
    assert compared >= COMPARED_MIN[kind], compared


def recorded_timelines(path: Path, kind: str) -> list[Recorded]:
    """Return the timelines of a kind in a recording."""
    return [t for t in read_recording(path).timelines if t.name.startswith(f"{kind}-")]
