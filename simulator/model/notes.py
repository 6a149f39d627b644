"""The host's notes of checkpoints and of snapshots, kept apart from bitmaps and images.

Only libvirt has any of snapshots: elsewhere a snapshot is the image that it made.
"""

from simulator.model.values import replace
from simulator.values import NamedTuple, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A named point in time for incremental backups. It cannot be reverted to.

    The host keeps it apart from the bitmaps, so the two can disagree.

    Attributes:
        parent: The checkpoint that was current when this one was made.
        at: Label of the instant at which it was made.
        moments: The moment of each disk that takes part, by the disk's name.
    """

    name: str
    parent: str | None = None
    at: str | None = None
    moments: tuple[tuple[str, int], ...] = ()

    @property
    def disks(self) -> tuple[str, ...]:
        """Names of the disks that take part."""
        return tuple(disk for disk, _ in self.moments)

    def moment(self, disk: str) -> int | None:
        """Return the disk's moment at the checkpoint; None where it takes no part."""
        return dict(self.moments).get(disk)


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
        reverted: What lies there instead since the machine went back to it, where other snapshots
            are noted to lie on its own images; it goes with the next revert.
        chains: The images of each disk then, base first, its own not among them. A return to it
            finds them by these names, whatever their files hold by then.
        parent: The snapshot that was current then.
        current: Whether the next one is put under it.
    """

    name: str
    at: str | None = None
    layers: tuple[Layer, ...]
    reverted: tuple[Layer, ...] = ()
    chains: tuple[tuple[str, tuple[str, ...]], ...] = ()
    parent: str | None = None
    current: bool = True

    @property
    def beside(self) -> tuple[tuple[str, str], ...]:
        """The other disks, each with the image that was active then: a return to the snapshot takes
        them back as well."""
        made = {layer.disk for layer in self.layers}
        return tuple((disk, images[-1]) for disk, images in self.chains if disk not in made)

    @property
    def needs(self) -> set[str]:
        """The images that a return to the snapshot looks for."""
        return {image for _, images in self.chains for image in images}

    def put_onto(self, gone: "SnapshotNote") -> "SnapshotNote":
        """Return the note as it is when the host forgets an older one.

        What was put onto an image of that one counts as put onto what lay below it. Source: libvirt
        9.0.0, also where only the metadata is deleted; not so on 11.3.0 and 12.8.0.
        """
        made = (*gone.layers, *gone.reverted)
        below = {(each.disk, each.image): each.over for each in made}
        layers = tuple(
            each._replace(over=below.get((each.disk, each.over), each.over)) for each in self.layers
        )
        chains = tuple(
            (disk, tuple(each for each in images if (disk, each) not in below))
            for disk, images in self.chains
        )
        parent = gone.parent if self.parent == gone.name else self.parent
        current = self.current or (gone.current and self.name == gone.parent)
        return replace(self, layers=layers, chains=chains, parent=parent, current=current)

    def settled(self) -> "SnapshotNote":
        """Return the note as it is when another is put under it: what lies there is its own.

        Disks that the snapshot had left alone are so again. Source: libvirt 11.3.0 and 12.8.0.
        """
        if not self.reverted:
            return self
        own = {each.disk for each in self.layers}
        there = tuple(each for each in self.reverted if each.disk in own)
        return replace(self, layers=there, reverted=())


def find_note(notes: tuple[SnapshotNote, ...], name: str) -> SnapshotNote | None:
    """Return the note of a name, or else the newest one of a snapshot that made such an image."""
    named = next((each for each in notes if each.name == name), None)
    if named is not None:
        return named
    made = (n for n in reversed(notes) if any(each.image == name for each in n.layers))
    return next(made, None)
