"""Which colour a role has, in light and in dark. A version keeps its colour in every picture.

The colours of versions are those of Okabe and Ito, which people with the common kinds of colour
blindness can tell apart, and a brown in place of their black; a letter says the same, so that
nothing depends on colour alone.
"""

from enum import StrEnum

from simulator.values import NamedTuple

VERSIONS = (
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#73260D",
)
"""Source: Okabe and Ito, "Color Universal Design"."""

SHADES = 4
"""Steps of a cell of a large disk: how much of its range is dirty."""


class Theme(StrEnum):
    """What the paper is like."""

    LIGHT = "light"
    DARK = "dark"


class Colours(NamedTuple):
    """The colour of each role, as ``#rrggbb``."""

    roles: dict[str, str]

    def of(self, role: str) -> str:
        """Return the colour of a role."""
        return self.roles[role]

    def on(self, role: str) -> str:
        """Return black or white, whichever can be read on a role's colour."""
        fill = luminance(self.roles[role])
        return "#000000" if (fill + 0.05) / 0.05 >= 1.05 / (fill + 0.05) else "#ffffff"


def role_of(letter: str) -> str:
    """Return the role of a cell's letter.

    >>> [role_of(letter) for letter in "ABI0*X!"]
    ['v0', 'v1', 'v0', 'zero', 'mixed', 'v7', 'broken']
    """
    special = {"0": "zero", "*": "mixed", "!": "broken", "?": "hidden"}
    if letter in special:
        return special[letter]
    return f"v{(ord(letter.upper()) - ord('A')) % len(VERSIONS)}"


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, 0 to 1. Source: WCAG 2.1."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21. Source: WCAG 2.1."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _mix(one: str, other: str, part: float) -> str:
    """Return a colour that is *part* of the way from one to another."""
    pairs = ((int(one[n : n + 2], 16), int(other[n : n + 2], 16)) for n in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in pairs)


def _colours(paper: str, ink: str, others: dict[str, str]) -> Colours:
    shades = {f"dirty{n}": _mix(paper, ink, 0.25 + 0.6 * n / SHADES) for n in range(1, SHADES + 1)}
    versions = {f"v{n}": colour for n, colour in enumerate(VERSIONS)}
    return Colours({"paper": paper, "ink": ink, **shades, **versions, **others})


THEMES = {
    Theme.LIGHT: _colours(
        "#ffffff",
        "#1b1b1b",
        {
            "faint": "#595959",
            "rule": "#b9b9b9",
            "zero": "#e4e4e4",
            "mixed": "#c9b8dd",
            "broken": "#f4b8b8",
            "hidden": "#fff3c4",
            "band": "#f4f5f7",
            "error": "#b3261e",
            "warning": "#8a5200",
            "info": "#00639b",
            "busy": "#7a5ba6",
            "backup": "#4d7c0f",
            "changed": "#b5005a",
        },
    ),
    Theme.DARK: _colours(
        "#15181c",
        "#ececec",
        {
            "faint": "#a9b0b7",
            "rule": "#525a63",
            "zero": "#343a41",
            "mixed": "#8f7cab",
            "broken": "#8c3b3b",
            "hidden": "#5c5222",
            "band": "#1d2126",
            "error": "#ff8a80",
            "warning": "#ffb74d",
            "info": "#81c7ff",
            "busy": "#b49ae0",
            "backup": "#a3c45a",
            "changed": "#ff7ab8",
        },
    ),
}
"""The two themes."""
