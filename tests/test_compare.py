"""The same scenarios under two semantics: what differs, and what a change would break."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

import simulator
from simulator.compare.cells import as_read, draw, holds_more, overlay, runs_of
from simulator.compare.compat.found import find_differences
from simulator.compare.compat.ignoring import load_ignored, sift
from simulator.compare.compat.kinds import Difference
from simulator.compare.differences import compare_runs
from simulator.compare.restorable import restorable
from tests.checkout import MAIL, command

END_BOUNDARY = "scenarios/proposals/end_boundary.py"
AT_A_SNAPSHOT = "scenarios/proposals/end-at-a-snapshot.yaml"
WEEK = "scenarios/valid/weekly-chain.yaml"


def document(text: str, model: str) -> Any:
    return simulator.loads(text).run(model).document()


def kinds(text: str, old: str, new: str) -> list[str]:
    return [each.kind for each in find_differences(document(text, old), document(text, new))]


def test_runs_say_the_same_as_the_cells_they_are_made_of() -> None:
    below, above = runs_of("AAAA--00"), runs_of("---BBB--")
    assert below == ((0, 4, "A"), (6, 2, "0"))
    assert draw(overlay(below, above), 8) == "AAABBB00"
    assert overlay(runs_of("ABCD"), runs_of("-X--")) == runs_of("AXCD")
    assert overlay(runs_of("AAAA"), runs_of("-X-Y")) == runs_of("AXAY")
    assert overlay((), above) == above
    assert as_read(runs_of("A00A")) == runs_of("A--A")
    assert holds_more(runs_of("AAB-"), runs_of("-A--"))
    assert not holds_more(runs_of("ACB-"), runs_of("-A--"))


def test_a_reviewer_of_2018_sees_which_rows_differ_and_who_refuses_what() -> None:
    models = ("mail-2018", "libvirt-6.0", "libvirt")
    runs = [simulator.load(str(MAIL)).run(model).document() for model in models]
    compared = compare_runs(runs, [None] * 3)
    rows = {(i.at, row.label): row.cells for i in compared.instants for row in i.rows}
    assert rows["T4", "S2.B2"] == ("|---XXX--|", None, "|X--XXXX-|+")
    assert not any(label == "guest sees" for _, label in rows)
    assert compared.turned_down(0) == compared.turned_down(2) == 0
    words = {step.at: step.words for step in compared.refused}
    assert words["T2"] == (
        None,
        "Operation not supported: cannot perform block operations while checkpoint exists",
        None,
    )
    assert [f.code for f in compared.flagged if f.found == (True, False, False)] == [
        "BT201",
        "BT301",
    ]
    out = command("compare", "scenarios/mail/2018.yaml", "--models", ",".join(models)).out
    assert "    mail-2018:   |---XXX--|\n" in out
    assert "    libvirt:     |X--XXXX-|+\n                  ^     ^\n" in out
    assert out.isascii()
    assert all(len(line) <= 72 for line in out.splitlines())


def test_the_guest_sees_the_same_under_every_model_of_a_scenario_that_none_refuses() -> None:
    models = ("mail-2018", "nir-2018", "libvirt")
    compared = compare_runs(
        [simulator.load(WEEK).run(model).document() for model in models], [None] * 3
    )
    assert not [row for i in compared.instants for row in i.rows if row.label == "guest sees"]


def test_a_comparison_comes_as_data_and_as_markdown() -> None:
    words = ("compare", AT_A_SNAPSHOT, "--models", f"libvirt,{END_BOUNDARY}", "--format")
    data = json.loads(command(*words, "json").out)
    (only,) = data["comparisons"]
    assert only["models"] == ["libvirt", "end-boundary"]
    assert only["restorable"]["T2"] == [None, "full.bak <- monday.bak"]
    markdown = command(*words, "markdown").out
    assert "| T2 | - | full.bak <- monday.bak |" in markdown
    assert command(*words, "markdown").out == markdown


def test_what_can_be_restored_is_told_with_the_backups_that_give_it() -> None:
    ways = restorable(simulator.load(WEEK).run().document())
    assert ways
    assert max(way.backups for way in ways.values()) > 2
    run = simulator.load(str(MAIL)).run().document()
    assert restorable(run)["T3"] == ("full3.bak", 1)
    assert restorable(run)["T1"] == ("an empty disk", 0)


def test_a_failed_or_deleted_backup_gives_nothing_back() -> None:
    text = """
scenario: s
disk: 8
timeline:
  - {at: T1, do: [{create: S1}]}
  - write: AAAA----
  - {at: T2, do: [{backup: {to: a.bak, fails: T3}}, {backup: {to: b.bak}}]}
  - write: B-------
  - {at: T3, do: []}
  - {at: T4, do: [{delete: {backup: b.bak}}]}
"""
    text = text.replace("{backup: {to: a.bak, fails: T3}}, ", "")
    assert restorable(document(text, "libvirt")) == {"T1": ("an empty disk", 0)}
    assert restorable(document(text.replace("{delete: {backup: b.bak}}", ""), "libvirt")) == {
        "T1": ("an empty disk", 0),
        "T2": ("b.bak", 1),
    }


SNAPSHOT = """
scenario: s
disk: 8
timeline:
  - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c1}}]}
  - write: AAAA----
  - {at: T2, do: [{snapshot: S2}]}
  - write: ---BBB--
  - {at: T3, do: [{backup: {to: inc.bak, since: c1, checkpoint: c2}}]}
"""

LATE = """
scenario: s
disk: 8
timeline:
  - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
  - write: AAAA----
  - {at: T2, do: [{checkpoint: B2}]}
  - write: D----DD-
  - {at: T3, do: [{backup: {to: late.bak, bitmaps: [B1]}}]}
"""


def test_what_is_refused_now_is_an_error_and_what_is_accepted_now_an_ability() -> None:
    assert kinds(SNAPSHOT, "libvirt", "libvirt") == []
    assert "refused-now" in kinds(SNAPSHOT, "libvirt", "libvirt-6.0")
    assert "new-ability" in kinds(SNAPSHOT, "libvirt-6.0", "libvirt")


def test_a_backup_that_mixes_two_instants_under_the_new_semantics_is_an_error() -> None:
    found = find_differences(document(LATE, "libvirt"), document(LATE, "mail-2018"))
    assert {each.kind for each in found} >= {"wrong-now"}
    assert found[0].level == "ERR"
    back = kinds(LATE, "mail-2018", "libvirt")
    assert "finding-less" in back
    assert "wrong-now" not in back


def test_an_instant_that_is_lost_is_told_with_what_gave_it_back() -> None:
    old = document(SNAPSHOT, "libvirt")
    new = json.loads(json.dumps(old))
    new["backups"]["inc.bak"]["cells"] = "---BBB--"
    (cause,) = find_differences(old, new)
    assert (cause.kind, cause.message) == (
        "other-data",
        "inc.bak holds other data, and does not give back T3",
    )
    (lost,) = cause.consequences
    assert (lost.kind, lost.at) == ("lost-restore", "T3")
    assert "full.bak <- inc.bak" in lost.notes[0]
    new["backups"]["inc.bak"]["cells"] = "AAABBB-A"
    (more,) = find_differences(old, new)
    assert (more.kind, [each.kind for each in more.consequences]) == (
        "other-data",
        ["lost-restore"],
    )


def test_more_of_the_same_data_is_a_warning() -> None:
    old = document(SNAPSHOT, "libvirt")
    new = json.loads(json.dumps(old))
    new["backups"]["inc.bak"].update(cells="AAABBB0-", copied_bytes=7 * 65536)
    (found,) = find_differences(old, new)
    assert (found.kind, found.level) == ("more-copied", "WARN")
    (back,) = find_differences(new, old)
    assert (back.kind, back.level) == ("less-copied", "INFO")


def test_a_restore_that_needs_one_more_backup_is_a_warning() -> None:
    old = document(
        SNAPSHOT.replace("{to: inc.bak, since: c1, checkpoint: c2}", "full3.bak"), "libvirt"
    )
    new = document(SNAPSHOT, "libvirt")
    gone, *_ = find_differences(old, new)
    assert (gone.kind, gone.message) == (
        "lost-backup",
        "full3.bak was completed, and is not made now",
    )
    (found,) = [e for e in gone.consequences if e.kind.endswith("-restore")]
    assert (found.kind, found.level, found.at) == ("longer-restore", "WARN", "T3")
    assert found.message == "T3 is restored by 2 backups, by 1 before"
    assert found.notes == ("libvirt: full3.bak", "libvirt: full.bak <- inc.bak")
    (back,) = [e for e in find_differences(new, old) if e.kind.endswith("-restore")]
    assert (back.kind, back.level) == ("shorter-restore", "INFO")


def test_a_baseline_is_the_same_as_the_model_that_it_was_recorded_under(tmp_path: Path) -> None:
    folder = str(tmp_path / "base")
    assert command("record", "scenarios/mail", "-o", folder, "--model", "libvirt").status == 0
    same = command("compat", folder, "libvirt", "scenarios/mail")
    assert same.status == 0
    assert same.out.endswith("6 scenarios, 0 of them with differences: 0 ERR, 0 WARN, 0 INFO\n")
    worse = command("compat", folder, "libvirt-6.0", "scenarios/mail")
    assert worse.status == 1
    assert "ERR  refused-now: line 21, T2" in worse.out


def test_the_proposal_of_the_mail_reads_like_a_review() -> None:
    outcome = command("compat", "libvirt", END_BOUNDARY, "scenarios")
    assert outcome.status == 0
    assert "INFO new-restore: T2: T2 can be restored now" in outcome.out
    assert "0 ERR" in outcome.out
    one = "compat", "libvirt", END_BOUNDARY, AT_A_SNAPSHOT
    assert command(*one, "--fail-on", "INFO").status == 1
    data = json.loads(command(*one, "-f", "json").out)
    assert {each["level"] for each in data["differences"]} == {"INFO"}


def test_what_is_ignored_has_a_reason_and_a_last_day(tmp_path: Path) -> None:
    path = tmp_path / "ignore.toml"
    path.write_text(
        '[[ignore]]\nkind = "refused-now"\nreason = "agreed on the list"\nexpires = 2026-12-31\n'
    )
    entries = load_ignored(str(path))
    difference = Difference("refused-now", "a.yaml", 3, "T2", "m")
    other = Difference("other-data", "a.yaml", 0, "T2", "m")
    counted, left = sift([difference, other], entries, datetime.date(2026, 12, 31))
    assert counted == [other]
    assert left == [(difference, "agreed on the list (until 2026-12-31)")]
    assert sift([difference], entries, datetime.date(2027, 1, 1)) == ([difference], [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[ignore]\n", "no TOML"),
        ('[[ignore]]\nkind = "refused-now"\n', "the entry has no reason"),
        ('[[ignore]]\nreason = "r"\nexpires = "soon"\n', "expires is no day: 'soon'"),
        ('[[ignore]]\nkind = "refusednow"\nreason = "r"\nexpires = 2027-01-01\n', "unknown kind"),
        ('[[ignored]]\nreason = "r"\n', "unknown key ignored"),
        ('[[ignore]]\nreason = "r"\nexpires = 2027-01-01\nwho = "me"\n', "unknown key who"),
    ],
)
def test_a_mistake_in_what_is_ignored_is_told(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "ignore.toml"
    path.write_text(text)
    outcome = command("compat", "libvirt", "libvirt", WEEK, "--ignore", str(path))
    assert outcome.status == 2
    assert message in outcome.err
    assert str(path) in outcome.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("compare", WEEK, "--models", "libvirt"), "fewer than two models"),
        (("compare", WEEK, "--models", "libvirt,libvirt"), "two of the models are called libvirt"),
        (("compare", WEEK, "--models", "libvirt,mail"), "unknown model mail"),
        (("compare", "nothing.yaml", "--models", "libvirt,qemu"), "nothing.yaml"),
        (("compat", "libvirt", "./no.py", WEEK), "cannot read ./no.py"),
        (("compat", "tests", "libvirt", WEEK), f"tests has no record of {WEEK}"),
        (("compare", "docs", "--models", "libvirt,qemu"), "no scenario in docs"),
    ],
)
def test_what_cannot_be_compared_is_told_and_ends_with_status_2(
    words: tuple[str, ...], message: str
) -> None:
    outcome = command(*words)
    assert outcome.status == 2
    assert message in outcome.err
    assert outcome.out == ""


def test_a_baseline_of_another_format_is_told(tmp_path: Path) -> None:
    assert command("record", WEEK, "-o", str(tmp_path)).status == 0
    path = tmp_path / Path(WEEK).with_suffix(".jsonl")
    path.write_text(path.read_text().replace('"format":1', '"format":2'))
    outcome = command("compat", str(tmp_path), "libvirt", WEEK)
    assert outcome.status == 2
    assert "a run document of format 2" in outcome.err
    path.write_text("[]")
    assert "it has no format" in command("compat", str(tmp_path), "libvirt", WEEK).err


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('{"backups"', '{"nothing"', "the last line, with the backups, is missing"),
        ('{"at":"monday"', '{"on":"monday"', "line 4 is no instant"),
        ('"seed"', '"seed', "no run document"),
    ],
)
def test_a_baseline_that_is_cut_or_changed_is_told(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert command("record", WEEK, "-o", str(tmp_path)).status == 0
    path = tmp_path / Path(WEEK).with_suffix(".jsonl")
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    outcome = command("compat", str(tmp_path), "libvirt", WEEK)
    assert outcome.status == 2
    assert told in outcome.err


def test_a_baseline_of_an_older_version_is_read_as_before(tmp_path: Path) -> None:
    path = tmp_path / Path(WEEK).with_suffix(".json")
    path.parent.mkdir(parents=True)
    path.write_text(command("run", WEEK, "-f", "json", "--model", "libvirt").out)
    outcome = command("compat", str(tmp_path), "libvirt", WEEK)
    assert outcome.status == 0
    assert "0 of them with differences" in outcome.out


def test_a_scenario_that_one_model_cannot_play_is_told_and_the_rest_goes_on(
    tmp_path: Path,
) -> None:
    path = tmp_path / "grown.yaml"
    path.write_text(
        "scenario: s\nmodel: qemu\ndisk: 8\ntimeline:\n"
        "  - {at: T1, do: [create: S1, checkpoint: c1, shutdown: , start: ]}\n"
        "  - {at: T2, do: [crash: , start: , resize: 16]}\n"
        "  - write: AAAAAAAAAAAAAAAA\n"
    )
    outcome = command("compare", str(path), WEEK, "--models", "qemu,libvirt")
    assert outcome.status == 0
    assert "cannot be played under libvirt" in outcome.out
    assert WEEK in outcome.out
    review = command("compat", "qemu", "libvirt", str(path))
    assert review.status == 1
    assert "ERR  not-playable" in review.out


def test_no_instant_is_restored_from_a_copy_that_may_be_torn() -> None:
    text = (
        "scenario: x\ndisk: 4\ntimeline:\n"
        "  - {at: T1, do: [create: S1]}\n"
        "  - write: AA--\n"
        "  - {at: T2, do: [copy: {image: S1, to: torn.bak}]}\n"
    )
    run = simulator.loads(text).run()
    document = run.document()
    assert document["backups"]["torn.bak"]["torn"] is True
    assert tuple(restorable(document)) == run.restores().restorable == ("T1",)


def test_a_picture_shows_the_same_instants_under_each_model_side_by_side(tmp_path: Path) -> None:
    words = ("compare", "scenarios/mail/2018.yaml", "--models", "mail-2018,libvirt", "-o")
    text = command(*words, "-").out
    assert "under mail-2018 on QEMU 10.0" in text
    assert "under libvirt on libvirt 11.3, QEMU 10.0" in text
    late = next(line for line in text.splitlines() if "late.bak |" in line)
    assert "|---BBD--|" in late or "|D--BBDD-|" in late
    picture = tmp_path / "c.svg"
    outcome = command(*words, str(picture))
    assert (outcome.status, outcome.out) == (0, f"{picture} written\n")
    drawn = picture.read_text()
    assert "not the same under all" in drawn
    assert command(*words, str(picture), "--theme", "dark").status == 0
    assert picture.read_text() != drawn


def test_of_many_instants_only_those_are_drawn_that_are_not_the_same(tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    steps = "".join(f"  - {{at: T{n}, do: [{{write: A-------}}]}}\n" for n in range(2, 20))
    path.write_text(
        f"scenario: many\ndisk: 8\ntimeline:\n  - {{at: T1, do: [create: S1]}}\n{steps}"
        "  - {at: T20, do: [{backup: k}]}\n"
    )
    text = command("compare", str(path), "--models", "mail-2018,libvirt", "-o", "-").out
    assert "19 instants that are the same: not drawn" in text
    assert "T20" in text
    assert "T7" not in text


def test_pictures_that_cannot_be(tmp_path: Path) -> None:
    words = ("compare", "--models", "mail-2018,libvirt", "-o")
    two = command(*words, "-", "scenarios/mail")
    assert (two.status, two.err) == (2, "error: a picture is of one scenario\n")
    for name in ("c.html", "c.gif", "c.doc", "c"):
        outcome = command(*words, str(tmp_path / name), "scenarios/mail/2018.yaml")
        assert outcome.status == 2
        assert "Traceback" not in outcome.err
    assert not [*tmp_path.iterdir()]
