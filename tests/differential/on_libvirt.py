"""Random timelines of the model ``libvirt`` on a real libvirt.

Each has a libvirt of its own, which takes seconds to start, so they are fewer than on QEMU.
"""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import simulator
from simulator.diagnostics import Finding
from simulator.qemu.steps import Unplayed
from simulator.verify.on_libvirt import UNSUPPORTED, verify
from tests.differential import timelines
from tests.differential.drawing import Drawer, Scenario


class LibvirtDrawer(Drawer):
    """Draws the next step of a scenario out of what libvirt itself can be asked for."""

    def checkpoint(self) -> None:
        """Start a checkpoint on all disks or on one, or delete one."""
        names = [each.name for each in self.machine.checkpoints]
        if names and self.half():
            name = self._draw(names)
            # libvirt gives the children another parent before it finds the bitmap gone.
            if not all(disk.nodes_with(name) for disk in self.machine.disks):
                return
            step: dict[str, Any] = {"checkpoint": name}
            step |= {key: True for key in ("children", "metadata") if self.seldom()}
            self.scenario.do({"delete": step})
            return
        disks = {"disks": [self.disk().name]} if self.seldom() else {}
        self.scenario.do({"checkpoint": {"name": self.scenario.name("B"), **disks}})

    def backup(self) -> None:
        """Take a backup, mostly since a checkpoint and with the next one."""
        names = [each.name for each in self.machine.checkpoints]
        step: dict[str, Any] = {"to": self.scenario.name("k")}
        if names and not self.seldom():
            step["since"] = self._draw(names)
        if self.half():
            step["checkpoint"] = self.scenario.name("B")
        if self.seldom():
            step["disks"] = [self.disk().name]
        if self.seldom():
            step["mode"] = "pull"
        self.scenario.do({"backup": step})

    def snapshot(self) -> None:
        """Put an overlay on every chain, or on one."""
        disks = [self.disk()] if self.half() else self.machine.disks
        self.scenario.do({"snapshot": {"images": {d.name: self.scenario.name("S") for d in disks}}})

    def commit(self) -> None:
        """Commit some images of a chain."""
        images = [image.name for image in self.disk().chain]
        if len(images) > 1:
            place = int(self._draw(range(1, len(images))))
            base = self._draw(images[:place])
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


class LibvirtTimelines(RuleBasedStateMachine):
    """A timeline that grows by a step at a time, and is held against libvirt at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.scenario: Scenario | None = None

    @initialize(cells=st.integers(4, 12), disks=st.sampled_from([1, 1, 2]))
    def begin(self, cells: int, disks: int) -> None:
        self.scenario = Scenario(
            model="libvirt", cells=cells, cluster_size=65536, disks=disks, bitmaps=False
        )

    @rule(data=st.data(), steps=st.integers(1, 2))
    def guest(self, data: st.DataObject, steps: int) -> None:
        for _ in range(steps):
            self._drawer(data).guest_step()

    @rule(data=st.data(), kind=st.sampled_from(["checkpoint", "backup", "backup", "snapshot"]))
    def often(self, data: st.DataObject, kind: str) -> None:
        getattr(self._drawer(data), kind)()

    @rule(
        data=st.data(), kind=st.sampled_from(["commit", "pull", "blockcopy", "resize", "restart"])
    )
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
