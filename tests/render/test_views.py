"""Every view of every scenario: nothing overlaps or is cut, and equal runs are drawn alike."""

from pathlib import Path

import pytest

import simulator
from simulator.pipeline import Run
from simulator.render.drawing import Drawing, Text
from simulator.render.pictures import Picture, View
from simulator.render.svg import write_svg
from tests.render.given import SIZES, WEEK, machine

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(
    path
    for folder in ("mail", "valid", "flagged", "models", "timed")
    for path in (ROOT / "scenarios" / folder).glob("*.yaml")
)


def drawings(run: Run) -> list[Drawing]:
    """Every view of a run, and its chain at each instant."""
    pictures = [run.draw(view) for view in View]
    pictures += [run.draw("chain", at=label) for label in run.labels]
    return [picture.drawing for picture in pictures]


def overlapping(drawing: Drawing) -> list[tuple[str, str]]:
    """Texts that cover one another."""
    found: list[tuple[str, str]] = []
    ordered = sorted(drawing.texts, key=lambda text: text.extent[1])
    for number, one in enumerate(ordered):
        for other in ordered[number + 1 :]:
            if other.extent[1] >= one.extent[3]:
                break  # It and all that come after it lie lower.
            if _meet(one, other):
                found.append((one.text, other.text))
    return found


def _meet(one: Text, other: Text) -> bool:
    (a, b, c, d), (e, f, g, h) = one.extent, other.extent
    slack = 1.0
    return a + slack < g and e + slack < c and b + slack < h and f + slack < d


def cut(drawing: Drawing) -> list[str]:
    """Texts that reach beyond the canvas."""
    return [
        text.text
        for text in drawing.texts
        for left, top, right, bottom in [text.extent]
        if left < -0.5 or top < -0.5 or right > drawing.width + 0.5 or bottom > drawing.height + 0.5
    ]


def test_texts_that_overlap_and_texts_that_are_cut_are_found() -> None:
    texts = (Text(10, 20, "one"), Text(15, 20, "two"), Text(190, 20, "three"))
    drawing = Drawing(200, 40, texts)
    assert overlapping(drawing) == [("one", "two")]
    assert cut(drawing) == ["three"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_no_label_of_a_shipped_scenario_overlaps_or_is_cut(path: Path) -> None:
    for drawing in drawings(simulator.load(path).run()):
        assert overlapping(drawing) == [], drawing.title
        assert cut(drawing) == [], drawing.title


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_no_label_overlaps_or_is_cut_however_large_the_machine(
    size: tuple[int, int, int, str],
) -> None:
    for drawing in drawings(machine(*size)):
        assert overlapping(drawing) == [], drawing.title
        assert cut(drawing) == [], drawing.title


def test_times_stand_where_they_are_and_close_ones_do_not_overlap() -> None:
    run = simulator.loads(WEEK).run()
    for drawing in drawings(run):
        assert overlapping(drawing) == []
        assert cut(drawing) == []
    texts = {text.text: text for text in run.draw("time").drawing.texts}
    day = texts["1d"].x - texts["0s"].x
    assert texts["3d"].x - texts["0s"].x == pytest.approx(3 * day)
    assert texts["crash"].role == "error"


def test_equal_runs_give_equal_bytes() -> None:
    path = ROOT / "scenarios" / "mail" / "2018.yaml"
    once, again = (simulator.load(path).run() for _ in range(2))
    for view in View:
        assert once.draw(view).svg() == again.draw(view).svg()


def test_every_cell_of_the_mail_is_in_its_chain_at_t4() -> None:
    run = simulator.load(ROOT / "scenarios" / "mail" / "2018.yaml").run()
    letters = "".join(text.text for text in run.draw("chain", at="T4").drawing.texts if text.on)
    rows = ["AAAA", "XXXX", "DBBDD", "XXX", "XXX", "DAABBDD", "DAABBDD", "DBBDD", "DDD", "BBD"]
    assert letters == "".join(rows)


def test_a_cluster_that_the_guest_sees_is_linked_to_the_image_that_it_comes_from() -> None:
    from simulator.render.drawing import Line

    run = simulator.load(ROOT / "scenarios" / "mail" / "2018.yaml").run()
    drawing = run.draw("chain", at="T4").drawing
    links = [s for s in drawing.shapes if isinstance(s, Line) and s.thick == 2.5]
    # D A A B B D D: of the seven, the two A come from S1, which lies higher than S2.
    assert [link.role for link in links] == ["v3", "v0", "v0", "v1", "v1", "v3", "v3"]
    ends = [link.points[1][1] for link in links]
    assert len(set(ends)) == 2
    assert ends[1] == ends[2] == min(ends)


def test_images_on_both_sides_of_a_change_of_scale_are_drawn_to_one_scale() -> None:
    from simulator.render.drawing import Box

    run = simulator.loads(
        "scenario: resize\ndisk: 100\ntimeline:\n  - {at: T1, do: [create: S1]}\n"
        f"  - write: {'A' * 100}\n  - {{at: T2, do: [{{snapshot: S2}}, {{resize: 300}}]}}\n"
    ).run()
    boxes = [s for s in run.draw("chain").drawing.shapes if isinstance(s, Box) and s.row == "S1"]
    guest = [s for s in run.draw("chain").drawing.shapes if isinstance(s, Box) and "sees" in s.row]
    assert max(b.x + b.width for b in boxes) < max(b.x + b.width for b in guest) / 2


def test_a_large_disk_says_how_many_clusters_a_cell_is() -> None:
    run = simulator.loads(
        "scenario: large\ndisk: 1000000\ntimeline:\n"
        "  - at: T1\n    do: [create: {image: S1, bitmap: B1}]\n"
        "  - write: {offset: 0, length: 1 GiB, data: A}\n"
        "  - at: T2\n    do: [backup: full.bak]\n"
    ).run()
    for view in (View.CHAIN, View.FILM):
        told = " ".join(text.text for text in run.draw(view).drawing.texts)
        assert "one cell of vda is 32,768 clusters (2 GiB)" in told


def test_a_scenario_without_an_instant_is_drawn_as_such() -> None:
    run = simulator.loads("scenario: nothing\ndisk: 8\ntimeline: []\n").run()
    for view in View:
        assert write_svg(run.draw(view).drawing).startswith("<svg")
        assert cut(run.draw(view).drawing) == []


def test_two_hundred_instants_of_a_million_clusters_take_seconds() -> None:
    import time

    entries = [
        f"  - write: {{offset: {n * 7 % 900} MiB, length: 5 MiB, data: {'ABCDEF'[n % 6]}}}\n"
        f"  - at: T{n}\n    do: [checkpoint: c{n}]\n"
        for n in range(200)
    ]
    text = (
        "scenario: long\nmodel: mail-2018\ndisk: {clusters: 1000000, cluster_size: 4 KiB}\n"
        "timeline:\n  - at: start\n    do: [create: {image: S1, bitmap: B1}]\n"
    )
    run = simulator.loads(text + "".join(entries)).run()
    begun = time.process_time()
    picture: Picture = run.draw("film")
    assert len(picture.svg()) > 0
    assert time.process_time() - begun < 20
