"""Comparisons of our ledger with the broker's account, with what differed."""

import sqlite3
from typing import Any

Row = dict[str, Any]


def newest_run(db: sqlite3.Connection) -> Row | None:
    """Return the newest comparison with its differences, None before the first."""
    found = db.execute("SELECT * FROM v_reconciliations ORDER BY seq DESC LIMIT 1").fetchone()
    if found is None:
        return None
    run = _row(found)
    differences = db.execute(
        "SELECT kind, item, ours, theirs, effect, accepted_at, accepted_by, accepted_reason "
        "FROM v_differences WHERE run_id = ? ORDER BY n",
        (run["run_id"],),
    ).fetchall()
    return {**run, "differences": [_row(one) for one in differences]}


def _row(row: sqlite3.Row) -> Row:
    return dict(zip(row.keys(), row, strict=True))
