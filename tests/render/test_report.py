"""Findings as text and as data: the place, and the further places that led to it."""

from dataclasses import replace

from simulator.diagnostics import Finding, Related, Severity, Span
from simulator.render.document import run_document
from simulator.render.page import write_page
from simulator.render.report import WIDTH, write_finding
from tests.render.given import machine

SOURCE = """\
scenario: x
timeline:
  - {at: T1, do: [{snapshot: os-2}]}
  - write: -B--
"""
FINDING = Finding(
    code="BT101",
    rule="bitmap-missing",
    severity=Severity.ERROR,
    message="backup is refused",
    span=Span(4, 5, 4, 16),
    label="turned down",
    help="take a full",
    related=(
        Related(
            "overlay os-2 is made without bitmap t here",
            Span(3, 18, 3, 32),
            at="at T1",
            instant="T1",
        ),
    ),
)


def test_a_further_place_is_quoted_below_the_first_one_with_its_time() -> None:
    assert write_finding(FINDING, path="a.yaml", source=SOURCE) == "\n".join(
        [
            "error[BT101] bitmap-missing: backup is refused",
            " --> a.yaml:4:5",
            "  |",
            "4 |   - write: -B--",
            "  |     ^^^^^^^^^^^ turned down",
            "  |",
            " ::: a.yaml:3:18 at T1",
            "  |",
            "3 |   - {at: T1, do: [{snapshot: os-2}]}",
            "  |                  ^^^^^^^^^^^^^^",
            "  |                  overlay os-2 is made without bitmap t here",
            "  |",
            "  = help: take a full",
        ]
    )


def test_line_numbers_of_all_places_are_as_wide_as_the_longest() -> None:
    source = SOURCE + "#\n" * 6 + "  - write: BB--\n"
    late = replace(FINDING, span=Span(11, 5, 11, 16))
    text = write_finding(late, path="a.yaml", source=source).split("\n")
    assert "11 |   - write: BB--" in text
    assert " 3 |   - {at: T1, do: [{snapshot: os-2}]}" in text
    assert {line.index("|") for line in text if "|" in line} == {3}
    assert "   = help: take a full" in text
    assert max(map(len, text)) <= WIDTH


def test_a_further_place_without_a_file_is_a_note() -> None:
    made = replace(FINDING, span=None, related=(Related("it was removed", at="at T1"),))
    assert "   = note: at T1: it was removed" in write_finding(made, path="-", source="").split(
        "\n"
    )


def test_the_run_document_has_the_further_places_and_the_instant_alone() -> None:
    (told,) = run_document(machine(1, 1, 4).timeline, [FINDING])["findings"]
    assert told["related"] == [
        {
            "line": 3,
            "column": 18,
            "end_line": 3,
            "end_column": 32,
            "at": "T1",
            "message": "overlay os-2 is made without bitmap t here",
        }
    ]


def test_the_page_has_the_further_places_and_links_to_their_instants() -> None:
    page = write_page(machine(1, 1, 4).timeline, [FINDING])
    assert '<a href="#T1">at T1, line 3</a>: overlay os-2 is made without bitmap t here' in page
