"""Bytes and rates in round numbers, for pictures and reports."""

from fractions import Fraction

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def write_amount(size: int | Fraction) -> str:
    """Return bytes with three digits at most.

    >>> [write_amount(size) for size in (0, 65536, 1567555584, 2 << 40)]
    ['0 B', '64 KiB', '1.46 GiB', '2 TiB']
    """
    power = 0
    while power + 1 < len(UNITS) and size >= 1000 * 1024**power:
        power += 1
    number = float(Fraction(size) / 1024**power)
    return f"{number:.3g} {UNITS[power]}" if number < 1000 else f"{number:.0f} {UNITS[power]}"


def write_rate(speed: int | Fraction) -> str:
    """Return bytes a second likewise.

    >>> write_rate(100 << 20)
    '100 MiB/s'
    """
    return f"{write_amount(speed)}/s"
