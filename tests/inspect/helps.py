"""Helps that are done as they say, with QEMU's own programs."""

import re
import subprocess
from pathlib import Path

from tests.waiting import PATIENCE_SECONDS

COMMAND = re.compile(r"(?:qemu-img|cp|printf) [^;,()]+[^;,() ]")
"""A command in a help ends at a stop that no path of a test has."""


def commands_in(help: str) -> list[str]:
    """Return the commands that a help names."""
    return COMMAND.findall(help)


def try_help(help: str, **names: Path | str) -> None:
    """Do what a help says.

    Args:
        names: What stands for the words in capitals.
    """
    commands = commands_in(help)
    assert commands, f"no command in {help}"
    for command in commands:
        for word, path in names.items():
            command = re.sub(rf"\b{word}\b", str(path), command)
        said = subprocess.run(
            ["sh", "-c", command], check=False, capture_output=True, timeout=PATIENCE_SECONDS
        )
        assert said.returncode == 0, (command, said.stderr)


def same_data(one: Path, other: Path) -> bool:
    """Whether two images show the same."""
    words = ["qemu-img", "compare", "-f", "qcow2", "-F", "qcow2", str(one), str(other)]
    said = subprocess.run(words, check=False, capture_output=True, timeout=PATIENCE_SECONDS)
    assert said.returncode in (0, 1), said.stderr
    return said.returncode == 0
