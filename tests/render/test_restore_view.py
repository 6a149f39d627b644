"""The restore view: states, and the backups that give them."""

from itertools import pairwise

import pytest

import simulator
from simulator.render.drawing import Drawing, Line, Text
from tests.checkout import ROOT

SHIPPED = sorted((ROOT / "scenarios").glob("*/*.yaml"))


def drawn(text: str) -> tuple[Drawing, list[str]]:
    """The drawing of a scenario, and its lines as text."""
    picture = simulator.loads(text).run().draw("restore")
    return picture.drawing, picture.text().splitlines()


def crossed(drawing: Drawing) -> list[str]:
    """Texts through which a line runs; the words of a legend stand beside theirs."""
    found = []
    segments = [
        s for line in drawing.shapes if isinstance(line, Line) for s in pairwise(line.points)
    ]
    for text in drawing.texts:
        left, top, right, bottom = text.extent
        for (x0, y0), (x1, y1) in segments:
            beside = max(x0, x1) <= left or min(x0, x1) >= right
            if not beside and max(y0, y1) > top and min(y0, y1) < bottom:
                found.append(text.text)
    return found


def test_no_line_runs_through_a_label() -> None:
    for path in SHIPPED:
        assert crossed(simulator.load(path).run().draw("restore").drawing) == [], path
    assert crossed(Drawing(90, 20, (Text(10, 12, "one"), Line(((0, 8), (90, 8)))))) == ["one"]


def test_a_backup_that_changes_nothing_has_no_arrow() -> None:
    drawing, lines = drawn(
        "scenario: nothing new\nmodel: libvirt\ndisk: 4\ntimeline:\n"
        "  - {at: T1, do: [{create: S}]}\n  - write: AA--\n"
        "  - {at: T2, do: [{backup: {to: full, checkpoint: c}}]}\n"
        "  - {at: T3, do: [{backup: {to: inc, since: c}}]}\n"
    )
    assert any("inc" in line and "changes nothing" in line for line in lines)
    assert not [s for s in drawing.shapes if isinstance(s, Line) and len(s.points) > 2]


@pytest.mark.parametrize("count", [120])
def test_very_many_backups_stand_below_one_another(count: int) -> None:
    steps = "".join(
        f"  - write: {'ABCDEFGHIJ'[n // 12]}{'ABCDEFGHIJKL'[n % 12]}--\n"
        f"  - at: T{n + 2}\n    do: [backup: {{since: c{n}, to: inc{n}, checkpoint: c{n + 1}}}]\n"
        for n in range(count)
    )
    drawing, lines = drawn(
        "scenario: many\nmodel: libvirt\ndisk: 4\ntimeline:\n"
        f"  - {{at: T1, do: [{{create: S}}, {{backup: {{to: full, checkpoint: c0}}}}]}}\n{steps}"
    )
    assert drawing.width < 1200
    assert sum("--> " in line for line in lines) >= count
    assert crossed(drawing) == []


def test_a_legend_has_samples_of_what_occurs() -> None:
    mail = simulator.load(ROOT / "scenarios" / "mail" / "2018.yaml").run()
    text = mail.draw("restore").text()
    for sample in ("-- on the cheapest way", ".. on none", "o needs no other", "*bold* without it"):
        assert sample in text
    _, lines = drawn(
        "scenario: one\nmodel: libvirt\ndisk: 4\ntimeline:\n"
        "  - {at: T1, do: [{create: S}, {backup: full}]}\n"
    )
    assert not any("on none" in line or "cannot be restored" in line for line in lines)


@pytest.mark.parametrize("view", ["restore", "tree"])
def test_findings_stand_below_those_of_guest_steps_too(view: str) -> None:
    run = simulator.load(ROOT / "scenarios" / "flagged" / "BT210-no-room.yaml").run()
    told = " ".join(run.draw(view).text().split())
    assert "error[BT210] scratch-full, between T2 and T3" in told
