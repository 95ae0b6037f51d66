"""One way to ask the database: every row as a plain dictionary, the cursor closed."""

import sqlite3
from typing import Any

Row = dict[str, Any]

_NOT_INDEXED = ("SnapshotTaken", "RegimeRead", "PositionChanged", "CashChanged")


def indexed(events: str = "events") -> str:
    """Return the condition that the index on subject was made with: only so can it be used."""
    return " AND ".join(f"{events}.kind <> '{kind}'" for kind in _NOT_INDEXED)


def fetch(db: sqlite3.Connection, sql: str, *values: object) -> list[Row]:
    """Return all rows of a statement."""
    found = db.execute(sql, values).fetchall()
    return [dict(zip(row.keys(), row, strict=True)) for row in found]
