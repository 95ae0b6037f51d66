"""Orders and fills as panes show them: the rows of the contract views, and what stands beside.

Every join is by a primary key, so that a page of a long table costs what its rows cost. `r` is
the row of the view.
"""

import sqlite3
from collections.abc import Iterable

from storage.queries.fetch import Row, fetch, indexed

_OF_DECISION = (
    "LEFT JOIN signals AS s ON s.book = {row}.book AND s.signal_id = o.signal_id "
    "LEFT JOIN decisions AS d ON d.book = s.book AND d.strategy_id = s.strategy_id "
    "AND d.session_date = s.session_date AND d.slot = s.slot"
)

# The position changes in the unit of its fill, and again with a commission that came later. What
# opens or adds realizes nothing.
_REALIZES = (
    "CAST(p.payload ->> '$.before.quantity' AS REAL) "
    "* CASE {row}.side WHEN 'BUY' THEN 1 ELSE -1 END < 0"
)
_REALIZED = (
    "(SELECT CASE WHEN " + _REALIZES + " THEN round(CAST(p.payload ->> '$.realized' AS REAL) "  # noqa: S608
    "+ coalesce((SELECT sum(CAST(q.payload ->> '$.realized' AS REAL)) FROM events AS c "
    "JOIN events AS q ON q.seq > c.seq AND q.seq <= c.seq + 3 AND q.causation_seq = c.seq "
    "AND q.kind = 'PositionChanged' WHERE c.subject = {row}.order_id "
    "AND c.kind = 'CommissionBooked' AND c.payload ->> '$.exec_id' = {row}.exec_id "
    "AND " + indexed("c") + "), 0), 6) END "
    "FROM events AS p WHERE p.seq > {row}.seq AND p.seq <= {row}.seq + 3 "
    "AND p.causation_seq = {row}.seq AND p.kind = 'PositionChanged')"
)

FILLS = (
    "SELECT r.*, o.signal_id, o.order_ref, d.cell, "  # noqa: S608
    f"{_REALIZED.format(row='r')} AS realized_pnl, "
    "(SELECT e.known_at FROM events AS e WHERE e.seq = r.seq) AS known_at "
    "FROM v_fills AS r LEFT JOIN orders AS o ON o.order_id = r.order_id "
    + _OF_DECISION.format(row="r")
)
"""Executions with the cell that was decided on, and what they realized; NULL where they opened."""

_TOLD = (
    "SELECT r.*, "  # noqa: S608
    f"{_REALIZED.format(row='r')} AS realized_pnl, coalesce(r.paid, (SELECT "
    "CAST(c.payload ->> '$.commission' AS REAL) FROM events AS c WHERE c.subject = r.order_id "
    "AND c.kind = 'CommissionBooked' AND c.payload ->> '$.exec_id' = r.exec_id "
    f"AND {indexed('c')})) AS commission FROM (SELECT seq, known_at, subject AS order_id, "
    "payload ->> '$.old_exec_id' AS corrects, payload ->> '$.fill.exec_id' AS exec_id, "
    "payload ->> '$.fill.side' AS side, payload ->> '$.fill.at' AS at, "
    "CAST(payload ->> '$.fill.quantity' AS REAL) AS quantity, "
    "CAST(payload ->> '$.fill.price' AS REAL) AS price, "
    "CAST(payload ->> '$.fill.commission' AS REAL) AS paid, "
    "CAST(payload ->> '$.fill.reference_price' AS REAL) AS reference_price, "
    "CAST(payload ->> '$.fill.slippage_bps' AS REAL) AS slippage_bps "
    "FROM events WHERE subject = ? AND kind IN ('FillReceived', 'FillCorrected') "
    f"AND {indexed()}) AS r ORDER BY r.seq"
)
"""The executions of an order as they were told, also those that were replaced later."""


def with_replaced(db: sqlite3.Connection, rows: Iterable[Row]) -> list[Row]:
    """Put above each correction what it replaced, as it was; `corrected_by` names what stands.

    Their quantities and fees are taken back; what they realized counts, for a correction
    realizes what is between the two.
    """
    found: list[Row] = []
    for row in rows:
        wanted, old = row["corrects"], []
        told = {t["exec_id"]: t for t in fetch(db, _TOLD, row["order_id"])} if wanted else {}
        while wanted in told:
            replaced = told.pop(wanted)
            del replaced["paid"]
            old.append({"corrected_by": row["exec_id"], **row, **replaced})
            wanted = replaced["corrects"]
        found += [*reversed(old), row]
    return found


CELL_OF_FILL = (
    "(SELECT d.cell * 1000000 FROM orders AS o " + _OF_DECISION.format(row="o")  # noqa: S608
    + " WHERE o.order_id = fills.order_id)"
)  # fmt: skip
REALIZED_BY_FILL = f"CAST({_REALIZED.format(row='fills')} * 1e6 AS INTEGER)"
"""The same as micro-units of a row of the table, for filters."""
