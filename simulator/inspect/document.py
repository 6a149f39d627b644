"""What was read of real images as JSON."""

import json

from simulator.diagnostics import Finding
from simulator.hosts.qemu_img import version
from simulator.inspect.disk import disk_document
from simulator.inspect.inspection import Inspection

FORMAT = 1


def write_json(inspection: Inspection) -> str:
    """Return what was read as JSON text, with a final newline; disks as in the run document."""
    document = {
        "format": FORMAT,
        "qemu": version(),
        "disks": {disk.name: disk_document(disk) for disk in inspection.disks},
        "findings": [finding_document(path, finding) for path, finding in inspection.findings],
    }
    return json.dumps(document, indent=1) + "\n"


def finding_document(path: str, finding: Finding) -> dict[str, object]:
    """Return a finding about a file as plain data."""
    return {
        "code": finding.code,
        "rule": finding.rule,
        "severity": finding.severity.value,
        "file": path,
        "message": finding.message,
        "notes": list(finding.notes),
        "help": finding.help,
    }
