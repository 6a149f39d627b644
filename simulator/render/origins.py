"""Who wrote what a cell shows, when, and through which image the guest sees it: in words."""

from collections.abc import Sequence

from simulator.model.clusters import letter_of
from simulator.model.disk import Disk
from simulator.model.operations import GuestDiscard, GuestWrite
from simulator.notation import clusters_in_cell
from simulator.timeline import Entry, Frame, Timeline
from simulator.values import NamedTuple


class Write(NamedTuple):
    """One write of the guest to one cluster.

    Attributes:
        entry: Number of the timeline's entry.
        image: The active image, which took it.
        letter: What it left there; ``0`` for zeroes.
        when: In words.
    """

    entry: int
    image: str
    letter: str
    when: str


class Origins:
    """Every write of the guest to every cluster of the disks that are drawn cluster by cluster."""

    def __init__(self, timeline: Timeline) -> None:
        self._writes: dict[tuple[str, int], list[Write]] = {}
        for entry in timeline.entries:
            self._note(entry, timeline.when(entry))

    def _note(self, entry: Entry, when: str) -> None:
        for operation in entry.operations if entry.refusal is None else ():
            if not isinstance(operation, GuestWrite | GuestDiscard):
                continue
            disk = entry.after.disk(operation.disk or entry.after.disks[0].name)
            if clusters_in_cell(disk.length) > 1:
                continue
            if isinstance(operation, GuestDiscard):
                written = [(cluster, "0") for cluster in operation.clusters]
            else:
                written = [(c, letter_of(version)) for c, version in operation.data.items()]
            for cluster, letter in written:
                write = Write(entry.number, disk.active.name, letter, when)
                self._writes.setdefault((disk.name, cluster), []).append(write)

    def of(self, disk: str, cluster: int, letter: str, frame: Frame, image: str = "") -> str:
        """Return when a cluster got what it holds; empty where that cannot be told for certain.

        Args:
            image: The image that holds it; empty where it is a backup.
        """
        writes = [
            write
            for write in self._writes.get((disk, cluster), ())
            if write.entry < frame.entries and write.letter == letter
        ]
        # What the guest wrote to the image itself; else it was merged or copied from elsewhere.
        own = [write for write in writes if write.image == image]
        if own or len(writes) == 1:
            return (own or writes)[-1].when
        return ""


def tell_cells(
    origins: Origins, disk: Disk, frame: Frame, kind: str, name: str, cells: str, scale: int
) -> tuple[str, ...]:
    """Return a sentence for each cell of a row.

    Args:
        kind: ``image``, ``bitmap``, ``guest``, ``backup`` or ``restore``.
        name: The row's name; of an image, its own.
        scale: How many clusters a cell stands for.
    """
    if scale > 1:
        image = disk.image(name) if kind == "image" else None
        length = image.length if image is not None else disk.length
        ends = [max(n * scale, min((n + 1) * scale, length) - 1) for n in range(len(cells))]
        return tuple(
            f"clusters {n * scale:,} to {end:,} of {name}: {_several(kind, letter)}"
            for n, (letter, end) in enumerate(zip(cells, ends, strict=True))
        )
    return tuple(
        _tell_cell(origins, disk, frame, kind, name, cluster, letter)
        for cluster, letter in enumerate(cells)
    )


def _tell_cell(
    origins: Origins, disk: Disk, frame: Frame, kind: str, name: str, cluster: int, letter: str
) -> str:
    """Return the sentence of a cell that is one cluster."""
    source = _source(disk, cluster)
    holder = name if kind == "image" else source if kind == "guest" else ""
    when = origins.of(disk.name, cluster, letter, frame, holder)
    written = f"{_content(letter)}, written {when}" if when else _content(letter)
    match kind:
        case "guest":
            through = f", through {source}" if source and letter != "-" else ""
            return f"the guest reads cluster {cluster}: {written}{through}"
        case "image":
            return f"cluster {cluster} of {name}: {written}{_seen(disk, cluster, name)}"
        case "bitmap":
            state = {"X": "dirty", "!": "not known: inconsistent"}.get(letter, "clean")
            return f"cluster {cluster} in {name}: {state}"
        case _:
            return f"cluster {cluster} of {name}: {written if letter != '-' else 'not in it'}"


def _content(letter: str) -> str:
    return {"-": "nothing", "0": "zeroes", "!": "not known"}.get(letter, letter)


def _several(kind: str, letter: str) -> str:
    if kind == "bitmap":
        return "some dirty" if letter == "X" else "clean"
    return "several versions" if letter == "*" else _content(letter)


def _source(disk: Disk, cluster: int) -> str:
    """Return the image through which the guest sees a cluster; empty where it sees nothing.

    An image that ends before the cluster hides what lies below it there.
    """
    for image in reversed(disk.chain):
        if cluster >= image.length:
            return ""
        if image.content.get(cluster) is not None:
            return image.name
    return ""


def _seen(disk: Disk, cluster: int, name: str) -> str:
    """Return whether the guest sees an image's cluster, as the end of a sentence."""
    source = _source(disk, cluster)
    image = disk.image(name)
    names = [each.name for each in disk.chain]
    if image is None or image.content.get(cluster) is None:
        lower = source and names.index(source) < names.index(name)
        return f"; {source} below it shows through" if lower else ""
    if source == name:
        return "; the guest sees it"
    hides = source or next(each.name for each in reversed(disk.chain) if each.length <= cluster)
    ends = "" if source else ", which ends before it,"
    return f"; {hides}{ends} hides it from the guest"


def marked_cells(notes: Sequence[str], rows: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """Return the cells below which the carets of a finding's evidence stand, each with its row.

    A line of evidence begins with the name of its row, and goes on in words; where it names none of
    the rows that are drawn, nothing is marked.

    >>> notes = ["late.bak holds: |---BBD--|", "                      ^ D too new"]
    >>> marked_cells(notes, ["S1", "late.bak"])
    (('late.bak', 5),)
    """
    cells: dict[tuple[str, int], None] = {}
    bar, row = -1, ""
    for note in notes:
        if "|" in note:
            bar = note.index("|")
            named = [each for each in rows if f"{note[:bar]} ".startswith((f"{each} ", f"{each}:"))]
            row = max(named, key=len, default="")
        elif note.lstrip(" ").startswith("^") and row:
            for place, character in enumerate(note):
                if character == "^" and place > bar:
                    cells[row, place - bar - 1] = None
    return tuple(cells)
