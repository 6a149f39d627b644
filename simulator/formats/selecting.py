"""Which findings are told: those that are selected, without those that are ignored."""

from collections.abc import Iterable, Sequence

from simulator.formats.codes import known_codes, nearest
from simulator.formats.values import FileReport
from simulator.values import NamedTuple


class UnknownCode(ValueError):
    """A word that is no code, no name, and no beginning of a code.

    Attributes:
        word: As it was given.
        near: Those that may be meant.
    """

    def __init__(self, word: str) -> None:
        self.word = word
        self.near = nearest(word)
        super().__init__(f"unknown rule {word}")


class Selection(NamedTuple):
    """What is told. Codes that nothing is said of are told.

    Attributes:
        select: Codes that are told; none for all.
        ignore: Codes that are not.
        per_file: Codes that are not told of files that fit a pattern.
    """

    select: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    per_file: Sequence[tuple[str, frozenset[str]]] = ()

    def tells(self, path: str, code: str) -> bool:
        """Whether a code is told of a file."""
        if (self.select and code not in self.select) or code in self.ignore:
            return False
        return not any(code in codes and fits(path, pattern) for pattern, codes in self.per_file)

    def sift(self, report: FileReport) -> FileReport:
        """Return what is told of a file."""
        if self == Selection():
            return report
        told = tuple(t for t in report.told if self.tells(report.path, t.finding.code))
        left_out = len(report.told) - len(told)
        more = f", {left_out:,} of them not told" if left_out and report.summary else ""
        return report._replace(told=told, summary=report.summary + more)


def fits(path: str, pattern: str) -> bool:
    """Whether a path is one that a pattern means: itself, its end, or the name of the file."""
    from fnmatch import fnmatch
    from pathlib import PurePath

    plain = PurePath(path).as_posix()
    return fnmatch(plain, pattern) or fnmatch(plain, f"*/{pattern}")


def codes_of(words: Iterable[str]) -> frozenset[str]:
    """Return the codes that words stand for: a code, its beginning, or a name.

    Raises:
        UnknownCode: One stands for none.
    """
    known = known_codes()
    found: set[str] = set()
    for word in words:
        codes = {
            code
            for code, each in known.items()
            if word.lower() == each.name or (word.isupper() and code.startswith(word.upper()))
        }
        if not codes:
            raise UnknownCode(word)
        found |= codes
    return frozenset(found)
