"""Every code that is printed can be explained."""

import re

import pytest

from simulator.formats.codes import find_code, known_codes
from tests.checkout import ROOT, command

PRINTED = sorted(
    {
        code
        for path in (ROOT / "simulator").rglob("*.py")
        for code in re.findall(r'"((?:BT|EX|IN|LT|VF)\d{3})"', path.read_text())
    }
)


def test_codes_of_every_family_are_printed() -> None:
    assert {code[:2] for code in PRINTED} == {"BT", "EX", "IN", "LT", "VF"}


@pytest.mark.parametrize("code", PRINTED)
def test_a_printed_code_is_explained_by_code_and_by_name(code: str) -> None:
    told = command("explain", code.lower())
    assert told.status == 0
    assert told.out.startswith(f"# {code} ")
    explained = find_code(code)
    assert explained is not None
    assert command("explain", explained.name).out == told.out
    assert explained.summary


def test_what_compat_tells_is_explained_too() -> None:
    assert command("explain", "other-data").out.startswith("# other-data (error)\n")


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("stale-bitmpa", "did you mean stale-bitmap?"),
        ("stale", "did you mean stale-namesake or stale-bitmap?"),
        ("figure-difers", "did you mean figure-differs?"),
        ("IN999", "expected one of IN101, IN102"),
        ("LT1O1", "did you mean LT101?"),
        ("zzz", "expected one of BT101"),
    ],
)
def test_a_misspelt_name_is_corrected(word: str, told: str) -> None:
    outcome = command("explain", word)
    assert (outcome.status, outcome.out) == (2, "")
    assert told in outcome.err


def test_no_two_codes_have_one_name() -> None:
    names = [each.name for each in known_codes().values()]
    assert len(names) == len(set(names))
