"""Recorded run documents: what was so once, as files that can be committed and read in a diff."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, TypedDict

from simulator.compare.lines import FORMAT, read_lines
from simulator.diagnostics import InputError, Problem
from simulator.values import NamedTuple


class Recorded(TypedDict):
    """What a record was made of, as digests; *version* is the program's, in words."""

    scenario: str
    model: str
    program: str
    version: str


class Wanted(NamedTuple):
    """A scenario whose record is looked for.

    Attributes:
        file: As the user named it.
        key: Its path below the root of the baseline.
        title: What it says it is.
        digest: Of its text.
    """

    file: str
    key: PurePath
    title: str
    digest: str


class OutsideError(ValueError):
    """A file that is not below the root of a baseline."""


def key_of(file: str, *, given: str, root: str | None) -> PurePath:
    """Return a scenario's path as a baseline has it, which says nothing of this machine.

    It is relative to the root, if there is one; otherwise to the current folder if the file is
    below it, and to the folder that was given, or its own folder, if it is not.

    Args:
        given: The word that led to the file: a folder, a pattern, or the file.

    Raises:
        OutsideError: The file is not below the root.
    """
    path = Path(file).resolve()
    if root is not None:
        if not path.is_relative_to(Path(root).resolve()):
            raise OutsideError(f"{file} is not below {root}")
        return path.relative_to(Path(root).resolve())
    here = Path.cwd().resolve()
    if path.is_relative_to(here):
        return path.relative_to(here)
    folder = Path(given).resolve()
    return path.relative_to(folder if folder.is_dir() else path.parent)


def record_path(key: PurePath) -> PurePath:
    """Return where the record of a scenario stands below a baseline's folder."""
    return key.with_name(f"{key.stem}.jsonl")


def is_baseline(folder: str) -> bool:
    """Whether a folder holds records, and no scenarios."""
    path = Path(folder)
    if not path.is_dir() or any(path.rglob("*.y*ml")):
        return False
    return any(any(path.rglob(f"*{suffix}")) for suffix in (".jsonl", ".json"))


def tell_record(lines: Iterable[str], key: PurePath, made_of: Recorded) -> Iterator[str]:
    """Yield the lines of a run as a record has them: with what it is made of, and no more of the
    scenario's path than its key."""
    told = iter(lines)
    head = {**json.loads(next(told)), "file": key.as_posix(), "recorded": made_of}
    yield json.dumps(head, separators=(",", ":")) + "\n"
    yield from told


def load_baseline(
    folder: str, scenarios: Sequence[Wanted]
) -> tuple[Mapping[str, Any], tuple[InputError, ...]]:
    """Return the records of scenarios by the scenario's file, and what is wrong with the others."""
    documents: dict[str, Any] = {}
    wrong: list[InputError] = []
    for each in scenarios:
        try:
            documents[each.file] = {**_load(folder, each), "file": each.file}
        except InputError as error:
            wrong.append(error)
    return documents, tuple(wrong)


def _load(folder: str, wanted: Wanted) -> Any:
    """Return a record.

    Raises:
        InputError: It is not there, is no run document, has another format, or is of another text.
    """
    path = str(Path(folder) / record_path(wanted.key))
    try:
        document = _read(Path(path))
    except FileNotFoundError:
        raise _unusable(path, f"{folder} has no record of {wanted.file}") from None
    except OSError as error:
        raise _unusable(path, f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise _unusable(path, f"no run document: {error}") from None
    if not isinstance(document, dict) or "format" not in document:
        raise _unusable(path, "no run document: it has no format")
    if document["format"] != FORMAT:
        found = f"a run document of format {document['format']}"
        raise _unusable(path, found, expected=f"format {FORMAT}: record it anew")
    missing = {"frames", "backups", "restores", "findings", "model", "file"} - document.keys()
    if missing:
        raise _unusable(path, f"no run document: it has no {sorted(missing)[0]}")
    _check_scenario(path, document, wanted)
    return document


def _check_scenario(path: str, document: Any, wanted: Wanted) -> None:
    """Hold what a record was made of against the scenario; records of old tell the title only."""
    title = document.get("scenario", wanted.title)
    made_of = document.get("recorded")
    digest = made_of.get("scenario") if isinstance(made_of, dict) else None
    if digest == wanted.digest or (digest is None and title == wanted.title):
        return
    if title == wanted.title:
        message = f"{wanted.file} changed since it was recorded"
        raise _unusable(path, message, help="record it again, and look at what changes")
    message = f"this is a record of another scenario: {title}"
    raise _unusable(path, message, expected=wanted.title)


def _read(path: Path) -> Any:
    """Return a recorded run document; those that older versions wrote are one JSON value."""
    if not path.exists() and path.with_suffix(".json").exists():
        return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    with path.open(encoding="utf-8") as lines:
        return read_lines(lines)


def _unusable(path: str, message: str, *, expected: str = "", help: str = "") -> InputError:
    return InputError(path, "", [Problem(message, expected=expected, help=help)])
