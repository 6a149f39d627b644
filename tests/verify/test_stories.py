"""What random timelines found, as small stories on a real QEMU."""

import pytest

from simulator.verify.on_qemu import verify
from tests.hosts.real import need_qemu, timeline_of
from tests.waiting import PATIENCE_SECONDS

STORIES = {
    "a bitmap goes from an image above one that a pull reads": """\
scenario: a bitmap goes from an image above one that a pull reads
model: libvirt
disk: 8
timeline:
  - {at: T1, do: [create: {image: S1, bitmap: B1}]}
  - write: AA------
  - {at: T2, do: [snapshot: {image: S2, bitmap: B2}, snapshot: S3]}
  - {at: T3, do: [backup: {to: k1, mode: pull, image: S1, ends: T5}]}
  - {at: T4, do: [delete: {checkpoint: B2}]}
  - {at: T5}
""",
    "a wrong command to one of two jobs of a backup": """\
scenario: a wrong command to one of two jobs of a backup
model: mail-2018
disks: {vda: 8, vdb: 8}
timeline:
  - at: T1
    do: [{create: {image: S1, disk: vda}}, {create: {image: S2, disk: vdb}}, {checkpoint: B1}]
  - {at: T2, do: [backup: {to: k1, since: B1, mode: pull, ends: T4}]}
  - {at: T3, do: [{qmp: {execute: job-complete, arguments: {id: k1}}, expect: refused}]}
  - {at: T4}
""",
    "a commit into an image that a pull reads": """\
scenario: a commit into an image that a pull reads
model: libvirt
disk: 8
timeline:
  - {at: T1, do: [{create: S1}, {snapshot: S2}]}
  - {at: T2, do: [backup: {to: k2, mode: pull, image: S1, ends: T4}]}
  - at: T3
    do:
      - qmp: {execute: block-commit, arguments: {device: S2, base-node: S1, job-id: job4}}
        expect: refused
  - {at: T4}
""",
    "a file is resized that has a broken bitmap": """\
scenario: a file is resized that has a broken bitmap
model: libvirt
disk: 8
timeline:
  - {at: T1, do: [create: {image: S1, bitmap: B1}]}
  - {at: T2, do: [crash, start, snapshot: S2]}
  - at: T3
    do:
      - shutdown
      - {resize: {image: S1, clusters: 9, outside: true}, expect: refused}
      - {resize: {image: S2, clusters: 9, outside: true}}
""",
    "a client makes the copy of a short overlay longer": """\
scenario: a client makes the copy of a short overlay longer
model: qemu
disk: 8
timeline:
  - {at: T1, do: [create: {image: S1, bitmap: B1}]}
  - write: AAAAAAAA
  - {at: T2, do: [snapshot: S2, resize: {clusters: 6}, copy: {image: S2, to: k1}]}
  - {at: T3, do: [backup: {to: k1, mode: pull, outside: true, image: S1, bitmaps: [B1]}]}
""",
    "a commit into a base that another one left open": """\
scenario: a commit into a base that another one left open
model: qemu
disk: 8
timeline:
  - {at: T1, do: [create: S1, snapshot: S2, snapshot: S3]}
  - at: T2
    do:
      - qmp: {execute: block-commit, arguments: {device: S3, base-node: S2, job-id: first}}
        fails: T3
  - at: T3
    do:
      - snapshot: S4
      - qmp: {execute: block-dirty-bitmap-add, arguments: {node: S2, name: B2, persistent: true}}
      - qmp:
          execute: block-commit
          arguments: {job-id: next, device: S4, top-node: S3, base-node: S2}
      - qmp: {execute: block-dirty-bitmap-clear, arguments: {node: S2, name: B2}}
""",
    "a job's name is taken again before the first one was to end": """\
scenario: a job's name is taken again before the first one was to end
model: qemu
disk: 8
timeline:
  - {at: T1, do: [create: S1]}
  - write: AAAA----
  - at: T2
    do:
      - qmp: {execute: blockdev-backup, arguments: {device: S1, target: k1, sync: full}}
        ends: T4
  - at: T3
    do:
      - qmp: {execute: job-cancel, arguments: {id: k1}}
      - qmp: {execute: blockdev-backup, arguments: {device: S1, target: k1, sync: full}}
        ends: T6
  - {at: T4, do: []}
  - write: BBBBBBBB
  - {at: T5, do: [qmp: {execute: job-cancel, arguments: {id: k1}}]}
  - {at: T6, do: []}
""",
    "a drive-backup on the filter of another backup": """\
scenario: a drive-backup on the filter of another backup
model: qemu
disk: 8
timeline:
  - {at: T1, do: [create: S1, snapshot: S2, snapshot: S3]}
  - {at: T2, do: [backup: {to: k1, mode: pull, image: S2, ends: T4}]}
  - at: T3
    do:
      - qmp: {execute: block_resize, arguments: {node-name: S2, size: 655360}}
      - qmp: {execute: drive-backup, arguments: {device: S3, target: k2, sync: top}}
      - qmp: {execute: drive-backup, arguments: {device: S3, target: k3, sync: full}}
        ends: T4
  - {at: T4, do: []}
""",
    "a client that would write to an image that a pull reads": """\
scenario: a client that would write to an image that a pull reads
model: qemu
disk: 8
timeline:
  - {at: T1, do: [create: S1, snapshot: S2, snapshot: S3]}
  - at: T2
    do:
      - qmp: {execute: block-commit, arguments: {device: S3, base-node: S2, job-id: down}}
        fails: T3
  - at: T3
    do:
      - qmp: {execute: block-stream, arguments: {device: S3, base-node: S1, job-id: up}}
        ends: T5
  - at: T4
    do:
      - qmp:
          execute: block-export-add
          arguments: {type: nbd, id: client, node-name: S2, writable: true}
  - {at: T5, do: []}
""",
}

CUT_SHORT = """\
scenario: a commit across an image that ends within a cluster
model: qemu
disk: 4
timeline:
  - at: T1
    do:
      - create: S1
      - qmp: {execute: block-dirty-bitmap-add, arguments: {node: S1, name: B1}}
      - qmp: {execute: block_resize, arguments: {node-name: S1, size: 66048}}
  - write: CELLS
  - at: T2
    do:
      - qmp: {execute: blockdev-snapshot, arguments: {node: S1, overlay: S2}}
      - qmp: {execute: blockdev-snapshot, arguments: {node: S2, overlay: S3}}
      - resize: {clusters: 3}
      - qmp: {execute: block-commit, arguments: {device: S3, job-id: down}}
"""
STORIES |= {
    f"a commit of {cells} across it": CUT_SHORT.replace("CELLS", cells) for cells in ("A-", "AB")
}


@pytest.mark.parametrize("name", STORIES)
def test_a_story_agrees_with_qemu(name: str) -> None:
    need_qemu()
    outcome = verify(timeline_of(STORIES[name]), timeout=PATIENCE_SECONDS)
    assert outcome.finding is None, "\n".join([*outcome.finding.notes, *outcome.said])
    assert outcome.steps >= 4
