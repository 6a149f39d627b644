"""Several processes ask a model, and what comes of it is what one of them finds."""

import os
import signal
from typing import Any

import pytest

from simulator.apis import MODELS
from simulator.apis.libvirt import Libvirt
from simulator.exploring.acts import VERBS_DEFAULT, Limits
from simulator.exploring.columns import sharing
from simulator.exploring.looking import Looking, Wanted
from simulator.exploring.searching.search import Asked, Search

pytestmark = pytest.mark.skipif(not sharing.CAN_SHARE, reason="this system has no fork")

LIMITS = Limits(images=2, bitmaps=2, depth=4)


@pytest.mark.parametrize("models", ["libvirt", "qemu", "libvirt-6.0,libvirt"])
def test_workers_find_the_same(models: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "SHAPES_EACH", 2)
    chosen = tuple(MODELS[model] for model in models.split(","))
    alone = Search(chosen, Asked(LIMITS, VERBS_DEFAULT, alarms=True))
    shared = Search(chosen, Asked(LIMITS, VERBS_DEFAULT, alarms=True, workers=3))
    learned: list[int] = []
    learn = shared.space.learn

    def learning(number: int, found: Any) -> None:
        learned.append(number)
        learn(number, found)

    monkeypatch.setattr(shared.space, "learn", learning)
    for _ in range(4):
        assert alone.advance() == shared.advance()
    assert len(learned) > 10, "other processes were asked"
    assert alone.store.rows.tolist() == shared.store.rows.tolist()
    assert alone.space.moves == shared.space.moves
    assert alone.space.order == shared.space.order


class Ended(Libvirt):
    """Ends every process but the first, as a system does that has no more memory."""

    id = "ended"
    first = os.getpid()

    def plan(self, machine, request):  # type: ignore[no-untyped-def]
        if os.getpid() != self.first:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().plan(machine, request)


def test_a_process_that_is_ended_leaves_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "SHAPES_EACH", 2)
    asked = Asked(LIMITS, VERBS_DEFAULT, alarms=True, workers=2)
    outcome = Looking((Ended(),), asked, Wanted(every=True)).run()
    assert outcome.depth
    assert not outcome.complete
    assert any("no more memory" in note for note in outcome.notes)
