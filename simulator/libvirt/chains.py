"""Commits, pulls, copies and resizes as libvirt is asked for them. Pure."""

from collections.abc import Iterator

from simulator.libvirt.actions import LibvirtAction, UnsupportedError, Virsh, named
from simulator.libvirt.files import Files
from simulator.libvirt.xml import DOMAIN, path_of
from simulator.model.machine import Machine
from simulator.model.notes import find_note
from simulator.model.requests import BlockCopy, Commit, DeleteSnapshot, Pull, Resize
from simulator.timeline import Entry


def change_chain(
    files: Files, entry: Entry, request: Commit | Pull | BlockCopy | Resize | DeleteSnapshot
) -> Iterator[LibvirtAction]:
    """Yield what changes a chain of images, or the size of a disk."""
    machine = entry.before
    match request:
        case Commit():
            yield _commit(files, machine, request)
        case Pull():
            yield _pull(files, machine, request)
        case BlockCopy():
            if entry.refusal is None:
                yield from files.clear_away(request.to)
            yield _blockcopy(files, machine, request)
        case Resize():
            disk = machine.disk(request.disk)
            size = f"{request.length * disk.cluster_size - request.lacks}B"
            yield Virsh(("blockresize", DOMAIN, disk.name, size))
        case DeleteSnapshot():
            note = find_note(machine.snapshots, request.name)
            name = note.name if note is not None else request.name
            words = ("snapshot-delete", DOMAIN, *named("snapshotname", name))
            yield Virsh((*words, *(("--metadata",) if request.metadata else ())))


def _commit(files: Files, machine: Machine, commit: Commit) -> Virsh:
    disk = machine.disk_of(commit.top)
    if disk is None:
        raise UnsupportedError(f"a commit of {commit.top}, which is in no chain")
    base = commit.base if commit.base is not None else disk.chain[0].name
    words = ["blockcommit", DOMAIN, disk.name, "--base", path_of(files.of(base))]
    if commit.top == disk.active.name:
        words += ["--active", "--pivot"]
    else:
        words += ["--top", path_of(files.of(commit.top))]
    return Virsh((*words, "--wait"))


def _pull(files: Files, machine: Machine, pull: Pull) -> Virsh:
    disk = machine.disk_of(pull.into)
    if disk is None or pull.into != disk.active.name:
        raise UnsupportedError("a pull into an image that is not the active one")
    words = ["blockpull", DOMAIN, disk.name, "--wait"]
    if pull.base is not None:
        words += ["--base", path_of(files.of(pull.base))]
    return Virsh(tuple(words))


def _blockcopy(files: Files, machine: Machine, request: BlockCopy) -> Virsh:
    """Return what copies a disk; the job has to be transient where the machine is defined."""
    active = machine.disk(request.disk).active
    words = ["blockcopy", DOMAIN, request.disk, "--dest", path_of(files.of(request.to))]
    words += ["--format", request.format or active.format, "--transient-job", "--wait"]
    words += ["--shallow"] if request.shallow else []
    return Virsh((*words, *(() if request.lasting else ("--pivot",))))
