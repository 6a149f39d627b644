"""The text of a picture has every word and every cell of it."""

import re
from collections import Counter
from pathlib import Path

import pytest

import simulator
from simulator.render.drawing import ELLIPSIS, Box, Drawing, Line, Text, columns_of
from simulator.render.text import write_text
from tests.checkout import command
from tests.render.given import SIZES, machine

SCENARIOS = Path(__file__).parents[2] / "scenarios"
MAIL = SCENARIOS / "mail" / "2018.yaml"
VIEWS = ("film", "chain", "time", "restore", "tree")


def words_of(drawing: Drawing) -> list[str]:
    """Return what must stand in the text as it is: all words but those on cells and marks."""
    return [
        text.text.replace(ELLIPSIS, "...").rstrip()
        for text in drawing.texts
        if text.on is None or text.anchor != "middle"
    ]


def rows_of(drawing: Drawing) -> list[str]:
    """Return the rows of cells, as every figure has them: boxes that touch one another."""
    rows: dict[tuple[float, float], str] = {}
    boxes = [s for s in drawing.shapes if isinstance(s, Box) and s.letters and not s.points]
    for box in sorted(boxes, key=lambda box: (box.y, box.x)):
        before = rows.pop((box.y, round(box.x, 1)), "")
        rows[box.y, round(box.x + box.width, 1)] = before + box.letters
    return [f"|{letters}|" for letters in rows.values()]


def missing(drawing: Drawing, text: str) -> list[str]:
    """Return what a drawing has and its text lacks: words side by side, from top to bottom."""
    lines, at, found = text.splitlines(), 0, []
    heights: dict[float, list[Text]] = {}
    for each in drawing.texts:
        if each.on is None or each.anchor != "middle":
            heights.setdefault(round(each.y - 0.35 * each.size, 1), []).append(each)
    for _, row in sorted(heights.items()):
        row.sort(key=lambda each: each.extent[0])
        words = [re.escape(word) for word in words_of(Drawing(0, 0, tuple(row)))]
        pattern = re.compile(".*".join(rf"(?<![^\W_]){word}(?![^\W_])" for word in words if word))
        place = next((n for n in range(at, len(lines)) if pattern.search(lines[n])), None)
        if place is None:
            found.append(" ... ".join(words))
        else:
            at = place
    return found


def unlike(drawing: Drawing, text: str) -> list[str]:
    """Return the rows of cells that a text lacks."""
    wanted = Counter(rows_of(drawing))
    return [row for row, count in wanted.items() if text.count(row) < count]


@pytest.mark.parametrize("view", VIEWS)
def test_every_word_and_cell_of_every_scenario_is_in_its_text(view: str) -> None:
    for path in sorted(SCENARIOS.glob("*/*.yaml")):
        picture = simulator.load(path).run().draw(view)
        text = picture.text()
        assert missing(picture.drawing, text) == [], path
        assert text.isascii() or not path.read_text().isascii(), path
        assert text == picture.text()
        assert not unlike(picture.drawing, text), path


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_text_of_any_size_and_of_any_names_has_it_all(size: tuple[int, int, int, str]) -> None:
    run = machine(*size)
    for view in VIEWS:
        picture = run.draw(view)
        assert missing(picture.drawing, picture.text()) == []
        assert not unlike(picture.drawing, picture.text())


def test_words_that_would_meet_are_kept_apart_and_a_missing_one_is_found() -> None:
    texts = (Text(0, 10, "one"), Text(1, 10, "two"), Text(90, 10, "three", anchor="end"))
    drawing = Drawing(100, 20, texts)
    assert write_text(drawing) == "one  two  three\n"
    assert missing(drawing, "one  two\n") == ["one ... two ... three"]
    assert missing(drawing, "two  one  three\n") != []
    picture = simulator.load(MAIL).run().draw("film")
    lines = picture.text().splitlines()
    for n, line in enumerate(lines):
        fewer = "\n".join([*lines[:n], *lines[n + 1 :]])
        spare = not line.strip(" ^!|")  # Marks below cells, and the shaft of an arrow.
        assert spare or missing(picture.drawing, fewer) or unlike(picture.drawing, fewer), line


def test_lines_turn_cross_and_end_in_arrows() -> None:
    lines = (
        Line(((5, 60), (5, 30), (60, 30), (60, 60)), arrow=True),
        Line(((30, 0), (30, 20), (40, 20), (40, 70)), "rule", arrow=True),
    )
    texts = (Text(2, 74, "a"), Text(58, 74, "b"), Text(40, 3, "c"))
    assert write_text(Drawing(80, 80, (*lines, *texts))).splitlines() == [
        "    c",
        " :..:",
        "+---+--+",
        "|   :  v",
        "    v",
        "a   : b",
    ]


def test_a_wide_character_takes_two_columns() -> None:
    cells = Box(40, 2, 24, 10, fill="v0", letters="AB")
    names = (Text(30, 10, "日本", anchor="end"), Text(30, 30, "S", anchor="end"))
    drawing = Drawing(100, 40, (cells, cells._replace(y=22), *names))
    assert write_text(drawing).splitlines() == ["日本 |AB|", "   S |AB|"]
    assert columns_of("日本") == 4


def test_a_letter_stands_below_itself_and_what_changed_has_carets() -> None:
    lines = simulator.load(MAIL).run().draw("film").text().splitlines()
    at = next(n for n, line in enumerate(lines) if line.lstrip().startswith("S2 "))
    assert lines[at].rindex("|D--BBDD-|") == lines[at + 2].rindex("|---XXX--|")
    assert lines[at + 1].rstrip().endswith("^    ^^")
    assert lines[at + 1].index("^    ^^") == lines[at].index("D--BBDD-")


def test_draw_prints_text_and_writes_it(tmp_path: Path) -> None:
    printed = command("draw", str(MAIL), "--view", "time", "-o", "-")
    path = tmp_path / "time.txt"
    assert command("draw", str(MAIL), "--view", "time", "-o", str(path)).status == 0
    assert (printed.status, printed.out) == (0, path.read_text())
    assert re.search(r"^  B1 +\|recording#+\|frozen_+\|$", printed.out, re.MULTILINE)
    for name in ("-", str(tmp_path / "a.txt")):
        refused = command("draw", str(MAIL), "--animate", "-o", name)
        assert refused.status == 2
        assert "only .svg and .gif are animated" in refused.err
