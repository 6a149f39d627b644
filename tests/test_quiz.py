"""Quizzes: the question hides the row, and each reason is what the timeline recorded."""

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from traitlets import TraitError

import simulator
from simulator.model.bitmap import DirtyBitmap
from simulator.pipeline import Run
from simulator.teaching.quiz import Quiz
from simulator.teaching.rows import Row, rows_of
from simulator.teaching.stills import Stills
from simulator.teaching.truth import Verdict, hold_against_qemu
from simulator.teaching.widget import Slider
from tests.checkout import MAIL, SCENARIOS, scenario_files

MAIL_RUN = simulator.load(MAIL).run()
FLAGGED = SCENARIOS / "flagged"

NASTY = "scenario: x\ndisk: 2\ntimeline: [{at: T1, do: [create: '<b>']}, {write: A-}, {at: T2}]"
"""An image with a name that a browser would take for a tag."""

B2_AT_T4 = """\
    guest writes |D----DD-|

T4
    backup: {to: full4.bak}
    backup: {since: B2, to: S2_3.bak}
    backup: {since: B3, to: S3.bak, checkpoint: B4}
    backup: {bitmaps: [B2], to: late.bak}
S1: |AAAA----| <- S2: |D--BBDD-|
B1: |XXXX----|    B2: |????????|
                  B3: |X----XX-|
                  B4: |--------|+
guest sees: |DAABBDD-|

Which clusters does B2 name at the end of T4?
8 cells: X for a set bit, - for none, ! for one that nobody knows.
Answer: quiz.answer('|--------|')"""

WRONG_B2 = """\
yours: |X--XXXX-|
right: |---XXX--|
        ^     ^

cluster 0: -, not X
    B2 has no bit there: the write of A between T1 and T2 came before B2
    began at T2, and the write of D between T3 and T4 came after B2
    stopped recording at T3.

cluster 6: -, not X
    B2 has no bit there: the write of D between T3 and T4 came after B2
    stopped recording at T3."""


def mail(at: str, row: str) -> Quiz:
    """Return a quiz about the mail's timeline."""
    return simulator.quiz(MAIL_RUN, at=at, row=row)


def flagged(name: str, at: str, row: str) -> Quiz:
    """Return a quiz about a timeline that is flagged."""
    return simulator.quiz(simulator.load(FLAGGED / f"{name}.yaml").run(), at=at, row=row)


def rows(run: Run) -> Iterator[tuple[str, Row]]:
    """Yield each row of each instant that a quiz can ask for."""
    for frame in run.timeline.frames:
        for row in rows_of(frame.machine, draws_zeroes=run.timeline.draws_zeroes):
            if frame.label is not None and row.length <= 128:
                yield frame.label, row


# What a learner is shown.


def test_a_quiz_shows_the_figure_with_the_row_left_out_and_asks_for_it() -> None:
    assert repr(mail("T4", "B2")) == B2_AT_T4


def test_a_wrong_answer_is_shown_below_its_right_one_with_a_reason_for_each_wrong_cell() -> None:
    answer = mail("T4", "B2").answer("|X--XXXX-|")
    assert not answer
    assert answer.wrong == (0, 6)
    assert repr(answer) == WRONG_B2


def test_a_right_answer_takes_one_line_with_bars_or_without() -> None:
    quiz = mail("T4", "B2")
    assert repr(quiz.answer("|---XXX--|")) == "right: B2 is |---XXX--| at T4"
    assert quiz.answer("---XXX--")
    assert quiz.answer(" |---XXX--|+ ").right


def test_cells_that_are_wrong_alike_are_told_as_one() -> None:
    assert "clusters 1-2: -, not A" in repr(mail("T4", "late.bak").answer("DAABBDD-"))


def test_a_backup_is_asked_for_below_the_figure_with_what_it_was_read_through() -> None:
    shown = repr(mail("T4", "late.bak"))
    assert "\n\nlate.bak: |????????|\n\n" in shown
    assert "late.bak is a backup read through B2, taken at T4. What does it hold?" in shown
    assert "full4.bak:" not in shown


def test_a_restored_disk_is_asked_for_below_the_backups_that_it_stacks() -> None:
    shown = repr(mail("T5", "mixture"))
    assert "S1.bak:   |AAAA----|\nlate.bak: |---BBD--|\nmixture:  |????????|" in shown
    assert "mixture stacks S1.bak <- late.bak." in shown


def test_a_stack_is_shown_in_its_order_and_a_job_ends_where_it_ends() -> None:
    shown = repr(flagged("BT303-sorted-by-name", "T4", "restored"))
    rows = [line.partition(":")[0] for line in shown.splitlines() if ": " in line]
    assert rows[rows.index("full.bak") :][:4] == ["full.bak", "inc.10", "inc.9", "restored"]
    ended = repr(flagged("BT203-failed", "T4", "inc2.bak"))
    assert "T4\n    inc1.bak failed\n    backup: {to: inc2.bak, since: c2}\n" in ended


def test_a_copy_s_reason_is_told_of_its_own_time() -> None:
    reason = mail("T4", "full3.bak").reason(6)
    assert "the guest had not written there by then" not in reason
    assert "Neither S1 nor S2 held anything there" in reason
    assert reason.endswith("The write of D between T3 and T4 came later.")


def test_the_guest_s_row_and_an_image_are_left_out_where_they_stand() -> None:
    assert "guest sees: |????????|" in repr(mail("T3", "guest sees"))
    assert "S1: |AAAA----| <- S2: |????????|" in repr(mail("T3", "S2"))


def test_names_are_shown_and_never_run() -> None:
    quiz = simulator.quiz(simulator.loads(NASTY).run(), at="T2", row="<b>")
    for shown in (quiz, quiz.answer("AA"), quiz.why(0)):
        html = shown._repr_html_()
        assert "<b>" not in html
        assert "&lt;b&gt;" in html


# Why: the mail.

REASONS = [
    ("T4", "B2", 0, "A between T1 and T2 came before B2 began at T2, and"),
    ("T4", "B2", 3, "B2 has the bit: the write of B between T2 and T3 set it while B2 was"),
    ("T4", "B2", 7, "B2 has no bit there: the guest never wrote there."),
    ("T4", "B1", 4, "the write of B between T2 and T3 went to S2, not to S1"),
    ("T4", "S2", 0, "S2 holds D there, written between T3 and T4."),
    ("T4", "S2", 1, "the write of A between T1 and T2 came before S2 was made at T2."),
    ("T4", "S1", 0, "The write of D between T3 and T4 went to S2, the active image by then."),
    ("T4", "guest sees", 0, "S2 holds D there, written between T3 and T4. It hides the A of S1."),
    ("T4", "guest sees", 1, "S2 holds nothing there, so S1 is read: A, written between T1 and T2."),
    ("T4", "guest sees", 7, "Neither S1 nor S2 holds anything there, so it reads as zeroes."),
    ("T4", "late.bak", 0, "B2 had no bit there, so the cluster was not read."),
    ("T4", "late.bak", 5, "The cluster was read at T4, when S2 held D, written between T3 and T4."),
    ("T4", "S2_3.bak", 5, "B2 and B3 had the bit"),
    ("T4", "S2_3.bak", 7, "Neither B2 nor B3 had a bit there"),
    ("T4", "full3.bak", 5, "full3.bak copied all that the guest saw at T3. S2 held B there,"),
    ("T2", "S1.bak", 0, "S1.bak is a copy of the file S1, made at T2. S1 held A there"),
    ("T5", "mixture", 5, "late.bak gives it: D, read at T4."),
    ("T5", "back-to-T3", 3, "B2.bak gives it: B, read at T3. It lies over the A of S1.bak."),
    ("T5", "in-three-steps", 1, "Neither S3.bak nor B2.bak holds anything there, so S1.bak gives"),
]


@pytest.mark.parametrize(("at", "row", "cluster", "told"), REASONS)
def test_a_reason_is_what_the_mail_s_timeline_recorded(
    at: str, row: str, cluster: int, told: str
) -> None:
    quiz = mail(at, row)
    assert told in quiz.reason(cluster)
    assert f"cluster {cluster} of {row}: {quiz.row.cells[cluster]}" in quiz.why(cluster)


# Why: other semantics, and what goes wrong.

ELSEWHERE = [
    ("BT201-through-qmp", "T3", "tmp", 5, "B1, merged in at T3, had none: the write of D between"),
    ("BT201-through-qmp", "T3", "tmp", 0, "it came from B1, merged in at T3, where the write of A"),
    (
        "BT203-failed",
        "T4",
        "inc1.bak",
        3,
        "The job of inc1.bak failed at T4, and had not copied the cluster by then.",
    ),
    ("BT207-rolling-full", "T3", "rolling", 1, "rolling was written over, and A stood there"),
    ("BT108-committed-away", "T4", "S1", 3, "B there, brought down from S2 by the commit at T4"),
    ("BT108-committed-away", "T4", "B1", 4, "the commit at T4 copied the cluster here while B1"),
    ("BT108-pull-after-resize", "T4", "S2", 1, "A there, brought up from S1 by the pull at T4"),
    ("BT105-busy-under-a-job", "T3", "B1", 5, "kept beside B1 until the job that uses it ends"),
    ("BT105-busy-under-a-job", "T4", "B1", 5, "set it while the job inc.bak ran, and it came to"),
    ("BT105-busy-under-a-job", "T4", "B1", 2, "the discard between T2 and T3 never came to the"),
    ("BT104-two-inconsistent", "T2", "B2", 0, "since the process died at T2 with it open"),
    ("BT106-sizes-differ", "T4", "guest sees", 3, "by the resize at T4, so that no old data"),
    ("BT303-older-on-top", "T5", "restored", 5, "inc1.bak gives it: B, read at T3. It lies over"),
    ("BT302-middle-missing", "T5", "restored", 3, "inc2.bak holds nothing there, so full.bak"),
]


@pytest.mark.parametrize(("name", "at", "row", "cluster", "told"), ELSEWHERE)
def test_a_reason_names_the_step_that_went_wrong(
    name: str, at: str, row: str, cluster: int, told: str
) -> None:
    assert told in flagged(name, at, row).reason(cluster)


def test_libvirt_s_bitmaps_of_one_name_are_told_apart_by_their_images() -> None:
    run = simulator.load(MAIL.with_name("2018-libvirt.yaml")).run()
    assert "to S2, not to S1, on which S1.B1" in simulator.quiz(run, at="T4", row="S1.B1").reason(4)
    assert "S2.B1 and S1.B1 had the bit" in simulator.quiz(run, at="T4", row="S1_3.bak").reason(0)
    with pytest.raises(ValueError, match=r"B1 names 2 rows at T4: write S1\.B1 or S2\.B1"):
        simulator.quiz(run, at="T4", row="B1")


def test_explicit_zeroes_count_in_an_image_and_an_increment_and_not_in_what_is_seen() -> None:
    run = simulator.load(SCENARIOS / "valid" / "trim-in-an-overlay.yaml").run()
    assert simulator.quiz(run, at="T3", row="S2").answer("--------").wrong == (1, 2, 4, 5)
    assert simulator.quiz(run, at="T3", row="S2.bak").answer("--------").wrong == (1, 2, 4, 5)
    assert simulator.quiz(run, at="T3", row="again").answer("A00A0000")
    quiz = simulator.quiz(run, at="T3", row="guest sees")
    assert quiz.answer("A00A0000")
    assert "explicit zeroes there, discarded between T2 and T3. They hide" in quiz.reason(1)


def test_a_job_s_unit_and_a_client_s_read_are_named() -> None:
    unit = simulator.load(SCENARIOS / "valid" / "copy-unit.yaml").run()
    reason = simulator.quiz(unit, at="T2", row="inc.bak").reason(0)
    assert "The job copied whole units of 64 KiB" in reason
    pull = simulator.load(SCENARIOS / "valid" / "pull-backup.yaml").run()
    assert "Its client read at T3" in simulator.quiz(pull, at="T4", row="inc.bak").reason(0)


def test_one_backup_of_two_disks_is_asked_for_disk_by_disk() -> None:
    run = simulator.load(SCENARIOS / "valid" / "two-disks.yaml").run()
    assert simulator.quiz(run, at="T3", row="inc.bak/vdb").answer("|-DD-|")
    assert simulator.quiz(run, at="T3", row="guest sees vdb").answer("|CDD-|")
    with pytest.raises(ValueError, match=r"inc\.bak names 2 rows at T3: write inc\.bak/vda or"):
        simulator.quiz(run, at="T3", row="inc.bak")


# What cannot be asked or answered.


def test_an_unknown_instant_or_row_is_told_with_the_nearest_name_and_all_there_are() -> None:
    with pytest.raises(ValueError, match=r"no instant T9; did you mean T\d\? There are T1, T2"):
        mail("T9", "B2")
    with pytest.raises(ValueError, match=r"no row late\.bka at T4; did you mean late\.bak"):
        mail("T4", "late.bka")
    with pytest.raises(ValueError, match=r"no row zzz at T1; there are S1, B1, guest sees$"):
        mail("T1", "zzz")
    with pytest.raises(ValueError, match="no row B3 at T2; it is there at T3, T4 and T5"):
        mail("T2", "B3")


def test_an_answer_of_another_length_or_of_other_characters_is_no_answer() -> None:
    quiz = mail("T4", "B2")
    for nothing in (None, 5):
        with pytest.raises(ValueError, match="is no answer: expected the cells of B2 as a text"):
            quiz.answer(nothing)  # type: ignore[arg-type]  # somebody may
    with pytest.raises(ValueError, match="the answer has 2 cells, B2 has 8"):
        quiz.answer("|XX|")
    with pytest.raises(ValueError, match="'A' in place 1 is no cell of B2: X for a set bit"):
        quiz.answer("XAAAAAAA")
    with pytest.raises(ValueError, match=r"'\?' in place 0 is no cell of S2: a letter for data"):
        mail("T4", "S2").answer("????????")
    assert quiz.answer("|---xxx--|").wrong == quiz.answer("|---XXX--|").wrong == ()
    with pytest.raises(ValueError, match="B2 has the clusters 0 to 7, and no 8"):
        quiz.why(8)


def test_a_large_disk_is_not_asked_for() -> None:
    run = simulator.load(SCENARIOS / "valid" / "small-writes.yaml").run()
    with pytest.raises(ValueError, match="S1 has 16,384 clusters; a quiz takes 128 at most"):
        simulator.quiz(run, at="1h", row="S1")


# Leafing through the instants.


def test_a_slider_shows_an_instant_with_what_was_found_there_and_follows_its_trait() -> None:
    slider = simulator.explore(MAIL_RUN)
    assert isinstance(slider, Slider)
    assert (slider.instant, slider.instants) == ("T1", ["T1", "T2", "T3", "T4", "T5"])
    seen: list[str] = []
    slider.observe(lambda change: seen.append(change["new"]), names="instant")
    slider.instant = "T4"
    assert seen == ["T4"]
    assert "B2: |---XXX--|" in repr(slider)
    assert "error[BT201] stale-bitmap" in repr(slider)
    assert [bool(text) for text in slider.findings] == [False, False, False, True, True]


def test_a_slider_takes_what_the_browser_writes_back_and_no_instant_that_there_is_not() -> None:
    slider = Slider(MAIL_RUN)
    slider.set_state({"instant": "T3"})
    assert slider.instant == "T3"
    with pytest.raises(TraitError, match="no instant T9; there are T1, T2, T3, T4, T5"):
        slider.instant = "T9"
    assert slider.instant == "T3"


def test_a_slider_sends_text_and_its_script_shows_it_as_text_and_loads_nothing() -> None:
    slider = Slider(simulator.loads(NASTY).run())
    assert "<b>: |A-|" in slider.figures[1]
    script = str(slider._esm)
    assert "textContent" in script
    for word in ("innerHTML", "insertAdjacentHTML", "fetch", "import ", "http", "eval"):
        assert word not in script


def test_a_reader_without_widgets_gets_all_instants() -> None:
    html = Slider(simulator.loads(NASTY).run())._repr_mimebundle_()[0]["text/html"]
    assert "&lt;b&gt;: |A-|" in html
    assert "<b>" not in html


def test_without_anywidget_all_instants_are_shown_one_below_the_other() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "anywidget", None)
        patch.delitem(sys.modules, "simulator.teaching.widget")
        plain = simulator.explore(MAIL_RUN)
    assert isinstance(plain, Stills)
    places = [repr(plain).index(f"\n{label}\n") for label in ("T2", "T3", "T4", "T5")]
    assert places == sorted(places)
    assert plain._repr_html_().count("<pre ") == 5
    assert "B2 stopped recording at T3" in plain._repr_html_()
    assert "<b>" not in Stills(simulator.loads(NASTY).run())._repr_html_()


# Whether it is true.


def test_where_qemu_is_missing_one_sentence_says_so_and_how_to_get_it() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "/nowhere")
        verdict = hold_against_qemu(MAIL_RUN)
    assert not verdict.played
    assert "\n" not in repr(verdict)
    assert "not held against QEMU: qemu-storage-daemon and qemu-img not found; install" in repr(
        verdict
    )


def test_qemu_is_asked_from_within_a_running_loop_as_in_a_notebook() -> None:
    async def cell() -> Verdict:
        return hold_against_qemu(MAIL_RUN)

    verdict = asyncio.run(cell())
    if not verdict.played:
        pytest.skip(repr(verdict))
    assert verdict.agrees
    assert "steps agree with QEMU" in verdict._repr_html_()


def test_a_copy_holds_what_was_written_before_it_came_to_the_cluster() -> None:
    run = simulator.load(SCENARIOS / "timed" / "torn-copy.yaml").run()
    quiz = simulator.quiz(run, at="9s", row="S1.bak")
    assert quiz.reason(6) == (
        "S1.bak is a copy of the file S1, begun at 1s. S1 held B there when it came to the cluster."
    )
    assert quiz.reason(0).endswith("The write of B at 4s came later.")


# Laws.


@pytest.mark.parametrize("at", MAIL_RUN.labels)
def test_the_true_row_is_right_and_any_one_changed_cell_is_found_where_it_is(at: str) -> None:
    for row in (row for label, row in rows(MAIL_RUN) if label == at):
        quiz = mail(at, row.name)
        assert quiz.answer(row.cells)
        cells = "X-" if isinstance(row.subject, DirtyBitmap) else "ABD-"
        changes = [(n, cell) for n in range(row.length) for cell in cells if cell != row.cells[n]]
        for place, cell in changes:
            answer = quiz.answer(row.cells[:place] + cell + row.cells[place + 1 :])
            lines = repr(answer).splitlines()
            assert answer.wrong == (place,)
            assert lines[2].index("^") == lines[1].index("|") + 1 + place
            assert f"cluster {place}: {row.cells[place]}, not {cell}" in lines


@pytest.mark.parametrize("path", scenario_files(), ids=lambda path: path.stem)
def test_each_cell_of_each_scenario_has_a_reason_that_names_what_it_holds(path: Path) -> None:
    run = simulator.load(path).run()
    for at, row in rows(run):
        quiz = simulator.quiz(run, at=at, row=row.names[-1])
        assert quiz.answer(row.cells)
        for cluster, cell in enumerate(row.cells):
            reason = quiz.reason(cluster)
            assert reason.endswith(".")
            if cell.isalpha() and not isinstance(row.subject, DirtyBitmap):
                assert re.search(rf"\b{cell}\b", reason), (at, row.name, cluster, reason)
            if cell == "0" and not row.alike:
                assert "zeroes" in reason, (at, row.name, cluster, reason)
