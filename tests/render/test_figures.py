"""Figures of many rows: those that are as before are left out, and a note says so."""

import html
import re

import simulator
from simulator.render.page import write_page
from simulator.render.rows import DISKS_MAX, ROWS_MAX

CHECKPOINTS = 2 * ROWS_MAX


def checkpoints(count: int, *, disk: str = "8") -> str:
    """Return a scenario: a full backup, and an incremental with a checkpoint after each write."""
    steps = "".join(
        f"  - write: {{offset: {number % 8 * 64} KiB, length: 64 KiB, data: A}}\n"
        f"  - at: T{number}\n    do:\n"
        f"      - backup: {{to: i{number}.bak, since: c{number - 1}, checkpoint: c{number}}}\n"
        for number in range(1, count + 1)
    )
    return (
        f"scenario: many\nmodel: libvirt\ndisk: {disk}\ntimeline:\n"
        "  - at: T0\n    do: [create: S1, backup: {to: full.bak, checkpoint: c0}]\n" + steps
    )


def block_of(text: str, label: str) -> list[str]:
    """Return the lines of the figure of one instant, without its first."""
    block = next(each for each in text.split("\n\n") if each.startswith(f"{label}  "))
    return block.splitlines()[1:]


def test_a_bitmap_that_did_not_change_is_left_out_where_there_are_many() -> None:
    run = simulator.loads(checkpoints(CHECKPOINTS)).run()
    last = block_of(run.text(), f"T{CHECKPOINTS}")
    assert last[:3] == [
        "S1:  |AAAAAAAA|",
        f"({CHECKPOINTS - 8} bitmaps as before)",
        f"c{CHECKPOINTS - 8}: |XXXXXXXX|+",
    ]
    assert last[-2:] == [f"c{CHECKPOINTS}: |--------|+", "guest sees: |AAAAAAAA|"]


def test_all_rows_are_the_same_as_those_of_each_instant_alone() -> None:
    for disk in ("8", "1 TiB"):
        run = simulator.loads(checkpoints(CHECKPOINTS, disk=disk)).run()
        told = run.text(whole=True)
        for label in run.labels:
            assert block_of(told, label) == run.at(label).figure().splitlines()


def test_what_is_left_out_is_as_it_was_when_it_was_drawn_last() -> None:
    run = simulator.loads(checkpoints(CHECKPOINTS)).run()
    drawn: dict[str, str] = {}
    for label in run.labels:
        folded = block_of(run.text(), label)
        whole = run.at(label).figure().splitlines()
        drawn |= {line.split(":")[0]: line for line in folded if not line.startswith("(")}
        assert {line.split(":")[0]: "".join(line.split()) for line in whole} == {
            name: "".join(line.split()) for name, line in drawn.items()
        }


def test_images_that_did_not_change_are_left_out_with_their_bitmaps() -> None:
    steps = "".join(f"  - at: T{n}\n    do: [snapshot: S{n}]\n" for n in range(1, ROWS_MAX + 2))
    text = (
        "scenario: many\nmodel: qemu\ndisk: 8\ntimeline:\n"
        f"  - at: T0\n    do: [create: S0]\n{steps}"
        "  - write: A-------\n  - at: end\n    do: [crash]\n"
    )
    run = simulator.loads(text).run()
    last = ROWS_MAX + 1
    assert block_of(run.text(), "end") == [
        f"(S0 to S{last - 1} as before) <- S{last}: |A-------|",
        "guest sees: |A-------|",
        "(crashed)",
    ]


def test_disks_that_did_not_change_are_left_out_where_there_are_many() -> None:
    names = [f"d{number}" for number in range(DISKS_MAX + 1)]
    created = ", ".join(f"create: {{disk: {name}, image: {name}-1}}" for name in names)
    text = (
        f"scenario: many\nmodel: qemu\ndisks: {{{', '.join(f'{name}: 8' for name in names)}}}\n"
        f"timeline:\n  - at: T0\n    do: [{created}]\n"
        "  - write: {disk: d3, cells: A-------}\n"
        "  - at: T1\n    do: [snapshot: {images: {d3: d3-2}}]\n"
    )
    run = simulator.loads(text).run()
    assert run.text().split("\n\n")[-3:-1] == [
        "T1  snapshot d3-2\nd3-1: |A-------| <- d3-2: |--------|\nguest sees d3: |A-------|",
        f"({DISKS_MAX} disks as before)",
    ]


def test_a_film_and_a_page_leave_out_what_the_text_leaves_out() -> None:
    run = simulator.loads(checkpoints(CHECKPOINTS)).run()
    film = [text.text for text in run.draw("film").drawing.texts]
    assert any(re.fullmatch(r"\(\d+ rows as before\)", text) for text in film)
    assert film.count("c0") < [
        text.text for text in run.draw("film", whole=True).drawing.texts
    ].count("c0")
    page = write_page(run.timeline, run.findings)
    whole = write_page(run.timeline, run.findings, whole=True)
    last, last_whole = (each.rpartition("<section")[2] for each in (page, whole))
    assert f"({CHECKPOINTS - 8} bitmaps as before)" in last
    assert ">c0</text>" not in last
    assert "as before" not in last_whole
    assert ">c0</text>" in last_whole


def test_a_page_says_how_much_a_cell_is_and_what_its_mark_means() -> None:
    run = simulator.loads(checkpoints(1, disk="1 TiB")).run()
    told = html.unescape(write_page(run.timeline, run.findings))
    assert "one cell of vda is 524,288 clusters (32 GiB); * is several versions" in told


def test_the_scale_of_many_disks_is_told_once_where_it_is_one() -> None:
    text = "scenario: s\ndisks: {a: 1 TiB, b: 1 TiB, c: %s}\ntimeline:\n  - at: T1\n    do: []\n"
    equal = simulator.loads(text % "1 TiB").run().text()
    assert equal.count("one cell") == 1
    assert "one cell is 524,288 clusters (32 GiB)" in equal
    other = simulator.loads(text % "2 TiB").run().text()
    assert other.count("one cell of") == 3


def test_a_job_that_has_moved_all_tells_since_when_it_has() -> None:
    run = simulator.loads(
        "scenario: s\ndisk: 8\ntimeline:\n"
        "  - {at: 0s, do: [{create: S1}, {write: AAAA----}]}\n"
        "  - {at: 10s, do: [{backup: {to: a.bak, mode: pull, rate: 64 KiB/s, ends: +30m}}]}\n"
        "  - {at: 11s}\n  - {at: 14s}\n  - {at: 20m}\n"
    ).run()
    assert re.findall("a.bak under way: .*", run.text()) == [
        "a.bak under way: 0 of 256 KiB at 64 KiB/s, until 14s",
        "a.bak under way: 64 of 256 KiB at 64 KiB/s, until 14s",
        "a.bak under way: 256 of 256 KiB, since 14s",
        "a.bak under way: 256 of 256 KiB, since 14s",
    ]
