"""Where in the journal something began: the event that a person means by an id."""

import sqlite3

from storage.queries.chain import resolve

_WHERE = {
    "order": "SELECT seq FROM orders WHERE order_id = ? AND book = ?",
    "signal": "SELECT seq FROM signals WHERE signal_id = ? AND book = ?",
    "decision": "SELECT seq FROM decisions WHERE decision_id = ? AND book = ?",
    "fill": "SELECT seq FROM fills WHERE exec_id = ? AND book = ?",
}


def seq_of(db: sqlite3.Connection, text: str, book: str) -> int | None:
    """Return the event by which an order, signal, decision or fill of a book came to be.

    None if it is another book's; SettingsError if there is no such id, or more than one.
    """
    kind, found = resolve(db, text)
    row = db.execute(_WHERE[kind], (found, book)).fetchone()
    return None if row is None else int(row[0])
