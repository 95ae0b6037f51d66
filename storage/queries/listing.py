"""Rows of a view, newest last: what the row commands, exports and panes ask for."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any, NamedTuple


class Listing(NamedTuple):
    """How one kind of row is found."""

    view: str
    order: str  # ascending; the newest rows are the last ones
    since: str  # the column --since compares with
    by_session: bool = True


LISTINGS: Mapping[str, Listing] = {
    "sessions": Listing("v_sessions", "created_seq", "started_at", by_session=False),
    "regimes": Listing("v_regimes", "session_date, strategy_id", "session_date"),
    "decisions": Listing("v_decisions", "seq", "session_date"),
    "signals": Listing("v_signals", "seq", "session_date"),
    "orders": Listing("v_orders", "seq", "created_at"),
    "trades": Listing("v_fills", "seq", "at"),
    "positions": Listing("v_positions", "strategy_id, symbol", "changed_at"),
    "alerts": Listing("v_alerts", "last_at, seq", "last_at"),
    "snapshots": Listing("v_snapshots", "seq, n", "session_date"),
    "jobs": Listing("v_jobs", "session_date, due_at, job", "session_date"),
    "reconciliations": Listing("v_reconciliations", "seq", "at"),
    "differences": Listing("v_differences", "at, run_id, n", "at"),
    "strategies": Listing("v_strategies", "strategy_id", "since"),
    "parameters": Listing("v_parameter_changes", "seq", "at"),
    "latches": Listing("v_latches", "since, scope, latch", "since"),
    "journal": Listing("v_events", "seq", "at"),
}
"""Every kind of row, by the name its command has."""

_OF_ITS_BOOK = frozenset({"signals", "orders", "trades", "decisions"})
"""Tables whose primary key begins with the book: with it no other row is looked at."""


def rows(
    db: sqlite3.Connection,
    kind: str,
    *,
    session_id: str | None = None,
    since: str | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Return the newest rows of a kind, the oldest of them first; columns as in the view.

    since: a session date or the text of an instant, as the kind's column holds it.
    """
    listing = LISTINGS[kind]
    where, values = ["1"], []
    if session_id is not None and listing.by_session:
        where.append("session_id = ?")
        values.append(session_id)
        if kind in _OF_ITS_BOOK:
            where.append("book = (SELECT book FROM sessions WHERE session_id = ?)")
            values.append(session_id)
        if kind == "snapshots" and limit is not None and since is None:
            # unfold only the journal's rows that can be among the newest
            where.append(
                "seq >= (SELECT min(seq) FROM (SELECT seq FROM snapshots WHERE session_id = ? "
                "ORDER BY seq DESC LIMIT ?))"
            )
            values += [session_id, str(limit)]
    if since is not None:
        where.append(f"{listing.since} >= ?")
        values.append(since)
    newest_first = ", ".join(f"{column} DESC" for column in listing.order.split(", "))
    sql = (
        f"SELECT * FROM {listing.view} WHERE {' AND '.join(where)} "  # noqa: S608
        f"ORDER BY {newest_first} LIMIT {-1 if limit is None else int(limit)}"
    )
    found = [dict(row) for row in db.execute(sql, values).fetchall()]
    found.reverse()
    return found


def columns_of(db: sqlite3.Connection, kind: str) -> list[str]:
    """Return the names of the columns that rows of a kind have, also where there are no rows."""
    found = db.execute(f"SELECT * FROM {LISTINGS[kind].view} LIMIT 0")  # noqa: S608
    return [column[0] for column in found.description]


def latest_session(db: sqlite3.Connection) -> str | None:
    """Return the newest session's id, None if there is none."""
    row = db.execute("SELECT session_id FROM sessions ORDER BY created_seq DESC LIMIT 1").fetchone()
    return None if row is None else str(row[0])


def find_session(db: sqlite3.Connection, text: str) -> str | None:
    """Return the session with this id, or the only one whose id begins or ends so."""
    if not text:
        return None
    found = db.execute(
        "SELECT session_id FROM sessions WHERE session_id = ?1 OR substr(session_id, 1, "
        "length(?1)) = ?1 OR substr(session_id, -length(?1)) = ?1 "
        "ORDER BY session_id = ?1 DESC LIMIT 2",
        (text,),
    ).fetchall()
    if found and (len(found) == 1 or found[0][0] == text):
        return str(found[0][0])
    return None


def settings_at_broker(db: sqlite3.Connection) -> dict[str, str]:
    """Return the settings in force in the newest session at a broker, empty if there is none."""
    found = db.execute(
        "SELECT json_extract(payload, '$.context.config') FROM events WHERE kind = 'SessionCreated'"
        " AND json_extract(payload, '$.context.mode') IN ('paper', 'live')"
        " ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    return {} if found is None else dict(json.loads(found[0]))
