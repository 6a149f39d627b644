"""What costs more than it must, and what is right and larger than it must be."""

import pytest

from tests.checks.test_claims import FULL, codes, found, steps


def test_of_data_that_is_written_again_it_is_told_how_much_is_copied_needlessly() -> None:
    lines = steps("write: AAAA----", "{at: T2, do: [{backup: {to: f2, checkpoint: c1}}]}")
    again = steps("write: AAAB----", "{at: T3, do: [{backup: {since: c1, to: inc}}]}")
    (needless,) = found(f"model: libvirt\ntimeline:\n{FULL}{lines}{again}")
    assert (needless.code, needless.severity) == ("BT501", "info")
    assert needless.message == "inc copies 3 of 4 clusters needlessly"


def test_a_full_backup_of_what_is_there_already_is_needless() -> None:
    lines = steps("{at: T2, do: [{backup: {to: f2}}]}")
    (needless,) = found(f"model: libvirt\ntimeline:\n{FULL}{lines}")
    assert needless.message == "f2 holds what full.bak holds"


@pytest.mark.parametrize(("count", "expected"), [(32, []), (33, ["BT502"]), (40, ["BT502"])])
def test_more_than_32_bitmaps_are_told_once(count: int, expected: list[str]) -> None:
    begun = ", ".join(f"{{checkpoint: c{n}}}" for n in range(count))
    lines = steps(f"{{at: T1, do: [{{create: S1}}, {begun}]}}", "write: AA------")
    assert codes(f"model: libvirt\ntimeline:\n{lines}") == expected


def test_an_old_bitmap_of_the_name_makes_an_increment_larger_and_not_wrong() -> None:
    lines = steps(
        "write: A-------",
        "{at: T2, do: [{delete: {checkpoint: c0, metadata: true}},"
        " {snapshot: {image: S2, outside: true}}, {backup: {to: f2, checkpoint: c0}}]}",
        "write: ----BB--",
        "{at: T3, do: [{backup: {since: c0, to: inc}}]}",
    )
    (old,) = found(f"model: libvirt\ntimeline:\n{FULL}{lines}")
    assert (old.code, old.at, old.severity) == ("BT109", "T3", "warning")
    assert old.message == "backup inc copies cluster 0 for an older c0"


def test_overlays_of_the_host_are_no_old_namesakes() -> None:
    lines = steps(
        "write: A-------",
        "{at: T2, do: [{snapshot: S2}]}",
        "write: ----BB--",
        "{at: T3, do: [{backup: {since: c0, to: inc}}]}",
    )
    assert codes(f"model: libvirt\ntimeline:\n{FULL}{lines}") == []
