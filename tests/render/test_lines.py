"""The lines of a run: read back they are its document, and they are as long as what happened."""

import json
from pathlib import Path

import jsonschema
import pytest

import simulator
from simulator.compare.lines import read_lines
from simulator.diagnostics import InputError
from simulator.render.lines import lines_schema
from tests.checkout import name_of, scenario_files
from tests.render.test_figures import checkpoints

RESIZED = """\
scenario: a disk that grows and shrinks, with bitmaps that come and go
model: qemu
disk: {size: 1 GiB}
timeline:
  - at: T1
    do: [create: {image: S1, bitmap: B1}]
  - write: {offset: 0, length: 1 MiB, data: A}
  - at: T2
    do: [{checkpoint: B2}, {resize: 2 GiB}]
  - zero: {offset: 64 KiB, length: 128 KiB}
  - at: T3
    do: [{snapshot: S2}, {delete: {checkpoint: B1}}]
  - write: {offset: 1536 MiB, length: 64 KiB, data: B}
"""


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    """What a line must be; to make it takes as long as to hold a run against it."""
    found = lines_schema()
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


@pytest.mark.parametrize("path", scenario_files(), ids=name_of)
def test_lines_read_back_are_the_run_document(
    path: Path, schema: jsonschema.Draft202012Validator
) -> None:
    try:
        run = simulator.load(str(path)).run()
    except InputError:
        return  # What cannot be played has no document.
    lines = list(run.tell_lines())
    assert read_lines(lines) == json.loads(run.json())
    for line in lines:
        schema.validate(json.loads(line))


@pytest.mark.parametrize(
    "text", [checkpoints(40), checkpoints(40, disk="1 TiB"), RESIZED], ids=["8", "1 TiB", "resized"]
)
def test_lines_of_made_up_runs_read_back_are_the_run_document(text: str) -> None:
    run = simulator.loads(text).run()
    assert len(run.labels) >= 3
    assert read_lines(run.tell_lines()) == json.loads(run.json())


def test_a_bitmap_that_did_not_change_is_not_told_again() -> None:
    lines = list(simulator.loads(checkpoints(60)).run().tell_lines())
    changes = json.loads(lines[60])["disks"]["vda"]["bitmaps"]
    assert changes[0] == [0, 51]
    assert changes[1] == {"of": [51, 8], "changed": [[3, 1, "X"]], "more": 65536}
    assert changes[2]["name"] == "c59"
    assert len(changes) == 3


def test_the_document_is_the_same_as_a_stream_and_as_a_value() -> None:
    run = simulator.loads(checkpoints(3)).run()
    assert "".join(run.tell_json()) == json.dumps(run.document(), indent=1) + "\n"
