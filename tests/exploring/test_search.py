"""The search is held against an explorer that knows nothing of the simulator."""

import pytest

from simulator import apis
from simulator.exploring.acts import Limits
from simulator.exploring.judging import WRONG_BACKUP
from simulator.exploring.searching.direct import Direct
from simulator.exploring.searching.search import Asked, Search
from tests.exploring import brute

TOY = ("write", "snapshot", "checkpoint", "backup", "read")
"""What the explorer of the tests knows of the mail's API."""


@pytest.mark.parametrize(("clusters", "depth"), [(1, 6), (2, 5), (3, 4)])
def test_the_search_finds_what_an_explorer_of_its_own_finds(clusters: int, depth: int) -> None:
    limits = Limits(images=2, bitmaps=3, clusters=clusters)
    search = Search((apis.MODELS["mail-2018"],), Asked(limits, TOY))
    counts, wrong = [], dict[str, int]()
    for _ in range(depth):
        for candidate in search.advance():
            assert candidate.kind == WRONG_BACKUP
            wrong.setdefault(search.move(candidate).act.verb, candidate.depth)
        counts.append(search.store.count)
    assert (counts, wrong) == brute.explore(clusters, depth, images=2, bitmaps=3)
    assert ("read" in wrong) is (clusters > 1 and depth > 4), "a late read takes two clusters"
    assert "backup" in wrong, "so does an overlay without a bitmap"


@pytest.mark.parametrize("model", ["libvirt", "mail-2018", "qemu-single", "qemu"])
def test_whole_machines_come_to_as_many_states(model: str) -> None:
    verbs = (
        "write",
        "snapshot",
        "checkpoint",
        "backup",
        "read",
        "drop",
        "commit",
        "crash",
        "start",
    )
    more = ("bitmap",) if model == "qemu" else ()
    asked = Asked(Limits(images=2, bitmaps=2, backups=2, clusters=2), verbs + more)
    search, direct = Search((apis.MODELS[model],), asked), Direct(apis.MODELS[model], asked)
    for _ in range(4):
        ours, theirs = search.advance(), direct.advance()
        assert search.states == direct.states
        assert {c.kind for c in ours} == {c.kind for c in theirs}


def test_two_disks_come_to_as_many_states() -> None:
    verbs = ("write", "snapshot", "checkpoint", "backup", "drop", "crash", "start")
    asked = Asked(Limits(images=2, bitmaps=2, backups=1, clusters=1, disks=2), verbs)
    search, direct = Search((apis.MODELS["libvirt"],), asked), Direct(apis.MODELS["libvirt"], asked)
    for _ in range(3):
        ours, theirs = search.advance(), direct.advance()
        assert search.states == direct.states
        assert {c.kind for c in ours} == {c.kind for c in theirs}
