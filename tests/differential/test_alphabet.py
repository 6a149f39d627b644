"""Everything that the language has is drawn by random timelines, or it is told why it is not."""

import re

import pytest

import simulator
from simulator.scenario.qmp import COMMANDS
from simulator.scenario.verbs import VERBS
from tests.checkout import ROOT
from tests.differential import on_libvirt, timelines
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

ROUNDS = 8
SOME = 30
"""So many timelines are drawn at a time, and so often at most, until all has been drawn."""


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


def test_nothing_in_the_language_is_never_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = Tally()

    def draw_only(text: str) -> None:
        tally.add(simulator.loads(text).run().timeline)

    monkeypatch.setattr(timelines, "compare", draw_only)
    monkeypatch.setattr(on_libvirt, "compare", draw_only)
    wanted = {*VERBS, *(f"qmp {command}" for command in COMMANDS)} - NOT_DRAWN.keys()
    for seed in range(ROUNDS):
        timelines.play(SOME, seed=seed)
        on_libvirt.play(SOME, seed=seed)
        if wanted <= tally.verbs.keys():
            break
    assert sorted(wanted - tally.verbs.keys()) == []
    assert sorted(NOT_DRAWN.keys() & tally.verbs.keys()) == [], "it is drawn by now"
