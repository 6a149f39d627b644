"""Acts that take away what could be restored are told where they stand."""

import pytest

import simulator
from simulator.diagnostics import Finding

CHAIN = """\
scenario: s
model: libvirt
disk: 8
timeline:
  - {at: T1, do: [{create: S1}, {write: ZZ------}, {backup: {to: full.bak, checkpoint: c0}}]}
  - write: --AA----
  - {at: T2, do: [{backup: {since: c0, to: inc1.bak, checkpoint: c1}}]}
  - write: ----BB--
  - {at: T3, do: [{backup: {since: c1, to: inc2.bak, checkpoint: c2}}]}
"""


def lost(act: str) -> list[Finding]:
    run = simulator.loads(f"{CHAIN}  - {{at: T4, do: [{act}]}}\n").run()
    return [finding for finding in run.findings if finding.code == "BT305"]


@pytest.mark.parametrize(
    ("act", "message", "help"),
    [
        (
            "{delete: {backup: full.bak}}",
            "T1, T2, T3 and T4 are lost with full.bak",
            "keep full.bak as long as inc1.bak and inc2.bak stand on it; ",
        ),
        (
            "{delete: {backup: inc1.bak}}",
            "T2, T3 and T4 are lost with inc1.bak",
            "keep inc1.bak as long as inc2.bak stands on it; ",
        ),
        ("{lose: inc2.bak}", "T3 and T4 are lost with inc2.bak", ""),
        (
            "{corrupt: {backup: inc2.bak, cells: ----X---}}",
            "T3 and T4 are lost with inc2.bak",
            "",
        ),
        (
            "{corrupt: {backup: full.bak, cells: X-------}}",
            "T1, T2, T3 and T4 are lost with full.bak",
            "",
        ),
    ],
)
def test_an_act_says_which_instants_it_takes_away(act: str, message: str, help: str) -> None:
    (finding,) = lost(act)
    assert (finding.at, finding.message) == ("T4", message)
    assert finding.help == f"{help}take a full backup now"


def test_what_goes_bad_says_so_and_names_what_stood_on_it() -> None:
    (finding,) = lost("{corrupt: {backup: inc1.bak, cells: --X-----}}")
    assert finding.label == "inc1.bak is damaged here, and nothing else gives them back"
    assert "without their base: inc2.bak" in finding.notes
    assert "still there: T1" in finding.notes


@pytest.mark.parametrize(
    "act",
    [
        "{corrupt: {backup: inc1.bak, cells: ------X-}}",
        "{backup: {to: again.bak}}, {delete: {backup: inc2.bak}}",
        "{backup: {to: again.bak}}, {corrupt: {backup: inc2.bak, cells: ----X---}}",
    ],
    ids=["where it holds nothing", "what another one gives", "what another one gives still"],
)
def test_what_takes_nothing_away_is_not_told(act: str) -> None:
    assert lost(act) == []
