"""Bytes and rates as a reader takes them in."""

from fractions import Fraction

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


MANY = 10_000
"""So many of a unit are told in a larger one."""


def write_size(number: int) -> str:
    """Return bytes in the largest unit that they are a whole number of; many of it are rounded.

    >>> [write_size(number) for number in (0, 448 << 10, 1 << 40, 20_000_000_000)]
    ['0 B', '448 KiB', '1 TiB', '18.6 GiB']
    """
    for power in reversed(range(len(UNITS))):
        size = 1024**power
        if number >= size and number % size == 0 and number // size < MANY:
            return f"{number // size} {UNITS[power]}"
    return write_amount(number)


def write_held(data: int, zeroes: int) -> str:
    """Return bytes of data, and what a backup covers where some of it reads as zeroes.

    ``448 KiB of 512``, ``10 MiB of 1 GiB``
    """
    told = write_size(data)
    if not zeroes:
        return told
    number, unit = write_size(data + zeroes).split()
    return f"{told} of {number}" if told.endswith(f" {unit}") else f"{told} of {number} {unit}"


def write_part(part: int, whole: int) -> str:
    """Return a part of some bytes, in the unit of the whole.

    >>> write_part(98304, 524288)
    '96 of 512 KiB'
    """
    number, unit = write_size(whole).split()
    return f"{part / 1024 ** UNITS.index(unit):.3g} of {number} {unit}"


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
