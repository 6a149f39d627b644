"""The load view: flows to scale, what is stored, and what would be lost."""

import pytest

import simulator
from simulator.measures.loss import find_loss
from simulator.render.drawing import Area, Box, Drawing, Line
from simulator.render.views.time.axis import axis_of
from tests.checkout import ROOT
from tests.render.test_page import page_of
from tests.render.test_scale import busy
from tests.render.test_views import cut, overlapping

SHARED = """
scenario: Two jobs share a net
model: libvirt
disks: {a: 8, b: 8}
resources: {net: 128 KiB/s, repo: {bandwidth: 2 MiB/s, capacity: 1 MiB}}
timeline:
  - at: 0s
    do:
      - {create: {image: S, disk: a}}
      - {create: {image: U, disk: b}}
      - {write: {disk: a, cells: AAAAAAAA}}
      - {write: {disk: b, cells: BBBB----}}
  - at: 10s
    do: [{backup: {to: one, disks: [a], through: [net, repo]}}]
  - at: 12s
    do: [{copy: {image: U, to: two, through: [net]}}]
  - {at: 100s}
"""
"""Alone, one would take 4 s; two begins after half of that, and both then have 64 KiB/s for 4 s."""


def areas(drawing: Drawing, words: str) -> list[Area]:
    """The areas whose title has some words."""
    return [each for each in drawing.shapes if isinstance(each, Area) and words in each.title]


def surface(area: Area) -> float:
    """How large an area is, where its line has only steps."""
    pairs = zip(area.top[::2], area.top[1::2], strict=True)
    return sum((end - start) * (area.base - y) for (start, y), (end, _) in pairs)


def test_an_area_is_bytes_and_what_is_stacked_stands_on_what_began_before() -> None:
    run = simulator.loads(SHARED).run()
    drawing = run.draw("load").drawing
    net = areas(drawing, "128 KiB/s") + areas(drawing, "64 KiB/s")
    base = min(area.base for area in net)
    alone, two, both = (area for area in net if area.base == base)
    scale = axis_of(run.timeline).scale
    assert scale is not None
    second = scale.unit * 10**9
    assert surface(alone) == pytest.approx(2 * second * 72)
    assert surface(both) == pytest.approx(4 * second * 36)
    # The second job is as high as the first one, and stands on it.
    assert surface(two) == pytest.approx(4 * second * 72)
    assert [area.fill for area in (alone, both, two)] == ["v4", "v4", "v3"]


def test_the_limits_of_a_resource_are_lines() -> None:
    picture = simulator.loads(SHARED).run().draw("load")
    tops = [area.base - 72 for area in areas(picture.drawing, "")]
    lines = [s for s in picture.drawing.shapes if isinstance(s, Line) and s.role == "changed"]
    heights = {a[1] for a, b in (line.points for line in lines) if b[0] - a[0] > 100}
    # Of the net, and of what is stored; what the repository can carry is far above.
    assert len(heights) == 2
    assert min(heights) in tops
    assert "at most 128 KiB/s of 2 MiB/s" in picture.text()
    assert "at most 512 KiB of 1 MiB" in picture.text()


def test_what_is_stored_grows_as_it_is_written_and_falls_when_it_is_deleted() -> None:
    run = simulator.loads(
        SHARED.replace(
            "  - {at: 100s}", "  - {at: 50s, do: [{delete: {backup: one}}]}\n  - {at: 1m}"
        )
    ).run()
    (stored,) = areas(run.draw("load").drawing, "stored in repo")
    assert stored.title == "stored in repo: 0 B at the end"
    assert stored.highest(-1, 1e9) == pytest.approx(36)
    assert stored.top[-1][1] == stored.base


def test_the_worst_loss_is_named_with_what_can_be_restored_then() -> None:
    run = simulator.load(ROOT / "scenarios" / "timed" / "crash-in-the-window.yaml").run()
    picture = run.draw("load")
    loss = find_loss(run.timeline)
    assert loss.worst_at is not None
    scale = axis_of(run.timeline).scale
    assert scale is not None
    words = f"at {scale.tell(loss.worst_at)}: "
    (told,) = (text for text in picture.drawing.texts if words in text.text)
    assert "is the newest that can be restored" in told.text
    (mark,) = (s for s in picture.drawing.shapes if isinstance(s, Box) and s.title == told.text)
    (saw,) = areas(picture.drawing, "would be lost")
    assert mark.y + 3 == min(y for _, y in saw.top)
    assert told.text in picture.text()


def test_where_nothing_can_be_restored_that_is_said() -> None:
    run = simulator.loads(
        "scenario: none\nmodel: libvirt\ndisk: 8\ntimeline:\n"
        "  - {at: 0s, do: [{create: S1}, {write: AAAAAAAA}]}\n  - {at: 1h}\n"
    ).run()
    assert "nothing can be restored" in run.draw("load").text()


def test_named_instants_have_no_load() -> None:
    run = simulator.load(ROOT / "scenarios" / "mail" / "2018.yaml").run()
    assert "there is no load to draw" in run.draw("load").text()


def test_a_busy_week_is_legible_and_no_word_of_it_is_lost_as_text() -> None:
    picture = busy().draw("load")
    assert overlapping(picture.drawing) == []
    assert cut(picture.drawing) == []
    lines = picture.text()
    words = [text.text.replace("\u2026", "...") for text in picture.drawing.texts]
    assert [word for word in words if word.strip() not in lines] == []
    # A flow of seconds in a week is seen.
    thin = areas(picture.drawing, "inc7.bak: incremental of vda")
    assert [round(area.top[-1][0] - area.top[0][0], 6) for area in thin] == [1.0] * 3


def test_a_backup_under_way_is_not_stored_yet() -> None:
    run = simulator.load(ROOT / "scenarios" / "timed" / "night.yaml").run()
    (stored,) = areas(run.draw("load").drawing, "stored: ")
    first = next(x for x, y in stored.top if y < stored.base)
    ended = min(move.end for move in run.timeline.moves if move.end is not None)
    left = stored.top[0][0] - axis_of(run.timeline).places[0]
    assert first == pytest.approx(left + axis_of(run.timeline).at(ended))


def test_equal_timed_runs_give_equal_bytes() -> None:
    once, again = (simulator.loads(SHARED).run() for _ in range(2))
    for view in ("time", "load"):
        assert once.draw(view).svg() == again.draw(view).svg()
        assert once.draw(view).text() == again.draw(view).text()
    assert page_of(once) == page_of(again)


OUTAGES = """
scenario: A machine that is off, crashes, and outlives its guest for a job
model: libvirt
host: {libvirt: 12.8, qemu: 11.1}
disk: 8
resources: {net: 64 KiB/s}
timeline:
  - at: 0s
    do: [{create: S1}, {write: AAAAAAAA}]
  - {at: 10s, do: [shutdown]}
  - {at: 15s}
  - {at: 20s, do: [start]}
  - {at: 30s, do: [crash]}
  - {at: 40s, do: [start, {backup: {to: full.bak, through: net, preserve-domain: true}}]}
  - {at: 44s, do: [shutdown]}
  - {at: 60s, do: [start]}
  - {at: 100s}
"""


def test_both_views_along_time_shade_the_same_stretches_and_say_why() -> None:
    run = simulator.loads(OUTAGES).run()
    scale = axis_of(run.timeline).scale
    assert scale is not None
    # The job has 8 s to go from 40 s on; then its machine is off.
    wanted = [
        (10, 20, "machine off"),
        (30, 40, "crashed"),
        (44, 48, "shutting down"),
        (48, 60, "machine off"),
    ]
    for view in ("time", "load"):
        drawing = run.draw(view).drawing
        shades = [s for s in drawing.shapes if isinstance(s, Box) and s.fill == "band"]
        left = shades[0].x - scale.x(10 * 10**9)
        for shade, (start, end, why) in zip(shades, wanted, strict=True):
            assert shade.title == why
            assert shade.x == pytest.approx(left + scale.x(start * 10**9))
            assert shade.x + shade.width == pytest.approx(left + scale.x(end * 10**9))
