"""The screen on an engine that another process runs.

It looks and asks like any other screen, and owns nothing: signals and a lost terminal end it
alone. Which engine there is says the note beside the lock; which session, the line from parent
to child, so that an engine that starts again is followed and a stranger's session is not.
"""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.domain.request import RequestKind
from engine.domain.times import parse_utc
from engine.runtime.holder import Holder
from storage.queries.lineage import lineage
from tui.format import EXCHANGE_ZONE, UNKNOWN, Shown, cell, exchange_time, safe, say, when, word
from tui.guest import Guest
from tui.messages import Changed
from tui.source import DatabaseSource
from tui.view import Moment, Reading, Row, View, Wanted, instant
from tui.widgets.lines import Span

Look = Callable[[], Holder | None]


class AttachedSource(DatabaseSource):
    """Reads the session of a database's engine, and whether that engine lives."""

    def __init__(
        self,
        path: Path,
        look: Look,
        now: Callable[[], datetime],
        own_request: Callable[[], str | None] = lambda: None,
    ) -> None:
        super().__init__(path, self._follow, now, own_request)
        self._look = look
        self._followed: str | None = None
        self._stranger: str | None = None
        self._engine: Row | None = None
        self._file: tuple[int, int] | None = None
        self._view: View | None = None

    def read(self, wanted: Wanted) -> View | None:
        """Return what is wanted if rows or the engine changed since the last call, else None."""
        self._reopen_if_replaced()
        view = super().read(wanted)
        engine = self._look_at_engine()
        if view is None and engine == self._engine:
            return None
        now = self._now()
        self._engine = engine
        view = view or self._view or View(Moment(now))
        readings = {**view.readings, "engine": Reading((engine,), now)}
        self._view = replace(view, moment=view.moment.later(now), readings=readings)
        return self._view

    def _follow(self) -> str | None:
        """Return the session to show: ours, or the youngest that descends from it."""
        if self._db is not None:
            self._followed, self._stranger = lineage(self._db, self._followed)
        return self._followed

    def _look_at_engine(self) -> Row:
        holder = self._look()
        if holder is not None and self._followed not in (None, holder.session_id):
            holder = None  # a stranger's engine: ours is not running
        return {
            "pid": holder.pid if holder is not None else None,
            "since": holder.since if holder is not None else None,
            "session_id": self._followed,
            "stranger": self._stranger,
        }

    def _reopen_if_replaced(self) -> None:
        """A restored database is another file under the same name."""
        try:
            found = self._path.stat()
        except OSError:
            return
        file = found.st_dev, found.st_ino
        if self._db is not None and self._file not in (None, file):
            self.close()
        self._file = file


class Attached(Guest):
    """The screen without an engine of its own."""

    def __init__(self, look: Look, **given: Any) -> None:
        super().__init__(**given)
        self._look = look
        self._is_unheld = False  # a session writes its first row before its engine is noted

    # -- news ------------------------------------------------------------------------------

    def on_changed(self, event: Changed) -> None:
        """Say which engine this is, and disarm when it is another one; the base class shows it."""
        if not self.is_running:
            return
        before, after = self.view["engine"].first(), event.view["engine"].first()
        if after is None or after["session_id"] is None:
            return
        if before is None or before["session_id"] is None:
            self._is_unheld = after["pid"] is None
            self.say_hint(attached_to(after), "quiet")
        elif before["session_id"] != after["session_id"]:
            self._is_unheld = False
            self.arming.disarm()
            self.say_hint(say("restarted as {}…", _short(after["session_id"])))
        elif self._is_unheld and after["pid"] is not None:
            self._is_unheld = False
            self.say_hint(attached_to(after), "quiet")
        elif before["pid"] is not None and after["pid"] is None:
            self.arming.disarm()

    def notices(self) -> list[Span]:
        """What every screen says, and a session that began here and is not followed."""
        engine = self.view["engine"].first()
        if engine is None or engine["stranger"] is None:
            return super().notices()
        text = say(
            "another session runs here: {}. It is not followed: Q, then attach again",
            _short(engine["stranger"]),
        )
        return [*super().notices(), Span(text, "warn")]

    def _engine_end(self) -> Span | None:
        return no_engine(self.view)

    # -- what is ours ----------------------------------------------------------------------

    def insist(self, kind: RequestKind, reason: str) -> None:
        """Ask by the file; a halt that cannot be written in time is signalled to the engine."""
        if self.request(kind, reason) or kind is not RequestKind.HALT:
            return
        holder = self._look()
        if holder is None:
            return
        try:
            os.kill(holder.pid, signal.SIGUSR1)
        except OSError as error:
            self.say_hint(say("NOT HALTED: {}", safe(str(error), 200)), "danger")
        else:
            words = say("the request file is locked: halt signalled to pid {}", _pid(holder.pid))
            self.say_hint(words, "danger")


def attached_to(engine: Row) -> Shown:
    """Return which engine and session this is."""
    if engine["pid"] is None:
        return say("attached to session {}, no engine runs", _short(engine["session_id"]))
    return say(
        "attached to pid {}, session {}, since {} ET",
        _pid(engine["pid"]),
        _short(engine["session_id"]),
        Shown(exchange_time(parse_utc(engine["since"]))[:5]),
    )


def no_engine(view: View) -> Span | None:
    """Return what is said while no engine runs and no session ended in order."""
    engine, session = view["engine"].first(), view["session"].first()
    if engine is None or engine["pid"] is not None:
        return None
    if session is None:
        return Span(Shown("NO ENGINE, and no session yet. halt waits for the next start"), "danger")
    id, state = _short(session["session_id"]), word(session["state"])
    if session["state"] in ("STOPPED", "COMPLETED", "FAILED"):
        return None
    today = view.moment.wall.astimezone(EXCHANGE_ZONE).date()
    if session["state"] == "INTERRUPTED":
        at = when(instant(session, "ended_at"), today)
        text = say(
            "NO ENGINE. Last session {}: {} {} ET. halt waits for the next start", id, state, at
        )
        return Span(text, "danger")
    beat = view["beat"].first()
    at = UNKNOWN if beat is None else when(instant(beat, "wall_at"), today)
    text = say(
        "NO ENGINE, no heartbeat since {} ET. {} was {}. halt waits for the next start",
        at,
        id,
        state,
    )
    return Span(text, "danger")


def _short(session_id: str) -> Shown:
    return cell(session_id[-8:])


def _pid(pid: int) -> Shown:
    return Shown(str(pid))
