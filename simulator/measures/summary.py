"""All that a run comes to, in one value, and what there is at the end of each instant."""

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from operator import attrgetter

from simulator.flows.resources import Resource
from simulator.measures.changes import changes_of, end_of
from simulator.measures.jobs import Work, find_works
from simulator.measures.loss import Loss, find_loss
from simulator.measures.peace import Freeze, freezes_of
from simulator.measures.recovery import ReadBack, Recovery, read_back_of, recovery_of
from simulator.measures.resources import Level, Use, find_stored, find_uses
from simulator.model.bitmap import DirtyBitmap
from simulator.model.disk import Disk
from simulator.model.machine import Status
from simulator.model.series import known_of, parts_of
from simulator.timeline import Timeline
from simulator.values import NamedTuple, dataclass

LENGTH_OF = attrgetter("length")


class Kept(NamedTuple):
    """What there is at the end of an instant.

    Attributes:
        backups, stored_bytes: Backups and copies whose files are there, and their data.
        bitmaps, bitmap_bytes: Dirty bitmaps, and a bit for each of their granules.
    """

    label: str
    tick: int
    backups: int
    stored_bytes: int
    bitmaps: int
    bitmap_bytes: int


@dataclass(frozen=True)
class Summary:
    """What a run comes to; each part is worked out when somebody looks at it."""

    timeline: Timeline

    @cached_property
    def end(self) -> int:
        """The last tick: of the instants, of the guests and of the jobs."""
        return end_of(self.timeline)

    @cached_property
    def works(self) -> tuple[Work, ...]:
        """The jobs."""
        return find_works(self.timeline)

    @cached_property
    def loss(self) -> Loss:
        """What would have been lost at each moment."""
        return find_loss(self.timeline)

    @cached_property
    def uses(self) -> dict[str, Use]:
        """What each resource carried."""
        return find_uses(self.timeline)

    @cached_property
    def stored(self) -> dict[str, tuple[Level, ...]]:
        """What each resource with a capacity held."""
        return find_stored(self.timeline)

    @property
    def resources(self) -> tuple[Resource, ...]:
        """The resources, as the scenario has them."""
        return self.timeline.script.resources

    @cached_property
    def read_back(self) -> ReadBack | None:
        """How fast a restore is; None where none takes time."""
        return read_back_of(self.timeline)

    @cached_property
    def recovery(self) -> Recovery:
        """What it takes to bring the machine back."""
        return recovery_of(self.loss, self.read_back)

    @cached_property
    def _labels(self) -> dict[int, str]:
        frames = self.timeline.frames
        return {frame.tick: frame.label for frame in frames if frame.label is not None}

    def label_at(self, tick: int | None) -> str | None:
        """Return the label of what happened at a tick; None where nothing did."""
        return self._labels.get(tick) if tick is not None else None

    @cached_property
    def freezes(self) -> tuple[Freeze, ...]:
        """The stretches in which the guest could not write."""
        return tuple(freezes_of(self.timeline))

    @cached_property
    def kept(self) -> tuple[Kept, ...]:
        """What there is at the end of each instant."""
        return tuple(_kept(self.timeline))

    def stored_at_end(self, resource: str) -> int:
        """Return the bytes in a store when everything has happened."""
        levels = self.stored.get(resource, ())
        return int(levels[-1].size) if levels else 0

    def stored_most(self, resource: str) -> int:
        """Return the most bytes that a store held."""
        return int(max((level.size for level in self.stored.get(resource, ())), default=0))

    @cached_property
    def waited(self) -> tuple[int, int]:
        """How many of the guest's writes waited for a copy before write, and their nanoseconds."""
        waited = sum(work.waited for work in self.works)
        return sum(work.waited_writes for work in self.works), waited

    @cached_property
    def frozen(self) -> int:
        """The ticks in which the guest could not write, together."""
        return sum(self.length_of(freeze) for freeze in self.freezes)

    def length_of(self, freeze: Freeze) -> int:
        """Return the ticks of a freeze; one that nobody ends lasts to the end of the run."""
        return (self.end if freeze.end is None else freeze.end) - freeze.start


def summary_of(timeline: Timeline) -> Summary:
    """Return what a run comes to; asked again, the same."""
    known = timeline.memo.get("summary")
    if not isinstance(known, Summary):
        known = timeline.memo["summary"] = Summary(timeline)
    return known


def _kept(timeline: Timeline) -> Iterator[Kept]:
    backups = stored = 0
    bitmaps: dict[str, tuple[object, int]] = {}
    for _, frame, came, gone in changes_of(timeline):
        for sign, changed in ((-1, gone), (1, came)):
            for backup in changed:
                if backup.has_file and backup.status is not Status.RUNNING:
                    backups += sign
                    stored += sign * backup.data_bytes
        if frame is None or frame.label is None:
            continue
        for disk in frame.machine.disks:
            if bitmaps.get(disk.name, (None, 0))[0] is not disk.bitmaps:
                bitmaps[disk.name] = disk.bitmaps, _bitmap_bytes(disk)
        yield Kept(
            label=frame.label,
            tick=frame.tick,
            backups=backups,
            stored_bytes=stored,
            bitmaps=sum(len(disk.bitmaps) for disk in frame.machine.disks),
            bitmap_bytes=sum(size for _, size in bitmaps.values()),
        )


def _bitmap_bytes(disk: Disk) -> int:
    return sum(known_of(part, _bytes) for part in parts_of(disk.bitmaps))


def _bytes(bitmaps: tuple[DirtyBitmap, ...]) -> int:
    lengths = Counter(map(LENGTH_OF, bitmaps))
    return sum(-(-length // 8) * count for length, count in lengths.items())
