"""The record of what changed between releases, each once: what it is, since when, who is concerned.

Source: the same timelines played on QEMU 7.2.22, 10.0.13 and 11.1.3 and on libvirt 9.0.0, 11.3.0
and 12.8.0; ``facts/QEMU.md`` and ``facts/LIBVIRT.md``.
"""

from simulator.releases.change import BY_CLASS, READERS, Change
from simulator.releases.hosts import QEMU, Host
from simulator.releases.libvirt import CHANGES_OF_LIBVIRT
from simulator.releases.semantics import SWITCHES, Semantics

CHANGES: tuple[Change, ...] = (
    Change(
        switch="resize_says_why",
        of=QEMU,
        since="10.0",
        title="a resize that is refused says what the image is busy with",
        before="Device '(null)' is in use",
        after="Node 'S1' is busy: node is used as backing hd of 'S2'",
        concerns=READERS,
        advice=BY_CLASS,
        shows="""\
model: qemu
disk: 8
allow: [{rule: refused, because: one of the releases says no}]
timeline:
  - at: T1
    do: [{create: S1}, {snapshot: S2}]
  - at: T2
    do: [{qmp: {execute: block_resize, arguments: {node-name: S1, size: 1048576}}}]
""",
    ),
    Change(
        switch="lower_case_property",
        word="grouped",
        of=QEMU,
        since="10.0",
        title="a grouped transaction that is refused spells property with a small p",
        before="Action 'block-dirty-bitmap-add' does not support Transaction property ...",
        after="Action 'block-dirty-bitmap-add' does not support transaction property ...",
        concerns=READERS,
        advice=BY_CLASS,
        shows="""\
model: qemu
disk: 8
allow: [{rule: refused, because: one of the releases says no}]
timeline:
  - at: T1
    do: [create: S1]
  - at: T2
    do:
      - qmp:
          execute: transaction
          arguments:
            properties: {completion-mode: grouped}
            actions: [{type: block-dirty-bitmap-add, data: {node: S1, name: B1}}]
""",
    ),
    Change(
        switch="pull_leaves_open",
        of=QEMU,
        since="10.0",
        title="an image below the active one that was pulled into stays open for writing",
        before="it is read-only again when the job ends; a commit into it works",
        after="it stays open until a restart; a commit into it fails where it has a stored bitmap",
        concerns="tools that stream into the middle of a chain, by QMP; libvirt does not",
        advice="restart the machine, or commit before the stream",
        shows="""\
model: qemu
disk: 8
allow: [{rule: refused, because: one of the releases says no}]
timeline:
  - at: T1
    do: [create: S1]
  - write: A-------
  - at: T2
    do:
      - {snapshot: S2}
      - qmp:
          execute: block-dirty-bitmap-add
          arguments: {node: S2, name: B2, persistent: true}
  - write: -B------
  - at: T3
    do: [snapshot: S3]
  - write: --C-----
  - at: T4
    do: [snapshot: S4]
  - at: T5
    do:
      - qmp: {execute: block-stream, arguments: {device: S2}}
      - qmp: {execute: block-commit, arguments: {device: S4, top-node: S3, base-node: S2}}
""",
    ),
    Change(
        switch="force_closes_base",
        of=QEMU,
        since="10.0",
        title="a commit of the active image that is cancelled by force closes its base again",
        before="the base stays open: a crash makes its stored bitmaps inconsistent",
        after="the base is read-only again: its bitmaps survive, and no job may change them",
        concerns="tools that end a ready commit by `job-cancel`; libvirt does not",
        advice="nothing: `block-job-cancel` without force does as before",
        shows="""\
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
        ends: T5
  - at: T4
    do:
      - qmp: {execute: job-cancel, arguments: {id: j1}}
  - at: T5
    do: [crash, start]
""",
    ),
    Change(
        switch="discard_source",
        word="discard-source",
        of=QEMU,
        since="10.0",
        title="a backup may discard in its source what it has copied",
        before="Parameter 'discard-source' is unexpected",
        after="the source's clusters are zeroes, and its recording bitmaps are marked there",
        first="9.1",
        concerns="tools that copy scratch images of their own; never for the guest's own disk",
        advice="give it to images that nobody reads any more",
        shows="""\
model: qemu
disk: 8
allow: [{rule: refused, because: one of the releases says no}]
timeline:
  - at: T1
    do: [create: S1]
  - write: AABB----
  - at: T2
    do:
      - qmp: {execute: block-dirty-bitmap-add, arguments: {node: S1, name: B1}}
      - qmp:
          execute: blockdev-backup
          arguments: {device: S1, target: k1, sync: top, discard-source: true}
""",
    ),
    Change(
        switch="min_cluster_size",
        word="min-cluster-size",
        of=QEMU,
        since="10.0",
        title="a backup may copy in larger units than 64 KiB",
        before="Parameter 'x-perf.min-cluster-size' is unexpected",
        after="whole units are copied where a bit is set, or the guest writes",
        first="9.2",
        concerns="tools that back up to targets of large clusters",
        advice="nothing: more is copied than a bitmap asks for, and it is right",
        shows="""\
model: qemu
disk: 8
allow: [{rule: refused, because: one of the releases says no}]
timeline:
  - at: T1
    do: [create: S1]
  - write: AABB----
  - at: T2
    do: [{qmp: {execute: block-dirty-bitmap-add, arguments: {node: S1, name: B1}}}]
  - write: -C---C--
  - at: T3
    do:
      - qmp:
          execute: blockdev-backup
          arguments:
            {device: S1, target: k1, sync: bitmap, bitmap: B1, bitmap-mode: never,
             x-perf: {min-cluster-size: 131072}}
""",
    ),
    Change(
        switch="block_job_change",
        word="block-job-change",
        of=QEMU,
        since="10.0",
        title="a mirror that runs may be told to let the guest wait for the copy",
        before="The command block-job-change has not been found",
        after="copy-mode: write-blocking is taken; the copy holds the same",
        first="8.2",
        concerns="tools that move busy disks",
        advice="nothing: no image and no bitmap differs by it",
        shows="""\
model: qemu
disk: 8
allow: [{rule: refused, because: one of the releases says no}]
timeline:
  - at: T1
    do: [create: S1]
  - at: T2
    do:
      - qmp:
          execute: blockdev-mirror
          arguments: {job-id: j1, device: S1, target: C1, sync: full}
        ends: T4
  - at: T3
    do:
      - qmp:
          execute: block-job-change
          arguments: {id: j1, type: mirror, copy-mode: write-blocking}
  - {at: T4}
""",
    ),
    Change(
        switch="blockdev_set_active",
        word="blockdev-set-active",
        of=QEMU,
        since="10.0",
        title="a node may be let go, and taken up again",
        before="The command blockdev-set-active has not been found",
        after="Failed to inactivate node: Operation not permitted, under a writable export; its "
        "stored bitmaps are let go all the same",
        concerns="tools that hand images over; incrementals after such a refusal miss writes",
        advice="end the export first, or take a full backup after it was refused",
        shows="""\
model: qemu
disk: 8
allow: [{rule: refused, because: both releases say no}]
timeline:
  - at: T1
    do: [{create: S1}, {snapshot: S2}]
  - at: T2
    do:
      - qmp:
          execute: blockdev-set-active
          arguments: {node-name: S1, active: false}
""",
    ),
    Change(
        switch="zeroes_are_skipped",
        of=QEMU,
        since="11.1",
        title="a mirror, and a commit of the active image, skip zeroes where the target has none",
        before="zeroes are written, and bits of the target's bitmap are set for them",
        after="only data arrives in a target that reads as zeroes; nothing is marked for the rest",
        first="11.1, perhaps 10.1",
        concerns="readers of what is allocated: `sync: top`, a commit or a pull of a copy",
        advice="nothing: what is read is the same",
        shows="""\
model: qemu
disk: 8
timeline:
  - at: T1
    do: [create: S1]
  - write: AAA-----
  - zero: -X---X--
  - at: T2
    do: [blockcopy: {to: C1}]
""",
    ),
    Change(
        switch="persistent_needs_writable",
        of=QEMU,
        since="11.1",
        title="a persistent bitmap is neither added to nor removed from an image that is read-only",
        before="it is added, and lost when the image is closed; the removal says it is readonly",
        after="Cannot add a persistent bitmap to read-only or inactive node 'S1'",
        concerns="tools that add bitmaps below the active image",
        advice="add the bitmap before the snapshot, or reopen the image for writing",
        shows="""\
model: qemu
disk: 8
allow: [{rule: refused, because: one of the releases says no}]
timeline:
  - at: T1
    do: [{create: S1}, {snapshot: S2}]
  - at: T2
    do:
      - qmp:
          execute: block-dirty-bitmap-add
          arguments: {node: S1, name: B1, persistent: true}
""",
    ),
    Change(
        switch="on_cbw_error",
        word="break-",
        of=QEMU,
        since="11.1",
        title="a full scratch space may break the backup, and not the guest's write",
        before="Parameter 'on-cbw-error' is unexpected",
        after="break-snapshot: the write is done, and the reader sees a mixture, without an error",
        first="11.1, perhaps 10.1",
        concerns="whoever bounds the scratch of a pull; libvirt does not pass it on",
        advice="leave it at break-guest-write, or throw away what BT210 names",
        shows="""\
model: qemu
disk: 8
allow:
  - {rule: refused, because: one of the releases says no}
  - {rule: scratch-full, because: the other one breaks the backup}
timeline:
  - at: T1
    do: [create: S1]
  - write: AAAA----
  - at: T2
    do:
      - backup:
          {to: k1, mode: pull, scratch: 64 KiB, on-cbw-error: break-snapshot, ends: T3}
  - write: BBB-----
  - {at: T3}
""",
    ),
    *CHANGES_OF_LIBVIRT,
)
"""By their half and their release."""


def semantics_of(host: Host) -> Semantics:
    """Return what a host does."""
    switches = {each.switch: each.holds(host) for each in CHANGES if each.switch in SWITCHES}
    return Semantics(**switches, qemu=host.qemu)


def changes_between(one: Host, other: Host) -> tuple[Change, ...]:
    """Return what two hosts do differently."""
    return tuple(each for each in CHANGES if each.holds(one) is not each.holds(other))
