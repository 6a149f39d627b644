"""What a record was made of: digests of a scenario, of a model and of the program."""

import hashlib
import inspect
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from simulator.apis.base import ApiModel
from simulator.apis.proposals.guarded import Guarded
from simulator.compare.compat.baselines import Recorded
from simulator.diagnostics import lines_of
from simulator.timeline import Script


def recorded(script: Script, model: ApiModel) -> Recorded:
    """Return what a run is made of, as a record of it tells it."""
    return {
        "scenario": scenario_digest(script),
        "model": _model_digest(model),
        "program": _program_digest(),
        "version": _version(),
    }


def scenario_digest(script: Script) -> str:
    """Return the digest of a scenario's text; how its lines end does not count."""
    return _digest(f"{line}\n".encode() for line in lines_of(script.source))


def _model_digest(model: ApiModel) -> str:
    """Return the digest of a proposal's file, if it is one, and of the models of the program."""
    kind, text = type(model), ""
    if isinstance(model, Guarded):
        kind, text = type(model.inner), model.text
    own = (each for each in kind.__mro__ if each.__module__.partition(".")[0] == "simulator")
    files = dict.fromkeys(inspect.getfile(each) for each in own)
    return _digest([text.encode(), *(Path(file).read_bytes() for file in files)])


@cache
def _program_digest() -> str:
    """Return the digest of the program's own sources."""
    root = Path(__file__).parents[1]
    return _digest(path.read_bytes() for path in sorted(root.rglob("*.py")))


def _version() -> str:
    try:
        return version("backup-timeline")
    except PackageNotFoundError:
        return "unknown"


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return f"sha256:{digest.hexdigest()}"
