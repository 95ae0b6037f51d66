"""Prices that were written, for a chart: of decisions, of the regime's series, of fills.

No bar is stored: what a chart shows is what a decision was made on, day by day. A day without
a decision is a gap.
"""

import sqlite3

from storage.queries.fetch import Row, fetch

FILLS_AT_MOST = 2_000


def series(db: sqlite3.Connection, book: str, symbol: str) -> list[Row]:
    """One row per session date: price, whose it is, cell, and the means where it has some.

    price: the close where the symbol is the regime's own series, else the newest decision's.
    """
    decided = fetch(
        db,
        "SELECT d.session_date, d.slot, e.payload ->> ('$.prices.\"' || ?2 || '\"') AS price "
        "FROM decisions AS d JOIN events AS e ON e.seq = d.seq WHERE d.book = ?1 "
        "ORDER BY d.session_date, d.seq",
        book,
        symbol,
    )
    own = regime_symbol(db, book) == symbol
    readings = fetch(
        db,
        "SELECT r.session_date, r.close, r.sma_fast, r.sma_slow, r.cell FROM regimes AS r "
        "JOIN sessions AS s ON s.session_id = r.session_id WHERE s.book = ? "
        "AND NOT r.provisional ORDER BY r.session_date",
        book,
    )
    days: dict[str, Row] = {}
    for row in decided:
        if row["price"] is not None:
            day = row["session_date"]
            days[day] = {"session_date": day, "price": float(row["price"]), "of": row["slot"]}
    for row in readings:
        day = row["session_date"]
        if own and row["close"] is not None:
            found = {"session_date": day, "price": row["close"], "of": "close"}
            days[day] = {**found, "sma_fast": row["sma_fast"], "sma_slow": row["sma_slow"]}
        if day in days:
            days[day]["cell"] = row["cell"]
    return [days[day] for day in sorted(days)]


def regime_symbol(db: sqlite3.Connection, book: str) -> str | None:
    """Return the symbol whose series the regime is read from, None while nobody decided."""
    found = db.execute(
        "SELECT e.payload ->> '$.series[0].symbol' FROM decisions AS d JOIN events AS e "
        "ON e.seq = d.seq WHERE d.book = ? AND d.cell IS NOT NULL "
        "ORDER BY d.session_date DESC LIMIT 1",
        (book,),
    ).fetchone()
    return None if found is None else found[0]


def marks(db: sqlite3.Connection, book: str, symbol: str) -> list[Row]:
    """The newest fills of a symbol, the oldest of them first."""
    return fetch(
        db,
        "SELECT exec_id, at, side, price, quantity FROM v_fills "
        "WHERE book = ? AND symbol = ? ORDER BY seq DESC LIMIT ?",
        book,
        symbol,
        FILLS_AT_MOST,
    )[::-1]
