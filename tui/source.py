"""Views from the database: only what is wanted, only when something was written.

Lives on the reading thread. `storage.watch` names what has newer rows; of that, what a shown
pane wants is read at once, the rest when it is wanted.
"""

import json
from collections.abc import Callable, Generator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

from engine.domain.times import parse_utc
from engine.errors import JournalError, SettingsError
from storage.connect import open_reader
from storage.queries import pages, panes
from storage.queries.archive import Results
from storage.queries.chain import explain
from storage.queries.pages import Page, Window
from storage.room import sizes
from storage.watch import LATEST, Watch
from tui.explanation import explanation_rows
from tui.format import EXCHANGE_ZONE
from tui.totals import totals
from tui.view import Moment, Reading, Row, View, Wanted, session_day

CURVE_SESSIONS = 3_000
SEARCH_S = 0.03  # at once, for what no index finds: then it looks what else is wanted
CLOCKS_APART = timedelta(seconds=30)  # the wall's and the session's: no machine is that slow
TELL_S = 0.25  # how often a search that goes on is told of

READ_AFTER = {
    "session": {"sessions"},
    "beat": {LATEST},
    "trading": {"control", LATEST},
    "latches": {"latches"},
    "counts": {"positions", "orders", "alerts", "reconciliations", LATEST},
    "positions": {"positions", "strategies", "decisions", "orders", LATEST},
    "opened": {"positions"},
    "last_close": {"sessions", "snapshots", "fills", "decisions"},
    "orders": {"orders"},
    "fills": {"fills"},
    "alerts": {"alerts"},
    "resolved": {"alerts"},
    "quotes": {LATEST},
    "reconciliation": {"reconciliations"},
    "differences": {"reconciliations"},
    "decision": {"decisions"},
    "readings": {"regimes"},
    "events": {"events"},
    "job": {"jobs"},
    "snapshots": {"snapshots"},
    "signals": {"signals", "orders", "decisions", "jobs"},
    "strategies": {"strategies", "latches"},
    "sessions": {"sessions", "snapshots"},
    "parameters": {"parameters", "sessions", "decisions"},
    "closes": {"regimes"},
    "prices": {"decisions", "regimes"},
    "marks": {"fills"},
    "decisions": {"decisions"},
    "past": set(),
    "goto": set(),
    "page:fills": {"fills"},
    "page:orders": {"orders"},
    "page:signals": {"signals", "orders", "decisions", "jobs"},
    "page:events": {"events"},
}
"""What is read → after news of which of storage's topics."""

ALWAYS = frozenset({"session", "beat", "trading", "counts", "latches", "alerts"})


class DatabaseSource:
    """Reads one session and its book."""

    def __init__(
        self,
        path: Path,
        session_id: Callable[[], str | None] | None,
        now: Callable[[], datetime],
        own_request: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._path = path
        self._session_id = session_id  # None: the newest one, whoever runs it
        self._now = now
        self._own_request = own_request
        self._db: panes.Database | None = None
        self._watch: Watch | None = None
        self._old: set[str] = set(READ_AFTER)
        self._asked: tuple[Any, ...] = ()
        self._books: dict[str, str] = {}  # of the session that was asked last
        self._readings: dict[str, Reading] = {}
        self._snapshots: dict[str, list[Row]] = {}
        self._snapshots_seq = 0
        self._results = Results()
        self._unfinished = False  # results of more sessions are to be worked out
        self._pages: dict[str, Page] = {}
        self._told_at = 0.0  # when a view was last given

    def close(self) -> None:
        """Let go of the database."""
        if self._db is not None:
            self._db.close()
            self._db = None

    @property
    def unfinished(self) -> bool:
        """Whether a search goes on, or results are still to be worked out."""
        return self._unfinished or any(page.unfinished for page in self._pages.values())

    def read(self, wanted: Wanted) -> View | None:
        """Return what is wanted if anything changed since the last call, else None."""
        db = self._open()
        if db is None or self._watch is None:
            return None
        changes = self._watch.changes()
        session_id = self._session_id() if self._session_id else changes.session_id
        book = None if session_id is None else self._book_of(db, session_id)
        if session_id is None or book is None:
            return None
        asked = (session_id, self._own_request(), wanted)
        quiet = not changes.topics and asked == self._asked
        if quiet and not (self.unfinished and self._search_on(db, session_id, book)):
            return None
        if changes.everything or self._asked[:1] != asked[:1]:
            self._forget()
        self._asked = asked
        self._old |= {topic for topic, after in READ_AFTER.items() if after & changes.topics}
        self._read(db, session_id, book, wanted | ALWAYS)
        self._told_at = monotonic()
        return View(self._moment(), dict(self._readings))

    def every(self, session_id: str, window: Window) -> Generator[tuple[Row, ...], None, None]:
        """Yield all rows of a long table that meet a window's conditions, piece by piece.

        For a source of its own, on a thread of its own.
        """
        db = self._open()
        book = None if db is None else panes.book_of(db, session_id)
        if db is None or book is None:
            raise SettingsError(f"{session_id}: no such session in {self._path}")
        yield from pages.every(db, {"book": book, "session_id": session_id}, window)

    def _book_of(self, db: panes.Database, session_id: str) -> str | None:
        """Return a session's book, which never changes; None while it is not written yet."""
        if session_id not in self._books:
            book = panes.book_of(db, session_id)
            if book is None:
                return None
            self._books = {session_id: book}
        return self._books[session_id]

    def _open(self) -> panes.Database | None:
        if self._db is None and self._path.exists():
            try:
                db = open_reader(self._path, busy_timeout_ms=500)
            except JournalError:
                return None  # being made this very moment; asked again in a moment
            try:
                has_tables = bool(db.execute("PRAGMA user_version").fetchone()[0])
            except BaseException:
                db.close()
                raise
            if not has_tables:  # it is being made
                db.close()
                return None
            self._db, self._watch = db, Watch(db)
        return self._db

    def _forget(self) -> None:
        self._old = set(READ_AFTER)
        self._readings.clear()
        self._pages.clear()
        self._snapshots.clear()
        self._snapshots_seq = 0

    def _read(self, db: panes.Database, session_id: str, book: str, everything: Wanted) -> None:
        now, known = self._now(), self._readings
        wanted = {topic for topic in everything if isinstance(topic, str)}
        windows = [window for window in everything if isinstance(window, Window)]
        topics = sorted(wanted & self._old)
        topics += self._of_one_thing(wanted)
        self._old -= wanted
        if "sessions" not in wanted:
            self._unfinished = False
        queries = [t for t in topics if t in panes.PANES or t.partition(":")[0] in panes.OF]
        for topic, found in panes.read(db, session_id, book, queries).items():
            if isinstance(found, str):
                known[topic] = Reading(known.get(topic, Reading()).rows, now, found)
                self._old.add(topic)
            else:
                known[topic] = Reading(found, now)
        self._read_pages(db, {"book": book, "session_id": session_id}, windows)
        self._widen(db, topics)
        if "snapshots" in topics:
            known["snapshots"] = Reading(self._curve(db, book), now)
        own = self._own_request()
        if own is not None:
            known["answers"] = Reading(tuple(panes.answer(db, own)), now)
        for topic in wanted:
            id = topic.removeprefix("explain:")
            if id != topic:
                known[topic] = self._explanation(db, id, now)

    def _of_one_thing(self, wanted: set[str]) -> list[str]:
        """Return the topics of one symbol or decision that are to be read; forget the others."""
        found = {topic for topic in wanted if topic.partition(":")[0] in panes.OF and ":" in topic}
        for topic in list(self._readings):
            if topic.partition(":")[0] in panes.OF and topic not in found:
                del self._readings[topic]
        due = [t for t in found if t.partition(":")[0] in self._old or t not in self._readings]
        self._old -= {topic.partition(":")[0] for topic in found}
        return sorted(due)

    def _search_on(self, db: panes.Database, session_id: str, book: str) -> bool:
        """Go on with what is not over; say whether that is worth to be told now."""
        if self._unfinished and "sessions" in self._asked[2]:
            return True
        windows = [page.window for page in self._pages.values()]
        before = [page.rows for page in self._pages.values()]
        self._read_pages(db, {"book": book, "session_id": session_id}, windows)
        found = [page.rows for page in self._pages.values()] != before
        due = monotonic() - self._told_at > TELL_S
        return found or due or not self.unfinished

    def _read_pages(
        self, db: panes.Database, scopes: dict[str, str], windows: list[Window]
    ) -> None:
        """Read the windows that are wanted, and search on where a search is not over."""
        for name in self._pages.keys() - {page_name(window) for window in windows}:
            del self._pages[name]
        for window in windows:
            name = page_name(window)
            page = self._pages.get(name)
            if page is None:
                page = self._pages[name] = Page(window, scopes)
            elif page.window != window:
                page.show(window)
            elif name in self._old:
                page.again()
            elif not page.unfinished:
                continue
            self._old.discard(name)
            now, part = self._now(), page.tried(db, SEARCH_S)
            if isinstance(part, str):
                before = self._readings.get(name, Reading())
                self._readings[name] = replace(before, read_at=now, failed=part)
                self._old.add(name)
            else:
                self._readings[name] = Reading(page.rows, now, part=part)

    def _widen(self, db: panes.Database, topics: list[str]) -> None:
        """Put into rows what their query alone cannot say."""
        beat = self._readings.get("beat")
        if "beat" in topics and beat and beat.rows and not beat.failed:
            told = beat.rows[0]
            more = {"room": sizes(self._path), "since": json.loads(told["since"])}
            more["reach"] = json.loads(told["reach"] or "null")
            self._readings["beat"] = replace(beat, rows=({**told, **more},))
        sessions, parameters = self._readings.get("sessions"), self._readings.get("parameters")
        if "sessions" in topics and sessions and sessions.rows and not sessions.failed:
            rows = [dict(row) for row in sessions.rows]
            self._unfinished = not self._results.add(db, rows)
            if self._unfinished:
                self._old.add("sessions")
            self._readings["sessions"] = replace(sessions, rows=tuple(rows))
        if "parameters" in topics and parameters and parameters.rows and not parameters.failed:
            from tui.parameters import parameter_rows  # the schemas: only when they are looked at

            found = tuple(row for given in parameters.rows for row in parameter_rows(given))
            self._readings["parameters"] = replace(parameters, rows=found)

    def _explanation(self, db: panes.Database, id: str, now: datetime) -> Reading:
        try:
            return Reading(explanation_rows(explain(db, id)), now)
        except SettingsError as error:
            return Reading(None, now, str(error))

    def _curve(self, db: panes.Database, book: str) -> tuple[Row, ...]:
        """One row per session date: of all strategies together."""
        for row in panes.snapshots_after(db, book, self._snapshots_seq):
            self._snapshots_seq = max(self._snapshots_seq, row["seq"])
            rows = self._snapshots.setdefault(row["session_date"], [])
            rows[:] = [r for r in rows if r["strategy_id"] != row["strategy_id"]]
            rows.append(row)
        found = totals(self._snapshots[day] for day in sorted(self._snapshots))
        return tuple(found[-CURVE_SESSIONS:])

    def _moment(self) -> Moment:
        now = self._now()
        session, beat = self._readings["session"].first(), self._readings["beat"].first()
        day = session_day(beat, "session_date") if beat else None
        if session is None or not (session["recorded_clock"] or _practises(beat)):
            return Moment(now, now, day)
        if beat is None or not beat["clock_at"]:
            return Moment(now, None, day)
        # ages count from the pulse, which was written together with the quotes
        newest = parse_utc(max(beat["clock_at"], beat["newest_at"] or ""))
        return Moment(now, parse_utc(beat["clock_at"]), newest.astimezone(EXCHANGE_ZONE).date())


def _practises(beat: Row | None) -> bool:
    """Whether the session's clock is a practice gateway's, far from the one on the wall."""
    if beat is None or not beat["clock_at"]:
        return False
    return abs(parse_utc(beat["clock_at"]) - parse_utc(beat["wall_at"])) > CLOCKS_APART


def page_name(window: Window) -> str:
    """Return the name under which a long table's window is read."""
    return f"page:{window.topic}"
