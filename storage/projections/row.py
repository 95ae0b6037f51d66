"""What every projection needs: where an event stands, and rows written with care."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from engine.domain.money import MILLION, micro
from engine.errors import JournalError

_INT_MAX = 2**63 - 1


@dataclass(slots=True)
class Place:
    """Where an event stands in the journal; the events of a unit share one, at one seq after
    the other."""

    seq: int
    session_id: str
    book: str
    at: str  # session clock, stored text
    wall: Callable[[], datetime]  # for the end of a session, which is told in wall time
    # orders of this transaction by id, whose rows its end writes: most of them change within it;
    # None: a row is written at once
    fresh: dict[str, dict[str, Any]] | None = None


def units(value: Decimal | None) -> int | None:
    """Return exact micro-units, None for unknown; ValueError beyond 6 decimals."""
    return None if value is None else micro(value)


def rounded(value: Decimal | None) -> int | None:
    """Return micro-units rounded half-even; None for unknown, not finite or beyond a column.

    For what a strategy asked for, which may be nonsense: its own words are in the journal.
    """
    if value is None or not value.is_finite():
        return None
    found = round(value * MILLION)
    return found if -_INT_MAX <= found <= _INT_MAX else None


def plain(text: str) -> str:
    """Return foreign text without what a column cannot hold (half of a surrogate pair)."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def update_one(db: sqlite3.Connection, what: str, sql: str, values: Any) -> None:
    hit = db.execute(sql, values).rowcount
    if hit != 1:
        raise JournalError(f"{what}: {hit} rows changed where exactly one was expected")


def insert(db: sqlite3.Connection, table: str, row: dict[str, Any], extra: str = "") -> None:
    """Insert a row."""
    db.execute(_insertion(table, tuple(row), extra), tuple(row.values()))


def update(
    db: sqlite3.Connection, what: str, table: str, key: str, value: str, row: dict[str, Any]
) -> None:
    """Change some columns of the one row with this key."""
    update_one(db, what, _change(table, key, tuple(row)), (*row.values(), value))


@cache
def _change(table: str, key: str, names: tuple[str, ...]) -> str:
    return f"UPDATE {table} SET {', '.join(f'{n} = ?' for n in names)} WHERE {key} = ?"  # noqa: S608


@cache
def _insertion(table: str, names: tuple[str, ...], extra: str) -> str:
    marks = ",".join("?" * len(names))
    return f"INSERT INTO {table} ({','.join(names)}) VALUES ({marks}) {extra}"  # noqa: S608
