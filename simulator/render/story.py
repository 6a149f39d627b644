"""A run as text: each instant with its figure, the copies made there, and the findings."""

import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import assert_never

from simulator.diagnostics import Finding, counted, printable, shown
from simulator.model.disk import Disk
from simulator.model.machine import (
    Backup,
    BackupJob,
    Kind,
    Machine,
    Power,
    Restored,
    Status,
    Transfer,
)
from simulator.model.operations import (
    CloseImages,
    CopyImage,
    CorruptBackup,
    DropBackup,
    FileOperation,
    FreezeGuest,
    GuestDiscard,
    GuestWrite,
    KillProcess,
    OpenImages,
    StackBackups,
    ThawGuest,
)
from simulator.model.requests import (
    Attach,
    BlockCopy,
    CancelJob,
    Commit,
    Create,
    DeleteCheckpoint,
    DeleteSnapshot,
    Detach,
    Expect,
    FinishJobs,
    Migrate,
    Pull,
    Qmp,
    RedefineCheckpoint,
    Resize,
    Revert,
    Snapshot,
    StartCheckpoint,
    TakeBackup,
    Undefine,
    UseTool,
)
from simulator.moves import WITHOUT_JOB, Move, Progress
from simulator.notation import (
    bar,
    write_backup,
    write_bits,
    write_clusters,
    write_view,
)
from simulator.render.amounts import write_held, write_part, write_rate, write_size
from simulator.render.colour import Role, paint
from simulator.render.figures import Figures
from simulator.render.files import tell_file
from simulator.render.layout import scales_of
from simulator.render.report import WIDTH, write_finding
from simulator.schedule.durations import write_duration
from simulator.timeline import Entry, Frame, Statement, Timeline

MILLISECOND = 10**6


SEVERAL = "* is several versions"
"""What the mark of a cell means whose clusters do not hold the same."""


def tell_story(
    timeline: Timeline,
    judge: Callable[[], Sequence[Finding]],
    *,
    colour: bool = False,
    whole: bool = False,
) -> Iterator[str]:
    """Yield a whole run as text, instant by instant, with a final newline.

    Args:
        judge: Gives the findings; it is asked when all instants have been told.
        whole: Whether rows that did not change are told, however many there are.
    """
    figures = Figures(timeline, whole=whole)
    yield _title(timeline, colour=colour)
    for frame in timeline.frames:
        for block in _instant(timeline, frame, figures, colour=colour):
            yield f"\n\n{block}"
    findings = judge()
    for block in _findings(timeline, findings, colour=colour):
        yield f"\n\n{block}"
    yield f"\n\n{summarise(timeline, findings)}\n"


def write_findings(timeline: Timeline, findings: Sequence[Finding], *, colour: bool = False) -> str:
    """Return only the findings of a run as text, with a final newline."""
    blocks = [*_findings(timeline, findings, colour=colour)]
    blocks.append(f"{printable(timeline.script.path)}: {summarise(timeline, findings)}")
    return "\n\n".join(blocks) + "\n"


def _findings(timeline: Timeline, findings: Sequence[Finding], *, colour: bool) -> Iterator[str]:
    path, source = timeline.script.path, timeline.script.source
    places = Counter(each.span for each in findings)
    return (
        write_finding(each, path=path, source=source, colour=colour, turn=places[each.span] > 1)
        for each in findings
    )


def summarise(timeline: Timeline, findings: Sequence[Finding]) -> str:
    """Return one line that counts what a run made and what was found."""
    backups = sum(1 for _ in timeline.made_backups)
    instants = sum(1 for frame in timeline.frames if frame.label is not None)
    counts = [counted(instants, "instant"), counted(backups, "backup")]
    unexpected = [f for f in findings if not f.expected and f.allowed is None]
    found = counted(len(unexpected), "finding") if unexpected else "no findings"
    known = [
        f"{number} {word}"
        for number, word in (
            (sum(f.expected for f in findings), "expected"),
            (sum(f.allowed is not None for f in findings), "allowed"),
        )
        if number
    ]
    if known:
        found = (
            f"{found} ({', '.join(known)})"
            if unexpected
            else f"{', '.join(known)} finding"
            + ("s" if sum(f.expected or f.allowed is not None for f in findings) > 1 else "")
        )
    return ", ".join([*counts, found])


def _title(timeline: Timeline, *, colour: bool) -> str:
    script = timeline.script
    disks = ", ".join(
        f"{shape.name}: {counted(shape.length, 'cluster')} of {write_size(shape.cluster_size)}"
        for shape in script.disks
    )
    lines = [
        *textwrap.wrap(script.title, WIDTH),
        *textwrap.wrap(f"model {timeline.under}; {disks}", WIDTH),
    ]
    lines += tell_scales(timeline)
    return "\n".join([paint(lines[0], Role.TITLE, colour=colour), *lines[1:]])


def tell_scales(timeline: Timeline) -> list[str]:
    """Return what a cell is where it is several clusters: for each disk, or once for all."""
    sizes = {disk.name: disk.cluster_size for disk in timeline.last.disks}
    told = {
        name: f"{scale:,} clusters ({write_size(scale * sizes[name])})"
        for name, scale in scales_of(timeline).items()
        if scale > 1
    }
    if len(told) == len(sizes) > 1 and len(set(told.values())) == 1:
        return [f"one cell is {next(iter(told.values()))}; {SEVERAL}"]
    return [f"one cell of {name} is {what}; {SEVERAL}" for name, what in told.items()]


def title_of(timeline: Timeline, frame: Frame) -> str:
    """Return the steps of an instant in a few words each; empty where there are none."""
    entries = timeline.entries_of(frame)
    scales = scales_of(timeline)
    told = [_tell(e, e.statement, scales) for e in entries if e.instant is not None and e.statement]
    ended = timeline.ended_moves.get(frame.tick, ())
    told += [f"{shown(move.name)} done" for move in ended if _is_done(move, frame)]
    return ", ".join(text for text in told if text)


def _is_done(move: Move, frame: Frame) -> bool:
    """Whether something that ended at an instant has moved its bytes, and no statement says so."""
    without_job = move.kind in WITHOUT_JOB
    return without_job and move.start < frame.tick and move.status is Status.COMPLETED


def guest_lines(timeline: Timeline, frame: Frame) -> list[str]:
    """Return what the guest did since the instant before, a line for each step."""
    between = (e for e in timeline.entries_of(frame) if e.instant is None or e.statement is None)
    scales = scales_of(timeline)
    return [_guest_line(entry, scales) for entry in between]


def _instant(timeline: Timeline, frame: Frame, figures: Figures, *, colour: bool) -> Iterator[str]:
    """Yield the guest's steps before an instant, then the instant with all that it made."""
    between = guest_lines(timeline, frame)
    if between:
        yield "\n".join(f"    {line}" for line in between)
    steps = title_of(timeline, frame)
    head = "afterwards" if frame.label is None else f"{frame.label}  {steps}".rstrip()
    first, *rest = textwrap.wrap(
        head, WIDTH, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
    )
    state = _state(figures, frame.machine)
    yield "\n".join([paint(first, Role.TITLE, colour=colour), *rest, state])
    copies = _copies(timeline, frame)
    if copies:
        yield "\n".join(copies)
    if frame.progress:
        told = (_under_way(timeline, each, frame.tick) for each in frame.progress)
        yield "\n".join(textwrap.fill(each, WIDTH, subsequent_indent="    ") for each in told)


def tell_power(machine: Machine) -> str:
    """Return why no guest runs; empty where one does."""
    if machine.ending:
        return "shutting down"
    words = {Power.RUNNING: "", Power.OFF: "machine off", Power.CRASHED: "crashed"}
    return words[machine.power]


def _state(figures: Figures, machine: Machine) -> str:
    state = figures.write(machine)
    off = tell_power(machine)
    return f"{state}\n({off})" if off else state


def _under_way(timeline: Timeline, job: Progress, tick: int) -> str:
    """Return how far a job has come, how fast it is, and until when it moves if nothing changes."""
    name = f"{job.name}/{job.disk}" if len(timeline.last.disks) > 1 else job.name
    told = f"{shown(name)} under way: {write_part(job.moved, job.size)}"
    if job.speed:
        told += f" at {write_rate(job.speed)}"
    if job.until is None:
        return told
    # Nobody plans by less than a millisecond.
    until = -(-job.until // MILLISECOND) * MILLISECOND
    word = "since" if job.until <= tick else "until"
    return f"{told}, {word} {timeline.script.write_tick(until)}"


def _copies(timeline: Timeline, frame: Frame) -> list[str]:
    """Return the rows of the backups and restores that an instant made, bars aligned."""
    rows, scales = [], scales_of(timeline)
    for made, remark in made_at(timeline, frame):
        if isinstance(made, Backup):
            zeroes = timeline.draws_zeroes
            cells = write_backup(made, zeroes=zeroes, scale=scales[made.disk])
        else:
            cells = write_view(made.content, made.length, scale=scales[made.disk])
        rows.append((shown(made.row), cells, shown(remark)))
    return list(_align(rows))


def made_at(timeline: Timeline, frame: Frame) -> Iterator[tuple[Backup | Restored, str]]:
    """Yield the backups and restored disks that an instant made, each with a few words on it."""
    entries = [entry for entry in timeline.entries_of(frame) if entry.instant is not None]
    backups = [entry.new_backups for entry in entries]
    later = Counter(backup.row for made in backups for backup in made)
    for entry, made in zip(entries, backups, strict=True):
        later.subtract(backup.row for backup in made)
        for backup in made:
            if backup.status is Status.RUNNING and later[backup.row]:
                continue  # A job that starts and ends here is drawn as it ends.
            yield backup, _tell_backup(backup, entry.after.disk(backup.disk))
        for restored in entry.new_restores:
            yield restored, _tell_restored(timeline, restored)


def _align(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    width = max((len(label) for label, _, _ in rows), default=0)
    for label, cells, remark in rows:
        line = f"{label.rjust(width)}: {bar(cells)}"
        if len(line) + 2 + len(remark) <= WIDTH:
            yield f"{line}  {remark}"
        else:
            yield line
            indent = " " * (width + 3)
            yield from textwrap.wrap(remark, WIDTH, initial_indent=indent, subsequent_indent=indent)


def _tell_backup(backup: Backup, disk: Disk) -> str:
    """Return what kind of copy it is, and how much was copied."""
    match backup.kind:
        case Kind.FULL:
            kind = "full" if backup.image == disk.active.name else f"full, of {backup.image}"
        case Kind.INCREMENTAL:
            kind = f"since {backup.since}"
        case Kind.BITMAPS:
            kind = f"through {', '.join(backup.bitmaps)}"
        case Kind.TOP:
            kind = f"top, of {backup.image}"
        case Kind.COPY:
            kind = f"copy of {backup.image}"
        case Kind.NONE:
            kind = "what the guest overwrote"
    pulled = "pulled, " if backup.transfer is Transfer.PULL else ""
    if backup.status is not Status.COMPLETED:
        copied = " with all copied" if backup.usable else ""
        return f"{kind}, {pulled}{backup.status}{copied}"
    return f"{kind}, {pulled}{write_held(backup.data_bytes, backup.zero_bytes)}"


def _tell_restored(timeline: Timeline, restored: Restored) -> str:
    """Return which instants a restored disk is, and what it was made of."""
    instants = timeline.instants_like(restored)
    is_what = f"= {', '.join(instants)}" if instants else "= no instant"
    return f"{is_what}, from {' <- '.join(source.row for source in restored.sources)}"


def _guest_line(entry: Entry, scales: Mapping[str, int]) -> str:
    """Return one guest step as a line between two figures."""
    refused = " (refused)" if entry.refusal is not None else ""
    if isinstance(entry.request, FileOperation):
        return f"{shown(tell_file(entry.request))}{refused}"
    if entry.statement is None:
        told = [
            counted(each.writes, "write" if isinstance(each, GuestWrite) else "trim")
            for each in entry.operations
            if isinstance(each, GuestWrite | GuestDiscard)
        ]
        return f"guest workload: {', '.join(told)}{refused}"
    return f"{_tell_guest(entry, scales)}{refused}"


def _tell_guest(entry: Entry, scales: Mapping[str, int]) -> str:
    assert entry.statement is not None, "a guest step is a statement"
    request, verb = entry.statement.request, entry.statement.verb
    if isinstance(request, GuestWrite | GuestDiscard):
        name = request.disk or entry.after.disks[0].name
        length = entry.after.disk(name).length
        if isinstance(request, GuestDiscard):
            cells = write_bits(request.clusters, length, scale=scales[name])
        else:
            cells = write_clusters(request.data, length, scale=scales[name])
        where = f" {name}" if len(entry.after.disks) > 1 else ""
        does = "zeroes" if verb == "zero" else f"{verb}s"
        return f"guest {does}{where} {bar(cells)}"
    return verb


def _tell(entry: Entry, statement: Statement, scales: Mapping[str, int]) -> str:
    """Return a statement in a few words; empty for an expectation."""
    if isinstance(statement.request, GuestWrite | GuestDiscard):
        text = _tell_guest(entry, scales)
    else:
        text = _tell_host(entry, statement)
    return f"{text} (refused)" if text and entry.refusal is not None else text


def _tell_host(entry: Entry, statement: Statement) -> str:
    """Return what the host is asked for in a few words; empty for anything else."""
    match statement.request:
        case Expect() | GuestWrite() | GuestDiscard():
            return ""
        case Create(image=name, backing=below):
            text = f"create {name}" + (f" on {below}" if below is not None else "")
        case StartCheckpoint(name=name) | Detach(disk=name):
            text = f"{statement.verb} {name}"
        case StackBackups(name=name) | CorruptBackup(name=name) | DropBackup(name=name, lost=True):
            text = f"{statement.verb} {name}"
        case RedefineCheckpoint(name=name):
            text = f"redefine {name}"
        case Attach(disk=name, image=image):
            text = f"attach {name}" + (f" with {image}" if image is not None else "")
        case Snapshot(images=images, outside=outside):
            made = " from outside" if outside else ""
            text = f"snapshot {_listed(image for _, image in images)}{made}"
        case TakeBackup(to=name, outside=outside):
            text = f"backup {name}" + (" from outside" if outside else "")
        case FinishJobs() | CancelJob() | Commit() | Pull() | BlockCopy() | Resize() | Revert():
            text = _tell_change(entry, statement.request)
        case _ if isinstance(statement.request, FileOperation | UseTool):
            text = tell_file(statement.request)
        case DeleteSnapshot(name=name, metadata=metadata):
            text = f"delete {'the note of ' if metadata else ''}snapshot {name}"
        case CopyImage(image=image, target=target):
            text = f"copy {image} to {target}"
        case DeleteCheckpoint(name=name) | DropBackup(name=name):
            text = f"delete {name}"
        case Qmp(commands=commands):
            text = f"qmp {_listed(commands)}".rstrip()
        case Migrate():
            text = _migration(statement.request)
        case CloseImages() | OpenImages() | KillProcess() | Undefine() | FreezeGuest():
            text = statement.verb
        case ThawGuest(after=after):
            text = statement.verb + (f" after {write_duration(after)}" if after else "")
        case _:
            assert_never(statement.request)
    return shown(text)


def _migration(request: Migrate) -> str:
    """Return where a machine goes on, and what it takes along.

    >>> _migration(Migrate(copied=True, bitmaps=False, to="beta"))
    'migrate to beta, storage copied without bitmaps'
    """
    text = "migrate" + (f" to {request.to}" if request.to is not None else "")
    if not request.copied:
        return text
    bitmaps = {None: "", True: " with bitmaps", False: " without bitmaps"}
    return f"{text}, storage copied{bitmaps[request.bitmaps]}"


def _tell_change(
    entry: Entry,
    request: FinishJobs | CancelJob | Commit | Pull | BlockCopy | Resize | Revert,
) -> str:
    """Return what happens to a job or a chain, in a few words."""
    match request:
        case FinishJobs(jobs=jobs, status=status):
            ended = [job for job in jobs if job in _ended(entry)]
            return f"{_listed(ended)} {status}" if ended else ""
        case CancelJob(job=name):
            return f"cancel {name}"
        case Commit(top=top, base=base):
            return f"commit {top}" + (f" to {base}" if base is not None else "")
        case Pull(into=into):
            return f"pull into {into}"
        case BlockCopy(disk=disk, to=image, shallow=shallow):
            return f"blockcopy {disk} to {image}" + (", shallow" if shallow else "")
        case Resize():
            return f"resize {_tell_resize(entry, request)}"
        case Revert(snapshot=name):
            return f"revert to {name}"
        case _:
            assert_never(request)


def _ended(entry: Entry) -> set[str]:
    """Return the names of the jobs that a statement ended."""
    left = {id(job) for job in entry.after.jobs}
    ended = [job for job in entry.before.jobs if id(job) not in left]
    targets = {job.backup.name for job in ended if isinstance(job, BackupJob)}
    return targets | {job.name for job in ended}


def _tell_resize(entry: Entry, resize: Resize) -> str:
    """Return the new size of a disk, with its name where there are several."""
    of = f"{resize.disk} to " if len(entry.after.disks) > 1 else "to "
    return f"{of}{counted(resize.length, 'cluster')}"


def _listed(words: Iterable[str]) -> str:
    return " + ".join(words)
