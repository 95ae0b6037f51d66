"""A script of quotes, as CSV: what the practice market shows, from when.

    at,symbol,bid,ask,last
    +0,QQQ,560.00,560.02,560.01
    +30,QQQ,540.00,540.05,540.00
    2026-11-20T16:00:00Z,QQQ,,,,halted

`at` is an instant with its zone, or seconds after the start. Further columns: bid_size, ask_size,
and a last one, `state`: halted, or released (back to the market below the script). Empty cells
keep the column's default.
"""

import csv
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from engine.brokers.practice.feed import Scripted

COLUMNS = frozenset({"at", "symbol", "bid", "ask", "last", "bid_size", "ask_size", "state"})
STATES = frozenset({"", "halted", "released"})


def read_script(text: str, start: datetime, name: str = "script") -> list[Scripted]:
    """Return the quotes of a script in order of time; ValueError names the line and its fault."""
    rows = csv.DictReader(text.splitlines())
    unknown = set(rows.fieldnames or ()) - COLUMNS
    if unknown or not {"at", "symbol"} <= set(rows.fieldnames or ()):
        raise ValueError(
            f"{name} line 1: columns are {', '.join(rows.fieldnames or ())};"
            f" known are {', '.join(sorted(COLUMNS))}, at and symbol are needed"
        )
    return sorted(_lines(rows, start, name), key=lambda line: line.at)


def _lines(rows: "csv.DictReader[str]", start: datetime, name: str) -> Iterator[Scripted]:
    for row in rows:
        try:
            yield _line(row, start)
        except ValueError as error:
            raise ValueError(f"{name} line {rows.line_num}: {error}") from error


def _line(row: Mapping[str, str | None], start: datetime) -> Scripted:
    shaped: dict[str, Any] = {}
    for column in ("bid", "ask", "last", "bid_size", "ask_size"):
        text = row.get(column)
        if text:
            shaped[column] = _number(column, text)
    state = row.get("state") or ""
    if state not in STATES:
        raise ValueError(f"state '{state}': halted, released or nothing is needed")
    if state:
        shaped[state] = True
    symbol = (row["symbol"] or "").strip().upper()
    if not symbol:
        raise ValueError("no symbol")
    return Scripted(at=_instant(row["at"] or "", start), symbol=symbol, **shaped)


def _number(column: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise ValueError(f"{column} '{text}': a number of zero or more is needed")
    return number


def _instant(text: str, start: datetime) -> datetime:
    if text.startswith("+"):
        return start + timedelta(seconds=float(_number("at", text[1:])))
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"at '{text}': a time zone is needed, such as Z")
    return at
