"""What happened in a run, read off its document: plain data, and no word of any rule.

Disks and backups are strings, one character a cluster; a step is known by its number.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from tests.judging.drawing import CLUSTER_BYTES, FIRST_LINE, Story, instant

Document = Mapping[str, Any]
Key = tuple[str, str, str]
"""A bitmap: its disk, node and name."""


class Window(NamedTuple):
    """What a bitmap says: the clusters written from *start* on, up to *end* or to now.

    Both are steps whose state its image shows. What was added to an image that nobody writes is
    *void*: it stands for no stretch at all.
    """

    start: int
    end: int | None = None
    void: bool = False


class Made(NamedTuple):
    """A backup of one disk as it was made.

    Attributes:
        begun, done: The numbers of the steps at which its data was fixed, and it was complete.
        gone: That at which it was deleted or written over; the number of all steps for never.
        step: The request: the arguments of ``backup``, ``copy`` or ``blockdev-backup``.
        sound: Whether its content is to be relied on; that of a copy under a writing guest is not.
        whole: Whether it hides all that lies below it: a full one, or what was written over one.
        stopped: Whether its job failed or was cancelled: it did what a bad end does to its bitmap.
        partly: Whether it holds a part only of what it was to, and somebody knows which.
    """

    name: str
    disk: str
    kind: str
    cells: str
    begun: int
    done: int
    gone: int
    step: Mapping[str, Any]
    sound: bool
    whole: bool
    stopped: bool = False
    partly: bool = False


class Record:
    """A run as it was, step by step.

    Attributes:
        frames: The state after each step.
        codes: Of the findings at each step, one for each.
        said: The same as sets.
        refused: Whether the host turned a step down.
        running: Whether the machine ran before each step.
        made: All backups that hold what they were to, in the order of their steps.
        parts: Those that hold a part of it: they claim nothing, and can be stacked.
        left: The name and disk of each failed job's target, and the step that writes over it.
        windows: The stretch that each bitmap stands for before each step: when jobs that were to
            end at its instant have ended.
        born: The step at which an image came, by disk and name, as of each step.
    """

    def __init__(self, story: Story, play: Callable[[Story], Document]) -> None:
        """Read a run.

        Args:
            play: Returns the run document of a story.
        """
        self.story, self.play = story, play
        self.count = len(story.steps)
        self.document = play(story)
        self.number = {step.label: number for number, step in enumerate(story.steps)}
        self.frames = [frame["disks"] for frame in self.document["frames"]]
        self.points = [
            {point["name"]: self.number.get(point["at"]) for point in frame["checkpoints"]}
            for frame in self.document["frames"]
        ]
        self.codes: list[list[str]] = [[] for _ in story.steps]
        self.refused = [False] * self.count
        for finding in self.document["findings"]:
            number = (finding["line"] or 0) - FIRST_LINE
            if 0 <= number < self.count:
                self.codes[number].append(finding["code"])
                self.refused[number] |= finding["refused"] is not None
        self.said = [set(codes) for codes in self.codes]
        self.running = list(self._running())
        self.born = list(self._born())
        self.made: list[Made] = []
        self.parts: list[Made] = []
        self.left: list[tuple[str, str, int]] = []
        self.made.extend(self._made())
        self.windows = list(self._windows())

    @cached_property
    def held(self) -> list[Made]:
        """All backups that can be stacked, in the order of their steps."""
        return sorted([*self.made, *self.parts], key=lambda made: made.begun)

    def verb(self, number: int) -> tuple[str, Mapping[str, Any]]:
        """Return the verb of a step and its arguments: a command of QEMU's under its own name."""
        if not self.story.steps[number].verb or self.refused[number]:
            return "", {}
        ((verb, arguments),) = self.story.steps[number].verb.items()
        return (
            (arguments["execute"], arguments["arguments"]) if verb == "qmp" else (verb, arguments)
        )

    def view(self, number: int, disk: str) -> str:
        """Return what the guest saw after a step; nothing where there was no disk yet."""
        state = self.frames[number][disk]
        return str(state["guest"]) if state["chain"] else ""

    def touched(self, number: int, disk: str) -> set[int]:
        """Return the clusters that a step wrote, whatever they held, or that read otherwise."""
        verb, told = self.verb(number)
        found = {
            cluster
            for cluster, (old, new) in enumerate(
                zip(self.view(max(number - 1, 0), disk), self.view(number, disk), strict=False)
            )
            if old != new
        }
        if verb in ("write", "zero", "discard") and told.get("disk", disk) == disk:
            if "cells" in told:
                found |= {n for n, cell in enumerate(told["cells"]) if cell != "-"}
            else:
                first = told["offset"] // CLUSTER_BYTES
                found |= set(range(first, first + told["length"] // CLUSTER_BYTES))
        return found

    def shown(self, number: int, disk: str, image: str) -> int:
        """Return the step whose state an image shows after a step: an image below is as it was
        when it froze, or, with what was committed into it since, when its overlay was made."""
        chains = [frame[disk]["chain"] for frame in self.frames[: number + 1]]
        active = [n for n, chain in enumerate(chains) if chain[-1:] == [image]]
        froze = min(active[-1] + 1, number) if active else number
        if image not in chains[-1] or froze == number:
            return froze
        place = chains[-1].index(image) + 1
        until = self.born[number][disk, chains[-1][place]]
        images = self.frames[number][disk]["images"]
        held = ""
        for name in chains[-1][:place]:
            held = stack(held, images[name])
        alike = (n for n in (froze, *range(until, -1, -1)) if self._is_like(n, disk, held))
        return next(alike, until)

    def _is_like(self, number: int, disk: str, held: str) -> bool:
        return self.view(number, disk).rstrip("-") == held.replace("0", "-").rstrip("-")

    def _running(self) -> Iterator[bool]:
        on = True
        for number in range(self.count):
            yield on
            verb, _ = self.verb(number)
            on = {"crash": False, "shutdown": False, "start": True}.get(verb, on)

    def _born(self) -> Iterator[dict[tuple[str, str], int]]:
        born: dict[tuple[str, str], int] = {}
        for number, frame in enumerate(self.frames[: self.count]):
            there = [(name, image) for name, disk in frame.items() for image in disk["chain"]]
            born = {key: born.get(key, number) for key in there}
            yield born

    def _made(self) -> Iterator[Made]:
        """Yield backups and copies that hold what they were to, and note the others."""
        hiding: set[tuple[str, str, int]] = set()
        for number in range(self.count):
            verb, told = self.verb(number)
            name = _target(verb, told)
            if name is None:
                continue
            gone = next(
                (n for n in range(number + 1, self.count) if self._ends(n, name)), self.count
            )
            document = self.play(self.story.cut(gone)) if gone < self.count else self.document
            done = self._done(number, name, told)
            for row, backup in document["backups"].items():
                here = backup["at"] == self.story.steps[number].label
                if not here or row.split("/")[0] != name:
                    continue
                later = range(number + 1, self.count)
                gone = next((n for n in later if self._ends(n, name, backup["disk"])), self.count)
                # Others make their file anew.
                over = verb == "blockdev-backup" and (name, backup["disk"], number) in hiding
                whole = backup["status"] == "completed" or backup.get("usable", False)
                full = whole and backup["kind"] == "full"
                made = Made(name, backup["disk"], backup["kind"], backup["cells"], number, done,
                            gone, told, not self._torn(number, backup, told), over or full,
                            backup["status"] in ("failed", "cancelled"),
                            backup.get("partly", False) and not whole)  # fmt: skip
                hiding |= {(name, made.disk, gone)} if made.whole else set()
                if whole:
                    yield made
                    continue
                self.left.append((name, backup["disk"], gone))
                if made.partly:
                    self.parts.append(made)

    def _done(self, number: int, name: str, told: Mapping[str, Any]) -> int:
        """Return the step at which a job had ended: as it was to, or cancelled, or with QEMU."""
        ends = {**told, **self.story.steps[number].beside}
        due = next((self.number[instant(ends[key])] for key in ("ends", "fails") if key in ends),
                   number)  # fmt: skip
        acts = ((n, *self.verb(n)) for n in range(number + 1, due))
        return next((n for n, verb, act in acts if verb in ("crash", "shutdown")
                     or (verb == "cancel" and act["job"] == name)), due)  # fmt: skip

    def _ends(self, number: int, name: str, disk: str | None = None) -> bool:
        """Whether a step deletes a backup, or writes over it: that of one disk, or of any."""
        verb, told = self.verb(number)
        image = told.get("device", told.get("image"))
        disks = told.get("disks", [*self.frames[number]])
        if isinstance(image, str):
            disks = [d for d, s in self.frames[number].items() if image in s["chain"]]
        over = _target(verb, told) == name and (disk is None or disk in disks)
        return over or (verb == "delete" and told.get("backup") == name)

    def _torn(self, number: int, backup: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
        chain = self.frames[number - 1][backup["disk"]]["chain"]
        active = bool(chain) and chain[-1] == told.get("image")
        held = bool(backup["cells"].strip("-"))
        return backup["kind"] == "copy" and self.running[number] and active and held

    def _windows(self) -> Iterator[dict[Key, Window]]:
        windows: dict[Key, Window] = {}
        for number, frame in enumerate(self.frames[: self.count]):
            verb, told = self.verb(number)
            before, windows = self._ended(number, windows, early=True), {}
            yield before
            for disk, state in frame.items():
                for bitmap in state["bitmaps"]:
                    key = (disk, bitmap["node"], bitmap["name"])
                    here = self.shown(number, disk, bitmap["node"])
                    old = before.get(key) or _inherited(before, key, verb, here)
                    if verb == "delete" and self._took(number, disk, bitmap, told):
                        old = _with_deleted(old, before, disk, told["checkpoint"])
                    live = bitmap["recording"] and bitmap["node"] == state["chain"][-1]
                    end = None if live else here if old.end is None else old.end
                    grown = number and here > self.shown(number - 1, disk, bitmap["node"])
                    if end is not None and bitmap["recording"] and grown:
                        end = max(end, here)  # By what was committed into it.
                    if self._begins(verb, told, key, state["chain"][-1:]):
                        old, end = Window(here), None if live else here
                    elif verb == "block-dirty-bitmap-merge" and _is_about(told, key):
                        keys = [(disk, each["node"], each["name"]) for each in told["bitmaps"]]
                        known = [before[each] for each in keys
                                 if each in before and not before[each].void]  # fmt: skip
                        old = Window(min([old.start, *(w.start for w in known)]))
                        ends = [number if w.end is None else w.end for w in known]
                        end = None if end is None else max(end, *ends, 0)
                    added = verb == "block-dirty-bitmap-add" and key not in before
                    void = (added or old.void) and old.start == end
                    windows[key] = Window(old.start, end, void)
            windows = self._ended(number, windows, early=False)

    def _took(
        self, number: int, disk: str, bitmap: Mapping[str, Any], told: Mapping[str, Any]
    ) -> bool:
        """Whether a bitmap names all that the one of its image did which went with a checkpoint."""
        before, name = self.frames[number - 1][disk]["bitmaps"], told.get("checkpoint")
        points, names = self.points[number - 1], {b["name"] for b in before}
        begun = points.get(str(name)) or 0
        older = {other: at for other, at in points.items()
                 if at is not None and at < begun and other in names}  # fmt: skip
        if bitmap["name"] != max(older, key=lambda other: older[other], default=None):
            return False  # Only the one before it takes it in.
        gone = [b["cells"] for b in before
                if (b["node"], b["name"]) == (bitmap["node"], name)]  # fmt: skip
        return bool(gone) and all(
            new != "-" or old == "-"
            for each in gone
            for new, old in zip(bitmap["cells"], each, strict=False)
        )

    def _begins(self, verb: str, told: Mapping[str, Any], key: Key, active: Sequence[str]) -> bool:
        """Whether a step clears a bitmap, or starts a consumer's tracking anew.

        A consumer is tracked on the active image: its namesakes below stay as they are.
        """
        if verb == "block-dirty-bitmap-clear":
            return _is_about(told, key)
        disk, node, name = key
        started = {"checkpoint": "name", "backup": "checkpoint"}.get(verb, "")
        here = node in active and disk in told.get("disks", [disk])
        return self.story.model == "qemu-single" and told.get(started) == name and here

    def _ended(
        self, number: int, windows: Mapping[Key, Window], *, early: bool
    ) -> dict[Key, Window]:
        """Return windows when jobs have ended, which cleared the bitmaps that they read through.

        Args:
            early: Whether those count that began before, or those that began in this step.
        """
        found = dict(windows)
        for made in self.made:
            if made.done == number and (made.begun < number) == early:
                for key in found:
                    if self._clears(made, key):
                        begun, end = self.shown(made.begun, *key[:2]), found[key].end
                        found[key] = Window(begun, None if end is None else max(end, begun))
        return found

    def _clears(self, made: Made, key: Key) -> bool:
        disk, node, name = key
        job, single = made.step, self.story.model == "qemu-single"
        through = job.get("bitmap") == name and job.get("device") == node
        modes = ("always",) if made.stopped else ("incremental", "on-success", "always")
        clears = job.get("bitmap-mode", job.get("sync")) in modes
        active = self.frames[made.begun][disk]["chain"][-1:]
        tracked = single and job.get("since") == name and node in active
        since = tracked and job.get("mode") != "pull" and not made.stopped
        return made.disk == disk and ((through and clears) or since)


def stack(below: str, above: str) -> str:
    """Return what an image on top of another one holds; a shorter one hides all beyond its end."""
    length = len(above)
    pairs = zip(above, below[:length].ljust(length, "-"), strict=True)
    return "".join(new if new != "-" else old for new, old in pairs)


def _target(verb: str, told: Mapping[str, Any]) -> str | None:
    """Return the name of the backup that a step makes, or None."""
    if verb in ("backup", "copy"):
        return str(told["to"])
    return str(told["target"]) if verb == "blockdev-backup" else None


def _is_about(told: Mapping[str, Any], key: Key) -> bool:
    return (told["node"], told.get("name", told.get("target"))) == key[1:]


def _with_deleted(old: Window, before: Mapping[Key, Window], disk: str, name: str) -> Window:
    """Return the stretch of a bitmap when the checkpoint after it is deleted into it."""
    known = [(key[2], window) for key, window in before.items() if key[0] == disk]
    for start, end, _ in [window for other, window in known if other == name]:
        if old.end is not None and old.start > start:
            return Window(start, None if end is None else max(old.end, end))  # It began anew since.
        ended = [w for other, w in known if other != name and w.end is not None and w.end <= start]
        if old in ended and old[:2] == max((w.start, w.end) for w in ended):
            return Window(old.start, end)
    return old


def _inherited(before: Mapping[Key, Window], key: Key, verb: str, here: int) -> Window:
    """Return the stretch of a bitmap that was not there: that of its namesakes in a merge."""
    if verb in ("commit", "pull", "delete", "blockcopy", "revert"):
        known = [w for (disk, _, name), w in before.items() if (disk, name) == key[::2]]
        ends = [w.end for w in known if w.end is not None]
        stopped = max(ends) if ends and len(ends) == len(known) else None
        return Window(min((w.start for w in known), default=here), stopped)
    return Window(here)
