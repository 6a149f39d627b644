"""Everything that the language has is drawn by random timelines, or it is told why it is not."""

import itertools
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from simulator.scenario.qmp import COMMANDS
from simulator.scenario.verbs import VERBS
from tests.checkout import ROOT
from tests.differential import on_libvirt, timelines
from tests.differential.behind import OutsideDrawer
from tests.differential.drawing import Scenario
from tests.differential.left_out import LEFT_OUT
from tests.differential.tally import Tally

NOT_DRAWN = {
    "expect": "it changes nothing; that figures are as told is held after each step",
    "freeze": "neither QEMU nor libvirt can be asked: no guest has an agent",
    "thaw": "neither QEMU nor libvirt can be asked: no guest has an agent",
}
"""Verbs that no random timeline has, and why."""

SECTIONS = {
    "qemu": "## Left out, because it is not fixed or a fault of QEMU's\n",
    "libvirt": "## What is not followed\n",
}
"""Where the documents list what is left out."""

TIMELINES, STEPS, FEW = 1000, 8, 3
"""So many timelines of each peer are drawn at most, of so many steps, by so few rules or by all.

It ends when all has been drawn. A step costs as much as all before it.
"""

KINDS = {
    "from_outside": timelines.OUTSIDE,
    "often": on_libvirt.OFTEN,
    "merging": on_libvirt.MERGING,
    "seldom": on_libvirt.SELDOM,
}
"""What rules draw that have a choice themselves."""


class QemuTimelines(timelines.Timelines):
    """Random timelines drawn by plain random numbers, and by any of its rules."""

    def _drawer(self, data: Any) -> OutsideDrawer:
        assert self.scenario is not None, "it has begun"
        return OutsideDrawer(self.scenario, data.choice)


class LibvirtTimelines(on_libvirt.LibvirtTimelines):
    """The same of those on libvirt."""

    def _drawer(self, data: Any) -> on_libvirt.LibvirtDrawer:
        assert self.scenario is not None, "it has begun"
        return on_libvirt.LibvirtDrawer(self.scenario, data.choice)


def rules_of(machine: type[RuleBasedStateMachine]) -> list[Any]:
    """The rules that draw the steps of a timeline."""
    held = (getattr(machine, name) for name in sorted(dir(machine)))
    return [f.hypothesis_stateful_rule for f in held if hasattr(f, "hypothesis_stateful_rule")]


def timelines_of(
    machine: type[QemuTimelines | LibvirtTimelines], chance: random.Random
) -> Iterator[Scenario]:
    """Yield scenarios whose steps are drawn by any of its rules."""
    rules = rules_of(machine)
    while True:
        told: dict[str, Any] = {"cells": chance.randint(4, 12), "disks": chance.choice([1, 2])}
        drawn = machine()
        if isinstance(drawn, QemuTimelines):
            told |= {"model": chance.choice(timelines.MODELS), "partial": False, "raw": False}
            told |= {"cluster_size": 65536, "images": chance.choice([1, 3])}
        drawn.begin(**told)
        # What needs the same rule before is met by few rules, and the rest by many.
        some = chance.sample(rules, chance.choice([min(FEW, len(rules)), len(rules)]))
        for rule in chance.choices(some, k=STEPS):
            if all(holds(drawn) for holds in rule.preconditions):
                name = rule.function.__name__
                kind = {"kind": chance.choice(KINDS[name])} if name in KINDS else {}
                steps = {"steps": 1} if name == "guest" else {}
                rule.function(drawn, data=chance, **kind, **steps)
        assert drawn.scenario is not None, "it has begun"
        yield drawn.scenario


@pytest.mark.parametrize("peer", SECTIONS)
def test_the_documents_list_what_is_left_out(peer: str) -> None:
    _, _, rest = (
        (ROOT / "docs" / f"{peer}.md").read_text(encoding="utf-8").partition(SECTIONS[peer])
    )
    told = [line[2:] for line in rest.partition("\n## ")[0].splitlines() if line[:2] == "- "]
    assert told == [each.text for each in LEFT_OUT.values() if each.peer == peer]


def test_what_random_timelines_leave_out_is_in_the_table() -> None:
    folder = ROOT / "tests" / "differential"
    sources = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py")))
    marked = set(re.findall(r"Left out: ([a-z-]+)\.", sources))
    assert marked == {key for key, each in LEFT_OUT.items() if not each.drawn}


def test_nothing_in_the_language_is_never_drawn() -> None:
    tally, chance = Tally(), random.Random(1)
    wanted = {*VERBS, *(f"qmp {command}" for command in COMMANDS)} - NOT_DRAWN.keys()
    drawn = zip(
        timelines_of(QemuTimelines, chance), timelines_of(LibvirtTimelines, chance), strict=True
    )
    for scenarios in itertools.islice(drawn, TIMELINES):
        for scenario in scenarios:
            tally.add(scenario.timeline)
        if wanted <= tally.verbs.keys():
            break
    assert sorted(wanted - tally.verbs.keys()) == []
    assert sorted(NOT_DRAWN.keys() & tally.verbs.keys()) == [], "it is drawn by now"
