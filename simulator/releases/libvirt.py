"""The part of the record that is about libvirt.

Source: as that of the whole, ``facts/LIBVIRT.md`` section 10.
"""

from simulator.releases.change import BY_CLASS, READERS, Change
from simulator.releases.hosts import LIBVIRT

CHANGES_OF_LIBVIRT: tuple[Change, ...] = (
    Change(
        switch="raw_copy_stays_recorded",
        of=LIBVIRT,
        since="11.3",
        title="a copy of a disk to a raw image leaves libvirt-tmp-activewrite on it",
        before="only where the disk has a checkpoint",
        after="always: one more bitmap that records, in memory",
        concerns="whoever counts bitmaps after a blockcopy",
        advice="nothing: it is gone when the machine stops",
        shows="""\
model: libvirt
disk: 8
timeline:
  - at: T1
    do: [create: S1]
  - at: T2
    do: [blockcopy: {to: C1, format: raw}]
""",
    ),
    Change(
        switch="offline_snapshots_named",
        of=LIBVIRT,
        since="11.3",
        title="a snapshot of a machine that is off, beside a checkpoint, is refused in other words",
        before="cannot perform block operations while checkpoint exists",
        after="support for offline external snapshots while checkpoint exists was not yet "
        "implemented",
        concerns=READERS,
        advice=BY_CLASS,
        shows="""\
model: libvirt
disk: 8
allow: [{rule: machine-off, because: one of the releases says no}]
timeline:
  - at: T1
    do: [{create: S1}, {checkpoint: c1}]
  - at: T2
    do: [shutdown, {snapshot: S2}]
""",
    ),
    Change(
        switch="newest_lies_on_top",
        of=LIBVIRT,
        since="11.3",
        title="a snapshot is deleted by what lies there now, whatever it had made",
        before="an image that was merged or copied by hand is not found, and nothing is done",
        after="what the next snapshot was put onto is merged, or else the active image",
        concerns="whoever copies a disk, or merges its images, beside snapshots",
        advice="delete the note alone (`metadata: true`), as before",
        shows="""\
model: libvirt
disk: 8
allow: [{rule: refused, because: one of the releases says no}]
timeline:
  - at: T1
    do: [create: S1]
  - write: AA------
  - at: T2
    do: [snapshot: S2]
  - write: -B------
  - at: T3
    do: [{blockcopy: {to: C1, shallow: true}}, {delete: {snapshot: S2}}]
""",
    ),
    Change(
        switch="reverts_external",
        of=LIBVIRT,
        since="11.3",
        title="a machine goes back to an external snapshot",
        before="revert to external snapshot not supported yet",
        after="a new overlay lies on the snapshot's image, without any bitmap",
        first="9.9",
        concerns="backups since a checkpoint: the bitmaps stay behind",
        advice="take a full backup after a revert",
        shows="""\
model: libvirt
disk: 8
allow: [{rule: refused, because: one of the releases says no}]
timeline:
  - at: T1
    do: [create: S1]
  - write: AA------
  - at: T2
    do: [snapshot: S2]
  - write: -B------
  - at: T3
    do: [{revert: S2}]
""",
    ),
    Change(
        switch="preserves_domain",
        of=LIBVIRT,
        since="12.8",
        title="a backup may outlive a guest that powers off",
        before="command 'backup-begin' doesn't support option --preserve-domain-on-shutdown",
        after="the job goes on; the machine is off, its bitmaps stored, when the job ends",
        first="11.10",
        concerns="whoever backs up machines whose users shut them down; the job fails otherwise",
        advice="give the option to each backup",
        shows="""\
model: libvirt
disk: 8
allow: [{rule: refused, because: one of the releases says no}]
timeline:
  - at: T1
    do: [create: S1]
  - write: AAAA----
  - at: T2
    do: [{backup: {to: k1, mode: pull, checkpoint: c1, preserve-domain: true, ends: T4}}]
  - at: T3
    do: [shutdown]
  - {at: T4}
""",
    ),
    Change(
        switch="missing_source_named",
        of=LIBVIRT,
        since="12.8",
        title="a revert that does not find an image says which one",
        before="source for disk 'vda' is not a regular file",
        after="source for disk 'vda' (S2) doesn't exist or is not a regular file",
        concerns=READERS,
        advice=BY_CLASS,
        shows="""\
model: libvirt
disk: 8
allow:
  - {rule: refused, because: one of the releases says no}
  - {rule: image-removed, because: the file is needed}
timeline:
  - at: T1
    do: [{create: S1}]
  - at: T2
    do: [{snapshot: S2}, {snapshot: S3}, {pull: S3}, {delete: {snapshot: S2, metadata: true}}]
  - at: T3
    do: [{snapshot: S2}, {delete: {snapshot: S2}}, shutdown]
  - at: T4
    do: [{revert: {snapshot: S3, image: S4}}]
""",
    ),
)
"""By their release."""
