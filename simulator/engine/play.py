"""Plays a script to its end and records the timeline. The only door to SimPy."""

import gc
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import simpy

from simulator.apis import host_for, on_host
from simulator.apis.base import ApiModel
from simulator.diagnostics import Span
from simulator.engine.agenda import Agenda
from simulator.engine.feed import Part, Reader, put_together, readers_of
from simulator.engine.schedules import Schedules
from simulator.model.disk import Disk
from simulator.model.machine import Machine, Power
from simulator.model.operations import (
    GuestDiscard,
    GuestWrite,
    Operation,
    Refusal,
    ThawGuest,
    writes_of,
)
from simulator.model.requests import (
    FinishJobs,
    Qmp,
    RedefineCheckpoint,
    StartCheckpoint,
    TakeBackup,
)
from simulator.model.transitions import apply_all
from simulator.model.values import replace
from simulator.moves import Progress
from simulator.releases.changes import semantics_of
from simulator.releases.hosts import Host
from simulator.releases.semantics import Semantics
from simulator.timeline import Entry, Frame, Instant, Script, Statement, Timeline

if TYPE_CHECKING:
    from simulator.engine.moves import Moves
    from simulator.schedule.turns import Turn


MANY = 10_000
"""Values that a run has made, where they are many."""


def play(script: Script, model: ApiModel, semantics: Semantics | None = None) -> Timeline:
    """Run a script to its end under an API model. Equal scripts give equal timelines.

    The guest has no events: its workloads are arrays, and whoever looks at a disk lets its state
    catch up to now. At one tick the guest writes first, then jobs end, then the file's steps are
    done in its order.

    Args:
        semantics: What its host does; None for what the record says of it.
    """
    agenda = Agenda(script.instants)
    recorder = _Recorder(script, model, agenda, semantics)
    env = simpy.Environment()

    def host() -> Generator[simpy.Event, None, None]:
        while (tick := recorder.next_tick()) is not None:
            yield env.timeout(tick - env.now)
            recorder.live(tick)
        recorder.finish()

    env.process(host())
    with _uncollected():
        env.run()
    return recorder.timeline()


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let the garbage collector wait: what a run makes is kept, and has no circles.

    Where that is much, it is looked at once afterwards, and counts as old then.
    """
    waits = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if waits:
            gc.enable()
            if gc.get_count()[0] > MANY:
                gc.collect(1)


class _Recorder:
    """The machine as it is now, and the record of how it came to be so."""

    def __init__(
        self, script: Script, model: ApiModel, agenda: Agenda, semantics: Semantics | None
    ) -> None:
        self._script = script
        self._model = model
        self._host = host_for(model, script.host)
        self._agenda = agenda
        self._readers = readers_of(script)
        self._moves = _moves_of(script, agenda)
        self._schedules = Schedules()
        self._waiting: list[tuple[int, Statement]] = []
        self._turn: Turn | None = None
        self._entries: list[Entry] = []
        self._frames: list[Frame] = []
        self._starts: dict[str, Span | None] = {}
        self._tick = 0
        self._machine = self._start = Machine(
            disks=tuple(
                Disk(
                    name=shape.name,
                    length=shape.length,
                    cluster_size=shape.cluster_size,
                    lacks=shape.lacks,
                )
                for shape in script.disks
            ),
            semantics=semantics or semantics_of(self._host),
        )

    def next_tick(self) -> int | None:
        """Return when something happens next; None where nothing does any more."""
        ticks = [self._agenda.next_tick()]
        if self._moves is not None:
            ticks.append(self._moves.next_tick(self._tick, self._machine))
        return min((tick for tick in ticks if tick is not None), default=None)

    def live(self, tick: int) -> None:
        """Let everything happen that is due at a tick."""
        self._tick = tick
        frozen = self._machine.frozen
        if not frozen:
            self._write(tick)
        ended = self._moves.ends(tick, self._machine) if self._moves is not None else []
        ends, instants = self._agenda.take(tick)
        ends = [each for each in ends if _is_due(each, self._machine)]
        done = self._moves is not None and self._moves.ended_by_themselves == tick
        if ended or ends or done:
            self._perform(Instant(self._label_now(instants), tick, (*ended, *ends)))
        for instant in instants:
            if self._schedules.may(instant, self._machine):
                self._perform(instant)
        while (late := self._schedules.released(self._machine)) is not None:
            self._perform(late._replace(label=self._label_now(instants), tick=tick))
        if (frozen or self._waiting) and not self._machine.frozen:
            self._catch_up()

    def _label_now(self, instants: Iterable[Instant]) -> str:
        """Return the label of what happens now and has none of its own."""
        if self._frames and self._frames[-1].tick == self._tick and self._frames[-1].label:
            return self._frames[-1].label
        there = (each.label for each in instants if each.label is not None)
        return next(there, None) or self._script.write_tick(self._tick)

    def _catch_up(self) -> None:
        """Let guests write what waited for the end of a freeze, all of it now."""
        if self._moves is not None:
            self._moves.settle(self._tick)
        for since, statement in self._waiting:
            self._write(since, now=self._tick)
            self._state(statement, None)
        self._waiting.clear()
        self._write(self._tick, now=self._tick)

    def _write(self, tick: int | None, *, now: int | None = None) -> None:
        """Let every workload write up to and including a tick.

        Where no guest runs, and before a disk has an image, there are no writes; those of the very
        tick at which it gets one come after that.

        Args:
            tick: None for all that is left.
            now: When the writes happen, if they have waited; None for their own ticks.
        """
        for reader in self._readers:
            disk = self._machine.disk(reader.disk)
            if not disk.chain:
                reader.skip(tick - 1 if tick is not None else None)
            elif self._machine.power is not Power.RUNNING or self._machine.ending:
                reader.skip(tick)
            else:
                self._read(reader, tick, now)

    def _read(self, reader: Reader, tick: int | None, now: int | None) -> None:
        """Let a disk's workloads write; the jobs whose bytes take time see each write."""
        done: list[Part] = []
        for part in reader.read(tick, self._machine):
            end = part.end if now is None else now
            if self._record(part.operations, self._tick if end is None else end):
                done.append(part)
        if done and self._moves is not None:
            ticks, clusters, _, writes = put_together(done)
            there = ticks if now is None else [now] * len(ticks)
            self._moves.wrote(reader.disk, there, clusters, writes)
            self._moves.copies.meet(self._machine, reader.disk, done, now)

    def _record(self, operations: tuple[Operation, ...], tick: int) -> bool:
        """Do what a workload does in a stretch, note it, and return whether it could be done."""
        before = self._machine
        outcome = apply_all(before, operations)
        refusal = outcome if isinstance(outcome, Refusal) else None
        self._machine = before if isinstance(outcome, Refusal) else outcome
        self._entries.append(
            Entry(
                number=len(self._entries),
                instant=None,
                statement=None,
                before=before,
                after=self._machine,
                operations=operations,
                refusal=refusal,
                tick=tick,
            )
        )
        return refusal is None

    def _perform(self, instant: Instant) -> None:
        """Do an instant's statements in their order, and record the frame at its end."""
        self._machine = replace(self._machine, at=instant.label)
        running = self._machine.jobs
        self._turn = instant.turn
        for statement in instant.statements:
            if self._machine.frozen and isinstance(statement.request, GuestWrite | GuestDiscard):
                self._waiting.append((self._tick, statement))
                continue
            self._state(statement, instant.label)
        self._turn = None
        self._schedules.note(instant, running, self._machine.jobs)
        if instant.label is not None or instant is self._script.instants[-1]:
            self._end(instant)

    def _end(self, instant: Instant) -> None:
        """Record the frame at the end of an instant; of one label and time there is one."""
        frame = Frame(
            label=instant.label,
            tick=instant.tick,
            machine=self._machine,
            entries=len(self._entries),
            progress=self._progress(),
        )
        last = self._frames[-1] if self._frames else None
        if last is not None and (last.label, last.tick) == (frame.label, frame.tick):
            self._frames.pop()
        self._frames.append(frame)

    def _progress(self) -> tuple[Progress, ...]:
        if self._moves is None:
            return ()
        self._moves.settle(self._tick)
        return self._moves.progress(self._tick)

    def finish(self) -> None:
        """Let the workloads write what is left, and record a frame of it."""
        if not self._machine.frozen:
            self._write(None)
        recorded = self._frames[-1].entries if self._frames else 0
        if len(self._entries) > recorded:
            last = self._frames[-1].tick if self._frames else 0
            ticks = [reader.last_tick for reader in self._readers]
            ticks += [guest.end for guest in self._script.guests]
            self._frames.append(
                Frame(
                    label=None,
                    tick=max([last, *ticks]),
                    machine=replace(self._machine, at=None),
                    entries=len(self._entries),
                )
            )

    def _state(self, statement: Statement, label: str | None) -> None:
        before = self._machine
        statement = self._own(_as_it_is(statement, before))
        if self._moves is not None:
            statement = self._moves.judged(statement)
        plan = self._model.plan(before, statement.request)
        if self._moves is not None and not isinstance(plan, Refusal):
            before = self._moves.stopped(before, plan, self._tick)
        outcome = plan if isinstance(plan, Refusal) else apply_all(before, plan)
        refused = isinstance(outcome, Refusal)
        if not isinstance(outcome, Refusal):
            if self._moves is not None and statement.moving is not None:
                outcome = self._moves.taken_over(before, outcome)
            self._machine = outcome
            self._note_starts(statement, before)
        if before.frozen and not self._machine.frozen:
            self._end_freeze(statement)
        self._entries.append(
            Entry(
                number=len(self._entries),
                instant=label,
                statement=statement,
                before=before,
                after=self._machine,
                operations=() if isinstance(plan, Refusal) or refused else plan,
                refusal=outcome if isinstance(outcome, Refusal) else None,
                attempted=() if isinstance(plan, Refusal) or not refused else plan,
                tick=self._tick,
                turn=self._turn,
            )
        )
        if self._moves is not None and not refused:
            self._move(statement, before)
        if refused:
            for other in statement.otherwise:
                self._state(other, label)
        else:
            for delay, end in statement.endings:
                self._agenda.add(self._tick + delay, end)

    def _note_starts(self, statement: Statement, before: Machine) -> None:
        """Note which jobs a statement has started."""
        if self._machine.jobs is not before.jobs:
            begun = self._machine.job_names - before.job_names
            self._starts.update(dict.fromkeys(begun, statement.span))

    def _own(self, statement: Statement) -> Statement:
        """Return a statement that ends no jobs of other steps, which have the same names."""
        request = statement.request
        if not isinstance(request, FinishJobs) or statement.span is None:
            return statement
        running, span, starts = self._machine.job_names, statement.span, self._starts
        own = tuple(j for j in request.jobs if j not in running or starts.get(j, span) == span)
        return statement._replace(request=request._replace(jobs=own))

    def _move(self, statement: Statement, before: Machine) -> None:
        """Let jobs go on their way that a statement started, and note those that it ended."""
        assert self._moves is not None, "there are jobs whose bytes take time"
        operations, after = self._entries[-1].operations, self._machine
        if statement.moving is not None:
            self._moves.begin(statement, before, after, self._tick, len(self._entries) - 1)
        self._moves.end(before, after, operations, self._tick)
        self._moves.copies.turn(before, after, self._tick)
        for operation in operations:
            if isinstance(operation, GuestWrite | GuestDiscard):
                disk = after.disk(operation.disk) if operation.disk else after.disks[0]
                if self._moves.watches(disk.name):
                    clusters, writes = writes_of(operation)
                    ticks = [self._tick] * len(clusters)
                    self._moves.wrote(disk.name, ticks, clusters, writes)

    def _end_freeze(self, statement: Statement) -> None:
        """Forget what the guest could not write any more, unless it was thawed."""
        if isinstance(statement.request, ThawGuest):
            return
        self._waiting.clear()
        for reader in self._readers:
            reader.skip(self._tick)

    def timeline(self) -> Timeline:
        """Return the record."""
        return Timeline(
            script=self._script,
            model=self._model.id,
            draws_zeroes=self._model.draws_zeroes,
            start=self._start,
            entries=tuple(self._entries),
            frames=tuple(self._frames),
            plan=self._model.plan,
            family=self._model.family,
            moves=self._moves.record() if self._moves is not None else (),
            host=self._host,
            half=self._model.half,
            elsewhere=partial(_elsewhere, self._script, self._model),
        )


def _elsewhere(
    script: Script, model: ApiModel, host: Host, semantics: Semantics | None = None
) -> Timeline:
    return play(script, on_host(model, host), semantics)


def _is_due(statement: Statement, machine: Machine) -> bool:
    """Whether what comes by itself still finds what it is about: a job may have ended before."""
    request = statement.request
    return not isinstance(request, FinishJobs) or not machine.job_names.isdisjoint(request.jobs)


def _moves_of(script: Script, agenda: Agenda) -> "Moves | None":
    """Return who looks after jobs whose bytes take time; None where a script has none."""
    if not script.timed:
        return None
    statements = (each for instant in script.instants for each in instant.statements)
    moving = any(
        each.moving is not None or any(other.moving is not None for other in each.otherwise)
        for each in statements
    )
    if not moving and script.faults is None:
        return None
    from simulator.engine.chance import chance_of
    from simulator.engine.moves import Moves

    return Moves(script.resources, chance_of(script, agenda))


def _as_it_is(statement: Statement, machine: Machine) -> Statement:
    """Return a statement as the machine takes it then.

    One about all disks is about those that there are, and a command is read by the QEMU that runs.
    """
    request = statement.request
    if isinstance(request, Qmp) and request.newer:
        return statement._replace(request=request.on(machine.semantics.qemu))
    if not isinstance(request, TakeBackup | StartCheckpoint | RedefineCheckpoint) or request.disks:
        return statement
    there = tuple(disk.name for disk in machine.disks if disk.chain)
    return statement._replace(request=request._replace(disks=there or (machine.disks[0].name,)))
