"""Backups through bitmaps that had stopped before, and copies under a running guest."""

import pytest

import simulator
from simulator.diagnostics import Finding
from simulator.restorable.history import history_of


def found(model: str, steps: str) -> list[Finding]:
    text = f"scenario: s\nmodel: {model}\ndisk: 8\ntimeline:\n{steps}"
    return list(simulator.loads(text).run().findings)


FULL = "  - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}\n"


def test_a_bitmap_stopped_where_its_overlay_was_made_although_nobody_wrote_before() -> None:
    *_, late = found(
        "nir-2018",
        FULL
        + """\
  - {at: T2}
  - {at: T3, do: [{snapshot: S2}]}
  - write: --B-----
  - {at: T4, do: [{backup: {since: c0, to: inc.bak}}]}
""",
    )
    assert (late.code, late.at) == ("BT201", "T4")
    assert late.message == "backup inc.bak lacks what the guest wrote after T3"
    assert late.label == "c0 stopped recording at T3"
    assert [each.instant for each in late.related] == ["T3"]


def test_an_overlay_that_took_the_writes_from_a_recording_bitmap_is_to_blame() -> None:
    *_, lucky = found(
        "nir-2018",
        """\
  - {at: T1, do: [{create: {image: S1, bitmap: c0}}]}
  - write: A-------
  - at: T2
    do: [{qmp: {execute: block-dirty-bitmap-disable, arguments: {node: S1, name: c0}}}]
  - write: -B------
  - {at: T3, do: [{snapshot: {image: S2, bitmap: c1}}, {snapshot: {image: S3, outside: true}}]}
  - write: A0------
  - {at: T4, do: [{backup: {since: c0, to: inc.bak}}]}
""",
    )
    assert (lucky.code, lucky.label) == (
        "BT202",
        "c0 and c1 saw no write after T3: an overlay took them",
    )


@pytest.mark.parametrize("lasts", ["", ", ends: T5"])
def test_the_bitmap_of_a_running_job_is_nobodys_to_read(lasts: str) -> None:
    """A job that lasts has a bitmap of its own, with what it copies."""
    (lucky,) = found(
        "libvirt",
        FULL
        + f"""\
  - write: AA------
  - at: T2
    do:
      - backup: {{to: inc.bak, since: c0, checkpoint: c1}}
      - qmp: {{execute: block-dirty-bitmap-disable, arguments: {{node: S1, name: c0}}}}
  - write: --BB----
  - {{at: T3, do: [{{backup: {{to: next.bak, since: c1{lasts}}}}}]}}
  - at: T4
    do:
      - qmp:
          execute: blockdev-backup
          arguments: {{device: S1, target: late.bak, sync: bitmap, bitmap: c0,
                      bitmap-mode: never}}
  - {{at: T5}}
""",
    )
    assert lucky.code == "BT202"
    left_out = [note for note in lucky.notes if note.startswith("left out")]
    assert left_out == ["left out, c1:     |--XX----|"]
    assert lucky.help == (
        "copy c0 in the step that creates c1, or copy the merge of c0, c1 and call it T4"
    )


def test_bitmaps_of_a_lower_image_merge_to_what_it_froze_and_not_to_now() -> None:
    hole, lucky = found(
        "nir-2018",
        """\
  - {at: T1, do: [{create: {image: S1, bitmap: B1}}, {backup: {to: full.bak}}]}
  - write: A-------
  - {at: T2, do: [{checkpoint: B2}]}
  - write: -BBB----
  - {at: T3, do: [{checkpoint: B3}]}
  - write: ----C---
  - {at: T4, do: [{snapshot: {image: S2, bitmap: B4}}]}
  - write: D-------
  - at: T5
    do:
      - backup: {bitmaps: [B1, B3], to: hole.bak}
      - backup: {bitmaps: [B1], to: alone.bak}
      - backup: {bitmaps: [B1, B2, B3], to: whole.bak}
""",
    )
    assert (hole.code, lucky.code) == ("BT214", "BT202")
    assert hole.help == "copy the merge of B1, B2, B3 and call it T4"
    assert lucky.help.endswith("or copy the merge of B1, B2, B3 and call it T4")


COPIES = """\
  - {at: T1, do: [{create: S1}]}
  - write: AAAA----
  - at: T2
    do: [{snapshot: S2}, {copy: {image: S1, to: S1.bak}}]
WRITE
  - at: T3
    do: [{copy: {image: S2, to: S2.bak}}, {restore: {from: [S1.bak, S2.bak], of: T3}}]
"""


def test_a_copy_of_an_image_that_holds_nothing_is_not_torn() -> None:
    assert found("libvirt", COPIES.replace("WRITE\n", "")) == []


@pytest.mark.parametrize("write", ["  - write: --BB----", "  - zero: --00----"])
def test_a_copy_of_one_that_holds_anything_is_and_it_is_told_what(write: str) -> None:
    torn, *_ = found("libvirt", COPIES.replace("WRITE", write))
    assert torn.code == "BT205"
    assert torn.notes == ("clusters 2-3 of S2 may be torn or missing",)


def test_no_stack_is_told_with_a_torn_copy() -> None:
    text = f"scenario: s\nmodel: libvirt\ndisk: 8\ntimeline:\n{COPIES}"
    run = simulator.loads(text.replace("WRITE", "  - write: --BB----")).run()
    assert history_of(run.timeline).at_end().told("T3") is None


@pytest.mark.parametrize(
    ("job", "image", "word"),
    [
        ("commit: {top: S2, base: S1, ends: T5}", "S1", "committed"),
        ("pull: {into: S2, ends: T5}", "S2", "pulled"),
    ],
)
def test_a_copy_of_what_a_job_writes_into_may_be_torn(job: str, image: str, word: str) -> None:
    """Whether it takes time or not: nobody says how far the job is."""
    (torn,) = found(
        "libvirt",
        f"""\
  - {{at: T1, do: [{{create: S1}}, {{write: AAAA----}}, {{snapshot: S2}}]}}
  - write: --BB----
  - {{at: T2, do: [{{snapshot: S3}}]}}
  - {{at: T3, do: [{{{job}}}]}}
  - {{at: T4, do: [{{copy: {{image: {image}, to: i.bak}}}}]}}
  - {{at: T5}}
""",
    )
    assert torn.code == "BT205"
    assert torn.message == f"copy i.bak is read while data is {word} into {image}"
    assert torn.label == f"{image} is written while it is copied"
    assert torn.help == f"copy {image} when nothing writes it, or take a backup"
