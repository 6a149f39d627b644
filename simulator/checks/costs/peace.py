"""The rule about a guest that waits in vain: BT504."""

from collections.abc import Iterator

from simulator.checks.rule import Rule, relate, rule
from simulator.diagnostics import Finding, Severity, Span
from simulator.model.operations import (
    AddOverlay,
    CorruptBackup,
    DropBackup,
    FreezeGuest,
    GuestDiscard,
    GuestWrite,
    RunBackup,
    StackBackups,
    ThawGuest,
)
from simulator.model.requests import Expect, Snapshot, StartCheckpoint, TakeBackup
from simulator.schedule.durations import write_duration
from simulator.timeline import Entry, Timeline

BESIDE = (
    GuestWrite,
    GuestDiscard,
    Expect,
    FreezeGuest,
    ThawGuest,
    DropBackup,
    CorruptBackup,
    StackBackups,
)
"""What may happen while a guest is frozen, and is no reason to freeze it."""


@rule("BT504", "freeze-without-thaw", Severity.ERROR)
def freeze_without_thaw(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds guests whose file systems are frozen and never thawed, or thawed before the point in time
    was taken.

    ## Why is this wrong?
    While its file systems are frozen, all that the guest writes waits, and so do its programs. One
    that nobody thaws hangs. One that is thawed too early, by a step or by an agent that waits no
    longer, has waited for nothing: the backup is as good as after a crash, and no better.

    ## Example
    ```yaml
    scenario: the guest thaws by itself before the snapshot is taken
    model: libvirt
    disk: 8
    timeline:
      - {at: 0s, do: [create: S1]}
      - write: AAAA----
      - {at: 1m, do: [freeze, {thaw: {after: 10s}}]}
      - {at: 1m15s, do: [snapshot: S2]}
    ```

    ## Use instead
    ```yaml
    scenario: the snapshot is taken while the guest is frozen
    model: libvirt
    disk: 8
    timeline:
      - {at: 0s, do: [create: S1]}
      - write: AAAA----
      - {at: 1m, do: [freeze, {thaw: {after: 10s}}]}
      - {at: 1m5s, do: [{snapshot: S2}, thaw]}
    ```

    ## Source
    QEMU's guest agent, `guest-fsfreeze-freeze`: on Windows a freeze ends by itself after ten
    seconds. `virsh snapshot-create-as --quiesce` freezes and thaws around the snapshot.
    """
    early: dict[Span | int, list[tuple[Entry, Entry, Entry]]] = {}
    frozen: Entry | None = None
    for entry in timeline.entries:
        if entry.before.frozen == entry.after.frozen:
            continue
        if entry.after.frozen:
            frozen = entry
        elif frozen is not None:
            point = _late_point(timeline, frozen, entry)
            if point is not None and frozen.statement is not None:
                found = early.setdefault(frozen.statement.span or frozen.number, [])
                found.append((frozen, entry, point))
            frozen = None
    for turns in early.values():
        yield _too_early(self, timeline, *turns[0], more=len(turns) - 1)
    if frozen is not None:
        yield self.found(
            frozen,
            "the guest's file systems are frozen and never thawed",
            label="from here on its writes wait",
            notes=(
                f"it waits {_waited(timeline, frozen, _end(timeline))}until the end of the run",
            ),
            help="thaw as soon as the point in time is taken",
            turns=True,
        )


def _late_point(timeline: Timeline, frozen: Entry, thawed: Entry) -> Entry | None:
    """Return what was taken just after a thaw, where nothing was while the guest was frozen.

    Just after is no later than the freeze was long: a guest may be frozen for other reasons.
    """
    if not isinstance(thawed.request, ThawGuest):
        return None
    between = timeline.entries[frozen.number + 1 : thawed.number]
    if any(_counts(entry) for entry in between):
        return None
    latest = thawed.tick + (thawed.tick - frozen.tick)
    for entry in timeline.entries[thawed.number + 1 :]:
        if isinstance(entry.request, FreezeGuest) or entry.tick > latest:
            return None
        if _counts(entry):
            return entry if entry.refusal is None and _takes_point(entry) else None
    return None


def _counts(entry: Entry) -> bool:
    """Whether something is asked of the host that a guest may be frozen for."""
    return entry.statement is not None and not isinstance(entry.request, BESIDE)


def _takes_point(entry: Entry) -> bool:
    """Whether a request takes a point in time, or tries to."""
    if isinstance(entry.request, TakeBackup | StartCheckpoint | Snapshot):
        return True
    return any(isinstance(each, RunBackup | AddOverlay) for each in entry.operations)


def _too_early(
    self: Rule, timeline: Timeline, frozen: Entry, thawed: Entry, point: Entry, *, more: int
) -> Finding:
    assert point.statement is not None and isinstance(thawed.request, ThawGuest), "both are steps"
    itself = thawed.tick > frozen.tick and _by_itself(timeline, thawed)
    return self.found(
        frozen,
        f"the guest is thawed before the {point.statement.verb} {timeline.when(point)} is taken",
        label="nothing is taken while it is frozen",
        notes=(
            f"it waits {_waited(timeline, frozen, thawed.tick)}for nothing",
            "what is taken then is as after a crash: its programs were at work",
            *([f"{more:,} more of this schedule's turns do so"] if more > 1 else []),
            *(["one more of this schedule's turns does so"] if more == 1 else []),
        ),
        turns=True,
        related=(
            relate(timeline, thawed, f"it thaws {'by itself ' if itself else ''}here"),
            relate(timeline, point, "the point in time is taken here"),
        ),
        help="take it before the guest is thawed",
    )


def _by_itself(timeline: Timeline, thawed: Entry) -> bool:
    """Whether a thaw is the end of one that was asked for earlier."""
    assert thawed.statement is not None, "it is a step"
    return any(
        isinstance(entry.request, ThawGuest)
        and entry.request.after
        and entry.statement is not None
        and entry.statement.span == thawed.statement.span
        for entry in timeline.entries[: thawed.number]
    )


def _waited(timeline: Timeline, frozen: Entry, until: int) -> str:
    """Return how long a guest waited, and a space; nothing where instants are names."""
    return f"{write_duration(until - frozen.tick)} " if timeline.script.timed else ""


def _end(timeline: Timeline) -> int:
    """Return the last tick of a run."""
    ends = [frame.tick for frame in timeline.frames[-1:]]
    return max([*ends, *(guest.end for guest in timeline.script.guests)], default=0)
