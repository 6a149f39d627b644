"""Overlays are merged down into a base. Source: ``facts/QEMU.md``, section 4.2."""

from simulator.model.bitmap import DirtyBitmap, Kept, Window, join_windows
from simulator.model.clusters import ZERO, ClusterMap, map_of, range_of, set_of
from simulator.model.disk import Copying, Disk
from simulator.model.machine import CommitJob, Machine
from simulator.model.operations import (
    CommitImages,
    Fault,
    Refusal,
)
from simulator.model.operations.jobs import Copied
from simulator.model.series import mapped, series
from simulator.model.transitions.beside import left_beside
from simulator.model.transitions.chains.carrying import carry_bitmaps, retire
from simulator.model.transitions.chains.forks import refuse_across_fork, without_merged
from simulator.model.transitions.chains.images import (
    conflict,
    copied_of,
    data_in,
    grow_over,
    held_in,
    in_hand,
    lies_above,
    no_node,
    passed_over,
    reads_as_zeroes,
    refuse_way,
    seen_anew,
    torn_by,
)
from simulator.model.transitions.copies.granules import granularity_of, uneven
from simulator.model.values import replace

JOB_FAILS = "Operation not supported"
JOB_MAY_NOT = "Operation not permitted"
"""QEMU takes the command, and this is how its job ends: nothing has changed."""


def commit_images(machine: Machine, commit: CommitImages) -> Machine | Refusal:
    """Merge overlays down into a base.

        before  S1: |AAAA----| <- S2: |---BBB--|    after  S1: |AAABBB--|
                B1: |XXXX----|+   B2: |---XXX--|+          B1: |XXXXXX--|+

    A bitmap of the base that is enabled records exactly the clusters that are copied; a disabled
    one does not change. The overlays' own bitmaps are gone with them, unless they are carried.
    Newer releases copy no zeroes of an active image into a base that reads as zeroes all over.
    A base that is smaller grows, as by a resize. Source: QEMU.md section 4.2.
    """
    disk = machine.disk_of(commit.device)
    if disk is None:
        return Refusal(f"Device '{commit.device}' not found")
    job = CommitJob(
        name=commit.job or f"commit-{commit.base or disk.chain[0].name}",
        disk=disk.name,
        top=commit.top or disk.active.name,
        base=commit.base or disk.chain[0].name,
        carry=commit.carry,
    )
    refusal = _refuse_commit(machine, disk, commit.device, job)
    refusal = refusal or refuse_across_fork(machine, disk, job, called=commit.job or "commit")
    if refusal is not None:
        return refusal
    base, top = disk.length_of(job.base), disk.length_of(job.top)
    skips = machine.semantics.zeroes_are_skipped and job.top == disk.active.name
    job = replace(job, grew=base < top, skips=skips and reads_as_zeroes(disk, job.base))
    copied = copy_down(disk, job)
    started = machine.with_disk(copied)
    if commit.lasting:
        job = replace(job, copying=_copying(disk, copied, job))
        return replace(started, jobs=(*machine.jobs, job))
    merged = left_beside(machine, disk, drop_merged(copied, job))
    return without_merged(started, job).with_disk(merged)


def _copying(disk: Disk, copied: Disk, job: CommitJob) -> Copying:
    """Return what a commit writes into its base, which has been done to a disk."""
    data = _going_down(disk, job)
    base = copied.image(job.base)
    assert base is not None, "it stays"
    bits = tuple((b.name, b.dirty) for b in disk.bitmaps_on(job.base) if b.recording)
    before = grow_over(disk, job.base, copied.bytes_of(job.base))
    return Copying(
        image=replace(base, content=before), clusters=data.clusters(), data=data, dirty=bits
    )


def stop_commit(disk: Disk, job: CommitJob, told: Copied) -> Disk:
    """Return a disk whose base holds just what a commit had copied when it was stopped.

    S1: |AAAA----| <- S2: |--BB-B--|    one cluster copied    S1: |AABA----| <- S2: |--BB-B--|

    It has grown all the same, and its recording bitmaps have what was copied.
    """
    kept = job.copying
    assert kept is not None, "it ran"
    done = copied_of(kept, told)
    base = replace(kept.image, content=kept.image.content.overlay(kept.data.restrict(done)))
    dirty = dict(kept.dirty)

    def recorded(bitmap: DirtyBitmap) -> DirtyBitmap:
        if bitmap.node != job.base or bitmap.name not in dirty:
            return bitmap
        granules = disk.granules_of(bitmap.granularity, done, bitmap.length)
        return replace(bitmap, dirty=dirty[bitmap.name] | granules)

    return replace(disk.with_image(base), bitmaps=mapped(disk.bitmaps, recorded))


def _refuse_commit(machine: Machine, disk: Disk, device: str, commit: CommitJob) -> Refusal | None:
    names = [image.name for image in disk.chain]
    jobs = machine.jobs_on(disk.name)
    above = any(isinstance(job, CommitJob) or lies_above(job, disk) for job in jobs)
    if device != disk.active.name or above:
        fault = Fault.JOB if device == disk.active.name else None
        return Refusal("Need a root block node", fault=fault)
    if machine.disk_of(commit.top) is None:
        return no_node(commit.top, device=False)
    if commit.top not in names:
        return Refusal(f"'{commit.top}' is not in this backing file chain")
    if machine.disk_of(commit.base) is None:
        return no_node(commit.base, device=False)
    if commit.top == commit.base:
        ways = (names[-1:], [commit.top])
        met = next(filter(None, (refuse_way(machine, disk, way) for way in ways)), None)
        return met or Refusal("cannot commit an image into itself")
    if commit.base not in names[: names.index(commit.top)]:
        return Refusal(f"'{commit.base}' is not in this backing file chain")
    met = _refuse_way(machine, disk, commit) or _refuse_read(machine, disk, commit)
    if met is not None:
        return met
    if (base := disk.image(commit.base)) is not None and base.removed:
        return Refusal(f"Could not open '{base.name}': No such file or directory")
    broken = [bitmap.name for bitmap in disk.bitmaps_on(commit.base) if bitmap.inconsistent]
    if broken and disk.length_of(commit.base) < disk.length_of(commit.top):
        told = f"{commit.base} would have to grow, and its bitmap {broken[0]} is inconsistent"
        return Refusal(JOB_FAILS, cause=told)
    if base is not None and base.left_open:
        stored = [each.name for each in disk.bitmaps_on(base.name) if disk.read_only(each)]
        if stored:
            told = (
                f"{base.name} was pulled into and left open, and its bitmap {stored[0]} is stored"
            )
            return Refusal(JOB_MAY_NOT, cause=told)
    return None


def _refuse_way(machine: Machine, disk: Disk, commit: CommitJob) -> Refusal | None:
    """Return QEMU's words for the first image that another job works on.

    That is the active one, one of those that are merged, the base, or the one above, whose link
    changes.
    """
    names = [image.name for image in disk.chain]
    low, high = names.index(commit.base), names.index(commit.top)
    for way in (
        names[-1:],
        names[high : low - 1 if low else None : -1],
        names[high + 1 : high + 2],
    ):
        met = refuse_way(machine, disk, way)
        if met is not None:
            return met
    return None


def _refuse_read(machine: Machine, disk: Disk, commit: CommitJob) -> Refusal | None:
    """Return QEMU's words for an image that a commit would pass over while a client reads it."""
    read = {export.node for export in machine.exports}
    for node in reversed(torn_by(disk, commit)):
        if node in read and node != commit.top:
            owner = passed_over(commit, node)
            told = "a client may read an export of it"
            return conflict(node, "consistent read", in_hand(node), owner, cause=told, job=False)
    return None


def _going_down(disk: Disk, job: CommitJob) -> ClusterMap:
    """Return what a commit copies into its base."""
    names = [image.name for image in disk.chain]
    merged = disk.chain[names.index(job.base) + 1 : names.index(job.top) + 1]
    content = held_in(merged, merged[-1].length)
    content = _cut_short(disk, job).overlay(content)
    if job.skips:
        mixed = uneven(disk, granularity_of(disk), names.index(job.base) + 1)
        content = content.restrict(data_in(content, merged[-1].length) | mixed)
    return content


def _cut_short(disk: Disk, job: CommitJob) -> ClusterMap:
    """Return the clusters in which images between base and top end, where the top goes on.

    What lies beyond the end reads as zeroes and is copied; the rest of the cluster stays as it is.
    """
    names = [image.name for image in disk.chain]
    low, high, size = names.index(job.base), names.index(job.top), disk.bytes_of(job.top)
    cut = map_of(disk.chain[high].length)
    for image in disk.chain[low + 1 : high]:
        if image.lacks and disk.bytes_of(image.name) < size:
            place = image.length - 1
            cut = cut.overlay(range_of(image.length, place, 1, ZERO))
            for below in disk.chain[: low + 1]:
                held = below.content.restrict(set_of(below.length, [place]))
                cut = cut.overlay(held)
    return cut


def copy_down(disk: Disk, job: CommitJob) -> Disk:
    """Return a disk whose base holds what lies above it, up to the top; it is open for writing."""
    top, base = job.top, job.base
    names = [image.name for image in disk.chain]
    merged = disk.chain[names.index(base) + 1 : names.index(top) + 1]
    content = _going_down(disk, job)
    pivots = top == disk.active.name
    window = Window(start=merged[0].since, end=None if pivots else disk.moment_of(top))
    old = disk.chain[names.index(base)]
    bits = max(disk.bytes_of(base), disk.bytes_of(top))
    length = max(old.length, merged[-1].length)
    grown = replace(
        old,
        content=grow_over(disk, base, bits).overlay(content),
        length=length,
        lacks=length * disk.cluster_size - bits,
    )

    def recorded(bitmap: DirtyBitmap) -> DirtyBitmap:
        if bitmap.node != base:
            return bitmap
        resized = bitmap.resize(-(-bits // bitmap.granularity))
        return _record_copy(disk, resized, content, window)

    return replace(disk.with_image(grown), bitmaps=mapped(disk.bitmaps, recorded))


def _record_copy(
    disk: Disk, bitmap: DirtyBitmap, content: ClusterMap, window: Window
) -> DirtyBitmap:
    """Return a bitmap of a base that is written: an enabled one records what is copied."""
    if bitmap.recording:
        granules = disk.granules_of(bitmap.granularity, content.clusters(), bitmap.length)
        joined = join_windows((*bitmap.windows, window))
        bitmap = replace(bitmap.mark(granules), windows=joined)
    return replace(bitmap, kept=Kept.IN_USE) if bitmap.kept is Kept.STORED else bitmap


def drop_merged(disk: Disk, job: CommitJob) -> Disk:
    """Return a disk without the images whose content its base holds by now.

    Where the base is longer than the guest's own image was, the guest sees another disk.
    """
    names = [image.name for image in disk.chain]
    low, high = names.index(job.base), names.index(job.top)
    merged, pivots = disk.chain[low + 1 : high + 1], high + 1 == len(names)
    bitmaps = disk.bitmaps_on(job.base)
    if job.carry:
        bitmaps = carry_bitmaps(disk, bitmaps, merged, job.base, top=job.top, pivots=pivots)
    if not pivots and not disk.chain[low].left_open:
        bitmaps = tuple(retire(disk, bitmap) for bitmap in bitmaps)
    gone = {image.name for image in merged} | {job.base}
    others = (bitmap for bitmap in disk.bitmaps if bitmap.node not in gone)
    above = disk.chain[high + 1 :]
    if above and not all(image.linked for image in merged):
        above = (replace(above[0], linked=False), *above[1:])
    chain = (*disk.chain[: low + 1], *above)
    left = replace(
        disk,
        chain=chain,
        bitmaps=series((*others, *bitmaps)),
        length=chain[-1].length,
        lacks=chain[-1].lacks,
    )
    return seen_anew(disk, left)
