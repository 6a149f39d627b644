"""Recorded run documents: what was so once, as files that can be committed and read in a diff."""

import json
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any

from simulator.compare.lines import FORMAT, read_lines
from simulator.diagnostics import InputError, Problem


def baseline_path(file: str) -> PurePath:
    """Return where the run document of a scenario stands below a baseline's folder."""
    parts = [part for part in PurePath(file).parts if part not in ("/", "..", ".")]
    return PurePath(*parts).with_suffix(".jsonl") if parts else PurePath("scenario.jsonl")


def _read(path: Path) -> Any:
    """Return a recorded run document; those that older versions wrote are one JSON value."""
    if not path.exists() and path.with_suffix(".json").exists():
        return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    with path.open(encoding="utf-8") as lines:
        return read_lines(lines)


def load_baseline(folder: str, files: Iterable[str]) -> dict[str, Any]:
    """Return the recorded run documents of scenarios, by the scenario's file.

    Raises:
        InputError: One of them is not there, is no run document, or has another format.
    """
    documents: dict[str, Any] = {}
    for file in files:
        path = str(Path(folder) / baseline_path(file))
        try:
            document = _read(Path(path))
        except FileNotFoundError:
            raise _unusable(path, f"{folder} has no record of {file}") from None
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
        documents[file] = document
    return documents


def _unusable(path: str, message: str, *, expected: str = "") -> InputError:
    return InputError(path, "", [Problem(message, expected=expected)])
