"""All timelines of some steps over a small alphabet, each on a real QEMU.

Each step is compared as it is played, so that those of a length hold all that are shorter.
"""

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor

from tests.differential import timelines
from tests.differential.drawing import LETTERS, Step, flow, qmp
from tests.differential.tally import Tally

HEAD = """scenario: one of all
model: qemu
disk: 2
timeline:
"""

BEGUN: tuple[Step, ...] = ({"create": "S1"}, {"write": "|A-|"})

CHUNK = 20
"""Timelines that a process plays before it tells what came of them."""


class Past:
    """What the steps so far have made.

    Attributes:
        images: How many images were made.
        step: How many steps there were.
    """

    def __init__(self) -> None:
        self.images = 1
        self.step = 0

    @property
    def active(self) -> str:
        """The name of the image that was made last, whether or not it is the active one still."""
        return f"S{self.images}"


def _snapshot(past: Past) -> Step:
    below, past.images = past.active, past.images + 1
    return {"qmp": qmp("blockdev-snapshot", node=below, overlay=past.active)}


def _on_bitmap(command: str) -> Callable[[Past], Step]:
    return lambda past: {"qmp": qmp(f"block-dirty-bitmap-{command}", node=past.active, name="b")}


def _backup(past: Past, **arguments: str) -> Step:
    target = f"k{past.step}"
    return {"qmp": qmp("blockdev-backup", device=past.active, target=target, **arguments)}


ALPHABET: Mapping[str, Callable[[Past], Step | tuple[Step, ...]]] = {
    "write": lambda past: {
        "write": {"offset": 0, "length": 65536, "data": LETTERS[past.step % len(LETTERS)]}
    },
    "snapshot": _snapshot,
    "add": lambda past: {
        "qmp": qmp("block-dirty-bitmap-add", node=past.active, name="b", persistent=True)
    },
    "disable": _on_bitmap("disable"),
    "full": lambda past: _backup(past, sync="full"),
    "incremental": lambda past: _backup(past, sync="incremental", bitmap="b"),
    "commit": lambda past: {"qmp": qmp("block-commit", device=past.active)},
    "stream": lambda past: {"qmp": qmp("block-stream", device=past.active)},
    "grow": lambda past: {"resize": {"clusters": 2 + past.step}},
    "restart": lambda past: ({"shutdown": {}}, {"start": {}}),
    "crash": lambda past: ({"crash": {}}, {"start": {}}),
}
"""What a step may be, by a word for it."""


def scenario(words: tuple[str, ...]) -> str:
    """Return the timeline of some words as a scenario file."""
    past, lines = Past(), [_instant(0, BEGUN)]
    for past.step, word in enumerate(words, start=1):
        made = ALPHABET[word](past)
        lines.append(_instant(past.step, made if isinstance(made, tuple) else (made,)))
    return HEAD + "".join(lines)


def _instant(number: int, steps: tuple[Step, ...]) -> str:
    done = "".join(f"      - {flow(step)}\n" for step in steps)
    return f"  - at: T{number}\n    do:\n{done}"


def all_words(length: int) -> Iterator[tuple[str, ...]]:
    """Yield all timelines of a length, each as its words."""
    return itertools.product(ALPHABET, repeat=length)


def play(chunk: list[tuple[str, ...]]) -> tuple[list[str], Tally]:
    """Play some timelines; return what does not agree, and what was drawn."""
    timelines.TALLY = Tally()
    told = []
    for words in chunk:
        text = scenario(words)
        finding = timelines.compare(text)
        if finding is not None:
            told.append("\n".join([" ".join(words), text, finding.message, *finding.notes]))
    assert timelines.TALLY.timelines == len(chunk), "each of them is a scenario"
    return told, timelines.TALLY


def play_all(length: int) -> Iterator[tuple[list[str], Tally]]:
    """Play all timelines of a length; yield what does not agree, and what was drawn."""
    words = list(all_words(length))
    chunks = [words[start : start + CHUNK] for start in range(0, len(words), CHUNK)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(play, chunks)
