"""What the host does to images and copies never changes what the guest sees."""

import random
from collections.abc import Iterator
from typing import TypeAlias

import pytest

import simulator
from simulator.model.clusters import ClusterMap, map_of
from simulator.model.disk import Disk, Image
from simulator.model.machine import Kind, Machine, Status
from simulator.model.operations import (
    AddBitmap,
    AddOverlay,
    AttachDisk,
    CommitImages,
    CreateImage,
    DetachDisk,
    EndJob,
    ExportNode,
    GuestDiscard,
    GuestWrite,
    LoadSnapshot,
    Operation,
    PullImages,
    Refusal,
    ResizeImage,
    RevertImages,
    RunBackup,
    Sync,
    UnexportNode,
)
from simulator.model.transitions import apply
from tests.judging.drawing import MODELS, draw

TIMELINES = 60
"""Drawn of each model."""

CHAINS = 400
"""Chains of images of several lengths and formats that operations are drawn for."""

STEPS, LENGTH_MAX = 14, 5

Step: TypeAlias = tuple[Machine, Operation, Machine]
"""An operation that was accepted, with the machine before and after it."""

GUESTS = (
    GuestWrite,
    GuestDiscard,
    ResizeImage,
    RevertImages,
    LoadSnapshot,
    CreateImage,
    AttachDisk,
    DetachDisk,
)
"""What changes what the guest sees, or that it sees a disk at all; it is meant to."""


def lets_shine_through(before: Disk, after: Disk) -> bool:
    """Whether images went that were shorter than what is below them now: QEMU 7.2 takes no heed.

    S1: |ABCD| <- S2: |-| <- S3: |----|    without S2    S1: |ABCD| <- S3: |----|
    """
    left = {image.name for image in after.chain}
    below = 0
    for image in before.chain:
        if image.name in left:
            below = image.length
        elif image.length < below:
            return True
    return False


def look(step: Step) -> None:
    """Hold the guest's view before and after an operation against one another."""
    before, operation, after = step
    for disk, later in zip(before.disks, after.disks, strict=True):
        if disk.chain and later.chain and not lets_shine_through(disk, later):
            assert later.length == disk.length, operation
            assert later.guest_view.reads_like(disk.guest_view), operation
            assert later.moment == disk.moment, operation


@pytest.mark.parametrize("model", MODELS)
def test_what_a_host_does_in_a_random_timeline_leaves_the_guests_disk_as_it_is(model: str) -> None:
    seen = 0
    for number in range(TIMELINES):
        try:
            timeline = simulator.loads(draw(model, f"view {number}").text).run().timeline
        except simulator.InputError:
            continue
        for entry in timeline.entries:
            machine = entry.before
            for operation in entry.operations:
                outcome = apply(machine, operation)
                assert not isinstance(outcome, Refusal), "it was accepted before"
                if not isinstance(operation, GUESTS):
                    look((machine, operation, outcome))
                    seen += 1
                machine = outcome
    assert seen > TIMELINES, "hardly anything was looked at"


def test_no_operation_on_a_chain_of_any_lengths_changes_what_the_guest_sees() -> None:
    looked: list[type] = []
    for seed in range(CHAINS):
        for step in steps(random.Random(seed)):
            look(step)
            looked.append(type(step[1]))
    for kind in (AddOverlay, CommitImages, PullImages, RunBackup, ExportNode, AddBitmap, EndJob):
        assert looked.count(kind) > CHAINS // 20, kind.__name__


def steps(chance: random.Random) -> Iterator[Step]:
    """Yield what a host does to a disk whose images are of several lengths, and the guest writes.

    What the guest is meant to see is not yielded, but it happens.
    """
    machine = begin(chance)
    for number in range(STEPS):
        operation = next_operation(chance, machine, number)
        outcome = apply(machine, operation)
        if isinstance(outcome, Refusal):
            continue
        if not isinstance(operation, GUESTS):
            yield machine, operation, outcome
        machine = outcome


def begin(chance: random.Random) -> Machine:
    """Return a machine with a chain of images of any lengths, the lowest one seldom a raw one."""
    chain = []
    for number in range(chance.randint(1, LENGTH_MAX)):
        length = chance.randint(1, LENGTH_MAX)
        format = "qcow2" if number else chance.choice(["qcow2", "qcow2", "raw"])
        chain.append(Image(name=f"S{number}", content=content(chance, length), length=length,
                           format=format))  # fmt: skip
    disk = Disk(name="vda", length=chain[-1].length, chain=tuple(chain))
    return Machine(disks=(disk,))


def content(chance: random.Random, length: int) -> ClusterMap:
    """Return some clusters of a disk with what is written to them."""
    written = chance.sample(range(length), chance.randint(0, length))
    return map_of(length, {cluster: ord(chance.choice("AB")) for cluster in written})


def next_operation(chance: random.Random, machine: Machine, number: int) -> Operation:
    """Return an operation on some image of the disk; it may be one that QEMU refuses."""
    disk = machine.disks[0]
    names = [image.name for image in disk.chain]
    active, image = names[-1], chance.choice(names)
    low, high = sorted(chance.choices(range(len(names)), k=2))
    base = names[low] if low < high else None
    lasting = chance.random() < 0.4
    kinds: list[Operation] = [
        GuestWrite(None, content(chance, disk.length)),
        ResizeImage(active, chance.randint(1, LENGTH_MAX)),
        AddOverlay(active, f"T{number}"),
        CommitImages(active, names[high], base, lasting=lasting),
        PullImages(names[high], base, lasting=lasting),
        RunBackup(f"k{number}", image, Kind.FULL, Sync.FULL, lasting=lasting),
        RunBackup(f"k{number}", image, Kind.TOP, Sync.TOP, lasting=lasting),
        ExportNode(f"e{number}", f"e{number}", image),
        AddBitmap(active, f"b{number}"),
    ]
    if machine.exports:
        kinds.append(UnexportNode(machine.exports[0].id))
    if machine.jobs:
        status = chance.choice([Status.COMPLETED, Status.CANCELLED])
        kinds += [EndJob(machine.jobs[0].name, status)] * 4
    return chance.choice(kinds)
