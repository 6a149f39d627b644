"""The rule about backups that do not fit into their store: BT505."""

from collections.abc import Iterator

from simulator.checks.evidence import join_words
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.machine import Backup, Status
from simulator.model.sizes import write_about, write_size
from simulator.moves import Move
from simulator.restorable.history import Restorable, history_of
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple

NAMED_MAX = 8
"""So many backups are named one by one."""


@rule("BT505", "store-full", Severity.ERROR)
def store_full(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds stores that are full before a backup is complete.

    ## Why is this wrong?
    The backup fails, often after hours, and what it had written by then takes up room as well. Its
    checkpoint stays: an incremental that starts there begins after a hole. The same happens the
    next night, until somebody deletes what nobody needs.

    ## Example
    ```yaml
    scenario: room for one full backup, and a second one is taken
    model: libvirt
    disk: 8
    resources: {repo: {bandwidth: 64 KiB/s, capacity: 448 KiB}}
    timeline:
      - {at: 0s, do: [{create: S1}, {write: AAAA----}]}
      - {at: 1m, do: [{backup: {to: one.bak, through: [repo]}}]}
      - {at: 2m, do: [{write: BB------}, {backup: {to: two.bak, through: [repo]}}]}
    ```

    ## Use instead
    ```yaml
    scenario: the backup that is no longer needed goes first
    model: libvirt
    disk: 8
    resources: {repo: {bandwidth: 64 KiB/s, capacity: 448 KiB}}
    timeline:
      - {at: 0s, do: [{create: S1}, {write: AAAA----}]}
      - {at: 1m, do: [{backup: {to: one.bak, through: [repo]}}]}
      - {at: 2m, do: [{delete: {backup: one.bak}}]}
      - {at: 3m, do: [{write: BB------}, {backup: {to: two.bak, through: [repo]}}]}
    ```

    ## Source
    Observed on libvirt 9.0 and 11.3: a push job whose target runs out of space fails, and its
    checkpoint stays. Veeam's help center on free space thresholds of a backup repository.
    """
    failed: dict[str, list[Move]] = {}
    for move in timeline.moves:
        if move.store is not None and move.why == f"{move.store} is full":
            # A copy that was deleted while it was made is missed by nobody.
            if move.kind == "copy" and _ending(timeline, move) is None:
                continue
            failed.setdefault(move.store, []).append(move)
    for store, moves in failed.items():
        yield _report(self, timeline, store, sorted(moves, key=lambda each: each.end or 0))


class Room(NamedTuple):
    """A store when it is full.

    Attributes:
        kept: The backups in it, by the order in which they were made.
        others: Bytes of those that are under way beside the one that fails.
        needs: Bytes of data of the one that fails.
        found: How many of them there was room for.
    """

    kept: tuple[Backup, ...]
    others: int
    needs: int
    found: int

    @property
    def lacking(self) -> int:
        """Bytes that have to go."""
        return self.needs - self.found


def _report(self: Rule, timeline: Timeline, store: str, moves: list[Move]) -> Finding:
    move = moves[0]
    begun, ended = timeline.entries[move.entry], _ending(timeline, move)
    capacity = next(r.capacity for r in timeline.script.resources if r.name == store)
    assert ended is not None, "it failed"
    assert capacity is not None and move.end is not None, "it was full at a tick"
    room = _room(timeline, move, ended, capacity)
    held = [f"{each.row} {write_about(each.data_bytes)}" for each in room.kept[-NAMED_MAX:]]
    if len(room.kept) > NAMED_MAX:
        held.insert(0, f"{len(room.kept) - NAMED_MAX:,} older ones")
    if room.others:
        held.append(f"others under way {write_about(room.others)}")
    notes = [
        f"{store} keeps {write_size(capacity)}: {join_words(held) if held else 'nothing else'}"
    ]
    if len(moves) > 1:
        last = timeline.script.write_tick(moves[-1].end or 0)
        fail = "fails" if len(moves) == 2 else "fail"
        notes.append(f"{len(moves) - 1:,} more {fail} there, the last one at {last}")
    total = sum(each.data_bytes for each in room.kept) + room.others + room.needs
    larger = f"give {store} {write_size(-(-total // 1024) * 1024)} or more"
    leaving = _leaving(timeline, ended, room)
    return self.found(
        begun,
        f"{move.name} does not fit: {store} is full at {timeline.script.write_tick(move.end)}",
        label=f"{write_about(room.needs)}, and there is room for {write_about(room.found)}",
        notes=tuple(notes),
        turns=True,
        help=f"{leaving}, or {larger}" if leaving else larger,
    )


def _ending(timeline: Timeline, move: Move) -> Entry | None:
    """Return what ended a job, or a copy, that did not fit; None where that had been deleted."""
    for entry in timeline.entries[move.entry :]:
        for backup in entry.new_backups:
            same = (backup.name, backup.disk) == (move.name, move.disk)
            if same and backup.status is Status.FAILED:
                return entry
    return None


def _room(timeline: Timeline, move: Move, ended: Entry, capacity: int) -> Room:
    moves = {(each.name, each.disk): each for each in timeline.moves if each.start <= ended.tick}
    kept, under_way, needs, found = [], False, 0, 0
    for backup in ended.before.backups:
        of = moves.get((backup.name, backup.disk))
        if of is None or of.store != move.store:
            continue
        if of.entry == move.entry:
            # One request may copy several disks.
            needs += backup.data_bytes
            found += of.data_bytes
        elif of.end is None or of.end > ended.tick:
            under_way = True
        elif backup.has_file:
            kept.append(backup)
    left = capacity - sum(each.data_bytes for each in kept)
    found = max(0, min(found, left))
    return Room(tuple(kept), left - found if under_way else 0, needs, found)


def _leaving(timeline: Timeline, ended: Entry, room: Room) -> str:
    """Return which backups may go so that there is room; empty where that is not enough.

    What failed holds nothing that anybody needs. Of the others, as few of the oldest instants are
    given up as will do.
    """
    spoilt = [each for each in room.kept if not each.usable]
    freed = sum(each.data_bytes for each in spoilt)
    if spoilt and freed >= room.lacking:
        return f"delete {_named(spoilt)}, which failed"
    now = history_of(timeline).at(ended, ended.before)
    labels = now.restorable
    enough = None
    low, high = 0, len(labels) - 1
    while low <= high:
        middle = (low + high) // 2
        going = _going(now, labels[middle:], room.kept)
        if freed + sum(each.data_bytes for each in going) >= room.lacking:
            enough, high = going, middle - 1
        else:
            low = middle + 1
    if enough is None:
        return ""
    enough = [*spoilt, *_trimmed(enough, room.lacking - freed)]
    left = now.without({each.row for each in enough})
    lost = now.lost(left)
    if not lost:
        return f"delete {_named(enough)}: no instant is lost with it"
    are = "is" if len(lost) == 1 else "are"
    told = join_words(lost) if len(lost) <= NAMED_MAX else f"{len(lost):,} instants"
    return f"delete {_named(enough)}, with which {told} {are} lost"


def _trimmed(backups: list[Backup], size: int) -> list[Backup]:
    """Return as few of some backups as have a size; the newest go first, on which none stands."""
    freed, number = 0, len(backups)
    while freed < size:
        number -= 1
        freed += backups[number].data_bytes
    return backups[number:]


def _going(now: Restorable, labels: tuple[str, ...], kept: tuple[Backup, ...]) -> list[Backup]:
    """Return the backups of a store that some instants do not need."""
    staying = {
        id(now.history.backup(disk, place))
        for disk, found in now.keep(labels, thoroughly=False).items()
        for place in (found.places if found is not None else now.available[disk])
    }
    return [b for b in kept if b.usable and id(b) not in staying]


def _named(backups: list[Backup]) -> str:
    rows = [each.row for each in backups]
    return (
        join_words(rows)
        if len(rows) <= NAMED_MAX
        else f"{len(rows):,} from {rows[0]} to {rows[-1]}"
    )
