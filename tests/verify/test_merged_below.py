"""A bitmap that is merged into one of an image below: the image is opened for writing meanwhile."""

from pathlib import Path

from tests.checkout import command
from tests.hosts.real import need_qemu

PROPOSAL = '''\
"""Deletion merges into the parent, wherever that lies."""

from simulator.apis.mail2018 import Mail2018
from simulator.model.operations import ForgetCheckpoint, MergeBitmaps, RemoveBitmap


class MergeBelow(Mail2018):
    id = "merge-below"
    title = "deletion merges into the parent, wherever that lies"
    source = "a test"

    def delete(self, machine, name):
        gone = machine.checkpoint(name)
        done = []
        for disk in machine.disks:
            for node in disk.nodes_with(name):
                for below in disk.nodes_with(gone.parent):
                    done.append(MergeBitmaps(below, gone.parent, ((node, name),), reopen=True))
                done.append(RemoveBitmap(node=node, name=name, reopen=True))
        return (*done, ForgetCheckpoint(name=name))
'''

SCENARIO = """\
scenario: a checkpoint is deleted into its parent, which lies on the backing image
model: mail-2018
disk: 8
timeline:
  - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
  - write: AAAA----
  - {at: T2, do: [{snapshot: {image: S2, bitmap: B2}}]}
  - write: ---BBB--
  - {at: T3, do: [{checkpoint: B3}]}
  - write: D-----DD
  - {at: T4, do: [{delete: {checkpoint: B2}}]}
"""

MERGED = """\
  - at: T5
    do:
      - expect: |
          S1: |AAAA----| <- S2: |D--BBBDD|
          B1: |XXXXXX--|    B3: |X-----XX|+
"""


def test_a_merge_into_an_image_below_is_as_qemu_does_it_and_stored(tmp_path: Path) -> None:
    need_qemu()
    proposal, path = tmp_path / "below.py", tmp_path / "s.yaml"
    proposal.write_text(PROPOSAL)
    path.write_text(SCENARIO + MERGED)
    assert command("check", "--model", str(proposal), str(path)).status == 0
    outcome = command("verify", "--model", str(proposal), str(path))
    assert (outcome.status, outcome.err) == (0, "")
    # What was stored when the image was closed is there after a kill.
    path.write_text(SCENARIO + "  - {at: T5, do: [crash, start]}\n")
    killed = command("verify", "--model", str(proposal), str(path))
    assert (killed.status, killed.err) == (0, "")


def test_without_it_the_bitmap_below_is_read_only(tmp_path: Path) -> None:
    proposal, path = tmp_path / "below.py", tmp_path / "s.yaml"
    proposal.write_text(
        PROPOSAL.replace(", reopen=True))\n                done", "))\n                done")
    )
    path.write_text(SCENARIO)
    outcome = command("check", "--model", str(proposal), str(path))
    assert "Bitmap 'B1' is readonly and cannot be modified" in " ".join(outcome.out.split())
