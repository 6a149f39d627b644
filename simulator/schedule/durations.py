"""Ticks as durations: ``1d2h30m`` since the start."""

SECOND = 10**9
"""A tick is a nanosecond."""

UNITS = (
    (86_400 * SECOND, "d"),
    (3_600 * SECOND, "h"),
    (60 * SECOND, "m"),
    (SECOND, "s"),
    (10**6, "ms"),
    (10**3, "us"),
    (1, "ns"),
)
"""The units of a duration, the largest first, each with its ticks."""


def write_duration(ticks: int) -> str:
    """Return a number of ticks as a duration, as a label has it.

    >>> [write_duration(ticks * SECOND) for ticks in (0, 90, 86400, 95400)]
    ['0s', '1m30s', '1d', '1d2h30m']
    """
    parts = []
    for size, unit in UNITS:
        count, ticks = divmod(ticks, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
