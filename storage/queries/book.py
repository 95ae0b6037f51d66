"""What a book has done so far."""

import sqlite3


def has_sent(db: sqlite3.Connection, book: str) -> bool:
    """Say whether an order of this book was ever handed to a broker."""
    found = db.execute(
        "SELECT 1 FROM orders WHERE book = ? AND sent_at IS NOT NULL LIMIT 1", (book,)
    ).fetchone()
    return found is not None
