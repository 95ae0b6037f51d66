"""The screen on a recorded session, with a clock of its own.

Rows come from a private database that ends where the clock stands, by the same queries as
ever. Nothing can be asked: there is no engine, and what happened has happened.
"""

from collections.abc import Callable, Generator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from engine.domain.ids import RequestId
from engine.domain.request import RequestKind
from engine.errors import SettingsError
from storage.connect import open_reader
from storage.queries import pages, panes
from storage.queries.listing import find_session
from storage.queries.pages import Window
from storage.queries.status import status
from storage.queries.whereabouts import seq_of
from storage.rewind import Rewind
from storage.timeline import Timeline, timeline
from tui.actions import bindings
from tui.dialogs.confirm import Question, Typed
from tui.format import (
    BLANK,
    EXCHANGE_ZONE,
    UNKNOWN,
    Shown,
    cell,
    day,
    percent,
    safe,
    say,
    whole,
    word,
)  # fmt: skip
from tui.guest import Guest
from tui.messages import Changed
from tui.player import Player, when_is
from tui.screens.dashboard import Dashboard
from tui.source import ALWAYS, READ_AFTER, DatabaseSource
from tui.then import Then
from tui.view import Moment, Reading, Row, View, Wanted
from tui.widgets.lines import Span

AHEAD_S = 0.03
"""How long copies are made ahead of need before it is looked whether something else is wanted."""

Wish = Callable[[Player, float], None]

NOTHING_TO_STOP = Shown("replay: nothing to stop")


class ReplaySource(DatabaseSource):
    """Reads a session as it was where the clock stands; moves the clock as it is told."""

    def __init__(
        self,
        path: Path,
        steps: Timeline,
        player: Player,
        wishes: "SimpleQueue[Wish]",
        now: Callable[[], datetime],
    ) -> None:
        super().__init__(path, lambda: steps.session_id, now)
        self._timeline = steps
        self._player = player
        self._wishes = wishes
        first, last = steps.steps[0].seq, steps.steps[-1].seq
        self._rewind = Rewind(path, steps.book, first, last)
        self._then = Then(self._rewind, steps, now)
        self._ahead_done = False  # every copy is there: any jump is short
        self._end: Row | None = None
        self._shown: tuple[object, ...] = ()

    @property
    def unfinished(self) -> bool:
        """Whether there is something to be done though nothing changed."""
        return super().unfinished or not self._ahead_done

    def close(self) -> None:
        """Let go of the database in memory."""
        self._rewind.close()

    def read(self, wanted: Wanted) -> View | None:
        """Return what is wanted where the clock stands, None if nothing changed."""
        self._obey()
        player = self._player
        player.advance(monotonic())
        if player.seq != self._rewind.seq:
            if player.seq < self._rewind.seq:
                self._forget()
            self._rewind.seek(player.seq)
            self._old = set(READ_AFTER)
        shown = player.seq, player.playing, player.speed, player.home, wanted
        if shown == self._shown and not super().unfinished:
            self._ahead_done = self._ahead_done or self._rewind.prepare(AHEAD_S)
            return None
        self._shown = shown
        self._read(self._rewind.db, self._timeline.session_id, self._timeline.book, wanted | ALWAYS)
        self._readings["replay"] = Reading((self._standing(),), self._now())
        self._complete()
        readings, then = dict(self._readings), None
        if player.home is not None:
            then = self._then.view_of(self._timeline.steps[player.home], wanted, readings)
        return View(self._moment(), readings, then)

    def every(self, session_id: str, window: Window) -> Generator[tuple[Row, ...], None, None]:
        """Yield all rows as they were where the clock stood when this was asked."""
        self._rewind.seek(self._player.seq)
        scopes = {"book": self._timeline.book, "session_id": session_id}
        yield from pages.every(self._rewind.db, scopes, window)

    def _obey(self) -> None:
        while True:
            try:
                wish = self._wishes.get_nowait()
            except Empty:
                return
            wish(self._player, monotonic())

    def _standing(self) -> Row:
        player = self._player
        if player.at_end and self._end is None:
            self._end = self._result()
        return {
            "seq": player.seq,
            "last_seq": self._timeline.steps[-1].seq,
            "speed": player.speed,
            "playing": player.playing,
            "compared": player.home is not None,
            "end": self._end if player.at_end else None,
        }

    def _result(self) -> Row:
        found = status(self._rewind.db, self._timeline.session_id)
        session, equity = found.session or {}, found.equity
        capital = session.get("capital")
        return {
            "state": session.get("state"),
            "fills": found.counts["fills"],
            "return": equity / capital - 1 if capital and equity is not None else None,
        }

    def _complete(self) -> None:
        """Say that this is a replay, and the trading state nobody had changed yet."""
        session, state = self._readings["session"], self._readings["trading"]
        if session.rows:
            self._readings["session"] = replace(session, rows=({**session.rows[0], "replay": 1},))
        if state.rows == () and session.rows and session.rows[0]["state"] != "CREATED":
            row = {"state": "ACTIVE", "since": None, "actor": "", "reason": ""}
            self._readings["trading"] = replace(state, rows=(row,))

    def _moment(self) -> Moment:
        clock = self._player.clock
        return Moment(self._now(), clock, clock.astimezone(EXCHANGE_ZONE).date())


class Replayed(Guest, inherit_bindings=False):
    """The screen and the keys that move its clock."""

    BINDINGS = [*bindings("app", read_only=True), *bindings("replay")]

    def __init__(
        self, find: Callable[[str, datetime], int], wishes: "SimpleQueue[Wish]", **given: Any
    ) -> None:
        super().__init__(**given)
        self._step_named = find
        self._wishes = wishes

    def get_default_screen(self) -> Dashboard:
        """The dashboard, with the keys of a replay."""
        contexts = ("replay", "app")
        return Dashboard(read_only=True, clock=self.clock.wall, contexts=contexts)

    def notices(self) -> list[Span]:
        """Where the clock stands, before whatever else there is to say."""
        replay = replay_line(self.view)
        rest = [span for span in super().notices() if span != self.hint]
        return [span for span in (self.hint, replay) if span is not None] + rest

    # -- nothing can be asked --------------------------------------------------------------

    def request(
        self, kind: RequestKind, reason: str, asked_as: RequestId | None = None, **args: str
    ) -> bool:
        """Nobody is there who could be asked."""
        self.say_hint(Shown("replay: what happened has happened"))
        return False

    def action_halt(self) -> None:
        """The stop key stops nothing here, and says so."""
        self.say_hint(NOTHING_TO_STOP)

    # -- the clock -------------------------------------------------------------------------

    def wish(self, wish: Wish) -> None:
        """Hand a move to the reading thread."""
        self._wishes.put(wish)
        self.wanted_changed()

    def action_play(self) -> None:
        """Play or pause."""
        self.wish(lambda player, now: player.toggle(now))

    def action_play_faster(self) -> None:
        """The next speed."""
        self.wish(lambda player, _: player.faster(1))

    def action_play_slower(self) -> None:
        """The speed before."""
        self.wish(lambda player, _: player.faster(-1))

    def action_step_by(self, steps: int) -> None:
        """One input on, or back."""
        self.wish(lambda player, _: player.by(steps))

    def action_day_by(self, direction: int) -> None:
        """One session date on, or back."""
        self.wish(lambda player, _: player.by_day(direction))

    def action_mark_by(self, direction: int) -> None:
        """To the next, or previous, fill, denial, rejection or alert."""
        self.wish(lambda player, _: player.by_mark(direction))

    def action_compare_now(self) -> None:
        """Look at the end, with what differs from here marked; and back."""
        self.wish(lambda player, _: player.compare())

    def on_changed(self, event: Changed) -> None:
        """Give the shown panes what they are compared with; the base class shows the rest."""
        then, shown = event.view.then, self.dashboard.shown
        for name, pane in self.dashboard.panes.items():
            if pane.columns and then is not None and name in shown:
                pane.compare_with(then)
            elif then is None and pane.then is not None:
                pane.compare_with(None)

    def action_goto(self) -> None:
        """Ask where to."""
        facts = (
            Shown("15:41 · 2026-11-20 · 2026-11-20 15:41, exchange time"),
            Shown("seq 18204 · the id of an order, signal, decision or fill · start · end"),
        )
        typed = Typed(Shown("go to:"), bool, Shown("type where to"))
        then = self._goto_typed
        self.ask(Question(Shown("GO TO"), facts, (), then, typed=typed, danger=False))

    def _goto_words(self, words: str) -> None:
        if words:
            self.goto(words)
        else:
            self.action_goto()

    def _goto_typed(self, _: str, text: str) -> None:
        self.goto(text)

    def goto(self, text: str) -> None:
        """Move to what a person means; say so where it is nothing."""
        try:
            step = self._step_named(text, self.view.moment.clock or self.clock.wall())
        except SettingsError as error:
            self.say_hint(safe(str(error), 200))
        else:
            self.wish(lambda player, _: player.go(step))


def recorded(path: Path, text: str) -> Timeline:
    """Return the steps of the session a person means; SettingsError if there is none."""
    db: panes.Database = open_reader(path)
    try:
        found = find_session(db, text)
        if found is None:
            raise SettingsError(f"{text}: no session, or more than one, has an id like this")
        return timeline(db, found)
    finally:
        db.close()


def find_step(path: Path, steps: Timeline, text: str, clock: datetime) -> int:
    """Return the step that a person means; SettingsError where there is none."""
    text = text.strip()
    if text == "start":
        return 0
    if text == "end":
        return steps.end
    if text.startswith("seq "):
        number = text.removeprefix("seq ").strip().replace(",", "")
        if not number.isdecimal():
            raise SettingsError(f"{text}: seq and a number, like seq 18204")
        return steps.at_seq(int(number))
    at = when_is(text, clock)
    if at is not None:
        return steps.at_instant(at)
    db: panes.Database = open_reader(path)
    try:
        seq = seq_of(db, text, steps.book)
    finally:
        db.close()
    if seq is None:
        raise SettingsError(f"{text}: this id is another session's")
    return steps.at_seq(seq)


def replay_line(view: View) -> Span | None:
    """Return which session this is, where its clock stands and how it moves."""
    session, replay = view["session"].first(), view["replay"].first()
    if replay is None or view.moment.clock is None:
        return None
    account = str(session["account"]) if session else ""
    at = view.moment.clock.astimezone(EXCHANGE_ZONE)
    what = say(
        "{} {} {}",
        cell(str(session["session_id"])[-8:]) if session else UNKNOWN,
        word(session["mode"]) if session else UNKNOWN,
        cell(account if account == "SIM" else f"…{account[-4:]}"),
    )
    if replay["end"] is not None:
        return Span(say("{} · {} · {}", what, day(at.date()), _end(replay)), "key")
    speed = Shown(f"×{replay['speed']}" if replay["speed"] else "×max")
    text = say(
        "{} · {} ET · {}/{} · {} {}",
        what,
        Shown(f"{at:%Y-%m-%d %H:%M:%S}"),
        whole(replay["seq"]),
        whole(replay["last_seq"]),
        speed,
        Shown("▶" if replay["playing"] else "⏸"),
    )
    return Span(text, "key")


def _end(replay: Row) -> Shown:
    """What it came to; or that this is only a look at it."""
    end = replay["end"]
    if replay["compared"]:
        return say("this is the END, seq {}: ' goes back", whole(replay["last_seq"]))
    gain = BLANK if end["return"] is None else percent(end["return"], 2, signed=True)
    return say(
        "END: {}, {} fills{}",
        word(end["state"]),
        whole(end["fills"]),
        say(", {} %", gain) if gain else BLANK,
    )
