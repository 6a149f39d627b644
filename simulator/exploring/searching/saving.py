"""A search as a file, to go on with later.

What is written are numbers: states, and in which order shapes were asked for. The shapes themselves
are made anew from the model, so a file runs nothing and can be read by whoever has the same model.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from simulator.exploring.searching.search import Search
from simulator.writing import open_output

FORMAT = 1


class WrongFile(ValueError):
    """A file that no search can go on from."""


def head_of(search: Search) -> dict[str, Any]:
    """Return what a search is about: another one cannot go on from its file."""
    from importlib.metadata import version

    asked = search.asked
    return {
        "format": FORMAT,
        "program": version("backup-timeline"),
        "models": [[model.id, str(model.host)] for model in search.models],
        "limits": [*asked.limits._replace(depth=None)],
        "verbs": [*asked.verbs],
        "others": asked.others,
    }


def save(search: Search, path: Path, found: Any) -> None:
    """Write a search to a file, between two of its steps.

    Args:
        found: What was found, as plain data.
    """
    count = search.settled
    parents, steps = (each[:count] for each in search.store.steps)
    head = {**head_of(search), "depth": search.depth, "low": search.low,
            "steps": search.steps, "found": found}  # fmt: skip
    with open_output(path) as stream:
        np.savez_compressed(
            stream,
            head=np.frombuffer(json.dumps(head).encode(), dtype=np.uint8),
            rows=search.store.rows[:count], parents=parents, taken=steps,
            order=np.array(search.space.order, dtype=np.int64),
        )  # fmt: skip


def resume(search: Search, path: Path) -> Any:
    """Bring a new search to where that of a file was, and return what had been found.

    Raises:
        WrongFile: It is no such file, or about something else.
    """
    try:
        with np.load(path, allow_pickle=False) as given:
            head = json.loads(given["head"].tobytes())
            rows, parents, taken, order = (
                given[name] for name in ("rows", "parents", "taken", "order")
            )
    except (ValueError, KeyError, zipfile.BadZipFile, EOFError, OSError):
        raise WrongFile(f"{path} is no file of an exploration, or cannot be read") from None
    if not isinstance(head, dict):
        raise WrongFile(f"{path} is no file of an exploration")
    for key, wanted in head_of(search).items():
        if head.get(key) != wanted:
            told = f"{key} {head.get(key)}, where {wanted} is asked for"
            raise WrongFile(f"{path} is of another exploration: {told}")
    for number in order.tolist():
        search.space.moves_of(number)
    if len(rows) and int(rows[:, 0].max()) >= search.shapes:
        raise WrongFile(f"{path} does not fit: the model has changed since")
    search.go_on(rows, parents, taken, (head["depth"], head["low"], head["steps"]))
    return head["found"]
