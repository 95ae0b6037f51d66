"""What strategies decided: signals with the orders they became, decisions without, missed slots.

Signals without an order and slots without a decision are rows too: what was not done, and why,
is looked for as often as what was done.
"""

import json
import sqlite3

from storage.queries.fetch import Row, fetch, indexed
from storage.queries.status import strategies_of

# `seq` is the event by which a row came to be: the order of the world.
_SIGNALS = (
    "SELECT signal_id AS id, book, seq, raised_at AS at, strategy_id, symbol, kind, state, "
    "reason, text, session_date, slot, target_weight_u, quantity_u, duplicate_count, signal_id, "
    "decision_id, NULL AS preset, 'PH-' || substr(signal_id, 5) || '-' || leg AS order_ref, "
    "session_id, parameter_hash FROM (SELECT *, NULL AS parameter_hash FROM signals)"
)
_UNMOVED = (
    "SELECT decision_id, book, seq, at, strategy_id, NULL, result, "
    "CASE WHEN late_s >= 1 THEN 'LATE' ELSE 'DONE' END, text, text, session_date, slot, NULL, "
    "NULL, 0, NULL, decision_id, preset, NULL, session_id, parameter_hash FROM decisions "
    # one text each: of pairs SQLite makes no index here
    "WHERE late_s >= 1 OR book || ' ' || decision_id NOT IN "
    "(SELECT book || ' ' || decision_id FROM signals WHERE decision_id IS NOT NULL)"
)
_MISSED = (
    "SELECT job || ' ' || session_date, book, (SELECT max(e.seq) FROM events AS e "  # noqa: S608
    "WHERE e.subject = jobs.job AND e.kind = 'JobEnded' "
    "AND e.payload ->> '$.session_date' = jobs.session_date "
    f"AND {indexed('e')}), due_at, substr(job, 10), NULL, 'slot', outcome, detail, "
    "detail, session_date, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, session_id, NULL FROM jobs "
    "WHERE job LIKE 'decision:%' AND outcome IS NOT NULL AND outcome <> 'DONE'"
)
DECIDED = f"({_SIGNALS} UNION ALL {_UNMOVED} UNION ALL {_MISSED})"
"""Signals, decisions that raised none or came late, slots at which nothing was decided."""

_OF_ORDER = "FROM orders AS o WHERE o.book = decided.book AND o.order_ref = decided.order_ref"
STATE = (
    f"coalesce((SELECT o.status {_OF_ORDER} "
    "AND o.status IN ('DENIED', 'REJECTED', 'DRY_RUN')), decided.state)"
)
WHY = f"coalesce((SELECT nullif(o.reason, '') {_OF_ORDER}), decided.reason)"
ORDER = f"(SELECT o.order_id {_OF_ORDER})"
"""The state, the reason and the order of a row, for filters: its order's where that was refused."""

ROWS = (
    "SELECT r.id, r.book, r.seq, r.at, r.strategy_id, r.symbol, r.kind, r.state, r.reason, "  # noqa: S608
    "r.text, r.session_date, r.slot, r.target_weight_u / 1e6 AS target_weight, "
    "r.quantity_u / 1e6 AS quantity, r.duplicate_count, r.signal_id, r.decision_id, r.preset, "
    "r.session_id, r.parameter_hash, o.order_id, o.quantity_u / 1e6 AS order_quantity, "
    "o.status AS order_status, o.reason AS order_reason, o.text AS order_text "
    f"FROM {DECIDED} AS r "
    "LEFT JOIN orders AS o ON o.book = r.book AND o.order_ref = r.order_ref"
)


def strategies(db: sqlite3.Connection, session_id: str, book: str) -> list[Row]:
    """A row for each strategy of the session: state, last decision, and the latch that holds it."""
    return strategies_of(db, session_id, book)


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
