"""What a backup is put onto is a claim, and is judged when the backup is made."""

import pytest

from tests.checks.test_claims import FULL, clear, codes, found, steps

RESTARTED = steps(
    "write: --BB----",
    "{at: T2, do: [{delete: {checkpoint: c0}}, {backup: {to: quarter.full, checkpoint: c0}}]}",
    "write: ----CC--",
    "{at: T3, do: [{backup: {since: c0, to: inc.bak, onto: full.bak}}]}",
)


def test_a_wrong_base_is_told_at_the_backup_with_the_one_on_which_it_is_right() -> None:
    (wrong,) = found(f"model: libvirt\ntimeline:\n{FULL}{RESTARTED}")
    assert (wrong.code, wrong.at) == ("BT304", "T3")
    assert wrong.help == "put it onto quarter.full"
    assert [each.instant for each in wrong.related] == ["T1", "T2"]


def test_where_no_base_is_left_the_help_says_so() -> None:
    lost = "  - {at: T2b, do: [{delete: {backup: quarter.full}}]}\n  - write: ----CC"
    gone = RESTARTED.replace("  - write: ----CC", lost)
    wrong = found(f"model: libvirt\ntimeline:\n{FULL}{gone}")[-1]
    assert wrong.code == "BT304"
    assert wrong.help == "take a full backup: no backup that is left lies below inc.bak"


@pytest.mark.parametrize(("onto", "expected"), [("inc1", []), ("full.bak", ["BT304"])])
def test_an_increment_goes_onto_the_one_before_it(onto: str, expected: list[str]) -> None:
    lines = steps(
        "write: --BB----",
        "{at: T2, do: [{backup: {since: c0, to: inc1, checkpoint: c1, onto: full.bak}}]}",
        "write: ----CC--",
        f"{{at: T3, do: [{{backup: {{since: c1, to: inc2, onto: {onto}}}}}]}}",
    )
    assert codes(f"model: libvirt\ntimeline:\n{FULL}{lines}") == expected


def test_a_differential_may_lie_on_the_one_before_it_as_well() -> None:
    lines = steps(
        "write: --BB----",
        "{at: T2, do: [{backup: {since: c0, to: d1, onto: full.bak}}]}",
        "write: ----CC--",
        "{at: T3, do: [{backup: {since: c0, to: d2, onto: d1}}]}",
    )
    assert codes(f"model: libvirt\ntimeline:\n{FULL}{lines}") == []


def test_a_second_consumer_of_one_bitmap_is_told_of_the_first() -> None:
    lines = steps(
        "write: A-------",
        "{at: T2, do: [{backup: {since: c0, to: i1, onto: full.bak}}]}",
        "write: -B------",
        "{at: T3, do: [{backup: {since: c0, to: i2, onto: full.bak}}]}",
    )
    (shared,) = found(f"model: qemu-single\ntimeline:\n{FULL}{lines}")
    assert (shared.code, shared.at) == ("BT204", "T3")
    assert shared.help == "put it onto i1; give each consumer a bitmap of its own"


def test_what_an_increment_lacks_anyway_is_told_once() -> None:
    lines = steps(
        "write: A-------",
        f"{{at: T2, do: [{clear('clear')}]}}",
        "{at: T3, do: [{backup: {since: c0, to: inc, onto: full.bak}}]}",
    )
    assert codes(f"model: libvirt\ntimeline:\n{FULL}{lines}") == ["BT215", "BT214"]


def test_a_job_that_copied_nothing_is_not_to_blame_for_a_wrong_base() -> None:
    lines = steps(
        "write: ----AA--",
        "{at: T2, do: [{backup: {to: f2, checkpoint: mine}}]}",
        "{at: T3, do: [{backup: {since: mine, to: i1}}]}",
        "{at: T4, do: [{backup: {since: mine, to: i2, onto: full.bak}}]}",
    )
    assert codes(f"model: qemu-single\ntimeline:\n{FULL}{lines}") == ["BT304"]


def test_a_checkpoint_that_is_begun_anew_later_says_nothing_of_earlier_backups() -> None:
    lines = steps(
        "write: A-------",
        "{at: T2, do: [{backup: {since: c0, to: i1}}]}",
        "write: -B------",
        "{at: T3, do: [{backup: {since: c0, to: i2}}]}",
        "write: --C-----",
        "{at: T4, do: [{backup: {to: f2, checkpoint: c0, fails: T5}}]}",
        "{at: T5}",
    )
    assert "BT203" not in codes(f"model: qemu-single\ntimeline:\n{FULL}{lines}")


def test_a_bitmap_that_is_read_from_its_own_image_knows_nothing_of_the_overlay() -> None:
    lines = steps(
        "write: --CCC---",
        "{at: T2, do: [{snapshot: S2}]}",
        "write: ---A----",
        "{at: T3, do: [{backup: {since: c0, to: inc}}]}",
    )
    overlay, late = found(f"model: nir-2018\ntimeline:\n{FULL}{lines}")
    assert [(each.code, each.at) for each in (overlay, late)] == [("BT107", "T2"), ("BT201", "T3")]
    assert late.message == "backup inc lacks what the guest wrote after T2"
