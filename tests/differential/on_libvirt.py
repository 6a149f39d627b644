"""Random timelines of the model ``libvirt`` on a real libvirt.

Each has a libvirt of its own, which takes seconds to start, so they are fewer than on QEMU.
"""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import simulator
from simulator.diagnostics import Finding
from simulator.hosts.installed import installed_host
from simulator.model.machine import Power
from simulator.qemu.steps import Unplayed
from simulator.verify.on_libvirt import UNSUPPORTED, verify
from tests.differential import timelines
from tests.differential.behind import OutsideDrawer
from tests.differential.drawing import Scenario, qmp


class LibvirtDrawer(OutsideDrawer):
    """Draws the next step of a scenario out of what libvirt itself can be asked for."""

    def disks(self) -> dict[str, list[str]]:
        """Return the argument that takes some of several disks; mostly there is none."""
        if len(self.machine.disks) == 1 or self.half():
            return {}
        return {"disks": [self.disk().name]}

    # Checkpoints and bitmaps.

    def point(self) -> str:
        """Return a name for a checkpoint: mostly a new one, or that of one that is gone."""
        there = {each.name for each in self.machine.checkpoints}
        there |= {bitmap.name for disk in self.machine.disks for bitmap in disk.bitmaps}
        gone = [name for name in self.scenario.names("B") if name not in there]
        return str(self._draw(gone)) if gone and self.half() else self.scenario.name("B")

    def checkpoint(self) -> None:
        """Start a checkpoint on all disks or on one, or delete one."""
        names = [each.name for each in self.machine.checkpoints]
        if names and self.half():
            step: dict[str, Any] = {"checkpoint": self._draw(names)}
            step |= {key: True for key in ("children", "metadata") if self.seldom()}
            if "metadata" in step or self._removable(step["checkpoint"]):
                self.scenario.do({"delete": step})
            return
        self.scenario.do({"checkpoint": {"name": self.point(), **self.disks()}})

    def _removable(self, name: str) -> bool:
        """Whether a checkpoint and its children have all their bitmaps.

        Left out: deletion-without-bitmap.
        """
        gone = [name]
        for each in self.machine.checkpoints:
            gone += [each.name] if each.parent in gone else []
        points = (each for each in self.machine.checkpoints if each.name in gone)
        return all(self.machine.disk(d).nodes_with(p.name) for p in points for d in p.disks)

    def redefine(self) -> None:
        """Tell libvirt again of a checkpoint, which it may know."""
        names = self.scenario.names("B")
        if not names:
            return
        step: dict[str, Any] = {"name": self._draw(names), "redefine": True, **self.disks()}
        if self.half():
            step["parent"] = self._draw(names)
        if self.half():
            step["validate"] = True
        self.scenario.do({"checkpoint": step})

    def tamper(self) -> None:
        """Let somebody change bitmaps who asks QEMU: gaps, and bitmaps that are disabled."""
        if self.machine.power is not Power.RUNNING:
            return
        names, disk = self.scenario.names("B"), self.disk()
        if not names or self.seldom():
            self.change_bitmaps()
            return
        node, name = disk.active.name, str(self._draw(names))
        held = [bitmap for bitmap in disk.bitmaps_on(node) if bitmap.name == name]
        if not held:
            command = qmp("block-dirty-bitmap-add", node=node, name=name, persistent=True)
        else:
            kind = "disable" if held[0].recording and self.half() else "remove"
            command = qmp(f"block-dirty-bitmap-{kind}", node=node, name=name)
        self.scenario.do({"qmp": command})

    def backup(self) -> None:
        """Take a backup, mostly since a checkpoint and with the next one."""
        names = [each.name for each in self.machine.checkpoints]
        step: dict[str, Any] = {"to": self.scenario.name("k")}
        if names and not self.seldom():
            step["since"] = self._draw(names)
        if self.half():
            step["checkpoint"] = self.point()
        step |= self.disks()
        if names and "disks" not in step and len(self.machine.disks) > 1 and self.seldom():
            step["since"] = {d.name: self._draw([None, *names]) for d in self.machine.disks}
        if self.seldom() or self.seldom():
            step["mode"] = "pull"
        if self.seldom():
            step["preserve-domain"] = True
        # Left out: several-sizes.
        if "disks" not in step and self._of_two_sizes():
            step |= {"disks": [self.disk().name]}
            step |= {"since": self._draw(names)} if isinstance(step.get("since"), dict) else {}
        if "mode" in step and ("disks" in step or len(self.machine.disks) == 1):
            step["to"] = self.client_file(self.machine.disk(step.get("disks", ["vda"])[0]))
        self.scenario.do({"backup": step})

    def _of_two_sizes(self) -> bool:
        """Whether one of several disks has bitmaps on images of another size.

        libvirtd 9.0.0 dies where QEMU refuses to merge those in a backup of several disks.
        """
        disks = self.machine.disks
        sizes = [{disk.bytes_of(image.name) for image in disk.chain} for disk in disks]
        return len(disks) > 1 and any(len(each) > 1 for each in sizes)

    # Chains and snapshots.

    def snapshot(self) -> None:
        """Put an overlay on every chain, or on one."""
        disks = [self.disk()] if self.half() else self.machine.disks
        gone = [each for each in self.scenario.names("S") if not self.machine.node_taken(each)]
        # Its image is gone, and libvirt has its note of it still.
        first = str(self._draw(gone)) if gone and self.half() else self.scenario.name("S")
        named = {disks[0].name: first} | {d.name: self.scenario.name("S") for d in disks[1:]}
        self.scenario.do({"snapshot": {"images": named}})

    def delete_snapshot(self) -> None:
        """Delete a snapshot with its images, or just libvirt's note of it."""
        noted = [note.name for note in self.machine.snapshots]
        name = self._draw(noted if noted and not self.seldom() else self.scenario.names("S"))
        metadata = {"metadata": True} if self.seldom() else {}
        if self._draw([False, False, True]):
            self.scenario.do({"revert": {"snapshot": name, "image": self.scenario.name("S")}})
        else:
            self.scenario.do({"delete": {"snapshot": name, **metadata}})

    def commit(self) -> None:
        """Commit some images of a chain."""
        images = [image.name for image in self.disk().chain]
        if len(images) > 1 or self.seldom():
            place = int(self._draw(range(min(1, len(images) - 1), len(images))))
            base = self._draw(images[:place] if place and not self.seldom() else images)
            self.scenario.do({"commit": {"top": images[place], "base": base}})

    def pull(self) -> None:
        """Pull backing data up into the active image."""
        *images, active = [image.name for image in self.disk().chain]
        if images:
            base = {"base": self._draw(images[:-1])} if images[1:] and self.half() else {}
            self.scenario.do({"pull": {"into": active, **base}})

    def resize(self) -> None:
        """Let a disk grow or shrink."""
        disk = self.disk()
        length = max(1, disk.length + int(self._draw([1, 4, -1, -3])))
        self.scenario.do({"resize": {"disk": disk.name, "clusters": length}})

    # Power.

    def restart(self) -> None:
        """Stop the machine, and mostly start it again at once; or start one that is off."""
        if self.machine.power is not Power.RUNNING:
            self.scenario.do({"start": {}})
        elif self.seldom():
            noted = self.machine.checkpoints or self.machine.snapshots
            self.scenario.do({"shutdown": {}}, *([{"undefine": {}}] if noted else []))
        elif self.half():
            disk = self.disk()
            read = self.read_outside(disk, disk.active.name)
            self.scenario.do({"shutdown": {}}, {"backup": read}, {"start": {}})
        else:
            super().restart()


OFTEN = ("checkpoint", "backup", "backup", "snapshot", "snapshot", "tamper")
MERGING = ("commit", "pull", "delete_snapshot")
SELDOM = ("blockcopy", "resize", "restart", "redefine")
"""What is drawn, by the methods that draw it."""


class LibvirtTimelines(RuleBasedStateMachine):
    """A timeline that grows by a step at a time, and is held against libvirt at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.scenario: Scenario | None = None

    @initialize(cells=st.integers(4, 12), disks=st.sampled_from([1, 1, 2, 2]))
    def begin(self, cells: int, disks: int) -> None:
        self.scenario = Scenario(
            model="libvirt",
            cells=cells,
            cluster_size=65536,
            disks=disks,
            bitmaps=False,
            host=installed_host(libvirt=True),
        )

    @rule(data=st.data(), steps=st.integers(1, 2))
    def guest(self, data: st.DataObject, steps: int) -> None:
        for _ in range(steps):
            self._drawer(data).guest_step()

    @rule(
        data=st.data(),
        kind=st.sampled_from(OFTEN),
    )
    def often(self, data: st.DataObject, kind: str) -> None:
        getattr(self._drawer(data), kind)()

    @rule(data=st.data(), kind=st.sampled_from(MERGING))
    def merging(self, data: st.DataObject, kind: str) -> None:
        getattr(self._drawer(data), kind)()

    @rule(data=st.data(), kind=st.sampled_from(SELDOM))
    def seldom(self, data: st.DataObject, kind: str) -> None:
        getattr(self._drawer(data), kind)()

    def _drawer(self, data: st.DataObject) -> LibvirtDrawer:
        assert self.scenario is not None, "it has begun"
        return LibvirtDrawer(
            self.scenario, lambda choices: data.draw(st.sampled_from(list(choices)))
        )

    def teardown(self) -> None:
        """Hold the timeline against libvirt."""
        if self.scenario is not None:
            assert self.scenario.machine.disks, "each step can be read"
            finding = compare(self.scenario.text)
            if finding is not None:
                raise timelines.DisagreementError(self.scenario.text, finding)


def compare(text: str) -> Finding | None:
    """Return the first difference between the simulator and a real libvirt; None for none."""
    try:
        timeline = simulator.loads(text).run().timeline
    except simulator.InputError:
        return None
    outcome = verify(timeline)
    finding = outcome.finding
    if finding is None or finding.code != UNSUPPORTED[0]:
        timelines.TALLY.add(timeline, outcome)
        return finding
    # From a step on that libvirt cannot be asked for, nothing is played.
    entries = [entry for entry in timeline.entries if entry.statement is not None]
    left = entries[[entry.number for entry in entries].index(finding.entry or 0) :]
    unplayed = tuple(Unplayed(entry, finding.message) for entry in left)
    timelines.TALLY.add(timeline, outcome._replace(unplayed=unplayed))
    return None


def play(examples: int, *, seed: int | None = None) -> None:
    """Draw so many timelines, and hold each against libvirt.

    Raises:
        DisagreementError: They do not agree. The smallest scenario that shows it is written.
    """
    timelines.play(examples, seed=seed, machine=LibvirtTimelines, compare=compare)
