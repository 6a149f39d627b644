"""Comparisons as text for a terminal or a mail, and as Markdown for a review thread."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from simulator.compare.cells import carets
from simulator.compare.differences import Comparison, RowDifference
from simulator.diagnostics import printable, shown

WIDTH = 72
"""Columns of the text, where the names and the disks allow it."""

UNITS = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))

Table = list[tuple[str, ...]]
"""Rows of cells, the head first."""


def write_text(comparisons: Sequence[Comparison]) -> str:
    """Return comparisons as text, with a final newline."""
    parts = [part for each in comparisons for part in _parts(each)]
    parts.append("\n".join(_summed(comparisons)))
    return "\n\n".join(parts) + "\n"


def write_json(comparisons: Sequence[Comparison]) -> str:
    """Return comparisons as JSON text, with a final newline. Equal runs give equal bytes."""
    plain = [
        {
            **each._asdict(),
            "instants": [
                {"at": instant.at, "rows": [row._asdict() for row in instant.rows]}
                for instant in each.instants
            ],
            "backups": [backup._asdict() for backup in each.backups],
            "refused": [step._asdict() for step in each.refused],
            "flagged": [flagged._asdict() for flagged in each.flagged],
            "same": each.same,
        }
        for each in comparisons
    ]
    return json.dumps({"format": 1, "comparisons": plain}, indent=1) + "\n"


def write_markdown(comparisons: Sequence[Comparison]) -> str:
    """Return comparisons as Markdown, with a final newline: figures fenced, the rest as tables."""
    parts: list[str] = []
    for each in comparisons:
        parts.append(f"### {each.scenario}\n\n`{each.file}`, {_listed(each.models)}")
        parts += _prose(each)
        figures = "\n\n".join(_figures(each))
        if figures:
            parts.append(f"```text\n{figures}\n```")
        for table in _tables(each):
            parts.append("\n".join(_piped(table)))
    parts.append("\n".join(_piped(_summary(comparisons))))
    return "\n\n".join(parts) + "\n"


def _parts(each: Comparison) -> Iterator[str]:
    head = textwrap.wrap(each.scenario, WIDTH)
    yield "\n".join([*head, f"{printable(each.file)}: {_listed(each.models)}"])
    yield from _prose(each)
    yield from _figures(each)
    for table in _tables(each):
        yield "\n".join(_aligned(table))


def _prose(each: Comparison) -> Iterator[str]:
    for model, why in zip(each.models, each.unplayed, strict=True):
        if why is not None:
            yield f"cannot be played under {model}: {why}"
    if each.same:
        yield "the same under all of them"


def _figures(each: Comparison) -> Iterator[str]:
    """Yield the instants with the rows that differ, aligned, and carets below what differs."""
    for instant in each.instants:
        lines = [instant.at if instant.at is not None else "afterwards"]
        for row in instant.rows:
            lines += _row(each.models, row)
        yield "\n".join(lines)
    for backup in each.backups:
        cells = [text for text in backup.cells if text is not None]
        if len(set(cells)) > 1:
            yield "\n".join(_row(each.models, RowDifference(backup.name, backup.cells)))


def _row(models: tuple[str, ...], row: RowDifference) -> list[str]:
    """Return one row as lines: the models that agree on it share one."""
    agreeing: dict[str | None, list[str]] = {}
    for model, cells in zip(models, row.cells, strict=True):
        agreeing.setdefault(cells, []).append(model)
    labels = {cells: f"{', '.join(named)}:" for cells, named in agreeing.items()}
    width = max(map(len, labels.values()))
    lines = [f"  {shown(row.label)}"]
    lines += [
        f"    {labels[cells].ljust(width)} {cells if cells is not None else 'has none'}"
        for cells in agreeing
    ]
    drawn = [cells.rstrip("+") for cells in agreeing if cells is not None]
    marks = carets(drawn) if len(drawn) > 1 else ""
    if marks:
        lines.append(f"    {' ' * width} {marks}")
    return lines


def _tables(each: Comparison) -> Iterator[Table]:
    if each.backups:
        rows = [(backup.name, *map(_size, backup.sizes)) for backup in each.backups]
        yield [("backup", *each.models), *rows]
    if each.refused:
        rows = [
            (f"line {step.line}, {step.at or 'between'}", *(words or "-" for words in step.words))
            for step in each.refused
        ]
        yield [("refused", *each.models), *rows]
    if each.flagged:
        rows = [
            (f"{f.code} {f.rule}, line {f.line}", *("found" if has else "-" for has in f.found))
            for f in each.flagged
        ]
        yield [("found", *each.models), *rows]
    if each.restorable and each.backups:
        rows = [(at, *(way or "-" for way in ways)) for at, ways in each.restorable.items()]
        yield [("restores", *each.models), *rows]


def _summary(comparisons: Sequence[Comparison]) -> Table:
    """Return the table at the end: a line for each scenario and model."""
    table: Table = [("scenario", "model", "refused", "errors", "data", "restores")]
    for each in comparisons:
        name = PurePath(each.file).stem
        for number, model in enumerate(each.models):
            table.append(
                (
                    name if number == 0 else "",
                    model,
                    str(each.turned_down(number)),
                    str(each.errors[number]),
                    _size(each.data(number)),
                    f"{each.given_back(number)} of {len(each.restorable)}",
                )
            )
    same = sum(each.same for each in comparisons)
    if len(comparisons) > 1:
        table.append((f"{same} of {len(comparisons)} the same", "", "", "", "", ""))
    return table


def _summed(comparisons: Sequence[Comparison]) -> list[str]:
    """Return the table at the end as lines, each scenario's name above the lines of its models."""
    head, *rows = _summary(comparisons)
    named = [row[0] for row in rows]
    lines = _aligned([(f"  {row[1]}", *row[2:]) for row in (head, *rows) if row[1]])
    told = [head[0], lines[0]]
    for name, line in zip(named, [*lines[1:], ""], strict=False):
        told += [name] if name else []
        told += [line] if line else []
    return told


def _size(size: int | str) -> str:
    """Return bytes in a unit that keeps the number short; words as they are."""
    if isinstance(size, str):
        return size
    for unit, name in UNITS:
        if size >= unit:
            whole = size % unit == 0
            return f"{size // unit} {name}" if whole else f"{size / unit:.1f} {name}"
    return f"{size} B"


def _aligned(table: Table) -> list[str]:
    """Return a table as lines; one that is too wide has a line for each cell below its row."""
    table = [tuple(map(printable, row)) for row in table]
    widths = [max(len(row[n]) for row in table) for n in range(len(table[0]))]
    if sum(widths) + 2 * len(widths) <= WIDTH:
        return [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in table
        ]
    head, *rows = table
    lines = [head[0]]
    width = max(map(len, head[1:])) + 1
    for row in rows:
        lines.append(f"  {row[0]}")
        for label, cell in zip(head[1:], row[1:], strict=True):
            lead = f"    {f'{label}:'.ljust(width)} "
            lines += textwrap.wrap(
                cell, WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead)
            )
    return lines


def _piped(table: Table) -> list[str]:
    head, *rows = table
    cells = [[printable(cell).replace("|", "\\|") for cell in row] for row in (head, *rows)]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return [lines[0], f"|{' --- |' * len(head)}", *lines[1:]]


def _listed(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
