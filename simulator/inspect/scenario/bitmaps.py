"""Bitmaps in any state, made with QEMU's own primitives."""

from collections.abc import Iterator, Sequence

from simulator.inspect.image.runs import cut_out, keep_in, to_units
from simulator.inspect.scenario.checkpoints import alike
from simulator.inspect.scenario.plan import Layer, Mark, Plan
from simulator.inspect.scenario.script import (
    Script,
    discards,
    keep_states,
    make_image,
    quoted,
    range_of,
    writes,
)


def make_bitmaps(script: Script, plan: Plan) -> None:
    """Write each image with the bitmaps that its writes mark; then set the bits of the others."""
    for number, layer in enumerate(plan.layers):
        steps = [make_image(script, plan, number)]
        if script.alone:
            steps += _break([mark for mark in layer.marks if mark.broken], layer)
        steps = keep_states(script, plan, layer, steps)
        sound = [mark for mark in layer.marks if not mark.broken]
        along = [mark for mark in sound if mark.bits and _comes_along(plan, layer, mark)]
        others = [mark for mark in sound if mark not in along]
        others.sort(key=lambda mark: mark.recording)
        steps += [_add(layer, mark, plan) for mark in along]
        script.instant(steps)
        script.guest(list(writes(script, plan, layer.content)))
        steps = [_switch(layer, m, "disable") for m in along if others or not m.recording]
        for mark in others:
            steps.append(_add(layer, mark, plan))
            steps += _touches(script, plan, number, mark)
            if mark is not others[-1] or not mark.recording:
                steps.append(_switch(layer, mark, "disable"))
        if others:
            on = [mark for mark in sound if mark.recording and mark is not others[-1]]
            steps += [_switch(layer, mark, "enable") for mark in on]
        if steps:
            script.instant(steps)


def _comes_along(plan: Plan, layer: Layer, mark: Mark) -> bool:
    """Whether writing an image's content marks just the bits of a bitmap."""
    size = plan.cluster_size
    if mark.granularity >= size:
        ratio = mark.granularity // size
        return alike(to_units(layer.content, ratio, -(-plan.length // ratio)), mark.bits)
    ratio = size // mark.granularity
    return alike([(f * ratio, n * ratio, held) for f, n, held in layer.content], mark.bits)


def _break(marks: Sequence[Mark], layer: Layer) -> list[str]:
    """Return steps that leave bitmaps inconsistent: they are in the file when the process dies."""
    if not marks:
        return []
    added = [_qmp("add", layer, mark, ", persistent: true") for mark in marks]
    return [*added, "shutdown", "start", "crash", "start"]


def _add(layer: Layer, mark: Mark, plan: Plan) -> str:
    more = ", persistent: true"
    if mark.granularity != plan.granularity:
        more += f", granularity: {mark.granularity}"
    return _qmp("add", layer, mark, more)


def _switch(layer: Layer, mark: Mark, how: str) -> str:
    return _qmp(how, layer, mark)


def _qmp(what: str, layer: Layer, mark: Mark, more: str = "") -> str:
    arguments = f"{{node: {quoted(layer.name)}, name: {quoted(mark.name)}{more}}}"
    return f"qmp: {{execute: block-dirty-bitmap-{what}, arguments: {arguments}}}"


def _touches(script: Script, plan: Plan, number: int, mark: Mark) -> Iterator[str]:
    """Yield guest steps that set a bitmap's bits and leave the content as it is."""
    layer, size = plan.layers[number], plan.cluster_size
    if mark.granularity >= size:
        yield from writes(script, plan, keep_in(layer.content, mark.clusters))
        bare = cut_out(mark.clusters, layer.content)
        if number == 0:
            yield from discards(script, plan, bare)
        else:
            for first, count, _ in bare:
                for cluster in range(first, first + count):
                    yield range_of(script, plan, "discard", cluster * size, size // 2)
        return
    grain = mark.granularity
    bits = tuple((first * grain, count * grain, held) for first, count, held in mark.bits)
    content = [(first * size, count * size, held) for first, count, held in layer.content]
    for first, count, held in keep_in(content, bits):
        yield range_of(script, plan, "write", first, count, held)
    for first, count, _ in cut_out(bits, content):
        if number == 0:
            yield range_of(script, plan, "discard", first, count)
            continue
        for place, length in _pieces(first, count, size // 2):
            yield range_of(script, plan, "discard", place, length)


def _pieces(first: int, count: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a stretch that lie within units of a size."""
    end = first + count
    while first < end:
        stop = min(end, (first // size + 1) * size)
        yield first, stop - first
        first = stop
