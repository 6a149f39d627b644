"""Which files words mean: a file, a folder with all that is in it, or a pattern."""

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from simulator.values import NamedTuple

SCENARIOS = (".yaml", ".yml")
"""How the names of scenario files end."""

DOCUMENTS = (".md", ".rst", ".txt", ".eml", ".patch", ".diff")
"""How the names of mails and documents end."""


class Named(NamedTuple):
    """A file, and the word that led to it: itself, a folder, or a pattern."""

    path: str
    given: str


class NothingFound(ValueError):
    """Words that lead to no file.

    Attributes:
        messages: What to tell, one each.
    """

    def __init__(self, messages: list[str]) -> None:
        super().__init__("; ".join(messages))
        self.messages = tuple(messages)


def find_scenarios(words: Iterable[str]) -> list[Named]:
    """Return scenario files, each once, those of a folder or pattern in the order of their names.

    In a folder, what is hidden is left out, and YAML that is no scenario: it has neither of the
    words ``scenario`` and ``timeline``.

    Raises:
        NothingFound: A folder holds none, or a pattern fits none.
    """
    return _find(words, SCENARIOS, "scenario", _is_scenario)


def find_documents(words: Iterable[str]) -> list[Named]:
    """Return mails and documents in the same way; scenario files are not among those of a folder.

    Raises:
        NothingFound: A folder holds none, or a pattern fits none.
    """
    return _find(words, DOCUMENTS, "document", lambda _: True)


def _find(
    words: Iterable[str], suffixes: tuple[str, ...], what: str, belongs: Callable[[Path], bool]
) -> list[Named]:
    files: dict[str, Named] = {}
    missing: list[str] = []
    for word in words:
        found = list(_files(word, suffixes, belongs))
        if not found:
            fits = "fits" if _is_pattern(word) else "in"
            missing.append(f"no {what} {fits} {word}")
        files.update((path, Named(path, word)) for path in found if path not in files)
    if missing:
        raise NothingFound(missing)
    return list(files.values())


def _is_pattern(word: str) -> bool:
    return glob.has_magic(word) and not os.path.lexists(word)


def _files(word: str, suffixes: tuple[str, ...], belongs: Callable[[Path], bool]) -> Iterator[str]:
    if _is_pattern(word):
        for path in sorted(glob.glob(word, recursive=True)):
            if os.path.isdir(path):
                yield from _within(path, suffixes, belongs)
            else:
                yield path
    elif os.path.isdir(word):
        yield from _within(word, suffixes, belongs)
    else:
        yield word


def _within(folder: str, suffixes: tuple[str, ...], belongs: Callable[[Path], bool]) -> list[str]:
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(place, name) for name in files if not name.startswith("."))
        found += [p for p in paths if p.name.endswith(suffixes) and p.is_file() and belongs(p)]
    return [str(path) for path in sorted(found)]


def _is_scenario(path: Path) -> bool:
    """Whether a file may be meant as a scenario; what cannot be read is for others to tell."""
    try:
        content = path.read_bytes()
    except OSError:
        return True
    return b"scenario" in content or b"timeline" in content or b"\0" in content
