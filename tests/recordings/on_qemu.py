"""Plays a timeline on a real QEMU and writes down what it does.

Nothing here asks the simulator: what is sent comes from the operations, what is told from QEMU.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from simulator.hosts.daemon import Daemon, QemuRefusedError
from simulator.hosts.exports import Look, exported, open_read_only
from simulator.hosts.failures import QemuError
from simulator.hosts.nbd import NbdClient, NbdError
from simulator.hosts.session import Session, open_session
from simulator.qemu.actions import (
    AwaitJobs,
    Command,
    DropGuest,
    JobEnd,
    KillQemu,
    MakeImage,
    QuitQemu,
    StartQemu,
)
from tests.recordings.files import Op, Recorded, Step, Timeline
from tests.recordings.seeing import (
    CELL,
    read_as,
    read_bitmaps,
    read_cells,
    seen_through,
    with_room,
)

GUEST = "guest"
TIMEOUT_SECONDS = 60.0
TEMPORARY = "T"
"""The bitmap that a backup merges others into; it is gone before anybody looks."""

Actions = list[tuple[str, dict[str, Any]]]
"""Commands of one transaction."""


class JobError(Exception):
    """A job ended badly; the text is QEMU's own."""


async def record(timeline: Timeline) -> tuple[str, Recorded]:
    """Play a timeline; return QEMU's version, and what was found after each step.

    Raises:
        QemuMissingError: There is no QEMU, or one that is too old.
        QemuError: It died, or does not do as it should.
    """
    async with open_session(TIMEOUT_SECONDS) as session:
        player = _Player(session, timeline.cells)
        steps = [await player.step(op) for op in timeline.ops]
        return session.version, Recorded(timeline.name, timeline.cells, tuple(steps))


class _Player:
    """One machine with one disk."""

    def __init__(self, session: Session, cells: int) -> None:
        self._session = session
        self._size = cells * CELL
        self._chain: list[str] = []
        self._views: list[str] = []

    async def step(self, op: Op) -> Step:
        """Do one operation and look."""
        told: Step = {"op": op}
        try:
            told |= await _OPERATIONS[op["op"]](self, op)
        except QemuRefusedError as error:
            told["error"] = f"QMP: {error.text}"
        except NbdError as error:
            told["error"] = f"NBD: {error}"
        except JobError as error:
            told["error"] = f"Job: {error}"
        told |= await self._look()
        self._views.append(read_as(told["guest"]))
        return told

    @property
    def _active(self) -> str:
        return self._chain[-1]

    async def _send(self, execute: str, **arguments: Any) -> Any:
        told = {key.replace("_", "-"): value for key, value in arguments.items()}
        return await self._session.running.execute(Command(execute, told))

    async def _together(self, actions: Actions) -> None:
        listed = [{"type": execute, "data": arguments} for execute, arguments in actions]
        await self._send("transaction", actions=listed)

    async def _look(self) -> Step:
        """Return every image, every bitmap, and what the guest sees."""
        daemon = self._session.running
        layers, bitmaps = [], await read_bitmaps(daemon, {node: node for node in self._chain})
        for node in self._chain:
            async with exported(daemon, Look(node)) as client:
                layers.append([node, await read_cells(client)])
        async with exported(daemon, Look(self._active)) as client:
            guest = seen_through(await read_cells(client, own=False), [c for _, c in layers])
        return {"layers": layers, "bitmaps": bitmaps, "guest": guest}

    # Images.

    def _make(self, name: str, size: int, *, backing: str | None = None) -> Awaitable[None]:
        below = None if backing is None else f"{backing}.qcow2"
        return self._session.perform(MakeImage(f"{name}.qcow2", "qcow2", size, CELL, below))

    async def _open(
        self, name: str, *, below: str | None = None, room: int | None = None, **options: Any
    ) -> None:
        file = {"driver": "file", "node-name": f"{name}.file", "filename": f"{name}.qcow2"}
        if room is not None:
            file = with_room(room, file)
        await self._send(
            "blockdev-add",
            driver="qcow2",
            node_name=name,
            discard="unmap",
            backing=below,
            file=file,
            **options,
        )

    async def _close(self, *names: str) -> None:
        for name in names:
            await self._send("blockdev-del", node_name=name)

    async def _export(self) -> None:
        options = {"id": GUEST, "name": GUEST, "node_name": self._active, "writable": True}
        await self._send("block-export-add", type="nbd", **options)

    async def _create(self, op: Op) -> Step:
        name = op["name"]
        await self._make(name, self._size)
        await self._open(name)
        self._chain.append(name)
        await self._export()
        await self._send("block-dirty-bitmap-add", node=name, name=op["bitmap"], persistent=True)
        return {}

    async def _snapshot(self, op: Op) -> Step:
        name = op["name"]
        await self._make(name, await self._bytes_of(self._active), backing=self._active)
        await self._open(name)
        added = [_add(name, op["bitmap"])] if "bitmap" in op else []
        frozen = [_disable(node, bitmap) for node, bitmap in op.get("disable", ())]
        snapshot = ("blockdev-snapshot", {"node": self._active, "overlay": name})
        try:
            await self._together([*frozen, snapshot, *added])
        except QemuRefusedError:
            await self._close(name)
            raise
        self._chain.append(name)
        return {}

    async def _commit(self, op: Op) -> Step:
        top, base, active = op["top"], op["base"], self._active
        named = {"top_node": top, "base_node": base}
        await self._send("block-commit", job_id="commit", device=active, **named)
        if top == active:
            await self._ended("commit", JobEnd.READY)
            if op.get("end") == "cancel":
                await self._send("job-cancel", id="commit")
                await self._ended("commit", JobEnd.CANCELLED)
                return {}
            await self._send("job-complete", id="commit")
        await self._ended("commit")
        low, high = self._chain.index(base), self._chain.index(top)
        gone = self._chain[low + 1 : high + 1]
        if op.get("carry"):
            await self._carry(top, base)
        del self._chain[low + 1 : high + 1]
        await self._close(*reversed(gone))
        return {}

    async def _carry(self, top: str, base: str) -> None:
        """Merge the bitmaps of committed images into those of the base, by name.

        As libvirt does it: those that are whole from the top down, to the image above the base
        where the active one is committed, else to the lowest one.
        """
        low, high = self._chain.index(base), self._chain.index(top)
        merged = self._chain[low + 1 : high + 1]
        looked = merged if top == self._active else self._chain[: high + 1]
        held = await read_bitmaps(self._session.running, {each: each for each in self._chain})
        flags = {(node, name): "" if cells == "!" else told for node, name, cells, told in held}
        there = {name for node, name in flags if node == base}
        for image in merged:
            for node, name in flags:
                if node != image or not _is_whole(name, looked, flags):
                    continue
                if name not in there:
                    there.add(name)
                    await self._together([_add(base, name, persistent=True, disabled=False)])
                await self._send("block-dirty-bitmap-merge", **_merge(base, name, [[node, name]]))

    async def _stream(self, op: Op) -> Step:
        into, base = op.get("into", self._active), op["base"]
        below = {} if base is None else {"base_node": base}
        await self._send("block-stream", job_id="stream", device=into, **below)
        await self._ended("stream")
        low = 0 if base is None else self._chain.index(base) + 1
        high = self._chain.index(into)
        gone = self._chain[low:high]
        del self._chain[low:high]
        await self._close(*reversed(gone))
        return {}

    async def _mirror(self, op: Op) -> Step:
        """Copy the disk into a new image; the guest does what it does when all is copied."""
        name, active = op["name"], self._active
        await self._make(name, await self._bytes_of(active))
        await self._open(name)
        more = {"granularity": op["granularity"]} if "granularity" in op else {}
        told = {"job_id": name, "device": active, "target": name, "sync": "full", **more}
        await self._send("blockdev-mirror", **told)
        await self._ended(name, JobEnd.READY)
        said = [await self._beside(each) for each in op.get("during", ())]
        await self._send("job-complete", id=name)
        await self._ended(name)
        gone, self._chain = self._chain, [name]
        await self._close(*reversed(gone))
        return {"during": said} if said else {}

    async def _ended(self, job: str, end: JobEnd = JobEnd.COMPLETED) -> None:
        """Wait until a job is where it should be.

        Raises:
            JobError: It ended badly.
        """
        try:
            await self._session.perform(AwaitJobs((job,), end))
        except QemuError as error:
            found = re.fullmatch(r"job \S+ failed: (.*)", str(error))
            if found is None:
                raise
            raise JobError(found[1]) from error

    async def _resize(self, op: Op) -> Step:
        await self._session.perform(DropGuest(GUEST))
        try:
            await self._send("block_resize", node_name=self._active, size=op["cells"] * CELL)
        finally:
            await self._export()
        return {}

    async def _bytes_of(self, node: str) -> int:
        nodes = await self._send("query-named-block-nodes", flat=True)
        found = next(each for each in nodes if each["node-name"] == node)
        return int(found["image"]["virtual-size"])

    # Bitmaps.

    async def _checkpoint(self, op: Op) -> Step:
        await self._together(self._begin(op))
        return {}

    def _begin(self, op: Op) -> Actions:
        frozen = [_disable(self._active, name) for name in op["disable"]]
        return [_add(self._active, op["bitmap"]), *frozen]

    async def _bitmap(self, op: Op) -> Step:
        options = {key: value for key, value in op.items() if key not in ("op", "cmd")}
        if op["cmd"] == "merge":
            options = _merge(op["node"], op["name"], op["bitmaps"])
        await self._send(f"block-dirty-bitmap-{op['cmd']}", **options)
        return {}

    # Backups.

    async def _backup(self, op: Op) -> Step:
        name, node = op["name"], op.get("node", self._active)
        begun = self._begin(op["checkpoint"]) if "checkpoint" in op else []
        run: dict[str, Any] = {"job-id": name, "device": node, "target": name}
        run |= {"sync": op.get("sync", "bitmap")}
        if "bitmaps" in op:
            merge = _merge(node, TEMPORARY, op["bitmaps"])
            begun.append(_add(node, TEMPORARY, persistent=False, disabled=True))
            begun.append(("block-dirty-bitmap-merge", merge))
            run |= {"bitmap": TEMPORARY, "bitmap-mode": "never"}
        elif "bitmap" in op:
            run |= {"bitmap": op["bitmap"], "bitmap-mode": op["mode"]}
        if "during" in op:
            run["auto-finalize"] = False
        run |= {"on-cbw-error": op["breaks"]} if "breaks" in op else {}
        run |= {"discard-source": True} if "discard" in op else {}
        run |= {"x-perf": {"min-cluster-size": op["unit"]}} if "unit" in op else {}
        await self._make(name, await self._bytes_of(node))
        await self._open(name)
        try:
            await self._together([*begun, ("blockdev-backup", run)])
            beside = await self._end(op, name)
        finally:
            await self._close(name)
        if "bitmaps" in op:
            await self._send("block-dirty-bitmap-remove", node=node, name=TEMPORARY)
        if beside.pop("cancelled", False):
            raise JobError("Operation canceled")
        return {"backup": await self._copy(name), **beside}

    async def _end(self, op: Op, job: str) -> Step:
        """Let the guest do what it does beside a job, and end the job."""
        if "during" not in op:
            await self._session.perform(AwaitJobs((job,)))
            return {}
        await self._session.perform(AwaitJobs((job,), JobEnd.PENDING))
        said = [await self._beside(each) for each in op["during"]]
        if op.get("end") == "cancel":
            await self._send("job-cancel", id=job)
            await self._session.perform(AwaitJobs((job,), JobEnd.CANCELLED))
            return {"cancelled": True}
        await self._send("job-finalize", id=job)
        await self._session.perform(AwaitJobs((job,)))
        return {"during": said}

    async def _beside(self, op: Op) -> str | None:
        try:
            if op["op"] == "change":
                options = {key: value for key, value in op.items() if key != "op"}
                await self._send("block-job-change", **options)
            else:
                await self._guest(op)
        except QemuRefusedError as error:
            return f"QMP: {error.text}"
        except NbdError as error:
            return f"NBD: {error}"
        return None

    async def _pull(self, op: Op) -> Step:
        """Keep what the guest overwrites in a scratch of some cells, and read it at the end."""
        name, node = op["name"], self._active
        run = {"job-id": name, "device": node, "target": name, "sync": "none"}
        run |= {"on-cbw-error": op["breaks"]} if "breaks" in op else {}
        await self._make(name, await self._bytes_of(node))
        await self._open(name, below=node, room=op["room"])
        try:
            await self._send("blockdev-backup", **run)
            said = [await self._beside(each) for each in op["during"]]
            async with exported(self._session.running, Look(name)) as client:
                read = read_as(await read_cells(client, own=False))
            await self._send("job-cancel", id=name)
            await self._ended(name, JobEnd.CANCELLED)
        finally:
            await self._close(name)
        return {"read": read, "during": said}

    async def _copy(self, name: str) -> str:
        """Return what a backup holds, by itself."""
        async with self._stacked([name]) as (daemon, node), exported(daemon, Look(node)) as client:
            return await read_cells(client)

    async def _restore(self, op: Op) -> Step:
        parts = [await self._copy(name) for name in op["chain"]]
        async with (
            self._stacked(op["chain"]) as (daemon, node),
            exported(daemon, Look(node)) as client,
        ):
            view = await read_cells(client, own=False)
        same = [n for n, seen in enumerate(self._views) if seen == read_as(view)]
        return {"restored": view, "parts": parts, "matches": same}

    @asynccontextmanager
    async def _stacked(self, names: list[str]) -> AsyncIterator[tuple[Daemon, str]]:
        """Open backups on top of one another in a process that only reads; yield the newest."""
        daemon, nodes = await self._session.reader(), [f"stack-{n}" for n in range(len(names))]
        for name, node, below in zip(names, nodes, [None, *nodes], strict=False):
            await daemon.execute(open_read_only(node, f"{name}.qcow2", "qcow2", below))
        yield daemon, nodes[-1]
        for node in reversed(nodes):
            await daemon.execute(Command("blockdev-del", {"node-name": node}))

    # The guest, and the machine's power.

    async def _guest(self, op: Op) -> Step:
        guest: NbdClient = await self._session.guest(GUEST)
        offset = op.get("off", op.get("at", 0) * CELL)
        length = op.get("len", op.get("n", 0) * CELL)
        if op["op"] == "write":
            await guest.write(offset, op["data"].encode() * length)
        elif op["op"] == "zero":
            await guest.write_zeroes(offset, length)
        else:
            await guest.discard(offset, length)
        await guest.flush()
        return {}

    async def _restart(self, op: Op) -> Step:
        await self._session.perform(QuitQemu())
        await self._start()
        return {}

    async def _crash(self, op: Op) -> Step:
        if op["flush"]:
            await (await self._session.guest(GUEST)).flush()
        await self._session.perform(KillQemu())
        await self._start()
        return {}

    async def _start(self) -> None:
        await self._session.perform(StartQemu())
        below: str | None = None
        for name in self._chain:
            options = {} if name == self._active else {"read_only": True}
            await self._open(name, below=below, **options)
            below = name
        await self._export()


_OPERATIONS: dict[str, Callable[[_Player, Op], Awaitable[Step]]] = {
    "create": _Player._create,
    "write": _Player._guest,
    "zero": _Player._guest,
    "discard": _Player._guest,
    "snapshot": _Player._snapshot,
    "checkpoint": _Player._checkpoint,
    "bitmap": _Player._bitmap,
    "backup": _Player._backup,
    "commit": _Player._commit,
    "stream": _Player._stream,
    "mirror": _Player._mirror,
    "pull": _Player._pull,
    "restore": _Player._restore,
    "restart": _Player._restart,
    "crash": _Player._crash,
    "resize": _Player._resize,
}


def _is_whole(name: str, looked: list[str], flags: dict[tuple[str, str], str]) -> bool:
    """Whether a bitmap of the last image reaches down as far as any holds it, without a fault."""
    holding = [number for number, image in enumerate(looked) if (image, name) in flags]
    return len(looked) - 1 in holding and all(
        {"r", "p"} <= set(flags.get((image, name), "")) for image in looked[holding[0] :]
    )


def _add(
    node: str, name: str, *, persistent: bool = True, disabled: bool = False
) -> tuple[str, dict[str, Any]]:
    options = {"node": node, "name": name, "persistent": persistent, "disabled": disabled}
    return "block-dirty-bitmap-add", options


def _disable(node: str, name: str) -> tuple[str, dict[str, Any]]:
    return "block-dirty-bitmap-disable", {"node": node, "name": name}


def _merge(node: str, name: str, sources: list[list[str]]) -> dict[str, Any]:
    told = [{"node": home, "name": bitmap} for home, bitmap in sources]
    return {"node": node, "target": name, "bitmaps": told}
