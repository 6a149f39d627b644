"""Whatever cites the facts of QEMU or libvirt leads to a section, rule or case that is there."""

import re
from collections.abc import Iterator

import pytest

from tests.checkout import ROOT, project_files

FACTS = ROOT / "docs" / "facts"
PAGES = ("QEMU", "LIBVIRT")
CITED = re.compile(r"(QEMU|LIBVIRT)\.md[`),\]]*(?: |, )([^;:\"]*?)(?:\.(?!\d)|[;:\")]|$)")
"""A page, and what of it, up to the end of the clause."""

WORD = re.compile(r"(sections?|rules?|numbers?|cases?)|(R?\d+(?:\.\d+)?)|to|and|the|catalogue|of|,")
ITSELF = re.compile(r"(?<!\w)(section|case) (\d+(?:\.\d+)?)")


def places(page: str) -> set[str]:
    """Return the places of a page that can be cited: ``section 2.1``, ``R7``, ``case 36``."""
    text = (FACTS / f"{page}.md").read_text(encoding="utf-8")
    found = {f"section {n}" for n in re.findall(r"^#+ (\d+(?:\.\d+)?)\.? ", text, re.MULTILINE)}
    found |= set(re.findall(r"^\*\*(R\d+)\*\* ", text, re.MULTILINE))
    return found | {f"case {n}" for n in re.findall(r"^\| (\d+) \| ", text, re.MULTILINE)}


def citations(text: str) -> Iterator[tuple[str, str]]:
    """Yield the page and the place of each citation; the whole clause where it names none."""
    plain = re.sub(r"\n[ \t#]*", " ", text)
    for page, clause in CITED.findall(plain):
        kind, found = "", False
        for word in re.finditer(r"\S+?(?=,| |$)|,", clause.strip()):
            known = WORD.fullmatch(word[0])
            if known is None:
                break
            if known[1]:
                kind = "section" if known[1].startswith("section") else "case"
            elif known[2]:
                found = True
                yield page, known[2] if known[2].startswith("R") else f"{kind} {known[2]}"
        if not found and kind:
            yield page, clause


PLACES = {page: places(page) for page in PAGES}


def test_each_citation_leads_to_a_place_that_is_there() -> None:
    seen, astray = 0, []
    for path in project_files():
        if path.suffix not in {".py", ".md", ".yaml", ".ipynb"} or path.name == "test_facts.py":
            continue
        for page, place in citations((ROOT / path).read_text(encoding="utf-8")):
            seen += 1
            if place not in PLACES[page]:
                astray.append(f"{path}: {page}.md, {place}")
    assert astray == []
    assert seen >= 50


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_facts_leads_to_its_own_places(page: str) -> None:
    text = (FACTS / f"{page}.md").read_text(encoding="utf-8")
    elsewhere = {f"{kind} {number}" for kind, number in ITSELF.findall(text)}
    assert elsewhere
    assert {e for e in elsewhere if e not in PLACES["QEMU"] | PLACES["LIBVIRT"]} == set()


def test_the_pages_have_the_places_that_they_should() -> None:
    assert {"section 0", "section 8", "R1", "R15", "case 1", "case 67"} <= PLACES["LIBVIRT"]
    assert {"section 2", "section 2.3", "section 6.6", "section 12"} <= PLACES["QEMU"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Source: ``facts/QEMU.md``, sections 2.1 and 7.", ["section 2.1", "section 7"]),
        ("Source: QEMU.md section 4.5.\n", ["section 4.5"]),
        (
            "``facts/LIBVIRT.md``, rules R1 to R9 and the\n    catalogue of section 3; seen",
            ["R1", "R9", "section 3"],
        ),
        (
            "# facts/LIBVIRT.md section 3,\n# numbers 25 and 99.",
            ["section 3", "case 25", "case 99"],
        ),
        ("([LIBVIRT.md](LIBVIRT.md), section 8).", ["section 8"]),
        ("facts/QEMU.md section 2: one granule of 4 KiB", ["section 2"]),
        ("facts/QEMU.md, section two", ["section two"]),
    ],
)
def test_a_citation_is_seen(text: str, found: list[str]) -> None:
    assert [place for _, place in citations(text)] == found
