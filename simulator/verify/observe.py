"""Reads a real machine back: what each image holds itself, each bitmap's bits, the guest's view.

What QEMU has in memory is not in the files, so a running machine is asked through exports of its
own nodes. Bitmaps are read through temporary copies, since an enabled one cannot be exported.
"""

import asyncio
import os
from collections.abc import Container, Coroutine, Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

from simulator.hosts.daemon import Daemon, QemuRefusedError
from simulator.hosts.exports import (
    TEMPORARY,
    Look,
    connected,
    exported,
    open_export,
    open_read_only,
)
from simulator.hosts.failures import QemuError
from simulator.hosts.nbd import DIRTY_BITMAP, NbdError
from simulator.hosts.session import Session
from simulator.qemu.actions import Command
from simulator.qemu.names import Names
from simulator.values import NamedTuple
from simulator.verify.cells import (
    Shape,
    Status,
    Stretch,
    allocated_in,
    fill,
    read_bits,
    read_own,
    read_view,
)
from simulator.verify.copies import BitmapCopy, copy_bitmaps, remove_copies
from simulator.verify.sight import BitmapSight, Cells, CopySight, DiskSight, ImageSight, Sight

A = TypeVar("A")
B = TypeVar("B")

ATTEMPTS_MAX = 5
"""How often a chain is looked at anew that is not what it was a moment ago."""

Key: TypeAlias = tuple[str, str]
"""Image and name of a bitmap."""

Stamp: TypeAlias = tuple[str, int]
"""A file, and how often it was found written to."""

_SEEN = 1_000_000_000
"""The time of the last write to a file that is being read, in nanoseconds since 1970."""


class Layer(NamedTuple):
    """An image of a chain, as it is open in a process.

    Attributes:
        length: Number of clusters that it should have.
    """

    name: str
    node: str
    file: str
    length: int
    alike: bool


class Guess(NamedTuple):
    """What a chain is taken to be when all questions about it are asked at once.

    Attributes:
        bitmaps: Those that may be read.
        read_only: Nodes that nobody writes to.
    """

    bitmaps: tuple[BitmapSight, ...]
    read_only: frozenset[str]

    def fits(self, other: "Guess") -> bool:
        """Whether the same questions are to be asked."""
        return self.read_only == other.read_only and {
            (b.node, b.name, b.granularity) for b in self.bitmaps
        } == {(b.node, b.name, b.granularity) for b in other.bitmaps}


class Answers(NamedTuple):
    """What a chain was found to be.

    Attributes:
        answered: Whether QEMU turned no question down.
        found: All bitmaps, without their bits.
        really: What should have been guessed.
        sizes: The size of each image, in bytes.
        own: What each image below the active one holds.
        allocated: The clusters that the active one holds.
        bits: Of the bitmaps that may be read.
    """

    answered: bool
    found: tuple[BitmapSight, ...]
    really: Guess
    sizes: dict[str, int]
    own: dict[str, Cells]
    allocated: list[Stretch]
    bits: dict[Key, Cells]


class Questions(NamedTuple):
    """What is asked about a chain, all at once.

    Attributes:
        layers: The images to be read.
        looks: Their exports.
        copies: Of the bitmaps, which the last export tells; an image of another size tells its own.
        commands: The list of nodes, the copies if there are any, the exports.
    """

    layers: list[Layer]
    looks: list[Look]
    copies: list[BitmapCopy]
    commands: list[Command]


class Observer:
    """Looks at a real machine, step after step.

    A file that nobody can write to, and that was not written since, is not read again: that goes
    for images below the active one and for finished backups. A running machine's active image, all
    bitmaps and the guest's view are read anew each time.
    """

    def __init__(self, session: Session, names: Names) -> None:
        self._session = session
        self._names = names
        self._written: dict[str, int] = {}
        self._seen: dict[object, Cells] = {}
        self._lengths: dict[object, int] = {}
        self._open: list[str] = []
        self._opened = 0

    async def observe(self, wanted: Sight) -> Sight:
        """Return what a real machine is like, where a simulated one was looked at.

        Raises:
            QemuError: QEMU, or something it stands on, failed.
        """
        try:
            if self._session.daemon is not None and wanted.copies:
                # Two processes are asked, so neither has to wait for the other.
                disks, copies = await _together(
                    self._observe_disks(wanted.disks), self._observe_copies(wanted.copies)
                )
            else:
                disks = await self._observe_disks(wanted.disks)
                copies = await self._observe_copies(wanted.copies)
        except NbdError as error:
            raise QemuError(f"QEMU cannot be read: {error}") from error
        except QemuRefusedError as error:
            raise QemuError(f"QEMU cannot be looked at: {error}") from error
        except ConnectionError as error:
            raise self._session.failure() from error
        return Sight(disks, copies)

    async def _observe_disks(self, wanted: Iterable[DiskSight]) -> tuple[DiskSight, ...]:
        return tuple([await self._observe_disk(disk) for disk in wanted])

    async def _observe_copies(self, wanted: Iterable[CopySight]) -> tuple[CopySight, ...]:
        return tuple([await self._observe_copy(copy) for copy in wanted])

    async def _observe_disk(self, wanted: DiskSight) -> DiskSight:
        session, names = self._session, self._names
        shape = Shape(wanted.length, wanted.cluster_size)
        if session.daemon is not None:
            if wanted.hidden:
                seen = await read_view(await session.guest(names.guests[wanted.name]), shape)
                return wanted._replace(guest=seen)
            layers = _layers(wanted, names, [names.node(i.name) for i in wanted.images])
            guest, chain = await _together(
                read_view(await session.guest(names.guests[wanted.name]), shape),
                self._observe_chain(session.daemon, wanted, layers),
            )
            return _assemble(wanted, layers, chain, guest)
        if wanted.hidden:
            return wanted
        reader = await session.reader()
        files = [(names.files[i.name], "raw" if i.alike else "qcow2") for i in wanted.images]
        layers = _layers(wanted, names, await self._open_files(reader, files))
        chain = await self._observe_chain(reader, wanted, layers)
        async with exported(reader, Look(layers[-1].node)) as client:
            guest = await read_view(client, shape)
        return _assemble(wanted, layers, chain, guest)

    async def _observe_copy(self, wanted: CopySight) -> CopySight:
        """Read a backup by itself, or a stack of them through its newest; neither is changed."""
        shape = Shape(wanted.length, wanted.cluster_size)
        files = [(self._names.copies[s.backup, s.disk], s.format) for s in wanted.sources]
        key = (wanted.alike, *(self._stamp(file) for file, _ in files))
        if key not in self._seen:
            reader = await self._session.reader()
            nodes = await self._open_files(reader, files)
            async with exported(reader, Look(nodes[-1])) as client:
                read = read_view if wanted.alike else read_own
                self._seen[key] = await read(client, shape, await client.status())
                self._lengths[key] = -(-client.size // wanted.cluster_size)
        return wanted._replace(cells=self._seen[key], length=self._lengths[key])

    async def _open_files(self, reader: Daemon, files: Sequence[tuple[str, str]]) -> list[str]:
        """Open files to be read, each on top of the one before it, and return their nodes.

        What was open before is closed.
        """
        self._opened += 1
        nodes = [f"{TEMPORARY}-{self._opened}-{number}" for number in range(len(files))]
        commands = [Command("blockdev-del", {"node-name": node}) for node in reversed(self._open)]
        for node, (file, format), below in zip(nodes, files, [None, *nodes], strict=False):
            commands.append(open_read_only(node, file, format, below))
        self._open = nodes
        for answer in await reader.execute_all(commands):
            if isinstance(answer, QemuRefusedError):
                raise answer
        return nodes

    async def _observe_chain(
        self, daemon: Daemon, wanted: DiskSight, layers: Sequence[Layer]
    ) -> Answers:
        """Look at every image of a chain and at all bitmaps.

        All questions are asked at once, as if the chain were as it should be. Where it is not,
        they are asked again, for what it really is.
        """
        guess = Guess(
            tuple(_readable(wanted.bitmaps.values())),
            frozenset(layer.node for layer in layers[:-1]),
        )
        for _ in range(ATTEMPTS_MAX):
            answers = await self._ask(daemon, wanted, layers, guess)
            if answers.answered and guess.fits(answers.really):
                return answers
            guess = answers.really
        raise QemuError("QEMU does not hold still to be looked at")

    async def _ask(
        self, daemon: Daemon, wanted: DiskSight, layers: Sequence[Layer], guess: Guess
    ) -> Answers:
        """Look at a chain; the bitmaps are told by the export of the newest image."""
        own = {image.name: image.cells for image in wanted.images if image.hidden}
        lower = [e for e in layers if e.node in guess.read_only and e.name not in own]
        stamps = {e.name: self._stamp(e.file) for e in lower}
        own |= {name: self._seen[stamp] for name, stamp in stamps.items() if stamp in self._seen}
        asked = _questions(layers, guess, known=own)
        listed, *replies = await daemon.execute_all(asked.commands)
        if isinstance(listed, QemuRefusedError):
            raise listed
        refused = [isinstance(reply, QemuRefusedError) for reply in replies]
        opened = zip(asked.looks, refused[-len(asked.looks) :], strict=True)
        status: Status = {}
        bits: dict[Key, Cells] = {}
        shape = Shape(wanted.length, wanted.cluster_size)
        async with connected(daemon, [look for look, no in opened if not no]) as clients:
            for layer, client in (
                zip(asked.layers, clients, strict=True) if not any(refused) else ()
            ):
                status = await client.status()
                bits |= _read_copies(status, asked.copies)
                if layer is not layers[-1]:
                    own[layer.name] = await read_own(client, shape, status)
        if asked.copies and not refused[0]:
            await daemon.execute(remove_copies(asked.copies))
        found = tuple(_list_bitmaps(listed, layers))
        below = {layer.node for layer in layers[:-1]}
        read_only = frozenset(n["node-name"] for n in listed if n["ro"] and n["node-name"] in below)
        really = Guess(tuple(_readable(found)), read_only)
        if any(refused):
            return Answers(False, found, really, {}, {}, [], {})
        self._seen |= {stamp: own[name] for name, stamp in stamps.items()}
        names = {layer.node: layer.name for layer in layers}
        sizes = {
            names[node["node-name"]]: node["image"]["virtual-size"]
            for node in listed
            if node["node-name"] in names
        }
        return Answers(True, found, really, sizes, own, allocated_in(status, shape), bits)

    def _stamp(self, file: str) -> Stamp:
        """Return a file's stamp; a file written since its last one gets a new one.

        The file's own time is set to one that no write leaves behind, since a write within the
        same tick of the file system's clock would leave a true time as it is.
        """
        path = self._session.folder / file
        if path.stat().st_mtime_ns != _SEEN:
            os.utime(path, ns=(_SEEN, _SEEN))
            self._written[file] = self._written.get(file, 0) + 1
        return file, self._written[file]


def _questions(layers: Sequence[Layer], guess: Guess, *, known: Container[str]) -> Questions:
    """Return what is to be asked about a chain; the newest image is always among it."""
    nodes = {layer.name: layer.node for layer in layers}
    copies = [BitmapCopy(b, nodes[b.node], f"{TEMPORARY}-{n}") for n, b in enumerate(guess.bitmaps)]
    apart = {c.node for c in copies} & {e.node for e in layers if e.length != layers[-1].length}
    unknown = [layer for layer in layers if layer.name not in known or layer.node in apart]
    looks = [
        Look(
            layer.node,
            f"{TEMPORARY}-{n}",
            tuple(
                (c.node, c.copy)
                for c in copies
                if c.node == layer.node or (layer is layers[-1] and c.node not in apart)
            )
            if layer.node in apart or layer is layers[-1]
            else (),
        )
        for n, layer in enumerate(unknown)
    ]
    commands = [
        Command("query-named-block-nodes", {"flat": True}),
        *([copy_bitmaps(copies)] if copies else []),
        *map(open_export, looks),
    ]
    return Questions(unknown, looks, copies, commands)


async def _together(one: Coroutine[Any, Any, A], other: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """Return what two coroutines give; where one fails, the other one is stopped."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = group.create_task(one), group.create_task(other)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return tasks[0].result(), tasks[1].result()


def _assemble(
    wanted: DiskSight, layers: Sequence[Layer], chain: Answers, guest: Cells
) -> DiskSight:
    """Return what a disk is like. The guest sees all data of the active image, so none is missing.

    That data is not read twice: what is allocated there holds what the guest sees.
    """
    own = {**chain.own, layers[-1].name: fill(guest, chain.allocated)}
    return wanted._replace(
        images=tuple(
            ImageSight(
                each.name,
                own[each.name],
                -(-chain.sizes[each.name] // wanted.cluster_size),
                each.alike,
            )
            for each in layers
        ),
        bitmaps={
            (b.node, b.name): b._replace(cells=chain.bits.get((b.node, b.name)))
            for b in chain.found
        },
        guest=guest,
    )


def _read_copies(status: Status, copies: Sequence[BitmapCopy]) -> dict[Key, Cells]:
    """Return the bits of the bitmaps that were copied, as far as a status tells them."""
    return {
        (each.bitmap.node, each.bitmap.name): read_bits(
            status[DIRTY_BITMAP + each.copy], each.bitmap.granularity
        )
        for each in copies
        if DIRTY_BITMAP + each.copy in status
    }


def _layers(wanted: DiskSight, names: Names, nodes: Sequence[str]) -> list[Layer]:
    return [
        Layer(image.name, node, names.files[image.name], image.length, image.alike)
        for image, node in zip(wanted.images, nodes, strict=True)
    ]


def _readable(bitmaps: Iterable[BitmapSight]) -> Iterable[BitmapSight]:
    return (bitmap for bitmap in bitmaps if not bitmap.busy and not bitmap.inconsistent)


def _list_bitmaps(listed: Any, layers: Sequence[Layer]) -> Iterable[BitmapSight]:
    """Yield the bitmaps of a chain with all that is told of them but their bits."""
    names = {layer.node: layer.name for layer in layers}
    return (
        BitmapSight(
            node=names[node["node-name"]],
            name=bitmap["name"],
            granularity=bitmap["granularity"],
            cells=None,
            dirty_bytes=bitmap["count"],
            recording=bitmap["recording"],
            persistent=bitmap["persistent"],
            busy=bitmap["busy"],
            inconsistent=bitmap.get("inconsistent", False),
        )
        for node in listed
        if node["node-name"] in names
        for bitmap in node.get("dirty-bitmaps", ())
        if bitmap.get("name")
    )
