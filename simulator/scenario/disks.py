"""The disks of a scenario: as it tells them, or as its first image or picture lets one conclude."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simulator.model.clusters import CLUSTERS_MAX
from simulator.model.disk import CLUSTER_SIZE_DEFAULT, CLUSTER_SIZE_MAX, CLUSTER_SIZE_MIN
from simulator.scenario.pictures import without_bars
from simulator.scenario.problems import WRITTEN, Problems
from simulator.scenario.shapes import GUEST_VERBS
from simulator.scenario.words import alternatives, nearest, shorten
from simulator.scenario.yaml12 import Path
from simulator.timeline import DiskShape

DISK_DEFAULT = "vda"

SECTOR_BYTES = 512

CheckedStep = tuple[Path, dict[str, Any]]
"""A step in its long form, with its path."""


class Disks:
    """The disks of a scenario, by name.

    Attributes:
        shapes: Those whose length is known.
        names: All of them, those that only an ``attach`` tells of last.
    """

    def __init__(self, problems: Problems) -> None:
        self.shapes: dict[str, DiskShape] = {}
        self._lengths: dict[str, list[int]] = {}
        self.names: tuple[str, ...] = (DISK_DEFAULT,)
        self._joining: list[str] = []
        self._problems = problems

    @property
    def only(self) -> str | None:
        """The name of the only disk that is there from the start; None where there are several."""
        return self.names[0] if len(self.names) == len(self._joining) + 1 else None

    @property
    def alone(self) -> str | None:
        """The name of the only disk that there ever is; None where there are several."""
        return self.names[0] if len(self.names) == 1 else None

    def lengths(self, name: str | None) -> Sequence[int]:
        """Return every number of clusters that a disk has had so far; none where it is not known.

        What is drawn may be older than the last resize: a backup, or an image below. Which of them
        the disk has when a guest draws on it is known only when the host has resized it, or not.
        """
        return self._lengths.get(name, ()) if name is not None else ()

    def resize(self, name: str, length: int) -> None:
        """Take in that a step resizes a disk."""
        if name in self.shapes and length not in self._lengths[name]:
            self._lengths[name].append(length)

    def read(self, head: Mapping[str, Any], steps: Sequence[CheckedStep], *, whole: bool) -> None:
        """Take the disks from the top of a scenario; what is not told there, from its steps.

        Args:
            head: The top, in its long form.
            steps: Those that have a good form.
            whole: Whether these are all.
        """
        self._read_told(head, steps, whole=whole)
        for path, step in steps:
            if "attach" in step:
                self._read_attached((*path, "attach"), step["attach"])

    def _read_told(
        self, head: Mapping[str, Any], steps: Sequence[CheckedStep], *, whole: bool
    ) -> None:
        told = head.get("disks")
        if told is None:
            self._read_disk(("disk",), DISK_DEFAULT, head.get("disk", {}), steps, whole=whole)
            return
        if "disk" in head:
            self._problems.add(
                ("disks",), "both disk and disks are there", expected="one of them", at_key=True
            )
            self._read_disk(("disk",), DISK_DEFAULT, head["disk"], steps, whole=whole)
        if not told:
            self._problems.add(("disks",), "disks is empty", expected="at least one disk")
            return
        self.names = tuple(told)
        for name, disk in told.items():
            self._read_disk(("disks", name), name, disk, steps, whole=whole)

    def _read_attached(self, path: Path, arguments: Mapping[str, Any]) -> None:
        """Take in a disk that joins the machine, or hold it against what is told of it already."""
        name = arguments["disk"]
        key = next((key for key in ("clusters", "size") if key in arguments), None)
        if name not in self.names and key is None:
            self._problems.add(
                (*path, "disk"),
                f"unknown disk {shorten(name)}",
                expected=f"{alternatives(self.names)}, or clusters: NUMBER beside a new disk",
                help=nearest(name, self.names),
            )
        elif name not in self.names:
            self.names = (*self.names, name)
            self._joining.append(name)
            self._read_disk(path, name, arguments, (), whole=True)
        elif key is not None and name in self.shapes:
            shape = self.shapes[name]
            length = self._told_length(path, arguments, shape.cluster_size)
            if length not in self._lengths[name]:
                self._problems.add(
                    (*path, key),
                    f"{key} is {WRITTEN}",
                    expected=f"{shape.length:,} clusters, as {name} has, or no {key}",
                )

    def find(self, path: Path, name: str | None, verb: str) -> str | None:
        """Return the disk that a step is about, or None where that is a problem.

        Args:
            path: Where the step's arguments stand.
            name: As the step has it.
            verb: The step's verb.
        """
        if name is None:
            if self.only is None:
                choice = alternatives(f"disk: {each}" for each in self.names)
                self._problems.add(path, f"{verb} does not say which disk", expected=choice)
            return self.only
        return self.check((*path, "disk"), name)

    def check(self, path: Path, name: str, *, at_key: bool = False) -> str | None:
        """Return the name of a disk; None where there is no such disk, which is noted."""
        if name in self.names:
            return name
        self._problems.add(
            path,
            f"unknown disk {shorten(name)}",
            expected=alternatives(self.names),
            help=nearest(name, self.names),
            at_key=at_key,
        )
        return None

    def read_listed(self, path: Path, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the disks that a step lists; none where it lists none: all there are then."""
        for index, disk in enumerate(arguments.get("disks", ())):
            self.check((*path, "disks", index), disk)
        if arguments.get("disks") == []:
            self._problems.add((*path, "disks"), "disks is empty", expected="[DISK, ...]")
        alone = self.names if self.alone is not None else ()
        return tuple(dict.fromkeys(arguments.get("disks", alone)))

    def _read_disk(
        self,
        path: Path,
        name: str,
        disk: Mapping[str, Any],
        steps: Sequence[CheckedStep],
        *,
        whole: bool,
    ) -> None:
        cluster_size = self._cluster_size((*path, "cluster_size"), disk)
        length, size = self._told_length(path, disk, cluster_size), disk.get("size")
        if length is None:
            size = _size_from_steps(name, steps)
            drawn = _length_from_pictures(name, steps)
            length = drawn if size is None else clusters_of(size, cluster_size)
        if length is None:
            if whole:
                self._problems.add(
                    path if disk else (),
                    f"the size of the disk {name} is not known",
                    expected="disk: 8, or whatever its number of clusters is",
                )
        elif not 1 <= length <= CLUSTERS_MAX:
            self._refuse_length(path, disk, length)
        else:
            self._lengths[name] = [length]
            self.shapes[name] = DiskShape(
                name=name,
                length=length,
                cluster_size=cluster_size,
                format=disk.get("format", "qcow2"),
                lacks=lacking(size, cluster_size) if size is not None else 0,
            )

    def _cluster_size(self, path: Path, disk: Mapping[str, Any]) -> int:
        size: int = disk.get("cluster_size", CLUSTER_SIZE_DEFAULT)
        if CLUSTER_SIZE_MIN <= size <= CLUSTER_SIZE_MAX and size & (size - 1) == 0:
            return size
        self._problems.add(
            path,
            f"cluster_size is {WRITTEN}",
            expected="a power of two, 512 bytes to 2 MiB",
        )
        return CLUSTER_SIZE_DEFAULT

    def _told_length(self, path: Path, disk: Mapping[str, Any], cluster_size: int) -> int | None:
        if "clusters" in disk and "size" in disk:
            self._problems.add(
                (*path, "size"),
                "both clusters and size are there",
                expected="one of them",
                at_key=True,
            )
        if "clusters" in disk:
            return int(disk["clusters"])
        return clusters_of(disk["size"], cluster_size) if "size" in disk else None

    def _refuse_length(self, path: Path, disk: Mapping[str, Any], length: int) -> None:
        key = "clusters" if "clusters" in disk else "size"
        self._problems.add(
            (*path, key) if key in disk else path,
            f"{path[-1] if path[-1] != 'attach' else disk['disk']} has {length:,} clusters"
            if abs(length) < 10**30
            else f"{key} is {WRITTEN}",
            expected=f"1 to {CLUSTERS_MAX:,} clusters (2**34)",
        )


def _size_from_steps(name: str, steps: Sequence[CheckedStep]) -> int | None:
    """Return the size of a disk that the first ``create`` with one tells."""
    sizes = (arguments.get("size") for arguments in _arguments(steps, ("create",), name))
    return next((size for size in sizes if size is not None), None)


def _length_from_pictures(name: str, steps: Sequence[CheckedStep]) -> int | None:
    """Return the length of a disk that the first picture shows."""
    told = _arguments(steps, GUEST_VERBS, name)
    return next((len(without_bars(each["cells"])) for each in told if "cells" in each), None)


def clusters_of(size: int, cluster_size: int) -> int:
    """Return how many clusters hold so many bytes."""
    return -(-size // cluster_size)


def lacking(size: int, cluster_size: int) -> int:
    """Return the bytes by which the last cluster of a disk is cut short.

    Source: QEMU 7.2, an image has whole sectors of 512 bytes.
    """
    return -(-(-size // SECTOR_BYTES) * SECTOR_BYTES) % cluster_size


def _arguments(
    steps: Sequence[CheckedStep], verbs: Sequence[str], disk: str
) -> Iterator[Mapping[str, Any]]:
    """Yield the arguments of some verbs, where they are about a disk."""
    for _, step in steps:
        for verb in verbs:
            if verb in step and step[verb].get("disk", disk) == disk:
                yield step[verb]
