"""What becomes of images and bitmaps when a chain grows, shrinks, is resized or goes back in time.

Source: QEMU 7.2; ``facts/QEMU.md``, sections 4.1 to 4.6.
"""

from typing import assert_never

from simulator.model.bitmap import DirtyBitmap, Kept, Window, join_windows
from simulator.model.bitmap_transitions import inconsistent
from simulator.model.clusters import ZERO, ClusterMap, map_of, range_of
from simulator.model.disk import Disk, Image, InternalSnapshot
from simulator.model.machine import (
    BackupJob,
    ChainJob,
    CommitJob,
    Job,
    Machine,
    MirrorJob,
    Power,
    PullJob,
    Status,
    Transfer,
)
from simulator.model.operations import (
    AddOverlay,
    ChainOperation,
    CommitImages,
    DropSnapshot,
    Fault,
    LoadSnapshot,
    MirrorDisk,
    PullImages,
    Refusal,
    ResizeImage,
    RevertImages,
    SaveSnapshot,
)
from simulator.model.values import replace


def apply(machine: Machine, operation: ChainOperation) -> Machine | Refusal:
    """Return the machine after an operation on a chain, or why QEMU refuses it."""
    match operation:
        case AddOverlay():
            return _add_overlay(machine, operation)
        case ResizeImage():
            return _resize_image(machine, operation)
        case RevertImages():
            return _revert_images(machine, operation)
        case SaveSnapshot():
            return _save_snapshot(machine, operation)
        case DropSnapshot():
            return _drop_snapshot(machine, operation)
        case LoadSnapshot():
            return _load_snapshot(machine, operation)
        case CommitImages():
            return _commit_images(machine, operation)
        case PullImages():
            return _pull_images(machine, operation)
        case MirrorDisk():
            return _mirror_disk(machine, operation)
        case _:
            assert_never(operation)


def no_node(node: str, *, device: bool = True) -> Refusal:
    """Return QEMU's words for a node that is not there.

    Args:
        device: Whether the command takes a device's name for it, too.
    """
    return Refusal(f"Cannot find device='{node if device else ''}' nor node-name='{node}'")


def _add_overlay(machine: Machine, snapshot: AddOverlay) -> Machine | Refusal:
    """Make the active image read-only and put an empty one on top of it.

        before  S1: |AAAA----|     after  S1: |AAAA----| <- S2: |--------|
                B1: |XXXX----|+           B1: |XXXX----|+

    Bitmaps stay on the old image, where nobody writes any more. They are stored at that moment,
    so a later crash does them no harm. Source: QEMU.md sections 2.2 and 4.1.
    """
    disk = machine.disk_of(snapshot.node)
    if disk is None:
        return no_node(snapshot.node)
    for job in machine.jobs_on(disk.name):
        if isinstance(job, BackupJob):
            continue
        # A commit is a job of the active image, however low its top is.
        device = {disk.active.name} if isinstance(job, CommitJob) else set[str]()
        if snapshot.node in works_on(job, disk) | device:
            return in_use_by(job, snapshot.node)
    above = _image_above(disk, snapshot.node)
    scratch = [
        job.backup.name
        for job in machine.backup_jobs
        if job.backup.transfer is Transfer.PULL and job.node == snapshot.node
    ]
    if above is not None or scratch:
        user = above or scratch[0]
        told = f"Node '{snapshot.node}' is busy: node is used as backing hd of '{user}'"
        return Refusal(told, fault=Fault.JOB if above is None else None)
    if machine.node_taken(snapshot.overlay):
        return Refusal("The overlay is already in use")
    bitmaps = tuple(
        _retire(disk, bitmap.close_window(disk.moment)) if bitmap.node == snapshot.node else bitmap
        for bitmap in disk.bitmaps
    )
    return machine.with_disk(_with_overlay(replace(disk, bitmaps=bitmaps), snapshot.overlay))


def _with_overlay(disk: Disk, name: str) -> Disk:
    """Return a disk with an empty image on top of its chain, of the size of the one below."""
    overlay = Image(
        name=name, content=map_of(disk.length), length=disk.active.length, since=disk.moment
    )
    return replace(disk, chain=(*disk.chain, overlay))


def _image_above(disk: Disk, node: str) -> str | None:
    """Return the name of the image on top of another one; None for the active image."""
    names = [image.name for image in disk.chain]
    place = names.index(node) + 1
    return names[place] if place < len(names) else None


def _retire(disk: Disk, bitmap: DirtyBitmap) -> DirtyBitmap:
    """Return a bitmap of an image that becomes read-only: stored then, if it is persistent."""
    return bitmap.store(disk.next_batch(bitmap.node)) if bitmap.persistent else bitmap


def _resize_image(machine: Machine, resize: ResizeImage) -> Machine | Refusal:
    """Let the active image grow or shrink, with all bitmaps that lie on it.

        before  S1: |AAAA----| <- S2: |---BBB--|    to 4 clusters, and to 8 again
                B1: |XXXX----|    B2: |---XXX--|+
        after   S1: |AAAA----| <- S2: |---B0000|
                B1: |XXXX----|    B2: |---X----|+

    New bits are clean. Images below keep their size. Where one of them is longer than the active
    image was, zeroes are written into what is new, so that old data does not come to light; they
    are not marked. Source: QEMU.md section 4.5.
    """
    disk = machine.disk_of(resize.node)
    if disk is None:
        return no_node(resize.node, device=False)
    refusal = _refuse_resize(machine, disk, resize)
    if refusal is not None:
        return refusal
    active, length = disk.active, resize.length
    content = active.content.below(length)
    grown = length - active.length
    if grown > 0 and len(disk.chain) > 1 and disk.chain[-2].length > active.length:
        content = content.overlay(range_of(length, active.length, grown, ZERO))
    size = length * disk.cluster_size
    bitmaps = tuple(
        bitmap.resize(-(-size // bitmap.granularity)) if bitmap.node == active.name else bitmap
        for bitmap in disk.bitmaps
    )
    resized = replace(active, content=content, length=length)
    return machine.with_disk(
        replace(
            disk.with_image(resized),
            length=length,
            bitmaps=bitmaps,
            moment=disk.moment + bool(grown),
        )
    )


def _refuse_resize(machine: Machine, disk: Disk, resize: ResizeImage) -> Refusal | None:
    if resize.length < 0:
        return Refusal("Parameter 'size' expects a >0 size")
    if resize.length == 0:
        return Refusal("a disk has at least one cluster here")
    read = [
        job
        for job in machine.jobs_on(disk.name)
        if isinstance(job, BackupJob) and job.node == resize.node and not job.guarding
    ]
    if read and read[-1].backup.transfer is not Transfer.PULL:
        return _conflict(resize.node, filtered=True)
    if resize.node != disk.active.name:
        return Refusal("Device '(null)' is in use", cause=f"{resize.node} is a backing image")
    busy = _refuse_resize_in_use(machine, disk, resize.node)
    if busy is not None:
        return busy
    for bitmap in disk.directory(resize.node):
        if bitmap.inconsistent:
            return inconsistent(bitmap.name)
    return None


def _refuse_resize_in_use(machine: Machine, disk: Disk, node: str) -> Refusal | None:
    """Return why an active image keeps its size: a job or a client counts on it."""
    jobs = [
        job for job in machine.jobs_on(disk.name) if not isinstance(job, BackupJob) or job.guarding
    ]
    # Of backups, the filter of the newest one lies on top.
    for job in [*(job for job in jobs if not isinstance(job, BackupJob)), *jobs[-1:]]:
        if not isinstance(job, BackupJob) or job.backup.transfer is Transfer.PULL:
            return Refusal(
                "Device '(null)' is in use", cause=f"the job {job.name} runs", fault=Fault.JOB
            )
    if jobs or any(export.node == node for export in machine.exports):
        return _conflict(node, filtered=bool(jobs))
    return None


def _conflict(node: str, *, filtered: bool) -> Refusal:
    """Return QEMU's words for a node that may not be resized.

    Args:
        filtered: Whether the filter of a backup job needs it as it is; else a client does.
    """
    used = f"(uses node '{node}' as 'root' child)"
    other = f"node '#block' (uses node '{node}' as 'file' child)"
    return Refusal(
        f"Permission conflict on node '{node}': permissions 'resize' are both required by an "
        f"unnamed block device {used} and unshared by "
        f"{other if filtered else f'an unnamed block device {used}'}.",
        cause="a backup job reads it" if filtered else "a client may read an export of it",
        fault=Fault.JOB if filtered else None,
    )


def _revert_images(machine: Machine, revert: RevertImages) -> Machine | Refusal:
    """Drop the images above one, and put a new overlay on top of it.

        before  S1: |AAAA----| <- S2: |---BBB--|    after  S1: |AAAA----| <- S3: |--------|
                B1: |XXXX----|    B2: |---XXX--|+          B1: |XXXX----|

    The overlay has no bitmaps: what is written from now on is in none of them.
    """
    disk = machine.disk_of(revert.image)
    if disk is None:
        return no_node(revert.image)
    if machine.disk_of(revert.overlay) is not None:
        return Refusal(f"Duplicate nodes with node-name='{revert.overlay}'")
    if machine.jobs_on(disk.name):
        return in_use_by(machine.jobs_on(disk.name)[0], disk.active.name)
    exported = _exported(machine, disk)
    if exported is not None:
        return exported
    names = [image.name for image in disk.chain]
    kept = disk.chain[: names.index(revert.image) + 1]
    left = {image.name for image in kept}
    bitmaps = tuple(bitmap for bitmap in disk.bitmaps if bitmap.node in left)
    back = replace(
        disk, chain=kept, bitmaps=bitmaps, length=kept[-1].length, moment=disk.moment + 1
    )
    return machine.with_disk(_with_overlay(back, revert.overlay))


def _exported(machine: Machine, disk: Disk) -> Refusal | None:
    """Return QEMU's words for an image that cannot be closed: somebody may read an export of it."""
    names = {image.name for image in disk.chain}
    used = next((each.node for each in machine.exports if each.node in names), None)
    return Refusal(f"Node {used} is in use") if used is not None else None


def works_on(job: ChainJob, disk: Disk) -> set[str]:
    """Return the images that a job on a chain needs for itself."""
    names = [image.name for image in disk.chain]
    if isinstance(job, MirrorJob):
        return {disk.active.name}
    if isinstance(job, CommitJob):
        return set(names[names.index(job.base) : names.index(job.top) + 1])
    low = names.index(job.base) + 1 if job.base is not None else 0
    return set(names[low : names.index(job.into) + 1])


def lies_above(job: Job, disk: Disk) -> bool:
    """Whether a job has a filter of its own between the guest and the active image."""
    match job:
        case BackupJob():
            return job.guarding
        case CommitJob():
            return job.top == disk.active.name
        case PullJob():
            return job.into == disk.active.name
        case MirrorJob():
            return True


def in_use_by(job: Job, node: str) -> Refusal:
    """Return QEMU's words for a node that a job works on."""
    words = {BackupJob: "backup", CommitJob: "commit", PullJob: "stream", MirrorJob: "mirror"}
    kind = words[type(job)]
    told = f"Node '{node}' is busy: block device is in use by block job: {kind}"
    return Refusal(told, fault=Fault.JOB)


def _save_snapshot(machine: Machine, save: SaveSnapshot) -> Machine | Refusal:
    """Keep the state of the active image inside it. Bitmaps are no part of it."""
    disk = machine.disk_of(save.node)
    unable = f"Block format 'raw' used by device '{save.node}' does not support internal snapshots"
    refusal = _refuse_internal(machine, disk, save.node, unable)
    if refusal is not None:
        return refusal
    assert disk is not None, "it was looked for"
    image = disk.active
    if not save.name:
        return Refusal("Name is empty")
    if any(each.name == save.name for each in image.snapshots):
        return Refusal(f"Snapshot with name '{save.name}' already exists on device '{image.name}'")
    kept = InternalSnapshot(
        name=save.name, content=image.content, length=image.length, moment=disk.moment
    )
    return machine.with_disk(disk.with_image(replace(image, snapshots=(*image.snapshots, kept))))


def _drop_snapshot(machine: Machine, drop: DropSnapshot) -> Machine | Refusal:
    """Drop a state that is kept inside the active image."""
    disk = machine.disk_of(drop.node)
    unable = "Failed to get a snapshot list: Operation not supported"
    refusal = _refuse_internal(machine, disk, drop.node, unable)
    if refusal is not None:
        return refusal
    assert disk is not None, "it was looked for"
    image = disk.active
    if all(each.name != drop.name for each in image.snapshots):
        return Refusal(
            f"Snapshot with id 'null' and name '{drop.name}' does not exist on device "
            f"'{image.name}'"
        )
    left = tuple(each for each in image.snapshots if each.name != drop.name)
    return machine.with_disk(disk.with_image(replace(image, snapshots=left)))


def _refuse_internal(machine: Machine, disk: Disk | None, node: str, unable: str) -> Refusal | None:
    """Return why the state of an image cannot be kept inside it; *unable* where it is raw."""
    if disk is None:
        return no_node(node)
    filtered = any(lies_above(job, disk) for job in machine.jobs_on(disk.name))
    if node != disk.active.name or filtered:
        fault = Fault.JOB if node == disk.active.name else None
        return Refusal("Need a root block node", fault=fault)
    if disk.active.format != "qcow2":
        return Refusal(unable)
    return None


def _load_snapshot(machine: Machine, load: LoadSnapshot) -> Machine | Refusal:
    """Return the active image to a state that is kept inside it.

        kept  S1: |AAAA----|    before  S1: |AABB----|    after  S1: |AAAA----|

    QEMU refuses while the image has any bitmap, even a frozen one. Source: QEMU.md section 4.6.
    """
    disk = machine.disk_of(load.node)
    if disk is None:
        return no_node(load.node)
    image = disk.active
    kept = next((each for each in image.snapshots if each.name == load.name), None)
    if kept is None:
        return Refusal(f"Snapshot '{load.name}' does not exist in one or more devices")
    if machine.jobs_on(disk.name):
        return in_use_by(machine.jobs_on(disk.name)[0], disk.active.name)
    exported = _exported(machine, disk)
    if exported is not None:
        return exported
    if disk.bitmaps_on(image.name):
        refused = "Device has active dirty bitmaps"
        if machine.power is Power.RUNNING:
            return Refusal(f"Could not load snapshot '{load.name}' on '{image.name}': {refused}")
        return Refusal(f"Could not apply snapshot '{load.name}': {refused}")
    back = replace(image, content=kept.content, length=kept.length)
    return machine.with_disk(
        replace(disk.with_image(back), length=kept.length, moment=disk.moment + 1)
    )


def _commit_images(machine: Machine, commit: CommitImages) -> Machine | Refusal:
    """Merge overlays down into a base.

        before  S1: |AAAA----| <- S2: |---BBB--|    after  S1: |AAABBB--|
                B1: |XXXX----|+   B2: |---XXX--|+          B1: |XXXXXX--|+

    A bitmap of the base that is enabled records exactly the clusters that are copied; a disabled
    one does not change. The overlays' own bitmaps are gone with them, unless they are carried.
    A base that is smaller grows. Source: QEMU.md section 4.2.
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
    if refusal is not None:
        return refusal
    base, top = disk.length_of(job.base), disk.length_of(job.top)
    job = replace(job, grew=base < top)
    copied = _copy_down(disk, job)
    started = machine.with_disk(copied)
    if commit.lasting:
        return replace(started, jobs=(*machine.jobs, job))
    return started.with_disk(_drop_merged(copied, job))


JOB_FAILS = "Operation not supported"
"""QEMU takes the command, and this is how its job ends: nothing has changed. Source: QEMU 7.2."""


def _refuse_commit(machine: Machine, disk: Disk, device: str, commit: CommitJob) -> Refusal | None:
    names = [image.name for image in disk.chain]
    jobs = machine.jobs_on(disk.name)
    above = any(lies_above(job, disk) for job in jobs)
    if device != disk.active.name or above:
        fault = Fault.JOB if device == disk.active.name else None
        return Refusal("Need a root block node", fault=fault)
    for name in (commit.top, commit.base):
        if machine.disk_of(name) is None:
            return no_node(name, device=False)
    if commit.top not in names:
        return Refusal(f"'{commit.top}' is not in this backing file chain")
    if commit.top == commit.base:
        return Refusal("cannot commit an image into itself")
    if commit.base not in names[: names.index(commit.top)]:
        return Refusal(f"'{commit.base}' is not in this backing file chain")
    for job in jobs:
        if not isinstance(job, BackupJob):
            return in_use_by(job, disk.active.name)
        if job.node in works_on(commit, disk):
            return in_use_by(job, "#block")
    broken = [bitmap.name for bitmap in disk.bitmaps_on(commit.base) if bitmap.inconsistent]
    if broken and disk.length_of(commit.base) < disk.length_of(commit.top):
        told = f"{commit.base} would have to grow, and its bitmap {broken[0]} is inconsistent"
        return Refusal(JOB_FAILS, cause=told)
    return None


def _copy_down(disk: Disk, job: CommitJob) -> Disk:
    """Return a disk whose base holds what lies above it, up to the top; it is open for writing."""
    top, base = job.top, job.base
    names = [image.name for image in disk.chain]
    merged = disk.chain[names.index(base) + 1 : names.index(top) + 1]
    content = _held_in(merged, merged[-1].length)
    pivots = top == disk.active.name
    window = Window(start=merged[0].since, end=None if pivots else disk.moment_of(top))
    old = disk.chain[names.index(base)]
    length = max(old.length, merged[-1].length)
    grown = replace(old, content=old.content.overlay(content), length=length)
    bits = length * disk.cluster_size
    bitmaps = tuple(
        _record_copy(disk, bitmap.resize(-(-bits // bitmap.granularity)), content, window)
        if bitmap.node == base
        else bitmap
        for bitmap in disk.bitmaps
    )
    return replace(disk.with_image(grown), bitmaps=bitmaps)


def _held_in(images: tuple[Image, ...], length: int) -> ClusterMap:
    """Return what a job copies out of some images of a chain, oldest first.

        S1: |AAAA| <- S2: |---B----|    gives  |AAAB0000|

    Beyond the end of a shorter image a reader finds zeroes, and a job takes them for its content,
    unless it is the newest of them.

    Args:
        length: Clusters of the newest one.
    """
    held = map_of(length)
    for image in images:
        content = image.content.below(length)
        if image.length < length:
            beyond = range_of(length, image.length, length - image.length, ZERO)
            content = content.overlay(beyond)
        held = held.overlay(content)
    return held


def _record_copy(
    disk: Disk, bitmap: DirtyBitmap, content: ClusterMap, window: Window
) -> DirtyBitmap:
    """Return a bitmap of a base that is written: an enabled one records what is copied."""
    if bitmap.recording:
        granules = disk.granules_of(bitmap.granularity, content.clusters(), bitmap.length)
        joined = join_windows((*bitmap.windows, window))
        bitmap = replace(bitmap.mark(granules), windows=joined)
    return replace(bitmap, kept=Kept.IN_USE) if bitmap.kept is Kept.STORED else bitmap


def _drop_merged(disk: Disk, job: CommitJob) -> Disk:
    """Return a disk without the images whose content its base holds by now."""
    names = [image.name for image in disk.chain]
    low, high = names.index(job.base), names.index(job.top)
    merged, pivots = disk.chain[low + 1 : high + 1], high + 1 == len(names)
    bitmaps = disk.bitmaps_on(job.base)
    if job.carry:
        bitmaps = _carry(disk, bitmaps, merged, job.base, newest=job.top, pivots=pivots)
    if not pivots:
        bitmaps = tuple(_retire(disk, bitmap) for bitmap in bitmaps)
    gone = {image.name for image in merged} | {job.base}
    kept = tuple(bitmap for bitmap in disk.bitmaps if bitmap.node not in gone)
    chain = (*disk.chain[: low + 1], *disk.chain[high + 1 :])
    return replace(disk, chain=chain, bitmaps=(*kept, *bitmaps), length=chain[-1].length)


def _carry(
    disk: Disk,
    bitmaps: tuple[DirtyBitmap, ...],
    merged: tuple[Image, ...],
    onto: str,
    *,
    newest: str,
    pivots: bool,
) -> tuple[DirtyBitmap, ...]:
    """Return an image's bitmaps with those of other images merged into their namesakes.

    Only what the newest image of all holds is carried: a bitmap that ends further down misses
    what was written above it. A raw image takes none. Source: ``facts/LIBVIRT.md``, R8.
    """
    taker = disk.image(onto)
    if taker is None or taker.format != "qcow2":
        return bitmaps
    held = {bitmap.name: bitmap for bitmap in bitmaps}
    names = {b.name for b in disk.bitmaps_on(newest) if b.persistent and not b.inconsistent}
    for image in merged:
        for bitmap in disk.bitmaps_on(image.name):
            if bitmap.name not in names or bitmap.inconsistent or not bitmap.persistent:
                continue
            if bitmap.name in held:
                held[bitmap.name] = held[bitmap.name].merge(bitmap, disk.moment)
            else:
                kept = Kept.MEMORY if pivots else Kept.STORED
                held[bitmap.name] = replace(bitmap, node=onto, kept=kept, batch=0)
    return tuple(held.values())


def _pull_images(machine: Machine, pull: PullImages) -> Machine | Refusal:
    """Copy what lies between a base and an image up into the image.

        before  S1: |AAAA----| <- S2: |---BBB--|    after  S2: |AAABBB--|
                B1: |XXXX----|    B2: |---XXX--|+          B2: |---XXX--|+

    The image's bitmaps are never dirtied by it; those of the dropped images are gone with them.
    A job with nothing to do ends at once. Source: QEMU.md section 4.3.
    """
    disk = machine.disk_of(pull.into)
    if disk is None:
        return no_node(pull.into)
    refusal = _refuse_pull(machine, disk, pull)
    if refusal is not None:
        return refusal
    job = PullJob(
        name=pull.job or f"stream-{pull.into}",
        disk=disk.name,
        into=pull.into,
        base=_base_of(disk, pull),
        carry=pull.carry,
    )
    pulled = _pulled(disk, job.into, job.base)
    if not pulled:
        return machine
    for other in machine.backup_jobs:
        if other.disk == disk.name and not other.guarding and other.node in works_on(job, disk):
            return in_use_by(other, "#block")
    into = disk.image(pull.into)
    assert into is not None, "the disk was found by this image"
    # The guest's own writes come on top of what is pulled, whenever they were made.
    held = _held_in(pulled, pulled[-1].length).below(into.length)
    copied = disk.with_image(replace(into, content=held.overlay(into.content)))
    if not pull.lasting:
        return machine.with_disk(_drop_pulled(copied, job))
    started = machine.with_disk(_opened(copied, pull.into))
    return replace(started, jobs=(*machine.jobs, job))


def _refuse_pull(machine: Machine, disk: Disk, pull: PullImages) -> Refusal | None:
    names = [image.name for image in disk.chain]
    high = names.index(pull.into)
    for name in (pull.base, pull.bottom):
        if name is not None and machine.disk_of(name) is None:
            return no_node(name, device=False)
    if pull.base is not None and pull.base not in names[:high]:
        return Refusal(f"Node '{pull.base}' is not a backing image of '{pull.into}'")
    if pull.bottom is not None and pull.bottom not in names[: high + 1]:
        return Refusal(f"Node '{pull.bottom}' is not in a chain starting from '{pull.into}'")
    chained = [job for job in machine.jobs_on(disk.name) if not isinstance(job, BackupJob)]
    if not chained:
        return None
    # The filter of another pull lies above the image that it pulls into.
    below = isinstance(chained[0], PullJob) and chained[0].into in names[:high]
    return in_use_by(chained[0], "#block" if below else pull.into)


def _base_of(disk: Disk, pull: PullImages) -> str | None:
    """Return the image that stays below a pull; None where everything is pulled."""
    if pull.bottom is None:
        return pull.base
    names = [image.name for image in disk.chain]
    low = names.index(pull.bottom)
    return names[low - 1] if low else None


def _opened(disk: Disk, node: str) -> Disk:
    """Return a disk of which one more image is open for writing: its bitmaps are in use."""
    bitmaps = tuple(
        replace(b, kept=Kept.IN_USE) if b.node == node and b.kept is Kept.STORED else b
        for b in disk.bitmaps
    )
    return replace(disk, bitmaps=bitmaps)


def _pulled(disk: Disk, into: str, base: str | None) -> tuple[Image, ...]:
    """Return the images between a base and an image, which are read when it is pulled into."""
    names = [image.name for image in disk.chain]
    low = names.index(base) + 1 if base is not None else 0
    return disk.chain[low : names.index(into)]


def _drop_pulled(disk: Disk, job: PullJob) -> Disk:
    """Return a disk without the images whose content an image above them holds by now."""
    pulled = _pulled(disk, job.into, job.base)
    gone = {image.name for image in pulled}
    into = disk.image(job.into)
    assert into is not None, "nobody drops an image that a job works on"
    bitmaps = tuple(bitmap for bitmap in disk.bitmaps if bitmap.node not in gone)
    if job.carry:
        own = disk.bitmaps_on(job.into)
        carried = _carry(disk, own, pulled, job.into, newest=job.into, pivots=into is disk.active)
        bitmaps = (*(b for b in bitmaps if b.node != job.into), *carried)
    taken = disk.with_image(replace(into, since=pulled[0].since))
    chain = tuple(image for image in taken.chain if image.name not in gone)
    return replace(taken, chain=chain, bitmaps=bitmaps)


ZEROES_MAX = 1 << 22
"""Clusters up to which a copied disk holds the zeroes that fill it: they cost what it is long.

Nothing lies below them, so that a reader sees no difference.
"""


def _mirror_disk(machine: Machine, mirror: MirrorDisk) -> Machine | Refusal:
    """Copy a disk into a new image, which takes the place of its chain.

        before  S1: |AAAA----| <- S2: |---BBB--|    after  C1: |AAABBB00|
                B1: |XXXX----|+   B1: |---XXX--|+          B1: |XXXXXX--|+  if carried

    The job writes zeroes over the whole of the new image before it copies. Source: libvirt 9.0
    with QEMU 7.2, ``blockcopy --pivot``.
    """
    disk = machine.disk_of(mirror.node)
    if disk is None:
        return no_node(mirror.node)
    if machine.node_taken(mirror.into):
        return Refusal(f"Duplicate nodes with node-name='{mirror.into}'")
    jobs = machine.jobs_on(disk.name)
    if jobs:
        return in_use_by(jobs[0], disk.active.name)
    exported = _exported(machine, disk)
    if exported is not None:
        return exported
    job = MirrorJob(
        name=mirror.into,
        disk=disk.name,
        into=mirror.into,
        format=mirror.format,
        carry=mirror.carry,
    )
    if mirror.lasting:
        return replace(machine, jobs=(*machine.jobs, job))
    return machine.with_disk(_pivoted(disk, job))


def _pivoted(disk: Disk, job: MirrorJob) -> Disk:
    """Return a disk whose chain is one image that holds all that the guest sees."""
    content = disk.guest_view
    if disk.length <= ZEROES_MAX:
        content = range_of(disk.length, 0, disk.length, ZERO).overlay(content)
    image = Image(
        name=job.into,
        content=content,
        length=disk.length,
        format=job.format,
        since=disk.chain[0].since,
    )
    bitmaps: list[DirtyBitmap] = []
    for name in merges_whole(disk, job.format) if job.carry else ():
        found = [disk.bitmap(node, name) for node in reversed(disk.nodes_with(name))]
        newest, *older = [bitmap for bitmap in found if bitmap is not None]
        merged = replace(newest, node=job.into, kept=Kept.MEMORY, batch=0)
        for bitmap in older:
            merged = merged.merge(bitmap, disk.moment)
        bitmaps.append(merged)
    return replace(disk, chain=(image,), bitmaps=tuple(bitmaps))


def merges_whole(disk: Disk, format: str) -> tuple[str, ...]:
    """Return the bitmaps that can go into one image of the whole disk; all of them, or none.

    Each must be whole: on the active image, and on those below it without a gap. One that is not
    is passed over; one that the new image cannot take, or that is of another size, fails the
    transaction that merges them all. Source: libvirt 9.0 with QEMU 7.2, ``blockcopy --pivot``.
    """
    whole = whole_bitmaps(disk)
    lengths = {disk.length_of(node) for name in whole for node in disk.nodes_with(name)}
    return whole if format == "qcow2" and lengths <= {disk.length} else ()


def whole_bitmaps(disk: Disk) -> tuple[str, ...]:
    """Return the names of the bitmaps that reach from the active image down without a fault."""
    names = [bitmap.name for bitmap in disk.bitmaps_on(disk.active.name)]
    return tuple(name for name in names if chain_fault(disk, name) is None)


def chain_fault(disk: Disk, name: str) -> tuple[Fault | None, str] | None:
    """Return what is wrong with the bitmaps of a name, in words as well; None for nothing.

    The active image must hold one, those below it without a gap, and each must be persistent,
    recording and not inconsistent. Source: ``facts/LIBVIRT.md``, R4.
    """
    nodes = disk.nodes_with(name)
    if disk.active.name not in nodes:
        below = f"; {', '.join(nodes)} below it does" if nodes else ", nor does any below it"
        return Fault.MISSING, f"the active image {disk.active.name} does not hold {name}{below}"
    images = [image.name for image in disk.chain]
    gap = [image for image in images[images.index(nodes[0]) :] if image not in nodes]
    if gap:
        return Fault.GAP, f"{name} is missing on {', '.join(gap)}, between images that hold it"
    for node in nodes:
        bitmap = disk.bitmap(node, name)
        assert bitmap is not None, "the node was found by this bitmap"
        if bitmap.inconsistent:
            told = f"{name} on {node} is inconsistent: the process died while it was open"
            return Fault.INCONSISTENT, told
        if not bitmap.recording:
            return Fault.FROZEN, f"{name} on {node} is disabled, so it does not reach now"
        if not bitmap.persistent:
            return None, f"{name} on {node} is not persistent"
    return None


def end_chain_job(machine: Machine, job: ChainJob, status: Status) -> Machine:
    """Return the machine when a job on a chain has ended; only a completed one drops images.

    What it copied stays where it is. The base of an image in the middle is read-only again, with
    its bitmaps stored; that of the active one stays open for writing.
    """
    disk = machine.disk(job.disk)
    left = replace(machine, jobs=tuple(each for each in machine.jobs if each is not job))
    if isinstance(job, MirrorJob):
        return left.with_disk(_pivoted(disk, job)) if status is Status.COMPLETED else left
    if status is Status.COMPLETED and isinstance(job, CommitJob):
        disk = _drop_merged(disk, job)
    elif status is Status.COMPLETED and isinstance(job, PullJob):
        disk = _drop_pulled(disk, job)
    written = job.base if isinstance(job, CommitJob) else job.into
    stays_open = isinstance(job, CommitJob) and job.top == disk.active.name
    if not stays_open and written != disk.active.name:
        bitmaps = tuple(_retire(disk, b) if b.node == written else b for b in disk.bitmaps)
        disk = replace(disk, bitmaps=bitmaps)
    return left.with_disk(disk)
