"""What an exploration says of ``libvirt`` is what a real libvirt does."""

import random
from functools import cache

import pytest

from simulator import pipeline
from simulator.apis import MODELS
from simulator.exploring.acts import Act, Limits
from simulator.exploring.proving import VERBS_PROVED
from simulator.exploring.searching.search import Asked, Candidate, Search
from simulator.exploring.witness import Stepped, Told, tell, write_scenario
from simulator.model.machine import Power
from simulator.verify.on_libvirt import verify
from tests.hosts.real import need_libvirt
from tests.waiting import PATIENCE_SECONDS

VERBS = tuple(verb for verb in VERBS_PROVED if verb != "pull")
"""Nobody pulls into an image in the middle there."""

STEPS, CLUSTERS = 5, 3


@cache
def drawn(count: int) -> list[str]:
    """Return timelines of some of the states that are so many steps away, each with an increment
    since the newest checkpoint behind it."""
    model = MODELS["libvirt"]
    search = Search((model,), Asked(Limits(clusters=CLUSTERS), VERBS))
    for _ in range(STEPS):
        search.advance()
    parents, steps = search.store.steps
    drawn: list[str] = []
    for number in random.Random("held").sample(range(search.low, search.store.count), 20 * count):
        way = search.way(Candidate("", int(parents[number]), int(steps[number]), STEPS))
        machine = tell(model, 1, CLUSTERS, way).machines[-1]
        points = len(machine.checkpoints)
        if points and machine.power is Power.RUNNING and len(drawn) < count:
            way = [*way, Stepped(Act("backup", points - 1))]
            story = tell(model, 1, CLUSTERS, way)
            head = Told("explored, and played", model)
            drawn.append(write_scenario(head, (1, CLUSTERS), story.steps, {}))
    return drawn


@pytest.mark.parametrize("place", range(3))
def test_a_timeline_that_was_explored_agrees_with_libvirt(place: int) -> None:
    need_libvirt()
    text = drawn(3)[place]
    assert "backup: {since:" in text
    outcome = verify(pipeline.loads(text, "held.yaml").run().timeline, timeout=PATIENCE_SECONDS)
    assert outcome.finding is None, "\n".join([*outcome.finding.notes, *outcome.said])
    assert outcome.steps > STEPS
