"""What a book has done so far."""

import sqlite3


def has_sent(db: sqlite3.Connection, book: str) -> bool:
    """Say whether an order of this book was ever handed to a broker."""
    found = db.execute(
        "SELECT 1 FROM orders WHERE book = ? AND sent_at IS NOT NULL LIMIT 1", (book,)
    ).fetchone()
    return found is not None


def is_known(db: sqlite3.Connection, book: str) -> bool:
    """Say whether a session of this book ever ran."""
    found = db.execute(
        "SELECT 1 FROM events AS e JOIN sessions AS s ON s.session_id = e.session_id "
        "WHERE s.book = ? AND e.kind = 'BaselineAdopted' LIMIT 1",
        (book,),
    ).fetchone()
    return found is not None
