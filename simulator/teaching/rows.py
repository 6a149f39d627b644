"""The rows of an instant that can be asked for: images, bitmaps, the guest's view, copies."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeAlias

from simulator.checks.evidence import join_words
from simulator.model.bitmap import DirtyBitmap
from simulator.model.disk import Disk, Image
from simulator.model.machine import Backup, Machine, Restored
from simulator.notation import (
    BROKEN,
    GUEST,
    write_backup,
    write_bits,
    write_clusters,
    write_view,
)
from simulator.scenario.words import alternatives, nearest
from simulator.teaching.reasons.bitmaps import label_of
from simulator.timeline import Frame, Timeline

Subject: TypeAlias = Image | DirtyBitmap | Disk | Backup | Restored
"""What a row shows; a disk stands for what its guest sees."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a figure, written out when somebody looks: it may have millions of cells.

    Attributes:
        name: As it is drawn.
        names: All that it may be called.
        disk: The disk that it belongs to.
        subject: What it shows.
        length: Number of clusters.
        write: Gives the cells.
        alike: Whether ``0`` and ``-`` read alike.
    """

    name: str
    names: tuple[str, ...]
    disk: str
    subject: Subject
    length: int
    write: Callable[[], str]
    alike: bool = False

    @cached_property
    def cells(self) -> str:
        """The cells as they are drawn, one a cluster."""
        return self.write()


def find_row(timeline: Timeline, frame: Frame, name: str) -> Row:
    """Return the row that a name means at an instant.

    Raises:
        ValueError: There is none of that name, or more than one.
    """
    zeroes = timeline.draws_zeroes
    rows = list(rows_of(frame.machine, draws_zeroes=zeroes))
    found = [row for row in rows if row.name == name] or [r for r in rows if name in r.names]
    if len(found) == 1 or (found and isinstance(found[0].subject, Image)):
        return found[0]
    if found:
        full = alternatives(row.names[-1] for row in found)
        raise ValueError(f"{name} names {len(found)} rows at {frame.label}: write {full}")
    elsewhere = [
        other.label
        for other in timeline.frames
        if other.label is not None
        and any(name in row.names for row in rows_of(other.machine, draws_zeroes=zeroes))
    ]
    if elsewhere:
        raise ValueError(f"no row {name} at {frame.label}; it is there at {join_words(elsewhere)}")
    near = nearest(name, [each for row in rows for each in row.names])
    there = f"there are {', '.join(row.name for row in rows)}"
    raise ValueError(f"no row {name} at {frame.label}; {_after(near, there)}")


def find_frame(timeline: Timeline, label: str) -> Frame:
    """Return the end of an instant.

    Raises:
        ValueError: There is no such instant.
    """
    frame = timeline.frame_of(label)
    if frame is not None:
        return frame
    labels = [frame.label for frame in timeline.frames if frame.label is not None]
    there = f"there are {', '.join(labels)}" if labels else "there are none"
    raise ValueError(f"no instant {label}; {_after(nearest(label, labels), there)}")


def _after(question: str, answer: str) -> str:
    """Return a question, if there is one, and what there is to choose from."""
    return f"{question} {answer[0].upper()}{answer[1:]}" if question else answer


def rows_of(machine: Machine, *, draws_zeroes: bool) -> Iterator[Row]:
    """Yield every row of an instant: disk by disk, then backups, then restored disks."""
    for disk in machine.disks:
        if disk.chain:
            yield from _disk_rows(disk, alone=len(machine.disks) == 1)
    copies: list[Backup | Restored] = [*machine.backups, *machine.restores]
    for copy in copies:
        yield row_of(copy, draws_zeroes=draws_zeroes)


def row_of(copy: Backup | Restored, *, draws_zeroes: bool) -> Row:
    """Return the row of a backup or a restored disk."""
    if isinstance(copy, Restored):
        write, alike = partial(write_view, copy.content, copy.length, scaled=False), True
    else:
        write = partial(write_backup, copy, zeroes=draws_zeroes, scaled=False)
        alike = copy.complete
    return Row(
        name=copy.row,
        names=(copy.row, copy.name, f"{copy.name}/{copy.disk}"),
        disk=copy.disk,
        subject=copy,
        length=copy.length,
        write=write,
        alike=alike,
    )


def _disk_rows(disk: Disk, *, alone: bool) -> Iterator[Row]:
    for image in disk.chain:
        yield Row(
            name=image.name,
            names=(image.name,),
            disk=disk.name,
            subject=image,
            length=image.length,
            write=partial(write_clusters, image.content, image.length, scaled=False),
        )
    for bitmap in disk.bitmaps:
        yield Row(
            name=label_of(disk, bitmap),
            names=(label_of(disk, bitmap), bitmap.name, f"{bitmap.node}.{bitmap.name}"),
            disk=disk.name,
            subject=bitmap,
            length=disk.length_of(bitmap.node),
            write=partial(_write_bitmap, disk, bitmap),
        )
    full = f"{GUEST} {disk.name}"
    yield Row(
        name=GUEST if alone else full,
        names=(GUEST, full),
        disk=disk.name,
        subject=disk,
        length=disk.length,
        write=partial(write_view, disk.guest_view, disk.length, scaled=False),
        alike=True,
    )


def _write_bitmap(disk: Disk, bitmap: DirtyBitmap) -> str:
    length = disk.length_of(bitmap.node)
    if bitmap.inconsistent:
        return BROKEN * length
    return write_bits(disk.clusters_of(bitmap), length, scaled=False)
