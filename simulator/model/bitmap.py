"""Dirty bitmaps: where the guest has written, and never what."""

from enum import StrEnum
from typing import Self

from simulator.model.clusters import ClusterSet, rescale, set_of
from simulator.model.values import replace
from simulator.values import dataclass

NAME_BYTES_MAX = 1023
"""Longest name of a bitmap. Source: QEMU 7.2, both for persistent and transient ones."""

GRANULARITY_MIN, GRANULARITY_MAX = 512, 1 << 31
"""Bytes for one bit. Source: QEMU 7.2, ``block-dirty-bitmap-add``."""

STORED_BITS_MAX = 1 << 32
"""The most bits of a bitmap that is stored. Source: QEMU 7.2: 512 MiB of bitmap data."""


class Kept(StrEnum):
    """Where a bitmap is kept. Source: QEMU docs/interop/bitmaps.rst, "Bitmap Persistence"."""

    MEMORY = "memory"
    """Only in the process: a crash loses it without trace."""

    IN_USE = "in-use"
    """In the file, flagged as open for writing: a crash leaves it inconsistent."""

    STORED = "stored"
    """In the file and complete: a crash does it no harm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of the guest's history whose writes a bitmap holds.

    Attributes:
        start: The disk's moment at which recording began.
        end: The moment at which it stopped; None while it goes on.
    """

    start: int
    end: int | None = None

    def close(self, moment: int) -> Self:
        """Return the window ended at a moment, unless it has ended already."""
        return replace(self, end=moment) if self.end is None else self


@dataclass(frozen=True, slots=True, kw_only=True)
class DirtyBitmap:
    """The granules of one image that the guest wrote while the bitmap was recording.

    Attributes:
        node: Name of the image whose writes are recorded.
        name: Unique on its node; two nodes may each hold a bitmap of the same name.
        granularity: Bytes for one bit; a power of two.
        length: Number of bits.
        dirty: Set bits, each in ``range(length)``.
        recording: Whether the next guest write to the node will be marked.
        windows: The stretches of history that the bits stand for, oldest first.
        persistent: Whether it is stored when its image is closed.
        successor: While a job uses it: the granules written meanwhile, which are not shown yet.
        inconsistent: Whether the process died while it was in use; its bits are unknown then.
        kept: Where it is kept.
        auto: Whether the file says that it records once it is loaded (qcow2's flag).
        exported: Whether a client is told it, so that nobody may change it.
        filed: What the file holds, where a job used the bitmap when it was stored: memory went on.
        unlocked: Whether it may change although it was stored: the successor that a job gave it
            has taken its place since.
        batch: How many times new bitmaps had been written to the file by then, itself included; 0
            while it is in memory only.

    Source: QEMU docs/interop/bitmaps.rst, "Dirty Bitmap Names" and "Bitmap Status".
    """

    node: str
    name: str
    granularity: int
    length: int
    dirty: ClusterSet
    recording: bool = True
    windows: tuple[Window, ...] = ()
    persistent: bool = True
    successor: ClusterSet | None = None
    inconsistent: bool = False
    kept: Kept = Kept.MEMORY
    auto: bool = True
    filed: ClusterSet | None = None
    unlocked: bool = False
    batch: int = 0
    exported: bool = False

    @property
    def busy(self) -> bool:
        """Whether a job or an export uses it, so that nobody else may."""
        return self.exported or self.successor is not None

    @property
    def count(self) -> int:
        """Bytes that the set bits stand for, in whole granules."""
        return len(self.dirty) * self.granularity

    def clusters(self, cluster_size: int, length: int) -> ClusterSet:
        """Return the clusters that the set bits touch, of a disk of *length* clusters."""
        return self.clusters_among(self.dirty, cluster_size, length)

    def clusters_among(self, granules: ClusterSet, cluster_size: int, length: int) -> ClusterSet:
        """Return the clusters that some of its granules touch, of a disk of *length* clusters."""
        if self.granularity == cluster_size:
            return granules
        if self.granularity > cluster_size:
            return rescale(granules, self.granularity // cluster_size, 1, length)
        return rescale(granules, 1, cluster_size // self.granularity, length)

    def mark(self, granules: ClusterSet) -> Self:
        """Set the bits of a guest write. A frozen bitmap stays as it is.

        While a job uses the bitmap, the bits go to its successor.
        """
        if not self.recording:
            return self
        if self.successor is not None:
            successor = self.successor | granules
            return self if successor is self.successor else replace(self, successor=successor)
        dirty = self.dirty | granules
        # A thousand checkpoints are a thousand bitmaps, and most hold the granules already.
        return self if dirty is self.dirty else replace(self, dirty=dirty)

    def occupy(self) -> Self:
        """Return the bitmap in use by a job: busy, with an empty successor."""
        return replace(self, successor=set_of(self.length))

    def reclaim(self) -> Self:
        """Return the bitmap when its job has ended and left it as it was, with what came since."""
        return replace(self, dirty=self._with_successor(self.dirty), successor=None)

    def abdicate(self, kept: ClusterSet, windows: tuple[Window, ...]) -> Self:
        """Return what its successor makes of the bitmap when its job has ended: what is kept of it.

        A job that ended at once never made it busy.
        """
        unlocked = self.unlocked or self.filed is not None
        dirty = self._with_successor(kept)
        return replace(self, dirty=dirty, windows=windows, successor=None, unlocked=unlocked)

    def _with_successor(self, dirty: ClusterSet) -> ClusterSet:
        return dirty if self.successor is None else dirty | self.successor

    def enable(self, moment: int, *, active: bool) -> Self:
        """Start to record again (QEMU: ``block-dirty-bitmap-enable``)."""
        if self.recording:
            return self
        windows = (*self.windows, Window(start=moment)) if active else self.windows
        return replace(self, recording=True, windows=windows)

    def disable(self, moment: int) -> Self:
        """Stop recording (QEMU: ``block-dirty-bitmap-disable``).

        before  B2: |---XXX--|+    after  B2: |---XXX--|
        """
        return replace(self, windows=self.windows_until(moment), recording=False)

    def close_window(self, moment: int) -> Self:
        """End the window that is open, as when an overlay takes over the guest's writes."""
        if all(window.end is not None for window in self.windows):
            return self
        return replace(self, windows=self.windows_until(moment))

    def windows_until(self, moment: int) -> tuple[Window, ...]:
        """Return the windows, the open one ended at a moment."""
        if all(window.end is not None for window in self.windows):
            return self.windows
        return tuple(window.close(moment) for window in self.windows)

    def clear(self, moment: int, *, active: bool) -> Self:
        """Forget every bit (QEMU: ``block-dirty-bitmap-clear``).

        A frozen bitmap holds nothing from there on, and a stretch of no length says from where.
        """
        window = Window(start=moment, end=None if self.recording and active else moment)
        return replace(self, dirty=set_of(self.length), windows=(window,))

    def merge(self, source: Self, moment: int) -> Self:
        """Take in the bits of another bitmap of the same disk size, of any granularity.

        B2: |---XXX--|  merged into  B1: |XXXX----|  gives  B1: |XXXXXX--|
        """
        if source.granularity == self.granularity:
            bits = source.dirty
        elif source.granularity > self.granularity:
            bits = rescale(source.dirty, source.granularity // self.granularity, 1, self.length)
        else:
            bits = rescale(source.dirty, 1, self.granularity // source.granularity, self.length)
        windows = join_windows((*self.windows, *source.windows_until(moment)))
        return replace(self, dirty=self.dirty | bits, windows=windows)

    def resize(self, length: int) -> Self:
        """Return the bitmap of an image that grew or shrank: new bits are clean.

        B1: |X-X-|  grown  B1: |X-X----|      Source: QEMU 7.2; ``facts/QEMU.md`` section 4.5.
        """
        successor = self.successor.below(length) if self.successor is not None else None
        return replace(self, length=length, dirty=self.dirty.below(length), successor=successor)

    def store(self, batch: int) -> Self:
        """Return the bitmap as it is when its image is closed or becomes read-only.

        While a job uses it, its successor records, and the file says that it does not itself.

        Args:
            batch: That of the bitmaps that are new to the file now.
        """
        used = self.successor is not None
        return replace(
            self,
            kept=Kept.STORED,
            batch=self.batch or batch,
            auto=self.recording and not used,
            filed=self.dirty if used else None,
            unlocked=False,
        )

    def load(self) -> Self:
        """Return the bitmap as the file has it."""
        if self.inconsistent:
            return self
        dirty = self.dirty if self.filed is None else self.filed
        return replace(self, recording=self.auto, dirty=dirty, filed=None, unlocked=False)

    def spoil(self) -> Self:
        """Return what a crash leaves of a bitmap that was open for writing."""
        return replace(
            self,
            recording=False,
            inconsistent=True,
            dirty=set_of(self.length),
            windows=(),
            successor=None,
        )


def join_windows(windows: tuple[Window, ...]) -> tuple[Window, ...]:
    """Return windows in the order of time, those that touch or overlap made one."""
    if len(windows) < 2:
        return windows
    joined: list[Window] = []
    for window in sorted(windows, key=lambda w: w.start):
        last = joined[-1] if joined else None
        if last is None or (last.end is not None and last.end < window.start):
            joined.append(window)
        elif last.end is not None:
            end = None if window.end is None else max(last.end, window.end)
            joined[-1] = replace(last, end=end)
    return tuple(joined)
