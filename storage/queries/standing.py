"""How things stand: the newest session with everything a glance needs, in one read."""

import sqlite3
from typing import Any

Row = dict[str, Any]


def standing(db: sqlite3.Connection) -> Row | None:
    """Return session, trading state, heartbeat, last decision, equity, counts and latches.

    None before the first session. One transaction, so that the parts belong together.
    """
    db.execute("BEGIN")
    try:
        session = _one(db, "SELECT * FROM v_sessions ORDER BY created_seq DESC LIMIT 1")
        if session is None:
            return None
        key, book = session["session_id"], session["book"]
        return {
            "session": session,
            "heartbeat": _one(db, "SELECT * FROM latest_heartbeat WHERE session_id = ?", key),
            "trading_state": _one(
                db,
                "SELECT trading_state AS state, since, actor, reason FROM books WHERE book = ?",
                book,
            ),
            "last_decision": _one(
                db,
                "SELECT decision_id, strategy_id, session_date, slot, result, text, cell, "
                "held_cell, at FROM v_decisions WHERE book = ? ORDER BY seq DESC LIMIT 1",
                book,
            ),
            "equity": _equity(db, key),
            "counts": _counts(db, key, book),
            "latches": _all(
                db,
                "SELECT latch, scope, since, until, text FROM latches "
                "WHERE book = ? AND released_at IS NULL ORDER BY since",
                book,
            ),
        }
    finally:
        db.execute("COMMIT")


def _equity(db: sqlite3.Connection, session_id: str) -> Row | None:
    """Return cash + Σ value at the newest marks; unknown if one held position has no price."""
    cash = _one(
        db, "SELECT sum(cash_u) / 1e6 AS cash FROM strategies WHERE session_id = ?", session_id
    )
    if cash is None or cash["cash"] is None:
        return None
    held = _all(
        db,
        "SELECT market_value, priced_at FROM v_positions "
        "WHERE session_id = ? AND quantity <> 0 AND strategy_id IS NOT NULL",
        session_id,
    )
    values = [row["market_value"] for row in held]
    known = None not in values
    return {
        "equity": round(cash["cash"] + sum(values), 6) if known else None,
        "cash": cash["cash"],
        "priced_at": min((row["priced_at"] for row in held), default=None) if known else None,
    }


def _counts(db: sqlite3.Connection, session_id: str, book: str) -> dict[str, int]:
    """Return how many rows of each kind the session has, and what is open in its book."""
    of_session = ("signals", "orders", "fills")
    counts = {
        name: _count(db, f"SELECT count(*) FROM {name} WHERE session_id = ?", session_id)  # noqa: S608
        for name in of_session
    }
    working = "'APPROVED', 'SUBMITTED', 'ACCEPTED', 'PARTIALLY_FILLED', 'PENDING_CANCEL', 'UNKNOWN'"
    return {
        **counts,
        "working": _count(
            db,
            f"SELECT count(*) FROM orders WHERE book = ? AND status IN ({working})",  # noqa: S608
            book,
        ),
        "positions": _count(
            db,
            "SELECT count(*) FROM positions WHERE session_id = ? AND quantity_u <> 0",
            session_id,
        ),
        "alerts": _count(db, "SELECT count(*) FROM alerts WHERE book = ? AND state = 'OPEN'", book),
        "events": _count(db, "SELECT max(seq) FROM events"),
    }


def _count(db: sqlite3.Connection, sql: str, *values: object) -> int:
    return int(db.execute(sql, values).fetchone()[0] or 0)


def _one(db: sqlite3.Connection, sql: str, *values: object) -> Row | None:
    row = db.execute(sql, values).fetchone()
    return None if row is None else dict(zip(row.keys(), row, strict=True))


def _all(db: sqlite3.Connection, sql: str, *values: object) -> list[Row]:
    return [dict(zip(row.keys(), row, strict=True)) for row in db.execute(sql, values).fetchall()]
