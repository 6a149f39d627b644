"""A diagnosis as JSON."""

import json
from typing import Any

from simulator.doctor.diagnosis import Diagnosis, Kept
from simulator.doctor.reading.held import BackupFile
from simulator.doctor.text import way_of
from simulator.inspect.disk import SeenDisk, disk_document
from simulator.inspect.document import finding_document

FORMAT = 1


def write_json(diagnosis: Diagnosis) -> str:
    """Return what was read and what is wrong as JSON text, with a final newline."""
    document = {
        "format": FORMAT,
        "folders": [_folder(each) for each in diagnosis.folders],
        "disks": {disk.name: disk_document(disk) for disk in diagnosis.disks},
        "pasted": [{"from": path, **_pasted(disk)} for path, disk in diagnosis.pasted],
        "machines": [
            {"name": m.name, "uuid": m.uuid, "disks": {each.disk: each.paths for each in m.disks}}
            for m in diagnosis.machines
        ],
        "checkpoints": [
            {"name": each.name, "parent": each.parent, "bitmaps": dict(each.bitmaps)}
            for each in diagnosis.documents
        ],
        "problems": [
            {"file": path, "message": problem.message, "help": problem.help}
            for path, problem in diagnosis.problems
        ],
        "findings": [finding_document(path, finding) for path, finding in diagnosis.findings],
    }
    return json.dumps(document, indent=1) + "\n"


def _folder(kept: Kept) -> dict[str, Any]:
    folder = kept.folder
    return {
        "path": folder.path,
        "tool": "virtnbdbackup",
        "machine": folder.machine,
        "files": [_file(each) for each in folder.files],
        "partial": list(folder.partial),
        "checkpoints": list(folder.listed) if folder.listed is not None else None,
        "states": [
            {
                "name": state.name,
                "taken": state.taken or None,
                "restorable": state.restorable,
                "from": {d: [each.name for each in stack] for d, stack in state.stacks.items()},
                "how": way_of(folder, state) if state.restorable else None,
                "why": dict(state.why),
            }
            for state in kept.states
        ],
    }


def _file(file: BackupFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "disk": file.disk,
        "kind": file.kind,
        "since": file.starts,
        "leads_to": file.ends,
        "size": file.size,
        "data_bytes": file.data,
        "damage": file.damage or None,
    }


def _pasted(disk: SeenDisk) -> dict[str, Any]:
    return {
        "disk": disk.name,
        "chain": [
            {
                "file": image.path,
                "format": image.format,
                "backing": image.backing,
                "bitmaps": [
                    {"name": b.name, "recording": b.recording, "inconsistent": b.in_use}
                    for b in image.bitmaps
                ],
            }
            for image in disk.chain.images
        ],
    }
