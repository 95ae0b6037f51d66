"""Shown rows as a file: csv or json, full precision, UTC; what is there is never written over."""

import csv
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TextIO

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


class _Csv:
    """Comma-separated values under their names."""

    def __init__(self, out: TextIO, names: list[str]) -> None:
        self._writer = csv.writer(out, lineterminator="\n")
        self._writer.writerow(names)

    def add(self, values: list[object]) -> None:
        """Write a row."""
        self._writer.writerow([_csv_cell(value) for value in values])

    def end(self) -> None:
        """Nothing is left open."""


class _Json:
    """One array of objects, ASCII only."""

    def __init__(self, out: TextIO, names: list[str]) -> None:
        self._out, self._names = out, names
        self._before = "[\n "

    def add(self, values: list[object]) -> None:
        """Write an object."""
        found = dict(zip(self._names, values, strict=True))
        self._out.write(self._before + json.dumps(found, default=str))
        self._before = ",\n "

    def end(self) -> None:
        """Close the array."""
        self._out.write("\n]\n" if self._before[0] == "," else "[]\n")


KINDS: Mapping[str, type[_Csv] | type[_Json]] = {".csv": _Csv, ".json": _Json}


def write(
    path: Path,
    pieces: Iterable[Iterable[Row]],
    columns: Sequence[Column],
    moment: Moment,
    told: Callable[[int], None] = lambda _: None,
) -> int:
    """Write a file that is not there yet, csv or json by its name; return the rows written.

    Rows come in pieces, so that a million need no memory; `told` hears how many there are by
    then, and may raise to give up. The name is there when all is written, or never. OSError
    where it cannot be made, FileExistsError among them; ValueError for another ending.
    """
    if path.suffix not in KINDS:
        raise ValueError("the name must end in .csv or .json")
    path = path.expanduser()
    if path.exists():
        raise FileExistsError(f"{path} exists: an export never overwrites")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.new")
    count = 0
    try:
        with unfinished.open("x", encoding="utf-8", newline="") as file:
            shape = KINDS[path.suffix](file, names_of(columns))
            for rows in pieces:
                for row in rows:
                    shape.add(values_of(row, columns, moment))
                    count += 1
                told(count)
            shape.end()
        os.link(unfinished, path)  # unlike a rename it never replaces
    finally:
        unfinished.unlink(missing_ok=True)
    return count


def copied(rows: Sequence[Row], columns: Sequence[Column], moment: Moment) -> Shown:
    """Return rows for the clipboard: cells as shown but whole, tabs between; 16 KiB at most."""
    lines = ["\t".join(c.show(row, moment).strip() for c in columns) for row in rows]
    return cut(Shown("\n".join(lines)))


def cut(text: Shown) -> Shown:
    """Return text of 16 KiB at most, without a newline at its end."""
    kept = text.encode("utf-8", "replace")[:MAX_COPIED].decode("utf-8", "ignore")
    return Shown(kept.rstrip("\n"))
