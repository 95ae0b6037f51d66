"""Sessions that have no end, and what the newest session of a mode left behind."""

import sqlite3

from engine.domain.event import SessionCreated
from engine.domain.session import SESSION_ENDS, SessionContext
from storage.codec import decode

_ENDS = ", ".join(f"'{state.value}'" for state in SESSION_ENDS)

_UNFINISHED = (
    "SELECT e.kind, e.version, e.payload FROM sessions AS s "  # noqa: S608  names of an enum
    "JOIN events AS e ON e.seq = s.created_seq "
    f"WHERE s.state NOT IN ({_ENDS}) ORDER BY s.created_seq DESC"
)

_INTERRUPTED = (
    "SELECT e.kind, e.version, e.payload FROM sessions AS s "
    "JOIN events AS e ON e.seq = s.created_seq "
    "WHERE s.state = 'INTERRUPTED' AND NOT EXISTS "
    "(SELECT 1 FROM sessions AS later WHERE later.book = s.book "
    "AND later.created_seq > s.created_seq) ORDER BY s.created_seq DESC LIMIT ?"
)

_NEWEST = (
    "SELECT b.trading_state, b.reason, s.session_id FROM sessions AS s "
    "JOIN books AS b ON b.book = s.book WHERE s.mode = ? ORDER BY s.created_seq DESC LIMIT 1"
)


def without_end(db: sqlite3.Connection) -> list[SessionContext]:
    """Return the contexts of sessions that no process has ended, newest first."""
    return _contexts(db.execute(_UNFINISHED).fetchall())


def interrupted(db: sqlite3.Connection, limit: int = 100) -> list[SessionContext]:
    """Return the contexts of interrupted sessions that nobody has continued, newest first."""
    return _contexts(db.execute(_INTERRUPTED, (limit,)).fetchall())


def left_behind(db: sqlite3.Connection, mode: str) -> tuple[str, str, str] | None:
    """Return (trading state, reason, session id) of the newest session of a mode."""
    row = db.execute(_NEWEST, (mode,)).fetchone()
    return None if row is None else (row[0], row[1], row[2])


def _contexts(rows: list[sqlite3.Row]) -> list[SessionContext]:
    found = []
    for kind, version, payload in rows:
        event = decode(kind, version, payload)
        assert isinstance(event, SessionCreated)
        found.append(event.context)
    return found
