"""Scenarios for pictures: large and small, with the names that people really choose."""

from itertools import product

import simulator
from simulator.pipeline import Run

LONG = "a-very-long-name-of-an-image-" + "x" * 70
NAMES = {
    "short": "S{}",
    "long": LONG + "{}",
    "japanese": "日本語のイメージ{}",
    "script": "<script>alert(1)<!-- {}",
    "quotes": "a \"b\" 'c' & {}",
}


def machine(images: int, bitmaps: int, cells: int, names: str = "short") -> Run:
    """Return a run whose last instant has so many images, and bitmaps spread over them."""
    name = NAMES[names].format
    lines = [
        f"scenario: {images} images, {bitmaps} bitmaps",
        "model: qemu",
        f"disk: {cells}",
        "timeline:",
        "  - at: T0",
        f"    do: [{{create: {quoted(name(0))}}}]",
    ]
    for number in range(1, images):
        picture = "".join("-" if (n + number) % 3 else "ABCDEFGH"[number % 8] for n in range(cells))
        lines += [
            f"  - write: {picture}",
            f"  - at: T{number}",
            f"    do: [{{snapshot: {quoted(name(number))}}}]",
        ]
    adds = [
        "{qmp: {execute: block-dirty-bitmap-add, arguments: {"
        f"node: {quoted(name(images - 1))}, name: {quoted(f'B{NAMES[names].format(n)}')}}}}}}}"
        for n in range(bitmaps)
    ]
    lines += ["  - at: end", f"    do: [{', '.join(adds)}]", f"  - write: {'Z' * cells}"]
    lines += ["  - at: last", f"    do: [backup: {{to: {quoted('b' + name('full'))}}}]"]
    return simulator.loads("\n".join(lines)).run()


def quoted(text: str) -> str:
    """Return a text as YAML takes it, whatever is in it."""
    return "'" + text.replace("'", "''") + "'"


SIZES = [
    *product((1, 12), (1, 40), (8, 64), ("short",)),
    *((3, 4, 8, names) for names in NAMES if names != "short"),
    (12, 40, 64, "long"),
]
"""Images, bitmaps, cells and names."""

WEEK = """
scenario: A week on a large disk
model: libvirt
disk: {size: 64 GiB}
timeline:
  - at: 0s
    do:
      - create: S1
      - write: {offset: 0, length: 18 GiB, data: A}
      - backup: {to: full.bak, checkpoint: c0}
  - write: {offset: 6 GiB, length: 320 MiB, data: B}
  - at: 1d
    do:
      - backup: {since: c0, to: mon.bak, checkpoint: c1}
  - write: {offset: 7 GiB, length: 100 MiB, data: C}
  - at: 2d
    do:
      - snapshot: S2
      - backup: {since: c1, to: tue.bak, mode: pull, checkpoint: c2, ends: 2d6h}
  - write: {offset: 40 GiB, length: 3 GiB, data: D}
  - at: 2d6h
  - at: 2d7h
    do: [shutdown]
  - at: 3d
    do: [start]
  - at: 4d
    do: [crash, start]
  - at: 4d1h
    do:
      - backup: {since: c2, to: thu.bak}
        expect: refused
"""
"""Instants that are times, some of them close to one another."""
