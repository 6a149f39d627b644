"""Random timelines: the simulator and a real QEMU must agree on every cell, bit and refusal.

A disagreement is shrunk, and the scenario file that is left is written to ``disagreement.yaml``:
it belongs into ``scenarios/``. ``make verify N=1000`` plays more of them.
"""

import os
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

import simulator
from simulator.verify.verification import verify
from tests.differential.drawing import Drawer, Scenario
from tests.verify.real import need_qemu

STEPS_MAX = 25
"""Steps of one timeline."""

TIMEOUT_SECONDS = 30.0

MODELS = ("qemu", "qemu", "qemu", "mail-2018", "libvirt")

DISAGREEMENT = Path(os.environ.get("DISAGREEMENT", "disagreement.yaml"))
"""Where the smallest scenario goes on which the two do not agree."""


class Timelines(RuleBasedStateMachine):
    """A timeline that grows by a step at a time, and is held against QEMU at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.scenario: Scenario | None = None

    @initialize(
        model=st.sampled_from(MODELS),
        cells=st.integers(8, 32),
        cluster_size=st.sampled_from([65536, 65536, 65536, 4096, 131072]),
        disks=st.sampled_from([1, 1, 1, 2]),
        partial=st.sampled_from([False, False, False, True]),
    )
    def begin(self, model: str, cells: int, cluster_size: int, disks: int, partial: bool) -> None:
        self.scenario = Scenario(model=model, cells=cells, cluster_size=cluster_size, disks=disks)
        self.scenario.partial = partial

    def _drawer(self, data: st.DataObject) -> Drawer:
        assert self.scenario is not None, "it has begun"
        return Drawer(self.scenario, lambda choices: data.draw(st.sampled_from(list(choices))))

    @rule(data=st.data())
    def guest_step(self, data: st.DataObject) -> None:
        self._drawer(data).guest_step()

    @rule(data=st.data())
    def guest_step_again(self, data: st.DataObject) -> None:
        self._drawer(data).guest_step()

    @rule(data=st.data())
    def change_bitmaps(self, data: st.DataObject) -> None:
        self._drawer(data).change_bitmaps()

    @rule(data=st.data())
    def snapshot(self, data: st.DataObject) -> None:
        self._drawer(data).snapshot()

    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        self._drawer(data).commit()

    @rule(data=st.data())
    def pull(self, data: st.DataObject) -> None:
        self._drawer(data).pull()

    @rule(data=st.data())
    def resize(self, data: st.DataObject) -> None:
        self._drawer(data).resize()

    @rule(data=st.data())
    def go_back(self, data: st.DataObject) -> None:
        self._drawer(data).go_back()

    @rule(data=st.data())
    def backup(self, data: st.DataObject) -> None:
        self._drawer(data).backup()

    @rule(data=st.data())
    def backup_verb(self, data: st.DataObject) -> None:
        self._drawer(data).backup_verb()

    @precondition(lambda self: len(self.scenario.machine.disks) > 1)
    @rule(data=st.data())
    def grouped_backups(self, data: st.DataObject) -> None:
        self._drawer(data).grouped_backups()

    @precondition(lambda self: self.scenario.machine.jobs)
    @rule(data=st.data())
    def end_job(self, data: st.DataObject) -> None:
        self._drawer(data).end_job()

    @rule(data=st.data())
    def copy(self, data: st.DataObject) -> None:
        self._drawer(data).copy()

    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        self._drawer(data).restore()

    @rule(data=st.data())
    def restart(self, data: st.DataObject) -> None:
        self._drawer(data).restart()

    @precondition(lambda self: self.scenario.model != "qemu")
    @rule(data=st.data())
    def checkpoint(self, data: st.DataObject) -> None:
        self._drawer(data).checkpoint()

    def teardown(self) -> None:
        """Hold the timeline against QEMU."""
        if self.scenario is not None:
            agree(self.scenario.text)


def agree(text: str) -> None:
    """Check that the simulator and a real QEMU agree on a scenario."""
    outcome = verify(simulator.loads(text).run().timeline, timeout=TIMEOUT_SECONDS)
    if outcome.finding is not None:
        DISAGREEMENT.write_text(text, encoding="utf-8")
        told = [outcome.finding.message, *outcome.finding.notes]
        raise AssertionError("\n".join([f"{DISAGREEMENT} has the scenario", *told, text]))


def play(examples: int, *, derandomize: bool) -> None:
    """Draw so many timelines, and hold each against QEMU."""
    run_state_machine_as_test(  # type: ignore[no-untyped-call]  # Hypothesis has it untyped
        Timelines,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS_MAX,
            deadline=None,
            database=None,
            derandomize=derandomize,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_random_timelines_agree_with_qemu() -> None:
    need_qemu()
    play(25, derandomize=True)
