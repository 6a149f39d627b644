"""Laws of whole timelines, each against a model too simple to be wrong."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate, zip_longest
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import checks
from simulator.apis import MODELS
from simulator.diagnostics import Finding
from simulator.engine import play
from simulator.model.clusters import CLUSTERS_MAX, WORKLOAD_FIRST, ZERO, map_of, range_of, set_of
from simulator.model.disk import CLUSTER_SIZE_DEFAULT, Disk
from simulator.model.machine import Machine
from simulator.model.operations import (
    AddBitmap,
    AddOverlay,
    BitmapKey,
    BitmapOperation,
    ClearBitmap,
    CloseImages,
    CopyImage,
    CreateImage,
    DisableBitmap,
    DropBackup,
    EnableBitmap,
    Extent,
    GuestDiscard,
    GuestWrite,
    KillProcess,
    MergeBitmaps,
    OpenImages,
    Operation,
    Refusal,
    RemoveBitmap,
    StackBackups,
)
from simulator.model.requests import (
    Create,
    DeleteCheckpoint,
    Qmp,
    Request,
    Snapshot,
    StartCheckpoint,
    TakeBackup,
)
from simulator.model.transitions import apply_all
from simulator.notation import (
    Figure,
    Row,
    Strip,
    read_figure,
    write_bits,
    write_clusters,
    write_figure,
    write_view,
)
from simulator.timeline import DiskShape, Feed, Instant, Script, Statement, Timeline

LENGTH = 8
LARGE = 5000
"""More clusters than Python's own integers and dicts are used for."""

DISK = "vda"
LAW = settings(derandomize=True, deadline=None, max_examples=100)

GUEST_VERBS = {"write": "ABC", "zero": "000", "discard": "XXX"}
"""What the guest can do, and what it draws for each of three letters."""


def pictures(cells: str) -> st.SearchStrategy[str]:
    """Return pictures of a disk, drawn with some cells."""
    return st.text(cells, min_size=LENGTH, max_size=LENGTH)


GUEST_STEPS = st.builds(
    lambda verb, picture: (verb, picture.translate(str.maketrans("ABC", GUEST_VERBS[verb]))),
    st.sampled_from(sorted(GUEST_VERBS)),
    pictures("-ABC"),
)
"""A verb and a picture each."""


def guest_step(verb: str, picture: str, *, length: int = LENGTH) -> GuestWrite | GuestDiscard:
    """Return what the guest does, on a disk that may be longer than the picture."""
    held = {n: cell for n, cell in enumerate(picture) if cell != "-"}
    if verb == "discard":
        return GuestDiscard(disk=DISK, clusters=set_of(length, held))
    versions = {n: ZERO if cell == "0" else ord(cell) for n, cell in held.items()}
    return GuestWrite(disk=DISK, data=map_of(length, versions))


def overwrite(flat: str, verb: str, picture: str) -> str:
    """The oracle of a guest: one flat disk, where zeroes and nothing read alike."""
    new = picture.replace("0", "z").replace("X", "z") if verb != "write" else picture
    return "".join(
        old if cell == "-" else cell for cell, old in zip(new, flat, strict=True)
    ).replace("z", "-")


def play_requests(
    model: str, instants: Iterable[Iterable[Request]], *, length: int = LENGTH
) -> Timeline:
    """Play requests under a model, an instant for each group of them: t0, t1, t2 …"""
    script = Script(
        title="a random timeline",
        model=model,
        disks=(DiskShape(name=DISK, length=length),),
        instants=tuple(
            Instant(label=f"t{n}", tick=n, statements=tuple(map(state, requests)))
            for n, requests in enumerate(instants)
        ),
    )
    return play(script, MODELS[model])


def state(request: Request) -> Statement:
    """Return a request as a statement; its verb is only for messages."""
    return Statement(verb=type(request).__name__.lower(), request=request)


# A law of backups, against one flat disk.

FREEZES = st.tuples(st.sampled_from(["snapshot", "checkpoint", "restart"]), st.just(""))


def freezing_requests(verb: str, number: int, backups: list[str]) -> Iterator[Request]:
    """Yield what closes a window: its backup, the next checkpoint, and a restore of it all."""
    newest, target = f"C{len(backups) - 1}", f"inc{number}"
    take = partial(TakeBackup, to=target, disks=(DISK,), since=newest)
    if verb == "checkpoint":
        yield take(checkpoint=f"C{len(backups)}")
    else:
        yield take()
    backups.append(target)
    yield StackBackups(name=f"at t{number}", sources=tuple(backups), of=f"t{number}")
    if verb == "snapshot":
        yield Snapshot(images=((DISK, f"S{number}"),), bitmap=f"C{len(backups) - 1}")


@pytest.mark.parametrize("model", ["mail-2018", "libvirt"])
@given(st.lists(GUEST_STEPS | FREEZES, min_size=3, max_size=16))
@settings(LAW, max_examples=200)
def test_backups_taken_at_each_freeze_stack_up_to_what_the_guest_saw(
    model: str, steps: list[tuple[str, str]]
) -> None:
    flat = "-" * LENGTH  # The oracle: one flat disk, no chain, no bitmaps.
    seen: dict[str, str] = {"t0": flat}
    backups = ["full"]
    instants: list[list[Request]] = [
        [
            Create(image="S0", disk=DISK, bitmap="C0"),
            TakeBackup(to="full", disks=(DISK,)),
        ]
    ]
    for number, (verb, picture) in enumerate([*steps, ("checkpoint", "")], start=1):
        if verb in GUEST_VERBS:
            instants.append([guest_step(verb, picture)])
            flat = overwrite(flat, verb, picture)
        elif verb == "restart":
            instants.append([CloseImages(), OpenImages()])
        else:
            instants.append(list(freezing_requests(verb, number, backups)))
        seen[f"t{number}"] = flat
    timeline = play_requests(model, instants)
    assert [entry.refusal for entry in timeline.entries if entry.refusal] == []
    for frame in timeline.frames:
        assert frame.label is not None
        view = frame.machine.disk(DISK).guest_view
        assert write_view(view, LENGTH) == seen[frame.label]
    restores = list(timeline.made_restores)
    assert len(restores) == len(backups) - 1
    for entry, restored in restores:
        assert entry.instant is not None
        assert write_view(restored.content, LENGTH) == seen[entry.instant]
    assert [finding for finding in checks.judge(timeline) if finding.failing] == []


# A law of chains and bitmaps, step by step, against an emulation with lists and sets.


@dataclass(slots=True)
class NaiveBitmap:
    """A bitmap as a set; *stored* is whether it would record when loaded from its file."""

    persistent: bool
    recording: bool
    dirty: set[int] = field(default_factory=set)
    inconsistent: bool = False
    stored: bool | None = None


class NaiveDisk:
    """The oracle: images as lists, base first, bitmaps as sets, and nothing shared or shortened."""

    def __init__(self) -> None:
        self.images: dict[str, list[str]] = {"S0": ["-"] * LENGTH}
        self.bitmaps: dict[BitmapKey, NaiveBitmap] = {}
        self.loaded: set[BitmapKey] = set()

    @property
    def active(self) -> str:
        """The image that takes the guest's writes."""
        return list(self.images)[-1]

    def view(self) -> str:
        """Return what the guest reads, each cluster from the newest image that holds it."""
        columns = zip(*reversed(self.images.values()), strict=True)
        return "".join(next((cell for cell in column if cell != "-"), "-") for column in columns)

    def do(self, operation: Operation) -> bool:
        """Do what the host would do; return whether it does it at all."""
        match operation:
            case GuestWrite():
                cells = {c: chr(v) if v else "0" for c, v in operation.data.items()}
                self._guest(cells, set(cells))
            case GuestDiscard():
                held = self.images[self.active]
                kept = len(self.images) == 1  # A base image has nothing below to hide.
                zeroed = [c for c in operation.clusters if not (kept and held[c] == "-")]
                self._guest(dict.fromkeys(zeroed, "0"), set(operation.clusters))
            case AddOverlay():
                self._store(self.active)
                self.images[operation.overlay] = ["-"] * LENGTH
            case CloseImages():
                self._store(self.active)
                self._reload({key for key, b in self.bitmaps.items() if b.stored is not None})
            case KillProcess():
                survivors = {key for key, b in self.bitmaps.items() if b.stored is not None}
                for key in self.loaded & survivors:
                    self.bitmaps[key] = NaiveBitmap(True, False, inconsistent=True, stored=False)
                self._reload(survivors)
            case OpenImages():
                self.loaded = {key for key in self.bitmaps if key[0] == self.active}
            case _:
                return self._bitmap(operation)
        return True

    def _guest(self, cells: dict[int, str], touched: set[int]) -> None:
        for cluster, cell in cells.items():
            self.images[self.active][cluster] = cell
        for (node, _), bitmap in self.bitmaps.items():
            if node == self.active and bitmap.recording:
                bitmap.dirty |= touched

    def _store(self, node: str) -> None:
        for (each, _), bitmap in self.bitmaps.items():
            if each == node and bitmap.persistent:
                bitmap.stored = bitmap.recording
        self.loaded -= {key for key in self.loaded if key[0] == node}

    def _reload(self, kept: set[BitmapKey]) -> None:
        self.bitmaps = {key: b for key, b in self.bitmaps.items() if key in kept}
        for bitmap in self.bitmaps.values():
            bitmap.recording = bool(bitmap.stored)

    def _bitmap(self, operation: Any) -> bool:
        key = (operation.node, operation.name)
        bitmap = self.bitmaps.get(key)
        if isinstance(operation, AddBitmap):
            if bitmap is None and operation.node in self.images:
                made = NaiveBitmap(operation.persistent, operation.recording)
                self.bitmaps[key] = made
                return True
            return False
        if bitmap is None:
            return False
        read_only = operation.node != self.active and bitmap.stored is not None
        match operation:
            case EnableBitmap() | DisableBitmap() if not bitmap.inconsistent:
                bitmap.recording = isinstance(operation, EnableBitmap)
            case RemoveBitmap() if not read_only:
                del self.bitmaps[key]
                self.loaded.discard(key)
            case ClearBitmap() if not read_only and not bitmap.inconsistent:
                bitmap.dirty = set()
            case MergeBitmaps() if not read_only and not bitmap.inconsistent:
                sources = [self.bitmaps.get(source) for source in operation.sources]
                if any(source is None or source.inconsistent for source in sources):
                    return False
                bitmap.dirty = bitmap.dirty.union(*(s.dirty for s in sources if s is not None))
            case _:
                return False
        return True


COMMANDS = {
    "remove": RemoveBitmap,
    "clear": ClearBitmap,
    "enable": EnableBitmap,
    "disable": DisableBitmap,
}
KEYS = st.tuples(st.sampled_from([0, 0, 1]), st.sampled_from(["B1", "B2"]))
"""How far below the active image a bitmap is, and its name."""

HOST_STEPS = st.tuples(
    st.sampled_from(["overlay", "reopen", "kill", "add", "add", "add", "merge", *COMMANDS]),
    KEYS,
    st.lists(KEYS, min_size=1, max_size=2),
    st.booleans(),
    st.booleans(),
)
"""A verb, the bitmap it is about, and for some verbs more."""


def primitives(step: tuple[Any, ...], images: list[str]) -> tuple[Operation, ...]:
    """Return a step as primitives that happen together, on a chain of these images."""
    if len(step) == 2:
        return (guest_step(*step),)
    verb, key, others, persistent, recording = step
    node, name = images[max(len(images) - 1 - key[0], 0)], key[1]
    match verb:
        case "overlay":
            return (AddOverlay(node=images[-1], overlay=f"S{len(images)}"),)
        case "reopen":
            return (CloseImages(), OpenImages())
        case "kill":
            return (KillProcess(), OpenImages())
        case "add":
            return (AddBitmap(node=node, name=name, persistent=persistent, recording=recording),)
        case "merge":
            sources = tuple((images[max(len(images) - 1 - n, 0)], other) for n, other in others)
            return (MergeBitmaps(node=node, name=name, sources=sources),)
        case _:
            return (COMMANDS[verb](node=node, name=name),)


def drawn(machine: Machine) -> dict[str, object]:
    """Return images, bitmaps and the guest's view, as text."""
    disk = machine.disks[0]
    return {
        "images": {i.name: write_clusters(i.content, LENGTH) for i in disk.chain},
        "bitmaps": {
            (b.node, b.name): (
                write_bits(b.dirty, LENGTH),
                b.recording,
                b.persistent,
                b.inconsistent,
            )
            for b in disk.bitmaps
        },
        "guest": write_clusters(disk.guest_view, LENGTH),
    }


def drawn_naively(disk: NaiveDisk) -> dict[str, object]:
    """Return the same of the oracle."""
    return {
        "images": {name: "".join(cells) for name, cells in disk.images.items()},
        "bitmaps": {
            key: (
                "".join("X" if c in b.dirty else "-" for c in range(LENGTH)),
                b.recording,
                b.persistent,
                b.inconsistent,
            )
            for key, b in disk.bitmaps.items()
        },
        "guest": disk.view(),
    }


@given(st.lists(GUEST_STEPS | HOST_STEPS, min_size=12, max_size=30))
@settings(LAW, max_examples=600)
def test_images_and_bitmaps_are_those_of_an_emulation_with_lists_and_sets(
    steps: list[tuple[Any, ...]],
) -> None:
    naive = NaiveDisk()
    begun = [
        AddBitmap(node="S0", name="B1"),
        AddBitmap(node="S0", name="B2", recording=False, persistent=False),
    ]
    machine = apply_all(
        Machine(disks=(Disk(name=DISK, length=LENGTH),)),
        [CreateImage(disk=DISK, image="S0"), *begun],
    )
    assert all(naive.do(operation) for operation in begun)
    for step in steps:
        assert isinstance(machine, Machine)
        operations = primitives(step, list(naive.images))
        outcome = apply_all(machine, operations)
        done = [naive.do(operation) for operation in operations]
        assert all(done) == isinstance(outcome, Machine), operations
        machine = outcome if isinstance(outcome, Machine) else machine
        assert drawn(machine) == drawn_naively(naive), operations


def machine_with_overlay() -> Machine:
    """Return a machine with a chain of two images, and a stored bitmap on the lower one."""
    steps: list[Operation] = [
        CreateImage(disk=DISK, image="S0"),
        AddBitmap(node="S0", name="B1"),
        AddOverlay(node="S0", overlay="S1"),
    ]
    machine = apply_all(Machine(disks=(Disk(name=DISK, length=LENGTH),)), steps)
    assert isinstance(machine, Machine)
    return machine


@pytest.mark.parametrize("ended", [CloseImages(), KillProcess()])
def test_switching_a_bitmap_of_a_read_only_image_off_is_not_stored(ended: Operation) -> None:
    # Source: QEMU 7.2, facts/QEMU.md section 2.2.
    frozen = apply_all(machine_with_overlay(), [DisableBitmap(node="S0", name="B1")])
    assert isinstance(frozen, Machine)
    assert [b.recording for b in frozen.disk(DISK).bitmaps] == [False]
    reopened = apply_all(frozen, [ended, OpenImages()])
    assert isinstance(reopened, Machine)
    assert [b.recording for b in reopened.disk(DISK).bitmaps] == [True]


@pytest.mark.parametrize("ended", [CloseImages(), KillProcess()])
def test_a_persistent_bitmap_added_to_a_read_only_image_is_lost(ended: Operation) -> None:
    # Source: QEMU 7.2, facts/QEMU.md section 2.2: "Lost persistent bitmaps during inactivation".
    added = apply_all(machine_with_overlay(), [AddBitmap(node="S0", name="B2")])
    assert isinstance(added, Machine)
    assert [b.name for b in added.disk(DISK).bitmaps] == ["B1", "B2"]
    reopened = apply_all(added, [ended, OpenImages()])
    assert isinstance(reopened, Machine)
    assert [b.name for b in reopened.disk(DISK).bitmaps] == ["B1"]


UNKNOWN = "S9"


@pytest.mark.parametrize(
    "operation",
    [
        RemoveBitmap(node=UNKNOWN, name="B1"),
        ClearBitmap(node=UNKNOWN, name="B1"),
        EnableBitmap(node=UNKNOWN, name="B1"),
        DisableBitmap(node=UNKNOWN, name="B1"),
        MergeBitmaps(node=UNKNOWN, name="B1", sources=(("S0", "B1"),)),
        MergeBitmaps(node="S0", name="B1", sources=((UNKNOWN, "B1"),)),
    ],
)
def test_a_bitmap_that_must_exist_on_an_unknown_node_is_refused_for_the_node(
    operation: Operation,
) -> None:
    # Source: QEMU block/monitor/bitmap-qmp-cmds.c, block_dirty_bitmap_lookup.
    outcome = apply_all(machine_with_overlay(), [operation])
    assert outcome == Refusal(f"Node '{UNKNOWN}' not found")


def test_a_new_bitmap_on_an_unknown_node_is_refused_in_other_words() -> None:
    # Source: QEMU 7.2, facts/QEMU.md section 2.
    outcome = apply_all(machine_with_overlay(), [AddBitmap(node=UNKNOWN, name="B1")])
    assert outcome == Refusal(f"Cannot find device='{UNKNOWN}' nor node-name='{UNKNOWN}'")


# The two implementations of sets and maps, under whole timelines.

HOST_VERBS = (
    *("snapshot", "blind snapshot", "outside snapshot", "checkpoint", "full", "copy"),
    *("incremental",) * 3,
    *("bitmaps", "restore") * 2,
    *("delete checkpoint", "delete backup", "restart", "crash", "qmp", "part of a cluster"),
)
CHOICES = st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5])
"""Which of the names so far, counted from the newest."""

ANY_STEP = GUEST_STEPS.map(lambda step: (*step, 0, 0)) | st.tuples(
    st.sampled_from(HOST_VERBS), st.just(""), CHOICES, CHOICES
)
"""A verb, a picture for the guest's, and two choices."""

GRANULARITIES = (None, 4096, 131072, 1 << 20)


def any_requests(steps: list[tuple[str, str, int, int]], length: int) -> Iterator[list[Request]]:
    """Yield a timeline in which much goes wrong: late reads, bad stacks, crashes, refusals."""
    images, bitmaps, backups = ["S0"], ["B0"], ["full"]
    yield [
        Create(image="S0", disk=DISK, bitmap="B0"),
        TakeBackup(to="full", disks=(DISK,)),
    ]
    for number, (verb, picture, one, other) in enumerate(steps, start=1):
        if verb in GUEST_VERBS:
            yield [guest_step(verb, picture, length=length)]
            continue
        image, bitmap = images[-1 - one % len(images)], bitmaps[-1 - other % len(bitmaps)]
        begun = f"B{number}" if one % 2 else None
        take = partial(TakeBackup, to=f"b{number}", disks=(DISK,), checkpoint=begun)
        match verb:
            case "snapshot" | "blind snapshot" | "outside snapshot":
                begun = f"B{number}" if verb == "snapshot" else None
                images.append(f"S{number}")
                outside = verb == "outside snapshot"
                yield [Snapshot(images=((DISK, images[-1]),), bitmap=begun, outside=outside)]
            case "checkpoint":
                begun = f"B{number}"
                yield [StartCheckpoint(name=begun, disks=(DISK,))]
            case "full":
                yield [take(image=image if other % 2 else None)]
            case "incremental":
                yield [take(since=bitmap)]
            case "bitmaps":
                begun = None
                named = tuple((None, name) for name in bitmaps[other : other + 2]) or (
                    (None, bitmap),
                )
                yield [TakeBackup(to=f"b{number}", disks=(DISK,), bitmaps=named)]
            case "copy":
                yield [CopyImage(image=image, target=f"b{number}")]
            case "restore":
                stack = tuple(backups[other : len(backups) - one]) or (backups[-1],)
                yield [StackBackups(name=f"r{number}", sources=stack, of=f"t{number // 2}")]
            case "delete checkpoint":
                yield [DeleteCheckpoint(name=bitmap)]
            case "delete backup":
                yield [DropBackup(name=backups[one % len(backups)])]
            case "restart":
                yield [
                    CloseImages(),
                    guest_step("write", "A" * LENGTH, length=length),
                    OpenImages(),
                ]
            case "crash":
                yield [KillProcess(), OpenImages()]
            case "qmp":
                yield [qmp(number, image, bitmap, GRANULARITIES[(one + other) % 4])]
            case "part of a cluster":
                yield [partial_step(one, other, length)]
            case _:
                raise AssertionError(verb)
        if begun is not None and verb != "copy":
            bitmaps.append(begun)
        if verb in {"full", "incremental", "bitmaps", "copy"}:
            backups.append(f"b{number}")
    for start in range(min(4, len(backups))):
        stack = tuple(backups[start : start + 4])
        yield [
            StackBackups(name=f"from {start}", sources=stack),
            StackBackups(name=f"down to {start}", sources=stack[::-1], of="t3"),
        ]


def qmp(number: int, node: str, name: str, granularity: int | None) -> Qmp:
    """Return a transaction that adds a bitmap, and merges, clears or freezes another."""
    added = f"Q{number}"
    operations: tuple[tuple[BitmapOperation, ...], ...] = (
        (
            AddBitmap(node=node, name=added, granularity=granularity),
            MergeBitmaps(node=node, name=added, sources=((node, name),)),
        ),
        (ClearBitmap(node=node, name=name),),
        (DisableBitmap(node=node, name=name),),
        (
            AddBitmap(node=node, name=added, granularity=granularity),
            MergeBitmaps(node=node, name=name, sources=((node, added),)),
        ),
    )
    return Qmp(commands=("transaction",), operations=operations[number % len(operations)])


def partial_step(one: int, other: int, length: int) -> GuestWrite | GuestDiscard:
    """Return a step that touches the end of a cluster, some whole ones, and a part of the next."""
    offset = one * CLUSTER_SIZE_DEFAULT + 5000
    last = min(one + other, LENGTH - 1)
    extent = Extent(offset=offset, length=last * CLUSTER_SIZE_DEFAULT + 9000 - offset)
    if last == one or other % 2:
        data = map_of(length, dict.fromkeys(range(one, last + 1), ord("P")))
        return GuestWrite(disk=DISK, data=data, extent=extent)
    clusters = set_of(length, range(one, last + 1))
    return GuestDiscard(disk=DISK, clusters=clusters, extent=extent)


def told(timeline: Timeline) -> list[object]:
    """Return all that a timeline says, but for the size of the disk and who holds the cells."""
    states: list[object] = []
    for entry in timeline.entries:
        disk = entry.after.disk(DISK)
        states.append(
            (
                entry.refusal,
                disk.moment,
                [(i.name, list(i.content.items())) for i in disk.chain],
                [
                    (b.node, b.name, list(b.dirty), b.recording, b.inconsistent, b.windows, b.kept)
                    for b in disk.bitmaps
                ],
                list(disk.guest_view.runs()),
            )
        )
    for _, backup in timeline.made_backups:
        read = None if backup.read is None else list(backup.read)
        states.append(
            (backup.name, backup.kind, list(backup.content.items()), read, backup.windows)
        )
    for entry, restored in timeline.made_restores:
        seen = timeline.seen(restored, entry)
        states.append((restored.name, list(restored.content.items()), seen))
    return states


def codes(findings: Iterable[Finding]) -> list[tuple[object, ...]]:
    """Return findings without their figures, which show the whole disk."""
    return [(f.code, f.entry, f.severity, f.message, f.label, f.refused) for f in findings]


@pytest.mark.parametrize("model", MODELS)
@given(st.lists(ANY_STEP, min_size=8, max_size=24))
@settings(LAW, max_examples=250)
def test_a_timeline_says_the_same_on_a_small_disk_and_on_one_kept_in_arrays(
    model: str, steps: list[tuple[str, str, int, int]]
) -> None:
    small = play_requests(model, any_requests(steps, LENGTH))
    large = play_requests(model, any_requests(steps, LARGE), length=LARGE)
    assert told(small) == told(large)
    assert codes(checks.judge(small)) == codes(checks.judge(large))


@pytest.mark.parametrize(("length", "granularity"), [(64, 512), (LARGE, 1 << 20)])
def test_a_bitmap_with_more_or_fewer_bits_than_a_small_disk_has_clusters_is_like_any_other(
    length: int, granularity: int
) -> None:
    # 8,192 bits for 64 clusters, and 313 bits for 5,000: bits and clusters are kept differently.
    added = AddBitmap(node="S0", name="Q", granularity=granularity)
    merged = MergeBitmaps(node="S0", name="B0", sources=(("S0", "Q"),))
    back = MergeBitmaps(node="S0", name="Q", sources=(("S0", "B0"),))
    part = Extent(offset=5 * CLUSTER_SIZE_DEFAULT + 512, length=512)
    timeline = play_requests(
        "qemu",
        [
            [Create(image="S0", disk=DISK, bitmap="B0"), Qmp(("add",), (added,))],
            [GuestWrite(disk=DISK, data=map_of(length, {5: ord("P")}), extent=part)],
            [guest_step("write", "---A----", length=length)],
            [TakeBackup(to="fine.bak", disks=(DISK,), bitmaps=((None, "Q"),))],
            [Qmp(("merge",), (merged,)), Qmp(("merge",), (back,))],
        ],
        length=length,
    )
    assert [entry.refusal for entry in timeline.entries if entry.refusal] == []
    touched = list(range(16)) if granularity > CLUSTER_SIZE_DEFAULT else [3, 5]
    (backup,) = (backup for _, backup in timeline.made_backups)
    assert list(backup.read or ()) == touched
    disk = timeline.last.disk(DISK)
    assert [list(disk.clusters_of(bitmap)) for bitmap in disk.bitmaps] == [touched, touched]


@pytest.mark.parametrize("model", MODELS)
def test_a_snapshot_of_the_largest_disk_is_taken_where_its_first_bitmap_was(model: str) -> None:
    timeline = play_requests(
        model,
        [
            [Create(image="S0", disk=DISK, bitmap="B0")],
            [GuestWrite(disk=DISK, data=range_of(CLUSTERS_MAX, CLUSTERS_MAX - 2, 2, ord("A")))],
            [Snapshot(images=((DISK, "S1"),), bitmap="B1")],
            [TakeBackup(to="full", disks=(DISK,))],
        ],
        length=CLUSTERS_MAX,
    )
    refused = [entry.refusal.text for entry in timeline.entries if entry.refusal]
    if model == "libvirt-6.0":
        assert refused == [
            "Operation not supported: cannot perform block operations while checkpoint exists"
        ]
    else:
        assert refused == []
    assert list(timeline.last.backups[0].content.runs()) == [(CLUSTERS_MAX - 2, 2, ord("A"))]


# Workloads, against the same writes one by one.

PERIOD = 10
"""Ticks between two instants."""

WORKLOADS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, LENGTH - 1)), max_size=30).map(
    lambda writes: list(
        zip(accumulate(gap for gap, _ in writes), (c for _, c in writes), strict=True)
    )
)
"""The tick and cluster of each write, in the order of time."""

INSTANTS = st.lists(
    st.sampled_from(["snapshot", "checkpoint", "incremental", "shutdown", "start", ""]), max_size=6
)


def period_requests(verb: str, number: int) -> list[Request]:
    """Return what the host does at the end of a period."""
    match verb:
        case "snapshot":
            return [Snapshot(images=((DISK, f"S{number}"),), bitmap=f"C{number}")]
        case "checkpoint":
            return [StartCheckpoint(name=f"C{number}", disks=(DISK,))]
        case "incremental":
            return [TakeBackup(to=f"b{number}", disks=(DISK,), since="C0")]
        case "shutdown":
            return [CloseImages()]
        case "start":
            return [OpenImages()]
        case _:
            return []


def period_instants(verbs: list[str]) -> list[Instant]:
    """Return an instant at the end of each period; the first one makes the disk."""
    instants = [
        Instant(label="t0", tick=0, statements=(state(Create(image="S0", disk=DISK, bitmap="C0")),))
    ]
    for number, verb in enumerate(verbs, start=1):
        requests = period_requests(verb, number)
        instants.append(
            Instant(
                label=f"t{number}",
                tick=number * PERIOD,
                statements=tuple(map(state, requests)),
            )
        )
    return instants


def play_workload(
    model: str,
    verbs: list[str],
    writes: list[tuple[int, int]],
    length: int,
    *,
    one_by_one: bool,
) -> Timeline:
    """Play a workload as arrays, or as a guest step for each of its writes."""
    instants, feeds = period_instants(verbs), []
    if one_by_one:
        steps = [
            Instant(
                label=None,
                tick=tick,
                statements=(
                    state(
                        GuestWrite(disk=DISK, data=map_of(length, {cluster: WORKLOAD_FIRST + n}))
                    ),
                ),
            )
            for n, (tick, cluster) in enumerate(writes)
        ]
        # Stable: a write at the very tick of an instant comes before the instant, but after the
        # one that makes the disk.
        made, *later = instants
        early = [step for step in steps if step.tick < made.tick]
        rest = sorted([*steps[len(early) :], *later], key=lambda instant: instant.tick)
        instants = [*early, made, *rest]
    else:
        ticks, clusters = np.array(writes, dtype=np.int64).reshape(-1, 2).T
        feeds = [Feed(disk=DISK, ticks=ticks, clusters=clusters)]
    script = Script(
        title="a workload",
        model=model,
        disks=(DiskShape(name=DISK, length=length),),
        instants=tuple(instants),
        feeds=tuple(feeds),
    )
    return play(script, MODELS[model])


@pytest.mark.parametrize("length", [LENGTH, LARGE])
@pytest.mark.parametrize("model", ["mail-2018", "libvirt"])
@given(INSTANTS, WORKLOADS)
@settings(LAW, max_examples=40)
def test_a_workload_gives_what_its_writes_give_one_by_one(
    model: str, length: int, verbs: list[str], writes: list[tuple[int, int]]
) -> None:
    within = [(tick, cluster) for tick, cluster in writes if tick <= len(verbs) * PERIOD]
    fed = play_workload(model, verbs, within, length, one_by_one=False)
    told_singly = play_workload(model, verbs, within, length, one_by_one=True)
    both = [
        [(f.label, f.tick, f.machine) for f in each.frames if f.label is not None]
        for each in (fed, told_singly)
    ]
    assert both[0] == both[1]
    assert fed.last.disks == told_singly.last.disks
    assert list(fed.last.backups) == list(told_singly.last.backups)


@pytest.mark.parametrize("length", [LENGTH, LARGE])
def test_a_workloads_writes_after_the_last_instant_have_a_frame_of_their_own(length: int) -> None:
    writes = [(1, 3), (2, 4), (99, 5)]
    fed = play_workload("libvirt", [], writes, length, one_by_one=False)
    told_singly = play_workload("libvirt", [], writes, length, one_by_one=True)
    assert fed.last.disk(DISK) == told_singly.last.disk(DISK)
    assert [frame.label for frame in fed.frames] == ["t0", None]


# Figures.

LABELS = st.from_regex(r"[A-Za-z][A-Za-z0-9._/:+ -]{0,8}[A-Za-z0-9:+]", fullmatch=True)


def strips(cells: str, *, recording: st.SearchStrategy[bool]) -> st.SearchStrategy[Strip]:
    """Return labelled rows of cells."""
    return st.builds(Strip, label=LABELS, cells=pictures(cells), recording=recording)


COLUMNS = st.lists(
    st.tuples(
        strips("-ABab0*", recording=st.just(False)),
        st.lists(strips("-X!", recording=st.booleans()), max_size=3),
    ),
    min_size=1,
    max_size=4,
)
"""An image and its bitmaps each."""


def figure_of(columns: list[tuple[Strip, list[Strip]]], guest: Strip | None) -> Figure:
    """Return the figure of a chain: bitmaps below their images, and what the guest sees last."""
    rows: list[Row] = [tuple(image for image, _ in columns)]
    for row in zip_longest(*(bitmaps for _, bitmaps in columns)):
        while row and row[-1] is None:
            row = row[:-1]
        rows.append(row)
    return Figure((*rows, (guest,)) if guest is not None else tuple(rows))


@given(COLUMNS, st.none() | strips("-AB", recording=st.just(False)))
@settings(LAW, max_examples=300)
def test_reading_a_figure_that_was_written_gives_the_same_figure(
    columns: list[tuple[Strip, list[Strip]]], guest: Strip | None
) -> None:
    figure = figure_of(columns, guest)
    text = write_figure(figure)
    assert read_figure(text) == figure
    assert write_figure(read_figure(text)) == text
