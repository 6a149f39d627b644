"""The model ``libvirt`` against recordings of real libvirt: every bitmap, backup and checkpoint."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import simulator
from simulator.pipeline import Run
from simulator.releases.hosts import Host, host_with
from simulator.render.shapes import RunDocument
from tests.recordings.files import Step, Timeline, read_recording, read_timelines, recordings

PATHS = recordings("libvirt")
FIRST_IMAGE = "S1"


def as_scenario(steps: Sequence[Step], host: Host) -> tuple[str, int]:
    """Return a recording as a scenario with an instant a step, and how many steps it holds."""
    lines = ["scenario: a recording", "model: libvirt"]
    lines += [f"host: {{qemu: {host.qemu}, libvirt: {host.libvirt}}}", "disk: 8", "timeline:"]
    lines += ["  - at: start", f"    do: [create: {FIRST_IMAGE}]"]
    for number, step in enumerate(steps):
        told = _statements(step["op"])
        if not told:
            return "\n".join(lines), number
        lines += [f"  - at: step{number}", "    do:", *(f"      - {each}" for each in told)]
    return "\n".join(lines), len(steps)


def _statements(op: list[str]) -> list[str]:
    match op:
        case ["write", picture]:
            data = picture.replace("~", "-")
            discarded = "".join("X" if c == "~" else "-" for c in picture)
            told = [f"write: '{data}'"] if data.strip("-") else []
            return [*told, f"discard: '{discarded}'"] if "X" in discarded else told
        case ["checkpoint", name]:
            return [f"checkpoint: {name}"]
        case ["snapshot", name]:
            return [f"snapshot: {name}"]
        case ["backup", name]:
            return [f"backup: {{to: {name}}}"]
        case ["backup", name, since]:
            return [f"backup: {{to: {name}, since: {since}}}"]
        case ["backup", name, since, checkpoint]:
            return [f"backup: {{to: {name}, since: {since}, checkpoint: {checkpoint}}}"]
        case ["checkpoint-delete", name]:
            return [f"delete: {{checkpoint: {name}}}"]
        case ["checkpoint-delete", name, "--children"]:
            return [f"delete: {{checkpoint: {name}, children: true}}"]
        case ["checkpoint-delete", name, "--metadata"]:
            return [f"delete: {{checkpoint: {name}, metadata: true}}"]
        case ["commit", top, base]:
            return [f"commit: {{top: {top}, base: {base}}}"]
        case ["blockcopy", name, format]:
            return [f"blockcopy: {{to: {name}, format: {format}}}"]
        case ["revert", snapshot]:
            # A real machine is off afterwards, and was started again; here it goes on.
            return [f"revert: {snapshot}"]
        case ["kill"]:
            return ["crash", "start"]
        case _:
            return []


@pytest.mark.parametrize(
    ("path", "name"),
    [(path, each.name) for path in PATHS for each in read_recording(path).timelines],
    ids=lambda value: value.stem if isinstance(value, Path) else value,
)
def test_the_model_gives_what_real_libvirt_gave(path: Path, name: str) -> None:
    recording = read_recording(path)
    (recorded,) = (each for each in recording.timelines if each.name == name)
    steps = recorded.steps
    host = host_with(recording.head["qemu"], recording.head["version"])
    text, played = as_scenario(steps, host)
    run: Run = simulator.loads(text).run()
    document = run.document()
    assert played == len(steps)
    crashed = False
    for number, step in enumerate(steps):
        crashed = crashed or step["op"] == ["kill"]
        _compare(run, document, number, step, contents=not crashed)


def test_two_versions_of_libvirt_were_recorded_each_with_all_timelines() -> None:
    wanted = {(each.name, each.ops) for each in _listed(read_timelines("libvirt"))}
    assert len(wanted) >= 5
    assert len(PATHS) >= 2
    for path in PATHS:
        found = {
            (each.name, tuple(tuple(step["op"]) for step in each.steps))
            for each in read_recording(path).timelines
        }
        assert wanted <= found, path


def _listed(timelines: Sequence[Timeline]) -> list[Timeline]:
    return [each._replace(ops=tuple(map(tuple, each.ops))) for each in timelines]


def _compare(run: Run, document: RunDocument, number: int, step: Step, *, contents: bool) -> None:
    frame = document["frames"][number + 1]
    disk, where = frame["disks"]["vda"], f"step {number}: {step['op']}"
    assert frame["at"] == f"step{number}"
    assert [[c["name"], c["parent"]] for c in frame["checkpoints"]] == step["checkpoints"], where
    assert disk["chain"] == [image for image, _ in step["layers"]], where
    for image, own in step["layers"]:
        found = {
            b["name"]: (f"|{b['cells']}|", b["recording"], b["persistent"], b["granularity"])
            for b in disk["bitmaps"]
            if b["node"] == image
        }
        real = {
            name: (f"|{cells}|", "r" in flags, "p" in flags, granularity)
            for node, name, cells, flags, granularity in step["bitmaps"]
            if node == image
        }
        assert found == real, where
        if contents:
            assert disk["images"][image] == own.replace("z", "0"), where
    if contents:
        assert disk["guest"] == step["guest"], where
    if "backup" in step:
        backup = document["backups"][step["op"][1]]
        assert backup["cells"] == step["backup"].replace("z", "0"), where
        assert backup["copied_bytes"] == step["copied_bytes"], where
    refusals = [f["refused"] for f in document["findings"] if f["at"] == f"step{number}"]
    said = [step["error"]] if "error" in step else []
    assert said == [text for text in refusals if text is not None], where
