"""What the runtime asks before a journal exists: who ran last, and whose process has died."""

from collections.abc import Iterable
from pathlib import Path
from typing import cast

from engine.domain.event import SessionCreated
from engine.domain.session import SESSION_ENDS, SessionContext, TradingState
from storage.codec import decode
from storage.connect import open_reader

_RECENT = 100
_CONTEXT = (
    "SELECT e.kind, e.version, e.payload FROM sessions AS s JOIN events AS e "
    "ON e.seq = s.created_seq WHERE "
)


class SqliteSessionStore:
    """Implements engine.ports.SessionStore on a database that exists."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def last_context(self, book_prefix: str) -> SessionContext | None:
        """Return the newest session's context whose book starts with the prefix."""
        found = self._contexts("substr(s.book, 1, length(?)) = ?", book_prefix, book_prefix)
        return found[0] if found else None

    def interrupted(self) -> Iterable[SessionContext]:
        """Return contexts of sessions without an end, newest first (their process has died)."""
        ends = sorted(state.value for state in SESSION_ENDS)
        return self._contexts(f"s.state NOT IN ({','.join('?' * len(ends))})", *ends, limit=-1)

    def uncontinued(self) -> list[SessionContext]:
        """Return contexts of interrupted sessions whose book nobody went on with, newest first."""
        return self._contexts(
            "s.state = 'INTERRUPTED' AND NOT EXISTS (SELECT 1 FROM sessions AS later "
            "WHERE later.book = s.book AND later.created_seq > s.created_seq)",
            limit=_RECENT,
        )

    def on_wall_clock(self, mode: str) -> list[SessionContext]:
        """Return the context of the newest session of a mode that ran on the wall clock."""
        return self._contexts("s.mode = ? AND s.recorded_clock = 0", mode)

    def left_behind(self, mode: str, *, dry_run: bool) -> tuple[str, str, str] | None:
        """Return (trading state, reason, session id) of the newest session of a mode.

        What a dry run was told binds dry runs alone; a dry run goes by whichever was the newest.
        """
        db = open_reader(self._path)
        try:
            row = db.execute(
                "SELECT b.trading_state, b.reason, s.session_id FROM sessions AS s JOIN books "
                "AS b ON b.book = s.book WHERE s.mode = ? AND s.dry_run <= ? "
                "ORDER BY s.created_seq DESC LIMIT 1",
                (mode, dry_run),
            ).fetchone()
        finally:
            db.close()
        return None if row is None else (str(row[0]), str(row[1]), str(row[2]))

    def trading_state(self, book: str) -> str:
        """Return the trading state in which a book was left."""
        db = open_reader(self._path)
        try:
            row = db.execute("SELECT trading_state FROM books WHERE book = ?", (book,)).fetchone()
        finally:
            db.close()
        return TradingState.ACTIVE.value if row is None else str(row[0])

    def orders(self, book: str) -> frozenset[str]:
        """Return the ids of a book's orders."""
        db = open_reader(self._path)
        try:
            rows = db.execute("SELECT order_id FROM orders WHERE book = ?", (book,)).fetchall()
        finally:
            db.close()
        return frozenset(str(row[0]) for row in rows)

    def state_of(self, session_id: str) -> str | None:
        """Return a session's state, None if there is none with this id."""
        db = open_reader(self._path)
        try:
            row = db.execute("SELECT state FROM sessions WHERE session_id = ?", (session_id,))
            found = row.fetchone()
        finally:
            db.close()
        return None if found is None else str(found[0])

    def _contexts(self, where: str, *values: str, limit: int = 1) -> list[SessionContext]:
        db = open_reader(self._path)
        try:
            rows = db.execute(
                f"{_CONTEXT} {where} ORDER BY s.created_seq DESC LIMIT {limit}", values
            ).fetchall()
        finally:
            db.close()
        return [cast("SessionCreated", decode(*row)).context for row in rows]
