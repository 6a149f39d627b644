"""Colour for terminals: a few roles, and the codes that stand for them."""

from enum import StrEnum


class Role(StrEnum):
    """What a piece of text is, by the code that a terminal paints it with."""

    TITLE = "1"
    ERROR = "1;31"
    WARNING = "1;33"
    INFO = "1;36"
    QUIET = "2"
    MARK = "1;34"


def paint(text: str, role: Role, *, colour: bool) -> str:
    """Return text in the colour of its role, or as it is where there is no terminal."""
    return f"\x1b[{role.value}m{text}\x1b[0m" if colour and text else text
