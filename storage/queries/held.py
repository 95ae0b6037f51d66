"""Beside positions: since when each is held, and what it was worth at the last close."""

import json
import sqlite3
from typing import Any

from storage.queries.fetch import Row, fetch

_SNAPSHOTS = 8  # events that are looked through for the last close of every strategy
_WALKED = 100_000  # executions that are walked back to where a position was flat


def opened(db: sqlite3.Connection, session_id: str, book: str) -> list[Row]:
    """When each held position was opened: walked back through its fills to where it was flat."""
    left = {
        (row["owner"], row["instrument"]): row["quantity_u"]
        for row in fetch(
            db,
            "SELECT owner, instrument, quantity_u FROM positions "
            "WHERE session_id = ? AND quantity_u <> 0 AND owner <> ''",
            session_id,
        )
    }
    found: list[Row] = []
    walk = db.execute(
        "SELECT coalesce(strategy_id, ''), instrument, side, quantity_u, at FROM fills "
        "WHERE book = ? ORDER BY seq DESC LIMIT ?",
        (book, _WALKED),
    )
    for owner, instrument, side, quantity_u, at in walk:
        key = owner, instrument
        if key not in left:
            continue
        left[key] -= quantity_u if side == "BUY" else -quantity_u
        if not left[key]:
            del left[key]
            found.append({"strategy_id": owner, "instrument": instrument, "opened_at": at})
        if not left:
            break
    walk.close()
    return found


def last_close(db: sqlite3.Connection, session_id: str, book: str) -> list[Row]:
    """What each strategy held at the last close before today, and the cash its fills moved since.

    A row for every strategy and instrument that had either: `value` then, `flow` since (+ is
    received, fees taken off; None while one is not reported). A strategy without a close before
    today has rows only where its book has none at all: it began today.
    """
    today = _today(db, session_id, book)
    closes = _closes(db, book, today)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    strategies = [
        row["strategy_id"]
        for row in fetch(db, "SELECT strategy_id FROM strategies WHERE session_id = ?", session_id)
    ]
    for strategy in strategies:
        seq, holdings = closes.get(strategy, (0, []))
        if not seq and closes:
            continue  # what it had at the close is not known
        for instrument, quantity, price in holdings:
            row = found.setdefault((strategy, instrument), _blank(strategy, instrument))
            row["value"] += float(quantity) * float(price)
        for moved in _moved(db, book, strategy, seq):
            key = strategy, moved["instrument"]
            found.setdefault(key, _blank(*key))["flow"] = moved["flow"]
        found.setdefault((strategy, ""), _blank(strategy, ""))  # that this strategy is known
    return list(found.values())


def _blank(strategy: str, instrument: str) -> dict[str, Any]:
    return {"strategy_id": strategy, "instrument": instrument, "value": 0.0, "flow": 0.0}


def _today(db: sqlite3.Connection, session_id: str, book: str) -> str:
    """Return the session date, by the pulse or what was written last; a replay has no pulse."""
    row = db.execute(
        "SELECT max(coalesce((SELECT session_date FROM latest_heartbeat WHERE session_id = ?1), "
        "''), coalesce((SELECT max(session_date) FROM decisions WHERE book = ?2), ''), "
        "coalesce((SELECT max(n.last_date) FROM snapshots AS n JOIN sessions AS s "
        "ON s.session_id = n.session_id WHERE s.book = ?2), ''))",
        (session_id, book),
    ).fetchone()
    return str(row[0])


def _closes(
    db: sqlite3.Connection, book: str, today: str
) -> dict[str, tuple[int, list[tuple[str, str, str]]]]:
    """Return the newest final snapshot of each strategy before a date: seq and holdings."""
    seqs = fetch(  # asked first: in one statement the view would unfold every snapshot
        db,
        "SELECT n.seq FROM snapshots AS n JOIN sessions AS s ON s.session_id = n.session_id "
        "WHERE s.book = ? AND n.intraday = 0 AND n.first_date < ? ORDER BY n.seq DESC LIMIT ?",
        book,
        today,
        _SNAPSHOTS,
    )
    rows: list[Row] = []
    for each in reversed(seqs):
        rows += fetch(
            db,
            "SELECT seq, strategy_id, session_date, holdings FROM v_snapshots "
            "WHERE seq = ? AND final AND session_date < ? ORDER BY session_date",
            each["seq"],
            today,
        )
    return {row["strategy_id"]: (row["seq"], json.loads(row["holdings"] or "[]")) for row in rows}


def _moved(db: sqlite3.Connection, book: str, strategy: str, seq: int) -> list[Row]:
    return fetch(
        db,
        "SELECT instrument, CASE WHEN count(*) = count(commission_u) THEN "
        "(sum(CAST(quantity_u AS REAL) * price_u / 1e6 * CASE side WHEN 'SELL' THEN 1 ELSE -1 END) "
        "- sum(commission_u)) / 1e6 END AS flow FROM fills "
        "WHERE book = ? AND strategy_id = ? AND seq > ? GROUP BY instrument",
        book,
        strategy,
        seq,
    )
