"""Indexes that only a long table needs.

A page of a table is found by its place in an order, so in a long table each order that a person
can choose is an index. They would triple what each trade writes; a table of a few thousand rows
is sorted faster than a key repeats. So they are made when a table has grown long, before the
engine that starts on it writes its first row.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from storage.connect import open_writer, unusable
from storage.queries.long import LONG, Long

LONG_FROM = 20_000

_COVERED = {
    "fills": "symbol, side, strategy_id, quantity_u, price_u, commission_u, slippage_bps_u, "
    "order_id, reference_price_u",
    "orders": "symbol, side, strategy_id, status, quantity_u",
}
"""What filters look at: a search in the order of happening reads nothing but the index."""


def index_long_tables(path: Path, long_from: int | None = None) -> list[str]:
    """Make what is missing in tables of LONG_FROM rows or more; return what was made.

    Raises DatabaseUnusable if it cannot be written.
    """
    writer = open_writer(path)
    made: list[str] = []
    try:
        there = {row[0] for row in writer.execute("SELECT name FROM sqlite_schema")}
        for long in LONG.values():
            missing = [(name, sql) for name, sql in _indexes(long) if name not in there]
            if not missing or not _has(writer, long.table, long_from or LONG_FROM):
                continue
            for name, sql in missing:
                writer.execute(sql)
                made.append(name)
    except sqlite3.Error as error:
        raise unusable(path, error) from error
    finally:
        writer.close()
    return made


def _indexes(long: Long) -> Iterator[tuple[str, str]]:
    if long.index:
        covered = _COVERED[long.table]
        yield (
            long.index,
            (f"CREATE INDEX {long.index} ON {long.table} ({long.scope}, seq, {covered})"),
        )
    for value, index in long.orders.values():
        yield index, f"CREATE INDEX {index} ON {long.table} ({long.scope}, {value}, seq)"


def _has(db: sqlite3.Connection, table: str, rows: int) -> bool:
    """Say whether a table has so many rows, without counting all of them."""
    found = db.execute(f"SELECT 1 FROM {table} LIMIT 1 OFFSET ?", (rows - 1,))  # noqa: S608
    return found.fetchone() is not None
