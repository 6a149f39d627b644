"""Colours: told apart by everybody, and text on each of them can be read."""

from itertools import combinations

import pytest

from simulator.render.palette import THEMES, VERSIONS, Colours, Theme, contrast, role_of

# What people with a kind of colour blindness see, as matrices on linear red, green and blue.
# Source: Machado, Oliveira and Fernandes, 2009, severity 1.0.
SIGHTS = {
    "protanopia": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deuteranopia": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritanopia": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
    "full": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
}
APART = 9.0
"""Least distance of two colours in CIELAB; 2.3 is just noticeable."""


def lab_of(colour: str, sight: str) -> tuple[float, float, float]:
    """A colour as a kind of sight has it, in CIELAB (D65)."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    seen = [
        min(1, max(0, sum(a * b for a, b in zip(row, linear, strict=True))))
        for row in SIGHTS[sight]
    ]
    red, green, blue = seen
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089
    fx, fy, fz = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def distance(one: str, other: str, sight: str) -> float:
    """How far apart two colours are."""
    pairs = zip(lab_of(one, sight), lab_of(other, sight), strict=True)
    return float(sum((a - b) ** 2 for a, b in pairs) ** 0.5)


@pytest.mark.parametrize("sight", SIGHTS)
def test_versions_are_told_apart_with_every_kind_of_sight(sight: str) -> None:
    for one, other in combinations(VERSIONS, 2):
        assert distance(one, other, sight) > APART, (one, other)


@pytest.mark.parametrize("colours", THEMES.values(), ids=THEMES)
def test_every_letter_can_be_read_on_its_cell(colours: Colours) -> None:
    fills = [role_of(letter) for letter in "ABCDEFGH0*!?"] + ["dirty1", "dirty4", "busy"]
    for role in fills:
        assert contrast(colours.of(role), colours.on(role)) >= 4.5, role


@pytest.mark.parametrize("colours", THEMES.values(), ids=THEMES)
def test_every_text_can_be_read_on_paper(colours: Colours) -> None:
    for role in ("ink", "faint", "error", "warning", "info", "changed"):
        assert contrast(colours.of(role), colours.of("paper")) >= 4.5, role


def test_a_version_has_one_colour_in_both_themes_and_in_every_row() -> None:
    light, dark = THEMES[Theme.LIGHT], THEMES[Theme.DARK]
    for letter in "ABCDEFGHabc":
        assert light.of(role_of(letter)) == dark.of(role_of(letter))
    assert role_of("A") != role_of("B")
