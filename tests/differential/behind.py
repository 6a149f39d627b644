"""Draws what happens to a machine from outside: tools on its files, another host, disks that go."""

from typing import Any

from simulator.model.disk import Disk
from tests.differential.drawing import LETTERS, Drawer, qmp


class OutsideDrawer(Drawer):
    """Draws the next step of a scenario, of a machine that others work on as well."""

    def tool(self) -> None:
        """Use a tool on the images of a machine that is off, mostly, and start it again."""
        disk = self.disk()
        if self.machine.jobs:
            return
        steps = [self._tool(disk) for _ in range(int(self._draw([1, 1, 2, 3])))]
        if self.seldom():
            self.scenario.do(*steps)
        else:
            self.scenario.committed = False
            self.scenario.do({"shutdown": {}}, *steps, {"start": {}})

    def _tool(self, disk: Disk) -> dict[str, Any]:
        images = [image.name for image in reversed(disk.chain)]
        image = self._draw(images)
        place = images.index(image)
        how = self._draw(
            ["convert", "rebase", "commit", "write", "resize", "bitmap", "bitmap", "read"]
        )
        if how == "read":
            return {"backup": self.read_outside(disk, image)}
        if how == "bitmap":
            return {"bitmap": {"image": image, **self._bitmap_change(disk, image)}}
        if how == "convert":
            return {"convert": {"image": image, "to": self.scenario.name("k")}}
        if how == "rebase":
            below = images[place + 1 :]
            base = {"base": self._draw(below)} if below and self.half() else {}
            return {"rebase": {"image": image, **base}}
        if how == "commit" and place + 1 < len(images):
            return {"commit": {"top": image, "outside": True}}
        if how == "resize":
            length = max(1, disk.length_of(image) + int(self._draw([1, 3, -1])))
            return {"resize": {"image": image, "clusters": length, "outside": True}}
        length = disk.length_of(image)
        first = int(self._draw(range(length)))
        cells = "-" * first + str(self._draw(LETTERS)) + "-" * (length - first - 1)
        return {"write": {"image": image, "cells": f"|{cells}|", "outside": True}}

    def read_outside(self, disk: Disk, image: str) -> dict[str, Any]:
        """Return how a client reads an image file itself, maybe through a bitmap of some name."""
        step = {"to": self.client_file(disk), "mode": "pull", "outside": True}
        step |= {"image": image} if image != disk.active.name else {"disks": [disk.name]}
        # libvirt has no words for what is refused.
        sound = [b for b in disk.bitmaps if self.scenario.model != "libvirt" or not b.inconsistent]
        names = sorted({b.name for b in sound if b.name in self.scenario.names("B")})
        if self.scenario.model != "libvirt" and self.seldom():
            there = (b.name for each in self.machine.disks for b in each.bitmaps)
            names += [name for name in there if name in self.scenario.names("B")]
        points = [each.name for each in self.machine.checkpoints if each.name in names]
        how = self._draw(["", "bitmaps", "bitmaps", "since"])
        if how == "bitmaps" and names:
            step["bitmaps"] = [self._draw(names)]
        elif how == "since" and points:
            step["since"] = self._draw(points)
        return step

    def _bitmap_change(self, disk: Disk, image: str) -> dict[str, Any]:
        """Return a change of a bitmap in an image file, which may not have one of that name."""
        found = [(b.node, b.name) for each in self.machine.disks for b in each.bitmaps]
        # libvirt's own go by names that no step may use.
        there = [each for each in found if each[1] in self.scenario.names("B")]
        own = [name for node, name in there if node == image]
        how = self._draw(["add", "merge", "merge", "remove", "clear", "enable", "disable"])
        if how == "add" or not there:
            size = self._draw([None, None, 4096, 1 << 17, 1000])
            sized = {"granularity": size} if size is not None else {}
            return {"add": own[0] if own and self.seldom() else self.scenario.name("B"), **sized}
        name = self._draw(own if own and not self.seldom() else [name for _, name in there])
        if how == "merge":
            node, source = self._draw(there)
            return {"merge": source, "into": name, "source": node}
        return {how: name}

    def lose(self) -> None:
        """Lose a stored backup, or let some of it go bad."""
        backups = self.machine.backups
        if backups:
            how = self._draw(["lose", "delete", "corrupt"])
            backup = self._draw(list(backups))
            name = backup.name
            if how == "corrupt":
                first = int(self._draw(range(backup.length)))
                cells = "-" * first + "X" + "-" * (backup.length - first - 1)
                told = {"backup": name, "disk": backup.disk, "cells": f"|{cells}|"}
                self.scenario.do({"corrupt": told})
                return
            self.scenario.do({"lose": name} if how == "lose" else {"delete": {"backup": name}})

    def migrate(self) -> None:
        """Go on on another host, which has the same storage or gets copies of the disks."""
        self.scenario.committed = False
        moved = self.half() and not self.copies_zeroes()
        self.scenario.copied |= moved and self.scenario.raw
        told: dict[str, Any] = {"storage": "copied"} if moved else {}
        if told and not self.seldom():
            told["bitmaps"] = self.half()
        self.scenario.do({"migrate": told})

    def unplug(self) -> None:
        """Take a disk off the machine, and plug it in again."""
        name = self.disk().name
        self.scenario.do({"detach": name}, {"attach": name})

    def snapshot_by_file(self) -> None:
        """Put an overlay on a chain by the older command."""
        disk, image = self.disk(), self.scenario.name("S")
        if any(b.successor is not None for b in disk.bitmaps_on(disk.active.name)):
            return
        command = qmp("blockdev-snapshot-sync", node_name=disk.active.name,
                      snapshot_file=f"{image}.qcow2", snapshot_node_name=image)  # fmt: skip
        self.scenario.do({"qmp": command})
