"""One way to ask the database: every row as a plain dictionary, the cursor closed."""

import sqlite3
from typing import Any

Row = dict[str, Any]

_NOT_INDEXED = ("SnapshotTaken", "RegimeRead", "PositionChanged", "CashChanged")


def indexed(events: str = "events") -> str:
    """Return the condition that the index on subject was made with: only so can it be used."""
    return " AND ".join(f"{events}.kind <> '{kind}'" for kind in _NOT_INDEXED)


def fetch(db: sqlite3.Connection, sql: str, *values: object) -> list[Row]:
    """Return all rows of a statement.

    Text is decoded strictly, which the library does by itself in a third of the time; where that
    fails (a flipped bit), the statement is run again with what the connection decodes by.
    """
    forgiving, cursor = db.text_factory, db.cursor()
    cursor.row_factory = None
    db.text_factory = str
    try:
        found = cursor.execute(sql, values).fetchall()
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):
            raise
        db.text_factory = forgiving
        found = cursor.execute(sql, values).fetchall()
    finally:
        db.text_factory = forgiving
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in found]
