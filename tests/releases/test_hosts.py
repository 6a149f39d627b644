"""Hosts: which releases are known, and how a scenario and a command line name them."""

import pytest

import simulator
from simulator.diagnostics import InputError
from simulator.pipeline import find_model
from simulator.releases.hosts import (
    HOST_DEFAULT,
    KNOWN,
    Host,
    UnknownRelease,
    host_with,
    nearest_release,
    read_host,
)
from tests.checkout import command

TEXT = "scenario: s\n{}disk: 8\ntimeline:\n  - at: T1\n    do: [create: S1]\n"


def test_one_release_brings_the_other() -> None:
    assert read_host({"qemu": "7.2"}) == read_host({"libvirt": "9.0"}) == Host("7.2", "9.0")
    assert read_host({"qemu": "7.2", "libvirt": "12.8"}) == Host("7.2", "12.8")
    assert read_host({"qemu": "10.0.13"}) == HOST_DEFAULT


@pytest.mark.parametrize(
    ("half", "word"), [("libvirt", "8.8"), ("qemu", "banana"), ("qemu", ""), ("xen", "4.17")]
)
def test_what_nobody_recorded_is_not_known(half: str, word: str) -> None:
    with pytest.raises(UnknownRelease) as unknown:
        read_host({half: word})
    assert unknown.value.known == KNOWN.get(half, ("qemu", "libvirt"))


def test_a_version_is_taken_for_the_newest_release_that_is_not_newer() -> None:
    taken = [nearest_release("qemu", each) for each in ("6.2.0", "9.1.0", "10.0.13", "12.0.0")]
    assert taken == ["7.2", "7.2", "10.0", "11.1"]
    assert host_with("11.1.3", "12.8.0") == Host("11.1", "12.8")


def test_a_scenario_names_its_host_and_the_run_tells_it() -> None:
    run = simulator.loads(TEXT.format("host: {qemu: 11.1}\n")).run()
    assert run.document()["host"] == {"qemu": "11.1", "libvirt": "12.8"}
    assert "model libvirt on libvirt 12.8, QEMU 11.1;" in run.text()
    assert simulator.loads(TEXT.format("")).run().timeline.host == HOST_DEFAULT


def test_a_model_with_its_release_replaces_what_the_scenario_says() -> None:
    scenario = simulator.loads(TEXT.format("host: {qemu: 11.1}\n"))
    assert scenario.run("libvirt@9.0").timeline.host == Host("7.2", "9.0")
    assert scenario.run("qemu@10.0").timeline.host == Host("10.0", "11.3")
    assert find_model("libvirt@12.8").host == Host("11.1", "12.8")
    assert simulator.loads(TEXT.format("model: libvirt-6.0\n")).run().timeline.host.libvirt == "6.0"


@pytest.mark.parametrize(
    ("head", "column", "part"),
    [
        ("host: {qemu: 10.0, libvirt: 8.8}\n", 29, "unknown release of libvirt: 8.8"),
        ("host: {qemu: banana}\n", 14, "unknown release of QEMU: banana"),
        ("model: libvirt@8.8\n", 8, "unknown release of libvirt: 8.8"),
        ("model: libvirt-6.0\nhost: {libvirt: 12.8}\n", 7, "cannot be libvirt 12.8"),
        ("model: libvirt@9.0\nhost: {libvirt: 12.8}\n", 7, "libvirt@9.0"),
    ],
)
def test_a_host_that_cannot_be_is_told_with_its_place(head: str, column: int, part: str) -> None:
    with pytest.raises(InputError) as error:
        simulator.loads(TEXT.format(head))
    (problem,) = error.value.problems
    assert problem.span is not None
    assert (problem.span.line, problem.span.column) == (1 + head.count("\n"), column)
    assert part in problem.message
    assert problem.expected


def test_a_command_line_and_a_file_do_not_contradict_each_other(tmp_path: object) -> None:
    path = f"{tmp_path}/s.yaml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(TEXT.format("host: {qemu: 7.2}\n"))
    told = command("run", path, "--host", "qemu=11.1")
    assert told.status == 2
    assert "s.yaml:2:" in told.err
    assert "QEMU 11.1" in told.err
    assert command("run", path, "--host", "qemu=7.2").status == 0
    for words in ("qemu=banana", "qemu", "qemu=7.2,qemu=7.2", "xen=4"):
        refused = command("run", path, "--host", words)
        assert (refused.status, refused.out) == (2, ""), words
    both = command("run", path, "--model", "libvirt@9.0", "--host", "qemu=7.2")
    assert both.status == 2
    assert command("run", path, "--model", "libvirt@8.8").status == 2
