"""Many legal rows quickly: what an engine would need days for.

The rows keep every rule of the schema (types, keys, references) and the events they are made
from are in the journal's numbering; the journal itself stays short, so `db check` would miss
their events. For reading, not for checking.
"""

import random
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from engine.domain.times import utc_text
from storage.connect import open_writer
from storage.longtables import index_long_tables
from tests.tui import seed

SYMBOLS = ("QQQ", "TQQQ", "PSQ", "TMF", "TMV")
RARE = "RARE"
RARE_EVERY = 5_000
FILLS_OF_AN_ORDER = 20
FEW = 100_000

FILL = (
    "seq", "exec_id", "session_id", "book", "order_id", "strategy_id", "instrument", "symbol",
    "side", "quantity_u", "price_u", "commission_u", "reference_price_u", "slippage_bps_u", "at",
)  # fmt: skip
ORDER = (
    "seq", "order_id", "order_ref", "session_id", "book", "strategy_id", "instrument", "symbol",
    "side", "quantity_u", "order_type", "time_in_force", "is_exit", "status", "filled_u",
    "filled_value_u", "reason", "text", "created_at", "changed_at",
)  # fmt: skip


def order_id(seq: int) -> str:
    """The id of the order whose first fill has this seq."""
    return f"ord_01JD5B8Z3K4M5N6P7{seq:09d}"


def fill_rows(count: int, first_seq: int, session_id: str, book: str) -> Iterator[tuple[Any, ...]]:
    """Rows of fills, the oldest first: five symbols and a rare one, prices and costs at random."""
    chance = random.Random(7)
    for n in range(count):
        symbol = RARE if n % RARE_EVERY == RARE_EVERY // 2 else chance.choice(SYMBOLS)
        price = chance.randrange(10_00, 900_00) * 10_000
        yield (
            first_seq + n, f"sim.0a1b2c3d.sig_{chance.getrandbits(48):012x}.{first_seq + n}",
            session_id, book, order_id(first_seq + n - n % FILLS_OF_AN_ORDER), "regime",
            f"STK:{symbol}:USD", symbol, chance.choice(("BUY", "SELL")),
            chance.randrange(1, 1_000) * 1_000_000, price,
            None if n % 1_000 == 7 else chance.randrange(100, 999) * 10_000,
            price - chance.randrange(-50, 50) * 10_000, chance.randrange(-90, 90) * 100_000,
            utc_text(seed.NOW - timedelta(seconds=(count - n) * 0.05)),
        )  # fmt: skip


def order_rows(fills: int, first_seq: int, session_id: str, book: str) -> Iterator[tuple[Any, ...]]:
    """An ended order for every twenty fills."""
    for n in range(0, fills, FILLS_OF_AN_ORDER):
        symbol = SYMBOLS[n // FILLS_OF_AN_ORDER % len(SYMBOLS)]
        at = utc_text(seed.NOW - timedelta(seconds=(fills - n) * 0.05))
        yield (
            first_seq + n, order_id(first_seq + n), f"sig_{first_seq + n:012x}", session_id, book,
            "regime", f"STK:{symbol}:USD", symbol, "BUY", 20_000_000, "MARKET", "DAY", 0, "FILLED",
            20_000_000, 2_000_000_000, "", "", at, at,
        )  # fmt: skip


def add(path: Path, fills: int) -> None:
    """Add fills and their orders to the newest session of a database."""
    db = open_writer(path)
    try:
        if fills > FEW:  # nobody else looks on: no log, which would be as large as the file
            db.execute("PRAGMA journal_mode=OFF")
            db.execute("PRAGMA synchronous=OFF")
            db.execute("PRAGMA cache_size=-400000")
        add_to(db, fills)
        if fills > FEW:
            index_long_tables(path)
        db.execute("PRAGMA journal_mode=WAL")
    finally:
        db.close()


def add_to(db: sqlite3.Connection, fills: int) -> None:
    """Add rows in one transaction."""
    session_id, book = db.execute(
        "SELECT session_id, book FROM sessions ORDER BY created_seq DESC LIMIT 1"
    ).fetchone()
    newest = db.execute("SELECT max(seq) FROM events").fetchone()[0]
    db.execute("BEGIN IMMEDIATE")
    by_key = sorted(fill_rows(fills, newest + 1, session_id, book), key=lambda row: row[1])
    _insert(db, "fills", FILL, by_key)
    _insert(db, "orders", ORDER, order_rows(fills, newest + 1, session_id, book))
    # the journal's numbers go on after the rows: one event stands for all of them
    db.execute(
        "INSERT INTO events (seq, session_id, at, known_at, kind, version, subject, payload, hash) "
        "VALUES (?, ?, ?, ?, 'DataGapFound', 1, 'bulk', '{}', '')",
        (newest + fills + 1, session_id, utc_text(seed.NOW), utc_text(seed.NOW)),
    )
    db.execute("COMMIT")


def _insert(db: sqlite3.Connection, table: str, columns: tuple[str, ...], rows: Any) -> None:
    marks = ",".join("?" * len(columns))
    db.executemany(f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})", rows)  # noqa: S608
