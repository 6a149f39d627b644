"""Good scenarios: every form of every verb, and what a script tells of it."""

from collections.abc import Sequence

import pytest

from simulator.diagnostics import InputError, Span
from simulator.model.clusters import ZERO, map_of, range_of, set_of
from simulator.model.operations import (
    AddBitmap,
    ClearBitmap,
    CloseImages,
    CopyImage,
    DisableBitmap,
    DropBackup,
    EnableBitmap,
    Extent,
    GuestDiscard,
    GuestWrite,
    KillProcess,
    MergeBitmaps,
    OpenImages,
    Refusal,
    RemoveBitmap,
    StackBackups,
)
from simulator.model.requests import (
    Create,
    DeleteCheckpoint,
    Expect,
    ExpectedRow,
    Qmp,
    Request,
    Snapshot,
    StartCheckpoint,
    TakeBackup,
)
from simulator.pipeline import Scenario
from simulator.scenario import load_text
from simulator.timeline import Allowance, DiskShape, Instant, Script, Statement

A, B = ord("A"), ord("B")

TOP = """\
scenario: a good one
disk: 8
timeline:
"""

TWO_DISKS = """\
scenario: a good one
disks: {vda: 8, vdb: {clusters: 4, cluster_size: 4 KiB}}
timeline:
"""

BEGUN = """\
  - at: T1
    do:
      - create: {image: S1, bitmap: B1, disk: vda}
      - backup: full.bak
"""


def load(entries: str, top: str = TOP) -> Script:
    """The script of a timeline, below a title and disks."""
    return load_text(top + entries, "good.yaml")


def requests(script: Script) -> list[Request]:
    """All requests of a script, one after the other."""
    return [each.request for instant in script.instants for each in instant.statements]


def last(step: str, top: str = TOP) -> Statement:
    """What a step becomes that follows an image S1 with the bitmap B1, and a backup full.bak."""
    return load(f"{BEGUN}      - {step}\n", top).instants[-1].statements[-1]


def write(disk: str, versions: dict[int, int], length: int = 8) -> GuestWrite:
    """A guest write of a small disk."""
    return GuestWrite(disk=disk, data=map_of(length, versions))


def test_a_scenario_tells_its_title_model_disk_and_source() -> None:
    text = (
        "scenario: one image\nabout: What it shows.\nsource: a mail\nmodel: qemu\nseed: 7\n"
        "disk: {size: 1 MiB, cluster_size: 4K, format: raw}\n"
        "allow: {rule: BT401, because: short}\ntimeline: [{at: T1, do: [create: S1]}]\n"
    )
    script = load_text(text, "one.yaml")
    assert script == Script(
        title="one image",
        model="qemu",
        disks=(DiskShape(name="vda", length=256, cluster_size=4096, format="raw"),),
        instants=script.instants,
        about="What it shows.",
        origin="a mail",
        seed=7,
        allows=(Allowance(rule="BT401", because="short"),),
        path="one.yaml",
        source=text,
    )
    assert requests(script) == [Create(image="S1", disk="vda", format="raw")]


def test_the_model_is_libvirt_unless_the_file_says_otherwise() -> None:
    assert load("  - at: T1\n").model == "libvirt"


@pytest.mark.parametrize(
    ("disk", "length"),
    [
        ("disk: 8", 8),
        ("disk: 0x10", 16),
        ("disk: 1 GiB", 16384),
        ("disk: {clusters: 3}", 3),
        ("disk: {size: 65537}", 2),
        ("disk: {size: 65537 B}", 2),
        ("disk: {size: 1m}", 16),
        ("disk: {size: 1 PiB}", 1 << 34),
        ("disks: {vda: 5}", 5),
        ("about: nothing of disks", 4),
    ],
)
def test_a_disk_has_the_length_that_is_told_or_that_of_the_first_picture(
    disk: str, length: int
) -> None:
    content = f"scenario: s\n{disk}\ntimeline: [{{at: T1}}, {{at: T2}}]\n"
    if disk.startswith("about"):
        content = content.replace("{at: T2}", '{write: "|AA--|"}')
    assert load_text(content, "disk.yaml").disks[0].length == length


def test_the_size_of_the_first_image_goes_before_the_first_picture() -> None:
    content = "scenario: s\ntimeline:\n  - {at: T1, do: [create: {image: S1, size: 192 KiB}]}\n"
    assert load_text(content, "disk.yaml").disks[0].length == 3


def test_named_instants_tick_from_one_and_guest_steps_keep_the_last_tick() -> None:
    script = load(
        "  - discard: X-------\n  - at: T1\n  - write: A-------\n  - zero: 0-------\n"
        "  - at: 12:30\n    do:\n"
    )
    assert [(i.label, i.tick, len(i.statements)) for i in script.instants] == [
        (None, 0, 1),
        ("T1", 1, 0),
        (None, 1, 2),
        ("12:30", 2, 0),
    ]


def test_timed_instants_tick_in_nanoseconds() -> None:
    script = load("  - at: 0s\n  - at: 500ms\n  - at: 1.5h\n  - at: 2h30m\n  - at: 1d\n")
    seconds = [0, 0.5, 5400, 9000, 86400]
    assert [instant.tick for instant in script.instants] == [int(s * 10**9) for s in seconds]
    assert [instant.label for instant in script.instants][2] == "1.5h"


@pytest.mark.parametrize(
    ("step", "request_"),
    [
        ("create: S2", Create(image="S2", disk="vda")),
        ("create: no", Create(image="no", disk="vda")),
        ("create: '2018'", Create(image="2018", disk="vda")),
        (
            "create: {image: S2, bitmap: B2, size: 512 KiB, format: raw}",
            Create(image="S2", disk="vda", bitmap="B2", format="raw"),
        ),
        ("write: AA----0-", write("vda", {0: A, 1: A, 6: ZERO})),
        ("write: '|-------z|'", write("vda", {7: ord("z")})),
        ("write: 00000000", write("vda", dict.fromkeys(range(8), ZERO))),
        ("write: {cells: 00000000, disk: vda}", write("vda", dict.fromkeys(range(8), ZERO))),
        ("write: {offset: 64 KiB, length: 128K, data: A}", write("vda", {1: A, 2: A})),
        ("write: {offset: 0, length: 64 KiB, data: 0}", write("vda", {0: ZERO})),
        (
            "write: {offset: 65535, length: 2, data: B}",
            write("vda", {0: B, 1: B})._replace(extent=Extent(offset=65535, length=2)),
        ),
        ("zero: XX-0a---", write("vda", dict.fromkeys((0, 1, 3, 4), ZERO))),
        ("zero: {offset: 448K, length: 64K}", write("vda", {7: ZERO})),
        ("discard: '#-------'", GuestDiscard(disk="vda", clusters=set_of(8, [0]))),
        (
            "discard: {offset: 512, length: 512}",
            GuestDiscard(
                disk="vda", clusters=set_of(8, [0]), extent=Extent(offset=512, length=512)
            ),
        ),
        ("snapshot: S2", Snapshot(images=(("vda", "S2"),))),
        (
            "snapshot: {image: S2, bitmap: B2, outside: true}",
            Snapshot(images=(("vda", "S2"),), bitmap="B2", outside=True),
        ),
        ("snapshot: {images: {vda: S2}}", Snapshot(images=(("vda", "S2"),))),
        ("checkpoint: C1", StartCheckpoint(name="C1", disks=("vda",))),
        ("checkpoint: {name: C1, disks: vda}", StartCheckpoint(name="C1", disks=("vda",))),
        ("backup: b", TakeBackup(to="b", disks=("vda",))),
        (
            "backup: {to: b, since: B1, checkpoint: C1, onto: full.bak, mode: push}",
            TakeBackup(to="b", disks=("vda",), since="B1", checkpoint="C1", onto="full.bak"),
        ),
        (
            "backup: {to: b, image: S1, bitmaps: [B1, S1.B1]}",
            TakeBackup(to="b", disks=("vda",), image="S1", bitmaps=((None, "B1"), ("S1", "B1"))),
        ),
        (
            "backup: {to: b, bitmaps: B1}",
            TakeBackup(to="b", disks=("vda",), bitmaps=((None, "B1"),)),
        ),
        (
            "backup: {to: b, since: {vda: B1}}",
            TakeBackup(to="b", disks=("vda",), starts=(("vda", "B1"),)),
        ),
        ("copy: {image: S1, to: S1.bak}", CopyImage(image="S1", target="S1.bak")),
        (
            "restore: {from: [full.bak], as: again, of: T1}",
            StackBackups(name="again", sources=("full.bak",), of="T1"),
        ),
        ("restore: full.bak", StackBackups(name="restored", sources=("full.bak",))),
        ("restore: [full.bak]", StackBackups(name="restored", sources=("full.bak",))),
        ("delete: {checkpoint: B1}", DeleteCheckpoint(name="B1")),
        (
            "delete: {checkpoint: B1, children: true, metadata: true}",
            DeleteCheckpoint(name="B1", children=True, metadata=True),
        ),
        ("delete: {backup: full.bak}", DropBackup(name="full.bak")),
        ("shutdown", CloseImages()),
        ("shutdown:", CloseImages()),
        ("shutdown: {}", CloseImages()),
        ("start", OpenImages()),
        ("crash: ~", KillProcess()),
        (
            "expect: 'S1: |AA------| B1: |XX------|+'",
            Expect(
                rows=(
                    ExpectedRow(label="S1", cells="AA------"),
                    ExpectedRow(label="B1", cells="XX------", recording=True),
                )
            ),
        ),
        (
            "expect: |\n          full.bak: |--------|\n          S1.B1: |XX------|\n\n",
            Expect(
                rows=(
                    ExpectedRow(label="full.bak", cells="--------"),
                    ExpectedRow(label="S1.B1", cells="XX------"),
                )
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_form_of_a_verb_is_a_request(step: str, request_: Request) -> None:
    request = last(step).request
    assert type(request) is type(request_)
    assert request == request_


def command(execute: str, arguments: str) -> str:
    """A ``qmp`` step of one command on a bitmap."""
    return f"qmp: {{execute: block-dirty-bitmap-{execute}, arguments: {{{arguments}}}}}"


@pytest.mark.parametrize(
    ("step", "operation"),
    [
        (command("add", "node: S1, name: b"), AddBitmap(node="S1", name="b", persistent=False)),
        (
            command(
                "add", "node: S1, name: b, granularity: 4096, persistent: true, disabled: true"
            ),
            AddBitmap(node="S1", name="b", granularity=4096, persistent=True, recording=False),
        ),
        (command("remove", "node: S1, name: b"), RemoveBitmap(node="S1", name="b")),
        (command("clear", "node: S1, name: b"), ClearBitmap(node="S1", name="b")),
        (command("enable", "node: S1, name: b"), EnableBitmap(node="S1", name="b")),
        (command("disable", "node: S1, name: b"), DisableBitmap(node="S1", name="b")),
        (
            command("merge", "node: S1, target: b, bitmaps: [c, {node: S2, name: d}]"),
            MergeBitmaps(node="S1", name="b", sources=(("S1", "c"), ("S2", "d"))),
        ),
        (
            command("merge", "node: S1, target: b, bitmaps: []"),
            MergeBitmaps(node="S1", name="b", sources=()),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_command_of_qemu_is_a_primitive(step: str, operation: AddBitmap) -> None:
    request = last(step).request
    assert isinstance(request, Qmp)
    assert [type(each) for each in request.operations] == [type(operation)]
    assert request.operations == (operation,)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("qmp: {execute: nope}", "The command nope has not been found"),
        ("qmp: {execute: block-dirty-bitmap-add}", "Parameter 'node' is missing"),
        (command("clear", "node: S1"), "Parameter 'name' is missing"),
        (command("add", "node: S1, name: b, autoload: true"), "Parameter 'autoload' is unexpected"),
        (
            command("add", "node: S1, name: 5"),
            "Invalid parameter type for 'name', expected: string",
        ),
        (
            command("add", "node: S1, name: b, persistent: 1"),
            "Invalid parameter type for 'persistent', expected: boolean",
        ),
        (
            command("add", "node: S1, name: b, granularity: 64K"),
            "Parameter 'granularity' expects uint64",
        ),
        (
            command("add", "node: S1, name: b, granularity: 4294967296"),
            "Parameter 'granularity' expects uint32_t",
        ),
        (
            command("add", "node: S1, name: b, granularity: -1"),
            "Parameter 'granularity' expects uint32_t",
        ),
        (
            command("merge", "node: S1, target: b, bitmaps: c"),
            "Invalid parameter type for 'bitmaps', expected: array",
        ),
        (
            command("merge", "node: S1, target: b, bitmaps: [{node: S1}]"),
            "Parameter 'bitmaps[0].name' is missing",
        ),
    ],
)
def test_a_command_that_qemu_cannot_read_is_refused_in_its_words(step: str, words: str) -> None:
    request = last(step).request
    assert isinstance(request, Qmp)
    assert request.operations == (Refusal(words),)


def test_a_list_of_commands_is_one_request() -> None:
    step = """qmp:
          - {execute: block-dirty-bitmap-disable, arguments: {node: S1, name: B1}}
          - {execute: block-dirty-bitmap-add, arguments: {node: S1, name: B2}}
"""
    request = last(step).request
    assert isinstance(request, Qmp)
    assert request.commands == ("block-dirty-bitmap-disable", "block-dirty-bitmap-add")


def test_a_bitmap_that_qemu_adds_is_a_name() -> None:
    step = f"{command('add', 'node: S1, name: new')}\n      - backup: {{to: b, bitmaps: [new]}}"
    assert last(step).request == TakeBackup(to="b", disks=("vda",), bitmaps=((None, "new"),))


def test_steps_on_two_disks_say_which_or_mean_all() -> None:
    entries = """\
  - at: T1
    do:
      - create: {image: A1, disk: vda}
      - create: {image: B1, disk: vdb}
      - snapshot: {images: {vda: A2, vdb: B2}, bitmap: C1}
      - snapshot: {image: A3, disk: vda}
      - checkpoint: C2
      - backup: all
      - backup: {to: one, image: A2}
      - restore: {from: [all/vdb]}
      - expect: |
          B1: |----| <- B2: |A---|
          all/vdb: |A---|   one: |--------|   restored/vdb: |A---|   A2.C1: |--------|
          guest sees vda: |--------|
  - write: {disk: vdb, cells: A---}
"""
    *rest, expect, guest = requests(load(entries, TWO_DISKS))
    assert rest == [
        Create(image="A1", disk="vda"),
        Create(image="B1", disk="vdb"),
        Snapshot(images=(("vda", "A2"), ("vdb", "B2")), bitmap="C1"),
        Snapshot(images=(("vda", "A3"),)),
        StartCheckpoint(name="C2", disks=()),
        TakeBackup(to="all", disks=()),
        TakeBackup(to="one", disks=("vda",), image="A2"),
        StackBackups(name="restored", sources=("all/vdb",)),
    ]
    assert isinstance(expect, Expect)
    assert len(expect.rows) == 7
    assert guest == write("vdb", {0: A}, length=4)


def test_a_range_of_a_large_disk_touches_its_clusters() -> None:
    content = (
        "scenario: s\ndisk: 1 TiB\ntimeline:\n  - write: {offset: 1 GiB, length: 1 MiB, data: A}\n"
    )
    length = 1 << 24
    expected = GuestWrite(disk="vda", data=range_of(length, 1 << 14, 16, A))
    assert requests(load_text(content, "large.yaml")) == [expected]


def test_restored_disks_without_a_name_get_one_each() -> None:
    step = "restore: {from: full.bak, as: restored-2}"
    script = load(f"{BEGUN}      - restore: full.bak\n      - {step}\n      - restore: full.bak\n")
    names = [each.name for each in requests(script) if isinstance(each, StackBackups)]
    assert names == ["restored", "restored-2", "restored-3"]


def test_a_restored_time_may_be_written_in_another_way() -> None:
    entries = "  - at: 60s\n    do: [create: S1, backup: b, restore: {from: b, of: 1m}]\n"
    assert requests(load(entries))[-1] == StackBackups(name="restored", sources=("b",), of="60s")


@pytest.mark.parametrize(
    "steps",
    [
        "delete: {checkpoint: B1}\n      - checkpoint: B1",
        "delete: {backup: full.bak}\n      - backup: full.bak",
        "snapshot: S1\n        expect: refused",
        "backup: full.bak\n        expect: [overwritten-restore-point]",
        "backup: full.bak\n        allow: {rule: BT207, because: old}",
        "checkpoint: C1\n        expect: refused\n      - checkpoint: C1",
    ],
)
def test_a_name_may_come_again_when_it_is_free_or_the_step_speaks_of_it(steps: str) -> None:
    assert last(steps)


def test_what_is_expected_and_allowed_stands_beside_the_verb() -> None:
    step = "backup: b\n        expect: [BT401, refused]\n        allow: [{rule: r, because: b}]"
    statement = last(step)
    assert statement.expects == ("BT401", "refused")
    assert statement.allows == (Allowance(rule="r", because="b"),)
    assert last("backup: b").expects is None
    assert last("backup: b\n        expect: []").expects == ()


def test_rules_are_known_by_code_and_by_name() -> None:
    step = f"{TOP}{BEGUN}      - backup: b\n        expect: [BT401, stale-bitmap, refused]\n"
    rules = {"BT401": "checkpoint-without-backup", "BT201": "stale-bitmap"}
    assert load_text(step, "rules.yaml", rules=rules)


def spans(instants: Sequence[Instant]) -> list[Span | None]:
    """The span of each statement."""
    return [each.span for instant in instants for each in instant.statements]


def test_a_statement_spans_its_verb_and_all_that_belongs_to_it() -> None:
    script = load("""\
  - at: T1
    do:
      - create: {image: S1, bitmap: B1}   # in braces
      - expect: [refused]
        backup: "b"
        allow: {rule: r, because: b}
      - snapshot:
          image: S2

          # nothing more
      - shutdown
      - start:
      - expect: |
          S1: |--------|
          S2: |--------|

  - write: A-------
""")
    assert spans(script.instants) == [
        Span(6, 9, 6, 40),
        Span(8, 9, 8, 20),
        Span(10, 9, 11, 20),
        Span(14, 9, 14, 17),
        Span(15, 9, 15, 15),
        Span(16, 9, 18, 25),
        Span(20, 5, 20, 20),
    ]


def test_a_byte_order_mark_and_lines_of_windows_change_no_place() -> None:
    content = "\ufeff" + (TOP + BEGUN).replace("\n", "\r\n")
    script = load_text(content.encode(), "windows.yaml")
    assert spans(script.instants) == spans(load(BEGUN).instants)


def test_an_alias_is_the_value_that_it_stands_for() -> None:
    content = "  - {at: T1, do: &steps [checkpoint: C1, delete: {checkpoint: C1}]}\n"
    script = load(f"{content}  - {{at: T2, do: *steps}}\n")
    assert requests(script)[:2] == requests(script)[2:]


def test_the_scenario_of_the_mail_loads_with_no_problem() -> None:
    script = load("""\
  - {at: T1, do: [create: {image: S1, bitmap: B1}]}
  - write: AAAA----
  - {at: T2, do: [snapshot: {image: S2, bitmap: B2}, copy: {image: S1, to: S1.bak}]}
  - write: ---BBB--
  - {at: T3, do: [backup: {since: B2, to: B2.bak, checkpoint: B3}]}
  - {at: T4, do: [restore: {from: [S1.bak, B2.bak], of: T3}]}
""")
    assert len(script.instants) == 6


def test_equal_texts_give_equal_scripts() -> None:
    assert load(BEGUN) == load(BEGUN)


def test_a_text_of_one_megabyte_loads() -> None:
    steps = "".join(f"      - backup: {{to: b{n}, since: B1}}\n" for n in range(30_000))
    assert len(requests(load(BEGUN + steps))) == 30_002


def test_a_file_that_cannot_be_used_says_so_in_one_line() -> None:
    with pytest.raises(InputError, match=r"^good.yaml: a step is 5$"):
        load("  - {at: T1, do: [create: S1, 5]}\n")


def test_bitmaps_of_two_disks_share_a_name_and_what_is_turned_down_takes_none() -> None:
    load(
        "  - at: T1\n    do:\n"
        "      - create: {disk: vda, image: S1, bitmap: B1}\n"
        "      - create: {disk: vdb, image: V1, bitmap: B1}\n"
        "      - checkpoint: C\n        allow: {rule: refused, because: no backup yet}\n"
        "      - checkpoint: C\n",
        TWO_DISKS,
    )
    twice = load(
        "  - at: T1\n    do:\n"
        "      - create: {disk: vda, image: S1, bitmap: B1}\n"
        "      - create: {disk: vda, image: S2, bitmap: B1}\n",
        TWO_DISKS,
    )
    with pytest.raises(InputError, match="the checkpoint B1 is introduced twice"):
        Scenario(twice).run()
