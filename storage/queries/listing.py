"""The rows that people and programs list: one contract view each, filtered and limited."""

import json
import sqlite3
from typing import Any, NamedTuple

Row = dict[str, Any]


class Listing(NamedTuple):
    """How one kind of row is read."""

    view: str
    order: str  # columns that put rows in the order of their happening
    since: str  # column that --since compares, an instant or a session date
    by_session: bool = True
    objects: tuple[str, ...] = ()  # columns that hold JSON


LISTINGS = {
    "regimes": Listing("v_regimes", "session_date, strategy_id", "session_date"),
    "signals": Listing("v_signals", "seq", "raised_at"),
    "orders": Listing("v_orders", "seq", "created_at"),
    "trades": Listing("v_fills", "seq, exec_id", "at"),
    "positions": Listing("v_positions", "strategy_id, symbol", "changed_at"),
    "alerts": Listing("v_alerts", "last_at, seq", "last_at"),
    "sessions": Listing("v_sessions", "created_seq", "started_at", by_session=False),
    "snapshots": Listing(
        "v_snapshots", "session_date, strategy_id", "session_date", objects=("holdings",)
    ),
    "journal": Listing("v_events", "seq", "at", objects=("payload",)),
}


def rows(
    db: sqlite3.Connection,
    kind: str,
    *,
    session_id: str | None,
    since: str | None = None,
    limit: int | None = None,
) -> list[Row]:
    """Return the newest rows of a kind, the oldest of them first.

    session_id: only that session's; since: UTC text or session date, included.
    """
    listing = LISTINGS[kind]
    wheres, values = [], []
    if session_id is not None:
        wheres.append("session_id = ?")
        values.append(session_id)
    if since is not None:
        wheres.append(f"{listing.since} >= ?")
        values.append(since)
    where = f"WHERE {' AND '.join(wheres)}" if wheres else ""
    order = ", ".join(f"{column} DESC" for column in listing.order.split(", "))
    sql = f"SELECT * FROM {listing.view} {where} ORDER BY {order} LIMIT ?"  # noqa: S608  ours
    found = db.execute(sql, (*values, -1 if limit is None else limit)).fetchall()
    return [_row(row, listing.objects) for row in reversed(found)]


def _row(row: sqlite3.Row, objects: tuple[str, ...]) -> Row:
    values = dict(zip(row.keys(), row, strict=True))
    for column in objects:
        if values[column] is not None:
            values[column] = json.loads(values[column])
    return values


def latest_session(db: sqlite3.Connection) -> str | None:
    """Return the id of the newest session, None before the first."""
    row = db.execute("SELECT session_id FROM sessions ORDER BY created_seq DESC LIMIT 1").fetchone()
    return None if row is None else str(row[0])


def find_session(db: sqlite3.Connection, text: str) -> str | None:
    """Return the session with this id, or the only one whose id ends in the text."""
    found = db.execute(
        "SELECT session_id FROM sessions WHERE session_id = ?1 OR session_id LIKE '%-' || ?1",
        (text,),
    ).fetchall()
    return str(found[0][0]) if len(found) == 1 else None
