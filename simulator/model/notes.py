"""The host's notes of snapshots, which it keeps whatever becomes of the images.

Only libvirt has any: elsewhere a snapshot is the image that it made.
"""

from typing import NamedTuple

from simulator.values import dataclass


class Layer(NamedTuple):
    """What a snapshot did to one disk.

    Attributes:
        disk: Name of the disk.
        image: The overlay that it made.
        over: The image that it was put onto, as the host has it.
    """

    disk: str
    image: str
    over: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotNote:
    """What the host noted of a snapshot. Jobs that merge its images do not touch it.

    Attributes:
        name: The name of the first image that it made.
        at: Label of the instant at which it was made.
        layers: One a disk, at least one.
    """

    name: str
    at: str | None = None
    layers: tuple[Layer, ...]

    def put_onto(self, gone: "SnapshotNote") -> "SnapshotNote":
        """Return the note as it is when the host forgets an older one.

        What was put onto an image of that one counts as put onto what lay below it. Source: libvirt
        9.0.0, also where only the metadata is deleted.
        """
        below = {(each.disk, each.image): each.over for each in gone.layers}
        layers = tuple(
            each._replace(over=below.get((each.disk, each.over), each.over)) for each in self.layers
        )
        return SnapshotNote(name=self.name, at=self.at, layers=layers)


def find_note(notes: tuple[SnapshotNote, ...], name: str) -> SnapshotNote | None:
    """Return the note of a name, or else the newest one of a snapshot that made such an image."""
    named = next((each for each in notes if each.name == name), None)
    if named is not None:
        return named
    made = (n for n in reversed(notes) if any(each.image == name for each in n.layers))
    return next(made, None)
