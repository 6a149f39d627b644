"""Sizes and times as people write them: ``128 KiB``, ``2h30m``."""

import re
from fractions import Fraction

from simulator.model.sizes import write_size

SIZE_PATTERN = r"^[0-9]+ *([Bb]|[KMGTPkmgtp]([Ii][Bb]?)?)?$"
"""A size with an optional binary unit."""

_POWERS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}

_NANOSECONDS = {
    "d": 86_400 * 10**9,
    "h": 3_600 * 10**9,
    "m": 60 * 10**9,
    "s": 10**9,
    "ms": 10**6,
    "us": 10**3,
    "ns": 1,
}

_PART = r"(?P<count>[0-9]+(?:\.[0-9]+)?)(?P<unit>d|h|ms|m|s|us|ns)"
_DURATION = rf"(?:{_PART.replace('?P<count>', '').replace('?P<unit>', '')} *)+"

TICK_MAX = (1 << 63) - 1
"""Nanoseconds, some 292 years: ticks of a workload are 64-bit integers."""

_ALMOST_SIZE = r"(?i)(?P<count>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>[kmgtp])(i?b|i?bytes?|[a-z]+bytes?)?"
"""What people write for a size: decimal units, fractions, words."""

SIZE_DIGITS_MAX = 30
"""No size that makes sense has more digits."""


def read_size(text: str) -> int | None:
    """Return the bytes of a size, or None where the text is none.

    >>> [read_size(text) for text in ("512 KiB", "1T", "4096", "1.5 GiB")]
    [524288, 1099511627776, 4096, None]
    """
    if re.match(SIZE_PATTERN, text) is None or len(text) > SIZE_DIGITS_MAX:
        return None
    number = text.rstrip("BbIiKMGTPkmgtp ")
    unit = text[len(number) :].strip().lower()
    return int(number) << 10 * _POWERS[unit[:1]]


def near_size(text: str) -> str:
    """Return the size that a text probably means, or nothing.

    >>> [near_size(text) for text in ("8GB", "1.5 GiB", "2 gigabytes", "12 parsecs")]
    ['8 GiB', '1536 MiB', '2 GiB', '']
    """
    match = re.fullmatch(_ALMOST_SIZE, text.strip())
    if match is None or len(text) > SIZE_DIGITS_MAX:
        return ""
    size = Fraction(match["count"]) * (1 << 10 * _POWERS[match["unit"].lower()])
    return write_size(int(size)) if size.denominator == 1 else ""


def read_duration(text: str) -> Fraction | None:
    """Return the nanoseconds of a time since the start, or None where the text is none.

    >>> [read_duration(text) for text in ("90s", "1.5h", "12:30")]
    [Fraction(90000000000, 1), Fraction(5400000000000, 1), None]
    """
    if re.fullmatch(_DURATION, text) is None:
        return None
    parts = re.finditer(_PART, text)
    return sum(
        (Fraction(part["count"]) * _NANOSECONDS[part["unit"]] for part in parts), Fraction(0)
    )


RATE_PATTERN = r"^[0-9]+ *([Bb]|[KMGTPkmgtp]([Ii][Bb]?)?)?/ *(s|m|min|h|d)$"
"""Bytes in a time, such as ``400 MiB/s``."""

FREQUENCY_PATTERN = r"^[0-9]+(\.[0-9]+)? */ *(s|m|min|h|d)$"
"""How often something happens, such as ``200/s``."""

SHARE_PATTERN = r"^[0-9]+(\.[0-9]+)? *%$"
"""A part of a whole, such as ``5%``."""


def _per(unit: str) -> int:
    """Return the nanoseconds of what stands behind the bar of a rate."""
    return _NANOSECONDS["m" if unit.strip() == "min" else unit.strip()]


def read_rate(text: str) -> Fraction | None:
    """Return bytes a second, or None where the text is no rate or nothing would move.

    >>> [read_rate(text) for text in ("400 MiB/s", "0/s", "6 KiB/min", "5 parsecs/s")]
    [Fraction(419430400, 1), None, Fraction(512, 5), None]
    """
    if re.match(RATE_PATTERN, text) is None:
        return None
    size, _, unit = text.partition("/")
    count = read_size(size.strip())
    return Fraction(count * _NANOSECONDS["s"], _per(unit)) if count else None


def read_frequency(text: str) -> Fraction | None:
    """Return how often a nanosecond something happens; 0 is never.

    >>> [read_frequency(text) for text in ("200/s", "1.5/h", "200")]
    [Fraction(1, 5000000), Fraction(1, 2400000000000), None]
    """
    if re.match(FREQUENCY_PATTERN, text) is None or len(text) > SIZE_DIGITS_MAX:
        return None
    count, _, unit = text.partition("/")
    return Fraction(count.strip()) / _per(unit)


def read_share(text: str) -> Fraction | None:
    """Return a part of a whole, or None where the text is none, or more than the whole.

    >>> [read_share(text) for text in ("5%", "0.1 %", "120%", "5")]
    [Fraction(1, 20), Fraction(1, 1000), None, None]
    """
    if re.match(SHARE_PATTERN, text) is None or len(text) > SIZE_DIGITS_MAX:
        return None
    share = Fraction(text.rstrip(" %")) / 100
    return share if share <= 1 else None


_TIMES = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
    **{unit: unit for unit in ("ms", "us", "ns")},
}
"""What people write for a unit of time, and what it is here."""

_ALMOST_TIME = r"(?i)([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)"

_ALMOST_PER = r"(?i)(.*[^\s/])\s*(?:/|\bper\b|(?<=b)p(?=s$))\s*([a-z]+)"
"""An amount in a time: ``5 MB/sec``, ``5 MBps``, ``200 per second``."""

NEAR_MEASURES = ("rate", "frequency", "share", "duration")
"""What a text may have been meant to be."""


def near_measure(value: object, kind: str) -> str:
    """Return a question after the measure that a value of a file probably means, or nothing.

    >>> [near_measure(text, "rate") for text in ("400 MB/s", "5 MBps", "0 B/s")]
    ['did you mean 400 MiB/s?', 'did you mean 5 MiB/s?', '']
    >>> near_measure("200", "frequency"), near_measure(0.05, "share")
    ('did you mean 200/s?', 'did you mean 5%?')
    >>> near_measure("2 hours and 30 min", "duration")
    'did you mean 2h30m?'
    """
    near = _near_measure(value, kind)
    return f"did you mean {near}?" if near else ""


def _near_measure(value: object, kind: str) -> str:
    """Return the measure itself: a rate may lack its time, or have another unit."""
    text = str(value).strip()
    if len(text) > SIZE_DIGITS_MAX:
        return ""
    if kind == "duration":
        return _near_time(text)
    if kind == "share":
        part = re.fullmatch(r"0?\.[0-9]+", text)
        return f"{float(100 * Fraction(text)):g}%" if part else ""
    per = re.fullmatch(_ALMOST_PER, text)
    amount, unit = (per[1], per[2]) if per is not None else (text, "s")
    time = _TIMES.get(unit.lower())
    if kind == "rate":
        amount = near_size(amount) or (amount if read_size(amount) else "")
    near = f"{amount}/{time}"
    read = read_rate if kind == "rate" else read_frequency
    return near if amount and time is not None and read(near) else ""


def _near_time(text: str) -> str:
    """Return the time that a text probably means: ``2 hours and 30 min`` is ``2h30m``."""
    parts = re.findall(_ALMOST_TIME, text)
    units = [_TIMES.get(unit.lower()) for _, unit in parts]
    rest = re.sub(r"\band\b|,", "", re.sub(_ALMOST_TIME, "", text)).strip()
    if not parts or rest or None in units:
        return ""
    both = zip(parts, units, strict=True)
    near = "".join(f"{count}{'m' if unit == 'min' else unit}" for (count, _), unit in both)
    return near if read_duration(near) and near != text else ""
