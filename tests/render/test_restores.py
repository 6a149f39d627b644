"""What can be restored: as a table, as data, and held against what compare finds."""

import json
from pathlib import Path

import pytest

import simulator
from simulator.compare.restorable import restorable
from simulator.model.clusters import map_of
from simulator.render.restores import TORN
from tests.checkout import command
from tests.render.test_views import SHIPPED

MAIL = Path(__file__).parents[2] / "scenarios" / "mail" / "2018.yaml"


def test_the_mail_s_instants_and_the_cheapest_way_to_each() -> None:
    assert simulator.load(MAIL).run().restores().text() == (
        "instant  cheapest chain  to read\n"
        "T1       an empty disk   0 B\n"
        "T2       S1.bak          256 KiB\n"
        "T3       full3.bak       384 KiB\n"
        "T4       full4.bak       448 KiB\n"
        "T5       full4.bak       448 KiB\n"
        "without S1.bak: no chain to T2\n"
        "late.bak gives no state that the guest saw\n"
        "without S1.bak and full3.bak: no chain to T3\n"
        "without full3.bak and B2.bak: no chain to T3\n"
    )


def test_the_same_as_data() -> None:
    ended = command("restores", str(MAIL), "--format", "json")
    assert ended.status == 0
    disk = json.loads(ended.out)["disks"]["vda"]
    assert disk["instants"]["T3"] == {"chain": ["full3.bak"], "bytes": 393216}
    assert disk["instants"]["T1"] == {"chain": [], "bytes": 0}
    assert disk["backups"]["S1.bak"]["loses"] == ["T2"]
    assert disk["backups"]["late.bak"] == {
        "from": "T2",
        "to": None,
        "fault": "gives no state that the guest saw",
        "bytes": 196608,
        "zero_bytes": 0,
        "cheapest": False,
        "loses": [],
    }


def test_a_chain_is_lost_with_its_first_backup() -> None:
    run = simulator.load(MAIL.parents[1] / "valid" / "weekly-chain.yaml").run()
    (disk,) = run.restores().disks
    loses = {edge.backup: edge.loses for edge in disk.edges}
    assert loses["full.bak"] == ("sunday-night", "monday", "tuesday")
    assert loses["tue.bak"] == ("tuesday",)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_chain_gives_back_its_instant_and_compare_knows_of_no_other(path: Path) -> None:
    run = simulator.load(path).run()
    restores = run.restores()
    for disk in restores.disks:
        for chain in disk.chains:
            if chain.backups is None:
                continue
            content = map_of(1)
            for row in chain.backups:
                backup = next(b for b in run.timeline.last.backups if b.row == row)
                content = backup.content if backup.complete else content.overlay(backup.content)
            (frame,) = (f for f in run.timeline.frames if f.label == chain.at)
            assert content.reads_like(frame.machine.disk(disk.disk).guest_view), chain
    there = [
        {chain.at for chain in disk.chains if chain.backups is not None} for disk in restores.disks
    ]
    lengths = {frame.machine.disks[0].length for frame in run.timeline.frames}
    torn = any(edge.fault == TORN for disk in restores.disks for edge in disk.edges)
    # Compare looks at neither: a disk of another length, and a copy that may be torn.
    if len(there) == 1 and len(lengths) == 1 and not torn:
        assert there[0] >= {*restorable(run.document())}


CASES: dict[str, tuple[str, dict[str, tuple[str, ...] | None]]] = {
    # An increment since the first full is right on any backup of an instant from there to its end.
    "two fulls and a differential": (
        "disk: 4\ntimeline:\n"
        "  - {at: T1, do: [create: S1]}\n  - write: AA--\n"
        "  - {at: T2, do: [backup: {to: full1, checkpoint: c0}]}\n  - write: -B--\n"
        "  - {at: T3, do: [backup: {to: full2}]}\n  - write: --C-\n"
        "  - {at: T4, do: [backup: {since: c0, to: diff}, delete: {backup: full1}]}\n",
        {"T2": None, "T3": ("full2",), "T4": ("full2", "diff")},
    ),
    # Who said onto what does not matter to what is so.
    "onto the wrong one": (
        "disk: 4\ntimeline:\n"
        "  - {at: T1, do: [create: S1, backup: {to: full1, checkpoint: c1}]}\n  - write: AA--\n"
        "  - {at: T2, do: [backup: {to: full2, checkpoint: c2}]}\n  - write: --B-\n"
        "  - {at: T3, do: [backup: {since: c2, to: inc, onto: full1}]}\n",
        {"T1": ("full1",), "T2": ("full2",), "T3": ("full2", "inc")},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_table_and_compare_name_the_same_stacks(name: str) -> None:
    text, wanted = CASES[name]
    run = simulator.loads(f"scenario: {name}\n{text}").run()
    (disk,) = run.restores().disks
    chains = {chain.at: chain.backups for chain in disk.chains}
    assert {at: chains[at] for at in wanted} == wanted
    told = {at: back.told for at, back in restorable(run.document()).items()}
    assert {at: told.get(at) for at in wanted} == {
        at: " <- ".join(stack) if stack else None for at, stack in wanted.items()
    }


def test_a_machine_is_back_only_with_all_its_disks() -> None:
    text = (
        "scenario: two disks\ndisks: {vda: {clusters: 4}, vdb: {clusters: 4}}\ntimeline:\n"
        "  - {at: T1, do: [create: {image: S, disk: vda}, create: {image: U, disk: vdb}]}\n"
        "  - write: {disk: vda, cells: A---}\n"
        "  - {at: T2, do: [backup: {to: a, disks: [vda]}]}\n"
        "  - write: {disk: vdb, cells: B---}\n"
        "  - {at: T3, do: [backup: {to: b, disks: [vdb]}]}\n"
        "  - write: {disk: vda, cells: C---}\n"
        "  - {at: T4, do: []}\n"
    )
    found = simulator.loads(text).run().restores()
    assert found.restorable == ("T1", "T2", "T3")
    assert found.missing(["T3", "T4"]) == ("T4",)
    assert found.text().endswith(
        "the machine: T1, T2, T3 can be restored\nthe machine: no chain of all its disks to T4\n"
    )
    kept = found.keep(["T2"])
    assert (kept.kept, kept.free, kept.least) == (("a",), ("b",), True)


def test_what_must_stay_is_asked_and_what_may_go_is_told() -> None:
    kept = command("restores", str(MAIL), "--keep", "T3,T5")
    assert kept.status == 0
    assert kept.out == (
        "for T3, T5\n"
        "  keep    full3.bak, S3.bak  (576 KiB)\n"
        "  may go  S1.bak, B2.bak, full4.bak, S2_3.bak, late.bak  (1408 KiB)\n"
    )
    data = json.loads(command("restores", str(MAIL), "--keep", "all", "-f", "json").out)
    assert data["keep"] == ["S1.bak", "B2.bak", "S3.bak"]
    assert data["least"] is True
    assert command("restores", str(MAIL), "--require", "all").status == 0
    missing = command("restores", str(MAIL), "--require", "T2,T3", "--without", "S1.bak")
    assert missing.status == 1
    assert missing.out.endswith("required: T2 cannot be restored\n")
    asked = ("restores", str(MAIL), "--require", "T2", "--without", "S1.bak", "-f", "json")
    assert json.loads(command(*asked).out)["missing"] == ["T2"]
    gone = command("restores", str(MAIL), "--keep", "T2", "--without", "S1.bak")
    assert gone.status == 1
    assert "T2 cannot be restored from what is left" in gone.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--require", "T3,T9"), "error: no instant T9"),
        (("--keep", "T33"), "did you mean T3?"),
        (("--keep", "3d"), "3d is a time, and the instants here are names"),
        (("--keep", " , "), "no instant is named"),
        (("--keep", "T3", "--require", "T3"), "give one of them"),
        (("--without", "S1.bka"), "did you mean S1.bak?"),
    ],
)
def test_a_goal_that_cannot_be_meant_is_told(words: tuple[str, ...], said: str) -> None:
    ended = command("restores", str(MAIL), *words)
    assert ended.status == 2
    assert said in ended.err
    assert ended.out == ""


def test_the_last_days_are_the_instants_within_them() -> None:
    text = (
        "scenario: days\ndisk: 4\ntimeline:\n"
        "  - {at: 0s, do: [create: S1]}\n  - write: A---\n"
        "  - {at: 1d, do: [backup: full1]}\n  - write: B---\n"
        "  - {at: 2d, do: [backup: full2]}\n  - {at: 3d, do: []}\n"
    )
    run = simulator.loads(text).run()
    assert run.instants_meant("1d12h") == ("2d", "3d")
    assert run.instants_meant("1d") == ("2d", "3d")
    assert run.instants_meant("1d,") == ("1d",)
    assert run.restores().keep(run.instants_meant("36h")).kept == ("full2",)
