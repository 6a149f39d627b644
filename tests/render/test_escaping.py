"""Names that only `qmp` can bring in: with control characters, line ends, and bars."""

from collections.abc import Callable
from pathlib import Path
from xml.dom import minidom

import pytest

import simulator
from simulator.pipeline import Run
from simulator.render import svg
from simulator.render.page import write_page
from simulator.render.pictures import View
from tests.checkout import command
from tests.render.given import quoted

SCENARIO = r"""
scenario: names that a terminal obeys
model: qemu
disk: 8
timeline:
  - at: x
    do:
      - create: S
      - qmp:
          execute: block-dirty-bitmap-add
          arguments: {node: S, name: "b\e[31m\nguest sees: |ZZZZZZZZ|"}
      - qmp: {execute: block-dirty-bitmap-add, arguments: {node: S, name: "c\x01\x00d"}}
      - qmp: {execute: block-dirty-bitmap-add, arguments: {node: S, name: "\u202ex\uFFFE"}}
      - qmp:
          execute: blockdev-backup
          arguments: {device: S, target: "t\ny", sync: full, job-id: "j\nk"}
      - qmp: {execute: blockdev-snapshot, arguments: {node: S, overlay: "o\e[2Jv\nw"}}
"""

FORGED = "guest sees: |Z"


def played() -> Run:
    run = simulator.loads(SCENARIO).run()
    names = [bitmap.name for bitmap in run.timeline.last.disks[0].bitmaps]
    assert names[0] == "b\x1b[31m\nguest sees: |ZZZZZZZZ|"
    return run


VIEWS = [view for view in View if view is not View.LOAD]
"""Those that show such names: a load has those of jobs and resources, which a file must spell."""

TEXTS: dict[str, Callable[[Run], str]] = {
    "run": lambda run: run.text(),
    "figure": lambda run: str(run.at("x").figure()),
    "findings": lambda run: run.findings_text(),
    "page": lambda run: write_page(run.timeline, run.findings),
    **{view.value: lambda run, view=view: run.draw(view.value).text() for view in VIEWS},  # type: ignore[misc]
}


@pytest.mark.parametrize("write", TEXTS.values(), ids=TEXTS)
def test_a_text_has_no_control_character_and_no_forged_row(write: Callable[[Run], str]) -> None:
    text = write(played())
    assert "x" in text
    assert [line for line in text.split("\n") if not line.isprintable()] == []
    assert FORGED not in text


@pytest.mark.parametrize("view", ["time", "load"])
def test_names_of_a_timed_run_are_escaped_as_well(view: str) -> None:
    name = "<script>alert(1)<!-- ]]> & \" '"
    run = simulator.loads(
        "scenario: names\nmodel: libvirt\ndisk: 8\nresources: {net: 64 KiB/s}\ntimeline:\n"
        "  - {at: 0s, do: [{create: S}, {write: AAAAAAAA}]}\n"
        f"  - {{at: 1s, do: [{{backup: {{to: {quoted(name)}, through: net}}}}]}}\n  - {{at: 60s}}\n"
    ).run()
    assert run.timeline.moves[0].name == name
    picture = run.draw(view)
    assert minidom.parseString(picture.svg()).getElementsByTagName("polygon")
    for text in (picture.svg(), write_page(run.timeline, run.findings)):
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text
    assert name in picture.text() or view == "load"


@pytest.mark.parametrize("view", [view.value for view in View])
def test_a_picture_of_any_names_is_xml(view: str) -> None:
    written = svg.write_svg(played().draw(view).drawing)
    assert minidom.parseString(written).getElementsByTagName("text")


def test_what_models_are_compared_by_has_no_control_character(tmp_path: Path) -> None:
    path = tmp_path / "names.yaml"
    path.write_text(SCENARIO)
    for words in (("compare", str(path), "--models"), ("compat",)):
        rest = ("qemu,mail-2018",) if words[0] == "compare" else ("qemu", "mail-2018", str(path))
        out = command(*words, *rest).out
        assert "scenario" in out
        assert [line for line in out.split("\n") if not line.isprintable()] == []
