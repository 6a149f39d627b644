"""What releases differ in, on the QEMU and the libvirt that are installed, whichever they are."""

from operator import attrgetter

import pytest

import simulator
from simulator.hosts.installed import installed_host
from simulator.notation import write_clusters
from simulator.releases.changes import CHANGES, Change
from simulator.releases.hosts import QEMU
from simulator.verify.on_libvirt import verify as on_libvirt
from simulator.verify.on_qemu import verify as on_qemu
from tests.hosts.real import need_libvirt, need_qemu, timeline_of

NAME_OF = attrgetter("name")

CANCELLED = """\
scenario: a commit that is ready is cancelled
model: qemu
disk: 8
timeline:
  - at: T1
    do:
      - create: S1
      - qmp:
          execute: block-dirty-bitmap-add
          arguments: {node: S1, name: B1, persistent: true}
  - write: AA------
  - at: T2
    do: [snapshot: S2]
  - write: -B------
  - at: T3
    do:
      - qmp: {execute: block-commit, arguments: {job-id: j1, device: S2}}
        ends: T6
  - write: ---C----
  - at: T4
    do: [{qmp: COMMAND}]
  - at: T5
    do: [{qmp: {execute: block-dirty-bitmap-clear, arguments: {node: S1, name: B1}}}]
  - at: T6
    do: [crash, start]
"""
CANCELS = (
    "{execute: job-cancel, arguments: {id: j1}}",
    "{execute: block-job-cancel, arguments: {device: j1}}",
    "{execute: block-job-cancel, arguments: {device: j1, force: true}}",
)


@pytest.mark.parametrize("change", [each for each in CHANGES if each.of == QEMU], ids=NAME_OF)
def test_the_smallest_scenario_of_a_change_goes_as_on_the_qemu_that_is_installed(
    change: Change,
) -> None:
    need_qemu()
    assert agrees(f"scenario: {change.name}\n{change.shows}")


@pytest.mark.parametrize("change", [each for each in CHANGES if each.of != QEMU], ids=NAME_OF)
def test_and_so_does_that_of_libvirt(change: Change) -> None:
    need_libvirt()
    verification = on_libvirt(timeline_of(f"scenario: {change.name}\n{change.shows}"))
    assert verification.finding is None


@pytest.mark.parametrize("command", CANCELS)
def test_the_base_of_a_commit_that_is_cancelled_closes_by_force_alone(command: str) -> None:
    need_qemu()
    assert agrees(CANCELLED.replace("COMMAND", command))


@pytest.mark.parametrize("command", CANCELS)
def test_it_closes_since_10(command: str) -> None:
    closed = "closed" if "force" in command or "id:" in command else "open"
    for release, wanted in (("7.2", "open"), ("10.0", closed)):
        text = CANCELLED.replace("COMMAND", command)
        run = simulator.loads(text.replace("disk: 8", f"host: {{qemu: {release}}}\ndisk: 8")).run()
        bitmap = run.timeline.last.disks[0].bitmap("S1", "B1")
        assert bitmap is not None
        assert bitmap.inconsistent == (wanted == "open"), release


def agrees(text: str) -> bool:
    """Whether a scenario is verified on what is installed, to its end."""
    installed = installed_host()
    assert installed is not None
    verification = on_qemu(timeline_of(text))
    assert verification.finding is None, verification.finding
    return bool(verification.steps)


RAW = """\
scenario: a copy of a raw image that nobody wrote at its start
model: qemu
disk: {clusters: 32, cluster_size: 4096}
timeline:
  - at: T1
    do: [{create: {image: S1, format: raw}}, {snapshot: S2}]
  - write: ----------------------A---------
  - at: T2
    do: [MIRROR]
  - write: ---------------------------B----
  - zero: ------XX------------------------
  - at: T3
"""
MIRRORS = (
    "blockcopy: {to: C1, ends: T3}",
    "{qmp: {execute: blockdev-mirror, arguments: "
    "{job-id: j1, device: S2, target: C1, sync: full, granularity: 32768}}, ends: T3}",
)


@pytest.mark.parametrize("mirror", MIRRORS)
def test_what_a_mirror_copies_of_a_raw_image(mirror: str) -> None:
    need_qemu()
    assert agrees(RAW.replace("MIRROR", mirror))


COPIES = ("0---------------------A----B----", "00000000--------000000A0000B0000")


@pytest.mark.parametrize(("mirror", "copied"), list(zip(MIRRORS, COPIES, strict=True)))
def test_a_newer_one_copies_its_first_block_and_whole_granules(mirror: str, copied: str) -> None:
    text = RAW.replace("MIRROR", mirror).replace("disk:", "host: {qemu: 11.1}\ndisk:", 1)
    (disk,) = simulator.loads(text).run().timeline.last.disks
    assert write_clusters(disk.active.content, disk.length) == copied
