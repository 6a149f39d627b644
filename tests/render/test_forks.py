"""Chains that have an image in common: it is drawn once, and each branch has an arrow to it."""

import simulator
from simulator.render.drawing import Line, Text
from simulator.render.page import write_page
from simulator.render.views.chain import lay_out_chain
from simulator.render.views.film import lay_out_film

FORK = """\
scenario: a fork
model: qemu
disks: {vda: 4, vdb: 4, vdc: 4}
timeline:
  - at: T1
    do: [{create: {image: S0, disk: vda}}]
  - write: {disk: vda, cells: AA--}
  - at: T2
    do:
      - snapshot: {image: S1, disk: vda}
      - create: {image: C1, disk: vdb, backing: S0, bitmap: b}
      - snapshot: {image: C2, disk: vdb}
      - create: {image: D, disk: vdc, backing: C1}
"""

RUN = simulator.loads(FORK).run()

FRAME = RUN.timeline.frames[-1]


def figure_of(text: str) -> list[str]:
    """Return the figure of the last instant of a scenario."""
    return simulator.loads(text).run().text().split("\n\n")[-2].splitlines()[1:]


def test_a_figure_draws_what_chains_have_in_common_once() -> None:
    assert figure_of(FORK) == [
        "S0: |AA--| <- S1: |----|",
        "           <- C1: |----| <- C2: |----|",
        "              b:  |----|+",
        "                         <- D:  |----|",
        "guest sees vda: |AA--|",
        "guest sees vdb: |AA--|",
        "guest sees vdc: |AA--|",
    ]


def test_a_branch_stands_below_the_image_that_it_lies_on() -> None:
    other = FORK.replace("backing: C1}", "backing: S1}")
    assert figure_of(other)[:2] == [
        "S0: |AA--| <- S1: |----| <- D:  |----|",
        "           <- C1: |----| <- C2: |----|",
    ]


def test_views_draw_a_shared_image_once_with_an_arrow_from_each_branch() -> None:
    for drawing in (lay_out_chain(RUN.timeline, FRAME), lay_out_film(RUN.timeline)):
        texts = [each for each in drawing.shapes if isinstance(each, Text)]
        labels = [each.text for each in texts if each.anchor == "end"]
        assert [labels.count(name) for name in ("S0", "S1", "C1", "C2", "D")] == [1] * 5
        lines = [each for each in drawing.shapes if isinstance(each, Line) and each.arrow]
        arrows = [each for each in lines if len(each.points) == 4]
        assert len(arrows) == 4, "S1 and C1 lie on S0, C2 and D on C1"
        assert len({each.points[-1] for each in arrows}) == 2


def test_a_page_draws_a_shared_image_once() -> None:
    page = write_page(RUN.timeline, RUN.findings)
    last = page[page.rindex("snapshot S1") :]
    assert [last.count(f">{name}</text>") for name in ("S0", "C1", "D")] == [1, 1, 1]


def test_what_is_written_below_is_seen_through_all_that_lie_on_it() -> None:
    text = FORK + "  - {at: T3, do: [{commit: S1}]}\n"
    text = text.replace("  - {at: T3", "  - write: {disk: vda, cells: -BB-}\n  - {at: T3")
    run = simulator.loads(text).run()
    assert [finding.code for finding in run.findings] == ["BT406", "BT406"]
    for name in ("vdb", "vdc"):
        before, after = (frame.machine.disk(name) for frame in run.timeline.frames[-2:])
        assert after.moment == before.moment + 1
        base = after.image("S0")
        assert base is not None
        assert base.content is run.timeline.last.disk("vda").active.content
