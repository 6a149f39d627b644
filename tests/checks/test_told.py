"""What is told beside a finding: the step that is to blame, and a way out that is accepted."""

import simulator
from simulator.diagnostics import Finding


def found(model: str, steps: str) -> list[Finding]:
    text = f"scenario: s\nmodel: {model}\ndisk: 8\ntimeline:\n{steps}"
    return list(simulator.loads(text).run().findings)


def causes(finding: Finding) -> list[tuple[str | None, str]]:
    return [(each.instant, each.message) for each in finding.related]


def test_an_increment_after_a_cancelled_backup_tells_where_that_was_cancelled() -> None:
    *_, hole = found(
        "libvirt",
        """\
  - {at: T1, do: [{create: S1}]}
  - write: AAAA----
  - {at: T2, do: [{backup: {to: full.bak, checkpoint: c0, mode: pull, ends: T5}}]}
  - write: -B------
  - {at: T3, do: [{cancel: full.bak}]}
  - {at: T4, do: [{backup: {since: c0, to: inc.bak}}]}
  - {at: T5}
""",
    )
    assert (hole.code, hole.at) == ("BT203", "T4")
    assert causes(hole) == [("T3", "backup full.bak is cancelled here")]


def test_a_wrong_base_tells_where_the_increment_starts() -> None:
    (wrong,) = found(
        "libvirt",
        """\
  - {at: T1, do: [{create: S1}]}
  - write: AAAA----
  - {at: T2, do: [{backup: {to: month.full, checkpoint: c0}}]}
  - write: --BB----
  - {at: T3, do: [{delete: {checkpoint: c0}}, {backup: {to: quarter.full, checkpoint: c0}}]}
  - write: ----CC--
  - {at: T4, do: [{backup: {since: c0, to: inc.bak, onto: month.full}}]}
""",
    )
    assert (wrong.code, wrong.help) == ("BT304", "put it onto quarter.full")
    assert causes(wrong) == [
        ("T2", "month.full is taken here"),
        ("T3", "bitmap c0 of S1 begins here"),
    ]


def test_a_copy_of_an_image_that_a_commit_reached_tells_the_commit() -> None:
    wrong, *_ = found(
        "qemu",
        """\
  - {at: T1, do: [{create: base}]}
  - write: AAAA----
  - {at: T2, do: [{snapshot: mid}]}
  - write: --BB----
  - {at: T3, do: [{snapshot: top}]}
  - {at: T4, do: [{commit: {top: mid, base: base}}]}
  - at: T5
    do: [{copy: {image: base, to: base.copy}}, {restore: {from: [base.copy], of: T2}}]
""",
    )
    assert (wrong.code, wrong.message) == ("BT306", "restored is not T2")
    assert causes(wrong) == [("T4", "base is changed here")]


BY_HAND = """\
  - {at: T1, do: [{create: base}]}
  - write: AAAA----
  - {at: T2, do: [{snapshot: s1}]}
  - write: --BB----
  - {at: T3, do: [{snapshot: s2}]}
  - {at: T4, do: [{commit: {top: s1, base: base}}]}
  - {at: T5, do: [WAY]}
"""


def test_a_snapshot_on_what_was_merged_by_hand_tells_where_and_how_it_is_merged_too() -> None:
    """On 11.3 the note of s2 says s1 whatever becomes of that, so it is merged by hand, too."""
    note = "delete the host's note of s1 first: delete: {snapshot: s1, metadata: true}"
    ways = {"libvirt@9.0": note, "libvirt@11.3": "commit s2 into base by hand"}
    both = BY_HAND.replace(
        "WAY", "{delete: {snapshot: s1, metadata: true}}, {delete: {snapshot: s2}}"
    )
    for model, way in ways.items():
        (refused,) = found(model, BY_HAND.replace("WAY", "{delete: {snapshot: s2}}"))
        assert refused.code == "BT901"
        assert causes(refused) == [("T4", "image s1 is committed here, down into base")]
        assert refused.help == way
        assert (found(model, both) == []) is (way == note)
    assert found("libvirt", BY_HAND.replace("WAY", "{commit: {top: s2, base: base}}")) == []
