"""What a dirty bitmap records, and the stretches of history that its bits stand for."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulator
from simulator.model.bitmap import DirtyBitmap, Kept, Window, join_windows
from simulator.model.clusters import set_of

KIB = 1024
SIZE = 8 * 64 * KIB
LAW = settings(derandomize=True, deadline=None, max_examples=100)

MOMENTS = st.integers(0, 6)
WINDOWS = st.builds(
    lambda start, length: Window(start=start, end=None if length is None else start + length),
    MOMENTS,
    st.none() | st.integers(0, 3),
)


def bitmap(
    dirty: str = "--------", *, granularity: int = 64 * KIB, windows: tuple[Window, ...] = ()
) -> DirtyBitmap:
    """Return a recording bitmap of a disk of 512 KiB, one character a granule."""
    assert len(dirty) == SIZE // granularity
    return DirtyBitmap(
        node="S1",
        name="B1",
        granularity=granularity,
        length=len(dirty),
        dirty=set_of(len(dirty), (n for n, cell in enumerate(dirty) if cell == "X")),
        windows=windows,
    )


def drawn(found: DirtyBitmap) -> str:
    """Return the bits as a picture."""
    return "".join("X" if n in found.dirty else "-" for n in range(found.length))


def moments_in(windows: tuple[Window, ...]) -> set[int]:
    """The oracle of windows: every half moment that they reach, up to a far one."""
    return {
        half
        for window in windows
        for half in range(2 * window.start, 2 * (20 if window.end is None else window.end) + 1)
    }


def test_a_recording_bitmap_marks_what_the_guest_writes_and_a_frozen_one_does_not() -> None:
    touched = set_of(8, [3, 4, 5])
    recording = bitmap("X-------")
    assert drawn(recording.mark(touched)) == "X--XXX--"
    assert drawn(recording.disable(1).mark(touched)) == "X-------"
    assert drawn(recording) == "X-------"


def test_disabling_keeps_the_bits_and_ends_the_window() -> None:
    frozen = bitmap("---XXX--", windows=(Window(start=2),)).disable(5)
    assert drawn(frozen) == "---XXX--"
    assert not frozen.recording
    assert frozen.windows == (Window(start=2, end=5),)
    assert frozen.disable(7) == frozen


def test_enabling_again_begins_a_second_window() -> None:
    frozen = bitmap(windows=(Window(start=2),)).disable(5)
    again = frozen.enable(8, active=True)
    assert again.recording
    assert again.windows == (Window(start=2, end=5), Window(start=8))
    assert again.enable(9, active=True) == again


def test_a_bitmap_on_an_image_that_the_guest_does_not_write_records_no_window() -> None:
    frozen = bitmap(windows=(Window(start=2),)).disable(5)
    assert frozen.enable(8, active=False).windows == (Window(start=2, end=5),)
    assert bitmap("X-------").clear(8, active=False).windows == (Window(start=8, end=8),)


def test_clearing_forgets_the_bits_and_what_they_stood_for() -> None:
    recording = bitmap("---XXX--", windows=(Window(start=2),))
    assert drawn(recording.clear(5, active=True)) == "--------"
    assert recording.clear(5, active=True).windows == (Window(start=5),)
    assert recording.clear(5, active=True).recording
    # A stretch of no length: what it holds later, it holds from there on.
    assert recording.disable(4).clear(5, active=True).windows == (Window(start=5, end=5),)
    assert not recording.disable(4).clear(5, active=True).recording


def test_an_overlay_ends_the_window_of_a_bitmap_that_goes_on_recording() -> None:
    below = bitmap("XX------", windows=(Window(start=0),)).close_window(3)
    assert below.recording
    assert below.windows == (Window(start=0, end=3),)
    assert below.close_window(5) == below


def test_a_merge_takes_in_the_bits_and_the_windows_of_the_other() -> None:
    target = bitmap("XXXX----", windows=(Window(start=0, end=4),))
    source = bitmap("---XXX--", windows=(Window(start=4),))
    merged = target.merge(source, 7)
    assert drawn(merged) == "XXXXXX--"
    assert merged.windows == (Window(start=0, end=7),)
    assert drawn(source) == "---XXX--"
    assert source.windows == (Window(start=4),)


def test_a_merge_across_a_gap_keeps_the_gap() -> None:
    target = bitmap(windows=(Window(start=6, end=8),))
    source = bitmap(windows=(Window(start=1, end=3),))
    assert target.merge(source, 9).windows == (Window(start=1, end=3), Window(start=6, end=8))


def test_a_merge_into_a_recording_bitmap_leaves_its_window_open() -> None:
    target = bitmap(windows=(Window(start=4),))
    source = bitmap(windows=(Window(start=1, end=4),))
    assert target.merge(source, 9).windows == (Window(start=1),)


def test_a_merge_from_4_kib_to_64_kib_rounds_out() -> None:
    # Source: QEMU 7.2, facts/QEMU.md section 2: one dirty granule of 4 KiB dirties the whole cell.
    source = bitmap("-" * 16 + "-" * 15 + "X" + "X" + "-" * 95, granularity=4 * KIB)
    assert drawn(bitmap().merge(source, 1)) == "-XX-----"
    assert bitmap().merge(source, 1).count == 131072


def test_a_merge_from_256_kib_to_64_kib_marks_all_4_cells() -> None:
    assert drawn(bitmap().merge(bitmap("-X", granularity=256 * KIB), 1)) == "----XXXX"


def test_a_merge_across_granularities_ends_with_the_disk() -> None:
    # 1 MiB for one bit, on a disk of 512 KiB: the granule is larger than the disk.
    coarse = DirtyBitmap(
        node="S1", name="B9", granularity=1024 * KIB, length=1, dirty=set_of(1, [0])
    )
    assert coarse.count == 1048576
    assert drawn(bitmap().merge(coarse, 1)) == "XXXXXXXX"


def test_the_clusters_of_a_bitmap_are_all_that_its_granules_touch() -> None:
    fine = bitmap("-" * 31 + "X" + "-" * 96, granularity=4 * KIB)
    coarse = bitmap("-X", granularity=256 * KIB)
    assert list(fine.clusters(64 * KIB, 8)) == [1]
    assert list(coarse.clusters(64 * KIB, 8)) == [4, 5, 6, 7]
    assert list(coarse.clusters(64 * KIB, 6)) == [4, 5]
    assert list(bitmap("X------X").clusters(64 * KIB, 8)) == [0, 7]


def test_a_crash_leaves_an_open_bitmap_inconsistent_and_its_bits_unknown() -> None:
    spoilt = bitmap("---XXX--", windows=(Window(start=2),)).spoil()
    assert spoilt.inconsistent
    assert not spoilt.recording
    assert spoilt.count == 0
    assert spoilt.windows == ()


def test_a_new_bitmap_is_only_in_memory() -> None:
    assert bitmap().kept is Kept.MEMORY


@given(st.lists(WINDOWS).map(tuple))
@LAW
def test_joined_windows_reach_the_same_moments_in_order_and_never_touch(
    windows: tuple[Window, ...],
) -> None:
    joined = join_windows(windows)
    assert moments_in(joined) == moments_in(windows)
    for earlier, later in pairwise(joined):
        assert earlier.end is not None
        assert earlier.end < later.start


@pytest.mark.parametrize("granularity", [4 * KIB, 16 * KIB, 64 * KIB, 128 * KIB, 256 * KIB])
@given(st.data())
@settings(LAW, max_examples=25)
def test_a_merge_of_any_granularity_marks_what_shares_a_byte_with_a_dirty_granule(
    granularity: int, data: st.DataObject
) -> None:
    count = SIZE // granularity
    dirty = data.draw(st.frozensets(st.integers(0, count - 1)))
    source = bitmap(
        "".join("X" if n in dirty else "-" for n in range(count)), granularity=granularity
    )
    # The oracle: every 4 KiB of the disk by itself.
    soiled = {n for n in range(SIZE // (4 * KIB)) if n * 4 * KIB // granularity in dirty}
    wanted = "".join("X" if soiled & set(range(16 * n, 16 * n + 16)) else "-" for n in range(8))
    assert drawn(bitmap().merge(source, 1)) == wanted
    assert list(source.clusters(64 * KIB, 8)) == [n for n in range(8) if wanted[n] == "X"]


@pytest.mark.parametrize(
    ("step", "stored"),
    [
        ("delete: {checkpoint: c1}", True),
        ("qmp: {execute: block-stream, arguments: {device: S1}}", True),
        ("write: A-------", False),
    ],
)
def test_an_image_that_is_opened_for_writing_stores_what_was_in_memory(
    step: str, stored: bool
) -> None:
    """Source: QEMU 7.2, ``blockdev-reopen`` of an image to which bitmaps were added meanwhile."""
    text = f"""
scenario: reopened
model: libvirt
disk: 8
timeline:
  - {{at: T1, do: [create: S1, {{backup: {{to: full, checkpoint: c1}}}}, snapshot: S2]}}
  - at: T2
    do:
      - qmp: {{execute: block-dirty-bitmap-add, arguments: {{node: S1, name: b, persistent: true}}}}
      - {{{step}}}
      - shutdown
      - start
"""
    disk = simulator.loads(text).run().timeline.last.disks[0]
    assert (disk.bitmap("S1", "b") is not None) is stored
