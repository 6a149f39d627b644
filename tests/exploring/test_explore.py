"""``explore`` as a user calls it: what it prints, writes, and how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from simulator import pipeline
from simulator.apis import MODELS
from simulator.cli.exploring.counting import Pace
from simulator.exploring.acts import VERBS_DEFAULT, Limits, verbs_for
from simulator.exploring.looking import Looking, Wanted
from simulator.exploring.searching.search import Asked, Told
from simulator.exploring.witness import begin
from tests.checkout import SCENARIOS, command

NO_MERGE = '''
from simulator.apis.mail2018 import Mail2018
from simulator.model.operations import ForgetCheckpoint, RemoveBitmap


class NoMerge(Mail2018):
    """Deletes a checkpoint, and merges its bitmap into none."""

    id = "no-merge"
    title = "deletion without merge"
    source = "a test"

    def delete(self, machine, name):
        nodes = [(node, name) for disk in machine.disks for node in disk.nodes_with(name)]
        return (*(RemoveBitmap(node=n, name=m) for n, m in nodes), ForgetCheckpoint(name=name))
'''

FORGETS = '''
from simulator.apis.libvirt import Libvirt


class Forgets(Libvirt):
    """Repeats all bitmaps in an overlay but the first."""

    id = "forgets-one"
    title = "a snapshot forgets one bitmap"
    source = "a test"

    def bitmaps_since(self, machine, disk, checkpoint):
        nodes = disk.nodes_with(checkpoint)
        return tuple((node, checkpoint) for node in nodes) or super().bitmaps_since(
            machine, disk, checkpoint)

    def repeat_bitmaps(self, machine, request):
        return super().repeat_bitmaps(machine, request)[1:]
'''

CLEARS = '''
from simulator.apis.libvirt import Libvirt
from simulator.model.operations import ClearBitmap


class Clears(Libvirt):
    """Clears the bitmap before it is read."""

    id = "clears-at-start"
    title = "a backup clears at its start"
    source = "a test"

    def backup(self, machine, request):
        print("asked")
        plan = super().backup(machine, request)
        if not isinstance(plan, tuple) or request.since is None:
            return plan
        return (ClearBitmap(node=machine.disks[0].active.name, name=request.since), *plan)
'''

RAISES = '''
from simulator.apis.libvirt import Libvirt


class Raises(Libvirt):
    """Raises at the fifth step."""

    id = "raises"
    title = "raises"
    source = "a test"

    def backup(self, machine, request):
        if len(machine.checkpoints) == 2 and len(machine.disks[0].chain) == 3 and request.since:
            return machine.nothing
        return super().backup(machine, request)
'''

DICE = '''
import random

from simulator.apis.libvirt import Libvirt


class Dice(Libvirt):
    """Repeats some bitmaps."""

    id = "dice"
    title = "throws dice"
    source = "a test"

    def repeat_bitmaps(self, machine, request):
        return super().repeat_bitmaps(machine, request)[random.randrange(2):]
'''


def explore(*arguments: str) -> Any:
    """Return the exploration document."""
    told = command("explore", *arguments, "--format", "json")
    return json.loads(told.out)


def test_the_late_read_of_the_mail_is_found_from_nothing_but_the_model(tmp_path: Path) -> None:
    written = tmp_path / "late.yaml"
    told = command("explore", "--model", "mail-2018", "--verbs", "write,checkpoint,read",
                "-o", str(written))  # fmt: skip
    assert told.status == 1
    assert "wrong-backup: BT201 stale-bitmap, 5 steps" in told.out
    assert "b1.bak holds:     |B-|" in told.out
    run = pipeline.load(str(written)).run()
    assert not run.failing
    assert [f.code for f in run.findings if f.expected] == ["BT201"]


def test_what_is_found_is_saved_and_is_accepted(tmp_path: Path) -> None:
    document = explore("--model", "mail-2018", "--all", "--depth", "5", "--judged", "60",
                       "--verbs", "write,checkpoint,snapshot,backup,read",
                       "-o", str(tmp_path))  # fmt: skip
    found = document["found"]
    assert {each["kind"] for each in found} == {"wrong-backup"}
    files = sorted(tmp_path.glob("*.yaml"))
    assert sorted(each["scenario"] for each in found) == sorted(f.read_text() for f in files)
    assert command("check", *map(str, files)).status == 0
    assert len(files) == len(found) > 1, "two by one rule have a file each"
    assert [each["steps"] for each in found] == sorted(each["steps"] for each in found)


@pytest.mark.parametrize(
    ("source", "verbs", "steps", "rule"),
    [
        (NO_MERGE, "write,checkpoint,backup,delete", 5, "BT214"),
        (FORGETS, "write,snapshot,checkpoint,backup", 4, "BT201"),
        (CLEARS, "write,checkpoint,backup", 3, "BT214"),
    ],
)
def test_a_planted_mistake_is_found_by_its_shortest_timeline(
    source: str, verbs: str, steps: int, rule: str, tmp_path: Path
) -> None:
    proposal = tmp_path / "proposal.py"
    proposal.write_text(source)
    document = explore("--model", str(proposal), "--verbs", verbs)
    (found,) = document["found"]
    assert (found["kind"] in ("wrong-backup", "lost-change"), found["steps"]) == (True, steps), (
        found
    )
    assert found["rule"] is None or found["rule"].startswith("BT")


def test_what_a_model_raises_is_told_with_the_timeline_that_leads_there(tmp_path: Path) -> None:
    proposal = tmp_path / "proposal.py"
    proposal.write_text(RAISES)
    verbs = ("--verbs", "write,snapshot,checkpoint,backup")
    written = tmp_path / "raises.yaml"
    told = command("explore", "--model", str(proposal), *verbs, "-o", str(written))
    assert told.status == 1
    assert "raises, " in told.out
    assert "proposal.py:14: asked for take backup: AttributeError" in told.out
    assert "snapshot: {image: S3" in written.read_text()


def test_a_model_that_throws_dice_is_told_so(tmp_path: Path) -> None:
    proposal = tmp_path / "proposal.py"
    proposal.write_text(DICE)
    told = command(
        "explore", "--model", str(proposal), "--verbs", "write,snapshot,checkpoint,backup"
    )
    assert "not deterministic" in told.out


def test_a_proof_says_what_it_is_about() -> None:
    document = explore("--model", "libvirt", "--prove", "--images", "2", "--bitmaps", "1")
    proved = document["proved"]
    assert (document["found"], document["complete"]) == ([], True)
    assert (proved["images"], proved["bitmaps"], proved["coupled"]) == (2, 1, {})
    assert proved["columns"] > 100
    told = command("explore", "--model", "libvirt", "--prove", "--images", "2", "--bitmaps", "1")
    assert "proved for disks of any size" in told.out
    assert told.status == 0


def test_a_commit_below_a_snapshot_breaks_the_return_to_it() -> None:
    verbs = "write,snapshot,commit,revert"
    document = explore("--model", "libvirt", "--prove", "--images", "2", "--verbs", verbs)
    (found,) = document["found"]
    assert (found["kind"], found["rule"], found["steps"]) == ("guest-changed", "BT306", 4)


def test_what_cannot_be_proved_is_shown() -> None:
    told = command("explore", "--model", "mail-2018", "--prove", "--images", "2", "--bitmaps", "1")
    assert told.status == 1
    assert "not proved: there is a counterexample" in told.out


def test_two_models_are_told_apart() -> None:
    document = explore("--models", "libvirt-6.0,libvirt", "--verbs", "write,snapshot,checkpoint")
    (found,) = document["found"]
    assert (found["kind"], found["steps"]) == ("differs", 2)
    assert "new-ability" in found["notes"][0]


def test_what_is_looked_for_is_found() -> None:
    told = command("explore", "--find", "len(disk.chain) == 3", "--verbs", "write,snapshot")
    assert told.status == 0
    assert "found, 2 steps" in told.out
    none = command("explore", "--find", "len(disk.chain) == 9", "--verbs", "write", "--depth", "2")
    assert none.status == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--clusters", "0"), "--clusters 0: expected 1 to 12"),
        (("--images", "0"), "--images 0: expected 1 to 20"),
        (("--depth", "-1"), "--depth -1: expected 1 or more"),
        (("--verbs", "wirte"), "did you mean write?"),
        (("--verbs", ","), "--verbs names none"),
        (("--models", "libvirt"), "expected two"),
        (("--models", "libvirt,libvirt"), "both of the models are called libvirt"),
        (("--models", "libvirt,qemu", "--prove"), "--prove is about one model"),
        (("--model", "libvrit"), "did you mean libvirt"),
        (("--find", "stale-bitmpa"), "did you mean stale-bitmap?"),
        (("--find", "any(b.kidn for b in backups)"), "column 7: unknown field kidn"),
        (("--find", "backups < 3", "--verbs", "write"), "cannot be worked out"),
    ],
)
def test_bad_input_is_told(arguments: tuple[str, ...], told: str) -> None:
    result = command("explore", *arguments)
    assert result.status == 2
    assert told in result.err


def test_an_exploration_goes_on_where_it_was(tmp_path: Path) -> None:
    state = tmp_path / "states.npz"
    words = ("--model", "mail-2018", "--verbs", "write,checkpoint,read", "--all", "--judged", "50")
    first = explore(*words, "--depth", "5", "--resume", str(state))
    assert [each["kind"] for each in first["found"]] == ["wrong-backup"]
    on = explore(*words, "--depth", "6", "--resume", str(state))
    anew = explore(*words, "--depth", "6")
    for key in ("states", "transitions", "depth", "found"):
        assert on[key] == anew[key], key
    stopped = explore(*words, "--max-states", "100", "--resume", str(tmp_path / "other.npz"))
    assert (stopped["complete"], stopped["notes"][0]) == (False, "stopped at 100 states")
    again = explore(*words, "--depth", "6", "--resume", str(tmp_path / "other.npz"))
    assert (again["states"], again["found"]) == (anew["states"], anew["found"])


def test_a_file_of_something_else_is_told(tmp_path: Path) -> None:
    state = tmp_path / "states.npz"
    explore("--verbs", "write", "--resume", str(state))
    other = command("explore", "--verbs", "write", "--clusters", "3", "--resume", str(state))
    assert (other.status, "is of another exploration: limits" in other.err) == (2, True)
    state.write_bytes(b"PK nothing")
    broken = command("explore", "--verbs", "write", "--resume", str(state))
    assert (broken.status, "is no file of an exploration" in broken.err) == (2, True)


def test_a_timeline_is_a_trace_that_model_checkers_read(tmp_path: Path) -> None:
    written = tmp_path / "late.itf.json"
    command("explore", "--model", "mail-2018", "--verbs", "write,checkpoint,read",
            "-o", str(written))  # fmt: skip
    trace = json.loads(written.read_text())
    assert all(state.keys() == {"#meta", *trace["vars"]} for state in trace["states"])
    assert [state["#meta"]["index"] for state in trace["states"]] == list(range(6))
    assert trace["states"][-1]["backups"] == {"#map": [["b1.bak", "B-"]]}
    assert trace["states"][-1]["guest"] == {"#map": [["vda", "BB"]]}


def test_ctrl_c_leaves_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    looking = Looking((MODELS["mail-2018"],), Asked(Limits(), VERBS_DEFAULT), Wanted(every=True))
    advance = looking.search.advance

    def stopped(*arguments: Any) -> Any:
        if looking.search.depth == 4:
            raise KeyboardInterrupt
        return advance(*arguments)

    monkeypatch.setattr(looking.search, "advance", stopped)
    outcome = looking.run()
    assert [each.kind for each in outcome.found] == ["wrong-backup"]
    assert "stopped by hand" in outcome.notes[0]


def test_a_model_without_checkpoints_is_asked_through_bitmaps() -> None:
    qemu = MODELS["qemu"]
    verbs = verbs_for(qemu, begin(qemu, 1, 2))
    assert "bitmap" in verbs
    assert "checkpoint" not in verbs
    limits = Limits(bitmaps=1, images=2, depth=5)
    found = Looking((qemu,), Asked(limits, verbs, alarms=True), Wanted(True, 3000)).run().found
    kinds = {(each.kind, each.rule, each.steps) for each in found}
    assert ("wrong-backup", "BT214", 5) in kinds, "disabled, written, enabled, read"
    assert {kind for kind, _, _ in kinds} <= {"wrong-backup", "guest-changed"}
    (hole,) = (each for each in found if each.rule == "BT214")
    assert "qmp: {execute: block-dirty-bitmap-disable" in hole.scenario
    run = pipeline.loads(hole.scenario, "hole.yaml").run()
    assert [f.code for f in run.findings if f.expected] == ["BT214"]


def test_what_is_told_meanwhile_says_how_many_states_there_may_be() -> None:
    pace = Pace(0.0)
    assert pace.tell(Told(1, 0, 1, 0), 0.5) == "step 1 from 1, 1 states, 2 states/s"
    assert pace.tell(Told(11, 1, 10, 0), 1.0) == (
        "step 2 from 10, 11 states, about 111 after it, 11 states/s"
    )
    assert "step 2 from 10, 80 states, about 111 after it" in pace.tell(Told(80, 1, 79, 0), 2.0)
    assert pace.tell(Told(120, 1, 119, 0), 2.0) == "step 2 from 10, 120 states, 60 states/s"


def test_progress_names_each_step_with_what_it_starts_from() -> None:
    told = list[Told]()
    Looking((MODELS["mail-2018"],), Asked(Limits(depth=4), VERBS_DEFAULT), Wanted()).run(
        told.append
    )
    firsts = {each.depth: each for each in reversed(told)}
    assert [firsts[depth].frontier for depth in range(3)] == [1, 7, 32]


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("mail-2018-late-read", "BT201"),
        ("nir-2018-hole", "BT214"),
        ("libvirt-6.0-late-read", "BT201"),
        ("qemu-disabled-and-enabled", "BT214"),
    ],
)
def test_what_is_kept_of_explorations_is_found_anew(name: str, rule: str) -> None:
    """Those of five steps; the others were found where `explore` had half an hour for a model."""
    kept = pipeline.load(str(SCENARIOS / "explored" / f"{name}.yaml")).run()
    assert [f.code for f in kept.findings if f.expected][-1] == rule
    model = MODELS[kept.timeline.model]
    asked = Asked(Limits(depth=5), verbs_for(model, begin(model, 1, 2)))
    found = Looking((model,), asked, Wanted(every=True)).run().found
    steps = len(kept.timeline.entries) - 1
    assert ("wrong-backup", rule, steps) in {(each.kind, each.rule, each.steps) for each in found}
