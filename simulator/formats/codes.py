"""Every code that is printed, and what stands behind it."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache

from simulator import checks
from simulator.checks import expectations, measured
from simulator.diagnostics import Code, Severity
from simulator.values import NamedTuple

LEVELS = {"ERR": Severity.ERROR, "WARN": Severity.WARNING, "INFO": Severity.INFO}


class Explained(NamedTuple):
    """A code.

    Attributes:
        code, name: Such as ``BT201`` and ``stale-bitmap``; alike for what ``compat`` tells.
        severity: None where it depends.
        summary: One sentence.
        text: All there is to say, as Markdown below a heading.
    """

    code: str
    name: str
    severity: Severity | None
    summary: str
    text: str


@cache
def known_codes() -> Mapping[str, Explained]:
    """Return every code that is printed, in the order of the codes of each family."""
    return {code: each for family in FAMILIES for code, each in _family(family).items()}


def code_of(code: str) -> Explained | None:
    """Return what a code stands for; only what its family needs is loaded."""
    family = code[:2] if code[:2] in FAMILIES else ""
    return _family(family).get(code)


@cache
def _family(family: str) -> Mapping[str, Explained]:
    return {each.code: each for each in FAMILIES[family]()}


def find_code(word: str) -> Explained | None:
    """Return what a code or a name stands for; None where there is no such."""
    known = known_codes()
    if word.upper() in known:
        return known[word.upper()]
    return next((each for each in known.values() if word.lower() in (each.code, each.name)), None)


def nearest(word: str) -> tuple[str, ...]:
    """Return the codes and names that may be meant by one that there is not, the likeliest first.

    >>> nearest("stale"), nearest("stale-bitmpa")
    (('stale-namesake', 'stale-bitmap'), ('stale-bitmap',))
    """
    known = known_codes()
    words = list(dict.fromkeys(w for code, each in known.items() for w in (code, each.name)))
    low = word.lower()
    within = [name for name in words if low in name.lower()] if len(word) > 2 else []
    if within:
        return tuple(within)
    folded = {name.lower(): name for name in words}
    return tuple(folded[name] for name in difflib.get_close_matches(low, folded, n=1, cutoff=0.7))


def _rules() -> Iterator[Explained]:
    from simulator.inspect.health.codes import IN_REAL_CHAINS

    for rule in checks.RULES:
        text = f"{rule.explanation}\n\nModels: {', '.join(rule.models) or 'all'}"
        if rule.code in IN_REAL_CHAINS:
            text += f"\n\nFound by inspect, too:\n{IN_REAL_CHAINS[rule.code][1]}."
        yield Explained(rule.code, rule.name, rule.severity, rule.summary, text)


def _expectations() -> Iterator[Explained]:
    return _told("run and check", (*expectations.CODES, *measured.CODES))


def _linting() -> Iterator[Explained]:
    from simulator.documents.linting import CODES

    return _told("lint", CODES)


def _verification() -> Iterator[Explained]:
    from simulator.verify.peers import CODES

    return _told("verify", CODES)


def _told(command: str, codes: Iterable[Code]) -> Iterator[Explained]:
    for code, name, severity, found, advice in codes:
        text = f"Found by {command}:\n{found}\n\nWhat to do:\n{advice}"
        yield Explained(code, name, severity, found, text)


def _seen() -> Iterator[Explained]:
    from simulator.inspect.health.codes import OF_FILES

    return _in_files("inspect, in a real backing chain", OF_FILES)


def _held() -> Iterator[Explained]:
    from simulator.doctor.health.codes import CODES

    return _in_files("doctor, in what is held of backups", CODES)


def _in_files(where: str, codes: Mapping[str, tuple[str, str]]) -> Iterator[Explained]:
    for code, (name, found) in codes.items():
        summary = f"{found[0].upper()}{found[1:]}."
        yield Explained(code, name, None, summary, f"Found by {where}:\n{found}.")


def _differences() -> Iterator[Explained]:
    from simulator.compare.compat.kinds import KINDS

    for kind, (level, means) in KINDS.items():
        text = f"Told by compat, as {level}:\n{means}."
        summary = f"{means[0].upper()}{means[1:]}."
        yield Explained(kind, kind, LEVELS[level], summary, text)


FAMILIES: Mapping[str, Callable[[], Iterator[Explained]]] = {
    "BT": _rules,
    "EX": _expectations,
    "LT": _linting,
    "VF": _verification,
    "IN": _seen,
    "DR": _held,
    "": _differences,
}
"""The families of codes by how they begin."""
