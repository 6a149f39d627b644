"""The main job: the timeline of the mail of 2018 prints the mail's own figures."""

import re

from simulator.notation import FigureError, PlacedStrip, read_rows
from tests.checkout import MAIL, command, name_of
from tests.mail_rows import DRAWN

FIGURES = """
T1
S1: |--------|
B1: |--------|+
guest sees: |--------|

T2
S1: |AAAA----| <- S2: |--------|
B1: |XXXX----|    B2: |--------|+
guest sees: |AAAA----|
S1.bak: |AAAA----|

T3
S1: |AAAA----| <- S2: |---BBB--|
B1: |XXXX----|    B2: |---XXX--|
                  B3: |--------|+
guest sees: |AAABBB--|
full3.bak: |AAABBB--|
B2.bak: |---BBB--|

T4
S1: |AAAA----| <- S2: |D--BBDD-|
B1: |XXXX----|    B2: |---XXX--|
                  B3: |X----XX-|
                  B4: |--------|+
guest sees: |DAABBDD-|
full4.bak: |DAABBDD-|
S2_3.bak: |D--BBDD-|
S3.bak: |D----DD-|
late.bak: |---BBD--|

T5
back-to-T3: |AAABBB--|
back-to-T4: |DAABBDD-|
in-three-steps: |DAABBDD-|
mixture: |AAABBD--|
"""


def test_the_mail_prints_its_figures_character_for_character() -> None:
    lines = command("run", name_of(MAIL)).out.splitlines()
    place = 0
    for wanted in filter(None, FIGURES.splitlines()):
        found = [n for n, line in enumerate(lines) if n >= place and _is(line, wanted)]
        assert found, f"{wanted!r} is not printed after line {place}"
        place = found[0]


def _is(line: str, wanted: str) -> bool:
    """Whether a printed line is the wanted one; a copy's row may be indented and remarked on."""
    if re.fullmatch(r"T\d", wanted):
        return line.split("  ")[0] == wanted
    return line == wanted or line.strip().split("  ")[0] == wanted


def test_the_misuse_of_b2_is_flagged_with_a_caret_below_the_mixed_cluster() -> None:
    outcome = command("check", name_of(MAIL))
    assert outcome.status == 0
    lines = outcome.out.splitlines()
    head = next(n for n, line in enumerate(lines) if line.startswith("error[BT201] stale-bitmap"))
    holds = next(line for line in lines[head:] if "late.bak holds" in line)
    caret = lines[lines.index(holds) + 1]
    assert holds[caret.index("^")] == "D"
    assert holds[holds.index("|") :] == "|---BBD--|"


def test_every_row_that_the_mail_draws_is_printed() -> None:
    printed = command("run", name_of(MAIL)).out
    rows = {(s.label, s.cells) for line in printed.splitlines() for s in _strips(line)}
    drawn = {
        (strip.label.partition(" (")[0], strip.cells)
        for line in DRAWN.splitlines()
        if re.match(r"^[\w. ()]+(?: \([^)]*\))?: \|[-A-Z]{8}\|", line)
        for strip in _strips(line)
    }
    # B1 and B2 read at T4 stand in frames of their own; S2 is the mail's name for the copy B2.bak.
    assert len(drawn) >= 15
    for row in sorted(drawn):
        assert row in rows, f"{row[0]}: |{row[1]}|"


def _strips(line: str) -> tuple[PlacedStrip, ...]:
    """Return the strips of a printed line, without the remark behind them."""
    try:
        return read_rows(line[: line.rfind("|") + 1])
    except FigureError:
        return ()
