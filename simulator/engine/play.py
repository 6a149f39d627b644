"""Plays a script to its end and records the timeline. The only door to SimPy."""

from collections.abc import Generator, Iterable

import simpy

from simulator.apis.base import ApiModel
from simulator.engine.agenda import Agenda
from simulator.engine.feed import readers_of
from simulator.engine.schedules import Schedules
from simulator.model.disk import Disk
from simulator.model.machine import Machine, Power
from simulator.model.operations import GuestDiscard, GuestWrite, Operation, Refusal, ThawGuest
from simulator.model.requests import RedefineCheckpoint, StartCheckpoint, TakeBackup
from simulator.model.transitions import apply_all
from simulator.model.values import replace
from simulator.timeline import Entry, Frame, Instant, Script, Statement, Timeline


def play(script: Script, model: ApiModel) -> Timeline:
    """Run a script to its end under an API model. Equal scripts give equal timelines.

    The guest has no events: its workloads are arrays, and whoever looks at a disk lets its state
    catch up to now. At one tick the guest writes first, then jobs end, then the file's steps are
    done in its order.
    """
    agenda = Agenda(script.instants)
    recorder = _Recorder(script, model, agenda)
    env = simpy.Environment()

    def host() -> Generator[simpy.Event, None, None]:
        while (tick := agenda.next_tick()) is not None:
            yield env.timeout(tick - env.now)
            recorder.live(tick)
        recorder.finish()

    env.process(host())
    env.run()
    return recorder.timeline()


class _Recorder:
    """The machine as it is now, and the record of how it came to be so."""

    def __init__(self, script: Script, model: ApiModel, agenda: Agenda) -> None:
        self._script = script
        self._model = model
        self._agenda = agenda
        self._readers = readers_of(script)
        self._schedules = Schedules()
        self._waiting: list[tuple[int, Statement]] = []
        self._entries: list[Entry] = []
        self._frames: list[Frame] = []
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
            )
        )

    def live(self, tick: int) -> None:
        """Let everything happen that is due at a tick."""
        self._tick = tick
        self._let_write(tick)
        ends, instants = self._agenda.take(tick)
        if ends:
            first = next((each.label for each in instants if each.label is not None), None)
            self._perform(Instant(first or self._label(tick), tick, tuple(ends)))
        for instant in instants:
            if self._schedules.may(instant, self._machine):
                self._perform(instant)
        while (late := self._schedules.released(self._machine)) is not None:
            self._perform(late._replace(label=self._label_now(instants), tick=tick))

    def _label_now(self, instants: Iterable[Instant]) -> str:
        """Return the label of what happens now and has none of its own."""
        if self._frames and self._frames[-1].tick == self._tick and self._frames[-1].label:
            return self._frames[-1].label
        there = (each.label for each in instants if each.label is not None)
        return next(there, None) or self._label(self._tick)

    def _label(self, tick: int) -> str:
        """Return the label of an instant that nobody wrote."""
        if self._script.dated and self._script.clock is not None:
            return self._script.clock.write(tick)
        from simulator.schedule.durations import write_duration

        return write_duration(tick)

    def _let_write(self, tick: int | None) -> None:
        """Let every workload write up to and including a tick; None for all that is left.

        Guests whose file systems are frozen wait. Where no guest runs, and before a disk has an
        image, there are no writes; those of the very tick at which it gets one come after that.
        """
        if self._machine.frozen:
            return
        for since, statement in self._waiting:
            self._write(since)
            self._state(statement, None)
        self._waiting.clear()
        self._write(tick)

    def _write(self, tick: int | None) -> None:
        for reader in self._readers:
            disk = self._machine.disk(reader.disk)
            if not disk.chain:
                reader.skip(tick - 1 if tick is not None else None)
            elif self._machine.power is not Power.RUNNING:
                reader.skip(tick)
            else:
                self._record(reader.read(tick, disk.length))

    def _record(self, operations: tuple[Operation, ...]) -> None:
        """Do what a workload does in a stretch, and note it."""
        if not operations:
            return
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
            )
        )

    def _perform(self, instant: Instant) -> None:
        """Do an instant's statements in their order, and record the frame at its end."""
        self._machine = replace(self._machine, at=instant.label)
        running = self._machine.jobs
        for statement in instant.statements:
            if self._machine.frozen and isinstance(statement.request, GuestWrite | GuestDiscard):
                self._waiting.append((self._tick, statement))
                continue
            self._state(statement, instant.label)
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
        )
        last = self._frames[-1] if self._frames else None
        if last is not None and (last.label, last.tick) == (frame.label, frame.tick):
            self._frames.pop()
        self._frames.append(frame)

    def finish(self) -> None:
        """Let the workloads write what is left, and record a frame of it."""
        recorded = len(self._entries)
        self._let_write(None)
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
        statement = _with_disks(statement, before)
        plan = self._model.plan(before, statement.request)
        outcome = plan if isinstance(plan, Refusal) else apply_all(before, plan)
        refused = isinstance(outcome, Refusal)
        if not isinstance(outcome, Refusal):
            self._machine = outcome
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
            )
        )
        if refused:
            for other in statement.otherwise:
                self._state(other, label)
        elif statement.ending is not None:
            delay, end = statement.ending
            self._agenda.add(self._tick + delay, end)

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
        )


def _with_disks(statement: Statement, machine: Machine) -> Statement:
    """Return a statement about all disks as one about those that the machine has then."""
    request = statement.request
    if not isinstance(request, TakeBackup | StartCheckpoint | RedefineCheckpoint) or request.disks:
        return statement
    there = tuple(disk.name for disk in machine.disks if disk.chain)
    return statement._replace(request=request._replace(disks=there or (machine.disks[0].name,)))
