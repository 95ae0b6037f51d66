"""How things stand, in one call: what `pilothouse status` and the status line show.

Light: it must be answered within 0.3 s of typing the command, so only sqlite3 is imported.
"""

import sqlite3
from dataclasses import dataclass
from typing import Any

from storage.queries.listing import latest_session


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What the database knows of the newest session and its book."""

    session: dict[str, Any] | None  # as v_sessions
    trading_state: dict[str, Any]  # trading_state, since, actor, reason; ACTIVE by default
    heartbeat: dict[str, Any] | None  # of this session; wall_at says how old it is
    last_decision: dict[str, Any] | None  # as v_decisions
    reconciliation: dict[str, Any] | None  # this session's last, as v_reconciliations
    strategies: list[dict[str, Any]]  # as v_strategies, with the latch that holds each
    equity: float | None  # by the last snapshots of all strategies; None: one is missing
    cash: float | None
    equity_date: str | None
    counts: dict[str, int]
    last_seq: int


def status(db: sqlite3.Connection, session_id: str | None = None) -> Status:
    """Return how a session stands, the newest one if none is named."""
    chosen = session_id or latest_session(db)
    session = _row(db, "SELECT * FROM v_sessions WHERE session_id = ?", chosen)
    book = session["book"] if session else None
    strategies = strategies_of(db, chosen, book)
    equity, date = _equity(db, book, [s["strategy_id"] for s in strategies])
    return Status(
        session=session,
        trading_state=_row(
            db, "SELECT trading_state, since, actor, reason FROM books WHERE book = ?", book
        )
        or {"trading_state": "ACTIVE", "since": None, "actor": None, "reason": None},
        heartbeat=_row(db, "SELECT * FROM latest_heartbeat WHERE session_id = ?", chosen),
        last_decision=_row(
            db, "SELECT * FROM v_decisions WHERE book = ? ORDER BY seq DESC LIMIT 1", book
        ),
        reconciliation=_row(
            db,
            "SELECT * FROM v_reconciliations WHERE session_id = ? ORDER BY seq DESC LIMIT 1",
            chosen,
        ),
        strategies=strategies,
        equity=equity,
        cash=sum(s["cash"] for s in strategies) if strategies else None,
        equity_date=date,
        counts=_counts(db, chosen, book),
        last_seq=db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0],
    )


def strategies_of(
    db: sqlite3.Connection, session_id: str | None, book: str | None
) -> list[dict[str, Any]]:
    """Return a row for each strategy of a session: how it stands, and the latch that holds it."""
    state = db.execute("SELECT state FROM sessions WHERE session_id = ?", (session_id,)).fetchone()
    query = "SELECT * FROM v_strategies WHERE session_id = ? ORDER BY strategy_id"
    rows = _rows(db, query, session_id)
    latches = _rows(
        db, "SELECT * FROM latches WHERE book = ? AND released_at IS NULL ORDER BY since", book
    )
    for row in rows:
        mine = (one for one in latches if one["scope"] in (row["strategy_id"], "book"))
        first = next(mine, {})
        row |= {"latch": first.get("latch"), "latch_until": first.get("until")}
        row["latch_text"] = first.get("text")
        row["state"] = _stands(row, is_paused=state is not None and state[0] == "PAUSED")
    return rows


def _stands(row: dict[str, Any], *, is_paused: bool) -> str:
    """Return WARMING n/N, ACTIVE, PAUSED or LATCHED; what it was stopped by stands before them."""
    if row["state"] not in ("CREATED", "ACTIVE"):
        return str(row["state"])
    if row["latch"] is not None:
        return "LATCHED"
    _, is_warming, bars = (row["last_decision"] or "").partition("warming up ")
    if is_warming:
        return f"WARMING {bars}"
    return "PAUSED" if is_paused else "ACTIVE"


def _equity(
    db: sqlite3.Connection, book: str | None, strategies: list[str]
) -> tuple[float | None, str | None]:
    """Return the sum of the strategies' last snapshots; unknown while one has none."""
    if book is None or not strategies:
        return None, None
    newest: dict[str, tuple[float, str]] = {}
    chunks = db.execute(
        "SELECT seq FROM snapshots WHERE session_id IN (SELECT session_id FROM sessions "
        "WHERE book = ?) ORDER BY seq DESC LIMIT ?",
        (book, 4 * len(strategies)),
    ).fetchall()
    for (seq,) in chunks:
        rows = db.execute(
            "SELECT strategy_id, equity, session_date FROM v_snapshots WHERE seq = ? "
            "ORDER BY n DESC",
            (seq,),
        ).fetchall()
        for strategy, equity, date in rows:
            newest.setdefault(strategy, (equity, date))
        if len(newest) >= len(strategies):
            break
    if any(strategy not in newest for strategy in strategies):
        return None, None
    shown = [newest[strategy] for strategy in strategies]
    return round(sum(equity for equity, _ in shown), 6), max(date for _, date in shown)


_COUNTS = {
    "orders": "SELECT count(*) FROM orders WHERE book = :book AND session_id = :session",
    "orders_working": "SELECT count(*) FROM orders WHERE book = :book AND status IN "
    "('APPROVED', 'SUBMITTED', 'ACCEPTED', 'PARTIALLY_FILLED', 'PENDING_CANCEL', 'UNKNOWN')",
    "fills": "SELECT count(*) FROM fills WHERE book = :book AND session_id = :session",
    "positions": "SELECT count(*) FROM positions WHERE session_id = :session AND quantity_u <> 0",
    "signals": "SELECT count(*) FROM signals WHERE book = :book AND session_id = :session",
    "decisions": "SELECT count(*) FROM decisions WHERE book = :book AND session_id = :session",
    "alerts_open": "SELECT count(*) FROM alerts WHERE book = :book AND state = 'OPEN'",
    "alerts_critical": "SELECT count(*) FROM alerts WHERE book = :book AND state = 'OPEN' "
    "AND severity = 'CRITICAL'",
    "latches": "SELECT count(*) FROM latches WHERE book = :book AND released_at IS NULL",
}


def _counts(db: sqlite3.Connection, session: str | None, book: str | None) -> dict[str, int]:
    names = {"session": session, "book": book}
    return {key: int(db.execute(sql, names).fetchone()[0]) for key, sql in _COUNTS.items()}


def _row(db: sqlite3.Connection, sql: str, *values: Any) -> dict[str, Any] | None:
    row = db.execute(sql, values).fetchone()
    return None if row is None else dict(row)


def _rows(db: sqlite3.Connection, sql: str, *values: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in db.execute(sql, values).fetchall()]
