"""Turns of schedules while the jobs of the turn before still run."""

from collections import deque

from simulator.model.machine import Job, Machine
from simulator.timeline import Instant


class Schedules:
    """Which jobs each schedule started last, and which of its turns wait for their ends."""

    def __init__(self) -> None:
        self._started: dict[int, set[str]] = {}
        self._waiting: dict[int, deque[Instant]] = {}

    def may(self, instant: Instant, machine: Machine) -> bool:
        """Return whether something may happen now; what is to wait is taken over."""
        turn = instant.turn
        if turn is None:
            return True
        from simulator.schedule.turns import Overlap

        if turn.overlap is Overlap.REFUSE:
            return True
        waiting = self._waiting.setdefault(turn.schedule, deque())
        if not waiting and not self._running(turn.schedule, machine):
            return True
        if turn.overlap is Overlap.QUEUE:
            waiting.append(instant)
        return False

    def released(self, machine: Machine) -> Instant | None:
        """Return the next turn that need not wait any longer; None where there is none."""
        for schedule, waiting in self._waiting.items():
            if waiting and not self._running(schedule, machine):
                return waiting.popleft()
        return None

    def note(self, instant: Instant, before: tuple[Job, ...], after: tuple[Job, ...]) -> None:
        """Take in which jobs a turn started."""
        if instant.turn is None:
            return
        known = {job.name for job in before}
        started = {job.name for job in after if job.name not in known}
        self._started[instant.turn.schedule] = started

    def _running(self, schedule: int, machine: Machine) -> bool:
        started = self._started.get(schedule, set())
        return any(job.name in started for job in machine.jobs)
