"""Where in the journal something began: the event that a person means by an id."""

import sqlite3

from engine.errors import SettingsError
from storage.queries.chain import resolve
from storage.queries.fetch import Row

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


_PANES = {"order": "orders", "signal": "signals", "decision": "signals", "fill": "fills"}


def row_of(db: sqlite3.Connection, text: str, book: str) -> list[Row]:
    """Return the pane and the key of what a person means, or why there is none.

    text: an id, `seq 18204`, an instant as it is stored, `start` or `end`.
    """
    seq = _seq_named(db, text, book)
    if seq is not None:
        return [{"pane": "log", "key": str(seq)}]
    if text.startswith("seq"):
        return [{"pane": "", "why": f"{text}: seq and the number of an event, like seq 18204"}]
    try:
        kind, found = resolve(db, text)
    except SettingsError as error:
        return [{"pane": "", "why": str(error)}]
    if db.execute(_WHERE[kind], (found, book)).fetchone() is None:
        return [{"pane": "", "why": f"{found}: this {kind} is of another book"}]
    return [{"pane": _PANES[kind], "key": found}]


def _seq_named(db: sqlite3.Connection, text: str, book: str) -> int | None:
    newest = db.execute("SELECT max(seq) FROM events").fetchone()[0] or 0
    if text == "start":
        return 1 if newest else None
    if text == "end":
        return newest or None
    if text.startswith("seq "):
        number = text.removeprefix("seq ").strip().replace(",", "")
        known = number.isdecimal() and 1 <= int(number) <= newest
        return int(number) if known else None
    if not (len(text) == len("2026-11-20T14:30:00.000000Z") and text.endswith("Z")):
        return None
    first, last = 1, newest  # instants grow with seq: halve until one is left
    while first < last:
        middle = (first + last) // 2
        row = db.execute("SELECT at FROM events WHERE seq >= ? LIMIT 1", (middle,)).fetchone()
        if row is not None and row[0] < text:
            first = middle + 1
        else:
            last = middle
    return last or None
