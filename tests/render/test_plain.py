"""The time view of very many jobs as text: as wide as a mail, to scale, and exact in its counts."""

import re
from itertools import pairwise

import pytest

import simulator
from simulator.render.drawing import columns_of
from simulator.render.text import write_text
from simulator.render.views.time.bars import Bar
from simulator.render.views.time.plain.columns import Columns, shorten
from tests.render.test_scale import areas, busy

OVERLAPPING = """
scenario: Sixty copies, each of which takes two days, on a disk whose image has a name of {n} signs
model: libvirt
clock: 2026-03-02T00:00:00Z
disks: {{vda: {{size: 1 MiB}}}}
timeline:
  - at: 0s
    do: [{{create: {name}}}, {{write: {{offset: 0, length: 1 MiB, data: A}}}}]
  - every: 1h
    from: 1h
    until: 60h
    do: [{{copy: {{image: {name}, to: copy<n>.bak, rate: 6 B/s}}}}]
  - at: 7d
"""


def lines_of(text: str) -> list[str]:
    """The lines of a scenario's time view."""
    return simulator.loads(text).run().draw("time").text().splitlines()


def below(lines: list[str], label: str) -> list[str]:
    """The cells of the row of a label, and of those below that have none."""
    at = next(n for n, line in enumerate(lines) if line.strip().startswith(f"{label} "))
    left = lines[at].index(re.split(r"\s{2,}", lines[at].strip())[0])
    rows = [lines[at].replace(label, " " * len(label), 1)]
    for line in lines[at + 1 :]:
        if line[: left + len(label)].strip():
            break
        rows.append(line)
    return rows


def counted(lines: list[str], label: str) -> tuple[int, int]:
    """What the digits of a row come to, and what stands behind them."""
    first, *others = below(lines, label)
    cells, total = first.rsplit(maxsplit=1)
    rows = [cells, *others]
    width = max(map(len, rows))
    columns = zip(*(row.ljust(width) for row in rows), strict=True)
    numbers = ("".join(column).replace(":", " ").strip() for column in columns)
    return sum(int(number) for number in numbers if number), int(total.replace(",", ""))


def ruler_at(line: str) -> int:
    """Where the ruler begins, which has a day behind it; -1 for other lines."""
    return line.find("0s ") if re.match(r" +0s +1d ", line) else -1


def test_the_busy_week_is_as_wide_as_a_mail_and_counts_all_its_jobs() -> None:
    text = busy().draw("time").text()
    lines = text.splitlines()
    assert text.isascii()
    assert max(map(len, lines)) == 72
    # Per disk: 168 incrementals but for the turn after the crash, which is a full one.
    assert counted(lines, "incremental") == (334, 334)
    # 42 pulls of vdb, and full.bak and that one of both disks.
    assert counted(lines, "full") == (46, 46)
    assert "380 jobs: 46 full, 334 incremental; `report` tells of each" in lines
    assert "3d6h10m: crash, start" in lines
    assert counted(lines, "BT502") == (2, 2)
    assert "BT502 many-bitmaps: 2, first at 1d8h" in lines


def test_a_column_is_as_much_time_everywhere() -> None:
    lines = busy().draw("time").text().splitlines()
    ruler = next(line for line in lines if line.startswith(" ") and "03-02" in line)
    days = [match.start() for match in re.finditer(r"03-0\d", ruler)]
    assert ruler.split() == [f"03-0{day}" for day in range(2, 10)]
    assert len(days) == 8
    assert {b - a for a, b in pairwise(days)} <= {5, 6}
    (crash,) = (m.start() for m in re.finditer("x", below(lines, "events")[0]))
    # 3d6h10m is a quarter of the way from the fourth midnight to the fifth.
    assert crash == days[3] + (days[4] - days[3]) // 4


def test_long_jobs_stand_in_lanes_with_their_names_and_those_without_a_lane_are_counted() -> None:
    lines = lines_of(OVERLAPPING.format(name="S1", n=2))
    assert max(map(len, lines)) <= 72
    at = next(n for n, line in enumerate(lines) if line.startswith("jobs "))
    lanes = lines[at + 1 : at + 25]
    assert all(re.match(r"[ :]+\|copy", lane) for lane in lanes)
    # Each of the 24 lanes has a first job, and until the last one begins, eight have ended.
    named = re.findall(r"\|(copy\d+\.bak)%+\|", "\n".join(lanes))
    assert {f"copy{n}.bak" for n in range(1, 25)} <= {*named}
    shown, told = counted(lines, "copy")
    assert shown == told == 60 - len(named)
    assert "60 jobs: 60 copy; `report` tells of each" in lines


def test_wide_characters_take_two_columns() -> None:
    name = "日本語の長い名前のイメージ"
    lines = lines_of(OVERLAPPING.format(name=name, n=13))
    assert max(map(columns_of, lines)) <= 72
    (row,) = (line for line in lines if line.startswith("日本"))
    assert columns_of(row[: row.index("|")]) == next(n for n in map(ruler_at, lines) if n >= 0)


def test_of_few_jobs_every_word_stays() -> None:
    few = OVERLAPPING.format(name="S1", n=2).replace("until: 60h", "until: 40h")
    picture = simulator.loads(few).run().draw("time")
    assert picture.text() == write_text(picture.drawing)


def test_what_is_there_only_for_jobs_is_one_row_as_high_as_most_of_it_at_once() -> None:
    drawing = busy().draw("time").drawing
    labels = [text.text for text in drawing.texts if text.text.strip().startswith("backup-inc")]
    assert len(labels) == 2
    (one, other) = {area.base for area in areas(drawing, "busy")}
    assert one != other
    for base in (one, other):
        there = [area for area in areas(drawing, "busy") if area.base == base]
        assert max(area.highest(-1, 1e9) for area in there) == 8.0


def test_bars_are_drawn_where_they_begin_and_end() -> None:
    columns = Columns(left=4, wide=10, behind=0, end=100.0)
    bars = [
        Bar(0, 50, "info", "it"),
        Bar(50, 79, "rule"),
        Bar(60, 61, "error"),
        Bar(95, 95, "", "x"),
    ]
    assert "".join(columns.bars(bars)) == "|it=||/| x"
    assert [*columns.counts("n", [0, 9.9, *[55.0] * 12])] == [
        "n         1     14",
        "     2    2",
    ]


@pytest.mark.parametrize(
    ("text", "columns", "short"),
    [("inc1.bak", 8, "inc1.bak"), ("inc1.bak", 7, "in...ak"), ("日本日本", 7, "日...本")],
)
def test_a_name_loses_its_middle(text: str, columns: int, short: str) -> None:
    assert shorten(text, columns) == short
