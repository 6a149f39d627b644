"""Random timelines: the simulator and a real QEMU must agree on every cell, bit and refusal.

A disagreement is shrunk, and the scenario file that is left belongs into ``scenarios/``.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

import simulator
from simulator.diagnostics import Finding
from simulator.hosts.installed import installed_host
from simulator.verify.on_qemu import verify
from tests.differential.behind import OutsideDrawer
from tests.differential.drawing import Scenario
from tests.differential.tally import Tally

STEPS_MAX = 25
"""Steps of one timeline."""

TIMEOUT_SECONDS = 30.0

OUTSIDE = ("tool", "tool", "lose", "migrate", "snapshot_by_file")
"""What happens from outside, by the methods that draw it."""

MODELS = ("qemu", "qemu", "qemu", "mail-2018", "libvirt")

DISAGREEMENT = Path(os.environ.get("DISAGREEMENT", "disagreement.yaml"))
"""Where the smallest scenario goes on which the two do not agree."""

TALLY = Tally()
"""What this process has drawn so far, and what came of it."""

KIND_CHARACTERS = 40
"""So much of a message says what kind of disagreement it is; names of rows may follow."""


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
        images=st.sampled_from([1, 1, 4, 6]),
        raw=st.sampled_from([False, False, False, True]),
    )
    def begin(
        self,
        model: str,
        cells: int,
        cluster_size: int,
        disks: int,
        partial: bool,
        images: int,
        raw: bool,
    ) -> None:
        self.scenario = Scenario(
            model=model,
            cells=cells,
            cluster_size=cluster_size,
            disks=disks,
            raw=raw and model == "qemu",
            host=installed_host(),
        )
        self.scenario.grow_chain(images)
        self.scenario.partial = partial

    def _drawer(self, data: st.DataObject) -> OutsideDrawer:
        assert self.scenario is not None, "it has begun"
        return OutsideDrawer(
            self.scenario, lambda choices: data.draw(st.sampled_from(list(choices)))
        )

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
    def snapshot_together(self, data: st.DataObject) -> None:
        self._drawer(data).snapshot_together()

    @rule(data=st.data())
    def shorten(self, data: st.DataObject) -> None:
        self._drawer(data).shorten()

    @rule(data=st.data())
    def export(self, data: st.DataObject) -> None:
        self._drawer(data).export()

    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        self._drawer(data).commit()

    @rule(data=st.data())
    def pull(self, data: st.DataObject) -> None:
        self._drawer(data).pull()

    @rule(data=st.data())
    def pull_and_commit(self, data: st.DataObject) -> None:
        self._drawer(data).pull_and_commit()

    @rule(data=st.data())
    def blockcopy(self, data: st.DataObject) -> None:
        self._drawer(data).blockcopy()

    @rule(data=st.data())
    def mirror(self, data: st.DataObject) -> None:
        self._drawer(data).mirror()

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
    def end_job_again(self, data: st.DataObject) -> None:
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

    @rule(
        data=st.data(),
        kind=st.sampled_from(OUTSIDE),
    )
    def from_outside(self, data: st.DataObject, kind: str) -> None:
        getattr(self._drawer(data), kind)()

    @precondition(lambda self: len(self.scenario.machine.disks) > 1)
    @rule(data=st.data())
    def unplug(self, data: st.DataObject) -> None:
        self._drawer(data).unplug()

    def teardown(self) -> None:
        """Hold the timeline against QEMU."""
        if self.scenario is not None:
            assert self.scenario.machine.disks, "each step can be read"
            finding = compare(self.scenario.text)
            if finding is not None:
                raise DisagreementError(self.scenario.text, finding)


class DisagreementError(AssertionError):
    """The simulator and QEMU do not agree on a scenario."""

    def __init__(self, text: str, finding: Finding) -> None:
        super().__init__("\n".join([text, finding.message, *finding.notes]))
        self.text = text
        self.finding = finding


def compare(text: str) -> Finding | None:
    """Return the first difference between the simulator and a real QEMU; None where there is none.

    A text that is no scenario has none.
    """
    try:
        timeline = simulator.loads(text).run().timeline
    except simulator.InputError:
        return None
    outcome = verify(timeline, timeout=TIMEOUT_SECONDS)
    TALLY.add(timeline, outcome)
    return outcome.finding


Compare: TypeAlias = Callable[[str], Finding | None]
"""Holds a scenario's text against the real thing."""


def shrink(found: DisagreementError, compare: Compare = compare) -> DisagreementError:
    """Return the same disagreement of a scenario with as few entries as will do.

    Entries are left out one by one, from the end: each try is one timeline, where Hypothesis would
    have to draw and play hundreds. Where another one refers to an instant, its steps go alone.
    """
    head, timeline, rest = found.text.partition("timeline:\n")
    entries = re.split(r"(?m)^(?=  - )", rest)
    left_out = True
    while left_out:
        left_out = False
        for place in reversed(range(len(entries))):
            for kept in ([], _bare(entries[place])):
                fewer = [*entries[:place], *kept, *entries[place + 1 :]]
                text = head + timeline + "".join(fewer)
                finding = compare(text) if fewer != entries else None
                if finding is not None and _kind(finding) == _kind(found.finding):
                    entries, found, left_out = fewer, DisagreementError(text, finding), True
                    break
    return found


def _bare(entry: str) -> list[str]:
    """Return an instant without its steps; nothing for any other entry."""
    at = re.match(r"  - (?:\{at: (\w+)\}|at: (\w+))\n", entry)
    return [f"  - {{at: {at[1] or at[2]}}}\n"] if at is not None else []


def _kind(finding: Finding) -> tuple[str, str]:
    """Return what makes two disagreements the same, whatever the numbers in them."""
    return finding.code, re.sub(r"\d+", "", finding.message)[:KIND_CHARACTERS]


def play(
    examples: int,
    *,
    seed: int | None = None,
    machine: type[RuleBasedStateMachine] = Timelines,
    compare: Compare = compare,
) -> None:
    """Draw so many timelines, and hold each against the real thing.

    Args:
        seed: Of the draw; None for the same timelines each time.
        machine: Draws a timeline, and compares it at its end.
        compare: How.

    Raises:
        DisagreementError: They do not agree. The smallest scenario that shows it is written.
    """
    drawn = type("Seeded", (machine,), {})
    try:
        run_state_machine_as_test(
            drawn if seed is None else hypothesis.seed(seed)(drawn),
            settings=settings(
                max_examples=examples,
                stateful_step_count=STEPS_MAX,
                deadline=None,
                database=None,
                derandomize=seed is None,
                phases=(Phase.generate,),
                print_blob=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    except DisagreementError as found:
        smallest = shrink(found, compare)
        DISAGREEMENT.write_text(smallest.text, encoding="utf-8")
        raise smallest from None
