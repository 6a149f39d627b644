"""The commented proposal that ``backup-timeline new --model`` writes."""

import re
from pathlib import PurePath

_TEMPLATE = '''\
"""A proposal for an API model. Play scenarios under it: backup-timeline run FILE --model {file}"""

from simulator.apis.base import Plan
from simulator.apis.libvirt import Libvirt
from simulator.model.machine import Machine


class {name}(Libvirt):
    """What it does otherwise than libvirt, with a figure.

    S1: |AAAA----|
    B1: |XXXX----|+
    """

    id = "{id}"
    title = "one line for reviewers"
    source = "the mail or document that proposes it"

    # Override what changes; backup-timeline models libvirt lists the policies.
    # Each is a pure function: it gives primitives (simulator.model.operations) or a Refusal.

    def checkpoint(self, machine: Machine, name: str, disks: tuple[str, ...]) -> Plan:
        """Add a bitmap, as libvirt does."""
        return super().checkpoint(machine, name, disks)
'''


def write_proposal(word: str) -> str:
    """Return a proposal to start from.

    Args:
        word: Its id, or the file that it will stand in.
    """
    stem = re.sub(r"[^a-z0-9]+", "-", PurePath(word).name.removesuffix(".py").lower()).strip("-")
    name = "".join(part.capitalize() for part in stem.split("-"))
    name = name if name.isidentifier() else f"Model{name}"
    file = word if word.endswith(".py") else f"{word}.py"
    known = stem or "proposal"
    return _TEMPLATE.format(file="FILE.py" if word == "-" else file, name=name, id=known)
