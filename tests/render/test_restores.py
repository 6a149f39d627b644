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
