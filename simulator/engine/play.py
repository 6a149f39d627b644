"""Plays a script to its end and records the timeline. The only door to SimPy."""

from collections.abc import Generator

import simpy

from simulator.apis.base import ApiModel
from simulator.engine.feed import Reader
from simulator.model.disk import Disk
from simulator.model.machine import Machine
from simulator.model.operations import Refusal
from simulator.model.requests import RedefineCheckpoint, StartCheckpoint, TakeBackup
from simulator.model.transitions import apply, apply_all
from simulator.model.values import replace
from simulator.timeline import Entry, Frame, Instant, Script, Statement, Timeline


def play(script: Script, model: ApiModel) -> Timeline:
    """Run a script to its end under an API model. Equal scripts give equal timelines.

    The guest has no events: its workloads are arrays, and whoever looks at a disk lets its state
    catch up to now. A guest write at the very tick of an instant comes before the instant.
    """
    recorder = _Recorder(script, model)
    env = simpy.Environment()

    def host() -> Generator[simpy.Event, None, None]:
        for instant in script.instants:
            yield env.timeout(instant.tick - env.now)
            recorder.catch_up(int(env.now))
            recorder.perform(instant)
        recorder.finish()

    env.process(host())
    env.run()
    return recorder.timeline()


class _Recorder:
    """The machine as it is now, and the record of how it came to be so."""

    def __init__(self, script: Script, model: ApiModel) -> None:
        self._script = script
        self._model = model
        self._readers = [Reader(feed) for feed in script.feeds]
        fed = [feed.disk for feed in script.feeds]
        assert len(fed) == len(set(fed)), "one feed a disk: a disk's writes have one order"
        self._entries: list[Entry] = []
        self._frames: list[Frame] = []
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

    def catch_up(self, tick: int | None) -> None:
        """Let every workload write up to and including a tick; None for all that is left."""
        for reader in self._readers:
            length = self._machine.disk(reader.disk).length
            write = reader.read_until(tick, length)
            if write is None:
                continue
            before = self._machine
            outcome = apply(before, write)
            refusal = outcome if isinstance(outcome, Refusal) else None
            self._machine = before if isinstance(outcome, Refusal) else outcome
            self._entries.append(
                Entry(
                    number=len(self._entries),
                    instant=None,
                    statement=None,
                    before=before,
                    after=self._machine,
                    operations=(write,),
                    refusal=refusal,
                )
            )

    def perform(self, instant: Instant) -> None:
        """Do an instant's statements in their order, and record the frame at its end."""
        self._machine = replace(self._machine, at=instant.label)
        for statement in instant.statements:
            self._state(statement, instant.label)
        if instant.label is not None or instant is self._script.instants[-1]:
            self._frames.append(
                Frame(
                    label=instant.label,
                    tick=instant.tick,
                    machine=self._machine,
                    entries=len(self._entries),
                )
            )

    def finish(self) -> None:
        """Let the workloads write what is left, and record a frame of it."""
        recorded = len(self._entries)
        self.catch_up(None)
        if len(self._entries) > recorded:
            last = self._frames[-1].tick if self._frames else 0
            ticks = [reader.last_tick for reader in self._readers]
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
