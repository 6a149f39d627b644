"""The rule about disks of one machine that are copied one after the other: BT212."""

from collections.abc import Iterator

from simulator.checks.evidence import join_words
from simulator.checks.rule import Rule, relate, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.machine import Kind
from simulator.model.requests import StartCheckpoint
from simulator.restorable.history import history_of
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple

JOBS = frozenset((Kind.FULL, Kind.INCREMENTAL, Kind.BITMAPS))


@rule("BT212", "split-instant", Severity.WARNING)
def split_instant(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds disks of one machine that are backed up, or get their checkpoint, one request after the
    other, while the guest writes in between.

    ## Why is this wrong?
    The machine never had these disks at one time. A database whose log lies on the other disk may
    not start from such a restore.

    ## Example
    ```yaml
    scenario: one disk after the other
    model: libvirt
    disks: {vda: 8, vdb: 4}
    timeline:
      - {at: T1, do: [{create: {image: S1, disk: vda}}, {create: {image: U1, disk: vdb}}]}
      - write: {disk: vda, cells: AAAA----}
      - write: {disk: vdb, cells: QQ--}
      - {at: T2, do: [{backup: {to: a.bak, disks: [vda]}}]}
      - write: {disk: vda, cells: B-------}
      - write: {disk: vdb, cells: --QQ}
      - {at: T3, do: [{backup: {to: b.bak, disks: [vdb]}}]}
    ```

    ## Use instead
    ```yaml
    scenario: both disks in one request
    model: libvirt
    disks: {vda: 8, vdb: 4}
    timeline:
      - {at: T1, do: [{create: {image: S1, disk: vda}}, {create: {image: U1, disk: vdb}}]}
      - write: {disk: vda, cells: AAAA----}
      - write: {disk: vdb, cells: QQ--}
      - {at: T2, do: [{backup: {to: both.bak}}]}
      - write: {disk: vda, cells: B-------}
      - write: {disk: vdb, cells: --QQ}
    ```

    ## Source
    virtnbdbackup on two disks, one of which had nothing to copy; QEMU docs/interop/bitmaps.rst,
    "Transactions": jobs of one transaction share one point in time.
    """
    if len(timeline.start.disks) < 2:
        return
    for what, requests in (("backed up", _backups(timeline)), ("marked", _checkpoints(timeline))):
        for asked in _rounds(timeline, requests):
            last = asked[-1]
            names = [name for each in asked for name in each.moments]
            at = [
                f"{name} as of {timeline.label_at(name, moment, prefer=each.entry.instant)}"
                for each in asked
                for name, moment in each.moments.items()
            ]
            yield self.found(
                last.entry,
                f"{join_words(names)} are {what} one by one, and the guest wrote in between",
                label=f"{join_words(at)}: the machine was never so",
                help=f"take {join_words(names)} in one request",
                related=tuple(
                    relate(timeline, each.entry, f"{join_words(each.moments)} is taken here")
                    for each in asked[:-1]
                ),
            )


class Asked(NamedTuple):
    """A request about some disks of a machine, with the moment of each."""

    entry: Entry
    moments: dict[str, int]


def _backups(timeline: Timeline) -> Iterator[Asked]:
    """Yield the backups that became something, those of one request together."""
    asked: Asked | None = None
    for entry, backup in timeline.made_backups:
        if not backup.usable or backup.kind not in JOBS:
            continue
        if asked is not None and asked.entry is not entry:
            yield asked
            asked = None
        asked = asked or Asked(entry, {})
        asked.moments[backup.disk] = backup.moment
    if asked is not None:
        yield asked


def _checkpoints(timeline: Timeline) -> Iterator[Asked]:
    """Yield the checkpoints that are started without a backup."""
    for entry, checkpoint in timeline.made_checkpoints():
        if isinstance(entry.request, StartCheckpoint):
            yield Asked(entry, dict(checkpoint.moments))


def _rounds(timeline: Timeline, requests: Iterator[Asked]) -> Iterator[list[Asked]]:
    """Yield requests that together take all disks of a machine, and were never so at one time."""
    asked: list[Asked] = []
    for each in requests:
        disks = {disk.name for disk in each.entry.before.disks if disk.chain}
        taken = {name for one in asked for name in one.moments}
        if len(disks) < 2 or disks <= each.moments.keys():
            asked = []
            continue
        if taken & each.moments.keys():
            asked, taken = [], set()
        asked.append(each)
        if disks <= taken | each.moments.keys():
            if not _were_together(timeline, asked):
                yield asked
            asked = []


def _were_together(timeline: Timeline, asked: list[Asked]) -> bool:
    """Whether the machine was ever as some requests took its disks, by content: at one of them,
    before an image had frozen that one of them read, or between two of them."""
    moments = {name: moment for each in asked for name, moment in each.moments.items()}
    names = tuple(sorted(moments))
    key = f"together: {' '.join(names)}"
    known = timeline.memo.get(key)
    if not isinstance(known, dict):
        first: dict[object, int] = {}
        for together, number in timeline.states_together(names).items():
            first.setdefault(_states(timeline, names, together), number)
        known = timeline.memo[key] = first
    taken = _states(timeline, names, tuple(moments[name] for name in names))
    last = asked[-1].entry.number
    return bool(known.get(taken, last + 1) <= last)


def _states(
    timeline: Timeline, names: tuple[str, ...], moments: tuple[int, ...]
) -> tuple[tuple[bool, int], ...]:
    """Return a value for each disk that is equal where it was alike: of what nobody looked at, only
    at the same moment."""
    nodes = map(history_of(timeline).node, names, moments)
    return tuple((n is None, m if n is None else n) for n, m in zip(nodes, moments, strict=True))
