"""The codes under which `doctor` tells what it finds, and findings made of them."""

from collections.abc import Mapping
from functools import partial

from simulator.inspect.health.codes import flag_among

CODES: Mapping[str, tuple[str, str]] = {
    "DR101": ("backup-missing", "a backup that others stand on and that is in no file"),
    "DR102": ("backup-damaged", "a backup file that is cut off, or not what its head says"),
    "DR103": ("backup-unfinished", "what a run that did not end left behind"),
    "DR104": ("backup-doubled", "two files that lead to one state, or one under another's name"),
    "DR105": ("order-by-time", "files whose times are not in the order of what they stand on"),
    "DR106": ("restored-too-far", "a state that virtnbdrestore --until gives another one for"),
    "DR107": ("disks-apart", "disks that cannot be brought back to one state"),
    "DR108": ("checkpoint-without-bitmap", "a checkpoint whose bitmap the image does not have"),
    "DR109": ("checkpoint-broken", "a checkpoint whose bitmap is inconsistent or stopped"),
    "DR110": ("checkpoint-undocumented", "a checkpoint that libvirt could not be told of again"),
    "DR111": ("another-machine", "a document that is of another machine"),
    "DR112": ("parent-missing", "a checkpoint whose parent nobody has"),
    "DR113": ("nothing-restorable", "a machine that nothing can be restored of"),
    "DR114": ("chain-differs", "a chain that the document and the files tell otherwise"),
    "DR115": ("stands-alone", "an image that looks like an increment and has nothing below it"),
}
"""Code to name, and what is found."""


flag = partial(flag_among, {code: name for code, (name, _) in CODES.items()})
"""Makes a finding under one of these codes."""
