"""The actions of operations that happen together, as they are gathered. Pure."""

from collections.abc import Mapping

from simulator.model.operations import BitmapKey
from simulator.moves import Key
from simulator.qemu.actions import Action, AwaitJobs, Command
from simulator.qemu.names import Names
from simulator.qemu.stops import Stop


class Work:
    """Gathers the actions of operations that happen together.

    Whatever can be part of a transaction waits for its neighbours; files and nodes that it needs
    are made before it, and what must wait for its jobs comes after it.

    Attributes:
        names: What the real thing calls images, bitmaps and backups.
        stops: How jobs are stopped that start or end here.
        before: What the transaction needs.
        together: The commands of the transaction that is being gathered.
        properties: Of that transaction.
        jobs: Those that it starts, to be waited for.
        after: What comes when they have ended.
        in_use: Bitmaps that it uses already.
    """

    def __init__(self, names: Names, stops: Mapping[Key, Stop] | None = None) -> None:
        self.names = names
        self.stops = stops or {}
        self.before: list[Action] = []
        self.together: list[Command] = []
        self.properties: dict[str, str] = {}
        self.jobs: list[str] = []
        self.after: list[Action] = []
        self.in_use: set[BitmapKey] = set()
        self._done: list[Action] = []

    def finish(self) -> tuple[Action, ...]:
        """Return all actions, in the order in which they are to be done."""
        self.flush()
        return tuple(self._done)

    def do(self, *actions: Action) -> None:
        """Add actions that are part of no transaction."""
        self.flush()
        self._done += actions

    def flush(self) -> None:
        """End the transaction that is being gathered."""
        self._done += self.before
        if len(self.together) == 1:
            self._done += self.together
        elif self.together:
            listed = [{"type": c.execute, "data": dict(c.arguments)} for c in self.together]
            properties = {"properties": self.properties} if self.properties else {}
            self._done.append(Command("transaction", {"actions": listed, **properties}))
        if self.jobs:
            self._done.append(AwaitJobs(tuple(self.jobs)))
        self._done += self.after
        self.before, self.together, self.jobs, self.after = [], [], [], []
        self.properties = {}
        self.in_use.clear()
