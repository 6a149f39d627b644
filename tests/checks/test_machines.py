"""Disks of one machine that are taken one by one, and increments that lean on the live image."""

import pytest

import simulator
from tests.checks.test_claims import FULL, codes, steps


def of_two_disks(*lines: str) -> list[str]:
    made = "{at: T1, do: [{create: {image: S1, disk: vda}}, {create: {image: U1, disk: vdb}}]}"
    first = "{at: T2, do: [{backup: {to: a, disks: [vda]}}]}"
    text = steps(made, "write: {disk: vda, cells: AA--}", first, *lines)
    head = "scenario: s\nmodel: libvirt\ndisks: {vda: 4, vdb: 4}\ntimeline:\n"
    return [finding.code for finding in simulator.loads(head + text).run().findings]


LATER = "{at: T3, do: [{backup: {to: b, disks: [vdb]}}]}"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([LATER], []),
        (["write: {disk: vda, cells: -B--}", LATER], []),  # vdb was so at T2, too.
        (["write: {disk: vdb, cells: -Q--}", LATER], []),  # vda is as it was.
        (  # Between the two, the machine was as they took it.
            [
                "write: {disk: vdb, cells: -Q--}",
                "at: T2b",
                "write: {disk: vda, cells: -B--}",
                LATER,
            ],
            [],
        ),
        (  # Other writes, and the same to see.
            ["write: {disk: vda, cells: -A--}", "zero: {disk: vdb, cells: 0---}", LATER],
            [],
        ),
        (
            ["write: {disk: vda, cells: -B--}", "write: {disk: vdb, cells: -Q--}", LATER],
            ["BT212"],
        ),
    ],
)
def test_disks_that_were_never_so_together_are_told(lines: list[str], expected: list[str]) -> None:
    assert of_two_disks(*lines) == expected


@pytest.mark.parametrize(
    ("mode", "later", "expected"),
    [
        ("push", ["write: ------CC"], ["BT206"]),
        ("pull", ["write: ------CC"], ["BT301"]),
        ("push", [], ["BT301"]),
    ],
)
def test_a_push_increment_that_is_opened_alone_shows_the_live_image(
    mode: str, later: list[str], expected: list[str]
) -> None:
    lines = steps(
        "write: AAAA----",
        "{at: T2, do: [{backup: {to: f2, checkpoint: c1}}]}",
        "write: --BB----",
        f"{{at: T3, do: [{{backup: {{since: c1, to: inc, mode: {mode}}}}}]}}",
        *later,
        "{at: T4, do: [{restore: {from: [inc], of: T3}}]}",
    )
    assert codes(f"model: libvirt\ntimeline:\n{FULL}{lines}") == expected


def test_an_image_that_had_frozen_is_of_the_time_at_which_the_other_disk_was_as_it_is_now() -> None:
    run = simulator.loads(
        "scenario: s\nmodel: nir-2018\ndisks: {vda: 4, vdb: 4}\ntimeline:\n"
        "  - {at: T1, do: [{create: {image: S1, disk: vda}}, {create: {image: U1, disk: vdb}}]}\n"
        "  - {at: T2, do: [{snapshot: {images: {vda: S2, vdb: U2}, bitmap: c2}}]}\n"
        "  - {at: T3, do: [{snapshot: {images: {vda: S3, vdb: U3}}}]}\n"
        "  - write: {disk: vda, cells: --B-}\n"
        "  - {at: T4, do: [{backup: {to: k1, disks: [vdb]}}]}\n"
        "  - {at: T5, do: [{backup: {to: k2, bitmaps: [c2], disks: [vda]}}]}\n"
    ).run()
    assert "BT212" not in [finding.code for finding in run.findings]


def test_a_bitmap_made_by_a_checkpoints_name_on_a_disk_that_it_does_not_have_is_judged() -> None:
    run = simulator.loads(
        "scenario: s\nmodel: libvirt\ndisks: {vda: 4, vdb: 4}\ntimeline:\n"
        "  - {at: T1, do: [{create: {image: S1, disk: vda}}, {create: {image: U1, disk: vdb}}]}\n"
        "  - {at: T2, do: [{backup: {to: k1, disks: [vdb], checkpoint: c0}}]}\n"
        "  - write: {disk: vda, cells: --CC}\n"
        "  - {at: T3, do: [qmp: {execute: block-dirty-bitmap-add,"
        " arguments: {node: S1, name: c0, persistent: true}}]}\n"
        "  - {at: T4, do: [{backup: {to: k2, since: c0}}]}\n"
    ).run()
    assert [(finding.code, finding.at) for finding in run.findings] == [("BT214", "T4")]
