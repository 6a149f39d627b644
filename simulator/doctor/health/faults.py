"""What is wrong with a folder of backups, and what comes of it."""

from collections.abc import Iterator, Sequence

from simulator.diagnostics import Finding, Severity
from simulator.doctor.health.codes import flag
from simulator.doctor.health.stacks import State, by_the_client, content_of
from simulator.doctor.reading.held import FULL, BackupFile, Folder
from simulator.inspect.health.wording import listed

NEW_FULL = "take a full backup into an empty folder: no increment can follow in this one"


def find_in_folder(folder: Folder, states: Sequence[State]) -> Iterator[tuple[str, Finding]]:
    """Yield what is wrong with a folder, each with the file or folder that it is about."""
    yield from _missing(folder, states)
    yield from _damaged(folder, states)
    for name in folder.partial:
        yield folder.path, _unfinished(name)
    yield from _doubled(folder)
    yield from _order(folder)
    yield from _until(folder, states)
    for state in states:
        if state.why and len(state.why) < len(folder.disks):
            yield folder.path, _apart(folder, state)
    if folder.files and not any(state.restorable for state in states):
        yield (
            folder.path,
            flag(
                "DR113",
                "no state of the machine can be restored from here",
                help="take a full backup into an empty folder now",
            ),
        )


def _missing(folder: Folder, states: Sequence[State]) -> Iterator[tuple[str, Finding]]:
    """Yield states that no file leads to, and what stands on them."""
    for disk in folder.disks:
        files = [each for each in folder.files if each.disk == disk]
        leads = {each.ends for each in files}
        for state in states:
            if state.name in leads or disk not in state.why:
                continue
            above = _above(files, state.name)
            lost = sorted({each.ends for each in above}, key=[s.name for s in states].index)
            begun = folder.listed is not None and state.name in folder.listed
            notes = [
                f"{state.name} was begun: the list of checkpoints has it; its file is gone, or the "
                "run that was to write it failed"
                if begun
                else f"{above[0].name} names it as its parent"
                if above
                else "its document is there"
            ]
            if above:
                notes.append(f"stands on it: {listed([each.name for each in above])}")
                notes.append(
                    "virtnbdrestore looks at no parent: it lays what is left on one another, and "
                    "ends with status 0"
                )
            yield (
                folder.path,
                flag(
                    "DR101",
                    f"{disk}: no file leads to {state.name}, so "
                    f"{listed([state.name, *lost])} cannot be restored",
                    notes=tuple(notes),
                    help=_way_on(folder, states, f"find {disk}'s file of {state.name}, or "),
                ),
            )


def _above(files: Sequence[BackupFile], name: str) -> list[BackupFile]:
    """Return the files that stand on a state, directly or through others."""
    found: list[BackupFile] = []
    waiting = [name]
    while waiting:
        below = waiting.pop()
        for each in files:
            if each.starts == below and each not in found:
                found.append(each)
                waiting.append(each.ends)
    return found


def _damaged(folder: Folder, states: Sequence[State]) -> Iterator[tuple[str, Finding]]:
    for file in folder.files:
        if not file.damage:
            continue
        own = [each for each in folder.files if each.disk == file.disk]
        good = any(each.ends == file.ends and not each.damage for each in own)
        above = [] if good else _above(own, file.ends)
        lost = [] if good else [file.ends, *(each.ends for each in above)]
        told = f", so {listed(lost)} cannot be restored" if lost else ""
        notes = [f"stands on it: {listed([each.name for each in above])}"] if above else []
        notes.append("virtnbdrestore stops at the damage, and ends with status 0")
        yield (
            file.path,
            flag(
                "DR102",
                f"{file.name}: {file.damage}{told}",
                notes=tuple(notes),
                help=_way_on(folder, states, "fetch the file from a second copy, or "),
            ),
        )


def _unfinished(name: str) -> Finding:
    return flag(
        "DR103",
        f"{name} is left of a run that did not end: it is no backup",
        severity=Severity.WARNING,
        notes=(
            "the next run refuses to go on while it is there",
            "the checkpoint of that run has begun all the same: once the file is removed, the next "
            "increment starts there, and what changed before it is in no file",
        ),
        help=NEW_FULL,
    )


def _doubled(folder: Folder) -> Iterator[tuple[str, Finding]]:
    seen: dict[tuple[str, str], BackupFile] = {}
    for file in folder.files:
        first = seen.setdefault((file.disk, file.ends), file)
        if first is not file:
            yield (
                file.path,
                flag(
                    "DR104",
                    f"{first.name} and {file.name} both lead to {file.ends} of {file.disk}",
                    severity=Severity.WARNING,
                    notes=("virtnbdrestore lays both on one another",),
                    help="set aside the one that is not of this chain",
                ),
            )
        if not file.name.startswith(f"{file.disk}."):
            yield (
                file.path,
                flag(
                    "DR104",
                    f"{file.name} is a backup of {file.disk}, by its head",
                    severity=Severity.WARNING,
                    help=f"give it its name again: {file.disk}{file.name[file.name.find('.') :]}",
                ),
            )


def _order(folder: Folder) -> Iterator[tuple[str, Finding]]:
    """Yield files that are older than what they stand on: the client goes by their times."""
    for file in folder.files:
        below = [f for f in folder.files if f.disk == file.disk and f.ends == file.starts]
        late = [each for each in below if each.written > file.written]
        if late:
            yield (
                file.path,
                flag(
                    "DR105",
                    f"{file.name} stands on {late[0].name}, which was written to later",
                    notes=(
                        "virtnbdrestore lays files on one another in the order of their times, so "
                        "this one would come first",
                    ),
                    help="give the files times in the order in which they stand on one another "
                    "(touch), the lowest first",
                ),
            )


def _until(folder: Folder, states: Sequence[State]) -> Iterator[tuple[str, Finding]]:
    """Yield states for which the client would give something else."""
    for state in states:
        wrong = [disk for disk in state.stacks if not client_gives(folder, state, disk)]
        if not wrong or not state.restorable:
            continue
        disk = wrong[0]
        right, taken = state.stacks[disk], by_the_client(folder, disk, state.name)
        more = [each.name for each in taken if each not in right]
        less = [each.name for each in right if each not in taken and each.runs]
        told = [f"it also takes {listed(more)}"] if more else []
        told += [f"it leaves out {listed(less)}"] if less else []
        told += [] if told else ["it takes them in another order"]
        yield (
            folder.path,
            flag(
                "DR106",
                f"virtnbdrestore --until {state.name} gives another state of {listed(wrong)}",
                severity=Severity.WARNING,
                notes=(f"of {disk}: {'; '.join(told)}",),
                help="copy these alone, with their times, and restore from there: "
                f"{' '.join(each.name for s in state.stacks.values() for each in s)}",
            ),
        )


def client_gives(folder: Folder, state: State, disk: str) -> bool:
    """Whether ``virtnbdrestore --until`` gives a disk's state; other states it cannot be asked."""
    file = state.stacks[disk][-1]
    if file.checkpoint != state.name and file.kind != FULL:
        return True
    taken = by_the_client(folder, disk, state.name)
    return content_of(taken) == content_of(state.stacks[disk])


def _apart(folder: Folder, state: State) -> Finding:
    well = [disk for disk in folder.disks if disk not in state.why]
    return flag(
        "DR107",
        f"{state.name} can be restored of {listed(well)} and not of {listed(list(state.why))}",
        severity=Severity.WARNING,
        notes=tuple(f"{disk}: {why}" for disk, why in state.why.items()),
        help="bring all disks back to an older state, so that the machine is one that was",
    )


def _way_on(folder: Folder, states: Sequence[State], first: str) -> str:
    """Return what to do: what can be restored still, and that a full backup is due."""
    good = [state.name for state in states if state.restorable]
    left = f"{good[-1]} is the newest that can be restored" if good else "nothing can be restored"
    return f"{first}{NEW_FULL}; {left}"
