"""Commands about the real thing: ``verify`` plays on it, ``export`` writes for it, ``inspect`` and
``doctor`` look at what is there."""

import gc
import sys
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from simulator.cli.ends import UNUSABLE, give_up, refuse_input, told_unwritable
from simulator.cli.output.options import ReportFormat, Wishes, reporting
from simulator.cli.output.telling import Own, Telling
from simulator.cli.program.options import Files, HostOption, ModelOption
from simulator.cli.progress import Track
from simulator.cli.reading import find_host, find_model, found_scenarios, played
from simulator.diagnostics import Problem, printable

if TYPE_CHECKING:
    from simulator.doctor.diagnosis import Diagnosis
    from simulator.inspect.inspection import Inspection
    from simulator.releases.hosts import Host
    from simulator.timeline import Timeline
    from simulator.verify.peers import Peer as RealPeer
    from simulator.verify.playing import Verification


class Peer(StrEnum):
    """The real thing that ``verify`` holds a simulation against."""

    QEMU = "qemu"
    LIBVIRT = "libvirt"


class ScriptLanguage(StrEnum):
    """What ``export`` writes."""

    QMP = "qmp"
    SH = "sh"
    VIRSH = "virsh"


class InspectFormat(StrEnum):
    """What ``inspect`` and ``doctor`` print."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    GITLAB = "gitlab"
    JUNIT = "junit"
    MARKDOWN = "markdown"
    SCENARIO = "scenario"


CellsOption = Annotated[
    int, typer.Option("--cells", min=1, max=4096, help="Cells of a row, at most.")
]

SeenOption = Annotated[
    InspectFormat,
    typer.Option("--format", "-f", help="Figures, data, a report, or a scenario to go on."),
]

AsOption = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="RELEASE",
        help="Also tell where this release goes otherwise: 7.2, or qemu=11.1,libvirt=12.8.",
    ),
]


@reporting()
def verify(
    files: Files = None,
    peer: Annotated[Peer, typer.Option("--with", help="What to play them on.")] = Peer.QEMU,
    model: ModelOption = None,
    meant: AsOption = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds that a step may take.")
    ] = 10.0,
    *,
    wishes: Wishes,
) -> None:
    """Play scenarios on the real thing; show the first difference."""
    from simulator import pipeline
    from simulator.pipeline.reports import report_unusable
    from simulator.verify.peers import NOT_JUDGED, PEERS

    gc.freeze()
    gc.enable()
    chosen, real, status = find_model(model), PEERS[peer.value], 0
    asked = _meant(peer, model, meant) if meant is not None else chosen.host if chosen else None
    paths = [each.path for each in found_scenarios(files)]
    inputs, track = [*paths, model or ""], Track(len(paths))
    telling = Telling("verify", "scenario", wishes, inputs=inputs, several=len(paths) > 1)
    for path in paths:
        try:
            timeline = pipeline.load(path).run(chosen).timeline
        except pipeline.InputError as error:
            telling.add(report_unusable(error))
            continue
        if problem := real.refuse(timeline):
            telling.add(report_unusable(pipeline.InputError(path, "", [Problem(problem)])))
            continue
        with track.file(f"playing {path} on a real {real.name}"):
            outcome = real.verify(timeline, timeout, asked)
        _tell_outcome(telling, outcome, real, timeline)
        if outcome.finding is not None and outcome.finding.rule in NOT_JUDGED:
            status = UNUSABLE
        if not outcome.version:
            break  # What is missing here is missing for the other files, too.
    telling.end(status=status)


def _tell_outcome(
    telling: Telling, outcome: "Verification", real: "RealPeer", timeline: "Timeline"
) -> None:
    """Tell what came of one scenario: how many steps agree, or the first difference."""
    from simulator.formats.values import FileReport, Told
    from simulator.verify.playing import summarise

    script = timeline.script
    if outcome.finding is None:
        summary = summarise(outcome, real.name)
        telling.add(FileReport(script.path, script.source, summary=summary))
        return
    said = ["", f"{real.language} so far:", *map(printable, outcome.said)] if outcome.said else []
    after = "".join(f"{line}\n" for line in said)
    telling.add(FileReport(script.path, script.source, (Told(outcome.finding),)), after=after)


def _meant(peer: Peer, model: str | None, word: str) -> "Host":
    """Return the host that --as means: one release is that of the peer."""
    from simulator.releases.hosts import read_host

    return read_host(find_host(model, word if "=" in word else f"{peer.value}={word}"))


def export(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A scenario; - reads stdin.")],
    to: Annotated[
        ScriptLanguage,
        typer.Option("--to", help="Lines of QMP, or a shell script: of QMP, of virsh."),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write, instead of stdout.")
    ] = None,
    model: ModelOption = None,
    host: HostOption = None,
) -> None:
    """Write a scenario as a script for a real QEMU, or a real libvirt."""
    from simulator.export.languages import Language, UnsupportedError, export_timeline
    from simulator.writing import write_text

    if output is not None:
        refuse_input(output, file, model)
    timeline = played(file, model, host).timeline
    try:
        text = export_timeline(timeline, Language(to.value))
    except UnsupportedError as error:
        give_up(f"{file}: {error}")
    if output is None:
        print(text, end="")
        return
    with told_unwritable(output):
        write_text(output, text)
    print(f"{printable(str(output))} written")


@reporting("format")
def inspect(
    images: Annotated[
        list[str],
        typer.Argument(metavar="IMAGE...", help="Active images; what is below them is found."),
    ],
    cells: CellsOption = 64,
    format: SeenOption = InspectFormat.TEXT,
    *,
    wishes: Wishes,
) -> None:
    """Draw real qcow2 images, their backing chain and bitmaps; they are only read."""
    from simulator.inspect.document import write_json
    from simulator.inspect.inspection import inspect_images

    telling = _telling("inspect", "disk", images, format, wishes)
    seen = inspect_images(images, cells=cells)
    ways = partial(_drawn, seen, cells, telling), partial(_scenario_of, seen, cells, telling)
    _tell_seen(telling, format, seen, lambda _: write_json(seen), *ways)


def _telling(
    command: str, noun: str, inputs: list[str], format: InspectFormat, wishes: Wishes
) -> Telling:
    """Return what tells of real things; a scenario is no format of a report."""
    printed = None if format is InspectFormat.SCENARIO else ReportFormat(format.value)
    return Telling(command, noun, wishes._replace(format=printed), inputs=inputs, silent=True)


def _tell_seen(
    telling: Telling,
    format: InspectFormat,
    seen: "Inspection | Diagnosis",
    data: Own,
    text: Own,
    scenario: Own,
) -> NoReturn:
    """Tell what was found in real things, as data, as text, or as a scenario to go on from."""
    from simulator.pipeline.reports import chains_of, report_seen

    for report in report_seen(seen.problems, seen.findings, chains_of(seen.disks)):
        telling.add(report)
    own: dict[ReportFormat, Own] = {ReportFormat.JSON: data, ReportFormat.TEXT: text}
    telling.end(own=own, printed=scenario if format is InspectFormat.SCENARIO else None)


def _scenario_of(seen: "Inspection", cells: int, telling: Telling, colour: bool) -> str:
    """Return a scenario to go on from; what was found is told beside it."""
    from simulator.inspect.inspection import scenario_of

    if not seen.disks:
        return ""
    found = _findings_of(telling, colour)
    print("\n\n".join(found), end="\n" if found else "", file=sys.stderr)
    return scenario_of(seen, cells=cells)


def _findings_of(telling: Telling, colour: bool) -> list[str]:
    from simulator.render.report import write_finding

    return [
        write_finding(each.finding, path=file.path, source="", colour=colour)
        for file in telling.files
        for each in file.told
    ]


def _drawn(seen: "Inspection", cells: int, telling: Telling, colour: bool) -> str:
    """Return figures, findings and counts; nothing where no image could be used."""
    from simulator.inspect.text import summarise, write_text

    if not seen.disks:
        return ""
    quiet, alone = telling.wishes.quiet, len(seen.disks) == 1
    drawn = [] if quiet else [write_text(disk, cells=cells, alone=alone) for disk in seen.disks]
    counts = [] if quiet else [summarise(seen)]
    return "\n\n".join([*drawn, *_findings_of(telling, colour), *counts]) + "\n"


@reporting("format")
def doctor(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT...",
            help="Folders of backups, images, libvirt's documents, JSON of QEMU; - reads stdin.",
        ),
    ],
    checkpoints: Annotated[
        str | None,
        typer.Option("--checkpoints", metavar="DIR", help="Documents of checkpoints."),
    ] = None,
    cells: CellsOption = 64,
    format: SeenOption = InspectFormat.TEXT,
    *,
    wishes: Wishes,
) -> None:
    """Tell what backups can be restored, what is broken, and what to do; all is only read."""
    from simulator.doctor.diagnosis import diagnose
    from simulator.doctor.document import write_json

    telling = _telling("doctor", "thing", paths, format, wishes)
    read = diagnose(paths, checkpoints=checkpoints, cells=cells, stdin=sys.stdin.read)
    ways = partial(_told, read, cells, telling), partial(_scenario_after, read, cells, telling)
    _tell_seen(telling, format, read, lambda _: write_json(read), *ways)


def _scenario_after(read: "Diagnosis", cells: int, telling: Telling, colour: bool) -> str:
    """Return a scenario to go on from; what was found is told beside it."""
    from simulator.doctor.scenario import NoFolderError, write_scenario

    found = _findings_of(telling, colour)
    print("\n\n".join(found), end="\n" if found else "", file=sys.stderr)
    try:
        return write_scenario(read, cells=cells)
    except NoFolderError as error:
        give_up(str(error))


def _told(read: "Diagnosis", cells: int, telling: Telling, colour: bool) -> str:
    """Return what was read, what was found, and counts."""
    from simulator.doctor.text import summarise, write_text

    if read.empty:
        return ""
    quiet = telling.wishes.quiet
    whole, counts = ([], []) if quiet else (write_text(read, cells=cells), [summarise(read)])
    return "\n\n".join([*whole, *_findings_of(telling, colour), *counts]) + "\n"
