"""Draws a random timeline as the text of a scenario file, from a seed and nothing else.

Letters are few, so that content comes back by chance; names come from small pools, so that one that
has gone is given again. What may come next is guessed: a step that is refused belongs here as well.
"""

import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

MODELS = ("mail-2018", "nir-2018", "libvirt-6.0", "libvirt", "qemu-single", "qemu")
"""Those that the random timelines are of."""

POINTS = ("c0", "c1", "c2", "c3")
"""Names of checkpoints, and of bitmaps: a host gives both the same."""

TARGETS = tuple(f"k{number}" for number in range(1, 9))
"""Names of backups."""

OVERLAYS = {"vda": ("S2", "S3", "S4", "S5", "S6"), "vdb": ("U2", "U3", "U4", "U5", "U6")}
BASES = {"vda": "S1", "vdb": "U1"}
LETTERS = "AAABBC"
CLUSTER_BYTES = 65536
STEPS = (8, 22)
"""Least and most steps of one timeline, the guest's own among them."""

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")


class Step(NamedTuple):
    """One step, which is an instant of its own.

    Attributes:
        label: Of the instant: it stays where others are left out.
        verb: As the language has it, with its arguments; empty for nothing at all.
        beside: What stands beside the verb, such as when a job ends.
    """

    label: str
    verb: Mapping[str, Any]
    beside: Mapping[str, Any] = {}


class Story(NamedTuple):
    """A scenario as plain data."""

    model: str
    disks: Mapping[str, int]
    steps: Sequence[Step]

    def cut(self, count: int) -> "Story":
        """Return the same with its first steps only; the instants of the others stay."""
        rest = [Step(step.label, {}) for step in self.steps[count:]]
        return self._replace(steps=[*self.steps[:count], *rest])

    @property
    def text(self) -> str:
        """The scenario file: a line for each step, from the fifth on."""
        return "\n".join([*self._head, *map(_line, self.steps)]) + "\n"

    @property
    def _head(self) -> list[str]:
        shapes = {name: {"clusters": length} for name, length in self.disks.items()}
        told = ["scenario: drawn at random", f"model: {self.model}", f"disks: {flow(shapes)}"]
        return [*told, "timeline:"]

    def joined(self) -> tuple[str, list[int]]:
        """Return the scenario with one instant for all that the host does in a row.

        What changes what the guest sees, and the instants that others name, stay alone.

        Returns:
            The text, and the line of each step.
        """
        due = {each for step in self.steps for each in _labels(step, "ends", "fails")}
        meant = {each for step in self.steps for each in _labels(step, "of")}
        lines, places = self._head, []
        open_ = False
        for step in self.steps:
            joins = step.verb and not ALONE & set(step.verb) and step.label not in due | meant
            if not (joins and open_):
                lines.append(f"  - at: {step.label}")
                lines += ["    do:"] * bool(step.verb)
            places.append(len(lines) + bool(step.verb))
            if step.verb:
                lines.append(f"      - {flow({**step.verb, **step.beside})}")
            open_ = bool(step.verb) and not ALONE & set(step.verb) and step.label not in meant
        return "\n".join(lines) + "\n", places


FIRST_LINE = 5
"""The line of the first step in the text of a story."""


ALONE = {"write", "zero", "discard", "revert", "resize", "crash", "shutdown", "start"}
"""What is never joined with what the host does before and after it."""


def _labels(step: Step, *names: str) -> Iterator[str]:
    """Yield the instants that a step names by some arguments."""
    for told in (*step.verb.values(), step.beside):
        yield from (instant(told[name]) for name in names if name in told)


def instant(ending: Any) -> str:
    """Return the label of the instant at which a job ends, or of any that a step names."""
    return str(ending["at"] if isinstance(ending, dict) else ending)


def _line(step: Step) -> str:
    do = f", do: [{flow({**step.verb, **step.beside})}]" if step.verb else ""
    return f"  - {{at: {step.label}{do}}}"


def flow(value: Any) -> str:
    """Return a value as YAML in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return value if isinstance(value, str) and PLAIN.fullmatch(value) else json.dumps(value)


def draw(model: str, seed: str) -> Story:
    """Return the timeline of a model that a seed stands for."""
    drawer = Drawer(model, random.Random(seed))
    for _ in range(drawer.chance.randint(*STEPS)):
        drawer.step()
    drawer.probe()
    while drawer.due > len(drawer.steps):
        drawer.add()
    return Story(model, drawer.disks, drawer.steps)


class Drawer:
    """Draws step after step, and keeps what it believes to be there.

    Attributes:
        points: Checkpoints, or bitmaps where there are none.
        tracked: Bitmaps, by the image that they lie on and their name.
        kept: Backups that were taken and not deleted.
        inside: States kept inside an active image.
        due: The latest instant that a step refers to.
        pushes: Jobs that run on, and the number of the step at which they end: those of QEMU's.
    """

    def __init__(self, model: str, chance: random.Random) -> None:
        self.model = model
        self.chance = chance
        self.disks = chance.choice([{"vda": 6}, {"vda": 6}, {"vda": 5, "vdb": 4}])
        self.resized: set[str] = set()
        self.chains = {disk: [BASES[disk]] for disk in self.disks}
        self.points: list[str] = []
        self.tracked: set[tuple[str, str]] = set()
        self.kept: list[str] = []
        self.inside: list[str] = []
        self.due = 0
        self.pushes: dict[str, int] = {}
        self.steps: list[Step] = []
        one = len(self.disks) == 1 and not model.startswith("libvirt")
        begun = {"bitmap": "c0"} if one and self.seldom(0.6) else {}
        for disk in self.disks:
            image = {"image": BASES[disk], "disk": disk, **begun}
            self.add({"create": image})
        if begun:
            self.begin("c0")
        self.weights = _weights(model)

    def add(self, verb: Mapping[str, Any] | None = None, **beside: Any) -> None:
        """Add a step at the next instant."""
        self.steps.append(Step(f"T{len(self.steps) + 1}", verb or {}, beside))

    def qmp(self, execute: str, beside: Mapping[str, Any] | None = None, **arguments: Any) -> None:
        """Add a command of QEMU; an underscore in an argument's name stands for a hyphen."""
        told = {key.replace("_", "-"): each for key, each in arguments.items() if each is not None}
        self.add({"qmp": {"execute": execute, "arguments": told}}, **(beside or {}))

    def seldom(self, share: float = 0.15) -> bool:
        """Whether something happens that mostly does not."""
        return self.chance.random() < share

    def step(self) -> None:
        """Add a step, or two that belong together."""
        if any(end > len(self.steps) + 1 for end in self.pushes.values()) and self.seldom(0.3):
            self.cancel()
            return
        kinds, weights = zip(*self.weights.items(), strict=True)
        self.chance.choices(kinds, weights)[0](self)

    def disk(self) -> str:
        """Return a disk."""
        return self.chance.choice(list(self.disks))

    def image(self, disk: str) -> str:
        """Return an image of a disk, mostly the active one."""
        chain = self.chains[disk]
        return self.chance.choice(chain) if self.seldom(0.3) else chain[-1]

    def point(self) -> str:
        """Return a checkpoint that is there, seldom one that may not be."""
        there = POINTS if not self.points or self.seldom(0.05) else self.points
        return self.chance.choice(there)

    def begin(self, name: str, nodes: Iterable[str] | None = None) -> None:
        """Note that a checkpoint or bitmap begins, on the active images or on others."""
        self.points += [name] * (name not in self.points)
        actives = [chain[-1] for chain in self.chains.values()]
        self.tracked |= {(node, name) for node in (actives if nodes is None else nodes)}

    def mark(self) -> tuple[str, str]:
        """Return node and name of a bitmap that is there, seldom of one that may not be."""
        there = {image for chain in self.chains.values() for image in chain}
        known = sorted(key for key in self.tracked if key[0] in there)
        if not known or self.seldom():
            return self.image(self.disk()), self.point()
        actives = {chain[-1] for chain in self.chains.values()}
        live = [key for key in known if key[0] in actives]
        return self.chance.choice(live if live and self.seldom(0.7) else known)

    def new(self, pool: Iterable[str], there: Iterable[str]) -> str | None:
        """Return a name of a pool that is not in use, mostly the first one; None if all are."""
        free = [name for name in pool if name not in there]
        return (self.chance.choice(free) if self.seldom() else free[0]) if free else None

    def later(self) -> str:
        """Return one of the next instants, at which a job ends."""
        self.due = max(self.due, len(self.steps) + 1 + self.chance.randint(1, 3))
        return f"T{self.due}"

    def ending(
        self, target: str, length: int | None = None, *, pull: bool = False
    ) -> dict[str, Any]:
        """Return when a job ends, well or not, and how far it has come by then.

        Args:
            length: Clusters that it has to copy, where any may be named; None for a share of them.
            pull: Whether a client reads: nobody can say how far that has come.
        """
        how = self.chance.choice(["ends", "ends", "fails", "fails"])
        label = self.later()
        if not pull:
            self.pushes[target] = self.due
        copied = {} if pull or how == "ends" else self.copied(length)
        return {how: {"at": label, **copied} if copied else label}

    def copied(self, length: int | None = None) -> dict[str, str]:
        """Return how far a job has come, if that is told: a share, or a picture."""
        if length is not None and self.seldom(0.3):
            return {"copied": "".join(self.chance.choice("X-") for _ in range(length))}
        share = self.chance.choice(["", "0%", "25%", "50%", "50%", "75%", "100%"])
        return {"copied": share} if share else {}

    def on(self, disk: str) -> dict[str, str]:
        """Return how a step says which disk it is about."""
        return {"disk": disk} if len(self.disks) > 1 else {}

    # The guest.

    def guest(self) -> None:
        """Let the guest write, zero or discard a few clusters."""
        disk = self.disk()
        length = self.disks[disk]
        verb = self.chance.choice(["write"] * 6 + ["zero", "discard"])
        first = self.chance.randrange(length)
        count = min(self.chance.choice([1, 1, 2, 3]), length - first)
        letter = "0" if verb == "zero" else self.chance.choice(LETTERS)
        if disk in self.resized:  # How long it is depends on what was refused.
            data = {"data": letter} if verb == "write" else {}
            where = {"offset": first * CLUSTER_BYTES, "length": count * CLUSTER_BYTES}
            self.add({verb: {**self.on(disk), **where, **data}})
            return
        cells = "-" * first + letter * count + "-" * (length - first - count)
        self.add({verb: {**self.on(disk), "cells": cells}})

    def resize(self) -> None:
        """Let a disk grow or shrink."""
        disk = self.disk()
        length = self.disks[disk] + self.chance.choice([1, 2, -1])
        self.add({"resize": {"disk": disk, "clusters": length}})
        self.resized.add(disk)

    # Chains.

    def snapshot(self) -> None:
        """Put overlays on the chains: of all disks or one, with a bitmap, without, or outside."""
        disks = list(self.disks) if self.seldom(0.6) else [self.disk()]
        images = {}
        for disk in disks:
            overlay = self.new(OVERLAYS[disk], self.chains[disk])
            if overlay is None:
                return
            images[disk] = overlay
        step: dict[str, Any] = {"images": images}
        name = self.new(POINTS, self.points)
        if name is not None and not self.model.startswith("libvirt") and self.seldom(0.6):
            step["bitmap"] = name
            self.begin(name, images.values())
        elif self.seldom(0.3):
            step["outside"] = True
        elif self.model == "libvirt":
            self.tracked |= {(images[disk], name) for disk in images
                             for node, name in self.tracked
                             if node == self.chains[disk][-1]}  # fmt: skip
        self.add({"snapshot": step})
        for disk, overlay in images.items():
            self.chains[disk].append(overlay)

    def commit(self) -> None:
        """Commit some images of a chain down."""
        chain = self.chains[self.disk()]
        if len(chain) > 1:
            top = self.chance.randrange(1, len(chain))
            base = self.chance.randrange(top)
            self.add({"commit": {"top": chain[top], "base": chain[base]}})
            del chain[base + 1 : top + 1]

    def pull(self) -> None:
        """Pull backing data up into the active image, seldom into another one."""
        disk = self.disk()
        chain = self.chains[disk]
        if len(chain) > 1:
            into = chain.index(self.image(disk))
            base = self.chance.randrange(into) if into > 1 and self.seldom(0.4) else None
            named = {} if base is None else {"base": chain[base]}
            self.add({"pull": {"into": chain[into], **named}})
            del chain[0 if base is None else base + 1 : into]

    def revert(self) -> None:
        """Keep a state inside an image, go back to one, or to what is below an overlay."""
        disk = self.disk()
        chain = self.chains[disk]
        if self.inside and self.seldom(0.6):
            self.add({"revert": {"snapshot": self.chance.choice(self.inside)}})
        elif self.seldom(0.4) or len(chain) == 1:
            name = f"i{len(self.inside) + 1}"
            self.qmp("blockdev-snapshot-internal-sync", device=chain[-1], name=name)
            self.inside.append(name)
        else:
            overlay = self.new(OVERLAYS[disk], chain)
            if overlay is not None:
                top = self.chance.randrange(1, len(chain))
                self.add({"revert": {"snapshot": chain[top], "image": overlay}})
                chain[top:] = [overlay]

    # Power.

    def restart(self) -> None:
        """Close all images, or let the process die, and mostly open them at once."""
        self.add({self.chance.choice(["crash", "shutdown"]): {}})
        if self.seldom():
            self.step()
        self.add({"start": {}})

    # Points and backups.

    def checkpoint(self) -> None:
        """Start a checkpoint."""
        name = self.new(POINTS, self.points)
        if name is not None:
            disks = {"disks": [self.disk()]} if self.seldom(0.1) else {}
            self.add({"checkpoint": {"name": name, **disks}})
            self.begin(name)

    def backup(self) -> None:
        """Take a backup: full, since a checkpoint, through bitmaps, of an image, or onto one."""
        target = self.new(TARGETS, self.kept)
        if target is None:
            return
        step: dict[str, Any] = {"to": target}
        how = self.chance.choices(["full", "since", "bitmaps", "image"], [30, 55, 20, 4])[0]
        if how == "since" and self.points and self.model != "qemu":
            step["since"] = self.point()
        elif how == "bitmaps" and self.points:
            step["bitmaps"] = sorted({self.point() for _ in range(self.chance.choice([1, 1, 2]))})
            step["disks"] = [self.disk()]
        elif how == "image":
            disk = self.disk()
            step |= {"image": self.image(disk), "disks": [disk]}
        if "disks" not in step and len(self.disks) > 1 and self.seldom(0.3):
            step["disks"] = [self.disk()]
        name = self.new(POINTS, self.points)
        if name is not None and self.seldom(0.6) and self.model != "qemu":
            step["checkpoint"] = name
            self.begin(name)
        if self.kept and {"since", "bitmaps"} & set(step) and self.seldom(0.25):
            step["onto"] = self.chance.choice(self.kept)
        if self.seldom(0.1):
            step["mode"] = "pull"
        if self.seldom(0.25):
            disks = step.get("disks", list(self.disks))
            whole = how == "full" and len(disks) == 1 and not self.resized
            length = self.disks[disks[0]] if whole else None
            step |= self.ending(target, length, pull="mode" in step)
        self.add({"backup": step})
        self.kept.append(target)

    def cancel(self) -> None:
        """Cancel a job that runs, and mostly say how far it has come."""
        running = [name for name, end in self.pushes.items() if end > len(self.steps) + 1]
        name = self.chance.choice(running)
        self.add({"cancel": {"job": name, **self.copied()}})
        del self.pushes[name]

    def copy(self) -> None:
        """Copy an image."""
        target = self.new(TARGETS, self.kept)
        if target is not None:
            image = self.chance.choice(self.chains[self.disk()])
            self.add({"copy": {"image": image, "to": target}})
            self.kept.append(target)

    def delete(self) -> None:
        """Delete a backup, a checkpoint or a snapshot."""
        kind = self.chance.choices(["backup", "checkpoint", "snapshot"], [6, 4, 1])[0]
        if kind == "backup" and self.kept:
            self.add({"delete": {"backup": self.kept.pop(self.chance.randrange(len(self.kept)))}})
        elif kind == "checkpoint" and self.points:
            name = self.points.pop(self.chance.randrange(len(self.points)))
            more = {"children": True} if self.seldom(0.1) else {}
            self.add({"delete": {"checkpoint": name, **more}})
        elif kind == "snapshot":
            chain = self.chains[self.disk()]
            if len(chain) > 1:
                self.add({"delete": {"snapshot": chain.pop(self.chance.randrange(1, len(chain)))}})

    def restore(self) -> None:
        """Stack backups: in the order in which they were taken, or in any."""
        if not self.kept:
            return
        count = self.chance.randint(1, min(4, len(self.kept)))
        stack = self.chance.sample(self.kept, count)
        if not self.seldom(0.25):
            stack.sort(key=self.kept.index)
        step: dict[str, Any] = {"from": stack, "as": f"r{len(self.steps) + 1}"}
        if self.seldom(0.5):
            step["of"] = f"T{self.chance.randint(1, len(self.steps))}"
        self.add({"restore": step})

    # QEMU's own commands.

    def bitmap(self) -> None:
        """Add, clear, disable, enable, remove or merge a bitmap."""
        node, name = self.mark()
        kind = self.chance.choice(["clear", "disable", "enable", "remove", "add", "merge"])
        if kind == "merge":
            sources = [dict(zip(("node", "name"), self.mark(), strict=True))]
            self.qmp("block-dirty-bitmap-merge", node=node, target=name, bitmaps=sources)
        elif kind == "add":
            node, name = self.image(self.disk()), self.new(POINTS, self.points) or name
            stored = True if self.seldom(0.7) else None
            self.qmp("block-dirty-bitmap-add", node=node, name=name, persistent=stored)
            self.begin(name, [node])
        else:
            self.qmp(f"block-dirty-bitmap-{kind}", node=node, name=name)
            if kind == "remove":
                self.tracked.discard((node, name))

    def job(self) -> None:
        """Run a backup job by QEMU's own command, seldom over a backup that is there."""
        # A target's name on another disk would be another file.
        again = bool(self.kept) and len(self.disks) == 1 and self.seldom()
        old = self.chance.choice(self.kept) if again else None
        target = old or self.new(TARGETS, self.kept)
        if target is None:
            return
        sync = self.chance.choice(["full", "incremental", "incremental", "bitmap", "bitmap", "top"])
        through = sync in ("incremental", "bitmap")
        modes = ["never", "on-success", "always", "always"]
        mode = self.chance.choice(modes) if sync == "bitmap" else None
        beside = self.ending(target) if self.seldom(0.6 if mode == "always" else 0.15) else {}
        node, name = self.mark() if through else (self.image(self.disk()), None)
        self.qmp("blockdev-backup", beside, device=node, target=target, sync=sync,
                 bitmap=name, bitmap_mode=mode)  # fmt: skip
        self.kept += [target] * (target not in self.kept)

    def probe(self) -> None:
        """Take an increment from each checkpoint that is on offer at the end."""
        for name in list(self.points):
            target = self.new(TARGETS, self.kept)
            if target is None:
                return
            if self.model != "qemu":
                self.add({"backup": {"to": target, "since": name}})
            else:
                actives = [chain[-1] for chain in self.chains.values()]
                nodes = [node for node in actives if (node, name) in self.tracked]
                device = (nodes or actives)[0]
                self.qmp("blockdev-backup", device=device, target=target, sync="incremental",
                         bitmap=name)  # fmt: skip
            self.kept.append(target)


def _weights(model: str) -> dict[Callable[[Drawer], None], int]:
    """Return how often each kind of step is drawn under a model."""
    alike: dict[Callable[[Drawer], None], int] = {
        Drawer.guest: 34,
        Drawer.snapshot: 7,
        Drawer.commit: 3,
        Drawer.pull: 2,
        Drawer.revert: 4,
        Drawer.restart: 3,
        Drawer.resize: 1,
        Drawer.copy: 2,
        Drawer.delete: 6,
        Drawer.restore: 10,
        Drawer.backup: 18,
        Drawer.checkpoint: 4,
        Drawer.bitmap: 3,
        Drawer.job: 2,
    }
    if model == "qemu":
        alike |= {Drawer.backup: 5, Drawer.checkpoint: 0, Drawer.bitmap: 12, Drawer.job: 18}
    if model.startswith("libvirt"):
        alike[Drawer.revert] = 0  # It is refused: what follows would be another timeline.
    return alike
