"""The time view to true scale: what is left out, what is folded, and what keeps its name."""

from functools import cache

import pytest

import simulator
from simulator.pipeline import Run
from simulator.render.drawing import Area, Box, Drawing
from simulator.render.text import write_text
from simulator.render.views.time.axis import axis_of
from tests.checkout import ROOT
from tests.render.test_views import cut, overlapping

BUSY = """
scenario: A busy week of one machine
model: libvirt
seed: 7
clock: 2026-03-02T00:00:00Z
disks: {vda: {size: 64 GiB}, vdb: {size: 16 GiB}}
resources: {pool: 2 GiB/s, net: 1 GiB/s, repo: {bandwidth: 400 MiB/s, capacity: 20 TiB}}
timeline:
  - at: 0s
    do:
      - {create: {image: S1, disk: vda}}
      - {create: {image: U1, disk: vdb}}
      - {write: {disk: vda, offset: 0, length: 20 GiB, data: A}}
      - {write: {disk: vdb, offset: 0, length: 4 GiB, data: B}}
      - backup: {to: full.bak, checkpoint: c0, rate: 400 MiB/s, through: [pool, net, repo]}
  - guest: {until: 7d, disk: vda, workload: zipf, writes: 100/h, region: [0, 20 GiB]}
  - every: 1h
    from: 1h
    until: 7d
    do:
      - backup:
          since: c<n-1>
          to: inc<n>.bak
          checkpoint: c<n>
          rate: 100 MiB/s
          through: [pool, net, repo]
        else: {backup: {to: full<n>.bak, checkpoint: c<n>, rate: 400 MiB/s}}
  - cron: 30 2,6,10,14,18,22 * * *
    until: 7d
    do:
      - backup: {to: night-<n>.bak, disks: [vdb], mode: pull, rate: 200 MiB/s, through: [pool, net]}
  - guest: {until: 7d, disk: vdb, workload: uniform, writes: 200/h, region: [0, 4 GiB]}
  - at: 3d6h10m
    do: [crash, start]
"""
"""Two hundred jobs, and a crash."""

SOON = """
scenario: Seconds, and then an hour later
model: libvirt
disk: 8
timeline:
  - {at: 0s, do: [create: S1]}
  - {at: 4s, do: [checkpoint: a]}
  - {at: 12s, do: [checkpoint: b]}
  - {at: 1h, do: [checkpoint: c]}
"""

RATES = """
scenario: Two jobs, one of them half as fast
model: libvirt
disk: 8
resources: {net: 128 KiB/s}
timeline:
  - {at: 0s, do: [{create: S1}, {write: AAAAAAAA}]}
  - {at: 1s, do: [{backup: {to: fast.bak, through: net}}]}
  - {at: 20s, do: [{backup: {to: slow.bak, rate: 64 KiB/s, through: net}}]}
  - {at: 40s}
"""

PULL = """
scenario: A pull whose client is slow
model: libvirt
disk: 8
timeline:
  - {at: 0s, do: [{create: S1}, {write: AAAAAAAA}]}
  - {at: 10s, do: [{backup: {to: pulled.bak, mode: pull, rate: 64 KiB/s}}]}
  - write: -----BBB
  - {at: 12s}
  - {at: 30s}
"""


@cache
def busy() -> Run:
    """The busy week, played once."""
    return simulator.loads(BUSY).run()


def areas(drawing: Drawing, role: str) -> list[Area]:
    """The areas of a role."""
    return [each for each in drawing.shapes if isinstance(each, Area) and each.fill == role]


def test_two_hundred_jobs_in_a_week_each_have_their_name() -> None:
    run = busy()
    assert len({move.name for move in run.timeline.moves}) > 200
    drawing = run.draw("time").drawing
    words = {text.text.partition("/")[0] for text in drawing.texts}
    assert {f"night-{n}.bak" for n in range(1, 43)} <= words
    assert {f"inc{n}.bak" for n in range(1, 169) if n != 79} <= words
    assert overlapping(drawing) == []
    assert cut(drawing) == []
    assert drawing.height < 1600


def test_a_hundred_and_twenty_checkpoints_are_a_few_rows_that_name_them() -> None:
    run = simulator.loads(
        "scenario: many\nmodel: libvirt\ndisk: 8\ntimeline:\n  - {at: 0s, do: [create: S1]}\n"
        "  - {every: 1h, from: 1h, until: 120h, do: [checkpoint: c<n>]}\n"
    ).run()
    picture = run.draw("time")
    rows = [text.text for text in picture.drawing.texts if "\u2026" in text.text]
    assert rows[0] == "  c1 \u2026 c5"
    assert rows[-1] == "  c116 \u2026 c120"
    assert len(rows) == 24
    # The first of five is there for an hour before the second one begins.
    heights = [area.highest(-1, 1e9) for area in areas(picture.drawing, "dirty4")]
    assert heights == [8.0] * 24
    first = areas(picture.drawing, "dirty4")[0]
    steps = dict.fromkeys(round((first.base - y) / 8, 1) for _, y in first.top)
    assert list(steps) == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert "c116 ... c120" in picture.text()


def test_time_in_which_nothing_happens_for_long_is_left_out_and_the_rest_is_to_scale() -> None:
    run = simulator.loads(SOON).run()
    picture = run.draw("time")
    assert "~59m45s~" in picture.text()
    places = axis_of(run.timeline).places
    second = (places[1] - places[0]) / 4
    assert places[2] - places[1] == pytest.approx(8 * second)
    assert places[3] - places[2] < 8 * second
    names = [text.text for text in picture.drawing.texts if text.bold]
    assert names[1:] == ["0s", "4s", "12s", "1h"]


def test_a_week_of_days_is_not_broken() -> None:
    scale = axis_of(busy().timeline).scale
    assert scale is not None
    assert list(scale.breaks) == []
    assert scale.x(2 * 10**9) - scale.x(10**9) == pytest.approx(scale.unit * 10**9)


def test_a_job_is_as_high_as_it_is_fast() -> None:
    drawing = simulator.loads(RATES).run().draw("time").drawing
    fast, slow = areas(drawing, "backup")
    assert fast.highest(-1, 1e9) == 13
    assert slow.highest(-1, 1e9) == 6.5
    assert "the fastest job has 128 KiB/s" in drawing.texts[1].text
    # 512 KiB take 4 s at 128 KiB/s, and 8 s at 64 KiB/s.
    lengths = [area.top[-1][0] - area.top[0][0] for area in (fast, slow)]
    assert lengths[1] == pytest.approx(2 * lengths[0])
    assert slow.title == "slow.bak: full; 512 KiB in 8s, at most 64 KiB/s"


def test_the_scratch_stands_below_and_says_how_much_it_held() -> None:
    picture = simulator.loads(PULL).run().draw("time")
    (scratch,) = areas(picture.drawing, "mixed")
    assert "192 KiB at most" in picture.text()
    assert scratch.highest(-1, 1e9) == 34
    # It is empty again when the client has read all, 8 s after it began.
    end = next(x for x, y in reversed(scratch.top) if y < scratch.base)
    job = areas(picture.drawing, "backup")[0]
    assert end == pytest.approx(job.top[-1][0])


def test_a_guest_whose_file_systems_are_frozen_says_so_until_the_thaw() -> None:
    run = simulator.load(ROOT / "scenarios" / "timed" / "freeze.yaml").run()
    picture = run.draw("time")
    (frozen,) = (s for s in picture.drawing.shapes if isinstance(s, Box) and "thaw" in s.title)
    places = {text.text: text.x for text in picture.drawing.texts if text.bold}
    assert frozen.x == places["10s"]
    assert frozen.x + frozen.width == pytest.approx(places["15s"])
    assert "|frozen" in picture.text()


def test_each_rule_that_found_something_has_a_row_of_marks() -> None:
    drawing = busy().draw("time").drawing
    label = next(text for text in drawing.texts if text.text.startswith("BT502"))
    marks = [
        shape
        for shape in drawing.shapes
        if isinstance(shape, Box) and shape.title.startswith("BT502 many-bitmaps: ")
    ]
    assert label.role == "info"
    assert [mark.fill for mark in marks] == ["info"]


def test_no_word_of_the_drawing_of_a_busy_week_is_lost_as_text() -> None:
    drawing = busy().draw("time").drawing
    lines = write_text(drawing)
    words = [text.text.replace("\u2026", "...") for text in drawing.texts]
    assert [word for word in words if word.strip() not in lines] == []
