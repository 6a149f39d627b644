"""What pictures tell of findings: where they stand, and which cells they mark."""

from itertools import pairwise

import pytest

import simulator
from simulator.pipeline import Run
from simulator.render.drawing import Box, Drawing, Line, Text
from simulator.render.told import place_of, when_of
from tests.checkout import ROOT

MAIL = ROOT / "scenarios" / "mail" / "2018.yaml"
FULL = """scenario: no room
model: libvirt
disk: 8
timeline:
  - {at: T1, do: [{create: S1}]}
  - write: AAAA----
  - {at: T2, do: [{backup: {to: full.bak, mode: pull, scratch: 64 KiB, ends: T4}}]}
  - write: BBB-----
  - {at: T3}
  - {at: T4}
"""


def run_of(text: str) -> Run:
    return simulator.loads(text).run()


def marks(drawing: Drawing) -> list[tuple[str, float, int]]:
    """Severity, place and number of the cells that are marked."""
    boxes = [s for s in drawing.shapes if isinstance(s, Box) and s.points and s.edge != "changed"]
    return [(box.edge or "", box.x, len(box.letters)) for box in boxes]


def test_a_finding_on_a_guest_step_stands_at_the_instant_that_it_led_to() -> None:
    run = run_of(FULL)
    (finding,) = run.findings
    assert finding.at is None
    assert place_of(run.timeline, finding) == 2
    assert when_of(run.timeline, finding) == "between T2 and T3"
    assert run.document()["findings"][0]["when"] == "between T2 and T3"


def test_a_write_that_failed_is_drawn_with_its_finding() -> None:
    run = run_of(FULL)
    for picture in (run.draw("film"), run.draw("chain", at="T3")):
        text = picture.text()
        assert "failed write" in text
        assert "|BBB-----|" in text
        assert "error[BT210] scratch-full, between T2 and T3" in " ".join(text.split())
        assert [count for _, _, count in marks(picture.drawing)] == [3]
    assert "failed write" not in run.draw("chain", at="T4").text()
    assert "BT210" not in run.draw("chain", at="T4").text()


@pytest.mark.parametrize(("at", "row"), [("T4", "late.bak"), ("T5", "mixture")])
def test_the_cells_of_the_evidence_are_marked_in_film_and_chain(at: str, row: str) -> None:
    run = simulator.load(MAIL).run()
    lines = run.draw("chain", at=at).text().splitlines()
    below = next(n for n, line in enumerate(lines) if line.lstrip().startswith(row)) + 1
    assert lines[below].strip() == "!"
    assert lines[below].index("!") - lines[below - 1].index("|") == 6
    assert [(role, count) for role, _, count in marks(run.draw("film").drawing)] == [
        ("error", 1),
        ("error", 1),
    ]


def test_a_film_says_which_bitmap_records_and_which_image_lies_on_which() -> None:
    drawing = simulator.load(MAIL).run().draw("film").drawing
    texts = [text.text for text in drawing.texts]
    assert texts.count("+") == 1 + 5  # The legend, and the newest bitmap at each instant.
    arrows = [s for s in drawing.shapes if isinstance(s, Line) and len(s.points) == 4]
    assert len(arrows) == 4  # S2 on S1 from T2 to T5.
    assert all(
        one[0] == other[0] or one[1] == other[1]
        for a in arrows
        for one, other in pairwise(a.points)
    )
    assert not any(text.text.endswith("\u2026") for text in drawing.texts)


def test_a_row_of_a_film_has_one_name_in_all_blocks() -> None:
    steps = "".join(
        f"  - write: {'ABCDEFGH'[n]}-------\n  - {{at: T{n + 2}, do: [checkpoint: c{n}]}}\n"
        for n in range(6)
    )
    run = run_of(
        "scenario: one name\nmodel: libvirt\ndisk: 8\ntimeline:\n"
        "  - {at: T1, do: [create: S1, checkpoint: mon]}\n"
        f"{steps}  - {{at: T9, do: [snapshot: S2]}}\n"
    )
    texts = {text.text for text in run.draw("film").drawing.texts}
    assert {"S1.mon", "S2.mon"} <= texts
    assert "mon" not in texts


def test_a_legend_has_what_occurs_and_nothing_else() -> None:
    told = run_of(FULL).draw("film").text().splitlines()[2]
    assert told.startswith("- nothing here  0 zeroes")
    assert "dirty" not in told
    assert "records" not in told
    mail = simulator.load(MAIL).run().draw("film").text().splitlines()[2]
    assert "+ records; without it frozen" in mail
    assert "zeroes" not in mail


def test_a_finding_that_marks_no_cell_has_no_sample_in_the_legend() -> None:
    deleted = ROOT / "scenarios" / "flagged" / "BT305-full-under-increments.yaml"
    told = simulator.load(deleted).run().draw("film").text()
    assert "BT305" in told
    assert "what the error is about" not in told


def test_a_chain_has_a_title_and_a_model_and_lines_run_below_bitmaps() -> None:
    drawing = simulator.load(MAIL).run().draw("chain", at="T4").drawing
    texts = [text.text for text in drawing.texts]
    assert texts[:2] == ["Incremental backups across a snapshot", "model mail-2018 on QEMU 10.0"]
    lines = [n for n, s in enumerate(drawing.shapes) if isinstance(s, Line) and s.thick == 2.5]
    covers = [
        n
        for n, s in enumerate(drawing.shapes)
        if isinstance(s, Box) and s.fill == "paper" and s.width < drawing.width
    ]
    assert len(covers) == 4  # B1 to B4.
    assert max(lines) < min(covers)


def test_a_label_that_two_rows_have_marks_neither() -> None:
    from simulator.render.told import marks_of

    (finding,) = [f for f in simulator.load(MAIL).run().findings if f.code == "BT201"]
    assert list(marks_of([finding], ["S1", "late.bak"])) == ["late.bak"]
    assert marks_of([finding], ["late.bak", "late.bak"]) == {}


def test_a_figure_of_a_notebook_is_monospaced() -> None:
    html = simulator.load(MAIL).run().restores()._repr_html_()
    assert "font-family: monospace" in html


def test_an_instant_with_a_hundred_steps_says_how_many_lines_are_left_out() -> None:
    made = ", ".join(f"{{checkpoint: checkpoint-{n}}}" for n in range(100))
    run = run_of(
        "scenario: many\nmodel: libvirt\ndisk: 8\ntimeline:\n"
        f"  - {{at: T1, do: [create: S1]}}\n  - {{at: T2, do: [{made}]}}\n"
    )
    texts: list[Text] = list(run.draw("film").drawing.texts)
    assert any(text.text.startswith("and ") and "more lines" in text.text for text in texts)
