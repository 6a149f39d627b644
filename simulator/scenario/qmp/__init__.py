"""QEMU's own primitives: what QMP commands ask for, or QEMU's refusal in QEMU's words.

What is wrong with a command is QEMU's to refuse, and no mistake in the file.
"""

from simulator.scenario.qmp.commands import COMMANDS
from simulator.scenario.qmp.reading import (
    COMMAND_NAMES,
    commands_in,
    let_last,
    names_freed,
    names_made,
    read_commands,
    speed_of,
)

__all__ = [
    "COMMANDS",
    "COMMAND_NAMES",
    "commands_in",
    "let_last",
    "names_freed",
    "names_made",
    "read_commands",
    "speed_of",
]
