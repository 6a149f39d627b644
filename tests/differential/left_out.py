"""What real QEMU and libvirt do that the simulator does not follow, and why.

The documents list it from here. Where random timelines leave something out for it, a comment says
so: ``left out: KEY``.
"""

from typing import NamedTuple


class LeftOut(NamedTuple):
    """Something that is not followed.

    Attributes:
        peer: ``qemu`` or ``libvirt``.
        text: What the real thing does, and what is done here; Markdown.
        drawn: Whether random timelines have it all the same, or could not.
    """

    peer: str
    text: str
    drawn: bool = False


# fmt: off
LEFT_OUT = {
    "killed-push": LeftOut(
        "qemu",
        "What a push job leaves in its target when the process dies; here it holds nothing.",
        drawn=True,
    ),
    "order-of-copying": LeftOut(
        "qemu",
        "In which order a job copies: without being told, QEMU copies many clusters at once. "
        "A job that had copied clusters behind others which it had not (and which the guest "
        "did not overwrite) is VF005.",
        drawn=True,
    ),
    "pieces": LeftOut(
        "qemu",
        "In which pieces a commit or a pull copies: up to 512 KiB at a time, as the clusters lie "
        "in their images. One that is stopped half-way is VF005.",
    ),
    "zero-bytes": LeftOut(
        "qemu",
        "Data full of zero bytes, as a copy in granules above the disk's clusters leaves it, or "
        "one of a raw image or into one: 11.1 copies it once more as data, and here it counts as "
        "zeroes.",
    ),
    "half-zeroed": LeftOut(
        "qemu",
        "A part of a cluster that the guest zeroes, or that an image grows by: the rest is "
        "data still, which 11.1 copies where it skips zeroes. Here a cluster is what was written "
        "to it last, zeroes then, since a cell tells one thing; the copy lacks it.",
    ),
    "half-discarded": LeftOut(
        "qemu",
        "A part of a cluster that the guest discards on a raw image: that part is gone, and the "
        "cluster is, where nothing else was written to it. Here a cluster is discarded whole or "
        "not at all, as in qcow2.",
    ),
    "unflushed": LeftOut(
        "qemu",
        "The base of a commit, and an image below the active one that is pulled into, are "
        "flushed by nobody: a crash loses what they took, and a copy of the file lacks it. Here "
        "all guest writes count as flushed.",
    ),
    "refused-transaction": LeftOut(
        "qemu",
        "A transaction that is refused after a `remove` of a stored bitmap leaves it in "
        "memory and not in the file; one that is refused after a job of `sync: full` or `top` "
        "with `bitmap-mode: always` leaves that bitmap dirty all over. Here a refused "
        "transaction leaves nothing.",
    ),
    "filter-below": LeftOut(
        "qemu",
        "With the filter of a backup job on a lower image, `blockdev-snapshot` of that image "
        "puts the overlay in the middle of the chain; here it is refused as without the job.",
    ),
    "deadly": LeftOut(
        "qemu",
        "A merge of no bitmaps, and a transaction that enables an unknown one, kill QEMU, "
        "10.0.13 too; on 7.2 so do a grouped transaction that enables one, and whoever closes "
        "an image, pulled from, that a pending backup began on. The first does nothing here, the "
        "others are refused, and `verify` leaves such an image open.",
        drawn=True,
    ),
    "copied-disk": LeftOut(
        "qemu",
        "A backup or an export that begins on a disk while it is copied (`blockcopy`), and "
        "lives on when the copy takes over: its images stay open in QEMU, and a bitmap that "
        "is busy then makes the merge fail. Here the chain is gone and the merge done. A copy "
        "beside a job on lower images, or an export, is refused here.",
    ),
    "clusters-of-a-file": LeftOut(
        "qemu",
        "The target that `drive-backup` makes has clusters of 64 KiB, whatever the disk's are; "
        "here they are the disk's. `sync: top` names the image below as its backing file there, "
        "`sync: none` the one that it reads. One that is refused leaves its file behind, empty, "
        "whatever it held; `verify` does not play that.",
    ),
    "raw-file": LeftOut(
        "qemu",
        "A copy of a raw image's file hides all that it is stacked on; here what was never "
        "written falls through.",
    ),
    "overlay-before-snapshot": LeftOut(
        "qemu",
        "The node of an overlay is there before its snapshot: QEMU takes bitmaps on it then; "
        "here an image is there from its snapshot on.",
    ),
    "overlay-on-target": LeftOut(
        "qemu",
        "The target of a running backup of another disk can become an overlay in QEMU; here "
        "an image of its name is made.",
        drawn=True,
    ),
    "no-clusters": LeftOut(
        "qemu",
        "`block_resize` to 0 leaves a disk of no clusters; here it is refused, since a figure "
        "has at least one cell.",
        drawn=True,
    ),
    "top-before-snapshot": LeftOut(
        "qemu",
        "A backup of `sync: top` and, behind it in one transaction, a snapshot of its image: "
        "QEMU puts the overlay between the job and the image, so that it copies nothing; here "
        "it copies what the image held.",
    ),
    "state-under-way": LeftOut(
        "qemu",
        "The state of a job that a later `cancel` or `fails` stops half-way: in QEMU it is "
        "`running` until then, and refuses other commands in that word; here it counts as "
        "`pending`.",
    ),
    "running-bitmap": LeftOut(
        "qemu",
        "What a file keeps of a bitmap that a job uses while its image becomes read-only, "
        "beyond the start of the job; opened for writing again, QEMU takes the bitmaps of such "
        "an image for corrupt and leaves them read-only.",
    ),
    "merged-image": LeftOut(
        "qemu",
        "An image that a lasting commit merges, and is of another size than the active one: "
        "QEMU lets nobody look at it.",
    ),
    "changed-target": LeftOut(
        "qemu",
        "A target that is written over after its job was killed: what it held is not fixed.",
    ),
    "let-go": LeftOut(
        "qemu",
        "`blockdev-set-active: false` (10.0 on) of the guest's image is refused, and QEMU "
        "lets go of its stored bitmaps all the same: no later write is recorded, and after a "
        "restart or a crash they are there again without it; with an exported bitmap it dies."
        " Here they stay, the note of the refusal says so, and `verify` does not play it. The"
        " target of a mirror is let go, and QEMU dies with the guest's next write; here that "
        "is refused. Under libvirt the guest's device lets its image go: the bitmaps are away"
        " until `active: true`, and a write kills QEMU; here it is refused. `blockdev-add`, "
        "with its `active`, is not in the language, nor is an image that is no part of a "
        "chain.",
        drawn=True,
    ),
    "several-sizes": LeftOut(
        "libvirt",
        "libvirtd 9.0.0 dies (SIGSEGV) of a backup of several disks where QEMU will not merge "
        "the bitmaps of one that is not the first, since their images are of different sizes; "
        "`verify` says VF006 then. The model refuses it in QEMU's words.",
    ),
    "deletion-without-bitmap": LeftOut(
        "libvirt",
        "A refused request leaves everything as it was. libvirt 9.0.0 does not where "
        "`checkpoint-delete` finds no bitmap: the children of that checkpoint have another "
        "parent by then.",
    ),
    "revert-without-file": LeftOut(
        "libvirt",
        "A revert that is refused since a file is gone, or no qcow2 file any more, leaves a "
        "machine off that ran: libvirt turned it off before. Here a refusal leaves it as it was; "
        "`verify` plays such a revert of a machine that is off.",
        drawn=True,
    ),
    "preserved-shutdown": LeftOut(
        "libvirt",
        "A machine whose guest has powered off under a backup with `preserve-domain` boots anew "
        "on `resume`: the job goes on, and its end switches nothing off. Here no verb resumes a "
        "machine, and `verify` plays no guest that powers off under such a backup. Without the "
        "option the job fails then; here `shutdown` cancels it, as `destroy` does. Measured: "
        "[facts](facts/LIBVIRT.md), section 10.5.",
        drawn=True,
    ),
}
# fmt: on
"""By a word for it. Source: disagreements with QEMU 7.2.22 and libvirt 9.0.0."""
