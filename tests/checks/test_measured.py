"""Expected measures: what is met, what is not and says what it was, and mistakes of the file."""

from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

import simulator
from simulator.diagnostics import Finding, InputError
from simulator.measures.asked import JOB, RESOURCE, RUN
from simulator.scenario.schema import scenario_schema

HEAD = """
scenario: measured
clock: 2026-03-02T00:00Z
disk: 8
resources: {net: 64 KiB/s, repo: {capacity: 1 MiB}, spare: {capacity: 1 MiB}}
timeline:
  - at: 0s
    do: [{create: S1}]
  - write: AABB----
  - at: 12s
    do: [{backup: {to: full, checkpoint: c0, rate: 128 KiB/s, through: [net, repo]}}]
  - at: 15s
    do: [{write: "---C----"}]
  - at: 30s
    do:
      - backup: {since: c0, to: inc, mode: pull, ends: +5s}
  - at: 31s
    do: [{write: "---D---D"}]
  - at: 36s
    do: [freeze]
  - at: 38s
    do: [thaw, {backup: {to: still, ends: never}}]
  - at: 40s
    do: [{restore: {from: [full, inc], as: back, rate: 32 KiB/s, latency: 2s}}]
  - at: 1m
    do:
"""

MET = """\
      - expect:
          full:
            starts: 12s
            ends: "2026-03-02T00:00:18"
            window: "<= 6s"
            data: 256 KiB
            zero: 262144
            copied: ">= 512 KiB"
            stored: "< 257 KiB"
            waited: 1s
            waited_writes: 1
            scratch: 0
            status: completed
          inc: {scratch: 128 KiB, ends: "> 34s", window: 5s}
          back: {window: 12s, data: 320 KiB}
          still: {status: running}
          net: {bytes: 256 KiB, busy: 6s, peak: "<= 64 KiB/s", stored: 0}
          repo: {stored: 256 KiB, stored_peak: "<= 1 MiB"}
          spare: {stored: 0, stored_peak: 0, peak: "<= 1/s"}
          loss: 30s
          mean_loss: "< 30s"
          recovery: 12s
          frozen: 2s
          stored: 320 KiB
          ends: 1m
"""


def findings(steps: str) -> list[Finding]:
    return unmet(HEAD + steps)


def unmet(text: str) -> list[Finding]:
    """Return what is found of the measures that a scenario expects."""
    found = simulator.loads(text).run().findings
    return [each for each in found if each.code == "EX003"]


def expected(measures: str) -> list[str]:
    """Return what is told of some measures."""
    return [each.message for each in findings(f"      - expect: {measures}\n")]


def test_what_is_met_is_not_told_and_every_measure_can_be() -> None:
    assert findings(MET) == []
    told = yaml.safe_load(MET)[0]["expect"]
    asked = {key for value in told.values() if isinstance(value, dict) for key in value}
    assert asked == {*JOB, *RESOURCE}
    assert {*RUN} == {key for key, value in told.items() if not isinstance(value, dict)}


@pytest.mark.parametrize(
    ("measures", "message"),
    [
        ("{full: {ends: 19s}}", "ends of full is 18s, not 19s"),
        ('{full: {window: "< 6s"}}', "window of full is 6s, not < 6s"),
        ('{full: {window: "> 6s"}}', "window of full is 6s, not > 6s"),
        ('{full: {copied: ">= 1 MiB"}}', "copied of full is 512 KiB, not >= 1 MiB"),
        ("{full: {waited_writes: 2}}", "waited_writes of full is 1, not 2"),
        ("{full: {status: failed}}", "status of full is completed, not failed"),
        ("{full/vda: {data: 0}}", "data of full/vda is 256 KiB, not 0 bytes"),
        ("{net: {peak: 1 KiB/s}}", "peak of net is 64 KiB/s, not 1 KiB/s"),
        ('{loss: "<= 29s"}', "loss is 30s, not <= 29s"),
        ("{still: {ends: 1h}}", "there is no ends of still: it runs on"),
        ("{S1: {ends: 1h}}", "no job S1 has been started by then"),
    ],
)
def test_what_is_not_met_says_what_it_was(measures: str, message: str) -> None:
    assert expected(measures) == [message]


def test_each_measure_has_its_place() -> None:
    (wrong,) = findings(MET.replace("scratch: 0", "scratch: 1"))
    source = (HEAD + MET).replace("scratch: 0", "scratch: 1").splitlines()
    assert wrong.span is not None
    line = source[wrong.span.line - 1]
    assert line[wrong.span.column - 1 : wrong.span.end_column - 1] == "scratch: 1"
    (stored,) = findings(MET.replace('"<= 1 MiB"}', "1 KiB}", 1))
    assert stored.message == "stored_peak of repo is 256 KiB, not 1 KiB"


def test_a_date_that_is_expected_does_not_turn_labels_into_dates() -> None:
    run = simulator.loads(HEAD + MET).run()
    assert "18s" in run.labels


def test_a_step_that_comes_first_asks_for_what_comes_of_its_jobs() -> None:
    # The measures are those of the whole run; a job that starts only later is not meant.
    early = HEAD.replace(
        "rate: 128 KiB/s, through: [net, repo]}}]",
        "rate: 128 KiB/s, through: [net, repo]}}, {expect: {full: {ends: 18s}, loss: 30s}}]",
    )
    assert unmet(early) == []
    late = early.replace("{expect: {full:", "{expect: {inc:")
    (found,) = unmet(late)
    assert found.message == "no job inc has been started by then"


def test_a_job_of_several_disks_is_asked_for_disk_by_disk() -> None:
    text = """
scenario: two disks
disks: {vda: 8, vdb: 8}
timeline:
  - at: 0s
    do: [{create: {image: S1, disk: vda}}, {create: {image: T1, disk: vdb}}]
  - write: {disk: vdb, cells: A-------}
  - at: 1s
    do: [{backup: {to: both}}, {expect: {both/vdb: {data: 64 KiB}, both: {data: 0}}}]
"""
    (found,) = unmet(text)
    assert found.message == "both is 2 jobs: write both/vda and both/vdb"


def test_turns_of_a_schedule_expect_of_their_own_jobs() -> None:
    text = """
scenario: turns
disk: 8
timeline:
  - at: 0s
    do: [{create: S1}, {write: AAAA----}]
  - every: 10s
    from: 10s
    until: 30s
    do: [{backup: {to: b<n>, rate: 64 KiB/s}}, {expect: {b<n>: {window: 8s}}}]
"""
    assert unmet(text) == []
    found = unmet(text.replace("window: 8s", "window: 7s"))
    assert [each.message for each in found] == [f"window of b{n} is 8s, not 7s" for n in (1, 2, 3)]


BAD: dict[str, tuple[str, str]] = {
    "{}": ("expect has no measure", ""),
    "{ful: {ends: 18s}}": ("unknown job or resource ful", "did you mean full?"),
    "{los: 3h}": ("unknown measure los", "did you mean loss?"),
    "{full: {end: 18s}}": ("unknown measure end of full", "did you mean ends?"),
    "{net: {copied: 5}}": ("unknown measure copied of net", "did you mean stored?"),
    "{full: 5}": ("full is 5", ""),
    "{full: {}}": ("full has no measure", ""),
    "{loss: {worst: 5h}}": ("loss is a mapping", ""),
    "{loss: 5}": ("loss is 5", ""),
    "{loss: -5s}": ("- is no comparison", ""),
    '{loss: "=< 5s"}': ("=< is no comparison", "did you mean <=?"),
    '{loss: "== 5s"}': ("== is no comparison", "write loss: 5s for just that"),
    "{loss: 0.5ns}": ("loss is 0.5ns", ""),
    "{full: {copied: 1.5 GiB}}": ("copied is 1.5 GiB", "did you mean 1536 MiB?"),
    "{full: {copied: 5s}}": ("copied is 5s", ""),
    "{full: {copied: }}": ("copied is empty", ""),
    "{full: {copied: 1.5}}": ("copied is 1.5", ""),
    "{full: {ends: soon}}": ("ends is soon", ""),
    "{full: {ends: 2026-02-30T00:00}}": ("there is no 2026-02-30", ""),
    "{full: {waited_writes: 1.5}}": ("waited_writes is 1.5", ""),
    "{full: {status: complete}}": ("status is complete", "did you mean completed?"),
    '{full: {status: "< completed"}}': ("< is no comparison of a status", ""),
    "{net: {peak: 5 MiB}}": ("peak is 5 MiB", ""),
    "{full/vdb: {data: 5}}": ("unknown job or resource full/vdb", "did you mean full?"),
}


@pytest.mark.parametrize("measures", BAD)
def test_a_mistake_is_told_with_its_place_and_what_is_near(measures: str) -> None:
    with pytest.raises(InputError) as caught:
        expected(measures)
    (problem,) = caught.value.problems
    message, help_ = BAD[measures]
    assert problem.message.startswith(message)
    assert problem.help == help_
    assert problem.span is not None
    assert problem.span.line == len((HEAD + "      - expect").splitlines())


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        expected('{ful: {ends: 18s}, loss: "~ 3h", net: {busy: x, peek: 5}}')
    assert [problem.message for problem in caught.value.problems] == [
        "unknown job or resource ful",
        "~ is no comparison",
        "busy is x",
        "unknown measure peek of net",
    ]


def test_measures_beside_a_verb_are_a_mistake() -> None:
    with pytest.raises(InputError) as caught:
        findings("      - backup: {to: more}\n        expect: {loss: 5s}\n")
    (problem,) = caught.value.problems
    assert problem.message == "measures stand beside a verb"


def test_where_instants_are_names_only_bytes_and_states_can_be_expected() -> None:
    text = """
scenario: names
disk: 8
timeline:
  - at: T1
    do: [{create: S1}, {write: AA------}, {backup: {to: full}}]
  - at: T2
    do: [{expect: {full: {data: 128 KiB, status: completed}, stored: 128 KiB}}]
"""
    assert unmet(text) == []
    with pytest.raises(InputError) as caught:
        simulator.loads(text.replace("data: 128 KiB", "ends: 2s"))
    (problem,) = caught.value.problems
    assert problem.message == "ends needs times, and T1 on line 5, column 9 is a name"


@pytest.mark.parametrize(
    ("measures", "fits"),
    [(MET.removeprefix("      - expect:"), True)]
    + [
        (each, False)
        for each in ("{}", "{full: 5}", "{full: {}}", "{full: {end: 5s}}", "{loss: []}")
    ],
)
def test_the_published_schema_knows_measures(measures: str, fits: bool) -> None:
    step: Any = yaml.safe_load(f"expect: {measures}")
    scenario = {"scenario": "s", "disk": 8, "timeline": [{"at": "0s", "do": [step]}]}
    assert Draft202012Validator(scenario_schema()).is_valid(scenario) is fits
