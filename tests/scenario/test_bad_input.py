"""Input that cannot be used: every problem has its place, and says what would have been right.

A case is one row: what is wrong, the text, and of each problem the line, the column and a part of
what is told: message, expectation and help, one after the other.
"""

import io
import tracemalloc
from itertools import pairwise
from pathlib import Path
from time import process_time
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from simulator.diagnostics import InputError, Problem
from simulator.pipeline import Scenario
from simulator.scenario import load_file, load_text
from tests.users import bound_by_permissions

RULES = {"BT201": "stale-bitmap", "BT301": "unseen-state"}

TOP = """\
scenario: a mistake
disk: 8
timeline:
"""

BEGUN = f"""\
{TOP}\
  - at: T1
    do:
      - create: {{image: S1, bitmap: B1}}
"""

STEP_LINE = 7
"""The line of a step that follows ``BEGUN``; its verb stands in column 9."""


class Told(NamedTuple):
    """A problem as a test expects it; *part* is found in what it tells."""

    line: int
    column: int
    part: str


class Case(NamedTuple):
    """One bad text, with everything that must be told about it, in the order of the file."""

    id: str
    text: str | bytes
    told: list[Told]


def step(id: str, text: str, *told: tuple[int, str] | tuple[int, int, str]) -> Case:
    """A case of one step in an instant; its problems need a line only if it is another one."""
    problems = [Told(*each) if len(each) == 3 else Told(STEP_LINE, *each) for each in told]
    return Case(id, f"{BEGUN}      - {text}\n", problems)


def disk(id: str, text: str, *told: tuple[int, str]) -> Case:
    """A case of a scenario that tells its disk so."""
    problems = [Told(2, column, part) for column, part in told]
    return Case(id, f"scenario: a mistake\ndisk: {text}\ntimeline: []\n", problems)


def entries(id: str, text: str, *told: tuple[int, int, str]) -> Case:
    """A case of a timeline; its entries begin on line 4."""
    return Case(id, f"{TOP}{text}\n", [Told(*each) for each in told])


def text(id: str, content: str | bytes, *told: tuple[int, int, str]) -> Case:
    """A case of a whole file."""
    return Case(id, content, [Told(*each) for each in told])


CASES = [
    # Words of the language.
    step(
        "a verb that is misspelt",
        "snapshto: S2",
        (9, "unknown verb snapshto|write, zero, discard, expect, create, snapshot"),
    ),
    step("a verb that is nearly another", "snapshto: S2", (9, "did you mean snapshot?")),
    step("a verb alone that is misspelt", "shutdow", (9, "did you mean shutdown?")),
    step(
        "a disk that nobody has told of joins",
        "attach: {disk: vdb}",
        (24, "unknown disk vdb|vda, or clusters: NUMBER beside a new disk"),
    ),
    step(
        "a disk joins with two sizes",
        "attach: {disk: vdb, clusters: 8, size: 1}",
        (42, "both clusters and size are there"),
    ),
    step(
        "a disk joins with another size than it has",
        "attach: {disk: vda, clusters: 9}",
        (39, "clusters is 9|8 clusters, as vda has"),
    ),
    step(
        "a disk that is too large joins", "attach: {disk: vdb, clusters: 0}", (39, "vdb has 0 cl")
    ),
    step(
        "a parent of a checkpoint that is new",
        "checkpoint: {name: C1, parent: B1}",
        (32, "parent stands in a checkpoint that is not redefined|redefine: true beside it"),
    ),
    step(
        "an unknown parent",
        "checkpoint: {name: B1, redefine: true, parent: B9}",
        (56, "unknown checkpoint B9|B1"),
    ),
    step("undefine with a word", "undefine: yes", (19, "undefine is yes|nothing, or {metadata")),
    step("an unknown disk leaves", "detach: vdb", (17, "unknown disk vdb|vda")),
    step("nothing leaves", "detach", (9, "detach is empty|DISK or {disk: DISK}")),
    step(
        "bitmaps that stay behind on the same storage",
        "migrate: {bitmaps: false}",
        (19, "bitmaps is false on the same storage, where they go with the images|"),
    ),
    step(
        "bitmaps of a migration that are no flag",
        "migrate: {storage: copied, bitmaps: some}",
        (45, "bitmaps is some|true or false"),
    ),
    step(
        "a migration over other storage",
        "migrate: {storage: tape}",
        (28, "storage is tape|shared or copied"),
    ),
    step(
        "a verb of a later version",
        "merge: {from: [a]}\n      - retention",
        (9, "the verb merge is not implemented yet"),
        (8, 9, "the verb retention is not implemented yet"),
    ),
    step(
        "disks as a mapping",
        "backup: {to: a, disks: {vda: 8}}",
        (32, "disks is a mapping|a name, or a list of names"),
    ),
    step(
        "a command of a later version",
        "qmp: {execute: drive-mirror}",
        (24, "the command drive-mirror is not implemented yet"),
    ),
    # Jobs that last, and chains.
    step(
        "ends beside a verb",
        "backup: x\n        ends: T1",
        (
            8,
            9,
            "ends stands beside backup|"
            "ends or fails as an argument of backup, commit, pull or blockcopy, or beside qmp",
        ),
    ),
    step("ends alone", "ends: T1", (9, "a step has no verb")),
    step("an end that is no later one", "backup: {to: x, ends: T1}", (31, "T1 is no later one")),
    step("an unknown end", "backup: {to: x, ends: T9}", (31, "unknown instant T9|T1")),
    step(
        "an end and a failure",
        "backup: {to: x, ends: T9, fails: T9}",
        (31, "unknown instant T9"),
        (35, "both ends and"),
    ),
    step(
        "an end of commands that start no job",
        "qmp: {execute: query-jobs}\n        ends: T1",
        (8, 9, "ends stands beside commands that start no job|blockdev-backup, block-commit or"),
        (8, 15, "the instant T1 is no later one"),
    ),
    step(
        "a client from outside that pushes",
        "backup: {to: x, outside: true}",
        (25, "outside stands in a backup that QEMU pushes|mode: pull beside it"),
    ),
    step(
        "a client from outside that asks a host",
        "backup: {to: x, mode: pull, outside: true, checkpoint: c, ends: T9, bitmaps: [B1, B1]}",
        (52, "checkpoint stands in a backup from outside, which asks no host and is no job|to, m"),
        (67, "ends stands in a backup from outside"),
        (73, "unknown instant T9"),
        (77, "a client from outside is told one bitmap|[NAME]"),
    ),
    step(
        "a client from outside that names the image of a bitmap",
        "backup: {to: x, mode: pull, outside: true, bitmaps: [S1.B1]}",
        (62, "S1.B1 names an image, and qemu-nbd is told a bitmap's name only|NAME"),
    ),
    step(
        "scratch of a push", "backup: {to: x, scratch: 1 MiB}", (25, "scratch stands in a backup")
    ),
    step(
        "scratch without room",
        "backup: {to: x, mode: pull, scratch: -1}",
        (46, "of -1 bytes has room for nothing|a size such as 64 KiB"),
    ),
    step(
        "an unknown mode",
        "backup: {to: x, mode: pul}",
        (31, "mode is pul|push or pull|did you mean pull?"),
    ),
    step("a backup of no disks", "backup: {to: x, disks: []}", (32, "disks is empty")),
    step(
        "a backup of an unknown disk", "backup: {to: x, disks: [vdz]}", (33, "unknown disk vdz|vda")
    ),
    step(
        "a commit of what is not there", "commit: {top: S9, base: S1}", (23, "unknown image S9|S1")
    ),
    step("a pull into what is not there", "pull: S9", (15, "unknown image S9|S1")),
    step("a revert to what is not there", "revert: S9", (17, "unknown snapshot S9|S1")),
    step("a snapshot to delete", "delete: {snapshot: S9}", (28, "unknown snapshot S9|S1")),
    step("a job that nobody starts", "cancel: x.bak", (17, "unknown backup or job x.bak")),
    step("no size", "resize: {}", (17, "resize has no size|one of size and clusters")),
    step(
        "two sizes", "resize: {size: 1 MiB, clusters: 9}", (31, "both size and clusters are there")
    ),
    step("a size of nothing", "resize: 0", (17, "clusters is 0|1 to 17,179,869,184 clusters")),
    step(
        "an argument that is misspelt",
        "backup: {to: a, snce: B1}",
        (
            25,
            "unknown key snce in backup|to, since, until, image, bitmaps, checkpoint, onto, mode, "
            "disks, scratch, outside, on-cbw-error, preserve-domain, ends, fails, cancel, rate, "
            "through or latency|"
            "did",
        ),
    ),
    step(
        "a word that is not yes or no",
        "delete: {checkpoint: B1, children: 3}",
        (44, "children is 3|true or false"),
    ),
    step(
        "children of nothing",
        "delete: {children: true, snapshot: S1}",
        (18, "children stands alone|a checkpoint"),
    ),
    step(
        "metadata of nothing",
        "delete: {metadata: true, backup: full.bak}",
        (18, "metadata stands alone|a checkpoint or a snapshot"),
        (42, "unknown backup full.bak"),
    ),
    step("an argument too many", "shutdown: {now: 1}", (20, "unknown key now in shutdown|nothing")),
    step(
        "arguments that are not indented",
        "backup:\n        to: x",
        (16, "backup is empty"),
        (8, 9, "unknown verb to|write, zero, discard"),
    ),
    step(
        "a verb beside qmp",
        "qmp: {execute: blockdev-backup, arguments: {device: S1, target: k, sync: full}}\n"
        "        cancel: T2",
        (8, 9, "two verbs in one step: qmp and cancel|one verb a step"),
    ),
    step("an instant in an instant", "at: T2", (9, "unknown verb at")),
    step(
        "two verbs in one step",
        "checkpoint: C1\n        backup: x",
        (8, 9, "two verbs in one step: checkpoint and backup|one verb a step"),
    ),
    step("no verb in a step", "allow: {rule: BT201, because: b}", (9, "a step has no verb")),
    step("rules with no verb", "expect: [stale-bitmap, BT301]", (17, "expect stands alone")),
    step("a step that is a list", "[create]", (9, "a step is a list|a mapping with one verb")),
    step("a step that is a number", "5", (9, "a step is 5")),
    step("a step that is a sentence", "take a backup", (9, "a step is take a backup")),
    step("an empty step", "{}", (9, "a step is empty")),
    text(
        "keys that are misspelt",
        "scenario: s\ndisk: 8\nmodle: qemu\ntimeline: []\n",
        (3, 1, "unknown key modle|scenario, about, source, model, host, disk, disks"),
    ),
    text("no timeline", "scenario: s\n", (1, 1, "there is no timeline|timeline: [...]")),
    text("no title", "disk: 8\ntimeline: []\n", (1, 1, "there is no scenario|scenario: text")),
    text(
        "a title that is a number",
        "scenario: 2018\ndisk: 8\ntimeline: []\n",
        (1, 11, 'scenario is 2018|text|quote it: "2018"'),
    ),
    # Values of the wrong kind.
    step("a number for a name", "create: 2018", (17, 'create is 2018|a name|quote it: "2018"')),
    step("a number as it is written", "checkpoint: 0x10", (21, 'is 0x10|a name|quote it: "0x10"')),
    step("true for a name", "create: true", (17, 'create is true|a name|quote it: "true"')),
    step("a list for a mapping", "create: [S2]", (17, "create is a list|NAME or {image: NAME}")),
    step("a scalar for a mapping", "copy: S1", (15, "copy is S1|{image: NAME, to: NAME}")),
    step("a mapping for a name", "copy: {image: S1, to: {a: b}}", (31, "to is a mapping|a name")),
    step("a mapping in a list", "restore: {from: [{a: b}]}", (26, "an entry of from is a mapping")),
    step("nothing for a name", "checkpoint:", (20, "checkpoint is empty|NAME or {name: NAME}")),
    step("an argument that is missing", "create: {bitmap: B2}", (17, "create has no image|image:")),
    step("arguments for a verb that has none", "crash: now", (16, "crash is now|nothing")),
    step("text for true", "snapshot: {image: a, outside: no}", (39, "outside is no|true or false")),
    step("a scalar for a command", "qmp: 5", (14, "qmp is 5|{execute: COMMAND, arguments: {...}}")),
    step("no command", "qmp: []", (14, "qmp is an empty list|{execute: COMMAND, arguments:")),
    step("a command with no name", "qmp: {arguments: {}}", (14, "qmp has no execute")),
    text(
        "a list for the scenario",
        "- scenario: s\n",
        (1, 1, "the file is a list|scenario: TITLE and timeline: [...]"),
    ),
    text("a scalar for the scenario", "scenario\n", (1, 1, "the file is scenario")),
    text(
        "a mapping for the timeline",
        "scenario: s\ndisk: 8\ntimeline: {at: T1}\n",
        (3, 11, "timeline is a mapping|a list of instants and guest steps|put - before each entry"),
    ),
    # Names.
    step("a name with a bar", "checkpoint: a|b", (21, "checkpoint has the character ||a name of")),
    step("a name with a slash", "create: {image: a/b}", (25, "image has the character /")),
    step("a name with a blank at its end", "checkpoint: 'a '", (21, "begins or ends with a blank")),
    step("a name with a control character", 'checkpoint: "a\\n"', (21, "begins or ends with a")),
    step("a name with a line in it", 'checkpoint: "a\\nb"', (21, "has a control character")),
    step("an empty name", "checkpoint: ''", (21, "checkpoint is empty|a name")),
    step("a name of 1024 bytes", f"checkpoint: {'n' * 1024}", (21, "is 1,024 bytes long")),
    step("a name of 1024 bytes in 512", f"checkpoint: {'é' * 512}", (21, "is 1,024 bytes long")),
    step("the row of the guest", "backup: guest sees", (17, "is the row of what the guest sees")),
    step(
        "an unknown image", "copy: {image: s1, to: a}", (23, "unknown image s1|S1|did you mean S1")
    ),
    step("an unknown bitmap", "backup: {to: a, bitmaps: [B1, B]}", (39, "unknown bitmap B|B1")),
    step(
        "an unknown checkpoint", "backup: {to: a, since: b1}", (32, "unknown checkpoint b1|B1|did")
    ),
    step(
        "no checkpoint of that name", "delete: {checkpoint: full}", (30, "unknown checkpoint full")
    ),
    step(
        "an unknown backup",
        "restore: {from: [full.bak]}",
        (26, "unknown backup full.bak|a backup that a step makes"),
    ),
    step(
        "a backup that is misspelt",
        "backup: full.bak\n      - restore: {from: [ful.bak]}",
        (8, 26, "unknown backup ful.bak|full.bak|did you mean full.bak?"),
    ),
    step("an unknown backup below", "backup: {to: a, onto: b}", (31, "unknown backup b|a")),
    step("an unknown backup to delete", "delete: {backup: b}", (26, "unknown backup b")),
    step("an unknown disk", "checkpoint: {name: c, disks: vdb}", (38, "unknown disk vdb|vda|did")),
    step(
        "an unknown instant",
        "backup: x\n      - restore: {from: x, of: T9}",
        (8, 32, "unknown instant T9|T1"),
    ),
    step(
        "a name that is introduced twice",
        "checkpoint: B1",
        (21, "the checkpoint B1 is introduced twice, first on line 6, column 37|a new name"),
    ),
    step(
        "an image twice", "snapshot: S1", (19, "the image S1 is introduced twice, first on line 6")
    ),
    step(
        "a target twice",
        "backup: a\n      - copy: {image: S1, to: a}",
        (8, 31, "the backup a is introduced twice, first on line 7, column 17"),
    ),
    step(
        "an image and a backup of one name",
        "backup: S1",
        (17, "S1 is the name of an image and of a backup, first on line 6, column 25"),
    ),
    step("an image and a bitmap of one name", "snapshot: B1", (19, "an image and of a checkpoint")),
    text(
        "an unknown model",
        "scenario: s\nmodel: libvrt\ndisk: 8\ntimeline: []\n",
        (
            2,
            8,
            "unknown model libvrt|mail-2018, nir-2018, libvirt-6.0, libvirt, qemu-single or qemu|"
            "did you mean libvirt?",
        ),
    ),
    text(
        "a model in a file",
        "scenario: s\nmodel: ./mine.py\ndisk: 8\ntimeline: []\n",
        (2, 8, "a scenario does not name a file of Python: ./mine.py"),
    ),
    text(
        "a disk with several faults",
        "scenario: s\ndisk: {clusters: 8, size: 1, cluster_size: 5, format: vmdk}\ntimeline: []\n",
        (2, 21, "both clusters and size"),
        (2, 44, "cluster_size is 5"),
        (2, 55, "format is vmdk"),
    ),
    text(
        "one of several disks with several faults, and a picture without a disk",
        "scenario: s\ndisk: {size: 1, cluster_size: 7}\n"
        "disks: {vda: 8, vdb: {clusters: 8, cluster_size: 5, format: vmdk}}\n"
        "timeline: [{write: AA!A----}]\n",
        (2, 31, "cluster_size is 7"),
        (3, 1, "both disk and disks"),
        (3, 50, "cluster_size is 5"),
        (3, 61, "format is vmdk"),
        (4, 20, "write does not say which disk"),
        (4, 22, "cell 3 of the picture is !"),
    ),
    # Pictures and ranges.
    step("a short picture", "write: AAAA", (16, "the picture has 4 clusters, the disk has 8")),
    step("a long picture", "write: AAAA-----", (16, "the picture has 9 clusters, the disk has 8")),
    step("a short picture of zeroes", "write: 0000", (16, "the picture has 4 clusters")),
    step(
        "a wrong character", "write: AAAA---?", (23, "cell 8 of the picture is ?|A to Z or a to z")
    ),
    step("a wrong character in quotes", "write: 'AA%A----'", (19, "cell 3 of the picture is %")),
    step(
        "a wrong character between bars", 'write: "|AA%A----|"', (20, "cell 3 of the picture is %")
    ),
    step("a wrong character in a mapping", "write: {cells: ÄA------}", (24, "cell 1 of the pic")),
    step(
        "wrong characters that adjoin",
        "write: A??A----",
        (17, "cells 2 to 3 of the picture are ??"),
    ),
    step(
        "wrong characters apart",
        "write: A?A!----",
        (17, "cell 2 of the picture is ?"),
        (19, "cell 4 of the picture is !"),
    ),
    step("blanks in a picture", "zero: AA  ----", (17, "cells 3 to 4 of the picture are blanks")),
    step("a blank in a picture", "zero: AA A----", (17, "cell 3 of the picture is a blank")),
    step("a picture in the form of a block", "write: |AAAA----|", (17, "not YAML: did not find")),
    step(
        "a picture with bars unquoted", "write: |AAAA----|", (17, "put a picture with bars in quo")
    ),
    step(
        "a size in a unknown unit", "write: {offset: 1 KB, length: 1, data: A}", (25, "1 KB|a size")
    ),
    step(
        "a size with a fraction", "write: {offset: 1.5, length: 1, data: A}", (25, "offset is 1.5")
    ),
    step(
        "data of two letters", "write: {offset: 0, length: 1, data: AB}", (45, "data is AB|a lett")
    ),
    step("a range without data", "write: {offset: 0, length: 1}", (16, "write has no data")),
    step(
        "neither picture nor range", "zero: {}", (15, "zero has no cells|a picture, or {offset, l")
    ),
    step(
        "both picture and range",
        "zero: {cells: XX------, offset: 0}",
        (33, "has both cells and of"),
    ),
    step(
        "a range behind the disk",
        "write: {offset: 1 GiB, length: 1, data: A}",
        (25, "the offset is 1 GiB|0 to 524,287: the disk has 512 KiB"),
    ),
    step(
        "a range that leaves the disk",
        "discard: {offset: 448K, length: 65537}",
        (41, "the length is 65537|1 to 65,536"),
    ),
    step("an empty range", "zero: {offset: 0, length: 0}", (35, "the length is 0|1 to 524,288")),
    step(
        "a negative offset", "zero: {offset: -1, length: 1}", (24, "the offset is -1|0 to 524,287")
    ),
    text(
        "a range of very many clusters",
        "scenario: s\ndisk: 1 PiB\ntimeline:\n  - zero: {offset: 0, length: 2 TiB}\n",
        (4, 31, "zero touches 33,554,432 clusters|at most 16,777,216 in one step"),
    ),
    # Requests that do not hang together.
    step(
        "since and bitmaps",
        "backup: {to: a, since: B1, bitmaps: B1}",
        (36, "both since and bitmaps are there"),
    ),
    step(
        "a start for a disk that is not there, from a checkpoint that is not there",
        "backup: {to: a, since: {vda: B9, vdx: null, vdc: 7}}",
        (38, "unknown checkpoint B9|B1"),
        (42, "unknown disk vdx|vda"),
        (53, "unknown disk vdc|vda"),
        (58, "vdc is 7|a checkpoint, or null"),
    ),
    step(
        "two starts for one disk",
        "backup: {to: a, since: {vda: B1, vda: null}}",
        (42, "duplicate key vda, first on line 7, column 33|each key once"),
    ),
    step("a start for no disk", "backup: {to: a, since: {}}", (25, "since is empty|{DISK: CH")),
    step(
        "starts for other disks than take part",
        "backup: {to: a, since: {vda: null}, disks: [vda, vdb]}",
        (25, "since names other disks than disks|{DISK: CHECKPOINT or null, ...} for each"),
        (58, "unknown disk vdb"),
    ),
    step(
        "starts in a list",
        "backup: {to: a, since: [B1]}",
        (32, "since is a list|a checkpoint, or {DISK: CHECKPOINT or null, ...}"),
    ),
    step(
        "an image that the host has",
        "write: {image: S1, cells: A-------}",
        (17, "image stands in a step that the host does|outside: true beside it"),
    ),
    step(
        "a write from outside into no image",
        "write: {cells: A-------, outside: true}",
        (34, "outside stands beside no image|image: NAME"),
    ),
    step(
        "a trim from outside",
        "discard: {image: S1, cells: A-------, outside: true}",
        (47, "nobody discards from outside|write or zero"),
    ),
    step(
        "an image is deleted by the host",
        "delete: {image: S1}",
        (18, "image stands in a step that the host does|outside: true beside it"),
    ),
    step(
        "a backup is deleted from outside",
        "delete: {backup: b, outside: true}",
        (26, "unknown backup b"),
        (29, "outside stands beside no image"),
    ),
    step(
        "a disk is resized from outside",
        "resize: {clusters: 9, outside: true}",
        (31, "outside stands beside no image|image: NAME"),
    ),
    step(
        "a commit from outside with a rate",
        "commit: {top: S1, outside: true, latency: 1s}",
        (42, "latency stands in a commit from outside, which is no job|top and base alone"),
        (42, "latency needs times"),
    ),
    step(
        "a rebase onto itself, and onto an image above",
        "snapshot: S2\n      - rebase: {image: S1, base: S1}\n"
        "      - rebase: {image: S1, base: S2, safe: maybe}\n"
        "      - rebase: {image: S1, base: S2}",
        (8, 35, "S1 cannot lie on itself|an image below it"),
        (9, 45, "safe is maybe|true or false"),
        (10, 35, "S2 lies above S1|an image below S1"),
    ),
    step(
        "a bitmap of two changes, and of none",
        "bitmap: {image: S9, clear: b, remove: b}\n      - bitmap: {image: S1}",
        (17, "bitmap has remove and clear|one of add, remove, clear, enable, disable, merge"),
        (25, "unknown image S9|S1"),
        (8, 17, "bitmap does not say what to do"),
    ),
    step(
        "a merge of bitmaps into nothing, and what stands beside other changes",
        "bitmap: {image: S1, merge: b, source: S8}\n"
        "      - bitmap: {image: S1, clear: b, into: b, granularity: x}\n"
        "      - bitmap: {image: S1, clear: b, into: b, granularity: 1 MiB}",
        (17, "merge does not say into which bitmap|into: NAME"),
        (47, "unknown image S8"),
        (8, 61, "granularity is x|a size such as 64 KiB"),
        (9, 39, "into stands in a bitmap without merge|merge: NAME"),
        (9, 48, "granularity stands in a bitmap without add|add: NAME"),
    ),
    step(
        "arguments that commands of qmp do not take yet",
        "qmp: {execute: drive-backup, arguments: {device: S1, target: b, sync: full, format: raw}}",
        (24, "format: raw of the command drive-backup is not implemented yet"),
    ),
    step("what is no rebase", "rebase: S1", (17, "rebase is S1|{image: NAME, base: NAME}")),
    step(
        "a conversion of an image that no step makes",
        "convert: {image: S8, to: x}",
        (26, "unknown image S8"),
    ),
    step(
        "a clone of an image that no step makes",
        "create: {image: C1, backing: S9}",
        (38, "unknown image S9|S1"),
    ),
    step(
        "a clone on the disk's own image",
        "create: {image: C1, backing: S1}",
        (38, "S1 is an image of the same disk|an image of another disk"),
    ),
    text(
        "clones that cannot lie on what they are to",
        "scenario: s\ndisks: {vda: 8, vdb: {clusters: 8, cluster_size: 4 KiB}, vdc: 8}\ntimeline:\n"
        "  - at: T1\n    do:\n      - create: {image: V1, disk: vda}\n"
        "      - create: {image: W1, disk: vdb, backing: V1}\n"
        "      - create: {image: X1, disk: vdc, backing: V1, format: raw}\n",
        (7, 49, "V1 has clusters of 65,536 bytes, vdb of 4,096|an image of the same cluster_size"),
        (8, 40, "X1 is raw, and has no backing image|format: qcow2"),
    ),
    step("no bitmaps", "backup: {to: a, bitmaps: []}", (34, "bitmaps is empty")),
    step("nothing to restore", "restore: {from: []}", (25, "from is empty|[OLDEST, ..., NEWEST]")),
    step("nothing to delete", "delete: {}", (17, "delete has nothing to delete")),
    step(
        "two things to delete",
        "delete: {checkpoint: B1, backup: a}",
        (17, "delete has two things to delete"),
    ),
    step("no image to snapshot", "snapshot: {bitmap: B2}", (19, "snapshot has no image")),
    step(
        "an image of another size",
        "create: {image: S2, size: 1 MiB}",
        (35, "the image has 16 clusters, the disk 8|the size of the disk"),
    ),
    # Expectations.
    step(
        "an unknown rule",
        "backup: x\n        expect: stale-bitmp",
        (8, 17, "unknown rule stale-bitmp|stale-bitmap, unseen-state, refused, BT201 or BT301|did"),
    ),
    step(
        "an unknown rule in a list",
        "backup: x\n        expect: [refused, BT999]",
        (8, 27, "unknown rule BT999"),
    ),
    step(
        "a figure beside a verb",
        "backup: x\n        expect: 'S1: |--------|'",
        (8, 17, "a figure stands beside a verb"),
    ),
    step(
        "an allowed rule that is unknown",
        "backup: x\n        allow: {rule: refused, because: b}",
        (8, 23, "unknown rule refused"),
    ),
    step(
        "no reason for what is allowed",
        "backup: x\n        allow: [{rule: BT201}]",
        (8, 17, "allow has no because"),
    ),
    step(
        "an empty reason",
        "backup: x\n        allow: {rule: BT201, because: ''}",
        (8, 39, "because is empty"),
    ),
    step("a figure with no row", "expect: ''", (17, "the figure has no row|NAME: |CELLS|")),
    step("a figure that is none", "expect: S1 is fine", (17, "no row of a figure: S1 is fine")),
    step(
        "rows of wrong length and name",
        "expect: |\n            S1: |----|\n            S1: |--------| <- s2: |--------|",
        (8, 13, "the row S1 has 4 cells, the disk 8"),
        (9, 31, "unknown row s2|S1, B1 or guest sees|did you mean S1?"),
    ),
    step(
        "a line of a figure that is no row",
        "expect: |2\n           S1: |--------|\n\n           B1 |XX|",
        (10, 12, "no row of a figure: B1 |XX|"),
    ),
    step("a figure on one line", "expect: 'guest: |--------|'", (18, "unknown row guest")),
    step(
        "a row that two things share",
        "backup: B1\n      - expect: 'B1: |--------|'",
        (8, 18, "B1 is the name of a checkpoint and of a backup"),
    ),
    # The timeline.
    entries(
        "a time that goes back",
        "  - at: 2h\n  - at: 90m",
        (5, 9, "time goes back: 90m comes after 2h on line 4, column 9|2h or later"),
    ),
    entries(
        "a name after a time", "  - at: 2h\n  - at: T1", (5, 9, "T1 is a name, but 2h on line 4")
    ),
    entries(
        "a time after a name", "  - at: T1\n  - at: 2h", (5, 9, "2h is a time, but T1 on line 4")
    ),
    entries(
        "a label that is there twice",
        "  - at: T1\n  - at: T1",
        (5, 9, "the instant T1 is there twice, first on line 4, column 9"),
    ),
    entries(
        "a label that is a number", "  - at: 5", (4, 9, "at is 5|a name, or a time since the sta")
    ),
    entries("a time out of range", "  - at: 200000d", (4, 9, "the time 200000d is out of range")),
    entries(
        "a time finer than a nanosecond", "  - at: 0.5ns", (4, 9, "the time 0.5ns is out of ran")
    ),
    entries("an instant without a label", "  - do: []", (4, 5, "an instant has no at")),
    entries(
        "other keys beside at",
        "  - {at: T1, write: AAAA----, foo: 1}",
        (4, 14, "write stands beside at|at and do alone|make it a step of do"),
        (4, 31, "foo stands beside at"),
    ),
    entries(
        "steps that are no list",
        "  - {at: T1, do: {create: S1}}\n  - {at: T2, do: start}",
        (4, 18, "do is a mapping|a list of steps|put - before each step"),
        (5, 18, "do is start"),
    ),
    entries(
        "a host's verb outside an instant",
        "  - backup: full.bak\n  - shutdown",
        (4, 5, "backup stands outside an instant"),
        (5, 5, "shutdown stands outside an instant"),
    ),
    entries(
        "a workload of a later version",
        "  - guest: {trace: {file: a.csv}, workload: zipf, writes: 1/s, until: 1s}",
        (4, 13, "the argument trace of guest is not implemented yet"),
    ),
    entries(
        "a verb of a later version outside an instant",
        "  - merge: {from: [a, b], to: a}",
        (4, 5, "the verb merge is not implemented yet"),
    ),
    text(
        "keys of a later version",
        "scenario: s\ndisk: 8\nstore: {kind: chunks}\nfleet: {}\ntimeline: []\n",
        (3, 1, "store is not implemented yet"),
        (4, 1, "fleet is not implemented yet"),
    ),
    disk("a size in decimal units", "8GB", (7, "8GB|a size such as 64 KiB|did you mean 8 GiB?")),
    disk(
        "a size with a fraction, and one in words",
        "{size: 1.5 GiB, cluster_size: 64 parsecs}",
        (14, "size is 1.5 GiB|a size such as 64 KiB|did you mean 1536 MiB?"),
        (37, "cluster_size is 64 parsecs|a size such as 64 KiB|"),
    ),
    entries(
        "times of day that go back",
        "  - at: 10:00\n  - at: 12:30\n  - at: 09:00\n",
        (6, 9, "time goes back: 09:00 comes after 12:30 on line 5, column 9|names in the order of"),
    ),
    entries(
        "entries that are none",
        "  - 5\n  - {}\n  - wrte: AAAA----",
        (4, 5, "an entry of timeline is 5"),
        (5, 5, "an entry of timeline is empty"),
        (6, 5, "unknown key wrte in the timeline"),
    ),
    # Disks.
    disk("no clusters", "0", (7, "disk has 0 clusters|1 to 17,179,869,184 clusters (2**34)")),
    disk("a negative number of clusters", "-1", (7, "disk has -1 clusters")),
    disk("2**63 clusters", f"{2**63}", (7, "disk has 9,223,372,036,854,775,808 clusters")),
    disk("an infinite number of clusters", "1e400", (7, "disk is 1e400|a number of clusters")),
    disk("half a cluster", "8.5", (7, "disk is 8.5|a number of clusters")),
    disk("a number of very many digits", "9" * 5000, (7, "disk is 9999999")),
    disk("a number in quotes", "'8'", (7, "disk is 8|a number of clusters")),
    disk("a list for a disk", "[8]", (7, "disk is a list|a number of clusters, or {clusters")),
    disk("both clusters and size", "{clusters: 8, size: 8}", (21, "both clusters and size")),
    disk("too large a size", "{size: 2000 PiB}", (14, "disk has 34,359,738,368,000 clusters")),
    disk(
        "clusters of three bytes", "{clusters: 8, cluster_size: 3}", (35, "cluster_size is 3|a po")
    ),
    disk(
        "clusters of 4 MiB", "{clusters: 8, cluster_size: 4 MiB}", (35, "is 4 MiB|a power of two")
    ),
    disk(
        "an unknown format", "{clusters: 8, format: qcow}", (29, "format is qcow|qcow2 or raw|did")
    ),
    disk("an unknown key of a disk", "{cluster: 8}", (8, "unknown key cluster in disk|clusters, ")),
    text("no disk", "scenario: s\ntimeline: []\n", (1, 1, "the size of the disk vda is not known")),
    text(
        "both disk and disks",
        "scenario: s\ndisk: 8\ndisks: {vda: 8}\ntimeline: []\n",
        (3, 1, "both disk and disks are there"),
    ),
    text("no disks", "scenario: s\ndisks: {}\ntimeline: []\n", (2, 8, "disks is empty")),
    text(
        "a disk of several",
        "scenario: s\ndisks: {vda: 8, 'v|b': 0}\ntimeline: []\n",
        (2, 17, "the name v|b has the character |"),
    ),
    text(
        "steps that do not say which disk",
        "scenario: s\ndisks: {vda: 8, vdb: 4}\ntimeline:\n"
        "  - {at: T1, do: [create: A, {create: {image: B, disk: vdc}}, snapshot: C]}\n"
        "  - write: AAAA\n"
        "  - write: {disk: vda, cells: AAAA}\n"
        "  - {at: T2, do: [expect: 'guest sees: |----|', expect: 'guest sees vdb: |-|']}\n",
        (4, 27, "create does not say which disk|disk: vda or disk: vdb"),
        (4, 56, "unknown disk vdc|vda or vdb"),
        (4, 73, "snapshot does not say of which disks|images: {vda: NAME, vdb: NAME}"),
        (5, 12, "write does not say which disk"),
        (6, 31, "the picture has 4 clusters, the disk has 8"),
        (7, 28, "unknown row guest sees"),
        (7, 58, "the row guest sees vdb has 1 cells, the disk 4"),
    ),
    # YAML.
    text("nothing", "", (1, 1, "the file is empty")),
    text("nothing but comments", "# one\n# two\n", (1, 1, "the file is empty")),
    text("nothing but a document", "---\n", (1, 4, "the file is empty")),
    text("no YAML", "scenario: [\n", (1, 12, "not YAML: did not find expected node content")),
    text("a colon in a text", "scenario: a: b\n", (1, 12, "not YAML: mapping values are not allo")),
    text("a colon in a list", "a:\n  - b: c: d\n", (2, 9, "put a text with a colon in quotes")),
    text(
        "a verb alone, and a key to it",
        "timeline:\n  - at: T1\n    do:\n      - start\n        expect: refused\n",
        (5, 15, "write `start:` where more belongs to it"),
    ),
    text(
        "the same from Windows", "a:\r\n- crash\r\n  allow: x\r\n", (3, 8, "write `crash:` where")
    ),
    text(
        "a tab", "scenario: s\ntimeline:\n\t- at: T1\n", (3, 1, "indent with blanks, not with tabs")
    ),
    text("a quote without end", "scenario: 's\n", (1, 13, "that begins on line 1, column 11")),
    text(
        "a key that is there twice",
        "scenario: s\ndisk: 8\nscenario: t\ntimeline: []\n",
        (3, 1, "duplicate key scenario, first on line 1, column 1"),
    ),
    step(
        "a key that is there twice in a step",
        "backup: {to: a, to: b}",
        (25, "duplicate key to, first on line 7, column 18"),
    ),
    step(
        "a key that is a number", "backup: {to: a, 1: b}", (25, "the key 1 is not text|text|quote")
    ),
    step(
        "a key that is a list", "{[create]: a}", (9, "a step is empty"), (10, "a key is not text")
    ),
    step(
        "a Python tag",
        "checkpoint: !!python/object/apply:os.system [x]",
        (21, "tags are not part"),
        (21, "checkpoint is a list"),
    ),
    step(
        "a tag of YAML's own", "checkpoint: &a !!str C1", (24, "the language: !!str|a value witho")
    ),
    step("an alias of nothing", "checkpoint: *c", (21, "unknown alias *c|&c before the value")),
    step("an alias within itself", "restore: {from: &a [*a]}", (29, "*a stands within itself")),
    text(
        "two documents", "scenario: s\n---\nscenario: t\n", (2, 1, "a second document begins here")
    ),
    text("a NUL byte", "scenario: s\n# \0\n", (2, 3, "the file holds the character U+0000")),
    text(
        "a control character", "scenario: s\x07\n", (1, 12, "the file holds the character U+0007")
    ),
    text("half a character", "scenario: \ud800\n", (1, 11, "the byte 0xed is not UTF-8")),
    text(
        "bytes that are no UTF-8", b"a: b\nscenario: \xc3\xa9\xff\n", (2, 12, "the byte 0xff is no")
    ),
    text(
        "UTF-16", "scenario: s".encode("utf-16"), (1, 1, "is not UTF-8|text in UTF-8|save the file")
    ),
    text("lists within lists", "[" * 100_000, (1, 65, "more than 64 deep")),
    text("lists within lists by lines", "- " * 100_000, (1, 129, "more than 64 deep")),
    text("mappings within mappings", "{a: " * 100_000, (1, 257, "more than 64 deep")),
    text("keys within keys", "? " * 100_000, (1, 129, "more than 64 deep")),
]


def problems_of(content: str | bytes) -> tuple[Problem, ...]:
    """Every problem of a text."""
    with pytest.raises(InputError) as caught:
        Scenario(load_text(content, "bad.yaml", rules=RULES)).run()
    assert caught.value.path == "bad.yaml"
    return caught.value.problems


def tell(problem: Problem) -> str:
    """All that a problem says."""
    return "|".join((problem.message, problem.expected, problem.help))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_mistake_is_told_with_its_place(case: Case) -> None:
    problems = problems_of(case.text)
    places = [(p.span.line, p.span.column) for p in problems if p.span is not None]
    assert places == [(told.line, told.column) for told in case.told], [*map(tell, problems)]
    for problem, told in zip(problems, case.told, strict=True):
        assert told.part in tell(problem)


def test_every_case_is_of_its_own() -> None:
    assert len({case.id for case in CASES}) == len(CASES)


def test_a_problem_ends_where_the_word_ends() -> None:
    (problem,) = problems_of(f"{BEGUN}      - backup: {{to: a, since: b1}} # of B1\n")
    assert problem.span is not None
    assert (problem.span.end_line, problem.span.end_column) == (STEP_LINE, 34)


def test_all_problems_are_told_in_the_order_of_the_file() -> None:
    content = TOP + "  - write: AA\n  - zoro: 5\n" + "scenario: again\nseed: x\n"
    lines = [p.span.line for p in problems_of(content) if p.span is not None]
    assert lines == [4, 5, 6, 7]


def test_names_of_a_step_that_does_not_fit_are_not_unknown() -> None:
    content = f"{BEGUN}      - backup: {{to: a, snce: B1}}\n      - restore: {{from: [a]}}\n"
    (problem,) = problems_of(content)
    assert "snce" in problem.message


@pytest.mark.parametrize(("steps", "more"), [(100, None), (101, "and 1 more"), (999, "and 899")])
def test_at_most_a_hundred_problems_are_told_one_by_one(steps: int, more: str | None) -> None:
    problems = problems_of(TOP + "  - write: A\n" * steps)
    assert len(problems) == min(steps, 101)
    assert more is None or problems[-1].message.startswith(f"{more} more problems"[: len(more)])


def test_after_a_thousand_problems_the_rest_is_not_looked_at() -> None:
    problems = problems_of(TOP + "  - write: A\n" * 5000)
    assert problems[-1].message == "and at least 900 more problems"


def test_an_alias_bomb_is_refused_with_little_memory() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in pairwise("abcdefghij")]
    tracemalloc.start()
    (problem,) = problems_of("\n".join(lines))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "stand for more than 100,000 values" in problem.message
    assert peak < 20_000_000


@pytest.mark.parametrize(
    "content",
    [
        "scenario: " + "a" * 10**7 + "\ndisk: 0\ntimeline: []",
        "a" * 10**7,
        '"' + "a" * 10**7,
        "[" + "1," * (5 * 10**6),
        "scenario: s\ntimeline: [" + "{write: '?'}," * 700_000 + "]",
        "scenario: s\ndisk: 8\ntimeline: [{write: " + "?" * 10**7 + "}]",
    ],
    ids=["title", "word", "quote", "list", "steps", "picture"],
)
def test_ten_megabytes_on_one_line_are_refused_in_seconds(content: str) -> None:
    started = process_time()
    assert problems_of(content)
    assert process_time() - started < 20


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert message_of(tmp_path / "none.yaml") == "there is no such file"


def test_a_directory_is_told(tmp_path: Path) -> None:
    assert message_of(tmp_path) == "this is a directory"


def test_a_name_that_no_file_can_have_is_told() -> None:
    assert message_of("a\0b") == "this is no name of a file"


def test_a_file_that_is_not_readable_is_told(tmp_path: Path) -> None:
    path = tmp_path / "secret.yaml"
    path.write_text(BEGUN)
    path.chmod(0)
    with bound_by_permissions():
        assert message_of(path) == "the file is not readable: permission denied"


def test_a_file_without_end_is_told() -> None:
    assert message_of("/dev/zero") == "the file is too large"


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = SimpleNamespace(buffer=io.BytesIO(BEGUN.encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    script = load_file("-")
    assert (script.path, script.source) == ("-", BEGUN)


def message_of(path: Path | str) -> str:
    """What is told about a file that cannot be read."""
    with pytest.raises(InputError) as caught:
        load_file(str(path))
    assert caught.value.path == str(path)
    (problem,) = caught.value.problems
    return problem.message
