"""Views from the database: only what is wanted, only when something was written.

Lives on the reading thread. While the journal did not grow, only latest values (heartbeat,
quotes and what is worked out from them) are read again.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.domain.times import parse_utc
from engine.errors import JournalError
from storage.connect import open_reader
from storage.queries import panes
from storage.queries.listing import latest_session
from tui.view import Moment, Reading, Row, View, session_day

LATEST = frozenset({"session", "beat", "positions", "counts"})
CURVE_SESSIONS = 500


class DatabaseSource:
    """Reads one session and its book."""

    def __init__(
        self,
        path: Callable[[], Path | None],
        session_id: Callable[[], str | None] | None,
        now: Callable[[], datetime],
        own_request: Callable[[], str | None] = lambda: None,
        explain: Callable[[panes.Database, str], list[Row]] | None = None,
    ) -> None:
        self._path = path
        self._session_id = session_id
        self._now = now
        self._own_request = own_request
        self._explain = explain
        self._db: panes.Database | None = None
        self._seen: tuple[object, ...] | None = None
        self._newest = -1
        self._readings: dict[str, Reading] = {}
        self._snapshots: dict[str, list[Row]] = {}
        self._snapshots_seq = 0

    def close(self) -> None:
        """Let go of the database."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def read(self, wanted: frozenset[str]) -> View | None:
        """Return what is wanted if anything changed since the last call, else None."""
        db = self._open()
        if db is None:
            return None
        session_id = self._session_id() if self._session_id else latest_session(db)
        if session_id is None:
            return None
        data, newest = panes.version(db)
        seen = (data, newest, session_id, wanted, self._own_request())
        if seen == self._seen:
            return None
        book = panes.book_of(db, session_id)
        if book is None:
            return None
        if self._seen is not None and self._seen[2] != session_id:
            self._readings.clear()
            self._snapshots.clear()
            self._snapshots_seq = 0
        grew = newest != self._newest
        self._seen, self._newest = seen, newest
        self._read_topics(db, session_id, book, wanted, grew=grew)
        return View(self._moment(), dict(self._readings))

    def _open(self) -> panes.Database | None:
        if self._db is None:
            path = self._path()
            if path is None or not path.exists():
                return None
            try:
                self._db = open_reader(path, busy_timeout_ms=500)
            except JournalError:
                return None  # being made this very moment; asked again in a moment
        return self._db

    def _read_topics(
        self, db: panes.Database, session_id: str, book: str, wanted: frozenset[str], *, grew: bool
    ) -> None:
        now = self._now()
        known = self._readings
        topics = [
            topic
            for topic in sorted(wanted | {"latches", "alerts"})
            if topic in panes.PANES and (grew or topic in LATEST or topic not in known)
        ]
        for topic, found in panes.read(db, session_id, book, topics).items():
            if isinstance(found, str):
                known[topic] = Reading(known.get(topic, Reading()).rows, now, found)
            else:
                known[topic] = Reading(found, now)
        if "snapshots" in wanted and (grew or "snapshots" not in known):
            known["snapshots"] = Reading(self._curve(db, book), now)
        own = self._own_request()
        if own is not None:
            known["answers"] = Reading(tuple(panes.answer(db, own)), now)
        for topic in wanted:
            id = topic.removeprefix("explain:")
            if id != topic and self._explain is not None:
                known[topic] = Reading(tuple(self._explain(db, id)), now)

    def _curve(self, db: panes.Database, book: str) -> tuple[Row, ...]:
        """One row per session date: sums of the strategies; returns where there is one."""
        for row in panes.snapshots_after(db, book, self._snapshots_seq):
            self._snapshots_seq = max(self._snapshots_seq, row["seq"])
            rows = self._snapshots.setdefault(row["session_date"], [])
            rows[:] = [r for r in rows if r["strategy_id"] != row["strategy_id"]]
            rows.append(row)
        dates = sorted(self._snapshots)
        return tuple(
            _total(self._snapshots[day], ordinal)
            for ordinal, day in enumerate(dates, start=1)
            if ordinal > len(dates) - CURVE_SESSIONS
        )

    def _moment(self) -> Moment:
        now = self._now()
        session, beat = self._readings["session"].first(), self._readings["beat"].first()
        clock: datetime | None = now
        if session is not None and session["recorded_clock"]:
            clock = parse_utc(beat["clock_at"]) if beat and beat["clock_at"] else None
        return Moment(now, clock, session_day(beat, "session_date") if beat else None)


def _total(rows: list[Row], ordinal: int) -> dict[str, Any]:
    alone = rows[0] if len(rows) == 1 else {}
    return {
        "session_date": rows[0]["session_date"],
        "ordinal": ordinal,
        "equity": sum(row["equity"] for row in rows),
        "cash": sum(row["cash"] for row in rows),
        "daily_return": alone.get("daily_return"),
        "cumulative_return": alone.get("cumulative_return"),
        "drawdown": alone.get("drawdown"),
        "baseline": alone.get("baseline"),
    }
