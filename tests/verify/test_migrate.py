"""A machine that goes on on another host, to which its disks are copied."""

import pytest

import simulator
from simulator.diagnostics import InputError
from simulator.notation import write_bits, write_view
from simulator.verify.on_qemu import verify
from tests.hosts.real import need_qemu, timeline_of

HEAD = """scenario: a machine moves
model: {model}
disk: 8
timeline:
  - at: t1
    do: [{{create: {{image: S1, bitmap: b1}}}}]
  - write: AAAA----
  - at: t2
    do:
      - snapshot: {{image: S2, bitmap: b2}}
      - qmp:
          execute: block-dirty-bitmap-add
          arguments: {{node: S2, name: t, granularity: 4096}}
      - qmp:
          execute: block-dirty-bitmap-add
          arguments: {{node: S2, name: off, persistent: true, disabled: true}}
      - delete: {{snapshot: S2, metadata: true}}
  - write: --BB----
  - at: t3
    do:
"""
AFTER = """  - write: C-------
  - at: t4
    do: [crash, start]
  - at: t5
    do: [{{migrate: {{storage: copied}}}}]
"""


@pytest.mark.parametrize(
    ("model", "told", "bitmaps"),
    [
        ("qemu", "bitmaps: true", {"b2": "--XX----", "t": None, "off": "--------"}),
        ("qemu", "bitmaps: false", {}),
        ("qemu", "to: beta", {}),
        ("libvirt", "bitmaps: true", {"b1": "XXXX----", "b2": "--XX----"}),
        ("libvirt", "to: beta", {"b1": "XXXX----", "b2": "--XX----"}),
        ("libvirt", "bitmaps: false", {}),
    ],
)
def test_what_travels_with_a_disk_that_is_copied(
    model: str, told: str, bitmaps: dict[str, str | None]
) -> None:
    need_qemu()
    text = HEAD.format(model=model) + f"      - migrate: {{storage: copied, {told}}}\n"
    if model == "qemu":
        text = text.replace("      - delete: {snapshot: S2, metadata: true}\n", "")
    timeline = timeline_of(text + AFTER.format())
    then = next(frame for frame in timeline.frames if frame.label == "t3")
    (disk,) = then.machine.disks
    assert [image.name for image in disk.chain] == ["S2"]
    assert write_view(disk.guest_view, 8) == "AABB----"
    assert {b.name for b in disk.bitmaps} == set(bitmaps)
    for bitmap in disk.bitmaps:
        wanted = bitmaps[bitmap.name]
        if wanted is not None:
            assert write_bits(bitmap.dirty, bitmap.length) == wanted
    outcome = verify(timeline)
    assert outcome.finding is None, outcome.finding.notes


def test_a_host_that_has_an_image_of_that_name_is_a_mistake_with_its_place() -> None:
    text = HEAD.format(model="qemu").replace("      - delete: {snapshot: S2, metadata: true}\n", "")
    told = "".join(
        f"      - migrate: {{storage: copied, to: {host}}}\n"
        for host in ("alpha", "beta", "alpha", "gamma", "beta")
    )
    with pytest.raises(InputError) as caught:
        simulator.loads(text + told).run()
    places = [(p.span.line, p.span.column, p.message) for p in caught.value.problems if p.span]
    assert places == [
        (22, 40, "the host alpha has an image S2 already"),
        (24, 40, "the host beta has an image S2 already"),
    ]
