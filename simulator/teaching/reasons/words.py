"""Sentences from parts: lists, beginnings and ends."""

from collections.abc import Iterable, Sequence

from simulator.checks.evidence import join_words

_PLAIN = frozenset({"it", "its", "neither", "no", "none", "the", "they"})
"""Words that begin with a capital where a sentence begins; a name never does."""


def neither(names: Sequence[str], verb: str, plural: str) -> str:
    """Return that none of some things does something.

    Args:
        verb: What one of them does.
        plural: What all of them are called.

    >>> neither(["S1", "S2"], "holds", "images")
    'neither S1 nor S2 holds anything'
    """
    if len(names) == 1:
        return f"{names[0]} {verb} nothing"
    if len(names) == 2:
        return f"neither {names[0]} nor {names[1]} {verb} anything"
    return f"none of the {plural} {join_words(names)} {verb} anything"


def join_deeds(deeds: Iterable[tuple[str, str]]) -> str:
    """Return what became of several deeds; those that share their end are told as one.

    >>> join_deeds([("a", "came early"), ("b", "came early"), ("c", "came late")])
    'a and b came early, and c came late'
    """
    ends: dict[str, list[str]] = {}
    for deed, end in deeds:
        ends.setdefault(end, []).append(deed)
    told = (f"{join_words(dict.fromkeys(named))} {end}" for end, named in ends.items())
    return ", and ".join(told)


def write_sentences(parts: Iterable[str]) -> str:
    """Return parts as sentences; names keep their first letter.

    >>> write_sentences(["late.bak holds D", "the guest wrote it"])
    'late.bak holds D. The guest wrote it.'
    """
    return " ".join(f"{_begin(part)}." for part in parts if part)


def _begin(text: str) -> str:
    first = text.partition(" ")[0]
    return text[0].upper() + text[1:] if first in _PLAIN else text
