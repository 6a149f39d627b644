"""Which API model a scenario is of, and which releases of QEMU and libvirt it runs on."""

from collections.abc import Mapping
from typing import Any

from simulator.apis import MODEL_DEFAULT, MODEL_IDS, host_at, host_of, split_id
from simulator.diagnostics import Span
from simulator.releases.hosts import Host, MismatchedHost, UnknownRelease
from simulator.scenario.problems import Problems
from simulator.scenario.words import alternatives, nearest, shorten
from simulator.scenario.yaml12 import Path, find_places, span_of


def read_model(head: Mapping[str, Any], problems: Problems) -> tuple[str, Host | None]:
    """Return the id of a scenario's model, and its host where it names one.

    Args:
        head: The top of the scenario, as far as it fits.
        problems: Takes what is wrong with either.
    """
    word: str = head.get("model", MODEL_DEFAULT)
    model, release = split_id(word)
    if model not in MODEL_IDS:
        if "/" in word or word.endswith(".py"):
            problems.add(
                ("model",),
                f"a scenario does not name a file of Python: {shorten(word)}",
                expected="the id of a model; give a proposal with --model FILE.py",
            )
        else:
            problems.add(
                ("model",),
                f"unknown model {shorten(word)}",
                expected=alternatives(MODEL_IDS),
                help=nearest(model, MODEL_IDS),
            )
        return model, None
    halves: dict[str, str] = head.get("host", {})
    host = None
    try:
        if halves:
            host = host_of(model, halves)
    except UnknownRelease as unknown:
        _tell(problems, ("host", unknown.half), unknown)
    except MismatchedHost as mismatched:
        problems.add(("host",), str(mismatched), expected=mismatched.expected)
    try:
        named = host_at(model, release) if release else None
    except UnknownRelease as unknown:
        _tell(problems, ("model",), unknown)
        return model, host
    if host is not None and named is not None and host != named:
        problems.add(
            ("host",), f"{word} runs on {named}, and not on {host}", expected="one of them"
        )
    return model, host or named


def _tell(problems: Problems, path: Path, unknown: UnknownRelease) -> None:
    problems.add(path, str(unknown), expected=alternatives(unknown.known))


def place_of_host(text: str) -> Span | None:
    """Return where a scenario's text names its host; None where it has no text."""
    if not text:
        return None
    found = find_places(text, [("host",), ("model",)])
    led = [each for each in found.values() if each.depth == 1]
    return span_of(led[0].value) if led else None
