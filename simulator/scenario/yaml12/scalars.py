"""What a plain scalar stands for by the core rules of YAML 1.2."""

import re

ODD = "0123456789+-.~nNtTfF"
"""What a plain scalar begins with, if it may be something else than text."""

_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}

_NUMBER = re.compile(
    r"(?P<decimal>[-+]?[0-9]+)|0o(?P<octal>[0-7]+)|0x(?P<hexadecimal>[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
)

_DIGITS_MAX = 3000
"""Longer numbers stay text: Python neither reads nor writes decimals of more than 4300 digits."""


def resolve_plain(text: str) -> object:
    """Return what a plain scalar stands for by the core rules of YAML 1.2.

    >>> [resolve_plain(text) for text in ("no", "12:30", "0o17", "010", "1e3", "~")]
    ['no', '12:30', 15, 10, 1000.0, None]
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0].isalpha():
        return text
    match = _NUMBER.fullmatch(text)
    if match is None or len(text) > _DIGITS_MAX:
        return text
    if match["decimal"]:
        return int(text)
    if match["octal"]:
        return int(match["octal"], 8)
    if match["hexadecimal"]:
        return int(match["hexadecimal"], 16)
    return float(text)
