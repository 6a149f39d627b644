"""The keys of a configuration: what each holds, and what is so where nothing is said."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from simulator.values import NamedTuple, dataclass


class Key(NamedTuple):
    """A key.

    Attributes:
        holds: In words, for who wrote something else.
        is_right: Whether a value is of that kind.
        default: What is in force where nothing is said.
        about: What it is for, in a sentence.
    """

    holds: str
    is_right: Callable[[Any], bool]
    default: Any
    about: str


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


TEXT, LIST = "a text", "a list of texts"

KEYS: Mapping[str, Key] = {
    "model": Key(TEXT, _is_text, None, "API model that scenarios run under, as by --model"),
    "host": Key(TEXT, _is_text, None, "releases that they run on, as by --host"),
    "paths": Key(LIST, _is_list, [], "scenarios that are meant where no FILE is named"),
    "documents": Key(LIST, _is_list, [], "documents that lint means then"),
    "select": Key(LIST, _is_list, [], "codes that are told, as by --select"),
    "ignore": Key(LIST, _is_list, [], "codes that are not, as by --ignore"),
    "root": Key(TEXT, _is_text, None, "folder that the paths in baselines are relative to"),
    "models": Key("a table of names and files", _is_table, {}, "names for proposals' files"),
    "baselines": Key("a table of names and folders", _is_table, {}, "names for baselines"),
    "per-file": Key("a table of patterns", _is_table, {}, "what is so for some files"),
}
"""Every key of the table."""

PER_FILE: Mapping[str, Key] = {
    "model": KEYS["model"],
    "ignore": KEYS["ignore"],
}
"""Every key of a pattern's table."""


@dataclass(frozen=True)
class Settings:
    """A configuration.

    Attributes:
        path: Its file; None where there is none.
        values: What it says, by key.
        lines: Where it says so.
    """

    path: Path | None
    values: Mapping[str, Any]
    lines: Mapping[str, int]

    def get(self, key: str) -> Any:
        """Return what is in force for a key; paths are as they are written."""
        return self.values.get(key, KEYS[key].default)

    def place(self, word: str) -> str:
        """Return a path of the configuration as it is to be opened from here."""
        if self.path is None or Path(word).is_absolute():
            return word
        from os.path import relpath

        return relpath(self.path.parent / word)

    def names(self, key: str) -> dict[str, str]:
        """Return a table of names with paths that can be opened from here."""
        return {name: self.place(word) for name, word in self.get(key).items()}

    def origin(self, key: str) -> str:
        """Return from where a key has its value: ``pyproject.toml:12``, or ``default``."""
        if key not in self.values or self.path is None:
            return "default"
        from os.path import relpath

        return f"{relpath(self.path)}:{self.lines.get(key, 1)}"


NONE = Settings(None, {}, {})
"""What is in force where there is no configuration."""
