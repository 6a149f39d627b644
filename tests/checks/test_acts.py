"""What an act breaks is told at the act, and at the backup that lacks it.

Found by random timelines (`tests/judging`), and shrunk.
"""

import pytest

import simulator

CLEAR, DISABLE, ENABLE = (
    f"qmp: {{execute: block-dirty-bitmap-{verb}, arguments: {{node: S1, name: c0}}}}"
    for verb in ("clear", "disable", "enable")
)


def job(to: str, more: str = "") -> str:
    return (
        "qmp: {execute: blockdev-backup, arguments: "
        f"{{device: S1, target: {to}, sync: incremental, bitmap: c0}}}}{more}"
    )


CLEARING = job("k").replace("incremental", "bitmap").replace("c0", "c0, bitmap-mode: always") + ", "
"""A job that clears its bitmap however it ends; when it does is told behind it."""

STORIES = {
    "only the empty disk is a base": (
        "mail-2018",
        ["create: {image: S1, bitmap: c0}", "write: ----AA", CLEAR, "backup: {to: k, since: c0}"],
        ["BT215 T3", "BT214 T4"],
    ),
    "a frozen bitmap is cleared": (
        "mail-2018",
        [
            "create: {image: S1, bitmap: c0}",
            "write: ----AA",
            "checkpoint: c1",
            CLEAR,
            "write: A-----",
            "backup: {to: k, since: c0}",
        ],
        ["BT215 T4", "BT214 T6"],
    ),
    "a frozen bitmap is cleared by its own job, and enabled": (
        "qemu",
        [
            "create: {image: S1, bitmap: c0}",
            DISABLE,
            job("k1"),
            "write: -AA---",
            ENABLE,
            job("k2"),
        ],
        ["BT110 T2", "BT214 T6"],
    ),
    "a consumer's last backup was through a bitmap that had stopped": (
        "qemu-single",
        [
            "create: {image: S1, bitmap: c0}",
            DISABLE,
            "backup: {to: k1, since: c0}",
            "write: -AA---",
            "backup: {to: k2, since: c0}",
        ],
        ["BT110 T2", "BT201 T5"],
    ),
    "the guest wrote between the disable and the consumer's last backup": (
        "qemu-single",
        [
            "create: {image: S1, bitmap: c0}",
            DISABLE,
            "zero: ----00",
            "backup: {to: k1, since: c0}",
            "write: -AA---",
            "backup: {to: k2, since: c0}",
        ],
        ["BT110 T2", "BT202 T4", "BT201 T6"],
    ),
    "one of two bitmaps is disabled, and read late": (
        "qemu",
        [
            "create: {image: S1, bitmap: c0}",
            "qmp: {execute: block-dirty-bitmap-add, arguments: {node: S1, name: c1}}",
            "write: -----B",
            DISABLE,
            "write: --BBBC",
            job("k"),
        ],
        ["BT110 T4", "BT201 T6"],
    ),
    "the process ends with a bitmap, and its checkpoint is deleted": (
        "mail-2018",
        [
            "create: {image: S1, bitmap: c0}",
            "snapshot: {image: S2, bitmap: c1}",
            "write: AAA---",
            "crash: {}",
            "start: {}",
            "delete: {checkpoint: c1}",
            "checkpoint: c1",
            "backup: {to: k, since: c0}",
        ],
        ["BT215 T4", "BT214 T8"],
    ),
    "the name was there before, and is cleared when it is there again": (
        "mail-2018",
        [
            "create: {image: S1, bitmap: c0}",
            "delete: {checkpoint: c0}",
            "backup: {to: full, checkpoint: c0}",
            "write: -----A",
            CLEAR,
            "backup: {to: k, since: c0}",
        ],
        ["BT215 T5", "BT214 T6"],
    ),
    "a full backup comes later than an increment after the clear": (
        "qemu-single",
        [
            "create: S1",
            "checkpoint: c0",
            "write: -A----",
            CLEAR,
            "backup: {to: k, since: c0, mode: pull}",
            "backup: {to: full}",
        ],
        ["BT215 T4", "BT214 T5"],
    ),
    "a full backup comes after the clear, before the increment": (
        "qemu-single",
        [
            "create: S1",
            "checkpoint: c0",
            "write: -A----",
            CLEAR,
            "backup: {to: full}",
            "backup: {to: k, since: c0}",
        ],
        [],
    ),
    "the overlay is committed when the increment has been taken": (
        "mail-2018",
        [
            "create: S1",
            "backup: {to: full, checkpoint: c0}",
            "snapshot: {image: S2, outside: true}",
            "write: ---B--",
            "backup: {to: k, since: c0}",
            "commit: {top: S2, base: S1}",
        ],
        ["BT107 T3", "BT201 T5"],
    ),
    "bitmaps that recorded nothing leave out what lies between them": (
        "mail-2018",
        [
            "create: {image: S1, bitmap: c0}",
            "checkpoint: c1",
            "write: ----A-",
            "checkpoint: c2",
            "snapshot: {image: S2, outside: true}",
            "write: B-----",
            "backup: {to: k, bitmaps: [c0, c2]}",
        ],
        ["BT107 T5", "BT214 T7"],
    ),
    "another instant was given back by luck": (
        "mail-2018",
        [
            "create: {image: S1, bitmap: c0}",
            "checkpoint: c1",
            "discard: -----A",
            "backup: {to: k, since: c1}",
            "write: --CC--",
            "write: -----A",
            "backup: {to: full}",
            "delete: {backup: k}",
        ],
        ["BT305 T8"],
    ),
    "a consumer's own backup fails, and a later one does not": (
        "qemu-single",
        [
            "create: S1",
            "write: --B---",
            "backup: {to: k1, checkpoint: c0, fails: T5}",
            "write: A-----",
            "{}",
            "backup: {to: full}",
            "backup: {to: k3, since: c0}",
            "write: -A----",
            "backup: {to: k4, since: c0}",
        ],
        ["BT203 T7"],
    ),
    "alone, a backup through bitmaps gives what the guest sees": (
        "libvirt-6.0",
        [
            "create: S1",
            "write: ----B-",
            "checkpoint: c0",
            "backup: {to: full, checkpoint: c1}",
            "discard: ---AAA",
            "backup: {to: k, bitmaps: [c0]}",
            "restore: {from: [k], as: r}",
        ],
        ["BT202 T6"],
    ),
    "a consumer begins anew later, and says nothing of what was before": (
        "qemu-single",
        [
            "create: {image: S1, bitmap: c0}",
            "write: -B----",
            "snapshot: {image: S2, bitmap: c1}",
            "snapshot: {image: S3, bitmap: c0}",
            "backup: {to: k, since: c0}",
        ],
        [],
    ),
    "another bitmap follows, and the name begins anew later": (
        "qemu",
        [
            "create: S1",
            "snapshot: {image: S2, bitmap: c0}",
            "write: ---A--",
            "snapshot: {image: S3, bitmap: c1}",
            "qmp: {execute: block-dirty-bitmap-add, arguments: {node: S3, name: c0}}",
            job("k").replace("S1", "S3"),
        ],
        [],
    ),
    "a name begins anew, and an image below holds one that recorded nothing": (
        "qemu-single",
        [
            "create: {image: S1, bitmap: c0}",
            "snapshot: S2",
            "write: -----B",
            "backup: {to: full, checkpoint: c0}",
            "backup: {to: k, bitmaps: [c0], onto: full}",
        ],
        ["BT107 T2"],
    ),
    "a bitmap of QEMU's begins late, and the one below recorded nothing": (
        "qemu",
        [
            "create: {image: S1, bitmap: c0}",
            "snapshot: {image: S2, outside: true}",
            "write: --AA--",
            "qmp: {execute: block-dirty-bitmap-add, arguments: {node: S2, name: c0}}",
            "backup: {to: k, bitmaps: [c0]}",
        ],
        ["BT107 T2", "BT214 T5"],
    ),
    "a commit makes the guest's disk longer": (
        "libvirt",
        [
            "create: S1",
            "checkpoint: c1",
            "snapshot: S2",
            "write: ---AAA",
            "resize: 5",
            "commit: {top: S2, base: S1}",
            "backup: {to: k, since: c1}",
            "restore: {from: [k], as: r}",
        ],
        ["BT306 T6"],
    ),
    "a disk is cut off and grows between two jobs of QEMU": (
        "qemu",
        [
            "create: {image: S1, bitmap: c0}",
            "write: ----BB",
            job("k1"),
            "resize: 5",
            "resize: 8",
            job("k2"),
        ],
        ["BT209 T6"],
    ),
    "a backup that failed is taken again, through a hole": (
        "nir-2018",
        [
            "create: {image: S1, bitmap: c0}",
            "checkpoint: c2",
            "backup: {to: k, fails: T5}",
            "snapshot: S2",
            "write: -A----",
            "backup: {to: k, since: c2}",
        ],
        ["BT107 T4", "BT201 T6"],
    ),
    "a job has cleared the bitmap that a crash takes then": (
        "mail-2018",
        [
            "create: {image: S1, bitmap: c0}",
            "snapshot: {image: S2, bitmap: c1}",
            "write: ----BB",
            "qmp: {execute: blockdev-backup, arguments: "
            "{device: S2, target: k1, sync: incremental, bitmap: c1}}",
            "crash: {}",
            "start: {}",
            "delete: {checkpoint: c1}",
            "backup: {to: k2, since: c0}",
        ],
        ["BT204 T8"],
    ),
    "the name was there before, and stops when it is there again": (
        "mail-2018",
        [
            "create: {image: S1, bitmap: c0}",
            "delete: {checkpoint: c0}",
            "backup: {to: full, checkpoint: c0}",
            "snapshot: S2",
            "qmp: {execute: block-dirty-bitmap-add, arguments: {node: S2, name: c1}}",
            "write: ----AA",
            "backup: {to: k, since: c0}",
        ],
        ["BT107 T4", "BT201 T7"],
    ),
    "what is cleared before anything changed has lost nothing": (
        "qemu-single",
        [
            "create: {image: S1}",
            "backup: {to: k1, checkpoint: c0}",
            "resize: {disk: vda, clusters: 8}",
            CLEAR,
            "write: {offset: 0, length: 196608, data: A}",
            job("k2"),
            "backup: {to: k3, since: c0}",
        ],
        ["BT204 T7"],
    ),
    "the full backup beside which a bitmap was cleared is deleted": (
        "qemu-single",
        [
            "create: {image: S1}",
            "backup: {to: k1, checkpoint: c0}",
            "write: ---C--",
            CLEAR,
            "backup: {to: k2, checkpoint: c1}",
            "delete: {backup: k2}",
            "backup: {to: k3, since: c0}",
        ],
        ["BT215 T4", "BT214 T7"],
    ),
    "a job that fails clears its bitmap all the same": (
        "mail-2018",
        [
            "create: {image: S1, bitmap: c0}",
            "backup: {to: full}",
            "write: -----B",
            job("k1, bitmap-mode: always", ", ends: T6").replace("incremental", "bitmap"),
            "shutdown: {}",
            "start: {}",
            "backup: {to: k2, since: c0}",
        ],
        ["BT215 T5", "BT214 T7"],
    ),
    "what bitmaps leave out is in what the backup is put onto": (
        "qemu-single",
        [
            "create: {image: S1, bitmap: c0}",
            "write: -----A",
            "snapshot: S2",
            "write: --CCC-",
            "backup: {to: k1, checkpoint: c0}",
            "backup: {to: k2, bitmaps: [c0], onto: k1}",
        ],
        ["BT107 T3", "BT202 T6"],
    ),
    "a namesake on an image below is all that is left of a checkpoint": (
        "nir-2018",
        [
            "create: {image: S1, bitmap: c0}",
            "write: B-----",
            "snapshot: {image: S2, bitmap: c1}",
            "write: -A----",
            "qmp: {execute: block-dirty-bitmap-add, "
            "arguments: {node: S1, name: c1, persistent: true}}",
            "snapshot: {image: S3, outside: true}",
            "pull: {into: S3, base: S1}",
            "backup: {to: k, since: c1}",
        ],
        ["BT108 T7", "BT201 T8"],
    ),
    "a stack is right by luck as what lies at its bottom was read": (
        "libvirt-6.0",
        [
            "create: {image: S1}",
            "write: -----B",
            "checkpoint: c0",
            "backup: {to: k1, bitmaps: [c0], checkpoint: c2}",
            "discard: -----B",
            "backup: {to: k2, bitmaps: [c0], checkpoint: c1}",
            "restore: {from: [k2, k1], as: r}",
        ],
        ["BT202 T6"],
    ),
    "a revert takes the bitmap, and its checkpoint is deleted": (
        "nir-2018",
        [
            "create: {image: S1, bitmap: c0}",
            "snapshot: {images: {vda: S2}, bitmap: c1}",
            "revert: {snapshot: S2, image: S3}",
            "write: ----A-",
            "delete: {checkpoint: c1}",
            "backup: {to: k, since: c0}",
        ],
        ["BT402 T3", "BT201 T6"],
    ),
    "what a stopped bitmap names is cut off": (
        "libvirt-6.0",
        [
            "create: {image: S1}",
            "backup: {to: k1, checkpoint: c0}",
            "write: -----A",
            "backup: {to: k2, since: c0, checkpoint: c1}",
            "write: AA----",
            "resize: {disk: vda, clusters: 5}",
            "backup: {to: k3, bitmaps: [c0]}",
        ],
        ["BT209 T7"],
    ),
    "a bitmap of an image below is cleared by hand before it is read": (
        "qemu",
        [
            "create: {image: S1}",
            "qmp: {execute: block-dirty-bitmap-add, arguments: {node: S1, name: c0}}",
            "zero: --00--",
            "snapshot: {images: {vda: S2}, bitmap: c1}",
            CLEAR,
            job("k"),
        ],
        [],
    ),
    "the newest of a stack was read through stopped bitmaps, by luck": (
        "libvirt-6.0",
        [
            "create: {image: S1}",
            "backup: {to: k1, checkpoint: c0}",
            "zero: ---000",
            "backup: {to: k2, since: c0, checkpoint: c1}",
            "backup: {to: k3, since: c1, checkpoint: c2}",
            "write: ---C--",
            "backup: {to: k4, bitmaps: [c0, c1]}",
            "restore: {from: [k1, k2, k3, k4], as: r}",
        ],
        ["BT202 T7"],
    ),
    "what is read from a frozen image may lie on what is newer": (
        "nir-2018",
        [
            "create: {image: S1, bitmap: c0}",
            "snapshot: {image: S2, bitmap: c1}",
            "write: -AAA--",
            "backup: {to: full}",
            "backup: {to: k, bitmaps: [c0], onto: full}",
        ],
        [],
    ),
    "a commit into the image that is read, and what it brought is written over": (
        "nir-2018",
        [
            "create: {image: S1, bitmap: c0}",
            "write: -----A",
            "snapshot: S2",
            "write: -----B",
            "snapshot: S3",
            "commit: {top: S2, base: S1}",
            "write: -----A",
            "backup: {to: k, since: c0}",
        ],
        ["BT107 T3", "BT201 T8"],
    ),
    "an image below is as old as when it froze, whatever a revert put on it": (
        "qemu",
        [
            "create: S1",
            "write: ---BBB",
            "snapshot: {image: S2, bitmap: c0}",
            "zero: -----0",
            "qmp: {execute: blockdev-backup, arguments: "
            "{device: S2, target: inc, sync: incremental, bitmap: c0}}",
            "revert: {snapshot: S2, image: S3}",
            "copy: {image: S1, to: base}",
            "restore: {from: [base, inc], as: r}",
        ],
        [],
    ),
    "an image below that is shorter, on top of what is newer": (
        "qemu",
        [
            "create: S1",
            "backup: {to: full}",
            "snapshot: {image: S2, bitmap: c0}",
            "resize: 7",
            "qmp: {execute: blockdev-backup, arguments: "
            "{device: S2, target: inc, sync: incremental, bitmap: c0}}",
            "qmp: {execute: blockdev-backup, arguments: {device: S1, target: top, sync: top}}",
            "restore: {from: [full, inc, top], as: r}",
        ],
        ["BT303 T7"],
    ),
    "a bitmap and its namesake on the overlay record nothing, and neither is left out": (
        "qemu-single",
        [
            "create: {image: S1, bitmap: c0}",
            "snapshot: {image: S2, bitmap: c0}",
            "snapshot: S3",
            "write: ----BB",
            "snapshot: {image: S4, bitmap: c1}",
            "backup: {to: k, bitmaps: [c0, c1]}",
        ],
        ["BT107 T3", "BT214 T6"],
    ),
    "a backup that gives by chance what the guest sees only later has lost no base": (
        "qemu",
        [
            "create: {image: S1, bitmap: c0}",
            "write: -----A",
            "qmp: {execute: block-dirty-bitmap-add, arguments: {node: S1, name: c2}}",
            "write: ---A--",
            job("k1").replace("c0", "c2"),
            "write: ---BBB",
            job("k4"),
            "delete: {backup: k4}",
            "write: ---A--",
        ],
        [],
    ),
    "a commit drops the bitmap that records, and its namesake below has stopped": (
        "nir-2018",
        [
            "create: {image: S1, bitmap: c0}",
            "qmp: {execute: block-dirty-bitmap-add, arguments: {node: S1, name: c1}}",
            "snapshot: {image: S2, outside: true}",
            "snapshot: {image: S3, bitmap: c1}",
            "commit: {top: S3, base: S2}",
            "write: ---A--",
            "backup: {to: k1, since: c1}",
        ],
        ["BT108 T5", "BT201 T7"],
    ),
    "what is in a base image is the whole disk": (
        "qemu-single",
        [
            "create: {image: S1, bitmap: c0}",
            "write: -AAA--",
            CLEAR,
            "qmp: {execute: blockdev-backup, arguments: {device: S1, target: k, sync: top}}",
            "write: B-----",
            "backup: {to: inc, since: c0}",
        ],
        [],
    ),
    "a checkpoint of an overlay without its bitmap is deleted into the one before": (
        "mail-2018",
        [
            "create: {image: S1, bitmap: c0}",
            "checkpoint: c1",
            "snapshot: S2",
            "commit: {top: S2, base: S1}",
            "write: ----CC",
            "delete: {checkpoint: c1}",
            "backup: {to: k, since: c0}",
        ],
        ["BT107 T3", "BT201 T7"],
    ),
    "what a stopped bitmap named is copied, and zeroed while a job clears it": (
        "qemu",
        [
            "create: {image: S1, bitmap: c0}",
            "write: -BB---",
            "backup: {to: full}",
            DISABLE,
            CLEARING + "ends: T7",
            "zero: -00---",
            "{}",
        ],
        ["BT110 T4"],
    ),
    "and the job fails": (
        "qemu",
        [
            "create: {image: S1, bitmap: c0}",
            "write: -BB---",
            "backup: {to: full}",
            DISABLE,
            CLEARING + "fails: T7",
            "zero: -00---",
            "{}",
        ],
        ["BT110 T4"],
    ),
    "what a job that failed has cleared is lacking, though there is no full backup yet": (
        "qemu",
        [
            "create: {image: S1, bitmap: c0}",
            "write: AB----",
            CLEARING + "fails: {at: T4, copied: 50%}",
            "{}",
            job("l"),
        ],
        ["BT215 T4", "BT214 T5"],
    ),
    "what was copied in part is deleted, and was the way to what was copied later": (
        "qemu",
        [
            "create: {image: S1, bitmap: c0}",
            "backup: {to: full}",
            "write: AB----",
            CLEARING + "fails: {at: T5, copied: 50%}",
            "{}",
            job("l"),
            "delete: {backup: k}",
        ],
        ["BT215 T5", "BT214 T6", "BT305 T7"],
    ),
    "what was copied in part is deleted, and gives by luck what it was to": (
        "libvirt",
        [
            "create: S1",
            "write: --A---",
            "backup: {to: k, fails: {at: T4, copied: 50%}}",
            "{}",
            "delete: {backup: k}",
        ],
        [],
    ),
    "a disk was cut off, and no more, before a backup that failed": (
        "libvirt",
        [
            "create: S1",
            "write: ---AAA",
            "backup: {to: full}",
            "resize: 5",
            "backup: {to: k, checkpoint: c0, fails: {at: T6, copied: 50%}}",
            "{}",
            "backup: {to: l, since: c0}",
        ],
        [],
    ),
    "a disk was cut off and grew again before a backup that failed": (
        "libvirt",
        [
            "create: S1",
            "write: ---AAA",
            "backup: {to: full}",
            "resize: 5",
            "resize: 6",
            "backup: {to: k, checkpoint: c0, fails: {at: T7, copied: 50%}}",
            "{}",
            "backup: {to: l, since: c0}",
        ],
        ["BT203 T8"],
    ),
    "a job that is to fail was cancelled before": (
        "libvirt",
        [
            "create: S1",
            "write: --A---",
            "backup: {to: k, fails: {at: T5, copied: 50%}}",
            "cancel: {job: k, copied: 25%}",
            "{}",
        ],
        [],
    ),
    "what a job that failed has left in a target stands for no stretch": (
        "libvirt",
        [
            "create: S1",
            "backup: {to: full, checkpoint: c2}",
            "write: ----AA",
            "backup: {to: k, since: c2, fails: T5}",
            "{}",
            "write: --A---",
            "qmp: {execute: block-dirty-bitmap-add, arguments: {node: S1, name: c0}}",
            job("k"),
        ],
        [],
    ),
    "and what it has left there is older than the bitmap": (
        "libvirt",
        [
            "create: S1",
            "backup: {to: full, checkpoint: c2}",
            "write: ----AA",
            "backup: {to: k, since: c2, fails: T6}",
            "write: ----B-",
            "{}",
            "qmp: {execute: block-dirty-bitmap-add, arguments: {node: S1, name: c0}}",
            job("k"),
        ],
        ["BT207 T8"],
    ),
    "a backup that failed is nothing that one through bitmaps could be put onto": (
        "libvirt",
        [
            "create: S1",
            "backup: {to: k1, checkpoint: c0}",
            "write: B-----",
            "snapshot: S2",
            "write: ---A--",
            "qmp: {execute: block-dirty-bitmap-clear, arguments: {node: S2, name: c0}}",
            "backup: {to: k3, since: c0, checkpoint: c1, fails: T8}",
            "{}",
            "backup: {to: k4, bitmaps: [c0], onto: k3}",
        ],
        ["BT215 T6", "BT214 T9"],
    ),
    "what a full backup that failed kept of the guest's old data hides the image below": (
        "mail-2018",
        [
            "create: S1",
            "backup: {to: k, fails: T5}",
            "write: ---B--",
            "snapshot: {image: S2, outside: true}",
            "qmp: {execute: blockdev-backup, arguments: {device: S2, target: k, sync: top}}",
        ],
        ["BT207 T5"],
    ),
    "a cluster that a stopped bitmap names is copied as it reads now": (
        "qemu",
        [
            "create: {image: S1, bitmap: c0}",
            "zero: ---0--",
            "qmp: {execute: block-dirty-bitmap-disable, arguments: {node: S1, name: c0}}",
            "write: ---A--",
            "qmp: {execute: blockdev-backup, arguments: {device: S1, target: k, sync: top}}",
            "qmp: {execute: block-dirty-bitmap-clear, arguments: {node: S1, name: c0}}",
        ],
        [],
    ),
    "bitmaps with a hole between the first, which names nothing, and one begun anew": (
        "qemu-single",
        [
            "create: S1",
            "qmp: {execute: block-dirty-bitmap-add, arguments: {node: S1, name: c0}}",
            "snapshot: {image: S2, bitmap: c1}",
            "backup: {to: k1, since: c1, checkpoint: c2}",
            "snapshot: {image: S3, bitmap: c3}",
            "write: ----A-",
            "backup: {to: k2, checkpoint: c2}",
            "backup: {to: k3, bitmaps: [c0, c2]}",
        ],
        ["BT214 T8"],
    ),
    "old data comes to light when a short image is committed from below a long one": (
        "qemu",
        [
            "create: S1",
            "write: ----CC",
            "snapshot: S2",
            "resize: 5",
            "snapshot: S3",
            "snapshot: S4",
            "resize: 8",
            "commit: {top: S3, base: S1}",
        ],
        ["BT306 T8"],
    ),
    "an increment is stacked on a target that was written over through what had stopped": (
        "mail-2018",
        [
            "create: {image: S1, bitmap: c0}",
            "write: ----A-",
            "backup: {to: k2, checkpoint: c1}",
            "backup: {to: k3, since: c0, checkpoint: c2}",
            "write: ----BB",
            job("k2").replace("incremental", "bitmap").replace("c0", "c0, bitmap-mode: always"),
            "restore: {from: [k2, k3], as: r}",
        ],
        ["BT207 T6"],
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_what_comes_of_an_act_is_told_there(name: str) -> None:
    model, steps, expected = STORIES[name]
    lines = [
        f"  - {{at: T{n}, do: [{{{step}}}]}}\n" if step != "{}" else f"  - {{at: T{n}}}\n"
        for n, step in enumerate(steps, start=1)
    ]
    run = simulator.loads(
        f"scenario: s\nmodel: {model}\ndisk: 6\ntimeline:\n{''.join(lines)}"
    ).run()
    told = [f"{each.code} {each.at}" for each in run.findings if each.code not in OTHER]
    assert told == expected


OTHER = ("BT401", "BT501")
"""What is not about lost changes."""


def test_a_bitmap_of_an_image_that_an_overlay_froze_under_its_job_does_not_go_on() -> None:
    run = simulator.loads("""
scenario: a snapshot while the job runs, and a commit
model: qemu
disk: 6
timeline:
  - {at: T1, do: [{create: {image: S1, bitmap: c0}}]}
  - at: T2
    do:
      - qmp:
          execute: blockdev-backup
          arguments: {device: S1, target: k1, sync: incremental, bitmap: c0}
        ends: T4
  - {at: T3, do: [{snapshot: {image: S2, bitmap: c1}}]}
  - {at: T4}
  - {at: T5, do: [crash, start, {commit: {top: S2, base: S1}}]}
  - {at: T6, do: [{write: --B---}]}
  - at: T7
    do:
      - qmp: {execute: block-dirty-bitmap-enable, arguments: {node: S1, name: c0}}
      - qmp:
          execute: blockdev-backup
          arguments: {device: S1, target: k2, sync: incremental, bitmap: c0}
""").run()
    assert [finding.code for finding in run.findings] == ["BT214"]
    assert run.findings[0].at == "T7"


def test_bits_of_another_disk_say_nothing_of_when_this_one_was_written() -> None:
    run = simulator.loads("""
scenario: a bitmap of another disk is merged
model: qemu
disks: {vda: 4, vdb: 4}
timeline:
  - at: T1
    do: [{create: {image: S1, disk: vda}}, {create: {image: U1, disk: vdb}}]
  - {at: T2, do: [{write: {disk: vdb, cells: "---A"}}]}
  - {at: T3, do: [{snapshot: {images: {vda: S2, vdb: U2}, bitmap: c0}}]}
  - at: T4
    do:
      - qmp:
          execute: block-dirty-bitmap-merge
          arguments: {node: U2, target: c0, bitmaps: [{node: S2, name: c0}]}
      - qmp:
          execute: blockdev-backup
          arguments: {device: U2, target: k, sync: bitmap, bitmap: c0, bitmap-mode: on-success}
""").run()
    assert run.findings == ()
    (backup,) = run.timeline.last.backups
    assert [(window.start, window.end) for window in backup.windows] == [(1, 1)]


def test_a_checkpoint_that_is_deleted_into_one_that_a_disk_has_not_is_told() -> None:
    run = simulator.loads(
        """\
scenario: s
model: libvirt-6.0
disks: {vda: 4, vdb: 4}
timeline:
  - at: T1
    do: [{create: {image: S1, disk: vda}}, {create: {image: U1, disk: vdb}}]
  - {at: T2, do: [{backup: {to: full, checkpoint: c1}}]}
  - {at: T3, do: [{backup: {to: other, disks: [vdb], checkpoint: c2}}]}
  - {at: T4, do: [{backup: {to: k1, since: c1, checkpoint: c3}}]}
  - {at: T5, do: [{write: {disk: vda, cells: A---}}]}
  - {at: T6, do: [{delete: {checkpoint: c3}}]}
  - {at: T7, do: [{backup: {to: k2, since: c1}}]}
"""
    ).run()
    told = [f"{each.code} {each.at}" for each in run.findings if each.code not in OTHER]
    assert told == ["BT215 T6", "BT201 T7"]
