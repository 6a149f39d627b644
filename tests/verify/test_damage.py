"""A stored backup that goes bad, done to the real file."""

import simulator
from simulator.verify import on_libvirt
from simulator.verify.on_qemu import verify
from tests.checkout import ROOT
from tests.hosts.real import need_libvirt, need_qemu, timeline_of

DAMAGED = """scenario: damage
model: qemu
disks: {vda: {size: 100 KiB, cluster_size: 64 KiB}}
timeline:
  - {at: t1, do: [{create: S1}]}
  - write: AA
  - at: t2
    do:
      - {backup: full}
      - {backup: {to: pulled, mode: pull}}
      - {copy: {image: S1, to: cp}}
      - {corrupt: {backup: full, cells: -X}}
      - {corrupt: {backup: pulled, cells: XX}}
      - {corrupt: {backup: cp, cells: X-}}
      - shutdown
      - {corrupt: {backup: full, cells: X-}}
      - start
      - {restore: {from: [full, cp]}}
"""


def test_a_cluster_that_goes_bad_is_bad_in_the_file_up_to_the_end_of_the_disk() -> None:
    need_qemu()
    timeline = timeline_of(DAMAGED)
    outcome = verify(timeline)
    assert outcome.finding is None, outcome.finding.notes
    assert outcome.unplayed == ()


def test_what_libvirt_wrote_goes_bad_beside_the_machine_that_has_its_images_open() -> None:
    need_libvirt()
    timeline = simulator.load(ROOT / "scenarios/timed/stored.yaml").run().timeline
    outcome = on_libvirt.verify(timeline)
    assert outcome.finding is None, outcome.finding.notes
    assert outcome.unplayed == ()
