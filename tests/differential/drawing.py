"""Draws a random timeline step by step: what a step may be, given the machine as it is by now.

A step is drawn as a line of a scenario file, since a disagreement is to become one. What may come
next depends on what the simulator made of the steps before it; what QEMU makes of them is looked at
when the timeline is complete.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import simulator
from simulator.apis import on_host
from simulator.model.disk import Disk
from simulator.model.machine import BackupJob, Job, Machine, MirrorJob, Power, PullJob, Status
from simulator.pipeline.scenarios import find_model
from simulator.releases.changes import semantics_of
from simulator.releases.hosts import HOST_DEFAULT, Host
from simulator.timeline import Timeline

LETTERS = "ABCDEFGHJKLMNPQRSTUVWY"
"""No I, O, X or Z, which look like digits and like a dirty cell."""

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._-]*|\|[A-Z0-]*\|")

Draw = Callable[[Sequence[Any]], Any]
"""Returns one of some choices; the first one is the simplest."""

Step = Mapping[str, Any]


def flow(value: Any) -> str:
    """Return a value as YAML in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and PLAIN.fullmatch(value) and "|" not in value:
        return value
    return json.dumps(value)


def qmp(execute: str, **arguments: Any) -> dict[str, Any]:
    """Return a QMP command; an underscore in an argument's name stands for a hyphen."""
    told = {k.replace("_", "-"): v for k, v in arguments.items() if v is not None}
    return {"execute": execute, "arguments": told}


def holds_root(job: Job, disk: Disk) -> bool:
    """Whether a job works on an active image, or lays a filter above it."""
    if isinstance(job, BackupJob):
        return job.guarding
    return not isinstance(job, PullJob) or job.into == disk.active.name


class Scenario:
    """A scenario that grows by a step at a time.

    Attributes:
        machine: As it is after the steps so far.
        partial: Whether the guest may write parts of clusters.
        committed: Whether a commit or a pull lasted since the images were opened.
        due: The latest instant that a step refers to, by its number.
        instants: How many there are.
        ended: The jobs that were told to end by commands of their own.
        stopping: The targets of backups that are to fail.
        raw: Whether there may be a raw image.
        copied: Whether a copy of a disk may have left data full of zero bytes.
        cut: Whether an image was told to end within a cluster.
        host: The host that it is drawn for, the one that is to play it; None for the default one.
    """

    def __init__(
        self,
        *,
        model: str,
        cells: int,
        cluster_size: int,
        disks: int,
        bitmaps: bool = True,
        raw: bool = False,
        host: Host | None = None,
    ) -> None:
        """Start with the base image of each disk, each with a bitmap of its own or with none.

        Args:
            raw: Whether the base images are raw, which have none.
        """
        names = [f"vd{letter}" for letter in "ab"[:disks]]
        shape = {"clusters": cells, "cluster_size": cluster_size}
        self.model = model
        self.host = host
        self.partial = False
        self.raw = raw
        self.copied = False
        self.cut = False
        self.committed = False
        self.due = 0
        self.instants = 0
        self.ended: set[str] = set()
        self.stopping: set[str] = set()
        self._head = [
            "scenario: found by a random test",
            f"model: {model}",
            f"disks: {flow(dict.fromkeys(names, shape))}",
            "timeline:",
        ]
        self._lines: list[str] = []
        self._named = {"S": 0, "B": 0, "k": 0, "i": 0, "r": 0}
        for name in names:
            more = {"bitmap": self.name("B")} if bitmaps else {}
            more = {"format": "raw"} if raw else more
            self.do({"create": {"image": self.name("S"), "disk": name, **more}})

    def grow_chain(self, images: int) -> None:
        """Put images on the first disk's, each with a write of its own, for jobs to meet on."""
        disk = self.machine.disks[0]
        for place in range(images - 1):
            self.do({"snapshot": {"image": self.name("S"), "disk": disk.name}})
            cells = "".join(
                LETTERS[place] if n in (place, place + 2) else "-" for n in range(disk.length)
            )
            self.guest({"write": {"disk": disk.name, "cells": f"|{cells}|"}})

    def name(self, kind: str) -> str:
        """Return a name that nothing has yet: S for images, B for bitmaps, k for backups."""
        self._named[kind] += 1
        return f"{kind}{self._named[kind]}"

    def names(self, kind: str) -> list[str]:
        """Return all names of a kind that a step has: one that was handed out may be left over."""
        used = set(re.findall(rf"\b{kind}\d+\b", self.text))
        return [name for n in range(self._named[kind]) if (name := f"{kind}{n + 1}") in used]

    @cached_property
    def timeline(self) -> Timeline:
        """What comes of the steps so far."""
        model = find_model(self.model)
        played = on_host(model, self.host) if self.host is not None else model
        return simulator.loads(self.text).run(played).timeline

    @property
    def machine(self) -> Machine:
        """The machine after the steps so far; no job has ended that ends later."""
        for entry in self.timeline.entries:
            label = entry.instant or "T0"
            if int(label[1:]) > self.instants:
                return entry.before
        return self.timeline.last

    @property
    def text(self) -> str:
        """The scenario as a file, with every instant that a step refers to."""
        missing = range(self.instants + 1, self.due + 1)
        rest = [f"  - {{at: T{number}}}" for number in missing]
        return "\n".join([*self._head, *self._lines, *rest]) + "\n"

    def do(self, *steps: Step) -> None:
        """Add an instant with some steps."""
        self.instants += 1
        done = "".join(f"\n      - {flow(step)}" for step in steps)
        self._lines.append(f"  - at: T{self.instants}" + (f"\n    do:{done}" if done else ""))
        self._changed()

    def guest(self, step: Step) -> None:
        """Add a step of the guest between two instants."""
        (verb,) = step
        self._lines.append(f"  - {verb}: {flow(step[verb])}")
        self._changed()

    def _changed(self) -> None:
        """Forget what came of the steps before; it is played again when somebody asks."""
        self.__dict__.pop("timeline", None)


class Drawer:
    """Draws the next step of a scenario."""

    def __init__(self, scenario: Scenario, draw: Draw) -> None:
        self.scenario = scenario
        self._draw = draw

    @property
    def machine(self) -> Machine:
        """The machine before the step."""
        return self.scenario.machine

    def skips_zeroes(self) -> bool:
        """Whether QEMU copies no zeroes where there are none to hide."""
        return semantics_of(self.scenario.host or HOST_DEFAULT).zeroes_are_skipped

    def seldom(self) -> bool:
        """Whether something happens that mostly does not."""
        return bool(self._draw([False] * 7 + [True]))

    def half(self) -> bool:
        """Whether something happens that may as well not."""
        return bool(self._draw([False, True]))

    def disk(self) -> Disk:
        """Return a disk."""
        return self._draw(self.machine.disks)  # type: ignore[no-any-return]  # one of these

    def node(self, disk: Disk) -> str:
        """Return a node of a disk: mostly the active one, seldom one that is not there."""
        if self.seldom():
            return "nope"
        return str(self._draw([image.name for image in reversed(disk.chain)]))

    def bitmap(self, disk: Disk) -> tuple[str, str]:
        """Return node and name of a bitmap; seldom of one that is not there."""
        keys = [(b.node, b.name) for b in reversed(disk.bitmaps)]
        if not keys or self.seldom():
            return self.node(disk), str(self._draw([*self.scenario.names("B"), "nope"]))
        return self._draw(keys)  # type: ignore[no-any-return]  # one of these

    def ending(self) -> dict[str, str]:
        """Return when a job ends, if it runs on: one to three instants later."""
        how = self._draw(["", "ends", "ends", "fails"])
        if not how:
            return {}
        later = self.scenario.instants + 1 + int(self._draw([1, 2, 3]))
        self.scenario.due = max(self.scenario.due, later)
        return {how: f"T{later}"}

    def backup_ending(self, *jobs: str) -> dict[str, Any]:
        """Return when a backup ends, and how far it has come where it does not end well.

        Args:
            jobs: Its jobs; of several one may fail.
        """
        ending: dict[str, Any] = self.ending()
        self.scenario.stopping |= set(jobs) if "fails" in ending else set()
        if "fails" in ending and not self.seldom():
            stop = {"at": ending["fails"], **self.copied()}
            if jobs[1:] and self.half():
                stop["job"] = self._draw(jobs)
            return {"fails": stop}
        return ending

    def copied(self) -> dict[str, str]:
        """Return how far a backup has come, if that is told: QEMU can be made to stop there."""
        share = self._draw(["", "0%", "25%", "50%", "75%", "100%"])
        return {"copied": share} if share else {}

    # The guest.

    def guest_step(self) -> None:
        """Let the guest write, zero or discard some clusters, or a part of them."""
        disk = self.disk()
        verb = self._draw(["write", "write", "write", "zero", "discard"])
        first = int(self._draw(range(disk.length)))
        count = int(self._draw(range(1, min(disk.length - first, 6) + 1)))
        letter = "0" if verb == "zero" else self._draw(LETTERS)
        step: dict[str, Any] = {"disk": disk.name}
        if self.scenario.partial and self.half():
            size = disk.cluster_size
            # Left out: half-zeroed. Left out: half-discarded.
            whole = (
                self.skips_zeroes() if verb == "zero" else verb == "discard" and self.scenario.raw
            )
            offset = first * size + (0 if whole else int(self._draw([0, 512, size // 2])))
            step["offset"] = min(offset, disk.size - 512)
            length = size if whole else int(self._draw([512, size, size // 2]))
            step["length"] = min(length, disk.size - step["offset"])
            if verb == "write":
                step["data"] = letter
        else:
            cells = "-" * first + letter * count + "-" * (disk.length - first - count)
            step["cells"] = f"|{cells}|"
        if self.machine.power is Power.RUNNING:
            self.scenario.guest({verb: step})

    # Bitmaps.

    def bitmap_command(self) -> dict[str, Any]:
        """Return a command on a bitmap."""
        disk = self.disk()
        kind = self._draw(["add", "merge", "disable", "enable", "clear", "remove"])
        if kind == "add":
            sizes = [None, None, None, 512, 4096, 1 << 16, 1 << 17, 1 << 20, 1 << 31, 1000]
            wrong = ["", *(b.name for b in disk.bitmaps)]
            return qmp(
                "block-dirty-bitmap-add",
                node=self.node(disk),
                name=self._draw(wrong) if self.seldom() else self.scenario.name("B"),
                granularity=self._draw(sizes),
                persistent=not self.seldom(),
                disabled=self.seldom(),
            )
        node, name = self.bitmap(disk)
        if kind == "merge":
            sources = [self.bitmap(self.disk()) for _ in range(int(self._draw([1, 2])))]
            told = [{"node": n, "name": b} for n, b in sources]
            return qmp("block-dirty-bitmap-merge", node=node, target=name, bitmaps=told)
        return qmp(f"block-dirty-bitmap-{kind}", node=node, name=name)

    def change_bitmaps(self) -> None:
        """Change bitmaps, one command at a time or several in one transaction."""
        commands = [self.bitmap_command() for _ in range(int(self._draw([1, 1, 2, 3])))]
        # Left out: refused-transaction.
        removals = [each for each in commands[:-1] if each["execute"].endswith("-remove")]
        if removals:
            commands = removals[:1]
        self.scenario.do({"qmp": commands[0] if len(commands) == 1 else commands})

    # Chains.

    def snapshot(self) -> None:
        """Put an overlay on a chain, mostly with a bitmap of its own."""
        disk = self.disk()
        # Left out: running-bitmap.
        if any(b.successor is not None for b in disk.bitmaps_on(disk.active.name)):
            return
        image = self.scenario.name("S")
        if self.half():
            step: dict[str, Any] = {"image": image, "disk": disk.name}
            if not self.seldom():
                step["bitmap"] = self.scenario.name("B")
            self.scenario.do({"snapshot": step})
            return
        overlay = image if not self.seldom() else disk.chain[0].name
        # Left out: filter-below.
        filtered = any(not job.guarding for job in self.machine.backup_jobs)
        node = disk.active.name if filtered else self.node(disk)
        self.scenario.do({"qmp": qmp("blockdev-snapshot", node=node, overlay=overlay)})

    def snapshot_together(self) -> None:
        """Put an overlay on a chain, and change bitmaps or start a backup in that transaction."""
        disk = self.disk()
        node = disk.active.name
        if self.copying(disk) or any(b.successor is not None for b in disk.bitmaps_on(node)):
            return
        overlay = self.scenario.name("S")
        actions = [qmp("blockdev-snapshot", node=node, overlay=overlay)]
        names = [b.name for b in disk.bitmaps_on(node)]
        # Left out: overlay-before-snapshot.
        late = self.half()
        nodes = [node] if late else [node, node, overlay]
        for _ in range(int(self._draw([1, 2, 3]))):
            kind = self._draw(["add", "clear", "disable", "enable", "merge", "backup", "snapshot"])
            name = self._draw(names) if names and not self.seldom() else self.scenario.name("B")
            on = {"node": self._draw(nodes), "name": name}
            if kind == "add":
                on["name"] = self.scenario.name("B")
                actions.append(qmp("block-dirty-bitmap-add", persistent=not self.seldom(), **on))
            elif kind == "merge":
                told = {
                    "node": on["node"],
                    "target": name,
                    "bitmaps": [{"node": node, "name": name}],
                }
                actions.append(qmp("block-dirty-bitmap-merge", **told))
            elif kind == "backup":
                # Left out: top-before-snapshot.
                syncs = ["incremental", "full"] if late else ["incremental", "full", "top"]
                target, sync = self.scenario.name("k"), self._draw(syncs)
                bitmap = name if sync == "incremental" else None
                actions.append(qmp("blockdev-backup", device=self._draw(nodes),
                                   target=target, sync=sync, bitmap=bitmap))  # fmt: skip
            elif kind == "snapshot" and not late:
                above = self.scenario.name("S")
                actions.append(qmp("blockdev-snapshot", node=overlay, overlay=above))
                overlay = above
            elif kind != "snapshot":
                actions.append(qmp(f"block-dirty-bitmap-{kind}", **on))
        if late:
            actions.append(actions.pop(0))
        backups = any(each["execute"] == "blockdev-backup" for each in actions)
        self.scenario.do({"qmp": actions, **(self.ending() if backups else {})})

    def shorten(self) -> None:
        """Leave an image behind that is shorter than those below and above it."""
        disk = self.disk()
        if self.machine.jobs_on(disk.name):
            return
        length = int(self._draw(range(1, disk.length + 1)))
        self.scenario.do({"resize": {"disk": disk.name, "clusters": length}})
        self.scenario.do({"snapshot": {"image": self.scenario.name("S"), "disk": disk.name}})
        self.scenario.do({"resize": {"disk": disk.name, "clusters": disk.length}})

    def export(self) -> None:
        """Let a client read an image, with bitmaps, for an instant."""
        disk = self.disk()
        if self.seldom():
            self.let_go(disk)
            return
        node, name = self.bitmap(disk)
        bitmaps = self._draw([[], [name], [{"node": node, "name": name}]])
        told = {"type": "nbd", "id": "client", "node_name": self.node(disk), "bitmaps": bitmaps}
        added = qmp("block-export-add", writable=self.seldom(), **told)
        self.scenario.do({"qmp": added}, {"qmp": qmp("block-export-del", id="client")})

    def let_go(self, disk: Disk) -> None:
        """Ask for a node to be let go, or taken up."""
        targets = [job.backup.name for job in self.machine.backup_jobs]
        node = self._draw([None, self.node(disk), *targets, "nope"])
        told = {} if node is None else {"node_name": node}
        self.scenario.do({"qmp": qmp("blockdev-set-active", active=self.half(), **told)})

    def copying(self, disk: Disk) -> bool:
        """Whether a disk is copied. Left out: copied-disk."""
        return any(isinstance(job, MirrorJob) for job in self.machine.jobs_on(disk.name))

    def copies_zeroes(self) -> bool:
        """Whether what is copied may hold data full of zero bytes. Left out: zero-bytes."""
        return self.scenario.copied and self.skips_zeroes()

    def went_on(self, disk: Disk) -> bool:
        """Whether a bitmap went on in memory on a read-only image. Left out: running-bitmap."""
        return any(bitmap.unlocked or bitmap.filed is not None for bitmap in disk.bitmaps)

    def commit(self) -> None:
        """Commit some images of a chain."""
        disk = self.disk()
        if self.copying(disk) or self.went_on(disk) or self.copies_zeroes():
            return
        device = disk.active.name if not self.seldom() else self.node(disk)
        top = self._draw([None, self.node(disk)])
        base = self._draw([None, disk.chain[max(0, len(disk.chain) - 2)].name, self.node(disk)])
        command = qmp("block-commit", device=device, top_node=top, base_node=base)
        command["arguments"]["job-id"] = f"job{self.scenario.instants}"
        # Left out: merged-image.
        alike = len({image.length for image in disk.chain}) == 1
        # Left out: pieces.
        ending = self.ending() if alike else {}
        self.scenario.committed |= bool(ending)
        self.scenario.copied |= self.scenario.raw
        self.scenario.do({"qmp": command, **ending})

    def pull(self) -> None:
        """Pull backing data up into an image."""
        disk = self.disk()
        if self.copying(disk) or self.went_on(disk):
            return
        stop = {
            self._draw(["base_node", "bottom"]): self._draw(
                [None, disk.chain[0].name, self.node(disk)]
            )
        }
        command = qmp("block-stream", device=self.node(disk), **stop)
        command["arguments"]["job-id"] = f"job{self.scenario.instants}"
        ending = self.ending()
        below = command["arguments"]["device"] != disk.active.name
        self.scenario.committed |= bool(ending) or below
        self.scenario.do({"qmp": command, **ending})

    def pull_and_commit(self) -> None:
        """Pull into an image below the active one, and commit into that, at once or later."""
        disk = self.disk()
        if self.copying(disk) or self.went_on(disk) or self.machine.jobs_on(disk.name):
            return
        names = [image.name for image in disk.chain]
        if len(names) < 4:
            self.pull()
            return
        into = str(self._draw(names[1:-2]))
        # It stays open from 10.0 on, and nobody flushes it. Left out: unflushed.
        self.scenario.committed = True
        self.scenario.do({"qmp": qmp("block-stream", device=into, job_id=f"p{into}")})
        if self.half():
            self.guest_step()
        names = [image.name for image in self.machine.disk(disk.name).chain]
        top = self._draw(names[names.index(into) + 1 :])
        told = {"device": names[-1], "top_node": top, "base_node": into}
        self.scenario.do({"qmp": qmp("block-commit", job_id=f"c{into}", **told)})

    def blockcopy(self) -> None:
        """Copy a disk into a new image that takes over; its guest writes on while that lasts."""
        disk = self.disk()
        if self.machine.jobs_on(disk.name) or self.copies_zeroes():
            return
        self.scenario.copied |= self.scenario.raw
        step: dict[str, Any] = {"to": self.scenario.name("S"), "disk": disk.name}
        if self.seldom():
            step["format"] = "raw"
            self.scenario.raw = True
        self.scenario.do({"blockcopy": {**step, **self.ending()}})

    def mirror(self) -> None:
        """Copy a disk by QEMU's own command, maybe with arguments that it does not take."""
        disk = self.disk()
        # Left out: copied-disk.
        below = [job for job in self.machine.jobs_on(disk.name) if not holds_root(job, disk)]
        if below or any(disk.image(each.node) for each in self.machine.exports):
            return
        if self.copies_zeroes():
            return
        new = self.scenario.name("S")
        command = qmp(
            "blockdev-mirror",
            device=self.node(disk) if self.seldom() else disk.active.name,
            target=self.node(disk) if self.seldom() else new,
            sync=self._draw(["bitmap", "incremental", "none", "none"]) if self.seldom() else "full",
            replaces=self.node(disk) if self.seldom() else None,
            granularity=self._draw([None, None, max(disk.cluster_size, 4096), 1 << 17, 1000, 256]),
        )
        if command["arguments"]["target"] == "nope":
            command["arguments"]["target"] = new
        command["arguments"]["job-id"] = f"job{self.scenario.instants}"
        large = command["arguments"].get("granularity", 0) > disk.cluster_size
        self.scenario.copied |= self.scenario.raw or large
        self.scenario.do({"qmp": command, **self.ending()})

    def resize(self) -> None:
        """Let a disk grow or shrink."""
        disk = self.disk()
        length = max(1, disk.length + int(self._draw([1, 4, -1, -3])))
        if self.half():
            self.scenario.do({"resize": {"disk": disk.name, "clusters": length}})
            return
        # Left out: half-zeroed. An image that grew within a cluster may end there no second time.
        cuts = self.seldom() and not self.skips_zeroes() and not self.scenario.cut
        self.scenario.cut |= cuts
        size = 100 if cuts else length * disk.cluster_size
        self.scenario.do(
            {
                "qmp": {
                    "execute": "block_resize",
                    "arguments": {"node-name": self.node(disk), "size": size},
                }
            }
        )

    def go_back(self) -> None:
        """Revert to an earlier state, external or internal, or keep one."""
        disk = self.disk()
        kept = [each.name for each in disk.active.snapshots]
        how = self._draw(["save", "external", "load", "drop"])
        if how == "save":
            name = self.scenario.name("i") if not kept or not self.seldom() else kept[0]
            command = qmp("blockdev-snapshot-internal-sync", device=self.node(disk), name=name)
            self.scenario.do({"qmp": command})
        elif how == "external" and len(disk.chain) > 1:
            name = self._draw([image.name for image in reversed(disk.chain[1:])])
            self.scenario.do({"revert": {"snapshot": name, "image": self.scenario.name("S")}})
        elif how == "load" and kept:
            self.scenario.do({"revert": {"snapshot": self._draw(kept)}})
        elif how == "drop" and self.scenario.names("i"):
            name = self._draw(kept or self.scenario.names("i"))
            command = qmp(
                "blockdev-snapshot-delete-internal-sync", device=self.node(disk), name=name
            )
            self.scenario.do({"qmp": command})

    # Jobs and copies.

    def backup_command(self, disk: Disk) -> dict[str, Any]:
        """Return the command of a backup job."""
        sync = self._draw(["bitmap", "full", "top", "incremental", "none"])
        bitmap: str | None
        node, bitmap = self.bitmap(disk)
        mode: str | None = self._draw(["never", "on-success", "always"])
        if sync in ("full", "top"):
            node = self.node(disk)
            if self.half() or mode == "never":
                bitmap = mode = None
        if sync == "incremental":
            mode = None
        if sync == "none":
            node, bitmap, mode = disk.active.name, None, None
        # Left out: changed-target.
        old = [
            b.name
            for b in self.machine.backups
            if b.disk == disk.name and (b.usable or b.content) and b.status is not Status.RUNNING
        ]
        target = self._draw(old) if old and self.seldom() else self.scenario.name("k")
        if self.seldom():
            bitmap = self._draw([None, bitmap, "nope"])
            mode = self._draw([None, "never", "on-success"])
        return qmp("blockdev-backup", device=node, target=target, sync=sync,
                   bitmap=bitmap, bitmap_mode=mode)  # fmt: skip

    def backup(self) -> None:
        """Run a backup job by QEMU's own command, or by the older one that names a file."""
        disk = self.disk()
        if self.copying(disk):
            return
        command = self.backup_command(disk)
        # Left out: clusters-of-a-file.
        if disk.cluster_size <= 65536 and self._draw([False, False, False, True]):
            command["execute"] = "drive-backup"
            if self.half():
                command["arguments"]["mode"] = "existing"
        told, target = command["arguments"]["sync"] != "none", command["arguments"]["target"]
        ending = self.backup_ending(target) if told else self.ending()
        if "fails" not in ending:
            command["arguments"] |= self.newer(wrong=not ending)
        self.scenario.do({"qmp": command, **ending})

    def newer(self, *, wrong: bool) -> dict[str, Any]:
        """Return an argument of a backup that only newer releases have; mostly there is none.

        Args:
            wrong: Whether no release may take it.
        """
        name = self._draw([""] * 5 + ["discard-source", "x-perf", "on-cbw-error"])
        if name == "x-perf":
            return {name: {"min-cluster-size": self._draw([1 << 17, 1 << 18, 0, 32768, 1000])}}
        values: dict[str, list[Any]] = {
            "discard-source": [True, True, False],
            "on-cbw-error": ["break-guest-write", "break-snapshot", *(["banana"] if wrong else [])],
        }
        return {name: self._draw(values[name])} if name else {}

    def grouped_backups(self) -> None:
        """Run a job on each disk, which end together."""
        actions = []
        for disk in self.machine.disks:
            if self.copying(disk):
                return
            command = self.backup_command(disk)
            command["arguments"]["target"] = self.scenario.name("k")
            if command["arguments"]["sync"] == "none":
                return
            # Left out: refused-transaction.
            if command["arguments"].get("bitmap-mode") == "always":
                command["arguments"]["bitmap-mode"] = "on-success"
            actions.append({"type": command["execute"], "data": command["arguments"]})
        together = {"completion-mode": self._draw(["grouped", "individual"])}
        command = qmp("transaction", actions=actions, properties=together)
        targets = [each["data"]["target"] for each in actions]
        self.scenario.do({"qmp": command, **self.backup_ending(*targets)})

    def client_file(self, disk: Disk) -> str:
        """Return what the client of a pull writes: a new file, or over a backup that is there."""
        there: dict[str, set[str]] = {}
        for backup in self.machine.backups:
            there.setdefault(backup.name, set()).add(backup.disk)
        running = self.machine.job_names
        old = [
            name for name, disks in there.items() if disks == {disk.name} and name not in running
        ]
        return str(self._draw(old)) if old and self.half() else self.scenario.name("k")

    def backup_verb(self) -> None:
        """Take a backup by the verb: pushed or pulled, full or through bitmaps."""
        disk = self.disk()
        if self.copying(disk):
            return
        step: dict[str, Any] = {"to": self.scenario.name("k"), "disks": [disk.name]}
        if self.half():
            step |= {"to": self.client_file(disk), "mode": "pull"}
        names = sorted({b.name for b in disk.bitmaps if b.name in self.scenario.names("B")})
        if names and self.half():
            step["bitmaps"] = [self._draw(names)]
        elif self.half():
            step["image"] = self._draw([image.name for image in reversed(disk.chain)])
        ending = self.ending() if "mode" in step else self.backup_ending(str(step["to"]))
        self.scenario.do({"backup": {**step, **ending}})

    def end_job(self) -> None:
        """Cancel or finalize a job."""
        names = [*(job.name for job in self.machine.jobs), "nope"]
        name = self._draw(names)
        if self.half() and name != "nope":
            pushes = [b for b in self.machine.backup_jobs if b.scratch is None]
            backups = {job.name for job in pushes}
            # Left out: state-under-way.
            told = self.copied() if name in backups - self.scenario.ended else {}
            self.scenario.do({"cancel": {"job": name, **told} if told else name})
            return
        # Left out: state-under-way.
        if self.seldom() and name not in self.scenario.stopping:
            change = qmp("block-job-change", id=name, type="mirror", copy_mode="write-blocking")
            self.scenario.do({"qmp": change})
            return
        # Left out: state-under-way.
        wrong = [] if name in self.scenario.stopping else ["complete", "dismiss"]
        verb = self._draw(["cancel", "finalize", *wrong])
        kind = self._draw([f"job-{verb}", f"block-job-{verb}"])
        self.scenario.ended.add(name)
        key = "device" if kind in ("block-job-cancel", "block-job-complete") else "id"
        self.scenario.do({"qmp": qmp(kind, **{key: name})})

    def copy(self) -> None:
        """Copy an image."""
        disk = self.disk()
        image = self._draw([image.name for image in reversed(disk.chain)])
        # Left out: raw-file.
        if any(each.name == image and each.format == "raw" for each in disk.chain):
            return
        # Left out: unflushed.
        jobs = self.machine.jobs
        if any(image in (getattr(j, "base", None), getattr(j, "into", None)) for j in jobs):
            return
        if any(each.name == image and each.left_open for each in disk.chain):
            return
        self.scenario.do({"copy": {"image": image, "to": self.scenario.name("k")}})

    def restore(self) -> None:
        """Stack some backups of one disk."""
        disk = self.disk()
        names = list(dict.fromkeys(b.name for b in self.machine.backups if b.disk == disk.name))
        if not names:
            return
        count = int(self._draw(range(1, min(3, len(names)) + 1)))
        stack = [self._draw(names) for _ in range(count)]
        self.scenario.do(
            {"restore": {"from": list(dict.fromkeys(stack)), "as": self.scenario.name("r")}}
        )

    # Power.

    def restart(self) -> None:
        """Close all images, or let the process die, and open them again."""
        # Left out: unflushed.
        how = "shutdown" if self.scenario.committed else self._draw(["shutdown", "crash"])
        self.scenario.committed = False
        self.scenario.do({how: {}}, {"start": {}})

    # What the models above QEMU have.

    def checkpoint(self) -> None:
        """Start a checkpoint by itself, or with a backup since another one; or delete one."""
        if self.scenario.model == "qemu":
            return
        names = [each.name for each in self.machine.checkpoints]
        how = self._draw(["backup", "start", "delete"])
        if how == "delete" and names and not any(map(self.went_on, self.machine.disks)):
            self.scenario.do({"delete": {"checkpoint": self._draw(names)}})
        elif how == "start":
            self.scenario.do({"checkpoint": self.scenario.name("B")})
        elif not any(map(self.copying, self.machine.disks)):
            step = {"to": self.scenario.name("k"), "checkpoint": self.scenario.name("B")}
            if names and not self.seldom():
                step["since"] = self._draw(names)
            if self.half():
                step["mode"] = "pull"
            self.scenario.do({"backup": {**step, **self.ending()}})
