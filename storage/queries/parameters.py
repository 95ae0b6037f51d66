"""Who changed which parameter of a strategy, when and why."""

import sqlite3
from typing import Any

Row = dict[str, Any]


def changes(
    db: sqlite3.Connection,
    *,
    strategy: str | None = None,
    session_id: str | None = None,
    limit: int | None = None,
) -> list[Row]:
    """Return the newest changes, the oldest of them first."""
    rows = db.execute(
        "SELECT seq, session_id, strategy_id, key, old, new, parameter_hash, actor, reason, at "
        "FROM parameter_changes WHERE (?1 IS NULL OR strategy_id = ?1) "
        "AND (?2 IS NULL OR session_id = ?2) ORDER BY seq DESC LIMIT ?3",
        (strategy, session_id, -1 if limit is None else limit),
    ).fetchall()
    return [dict(zip(row.keys(), row, strict=True)) for row in reversed(rows)]
