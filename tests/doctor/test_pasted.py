"""What doctor says of images that are not here: pasted JSON, documents, and images of a folder."""

import json
import subprocess
from pathlib import Path

import pytest

from simulator.doctor.reading.pasted import PastedError, read_pasted
from tests.checkout import Outcome, command
from tests.hosts.real import need_qemu
from tests.inspect.images import call, create, write
from tests.waiting import PATIENCE_SECONDS


def doctor(*arguments: object) -> Outcome:
    return command("doctor", *map(str, arguments))


def codes(*arguments: object) -> list[str]:
    return [f["code"] for f in json.loads(doctor(*arguments, "-f", "json").out)["findings"]]


def printed(*words: str | Path) -> str:
    """Return what a program prints that must succeed."""
    told = [str(word) for word in words]
    ran = subprocess.run(told, check=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    return ran.stdout


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """The active image of two, of which only the lower one has a bitmap that records."""
    need_qemu()
    base, top = create(tmp_path / "base.qcow2"), tmp_path / "top.qcow2"
    call("qemu-img", "bitmap", "--add", base, "c1")
    call("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", top)
    call("qemu-img", "bitmap", "--add", "--disable", top, "c2")
    return top


def test_what_qemu_img_prints_is_judged_as_the_files_are(chain: Path, tmp_path: Path) -> None:
    told = printed("qemu-img", "info", "--backing-chain", "--output=json", chain)
    pasted = tmp_path / "pasted.json"
    pasted.write_text(told)
    assert codes(pasted) == codes(chain) == ["BT101", "BT103"]
    outcome = doctor(pasted)
    assert outcome.status == 1
    assert "vda: 512 KiB, 2 images" in outcome.out
    assert "c2: not recording" in outcome.out


def test_a_chain_that_was_pasted_in_part_is_told(chain: Path, tmp_path: Path) -> None:
    pasted = tmp_path / "pasted.json"
    pasted.write_text(printed("qemu-img", "info", "--output=json", chain))
    assert "IN101" in codes(pasted)


def node(name: str, file: str, *, below: str = "", bitmaps: object = ()) -> dict[str, object]:
    """Return a node as QEMU 7.2's query-named-block-nodes tells it, without what nobody reads."""
    image = {"filename": file, "format": "qcow2", "virtual-size": 1 << 20, "cluster-size": 65536}
    if below:
        lower = {**image, "filename": below}
        image |= {"backing-filename": below, "backing-image": lower}
    told = {"node-name": name, "drv": "qcow2", "image": image, "file": file}
    return told | ({"backing_file": below} if below else {}) | {"dirty-bitmaps": bitmaps}


def live(name: str, *, recording: bool = True, inconsistent: bool = False) -> dict[str, object]:
    told = {"name": name, "recording": recording, "persistent": True, "busy": False}
    return told | {"granularity": 65536, "count": 131072, "inconsistent": inconsistent}


def test_what_a_running_qemu_has_in_memory_counts() -> None:
    nodes = [
        node("S1", "/i/s1.qcow2", bitmaps=[live("c1")]),
        node("S2", "/i/s2.qcow2", below="/i/s1.qcow2", bitmaps=[live("c1", inconsistent=True)]),
    ]
    (disk,) = read_pasted(json.dumps({"return": nodes}))
    assert [image.name for image in disk.chain.images] == ["s1", "s2"]
    assert disk.chain.active.bitmaps[0].in_use
    assert disk.chain.images[0].bitmaps[0].count == 2
    block = {"device": "drive-vda", "removable": False, "inserted": nodes[1]}
    (disk,) = read_pasted(json.dumps([block, {"device": "cd", "removable": True}]))
    assert disk.name == "drive-vda"
    assert [image.name for image in disk.chain.images] == ["s1", "s2"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "expected the JSON of qemu-img info"),
        ('{"x', "it is no JSON"),
        ('[{"a": 1}]', "it has a; expected the JSON of qemu-img info"),
        ('{"return": {"running": true, "status": "running"}}', "it has running, status"),
        ('[{"device": "cd", "removable": true}]', "no image is open in it"),
    ],
)
def test_the_text_of_another_command(text: str, told: str) -> None:
    with pytest.raises(PastedError, match=told):
        read_pasted(text)


def test_documents_that_are_none_of_the_known_ones(tmp_path: Path) -> None:
    path = tmp_path / "s.xml"
    path.write_text("<domainsnapshot/>")
    outcome = doctor(path)
    assert outcome.status == 2
    assert "it is a <domainsnapshot>" in outcome.err
    path.write_text("<domain>")
    assert "it is no XML" in doctor(path).err
    assert doctor(tmp_path / "none").status == 2


def test_a_folder_with_nothing_that_is_known(tmp_path: Path) -> None:
    outcome = doctor(tmp_path)
    assert outcome.status == 2
    assert "no backup, no image and no document" in outcome.err
    told = " ".join(doctor(tmp_path, "--checkpoints", tmp_path).err.split())
    assert "has no document of a checkpoint" in told


def test_a_machines_document_is_held_against_its_files(chain: Path, tmp_path: Path) -> None:
    document = tmp_path / "vm.xml"
    layers = (
        f"<source file='{chain}'/><backingStore><source file='/elsewhere.qcow2'/></backingStore>"
    )
    document.write_text(
        "<domain><name>vm</name><uuid>1</uuid><devices>"
        f"<disk device='disk'>{layers}<target dev='vda'/></disk>"
        "<disk device='disk'><source file='/none.qcow2'/><target dev='vdb'/></disk>"
        "</devices></domain>"
    )
    found = json.loads(doctor(document, "-f", "json").out)["findings"]
    told = [f["message"] for f in found if f["code"] == "DR114"]
    assert any("/elsewhere.qcow2" in message for message in told)
    assert any("/none.qcow2 is not here" in message for message in told)


def test_a_push_increment_that_lies_on_nothing_is_told(tmp_path: Path) -> None:
    need_qemu()
    folder = tmp_path / "push"
    folder.mkdir()
    write(create(folder / "full.qcow2"), "write 0 512k")
    write(create(folder / "inc1.qcow2"), "write 128k 64k")
    outcome = doctor(folder)
    assert "DR115" in outcome.out
    assert "qemu-img rebase -u -b" in outcome.out


def test_stdin_is_read() -> None:
    text = json.dumps([node("S1", "/i/s1.qcow2", bitmaps=[live("c1")])])
    assert "s1.qcow2" in command("doctor", "-", stdin=text).out
