"""What `inspect` says of the images of a real libvirt, and what it advises, done on it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from simulator.hosts.libvirt.libvirtd import LibvirtRefusedError
from simulator.hosts.libvirt.machine import Host, open_host
from simulator.libvirt.plan import make_libvirt_plan
from simulator.libvirt.xml import DOMAIN
from tests.checkout import command
from tests.hosts.real import need_libvirt, timeline_of
from tests.inspect.images import bitmap
from tests.waiting import PATIENCE_SECONDS

CHECKPOINT = """\
scenario: images of a real libvirt
model: libvirt
disk: 8
timeline:
  - at: T1
    do: [create: S1, checkpoint: c1]
  - write: AAAA----
  - at: T2
    do:
"""


CRASH = """\
  - at: T3
    do: [crash]
"""


@pytest.fixture(autouse=True)
def _libvirt() -> None:
    need_libvirt()


def findings(path: Path) -> list[dict[str, Any]]:
    told = json.loads(command("inspect", str(path), "--format", "json").out)
    found: list[dict[str, Any]] = told["findings"]
    return found


def play(text: str, then: Callable[[Host, Path], Awaitable[None]]) -> None:
    """Do what a scenario says on a real libvirt, and then what a test has to do.

    Args:
        then: Is given the host and its folder.
    """

    async def run() -> None:
        plan = make_libvirt_plan(timeline_of(text))
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            open_host(PATIENCE_SECONDS, plan.names) as host,
        ):
            for step in plan.steps:
                for action in step.actions:
                    await host.do(action)
            await then(host, host.folder)

    asyncio.run(run())


def file_of(folder: Path, name: str) -> Path:
    (found,) = folder.glob(f"{name}*")
    return found


def test_an_increment_of_a_running_machine_is_a_backup() -> None:
    async def then(host: Host, folder: Path) -> None:
        found = await asyncio.to_thread(findings, file_of(folder, "inc"))
        assert [each["code"] for each in found] == ["BT206", "IN104"]
        await host.virsh("destroy", DOMAIN)
        assert [each["code"] for each in findings(file_of(folder, "inc"))] == ["BT206"]
        assert findings(file_of(folder, "S1")) == []

    play(CHECKPOINT + "      - backup: {since: c1, to: inc}\n", then)


@pytest.mark.parametrize("by_hand", [False, True])
def test_checkpoints_of_a_killed_machine_go_as_advised(by_hand: bool) -> None:
    async def then(host: Host, folder: Path) -> None:
        image = file_of(folder, "S1")
        (found,) = findings(image)
        assert found["code"] == "BT104"
        assert "virsh checkpoint-delete DOMAIN c1 (with --metadata where it" in found["help"]
        if by_hand:
            bitmap(image, "--remove", "c1")
        await host.virsh("start", DOMAIN)
        if by_hand:
            with pytest.raises(LibvirtRefusedError, match="not found in backing chain"):
                await host.virsh("checkpoint-delete", DOMAIN, "c1")
            await host.virsh("checkpoint-delete", DOMAIN, "c1", "--metadata")
        else:
            await host.virsh("checkpoint-delete", DOMAIN, "c1")
        assert await host.notes("checkpoint") == {}
        await host.virsh("destroy", DOMAIN)
        assert findings(image) == []

    play(CHECKPOINT + "      - shutdown\n      - start\n      - crash\n", then)


def test_a_machine_killed_after_a_snapshot_lacks_bitmaps_that_go_as_advised() -> None:
    async def then(host: Host, folder: Path) -> None:
        (found,) = findings(file_of(folder, "S2"))
        assert found["code"] == "BT101"
        assert "virsh checkpoint-delete DOMAIN c1" in found["help"]
        await host.virsh("start", DOMAIN)
        await host.virsh("checkpoint-delete", DOMAIN, "c1")
        await host.virsh("destroy", DOMAIN)
        assert findings(file_of(folder, "S2")) == []

    play(CHECKPOINT + "      - snapshot: S2\n  - write: ---BBB--\n" + CRASH, then)
