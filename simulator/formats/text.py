"""Reports as text for a terminal or a log."""

from collections import Counter
from collections.abc import Iterator

from simulator.diagnostics import counted, printable
from simulator.formats.values import FileReport, Report, count, found
from simulator.render.report import write_finding, write_problem


def write_file(
    report: FileReport, *, colour: bool = False, folded: bool = False, quiet: bool = False
) -> str:
    """Return what was found in a file, with a final newline; empty where nothing is to be said.

    Args:
        folded: Whether what the file knows of is counted only.
        quiet: Whether nothing but findings is told.
    """
    told = report.fresh if folded or quiet else report.told
    blocks = [
        write_finding(
            each.finding, path=report.path, source=report.source, colour=colour, turn=each.turn
        )
        for each in told
    ]
    if report.summary and not quiet:
        blocks.append(f"{printable(report.path)}: {report.summary}")
    return "\n\n".join(blocks) + "\n" if blocks else ""


def write_problems(report: FileReport, *, colour: bool = False) -> str:
    """Return what makes a file unusable, with no final newline."""
    return "\n\n".join(
        write_problem(each, path=report.path, source=report.source, colour=colour)
        for each in report.problems
    )


def write_total(report: Report) -> str:
    """Return one line that counts files and findings, with no newline."""
    counts = count(report.files)
    kinds = [
        counted(number, word)
        for number, word in (
            (counts.errors, "error"),
            (counts.warnings, "warning"),
            (counts.infos, "note"),
        )
        if number
    ]
    known = [
        f"{number:,} {word}"
        for number, word in ((counts.expected, "expected"), (counts.allowed, "allowed"))
        if number
    ]
    told = [counted(counts.files, report.noun), *(kinds or ["no findings"]), *known]
    told += [f"{counts.unusable:,} unusable"] if counts.unusable else []
    return ", ".join(told)


def write_statistics(report: Report) -> str:
    """Return how often each code was found, the most frequent first, with no final newline."""
    number: Counter[tuple[str, str]] = Counter()
    known: Counter[tuple[str, str]] = Counter()
    for _, told in found(report):
        key = told.finding.code, told.finding.rule
        number[key] += 1
        known[key] += told.known
    lines = []
    for (code, rule), times in sorted(number.items(), key=lambda each: (-each[1], each[0])):
        of_them = f" ({known[code, rule]:,} expected or allowed)" if known[code, rule] else ""
        name = f"{code}  {rule}" if rule != code else code
        lines.append(f"{times:>6,}  {name}{of_them}")
    return "\n".join(lines)


def tell_text(report: Report) -> Iterator[str]:
    """Yield a whole report as text, piece by piece."""
    gap = ""
    for each in report.files:
        pieces = [write_problems(each) + "\n"] if each.problems else []
        pieces += [write_file(each, folded=True)] if each.told or each.summary else []
        for piece in pieces:
            yield gap + piece
            gap = "\n"
    yield f"{gap}{write_total(report)}\n"
