"""A diagnosis as text: what is held, what can be restored and how, and what cannot."""

from collections.abc import Iterator, Sequence
from shlex import quote

from simulator.diagnostics import counted, printable
from simulator.doctor.diagnosis import Diagnosis, Kept
from simulator.doctor.health.faults import client_gives
from simulator.doctor.health.stacks import State, content_of
from simulator.doctor.reading.held import COPY, BackupFile, Folder, Machine
from simulator.inspect.disk import LETTERS, SeenDisk, cells_of
from simulator.inspect.image.runs import Run, to_units, write_cells
from simulator.inspect.image.seen import SeenImage, label
from simulator.inspect.text import write_text as write_disk
from simulator.notation import write_rows
from simulator.render.amounts import write_size

GRAIN = 64 * 1024
"""Bytes that a cell stands for at least: what a bitmap of libvirt's tells apart."""


def write_text(diagnosis: Diagnosis, *, cells: int) -> Iterator[str]:
    """Yield the parts of a diagnosis, with no final newlines; findings are not in it.

    Args:
        cells: How many a row has at most.
    """
    for kept in diagnosis.folders:
        yield from _folder(kept, cells)
    alone = len(diagnosis.disks) == 1
    for disk in diagnosis.disks:
        yield write_disk(disk, cells=cells, alone=alone)
    for machine in diagnosis.machines:
        yield "\n".join(_machine(machine))
    for path, disk in diagnosis.pasted:
        yield "\n".join(_pasted(path, disk))
    if diagnosis.documents:
        told = (
            f"  {label(each.name)}  of {', '.join(sorted(map(label, each.bitmaps))) or 'no disk'}"
            + (f", after {label(each.parent)}" if each.parent else "")
            for each in diagnosis.documents
        )
        yield "\n".join(["checkpoints", *told])


def _folder(kept: Kept, cells: int) -> Iterator[str]:
    folder = kept.folder
    machine = f" of the machine {label(folder.machine)}" if folder.machine else ""
    files = counted(len(folder.files), "backup file")
    yield f"{printable(folder.path)}: a folder of virtnbdbackup{machine}, {files}"
    for disk in folder.disks:
        yield "\n".join(_disk(folder, disk, cells))
    yield "\n".join(["states, oldest first", *_states(kept, cells)])


def _disk(folder: Folder, disk: str, cells: int) -> Iterator[str]:
    """Yield the files of a disk, and what each of them holds."""
    files = [each for each in folder.files if each.disk == disk]
    size = max(each.size for each in files)
    grain = _grain(size, cells)
    yield f"{label(disk)}: {write_size(size)}, one cell is {write_size(grain)}"
    letters = letters_of(folder, disk)
    for file in files:
        yield f"  {letters[file.name]}  {label(file.name)} ({_told(file)})"
    yield from write_rows(
        (letters[file.name], f"|{_cells(_lettered(file, letters), size, grain)}|") for file in files
    )


def _told(file: BackupFile) -> str:
    what = "a copy" if file.kind == COPY else "full"
    since = f"since {label(file.starts)}" if file.starts is not None else what
    told = f"{since}, {write_size(file.data)} of data"
    return f"{told}, damaged" if file.damage else told


def letters_of(folder: Folder, disk: str) -> dict[str, str]:
    """Return the letter that stands for each file of a disk."""
    names = [each.name for each in folder.files if each.disk == disk]
    return {name: LETTERS[number % len(LETTERS)] for number, name in enumerate(names)}


def _lettered(file: BackupFile, letters: dict[str, str]) -> list[Run]:
    return [(a, n, letters[file.name] if held == "A" else held) for a, n, held in file.runs]


def _grain(size: int, cells: int) -> int:
    """Return how many bytes one of so many cells stands for."""
    return GRAIN * cells_of(max(1, -(-size // GRAIN)), cells)


def _cells(runs: Sequence[Run], size: int, grain: int) -> str:
    """Return runs of bytes as cells; a cell that is touched counts as whole."""
    length = max(1, -(-size // GRAIN))
    return write_cells(to_units(runs, GRAIN, length), length, grain // GRAIN)


def _states(kept: Kept, cells: int) -> Iterator[str]:
    for state in kept.states:
        taken = f"  {printable(state.taken[:19])}" if state.taken else ""
        if not state.restorable:
            yield f"{label(state.name)}{taken}  cannot be restored"
            yield from (f"  {label(disk)}: {printable(why)}" for disk, why in state.why.items())
            continue
        yield f"{label(state.name)}{taken}  can be restored"
        yield from _views(kept.folder, state, cells)
        yield f"  {way_of(kept.folder, state)}"


def _views(folder: Folder, state: State, cells: int) -> Iterator[str]:
    """Yield what each disk is in a state: the letters of the files that its cells come from."""
    rows = []
    for disk, stack in state.stacks.items():
        letters = letters_of(folder, disk)
        size = stack[-1].size
        view = [(first, n, letters[name]) for first, n, name in content_of(stack)]
        rows.append((f"  {label(disk)}", f"|{_cells(view, size, _grain(size, cells))}|"))
    yield from write_rows(rows)


def way_of(folder: Folder, state: State) -> str:
    """Return how a state is restored: the tool's command where that gives it, else the files."""
    files = [each for stack in state.stacks.values() for each in stack]
    named = all(each.checkpoint == state.name for each in (s[-1] for s in state.stacks.values()))
    if named and all(client_gives(folder, state, disk) for disk in state.stacks):
        return (
            f"virtnbdrestore -i {quote(printable(folder.path))} -o DIR "
            f"--until {quote(printable(state.name))}"
        )
    names = ", ".join(label(each.name) for each in files)
    return f"from these files alone, in this order: {names}"


def _machine(machine: Machine) -> Iterator[str]:
    yield f"{label(machine.name) or 'a machine'}, by {printable(machine.path)}"
    for layers in machine.disks:
        yield f"  {label(layers.disk)}  {' on '.join(map(label, layers.paths)) or 'no image'}"


def _pasted(path: str, disk: SeenDisk) -> Iterator[str]:
    images = counted(len(disk.chain.images), "image")
    size = write_size(disk.chain.active.size)
    yield f"{label(disk.name)}: {size}, {images}, as {printable(path)} tells them"
    for image in reversed(disk.chain.images):
        active = ", active" if image is disk.chain.active else ""
        yield f"  {label(image.path)} ({image.format}{active})"
        yield from (f"    {line}" for line in _bitmaps(image))


def _bitmaps(image: SeenImage) -> Iterator[str]:
    for bitmap in image.bitmaps:
        state = "in use or inconsistent" if bitmap.in_use else "recording"
        state = state if bitmap.in_use or bitmap.recording else "not recording"
        dirty = f", {write_size(bitmap.count * bitmap.granularity)} dirty" if bitmap.count else ""
        yield f"{label(bitmap.name)}: {state}{dirty}"


def summarise(diagnosis: Diagnosis) -> str:
    """Return one line that counts what was read and what was found."""
    states = [state for kept in diagnosis.folders for state in kept.states]
    told = []
    if states:
        good = sum(state.restorable for state in states)
        told.append(f"{good:,} of {counted(len(states), 'state')} can be restored")
    chains = len(diagnosis.disks) + len(diagnosis.pasted)
    told += [counted(chains, "disk")] if chains else []
    found = len(diagnosis.findings)
    told.append(counted(found, "finding") if found else "no findings")
    return ", ".join(told)
