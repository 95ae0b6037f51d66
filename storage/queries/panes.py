"""What each pane of the screen shows: one function for each, short, read-only, limited.

Rows are plain dictionaries in the columns of the contract views, with what a pane needs
beside them. Everything a book owns is read by its book, so that a restarted session shows
the orders and fills of the chain it continues.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from storage.connect import reason
from storage.queries import archive, decided, held, prices, traded, whereabouts
from storage.queries.fetch import Row
from storage.queries.fetch import fetch as _all
from storage.queries.long import WORKING

Database = sqlite3.Connection

LIMIT = 200
STRIP = 60
RECENT_DAYS = 150

Read = Callable[[sqlite3.Connection, str, str], list[Row]]


def session(db: sqlite3.Connection, session_id: str, _: str) -> list[Row]:
    """The session itself."""
    return _all(db, "SELECT * FROM v_sessions WHERE session_id = ?", session_id)


def beat(db: sqlite3.Connection, session_id: str, _: str) -> list[Row]:
    """The engine's last pulse, and the session's clock by the newest event, which may be later."""
    return _all(
        db,
        "SELECT *, (SELECT at FROM events ORDER BY seq DESC LIMIT 1) AS newest_at "
        "FROM latest_heartbeat WHERE session_id = ?",
        session_id,
    )


def trading(db: sqlite3.Connection, session_id: str, book: str) -> list[Row]:
    """The trading state with since, actor and reason; before any change what the pulse says."""
    changed = _all(
        db, "SELECT trading_state AS state, since, actor, reason FROM books WHERE book = ?", book
    )
    return changed or _all(
        db,
        "SELECT trading_state AS state, NULL AS since, '' AS actor, '' AS reason "
        "FROM latest_heartbeat WHERE session_id = ?",
        session_id,
    )


def latches(db: sqlite3.Connection, _: str, book: str) -> list[Row]:
    """Latches that block entries now."""
    return _all(
        db,
        "SELECT latch, scope, since, until, text FROM latches "
        "WHERE book = ? AND released_at IS NULL ORDER BY since",
        book,
    )


def counts(db: sqlite3.Connection, session_id: str, book: str) -> list[Row]:
    """What the frame counts: positions, working orders, alerts, the last verdict."""
    working = _all(
        db,
        "SELECT count(*) AS working, coalesce(sum(cancel_requested), 0) AS canceling "  # noqa: S608
        f"FROM orders WHERE book = ? AND status IN ({WORKING})",
        book,
    )[0]
    held = _all(
        db,
        "SELECT count(*) AS positions, CASE WHEN count(*) = count(market_value) "
        "THEN coalesce(sum(abs(market_value)), 0) END AS positions_value "
        "FROM v_positions WHERE session_id = ? AND quantity <> 0",
        session_id,
    )[0]
    open_alerts = _all(
        db, "SELECT count(*) AS open_alerts FROM alerts WHERE book = ? AND state = 'OPEN'", book
    )[0]
    run = reconciliation(db, session_id, book)
    differing = ("missing_local", "missing_broker", "mismatched", "other")
    return [
        {
            **working,
            **held,
            **open_alerts,
            "verdict": run[0]["verdict"] if run else None,
            "differences": sum(run[0][name] for name in differing) if run else 0,
        }
    ]


def positions(db: sqlite3.Connection, session_id: str, book: str) -> list[Row]:
    """Positions with their weight, the weight last decided and the quantity still working."""
    rows = _all(
        db,
        "SELECT p.*, s.recorded_clock FROM v_positions AS p "
        "JOIN sessions AS s ON s.session_id = p.session_id "
        "WHERE p.session_id = ? AND (p.quantity <> 0 OR p.realized_pnl <> 0)",
        session_id,
    )
    worth = equities(db, session_id, rows)
    working = {
        (row["strategy_id"], row["instrument"]): row["remaining"]
        for row in _all(
            db,
            "SELECT strategy_id, instrument, sum((quantity_u - filled_u) * "  # noqa: S608
            "CASE side WHEN 'BUY' THEN 1 ELSE -1 END) / 1e6 AS remaining FROM orders "
            f"WHERE book = ? AND status IN ({WORKING}) GROUP BY 1, 2",
            book,
        )
    }
    targets = {row["strategy"]: row["targets"] for row in decisions(db, session_id, book)}
    for row in rows:
        owner = row["strategy_id"]
        equity, value = worth.get(owner), row["market_value"]
        row["weight"] = value / equity if equity and value is not None else None
        wanted = targets.get(owner)
        row["target_weight"] = float(wanted.get(row["symbol"], 0)) if wanted else None
        row["working"] = working.get((owner, row["instrument"]), 0.0)
    return rows


def equities(db: sqlite3.Connection, session_id: str, held: list[Row]) -> dict[str | None, Any]:
    """Return each strategy's cash + Σ value; None where one held position has no price."""
    worth: dict[str | None, Any] = {
        row["strategy_id"]: row["cash"]
        for row in _all(
            db,
            "SELECT strategy_id, cash_u / 1e6 AS cash FROM strategies WHERE session_id = ?",
            session_id,
        )
    }
    for row in held:
        owner, value = row["strategy_id"], row["market_value"]
        if row["quantity"] and worth.get(owner) is not None:
            worth[owner] = None if value is None else worth[owner] + value
    return worth


def orders(db: sqlite3.Connection, _: str, book: str) -> list[Row]:
    """Every working order, and the newest others."""
    newest = _all(
        db, "SELECT * FROM v_orders WHERE book = ? ORDER BY seq DESC LIMIT ?", book, LIMIT
    )
    if len(newest) < LIMIT:
        return newest
    return newest + _all(
        db,
        f"SELECT * FROM v_orders WHERE book = ? AND status IN ({WORKING}) "  # noqa: S608
        "AND seq < ? ORDER BY seq DESC",
        book,
        newest[-1]["seq"],
    )


def fills(db: sqlite3.Connection, _: str, book: str) -> list[Row]:
    """The newest executions, and above each correction what it replaced."""
    rows = _all(
        db,
        f"{traded.FILLS} WHERE r.book = ? ORDER BY r.seq DESC, r.exec_id DESC LIMIT ?",
        book,
        LIMIT,
    )
    return traded.with_replaced(db, rows)


def signals(db: sqlite3.Connection, _: str, book: str) -> list[Row]:
    """What was decided, what became of it, and what was not: the newest."""
    return _all(
        db, f"{decided.ROWS} WHERE r.book = ? ORDER BY r.seq DESC LIMIT ?", book, LIMIT
    )  # fmt: skip


def alerts(db: sqlite3.Connection, _: str, book: str) -> list[Row]:
    """Alerts that are not resolved."""
    return _all(
        db,
        "SELECT * FROM v_alerts WHERE book = ? AND state <> 'RESOLVED' "
        "ORDER BY last_at DESC LIMIT ?",
        book,
        LIMIT,
    )


def resolved(db: sqlite3.Connection, _: str, book: str) -> list[Row]:
    """Alerts that are over, the newest first."""
    return _all(
        db,
        "SELECT * FROM v_alerts WHERE book = ? AND state = 'RESOLVED' "
        "ORDER BY last_at DESC LIMIT ?",
        book,
        LIMIT,
    )


def quotes(db: sqlite3.Connection, session_id: str, _: str) -> list[Row]:
    """What everything trades at: the middle of each latest quote."""
    return _all(
        db,
        "SELECT instrument, (bid_u + ask_u) / 2e6 AS price, at, feed FROM latest_quotes "
        "WHERE session_id = ?",
        session_id,
    )


def reconciliation(db: sqlite3.Connection, session_id: str, _: str) -> list[Row]:
    """The last comparison with the broker."""
    return _all(
        db,
        "SELECT * FROM v_reconciliations WHERE session_id = ? ORDER BY seq DESC LIMIT 1",
        session_id,
    )


def differences(db: sqlite3.Connection, session_id: str, _: str) -> list[Row]:
    """What the last comparison found to differ and nobody has accepted, and since when it does.

    Since the oldest comparison after the last one that did not name it; comparisons that failed
    say nothing.
    """
    return _all(
        db,
        "SELECT v.*, (SELECT min(r.at) FROM reconciliations AS r JOIN differences AS d "
        "ON d.run_id = r.run_id AND d.item = v.item WHERE r.session_id = v.session_id "
        "AND r.seq > coalesce((SELECT max(c.seq) FROM reconciliations AS c "
        "WHERE c.session_id = v.session_id AND c.verdict <> 'UNKNOWN' AND NOT EXISTS "
        "(SELECT 1 FROM differences AS e WHERE e.run_id = c.run_id AND e.item = v.item)), 0)) "
        "AS since FROM v_differences AS v WHERE v.accepted_at IS NULL AND v.run_id = "
        "(SELECT run_id FROM reconciliations WHERE session_id = ? ORDER BY seq DESC LIMIT 1) "
        "ORDER BY v.n",
        session_id,
    )


def decisions(db: sqlite3.Connection, _: str, book: str) -> list[Row]:
    """The last decision of each strategy as it was stored; the newest first."""
    newest = _all(
        db,
        "SELECT strategy_id, max(seq) AS seq FROM decisions WHERE book = ? GROUP BY strategy_id "
        "ORDER BY seq DESC",
        book,
    )
    return [
        json.loads(found["payload"])
        for row in newest
        for found in _all(db, "SELECT payload FROM events WHERE seq = ?", row["seq"])
    ]


def readings(db: sqlite3.Connection, _: str, book: str) -> list[Row]:
    """The last sixty readings of the regime, the newest last."""
    rows = _all(
        db,
        "SELECT * FROM v_regimes WHERE session_id IN (SELECT session_id FROM sessions "
        "WHERE book = ?1) AND strategy_id = (SELECT strategy_id FROM regimes AS r JOIN sessions "
        "AS s ON s.session_id = r.session_id WHERE s.book = ?1 LIMIT 1) "
        "ORDER BY session_date DESC LIMIT ?2",
        book,
        STRIP,
    )
    return rows[::-1]


def job(db: sqlite3.Connection, _: str, book: str) -> list[Row]:
    """The job that ended last; decisions and snapshots have panes of their own."""
    return _all(
        db,
        "SELECT job, session_date, ended_at, outcome, detail FROM jobs WHERE book = ? "
        "AND ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT 1",
        book,
    )


def events(db: sqlite3.Connection, session_id: str, _: str) -> list[Row]:
    """The newest events of the journal, oldest first."""
    rows = _all(
        db, "SELECT * FROM v_events WHERE session_id = ? ORDER BY seq DESC LIMIT ?",
        session_id, LIMIT,
    )  # fmt: skip
    return rows[::-1]


PANES: Mapping[str, Read] = {
    "session": session,
    "beat": beat,
    "trading": trading,
    "latches": latches,
    "counts": counts,
    "positions": positions,
    "orders": orders,
    "fills": fills,
    "alerts": alerts,
    "resolved": resolved,
    "quotes": quotes,
    "reconciliation": reconciliation,
    "differences": differences,
    "decision": decisions,
    "readings": readings,
    "events": events,
    "job": job,
    "opened": held.opened,
    "last_close": held.last_close,
    "signals": signals,
    "strategies": decided.strategies,
    "sessions": archive.sessions,
    "parameters": archive.parameters,
    "closes": archive.closes,
}


OF: Mapping[str, Read] = {
    "prices": lambda db, symbol, book: prices.series(db, book, symbol),
    "marks": lambda db, symbol, book: prices.marks(db, book, symbol),
    "goto": lambda db, text, book: whereabouts.row_of(db, text, book),
    "past": lambda db, seq, _: decided.decision(db, seq),
    "decisions": lambda db, strategy, book: decided.dates(db, strategy, book),
}
"""What is asked of one thing: the topic is `name:thing`."""


def snapshots_after(db: sqlite3.Connection, book: str, seq: int) -> list[Row]:
    """Return the book's snapshot rows journaled after a seq, oldest first.

    Unfolding all of them takes 10 ms for nine years: a screen keeps what it has seen.
    """
    return _all(
        db,
        "SELECT seq, strategy_id, session_date, equity, cash, daily_return, cumulative_return, "
        "drawdown FROM v_snapshots WHERE book = ? AND seq > ? ORDER BY session_date, seq",
        book,
        seq,
    )


def answer(db: sqlite3.Connection, request_id: str) -> list[Row]:
    """Return what became of a request, by the journal; and of the order it led to, by its row."""
    rows = [
        {**json.loads(row["payload"]), "kind": row["kind"]}
        for row in _all(
            db,
            "SELECT kind, payload FROM events WHERE subject = ? "
            "AND kind IN ('RequestAnswered', 'ReplacementEnded') ORDER BY seq",
            request_id,
        )
    ]
    for row in rows:
        order_id = str(row["text"]).partition(" ")[0]
        found = order_id.startswith("ord_") and _all(
            db, "SELECT * FROM v_orders WHERE order_id = ?", order_id
        )
        row["order"] = found[0] if found else None
    return rows


def book_of(db: sqlite3.Connection, session_id: str) -> str | None:
    """Return the book of a session, None if there is no such session."""
    rows = _all(db, "SELECT book FROM sessions WHERE session_id = ?", session_id)
    return str(rows[0]["book"]) if rows else None


def read(
    db: sqlite3.Connection, session_id: str, book: str, topics: Iterable[str]
) -> dict[str, tuple[Row, ...] | str]:
    """Return the rows of each topic, or the words for why they could not be read."""
    found: dict[str, tuple[Row, ...] | str] = {}
    for topic in topics:
        name, colon, thing = topic.partition(":")
        query, of = (OF[name], thing) if colon else (PANES[topic], session_id)
        try:
            found[topic] = tuple(query(db, of, book))
        except sqlite3.Error as error:
            found[topic] = reason(error)
    return found
