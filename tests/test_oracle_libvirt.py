"""The model ``libvirt`` against recordings of real libvirt: every bitmap, backup and checkpoint."""

import json
from typing import Any

import pytest

import simulator
from simulator.pipeline import Run
from simulator.render.document import RunDocument
from tests.checkout import shared_file

RECORDINGS = [
    f"libvirt{version}-{name}"
    for version in ("9.0", "11.3")
    for name in (
        "seed-T1-T4",
        "delete-middle",
        "zero-discard",
        "kill-first-session",
        "commit-middle",
    )
]
FIRST_IMAGE = "S1"


def as_scenario(steps: list[dict[str, Any]]) -> tuple[str, int]:
    """Return a recording as a scenario with an instant a step, and how many steps it holds."""
    lines = ["scenario: a recording", "model: libvirt", "disk: 8", "timeline:"]
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
        case ["kill"]:
            return ["crash", "start"]
        case _:
            return []


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_model_gives_what_real_libvirt_gave(name: str) -> None:
    recording = json.loads(shared_file(f"oracle/libvirt/{name}.json").read_text())
    steps = recording["steps"]
    text, played = as_scenario(steps)
    run: Run = simulator.loads(text).run()
    document = run.document()
    assert played == len(steps)
    crashed = False
    for number, step in enumerate(steps[:played]):
        crashed = crashed or step["op"] == ["kill"]
        _compare(run, document, number, step, contents=not crashed)


def _compare(
    run: Run, document: RunDocument, number: int, step: dict[str, Any], *, contents: bool
) -> None:
    frame = document["frames"][number + 1]
    disk, state, where = frame["disks"]["vda"], step["state"], f"step {number}: {step['op']}"
    assert frame["at"] == f"step{number}"
    assert [{"name": c["name"], "parent": c["parent"]} for c in frame["checkpoints"]] == state[
        "checkpoints"
    ], where
    assert disk["chain"] == [image["image"] for image in reversed(state["images"])], where
    for image in state["images"]:
        found = {
            b["name"]: (f"|{b['cells']}|", b["recording"], b["persistent"], b["granularity"])
            for b in disk["bitmaps"]
            if b["node"] == image["image"]
        }
        real = {
            bitmap: (b["cells"], b["recording"], b["persistent"], b["granularity"])
            for bitmap, b in image["bitmaps"].items()
        }
        assert found == real, where
        if contents:
            assert f"|{disk['images'][image['image']]}|" == image["own"], where
    if contents:
        assert f"|{disk['guest']}|" == state["guest"], where
    if "own" in step:
        backup = document["backups"][step["backup"]]
        assert f"|{backup['cells']}|" == step["own"], where
        assert backup["copied_bytes"] == step["processed_kib"] * 1024, where
    refusals = [f["refused"] for f in document["findings"] if f["at"] == f"step{number}"]
    assert _said(step) == [text for text in refusals if text is not None], where


def _said(step: dict[str, Any]) -> list[str]:
    """Return the words with which real libvirt turned a step down, without virsh's own lead."""
    told = step.get("error") or (step.get("result") or "")
    lines = [line.removeprefix("error: ") for line in told.splitlines()]
    if step.get("error"):
        return [lines[-1]]
    return [lines[-1]] if len(lines) > 1 else []
