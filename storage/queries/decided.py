"""What strategies decided: signals with the orders they became, decisions without, missed slots.

Signals without an order and slots without a decision are rows too: what was not done, and why,
is looked for as often as what was done.
"""

import json
import sqlite3

from storage.queries.fetch import Row, fetch

LIMIT = 200


def signals(db: sqlite3.Connection, _: str, book: str) -> list[Row]:
    """Signals, decisions that raised none, late and missed slots; the newest first.

    An order of a signal has the signal's id as its reference.
    """
    rows = [*_signals(db, book), *_unmoved(db, book), *_missed(db, book)]
    rows.sort(key=lambda row: str(row["at"]), reverse=True)
    return rows[:LIMIT]


def _signals(db: sqlite3.Connection, book: str) -> list[Row]:
    return fetch(
        db,
        "SELECT s.signal_id AS id, s.*, s.raised_at AS at, o.order_id, o.quantity_u / 1e6 AS "
        "order_quantity, o.status AS order_status, o.reason AS order_reason, "
        "o.text AS order_text FROM (SELECT * FROM v_signals WHERE book = ?1 "
        "ORDER BY seq DESC LIMIT ?2) AS s "
        "LEFT JOIN orders AS o ON o.book = ?1 AND o.order_ref = s.signal_id",
        book,
        LIMIT,
    )


def _unmoved(db: sqlite3.Connection, book: str) -> list[Row]:
    """Decisions without a signal, and those that came late."""
    return fetch(
        db,
        "SELECT d.decision_id AS id, d.*, d.result AS kind, "
        "CASE WHEN d.late_s >= 1 THEN 'LATE' ELSE 'DONE' END AS state, "
        "d.text AS reason FROM v_decisions AS d WHERE d.book = ?1 AND (d.late_s >= 1 "
        "OR d.decision_id NOT IN "
        "(SELECT decision_id FROM signals WHERE book = ?1 AND decision_id IS NOT NULL)) "
        "ORDER BY d.seq DESC LIMIT ?2",
        book,
        LIMIT,
    )


def _missed(db: sqlite3.Connection, book: str) -> list[Row]:
    """Slots at which nothing was decided."""
    return fetch(
        db,
        "SELECT job || ' ' || session_date AS id, substr(job, 10) AS strategy_id, session_date, "
        "due_at AS at, 'slot' AS kind, outcome AS state, detail AS reason, detail AS text "
        "FROM jobs WHERE book = ?1 AND job LIKE 'decision:%' AND outcome IS NOT NULL "
        "AND outcome <> 'DONE' ORDER BY session_date DESC LIMIT ?2",
        book,
        LIMIT,
    )


def strategies(db: sqlite3.Connection, session_id: str, book: str) -> list[Row]:
    """A row for each strategy of the session: state, last decision, and the latch that holds it."""
    return fetch(
        db,
        "SELECT t.*, (SELECT l.latch FROM latches AS l WHERE l.book = ?2 AND l.released_at IS NULL "
        "AND l.scope IN (t.strategy_id, 'book') ORDER BY l.since LIMIT 1) AS latch, "
        "(SELECT l.until FROM latches AS l WHERE l.book = ?2 AND l.released_at IS NULL "
        "AND l.scope IN (t.strategy_id, 'book') ORDER BY l.since LIMIT 1) AS latch_until, "
        "(SELECT l.text FROM latches AS l WHERE l.book = ?2 AND l.released_at IS NULL "
        "AND l.scope IN (t.strategy_id, 'book') ORDER BY l.since LIMIT 1) AS latch_text "
        "FROM v_strategies AS t WHERE t.session_id = ?1 ORDER BY t.strategy_id",
        session_id,
        book,
    )


def dates(db: sqlite3.Connection, strategy: str, book: str) -> list[Row]:
    """Where each decision of a strategy is, oldest first."""
    return fetch(
        db,
        "SELECT seq, session_date, slot FROM decisions WHERE book = ? AND strategy_id = ? "
        "ORDER BY seq",
        book,
        strategy,
    )


def decision(db: sqlite3.Connection, seq: str) -> list[Row]:
    """A decision as it was stored."""
    found = fetch(db, "SELECT payload FROM events WHERE seq = ?", int(seq))
    return [json.loads(row["payload"]) for row in found]
