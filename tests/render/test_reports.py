"""Reports: each number worked out by hand beside the scenario, and the forms that they come in."""

import csv
import io
import json

import pytest
from jsonschema import Draft202012Validator

import simulator
from simulator.render.reports.document import report_document, report_schema
from tests.checkout import MAIL, ROOT, command, name_of

KIB = 1024

NIGHT = """
scenario: Two nights, by hand
model: libvirt
disk: 8
resources: {net: 64 KiB/s, repo: {capacity: 1 MiB}}
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
      - backup:
          {since: c0, to: inc, checkpoint: c1, mode: pull, through: [net, repo], ends: +5s}
  - at: 31s
    do: [{write: "---D---D"}]
  - at: 40s
    do: [{restore: {from: [full, inc], as: back, of: 30s, rate: 32 KiB/s, latency: 2s}}]
  - at: 42s
    do: [freeze]
  - at: 47s
    do: [thaw]
"""


def document(text: str) -> dict[str, object]:
    run = simulator.loads(text).run()
    return json.loads(run.report("json"))  # type: ignore[no-any-return]  # A document of ours.


def test_two_nights_worked_out_by_hand() -> None:
    told = document(NIGHT)
    # The full backup has 4 clusters of data, for which the net takes 4 s, and 4 of zeroes, for
    # which its rate takes 2 s. At 15 s it is done with 3: the write to the fourth waits for a
    # second. The increment is 1 cluster, moved in 1 s, and held until 35 s; of the two
    # writes meanwhile both find their old content unsaved, so the scratch holds 2 clusters.
    full = {
        "name": "full",
        "machine": None,
        "disk": "vda",
        "kind": "full",
        "start": 12.0,
        "end": 18.0,
        "status": "completed",
        "data_bytes": 256 * KIB,
        "zero_bytes": 256 * KIB,
        "copied_bytes": 512 * KIB,
        "waited_writes": 1,
        "waited_seconds": 1.0,
        "scratch_peak": 0,
        "window": 6.0,
        "at": "12s",
        "until": "18s",
        "stored_bytes": 256 * KIB,
        "through": ["net", "repo"],
        "why": None,
    }
    inc = full | {
        "name": "inc",
        "kind": "incremental",
        "start": 30.0,
        "end": 35.0,
        "data_bytes": 64 * KIB,
        "zero_bytes": 0,
        "copied_bytes": 64 * KIB,
        "waited_writes": 0,
        "waited_seconds": 0.0,
        "scratch_peak": 128 * KIB,
        "window": 5.0,
        "at": "30s",
        "until": "35s",
        "stored_bytes": 64 * KIB,
    }
    # 5 clusters at half a cluster a second, after 2 s.
    back = inc | {
        "name": "back",
        "kind": "restore",
        "start": 40.0,
        "end": 52.0,
        "data_bytes": 320 * KIB,
        "copied_bytes": 320 * KIB,
        "scratch_peak": 0,
        "window": 12.0,
        "at": "40s",
        "until": "52s",
        "stored_bytes": 0,
        "through": [],
    }
    assert told["jobs"] == [full, inc, back]
    assert told["ends"] == 52.0
    # The full job has its share for all of the 6 s, zeroes or not.
    assert told["resources"] == {
        "net": {
            "bytes": 320 * KIB,
            "busy_seconds": 7.0,
            "peak": 65536.0,
            "stored": 0,
            "bandwidth": 65536.0,
            "capacity": None,
            "stored_peak": 0,
            "use": [[12.0, 65536.0], [18.0, 0.0], [30.0, 65536.0], [31.0, 0.0]],
            "fill": [],
        },
        "repo": {
            "bytes": 320 * KIB,
            "busy_seconds": 7.0,
            "peak": 65536.0,
            "stored": 320 * KIB,
            "bandwidth": None,
            "capacity": 1024 * KIB,
            "stored_peak": 320 * KIB,
            "use": [[12.0, 65536.0], [18.0, 0.0], [30.0, 65536.0], [31.0, 0.0]],
            "fill": [
                [12.0, 0.0],
                [18.0, 256.0 * KIB],
                [30.0, 256.0 * KIB],
                [31.0, 320.0 * KIB],
            ],
        },
    }
    # From 18 s on 12s can be restored: at 35 s 23 s would be lost. Then it is 30s: 5 s, and 22 s
    # at the end. The mean is (6 + 23) / 2 for 17 s and (5 + 22) / 2 for 17 s.
    assert told["loss"] == {
        "worst": 23.0,
        "worst_at": 35.0,
        "mean": 14.0,
        "curve": [
            {"from": 18.0, "at": "12s", "instant": 12.0, "bytes": 256 * KIB},
            {"from": 35.0, "at": "30s", "instant": 30.0, "bytes": 320 * KIB},
        ],
    }
    assert told["recovery"] == {
        "bytes": 320 * KIB,
        "seconds": 12.0,
        "worst_bytes": 320 * KIB,
        "worst_seconds": 12.0,
        "worst_at": 35.0,
        "rate": 32768.0,
        "latency": 2.0,
    }
    assert told["stalls"] == {
        "frozen_seconds": 5.0,
        "longest_freeze": 5.0,
        "freezes": [{"start": 42.0, "end": 47.0, "seconds": 5.0}],
        "waited_writes": 1,
        "waited_seconds": 1.0,
    }
    bitmaps = told["bitmaps"]
    assert isinstance(bitmaps, list)
    assert [(each["name"], each["bytes"]) for each in bitmaps] == [("c0", 1), ("c1", 1)]
    instants = told["instants"]
    assert isinstance(instants, list)
    assert instants[-1] == {
        "at": "52s",
        "seconds": 52.0,
        "backups": 2,
        "stored_bytes": 320 * KIB,
        "bitmaps": 2,
        "bitmap_bytes": 2,
    }
    stored = [each["stored_bytes"] // KIB for each in instants]
    assert stored == [0, 0, 0, 256, 256, 256, 320, 320, 320, 320, 320]


def test_the_worst_is_just_before_a_backup_is_complete() -> None:
    # 449 MiB at 4 MiB/s take 112.25 s, and the guest writes while they are moved. So up to the end
    # of the second one, what was so at the start of the first is the newest to be had.
    def write(letter: str) -> str:
        return f"{{write: {{offset: 0, length: 449 MiB, data: {letter}}}}}"

    told = document(f"""
scenario: nights
disk: {{size: 1 GiB}}
timeline:
  - at: 0s
    do: [{{create: S1}}]
  - at: 1m
    do: [{{backup: {{to: full.bak, checkpoint: c0}}}}]
  - at: 24h
    do: [{write("A")}, {{backup: {{since: c0, to: inc1.bak, checkpoint: c1, rate: 4 MiB/s}}}}]
  - at: 24h1m
    do: [{write("B")}]
  - at: 48h
    do: [{write("C")}, {{backup: {{since: c1, to: inc2.bak, checkpoint: c2, rate: 4 MiB/s}}}}]
  - at: 48h1m
    do: [{write("D")}]
""")
    jobs = told["jobs"]
    assert isinstance(jobs, list)
    assert [(j["start"], j["end"]) for j in jobs[1:]] == [(86400, 86512.25), (172800, 172912.25)]
    assert jobs[1]["copied_bytes"] == jobs[1]["data_bytes"] == 449 << 20
    loss = told["loss"]
    assert isinstance(loss, dict)
    assert (loss["worst"], loss["worst_at"]) == (86512.25, 172912.25)


def test_what_takes_no_time_is_a_job_as_well() -> None:
    told = document("""
scenario: at once
model: libvirt
disk: 8
timeline:
  - at: 0s
    do: [{create: S1}, {write: AAAA----}, {backup: {to: full, checkpoint: c0}}]
  - at: 1s
    do: [{snapshot: S2}, {write: -BB-----}]
  - at: 2s
    do:
      - backup: {since: c0, to: inc}
      - copy: {image: S1, to: S1.bak}
      - restore: {from: [full, inc], as: back}
      - commit: {top: S2, base: S1}
  - at: 3s
    do: [{snapshot: S3}, {pull: {into: S3}}, {blockcopy: {to: C1}}]
  - at: 4s
    do:
      - snapshot: S4
      - write: "-------D"
      - delete: {snapshot: S4}
      - backup: {since: gone, to: none}
        allow: {rule: refused, because: nobody made it}
      - checkpoint: gone
""")
    jobs = told["jobs"]
    assert isinstance(jobs, list)
    rows = [
        (job["name"], job["kind"], job["start"], job["data_bytes"] // (64 * KIB)) for job in jobs
    ]
    assert rows == [
        ("full", "full", 0.0, 4),
        ("inc", "incremental", 2.0, 2),
        ("S1.bak", "copy", 2.0, 4),
        ("back", "restore", 2.0, 6),
        ("commit-S2", "commit", 2.0, 2),
        ("pull-S3", "pull", 3.0, 4),
        ("C1", "blockcopy", 3.0, 4),
        ("commit-S4", "commit", 4.0, 1),
    ]
    assert all(job["end"] == job["start"] and job["window"] == 0.0 for job in jobs)
    assert all(job["status"] == "completed" for job in jobs)


def test_jobs_that_last_without_a_rate_and_those_that_never_end() -> None:
    told = document("""
scenario: lasting
model: libvirt
disk: 8
timeline:
  - at: 0s
    do: [{create: S1}, {write: AAAA----}, {snapshot: S2}]
  - at: 1s
    do: [{backup: {to: pulled, mode: pull, ends: +4s}}]
  - at: 2s
    do: [{write: "BB------"}]
  - at: 6s
    do: [{backup: {to: stopped, cancel: +1s}}]
  - at: 8s
    do: [{pull: {into: S2, fails: +1s}}]
  - at: 10s
    do: [{backup: {to: still, mode: pull, ends: never}}, {write: C-------}]
""")
    jobs = told["jobs"]
    assert isinstance(jobs, list)
    rows = [
        (j["name"], j["end"], j["status"], j["data_bytes"] // KIB, j["scratch_peak"] // KIB)
        for j in jobs
    ]
    assert rows == [
        ("pulled", 5.0, "completed", 256, 128),
        ("stopped", 7.0, "cancelled", 256, 0),  # It had copied all, and waited.
        ("pull-S2", 9.0, "failed", 128, 0),
        ("still", None, "running", 0, 64),
    ]


def test_where_instants_are_names_bytes_are_told_and_no_times() -> None:
    told = json.loads(command("report", name_of(MAIL), "-f", "json").out)
    assert told["ends"] is None
    assert told["loss"] == {"worst": None, "worst_at": None, "mean": None, "curve": []}
    late = next(job for job in told["jobs"] if job["name"] == "late.bak")
    assert (late["at"], late["start"], late["end"], late["window"]) == ("T4", None, None, None)
    assert late["data_bytes"] == 192 * KIB
    assert "no times" in command("report", name_of(MAIL)).out


FILES = sorted(
    str(path.relative_to(ROOT))
    for folder in ("timed", "mail", "valid")
    for path in (ROOT / "scenarios" / folder).glob("*.yaml")
)


@pytest.mark.parametrize("file", FILES)
def test_the_document_is_of_its_schema_and_equal_runs_give_equal_bytes(file: str) -> None:
    run, again = (simulator.load(str(ROOT / file)).run() for _ in range(2))
    document = json.loads(run.report("json"))
    Draft202012Validator(report_schema()).validate(document)
    for form in ("text", "json", "csv", "markdown"):
        assert run.report(form) == again.report(form)
    assert max(map(len, run.report().splitlines())) <= 100
    assert document["findings"] == json.loads(run.json())["findings"]
    assert report_document(run.timeline, run.findings)["file"].endswith(file)


def test_the_schema_is_published() -> None:
    schema = json.loads(command("schema", "report").out)
    Draft202012Validator.check_schema(schema)
    assert {"jobs", "resources", "loss", "ends"} <= set(schema["required"])


def test_a_spreadsheet_has_a_line_for_each_job() -> None:
    run = simulator.loads(NIGHT).run()
    rows = list(csv.DictReader(io.StringIO(run.report("csv"))))
    assert [row["name"] for row in rows] == ["full", "inc", "back"]
    assert rows[0]["end"] == "18.0"
    assert rows[0]["through"] == "net repo"
    assert rows[2]["until"] == "52s"


def test_a_review_has_tables_and_shows_names_as_they_are() -> None:
    text = (
        simulator.loads(
            NIGHT.replace("Two nights, by hand", '"<b>*x*</b>"')
            .replace("to: full", "to: in_[c]")
            .replace("[full,", "[in_[c],")
            .replace("in_[c]", '"in_[c]"')
        )
        .run()
        .report("markdown")
    )
    model = "model libvirt on libvirt 11.3, QEMU 10.0"
    assert text.startswith(f"# \\<b\\>\\*x\\*\\</b\\>\n\n{model}; 0s to 52s\n\n## jobs\n\n")
    assert "\n| in\\_\\[c\\] | full | 12s | 18s | 6s | 256 KiB | 256 KiB |\n" in text
    assert "\n- in\\_\\[c\\]: 1 write of the guest waited, 1s together\n" in text


def test_somebody_who_plans_a_window_reads() -> None:
    assert (
        simulator.loads(NIGHT).run().report()
        == """\
Two nights, by hand
model libvirt on libvirt 11.3, QEMU 10.0; 0s to 52s

jobs
job   kind         start  end  window     data   zeroes
full  full         12s    18s      6s  256 KiB  256 KiB
    1 write of the guest waited, 1s together
inc   incremental  30s    35s      5s   64 KiB      0 B
    its scratch space held up to 128 KiB
back  restore      40s    52s     12s  320 KiB      0 B
3 completed; 640 KiB of data; the longest took 12s: back

resources
resource  bandwidth      peak  carried  busy  share   stored  capacity
net        64 KiB/s  64 KiB/s  320 KiB    7s   13 %        -         -
repo              -  64 KiB/s  320 KiB    7s   13 %  320 KiB     1 MiB
repo held 320 KiB at most, 31 % of its capacity

lost if the machine died
       loss  at   newest to restore
worst   23s  35s  12s
mean    14s
last    22s  52s  30s
until 18s nothing can be restored

to come back to the newest instant
      to read  time  at
most  320 KiB   12s  35s
last  320 KiB   12s  52s
read at 32 KiB/s after 2s

stalls of the guest
it was frozen once, for 5s
1 write of the guest waited to be copied first, 1s together

backups and bitmaps that are there
              backups   stored  bitmaps  bytes of them  at
last                2  320 KiB        2            2 B  52s
most stored         2  320 KiB        2            2 B  35s
most bitmaps        1  256 KiB        2            2 B  30s

findings
none
"""
    )


def test_a_failing_run_gives_status_1_and_what_cannot_be_used_2() -> None:
    assert command("report", "-", stdin=NIGHT).status == 0
    lost = NIGHT.replace("of: 30s", "of: 31s")
    assert (
        command(
            "report",
            "-",
            stdin=lost,
        ).status
        == 1
    )
    assert command("report", "-", stdin="scenario: x\n").status == 2
    assert command("report", "-", "-f", "pdf", stdin=NIGHT).status == 2
