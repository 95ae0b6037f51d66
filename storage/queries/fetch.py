"""One way to ask the database: every row as a plain dictionary, the cursor closed."""

import sqlite3
from typing import Any

Row = dict[str, Any]


def fetch(db: sqlite3.Connection, sql: str, *values: object) -> list[Row]:
    """Return all rows of a statement."""
    found = db.execute(sql, values).fetchall()
    return [dict(zip(row.keys(), row, strict=True)) for row in found]
