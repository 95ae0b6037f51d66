"""Shown rows as a file: csv or json, full precision, UTC; what is there is never written over."""

import csv
import io
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from tui.format import Shown
from tui.view import Moment, Row
from tui.widgets.table import Column

MAX_COPIED = 16 * 1024


def names_of(columns: Sequence[Column]) -> list[str]:
    """Return a name for each column: the field behind it, else its label."""
    return [column.of or str(column.label) for column in columns]


def values_of(row: Row, columns: Sequence[Column], moment: Moment) -> list[object]:
    """Return a row's values: as they are stored, else as they are shown with an ASCII minus."""
    found: list[object] = []
    for column in columns:
        value = row.get(column.of) if column.of else None
        if value is None and not (column.of and column.of in row):
            value = column.show(row, moment).strip().replace("−", "-")
        found.append(value)
    return found


def csv_text(rows: Sequence[Row], columns: Sequence[Column], moment: Moment) -> str:
    """Return the rows as comma-separated values under their names."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names_of(columns))
    for row in rows:
        writer.writerow([_csv_cell(value) for value in values_of(row, columns, moment)])
    return out.getvalue()


def _csv_cell(value: object) -> object:
    """A text that a spreadsheet would run as a formula gets an apostrophe; numbers stay."""
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        return "'" + value if value[:1] in "=+-@" and not _is_number(value) else value
    return value


def _is_number(text: str) -> bool:
    try:
        return Decimal(text.replace(",", "")).is_finite()
    except ArithmeticError:
        return not text


def json_text(rows: Sequence[Row], columns: Sequence[Column], moment: Moment) -> str:
    """Return the rows as a JSON array of objects, ASCII only."""
    names = names_of(columns)
    objects = [dict(zip(names, values_of(row, columns, moment), strict=True)) for row in rows]
    return json.dumps(objects, indent=1, default=str) + "\n"


def write(path: Path, rows: Sequence[Row], columns: Sequence[Column], moment: Moment) -> int:
    """Write a file that is not there yet, csv or json by its name; return the rows written.

    OSError where it cannot be made, FileExistsError among them; ValueError for another ending.
    """
    kinds = {".csv": csv_text, ".json": json_text}
    if path.suffix not in kinds:
        raise ValueError("the name must end in .csv or .json")
    text = kinds[path.suffix](rows, columns, moment)
    with path.expanduser().open("x", encoding="utf-8") as file:
        file.write(text)
    return len(rows)


def copied(rows: Sequence[Row], columns: Sequence[Column], moment: Moment) -> Shown:
    """Return rows for the clipboard: cells as shown but whole, tabs between; 16 KiB at most."""
    lines = ["\t".join(c.show(row, moment).strip() for c in columns) for row in rows]
    return cut(Shown("\n".join(lines)))


def cut(text: Shown) -> Shown:
    """Return text of 16 KiB at most, without a newline at its end."""
    kept = text.encode("utf-8", "replace")[:MAX_COPIED].decode("utf-8", "ignore")
    return Shown(kept.rstrip("\n"))
