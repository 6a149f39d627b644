"""A scenario's page while its file is edited."""

from collections.abc import Mapping
from pathlib import Path

from simulator.apis.base import ApiModel
from simulator.diagnostics import InputError
from simulator.pipeline.scenarios import load, loads


def file_version(path: str) -> str:
    """Return what changes when a file does; a file that is gone is as one that is empty."""
    return _version_of(_content_of(path))


def _content_of(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def _version_of(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()[:16]


def live_page(
    path: str, model: ApiModel | None = None, host: Mapping[str, str] | None = None
) -> str:
    """Return the page of a scenario's file as it is now, or what is wrong with it as a page."""
    from simulator.render.page import write_page, write_problem
    from simulator.render.report import write_input_error

    content = _content_of(path)
    version = _version_of(content)
    try:
        scenario = loads(content.decode(), path) if content else load(path)
        run = scenario.run(model, host=host)
    except InputError as error:
        return write_problem(path, write_input_error(error), version=version)
    except UnicodeDecodeError:
        return write_problem(path, f"error: {path} is no text in UTF-8", version=version)
    return write_page(run.timeline, run.findings, version=version)
