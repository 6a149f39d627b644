"""What stands on what in a folder: which states the files give back, by which of them, in order."""

from collections.abc import Iterable, Mapping, Sequence

from simulator.doctor.reading.held import BackupFile, Folder
from simulator.inspect.image.runs import Run, lay_over
from simulator.values import NamedTuple

Stack = tuple[BackupFile, ...]
"""Files of one disk from a whole one on, each on those before it."""


class State(NamedTuple):
    """A state of the machine that somebody meant to keep.

    Attributes:
        name: A checkpoint's name, or that of a ``diff`` or ``copy``.
        taken: When, as a file says; empty where there is none.
        stacks: For each disk the files that give it back; empty where there is a disk without.
        why: For each disk without, why; empty where it can be restored.
    """

    name: str
    taken: str
    stacks: Mapping[str, Stack]
    why: Mapping[str, str]

    @property
    def restorable(self) -> bool:
        """Whether all disks can be brought back to it."""
        return not self.why


def states_of(folder: Folder) -> tuple[State, ...]:
    """Return the states that a folder is about, oldest first."""
    found = []
    for name in _names(folder):
        stacks: dict[str, Stack] = {}
        why: dict[str, str] = {}
        for disk in folder.disks:
            files = [each for each in folder.files if each.disk == disk]
            if not _has(folder, disk, name):
                continue  # The disk has joined the machine later.
            stack = _stack_to(files, name)
            if isinstance(stack, str):
                why[disk] = stack
            else:
                stacks[disk] = stack
        taken = min((f.taken for f in folder.files if f.ends == name), default="")
        found.append(State(name, taken, {} if why else stacks, why))
    return tuple(found)


def _has(folder: Folder, disk: str, name: str) -> bool:
    """Whether a disk is of a state: it has a file that leads there, or the checkpoint has it."""
    if any((each.disk, each.ends) == (disk, name) for each in folder.files):
        return True
    documents = [each for each in folder.documents if each.name == name]
    return any(disk in each.bitmaps for each in documents) or not documents


def _names(folder: Folder) -> list[str]:
    """Return the names of all states: checkpoints in their order, others after their parents."""
    names = list(folder.listed or ())
    waiting = sorted(folder.files, key=lambda each: (each.taken, each.name))
    for file in waiting:
        for name in (file.starts, file.ends):
            if name is not None and name not in names:
                places = [names.index(file.starts) + 1] if file.starts in names else []
                names.insert(places[0] if places else len(names), name)
    return names


def _stack_to(files: Sequence[BackupFile], name: str) -> Stack | str:
    """Return the files that give a state of their disk, or why none do."""
    above: list[BackupFile] = []
    seen: set[str] = set()
    wanted: str | None = name
    while wanted is not None:
        ending = [each for each in files if each.ends == wanted]
        good = [each for each in ending if not each.damage]
        if not ending:
            if wanted == name:
                return f"no file leads to {name}"
            return f"{above[-1].name} stands on {wanted}, and no file leads there"
        if not good:
            told = f"{ending[0].name} is damaged"
            return told if wanted == name else f"{above[-1].name} stands on {wanted}, and {told}"
        if wanted in seen:
            return f"{above[-1].name} stands on itself"
        seen.add(wanted)
        # Of several that lead to one state a whole one needs the fewest others.
        best = min(good, key=lambda each: (each.starts is not None, -each.written))
        above.append(best)
        wanted = best.starts
    return tuple(reversed(above))


def content_of(stack: Iterable[BackupFile]) -> tuple[Run, ...]:
    """Return which file each byte of a disk comes from, by its name; zeroes are no file's."""
    view: tuple[Run, ...] = ()
    for file in stack:
        held = tuple((first, n, file.name if kind == "A" else "0") for first, n, kind in file.runs)
        view = lay_over(view, held)
    return tuple(run for run in view if run[2] != "0")


def by_the_client(folder: Folder, disk: str, until: str) -> Stack:
    """Return the files that ``virtnbdrestore --until`` lays on one another.

    It takes all files of a disk in the order of their times, looks at no parent, stops at damage,
    and goes on past an increment that is empty, whatever it is called.
    """
    taken: list[BackupFile] = []
    files = sorted((f for f in folder.files if f.disk == disk), key=lambda each: each.written)
    for file in files:
        if file.starts is not None and not file.runs:
            continue
        taken.append(file)
        if file.damage or file.checkpoint == until:
            break
    return tuple(taken)
