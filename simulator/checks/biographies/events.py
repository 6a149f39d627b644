"""What can have a history in a run, and what can happen to it."""

from enum import StrEnum

from simulator.timeline import Entry
from simulator.values import NamedTuple


class Kind(StrEnum):
    """What a thing is; the word by which a sentence calls it."""

    BITMAP = "bitmap"
    CHECKPOINT = "checkpoint"
    IMAGE = "image"
    SNAPSHOT = "snapshot"
    """A state kept inside an image; one that made an overlay is the image of its name."""

    BACKUP = "backup"
    JOB = "job"
    EXPORT = "export"
    DISK = "disk"
    MACHINE = "machine"


class What(StrEnum):
    """What happened to a thing."""

    BEGAN = "began"
    REFUSED = "refused"
    """A step that was to make it was turned down."""

    GONE = "gone"
    """Removed, deleted, or lost with what held it."""

    BACK = "back"
    """A checkpoint was redefined, or a disk attached again."""

    LEFT = "left"
    """A bitmap stayed below: the image that takes the writes from now on has none of its name."""

    DISABLED = "disabled"
    ENABLED = "enabled"
    CLEARED = "cleared"
    MERGED = "merged"
    """Other bitmaps were merged into it."""

    SPOILED = "spoiled"
    """Inconsistent since a crash."""

    BUSY = "busy"
    FREED = "freed"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OVERWRITTEN = "overwritten"
    RESIZED = "resized"
    REVERTED = "reverted"
    """A disk went back to an earlier state."""

    STOPPED = "stopped"
    STARTED = "started"


class Thing(NamedTuple):
    """Something that a request can name.

    Attributes:
        name: A disk's own name for a disk; empty for the machine.
        disk: That of a bitmap, an image, a snapshot, a job, a row of a backup; empty for any.
        node: The image that holds a bitmap or an internal snapshot; empty for any.
    """

    kind: Kind
    name: str
    disk: str = ""
    node: str = ""

    def covers(self, other: "Thing") -> bool:
        """Whether another thing is this one, as far as this one says which it is."""
        return (
            self.kind is other.kind
            and self.name == other.name
            and self.disk in ("", other.disk)
            and self.node in ("", other.node)
        )


class Event(NamedTuple):
    """Something that happened to a thing, and the step that did it."""

    entry: Entry
    what: What
    thing: Thing
