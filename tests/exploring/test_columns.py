"""Columns: what one cluster can come to among others, against whole disks."""

import dataclasses
import inspect
import random
import re

import numpy as np
import pytest

from simulator import apis
from simulator.exploring.acts import Limits, verbs_for
from simulator.exploring.columns import shapes
from simulator.exploring.columns.formulas import (
    ALL,
    NONE,
    NOTHING,
    Node,
    both,
    either,
    held,
    hold,
    less,
    only,
    over,
    unlike,
)
from simulator.exploring.columns.programs import FIRST, Worked, bases_of, pack, rename, unpack
from simulator.exploring.proving import VERBS_PROVED
from simulator.exploring.searching.search import Asked, Candidate, Search
from simulator.exploring.witness import begin, tell
from simulator.model.bitmap import DirtyBitmap
from simulator.model.disk import Aside, Disk, Image, InternalSnapshot
from simulator.model.machine import Machine
from simulator.model.notes import Checkpoint, SnapshotNote

MODELS = ("libvirt", "libvirt-6.0", "mail-2018", "nir-2018", "qemu-single")


def columns_of(model: str, clusters: int, depth: int, *, others: bool) -> set[tuple[object, int]]:
    """Return the columns that a cluster comes to within some steps, each with its shape."""
    limits = Limits(images=2, bitmaps=2, backups=0, clusters=clusters)
    search = Search((apis.MODELS[model],), Asked(limits, VERBS_PROVED, others=others))
    for _ in range(depth):
        search.advance()
    keys = [held.shape.key for held in search.space.shapes]
    return {(keys[shape], code) for shape, *codes in search.store.rows.tolist() for code in codes}


@pytest.mark.parametrize("model", MODELS)
def test_a_cluster_of_two_comes_to_what_a_column_comes_to(model: str) -> None:
    alone = columns_of(model, 1, 5, others=True)
    assert columns_of(model, 2, 5, others=False) == alone
    assert len(alone) > 100


@pytest.mark.parametrize("model", ["libvirt", "mail-2018"])
def test_three_clusters_come_to_no_more_than_two(model: str) -> None:
    assert columns_of(model, 3, 4, others=False) == columns_of(model, 2, 4, others=False)


def cells_of(disk: Disk) -> list[tuple[object, ...]]:
    """Return what each cluster of a real disk holds in each image and bitmap."""
    maps = [image.content for image in disk.chain]
    sets = [bitmap.dirty for bitmap in disk.bitmaps]
    return [
        (*[each.get(n) for each in maps], *[n in each for each in sets]) for n in range(disk.length)
    ]


def named(cells: tuple[object, ...]) -> tuple[object, ...]:
    """Return a column with its letters named in order, as formulas have them."""
    letters: dict[object, int] = {}
    return tuple(
        letters.setdefault(c, len(letters) + FIRST) if type(c) is int else c or 0 for c in cells
    )


@pytest.mark.parametrize("model", MODELS)
def test_formulas_make_of_a_disk_what_the_machine_makes_of_it(model: str) -> None:
    limits = Limits(images=3, bitmaps=2, backups=1, clusters=2)
    chosen = apis.MODELS[model]
    search = Search((chosen,), Asked(limits, verbs_for(chosen, begin(chosen, 1, 1))))
    for _ in range(5):
        search.advance()
    parents, steps = search.store.steps
    numbers = random.Random(model).sample(range(1, search.store.count), 150)
    for number in numbers:
        way = search.way(Candidate("", int(parents[number]), int(steps[number]), 0))
        disk = tell(chosen, 1, 2, way).machines[-1].disks[0]
        row = search.store.rows[number]
        kinds = search.space.shapes[int(row[0])].shape.kinds[0]
        columns = unpack(row[1:], search.levels.bases(kinds))[:, : len(cells_of(disk)[0])]
        assert sorted(map(tuple, columns.tolist())) == sorted(map(named, cells_of(disk)))


def test_columns_are_packed_and_unpacked() -> None:
    kinds = "mbmm"
    every = [(a, b, c, d) for a in range(3) for b in range(2) for c in range(4) for d in range(5)]
    columns = rename(np.array(every, dtype=np.uint8), kinds)
    bases = bases_of(kinds)
    assert (unpack(pack(columns, bases), bases) == columns).all()
    assert len({*map(tuple, columns.tolist())}) == len({*pack(columns, bases).tolist()})
    assert rename(np.array([[7, 1, 9, 7]], dtype=np.uint8), kinds).tolist() == [[2, 1, 3, 2]]


def test_formulas_that_are_made_simpler_mean_the_same() -> None:
    cell, other, bit = Node("cell", (), 0), Node("cell", (), 1), Node("bit", (), 2)
    rows = [(a, b, c) for a in range(3) for b in range(3) for c in range(2)]
    worked = Worked(np.array(rows, dtype=np.uint8), False)
    for whole in (cell, NOTHING, hold(bit, 0), over(cell, other), only(cell, bit)):
        assert (worked.bit(held(whole)) == worked.bit(Node("held", (whole,)))).all()
        assert worked.bit(unlike(whole, whole)).sum() == 0
        for upper in (other, NOTHING, hold(ALL, 0), hold(bit, 0)):
            plain = worked.cell(Node("over", (whole, upper)))
            assert (worked.cell(over(whole, upper)) == plain).all()
        for within in (bit, NONE, ALL):
            plain = worked.cell(Node("only", (whole, within)))
            assert (worked.cell(only(whole, within)) == plain).all()
    for one in (bit, NONE, ALL, held(cell)):
        for two in (bit, NONE, ALL, held(other)):
            pairs = ((either, "or"), (both, "and"), (less, "less"))
            for make, kind in pairs:
                assert (worked.bit(make(one, two)) == worked.bit(Node(kind, (one, two)))).all()


NO_STATE = {
    Machine: {"at", "restores", "semantics"},
    Disk: {"name", "cluster_size", "lacks"},
    Image: {"linked"},
    Checkpoint: {"at"},
    SnapshotNote: {"at"},
}
"""What is no part of a state: labels, names that are places, and what is the same for all of one
exploration; by what libvirt knows of a chain it only chooses its words. Of a backup, `bare_backup`
leaves what is part of a state and nothing else."""


@pytest.mark.parametrize(
    "kind", [*NO_STATE, DirtyBitmap, InternalSnapshot, Aside], ids=lambda k: k.__name__
)
def test_each_field_of_a_machine_is_part_of_a_state_or_said_not_to_be(kind: type) -> None:
    source = inspect.getsource(shapes)
    for field in dataclasses.fields(kind):
        read = re.search(rf"\.{field.name}\b", source) is not None
        assert read or field.name in NO_STATE.get(kind, ()), (
            f"{kind.__name__}.{field.name} is no part of a state: two that differ in it are one"
        )
