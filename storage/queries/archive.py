"""Beyond the session that runs: all sessions with their results, parameters with their history."""

import json
import sqlite3
from collections.abc import Iterable
from itertools import accumulate

from storage.queries.fetch import Row, fetch

LIMIT = 200


def sessions(db: sqlite3.Connection, _: str, __: str) -> list[Row]:
    """Sessions of this database, the newest first, each with its number of fills."""
    return fetch(
        db,
        "SELECT s.*, (SELECT count(*) FROM fills AS f WHERE f.book = s.book "
        "AND f.session_id = s.session_id) AS fills, "
        "(SELECT max(seq) FROM snapshots AS n WHERE n.session_id = s.session_id) AS snapshot_seq, "
        "e.payload ->> '$.context.build' AS build, e.payload ->> '$.context.seed' AS seed, "
        "e.payload ->> '$.context.pace' AS pace, e.payload ->> '$.context.data_from' AS data_from, "
        "e.payload ->> '$.context.data_to' AS data_to "
        "FROM v_sessions AS s LEFT JOIN events AS e ON e.seq = s.created_seq "
        "ORDER BY s.created_seq DESC LIMIT ?",
        LIMIT,
    )


class Results:
    """Return and deepest drawdown of sessions by their snapshots; each is worked out once.

    Unfolding a session of nine years takes 10 ms: a few at a time, newest first.
    """

    AT_ONCE = 8

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[float | None, float]] = {}

    def add(self, db: sqlite3.Connection, rows: Iterable[Row]) -> bool:
        """Put what is known into the rows; say whether it is all there is to know."""
        left = self.AT_ONCE
        complete = True
        for row in rows:
            key = (row["session_id"], row["snapshot_seq"] or 0)
            if key[1] and key not in self._known:
                if not left:
                    complete = False
                else:
                    left -= 1
                    self._known[key] = _result(db, row)
            row["total_return"], row["max_drawdown"] = self._known.get(key, (None, None))
        return complete


def _result(db: sqlite3.Connection, row: Row) -> tuple[float | None, float]:
    found = fetch(
        db,
        "SELECT session_date, sum(equity) AS equity FROM v_snapshots WHERE session_id = ? "
        "GROUP BY session_date ORDER BY session_date",
        row["session_id"],
    )
    worth = [each["equity"] for each in found]
    heights = accumulate(worth, max)
    deepest = min((w / h - 1 for w, h in zip(worth, heights, strict=True) if h > 0), default=0.0)
    capital = row["capital"]
    return (worth[-1] / capital - 1 if worth and capital else None), deepest


def parameters(db: sqlite3.Connection, session_id: str, _: str) -> list[Row]:
    """The parameters of every strategy as the session began, and each change since, as journaled.

    One row per strategy; what a key means is the schema's to say.
    """
    begun = fetch(
        db,
        "SELECT e.payload FROM sessions AS s JOIN events AS e ON e.seq = s.created_seq "
        "WHERE s.session_id = ?",
        session_id,
    )
    if not begun:
        return []
    context = json.loads(begun[0]["payload"])["context"]
    changes = fetch(
        db,
        "SELECT c.*, (SELECT max(d.at) FROM decisions AS d WHERE d.session_id = c.session_id "
        "AND d.strategy_id = c.strategy_id AND d.seq > c.seq) AS decided_at "
        "FROM v_parameter_changes AS c WHERE c.session_id = ? ORDER BY c.seq",
        session_id,
    )
    return [
        {
            "strategy_id": given["strategy"],
            "preset": given["preset"],
            "parameters": given["parameters"],
            "origins": context.get("origins", {}),
            "changes": [c for c in changes if c["strategy_id"] == given["strategy"]],
        }
        for given in context["strategies"]
    ]


def closes(db: sqlite3.Connection, _: str, book: str) -> list[Row]:
    """The regime's series, by session date: its close is the benchmark, its cell the strip."""
    return fetch(
        db,
        "SELECT r.session_date, r.close, r.cell FROM regimes AS r JOIN sessions AS s "
        "ON s.session_id = r.session_id WHERE s.book = ? AND NOT r.provisional "
        "ORDER BY r.session_date",
        book,
    )
