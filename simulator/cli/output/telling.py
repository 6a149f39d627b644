"""Tells what a command finds: at once on the terminal, at the end in files."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from simulator.cli.ends import FAILING, UNUSABLE, colour_of, give_up, refuse_input, told_unwritable
from simulator.cli.output.options import FORMATS, ReportFormat, Wishes
from simulator.cli.settings.force import settings
from simulator.diagnostics import printable

if TYPE_CHECKING:
    from simulator.compare.compat.kinds import Difference
    from simulator.formats.selecting import Selection
    from simulator.formats.values import FileReport, Report


Own: TypeAlias = Callable[[bool], str]
"""What a command writes itself in place of a report; given whether in colour."""


class Telling:
    """What a command found, and how it is told.

    Attributes:
        files: What was found so far.
        flows: Whether some format tells the way to a finding.
    """

    def __init__(
        self,
        command: str,
        noun: str,
        wishes: Wishes,
        *,
        inputs: Sequence[str] = (),
        several: bool = False,
        silent: bool = False,
    ) -> None:
        """Hold the options against what there is, or end with status 2, before anything is done.

        Args:
            noun: What the files are: ``scenario``.
            inputs: What is read, and never written over.
            several: Whether there is more than one file, so that what is known is counted only.
            silent: Whether the command prints text itself.
        """
        self.command, self.noun, self.wishes = command, noun, wishes
        self.format = wishes.format or ReportFormat.TEXT
        self.outputs = _outputs(wishes.output or (), inputs)
        self.flows = ReportFormat.SARIF in (self.format, *(each for each, _ in self.outputs))
        self.selection = _selection(wishes)
        self.several, self.silent = several, silent
        self.files: list[FileReport] = []
        self._gap, self._bare = "", False

    def add(self, report: "FileReport", *, after: str = "") -> None:
        """Take what was found in a file, and print it where text is asked for.

        Args:
            after: What is printed below it, such as what was said to a real thing.
        """
        from simulator.formats.text import write_problems

        report = self.selection.sift(report) if self.selection is not None else report
        self.files.append(report)
        if report.problems:
            print(write_problems(report, colour=colour_of(sys.stderr)), file=sys.stderr)
        if self.format is ReportFormat.TEXT and not self.silent:
            self._print(report, after)

    def sifted(self, path: str, found: "Sequence[Difference]") -> "list[Difference]":
        """Return those of some differences that are told."""
        chosen = self.selection
        return [each for each in found if chosen is None or chosen.tells(path, each.kind)]

    def _print(self, report: "FileReport", after: str) -> None:
        from simulator.formats.text import write_file

        quiet, folded = self.wishes.quiet, self.several
        text = write_file(report, colour=colour_of(), folded=folded, quiet=quiet) + after
        if not text:
            return
        bare = folded and not after and not report.fresh
        print(end="" if bare and self._bare else self._gap)
        print(text, end="", flush=True)
        self._gap, self._bare = "\n", bare

    def end(
        self,
        *,
        own: "Mapping[ReportFormat, Own] | None" = None,
        printed: "Own | None" = None,
        status: int = 0,
        alone: bool = False,
    ) -> NoReturn:
        """Write what is asked for, print the totals, and end with the status.

        Args:
            own: What the command writes itself in some formats.
            printed: What it prints in place of text.
            status: The least status; the only one where it is told *alone*.
        """
        from simulator.formats.text import write_statistics, write_total
        from simulator.formats.values import Report

        report = Report(self.command, self.noun, tuple(self.files))
        for format, path in self.outputs:
            _write(report, format, path, own or {})
        if printed is not None:
            own = {ReportFormat.TEXT: printed}
        text = self.format is ReportFormat.TEXT
        if own is not None and self.format in own:
            print(own[self.format](colour_of()), end="")
        elif not text:
            sys.stdout.writelines(tell(report, self.format))
        elif self.several and not self.wishes.quiet:
            print(f"{self._gap}{write_total(report)}")
            self._gap = "\n"
        if self.wishes.statistics and (told := write_statistics(report)):
            print(f"{self._gap}{told}", file=sys.stdout if text else sys.stderr)
        raise SystemExit(status if alone else max(self.status, status))

    @property
    def status(self) -> int:
        """The exit status of what was found."""
        if any(each.problems for each in self.files):
            return UNUSABLE
        failing = any(each.failing for each in self.files)
        return FAILING if failing and not self.wishes.exit_zero else 0


def tell(report: "Report", format: ReportFormat) -> Iterator[str]:
    """Return a report in a format, piece by piece; only that format's module is loaded."""
    if format is ReportFormat.SARIF:
        from simulator.formats.sarif import tell_sarif as write
    elif format is ReportFormat.GITHUB:
        from simulator.formats.forges import tell_github as write
    elif format is ReportFormat.GITLAB:
        from simulator.formats.forges import tell_gitlab as write
    elif format is ReportFormat.JUNIT:
        from simulator.formats.junit import tell_junit as write
    elif format is ReportFormat.MARKDOWN:
        from simulator.formats.markdown import tell_markdown as write
    elif format is ReportFormat.JSON:
        from simulator.formats.plain import tell_json as write
    else:
        from simulator.formats.text import tell_text as write
    return write(report)


def _write(
    report: "Report", format: ReportFormat, path: Path, own: Mapping[ReportFormat, Own]
) -> None:
    from simulator.writing import open_text

    with told_unwritable(path), open_text(path) as stream:
        stream.writelines([own[format](False)] if format in own else tell(report, format))


def _outputs(words: Sequence[str], inputs: Sequence[str]) -> list[tuple[ReportFormat, Path]]:
    """Return the files to write, or end with status 2 where one cannot be meant."""
    from simulator.writing import is_same_file

    found: list[tuple[ReportFormat, Path]] = []
    for word in words:
        name, equals, file = word.partition("=")
        if not equals or not file:
            give_up(f"--output {word}: expected FORMAT=FILE, such as sarif=out.sarif")
        if name not in FORMATS:
            give_up(f"--output {word}: unknown format {name}", name, FORMATS)
        path = Path(file)
        for other, known in found:
            if is_same_file(path, known):
                give_up(f"{other} and {name} would both be written to {file}")
        if path.is_dir():
            give_up(f"cannot write {file}: it is a folder")
        if not path.absolute().parent.is_dir():
            give_up(f"cannot write {file}: there is no folder {path.parent}")
        refuse_input(path, *inputs)
        found.append((ReportFormat(name), path))
    return found


def _selection(wishes: Wishes) -> "Selection | None":
    """Return what is told; None for all of it."""
    said = settings()
    select, ignore = wishes.select or said.get("select"), wishes.ignore or said.get("ignore")
    per_file = {
        pattern: table["ignore"]
        for pattern, table in said.get("per-file").items()
        if table.get("ignore")
    }
    if not (select or ignore or per_file):
        return None
    from simulator.formats.selecting import Selection

    return Selection(
        select=_codes("--select", select),
        ignore=_codes("--ignore", ignore),
        per_file=[(pattern, _codes("ignore", codes)) for pattern, codes in per_file.items()],
    )


def _codes(option: str, words: Sequence[str] | None) -> frozenset[str]:
    """Return the codes that an option names, or end with status 2 where it names none."""
    from simulator.formats.selecting import UnknownCode, codes_of

    parts = [part.strip() for word in words or () for part in word.split(",") if part.strip()]
    if words and not parts:
        give_up(f"{option} names no code")
    try:
        return codes_of(parts)
    except UnknownCode as unknown:
        print(f"error: {option}: {printable(str(unknown))}", file=sys.stderr)
        if unknown.near:
            print(f"  = help: did you mean {' or '.join(unknown.near)}?", file=sys.stderr)
        raise SystemExit(UNUSABLE) from None
