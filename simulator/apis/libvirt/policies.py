"""libvirt 6.6 and later: every checkpoint's bitmap records from its checkpoint until now.

Source: ``facts/LIBVIRT.md``, rules R1 to R9 and the catalogue of section 3; observed on libvirt
9.0 with QEMU 7.2 and libvirt 11.3 with QEMU 10.0.
"""

import re

from simulator.apis.base import ApiModel, Plan
from simulator.apis.finding import handed_over
from simulator.apis.libvirt.merging import after_pivot, can_merge, carried, found_again, left_behind
from simulator.apis.libvirt.preserving import NO_OPTION, closed_behind, power_off
from simulator.apis.libvirt.refusing import (
    INACTIVE,
    NOT_RUNNING,
    QEMU_SAYS,
    asked_of_qemu,
    broken_chain,
    locked,
    refuse_base,
    refuse_beside_backup,
    refuse_beside_copy,
    refuse_copied,
    refuse_migration,
    refuse_offline_snapshot,
    refuse_parent,
    refuse_start,
    refuse_targets,
    refuse_validation,
    refuse_written,
    unknown_checkpoint,
)
from simulator.apis.libvirt.snapshots import (
    merged_by_deletion,
    note_of,
    refuse_deletion,
    refuse_revert,
    refuse_snapshot,
    refuse_unknown,
    revert_to,
)
from simulator.model.disk import Disk
from simulator.model.machine import Machine, MirrorJob, Power, Status
from simulator.model.notes import find_note
from simulator.model.operations import (
    AddBitmap,
    BitmapKey,
    CloseImages,
    EndJob,
    Fault,
    ForgetCheckpoint,
    ForgetSnapshot,
    MirrorDisk,
    OpenImages,
    Operation,
    Refusal,
    RemoveBitmap,
    RestoreCheckpoint,
    Travels,
    UndefineMachine,
)
from simulator.model.requests import (
    BlockCopy,
    CancelJob,
    Commit,
    Create,
    DeleteCheckpoint,
    DeleteSnapshot,
    FinishJobs,
    Migrate,
    Pull,
    RedefineCheckpoint,
    Request,
    Resize,
    Revert,
    Snapshot,
    TakeBackup,
    Undefine,
)
from simulator.releases.hosts import LIBVIRT

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
"""A checkpoint's name. Source: ``facts/LIBVIRT.md`` section 3, number 10."""


class Libvirt(ApiModel):
    """Cumulative bitmaps, re-created empty in every overlay and merged down the chain.

    S1: |AAAA----| <- S2: |D--BBDD-|
    S1.B1: |XXXX----|+  S2.B1: |X--XXXX-|+
                        S2.B2: |X--XXXX-|+
                        S2.B3: |X----XX-|+
    """

    id = "libvirt"
    title = "libvirt 6.6 and later: all bitmaps go on recording; a snapshot repeats their names"
    half = LIBVIRT
    source = "observed on libvirt 9.0.0 with QEMU 7.2.22 and libvirt 11.3.0 with QEMU 10.0.13"

    def plan(self, machine: Machine, request: Request) -> Plan:
        """Return what a request stands for, or libvirt's words to one that it never starts."""
        if isinstance(request, TakeBackup) and request.outside:
            return super().plan(machine, request)
        if isinstance(request, TakeBackup) and request.preserve and not self.preserves(machine):
            return Refusal(NO_OPTION)
        if isinstance(request, OpenImages) and machine.power is Power.RUNNING:
            return Refusal("Domain is already active")
        if isinstance(request, OpenImages) and (refusal := refuse_start(machine)) is not None:
            return refusal
        if isinstance(request, CloseImages):
            return power_off(machine)
        if isinstance(request, DeleteSnapshot | Revert):
            unknown = refuse_unknown(machine, request)
            if unknown is not None:
                return unknown
        beside = refuse_beside_backup(machine, request) or refuse_beside_copy(machine, request)
        return beside or super().plan(machine, request)

    def preserves(self, machine: Machine) -> bool:
        """Whether a backup may keep a machine whose guest powers off."""
        return machine.semantics.preserves_domain

    def when_running(self, machine: Machine, request: Request) -> Refusal | None:
        """Refuse in libvirt's words what needs a running machine."""
        if machine.power is Power.RUNNING:
            return None
        if isinstance(request, DeleteSnapshot):
            return None
        if isinstance(request, Commit) and (refusal := refuse_base(machine, request)) is not None:
            return refusal
        if isinstance(request, Commit | Pull | BlockCopy | Resize | CancelJob | Migrate):
            return Refusal(NOT_RUNNING, cause="the machine is off", fault=Fault.OFF)
        if isinstance(request, Snapshot):
            return None if request.outside else refuse_offline_snapshot(machine)
        if isinstance(request, DeleteCheckpoint) and request.metadata:
            return None
        said = INACTIVE.get(type(request))
        if said is None:
            return super().when_running(machine, request)
        return Refusal(
            f"Operation not supported: {said}", cause="the machine is off", fault=Fault.OFF
        )

    def repeat_bitmaps(self, machine: Machine, request: Snapshot) -> tuple[Operation, ...]:
        """Give each overlay an empty bitmap for each valid one of the image below it (R3).

        A snapshot starts no checkpoint: one that a scenario asks for is a second call. Of a machine
        that is off, a host that knows no checkpoint looks at no bitmap. Source: libvirt 9.0.0.
        """
        if machine.power is not Power.RUNNING and not machine.checkpoints:
            return ()
        return tuple(
            AddBitmap(node=image, name=bitmap.name, granularity=bitmap.granularity)
            for name, image in request.images
            for disk in [machine.disk(name)]
            for bitmap in (disk.bitmaps_on(disk.active.name) if disk.chain else ())
            if bitmap.persistent and bitmap.recording and not bitmap.inconsistent
        )

    def refuse_checkpoint(
        self, machine: Machine, nodes: dict[str, str], name: str, formats: dict[str, str]
    ) -> Refusal | None:
        """Return libvirt's words for a name or a disk that cannot have a checkpoint."""
        if not NAME.fullmatch(name):
            return Refusal(
                "XML document failed to validate against schema: Unable to validate doc against "
                "/usr/share/libvirt/schemas/domaincheckpoint.rng / Extra element name in "
                "interleave / Element domaincheckpoint failed to validate content",
                cause=f"{name} is no name of a checkpoint there: letters, digits, . _ -",
            )
        if machine.checkpoint(name) is not None:
            return Refusal(f"operation failed: domain moment {name} already exists")
        for disk in nodes:
            if formats[disk] != "qcow2":
                return Refusal(
                    f"unsupported configuration: checkpoint for disk {disk} "
                    f"unsupported for storage type {formats[disk]}"
                )
        for disk, node in nodes.items():
            if machine.disk(disk).bitmap(node, name) is not None:
                return Refusal(
                    "internal error: unable to execute QEMU command 'transaction': "
                    f"Bitmap already exists: {name}",
                    cause=f"{node} holds a bitmap {name} that no checkpoint of the host names",
                    fault=Fault.OUT_OF_STEP,
                )
        return None

    def undefine(self, machine: Machine, request: Undefine) -> Plan:
        """Give up the definition: a machine that runs is transient then, and its metadata goes
        when it stops; of one that is off, only if that is said. Bitmaps stay where they are.
        """
        if machine.power is Power.RUNNING:
            return (UndefineMachine(),)
        notes = {"snapshots": machine.snapshots, "checkpoints": machine.checkpoints}
        for kind, kept in notes.items():
            if kept and not request.metadata:
                return Refusal(
                    "Requested operation is not valid: cannot delete inactive domain with "
                    f"{len(kept)} {kind}"
                )
        return (
            *(ForgetSnapshot(name=each.name) for each in machine.snapshots),
            *(ForgetCheckpoint(name=each.name) for each in machine.checkpoints),
        )

    def create(self, machine: Machine, request: Create) -> Plan:
        """Make the first image of a disk; it may lie on one that nobody writes."""
        refusal = refuse_written(machine, request.backing) if request.backing else None
        return refusal or super().create(machine, request)

    def migrate(self, machine: Machine, request: Migrate) -> Plan:
        """Let another host go on; not where snapshots are noted, for their notes cannot follow.

        Where the disks are copied, it sends bitmaps by itself, merged out of all images.
        """
        travels = Travels.NONE if request.bitmaps is False else Travels.MERGED
        return refuse_migration(machine) or handed_over(machine, request, travels)

    def redefine(self, machine: Machine, request: RedefineCheckpoint) -> Plan:
        """Note a checkpoint again, parents first (R15); bitmaps are looked for only if asked."""
        refusal = refuse_parent(machine, request)
        if refusal is None and request.validate:
            refusal = refuse_validation(machine, request)
        restored = RestoreCheckpoint(request.name, request.disks, request.parent)
        return refusal or (restored,)

    def backup(self, machine: Machine, request: TakeBackup) -> Plan:
        """Copy data out; a target that exists is not written over, but by the client of a pull.

        libvirt looks at the checkpoint first, then at each disk, for the bitmaps and for a job, and
        then at the targets; what is left is QEMU's to refuse. Source: libvirt 9.0.0 with QEMU
        7.2.22.
        """
        if request.until is not None:
            return super().backup(machine, request)
        begun: Plan = ()
        if request.checkpoint is not None:
            begun = self.checkpoint(machine, request.checkpoint, request.disks)
        late = isinstance(begun, Refusal) and begun.fault is Fault.OUT_OF_STEP
        if isinstance(begun, Refusal) and not late:
            return begun
        refusal = self._refuse_data(machine, request) or refuse_targets(machine, request)
        if refusal is not None:
            return refusal
        return begun if isinstance(begun, Refusal) else super().backup(machine, request)

    def _refuse_data(self, machine: Machine, request: TakeBackup) -> Refusal | None:
        """Return libvirt's own no to what a backup is to read, one disk after the other."""
        for disk in machine.disks:
            if disk.name not in request.disks:
                continue
            found = self.read_through(machine, disk, request.of(disk.name))
            if isinstance(found, Refusal) and found.fault is not Fault.UNMERGEABLE:
                return found
            copied = refuse_copied(machine, disk.name, request)
            if copied is not None:
                return copied
        return None

    def snapshot(self, machine: Machine, request: Snapshot) -> Plan:
        """Put overlays on the chains, and note it; a file that exists is not written over."""
        if request.outside:
            return super().snapshot(machine, request)
        refusal = refuse_snapshot(machine, request)
        if refusal is not None:
            return refusal
        made = super().snapshot(machine, request)
        return made if isinstance(made, Refusal) else (*made, note_of(machine, request))

    def commit(self, machine: Machine, request: Commit) -> Plan:
        """Merge overlays down, and their bitmaps with them (R8).

        libvirt looks for the images first, and then for another job on the disk.
        """
        disk = machine.disk_of(request.top)
        if disk is not None:
            if (refusal := refuse_base(machine, request)) is not None:
                return refusal
            copied = refuse_copied(machine, disk.name, request)
            if copied is not None:
                return copied
        merged = super().commit(machine, request)
        if isinstance(merged, Refusal) or disk is None:
            return merged
        refusal = locked(machine, disk, request.base or disk.chain[0].name, "block-commit")
        if refusal is not None:
            return refusal
        names = [image.name for image in disk.chain]
        low = names.index(request.base) if request.base is not None else 0
        kept, gone = disk.chain[low], disk.chain[low + 1 : names.index(request.top) + 1]
        carries = can_merge(disk, kept, gone, request.top)
        again = found_again(machine, disk, kept, gone) if carries else ()
        if carries and (again or kept.format != "raw"):
            return (*carried(merged), *again)
        forgotten = left_behind(machine, disk, kept, gone)
        return (*(carried(merged) if carries else merged), *forgotten)

    def pull(self, machine: Machine, request: Pull) -> Plan:
        """Pull backing data up, and its bitmaps with it (R8)."""
        pulled = super().pull(machine, request)
        disk = machine.disk_of(request.into)
        if isinstance(pulled, Refusal) or disk is None:
            return pulled
        refusal = locked(machine, disk, request.into, "block-stream")
        if refusal is not None:
            return refusal
        names = [image.name for image in disk.chain]
        low = names.index(request.base) + 1 if request.base in names else 0
        high = names.index(request.into)
        into, gone = disk.chain[high], disk.chain[low:high]
        merges = gone and can_merge(disk, into, gone, request.into)
        return carried(pulled) if merges else pulled

    def blockcopy(self, machine: Machine, request: BlockCopy) -> Plan:
        """Copy a disk into a new image and pivot to it, with its bitmaps merged (R8)."""
        if machine.node_taken(request.to):
            return Refusal(
                f"unsupported configuration: external destination file for disk {request.disk} "
                f"already exists and is not a block device: {request.to}"
            )
        copied = super().blockcopy(machine, request)
        if isinstance(copied, Refusal):
            return copied
        (mirror,) = copied
        assert isinstance(mirror, MirrorDisk), "that is what a copy is"
        left = () if request.lasting else after_pivot(machine, request.disk, mirror)
        return (mirror._replace(carry=True), *left)

    def finish(self, machine: Machine, request: FinishJobs) -> Plan:
        """End the jobs that were said to end now; a copied disk is pivoted to its new image."""
        ends = super().finish(machine, request)
        if isinstance(ends, Refusal):
            return ends
        copies = {job.name: job for job in machine.jobs if isinstance(job, MirrorJob)}
        done = [
            copies[end.job]
            for end in ends
            if isinstance(end, EndJob) and end.status is Status.COMPLETED and end.job in copies
        ]
        pivoted = (each for job in done for each in after_pivot(machine, job.disk, job))
        return closed_behind(machine, (*ends, *pivoted))

    def cancel(self, machine: Machine, request: CancelJob) -> Plan:
        """Abort the job (``domjobabort``, ``blockjob --abort``)."""
        if not machine.jobs:
            return Refusal("Requested operation is not valid: no job is active on the domain")
        return closed_behind(machine, super().cancel(machine, request))

    def bitmaps_since(
        self, machine: Machine, disk: Disk, checkpoint: str
    ) -> tuple[BitmapKey, ...] | Refusal:
        """Return the checkpoint's own bitmaps down the run of images that hold it, to be merged.

        The active image must hold it, the run may have no gap, and each must be persistent,
        recording and not inconsistent (R4). libvirt has one text for all of these faults.
        """
        if machine.checkpoint(checkpoint) is None:
            return unknown_checkpoint(disk, checkpoint)
        refusal = broken_chain(disk, checkpoint)
        if refusal is not None:
            return refusal
        for node in reversed(disk.nodes_with(checkpoint)):
            if disk.bytes_of(node) != disk.size:
                return Refusal(
                    f"{QEMU_SAYS} 'transaction': Bitmaps are of different sizes (destination size "
                    f"is {disk.size}, source size is {disk.bytes_of(node)}) and can't be merged",
                    cause=f"the disk was resized since {checkpoint} on {node} was an active bitmap",
                    fault=Fault.UNMERGEABLE,
                )
        return tuple((node, checkpoint) for node in reversed(disk.nodes_with(checkpoint)))

    def delete_more(self, machine: Machine, request: DeleteCheckpoint) -> Plan:
        """Give up a checkpoint with its children, or only the metadata of those (R7).

        Metadata can go while the machine is off.
        """
        if machine.checkpoint(request.name) is None:
            return self.delete(machine, request.name)
        gone = [request.name]
        for each in machine.checkpoints if request.children else ():
            # A child is younger than its parent, so one pass finds all descendants.
            if each.parent in gone:
                gone.append(each.name)
        if request.metadata:
            return tuple(ForgetCheckpoint(name=name) for name in gone)
        plans = [self.delete(machine, name) for name in reversed(gone)]
        refused = next((plan for plan in plans if isinstance(plan, Refusal)), None)
        if refused is not None:
            return refused
        return tuple(each for plan in plans if not isinstance(plan, Refusal) for each in plan)

    def resize(self, machine: Machine, request: Resize) -> Plan:
        """Let the active image grow or shrink; QEMU says no while a client pulls from it."""
        plan = super().resize(machine, request)
        return asked_of_qemu(machine, "block_resize", plan)

    def delete_snapshot(self, machine: Machine, request: DeleteSnapshot) -> Plan:
        """Merge the images that a snapshot made down; a machine that is off is started for it."""
        note = find_note(machine.snapshots, request.name)
        assert note is not None, "the plan looked for it"
        if request.metadata:
            onward = not machine.semantics.newest_lies_on_top
            return (ForgetSnapshot(note.name, onward=onward),)
        refusal = refuse_deletion(machine, note)
        if refusal is not None:
            return refusal
        merged: list[Operation] = []
        for layer in merged_by_deletion(machine, note):
            plan = self.commit(machine, Commit(layer.image, layer.over))
            if isinstance(plan, Refusal):
                return plan
            merged += plan
        layers = merged_by_deletion(machine, note) or note.layers
        done = (*merged, ForgetSnapshot(note.name, gone=tuple(each.image for each in layers)))
        if not merged:
            return done
        if machine.power is Power.RUNNING:
            return done
        return (OpenImages(), *done, CloseImages())

    def revert(self, machine: Machine, request: Revert) -> Plan:
        """Put an overlay without bitmaps onto the snapshot's image; before 9.9, turn it down."""
        if refusal := refuse_revert(machine):
            return refusal
        note = find_note(machine.snapshots, request.snapshot)
        return revert_to(machine, note, request.image) if note else super().revert(machine, request)

    def delete(self, machine: Machine, name: str) -> Plan:
        """Remove the checkpoint's bitmap from every image of its disks; merge nothing."""
        gone = machine.checkpoint(name)
        if gone is None:
            told = f"Domain checkpoint not found: no domain checkpoint with matching name '{name}'"
            return Refusal(told, fault=Fault.UNKNOWN)
        removed: list[Operation] = []
        for disk in (each for each in machine.disks if each.name in gone.disks):
            nodes = disk.nodes_with(name)
            if not nodes:
                return Refusal(
                    f"internal error: bitmap '{name}' not found in backing chain of '{disk.name}'",
                    cause="the bitmap is gone from every image, the checkpoint is not",
                    fault=Fault.OUT_OF_STEP,
                )
            removed += [RemoveBitmap(node=node, name=name, reopen=True) for node in nodes]
        return (*removed, ForgetCheckpoint(name=name))
