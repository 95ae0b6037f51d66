"""The engine's pulse: once a second a row of latest values, so that screens know it lives."""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from engine.checks.health import Vitals, examine
from engine.domain.alert import Severity
from engine.domain.input import Fault
from engine.domain.session import SESSION_ENDS
from engine.errors import JournalError
from engine.ports import Clock, Heartbeat, Journal, Reach
from engine.runtime.inbox import Inbox

if TYPE_CHECKING:
    from engine.runtime.loop import Loop

_BEAT_S = 1.0
_LOOK_S = 30.0  # between two looks at what runs out slowly
_COMMITS = 256  # the newest, for their 99th percentile
UNSEEN = ""  # of a trouble that was never looked at
_SILENT_S = 15.0  # without a beat that could be written, the engine is not seen to live


class Pulse:
    """Measures what holds the loop up between two turns, and writes the heartbeat."""

    def __init__(
        self,
        clock: Clock,
        inputs_total: int,
        next_slot: Callable[[datetime], str] = lambda at: "",
        troubles: Callable[[], Mapping[str, str | None]] = dict,
        compared_at: Callable[[], datetime | None] = lambda: None,
        reach: Callable[[], Reach | None] = lambda: None,
        hours: Callable[[datetime], str] = lambda at: "",
    ) -> None:
        """`troubles`: kinds of alerts with their texts, None where all is well.

        `compared_at`: when the broker's account was last compared with our ledger.
        `reach`: how the way to the broker is, None where there is none.
        `hours`: "close" or "open" and the instant after the given one when it does.
        """
        self._reach = reach
        self._hours = hours
        self._lag: float | None = None  # since the last beat, the latest that a rest ended
        self._since: dict[str, tuple[object, datetime]] = {}
        self._compared_at = compared_at
        self._clock = clock
        self._total = inputs_total
        self._last_turn = clock.monotonic()
        self._last_beat = 0.0
        self._written = self._last_turn
        self._gap = 0.0
        self._rest = 0.0  # of this turn, what the loop itself wanted to wait
        self._commits: deque[float] = deque(maxlen=_COMMITS)
        self._troubles = troubles
        self._known: dict[str, str | None] = {}
        self._last_look = float("-inf")
        self._next_slot = next_slot  # "open 2026-11-20T14:30:00.000000Z" after an instant

    async def beat_if_due(self, loop: "Loop", journal: Journal) -> None:
        """Note this turn; write a heartbeat once a second."""
        now = self.turn()
        if now - self._last_beat >= _BEAT_S:
            await self.beat(loop, journal)
            if now - self._last_look >= _LOOK_S:
                self._last_look = now
                for fault in self.news(loop.now()):
                    loop.inbox.put(fault)

    def turn(self) -> float:
        """Note a turn of the loop; return its instant."""
        now = self._clock.monotonic()
        self._gap = max(self._gap, now - self._last_turn - self._rest)
        self._last_turn, self._rest = now, 0.0
        return now

    @property
    def lag_ms(self) -> float | None:
        """How late the loop woke up since the last beat, at most; None if it never slept."""
        return None if self._lag is None else round(1000 * self._lag, 1)

    @property
    def gap_ms(self) -> float:
        """How long the loop was held up between two turns since the last beat, at most."""
        return round(1000 * self._gap, 1)

    async def rest(self, inbox: Inbox, until: float) -> None:
        """Wait for news until a monotonic instant; a turn that comes later than that is held up."""
        began = self._clock.monotonic()
        await inbox.wait(max(0.0, until - began))
        woke = self._clock.monotonic()
        self._rest += max(0.0, min(until, woke) - began)
        if woke >= until > began:  # by the time, not by what came
            self._lag = max(self._lag or 0.0, woke - until)

    def committed(self, took_s: float) -> None:
        """Note how long a commit took."""
        self._commits.append(took_s)

    @property
    def commit_p99_ms(self) -> float | None:
        """What 99 of 100 of the newest commits did not exceed, None before the first."""
        if not self._commits:
            return None
        return round(1000 * sorted(self._commits)[(len(self._commits) - 1) * 99 // 100], 1)

    def _as_it_is(
        self, waiting: int, reach: Reach | None, link: str, at: datetime
    ) -> dict[str, datetime]:
        """Return since when each thing that is measured here is as well as it is."""
        heard = reach or Reach()
        vitals = Vitals(
            tick_gap_ms=self.gap_ms,
            loop_lag_ms=self.lag_ms,
            reports_waiting=waiting,
            commit_p99_ms=self.commit_p99_ms,
            round_trip_ms=heard.round_trip_ms,
            clock_offset_s=heard.clock_offset_s,
        )
        now: dict[str, object] = {row.item: row.level for row in examine(vitals)}
        if reach is not None:
            now |= {"link": link, "data farms": tuple(sorted(reach.farms.items()))}
        for item, how in now.items():
            if item not in self._since or self._since[item][0] != how:
                self._since[item] = how, at
        return {item: self._since[item][1] for item in now}

    def news(self, at: datetime) -> list[Fault]:
        """Return the troubles that are new since the last look, and those that are over.

        The first look ends those too that an earlier session left behind.
        """
        news: list[Fault] = []
        for kind, text in self._troubles().items():
            was, self._known[kind] = self._known.get(kind, UNSEEN), text
            if text and (was is None or was is UNSEEN):
                news.append(Fault(at, kind, text, halt=False, severity=Severity.WARNING))
            elif text is None and was is not None:
                news.append(Fault(at, kind, "", halt=False, over=True))
        return news

    async def beat(self, loop: "Loop", journal: Journal) -> None:
        """Write a heartbeat now."""
        state = loop.state
        self._last_beat = self._clock.monotonic()
        wall, over, reach = self._clock.wall(), state.session_state in SESSION_ENDS, self._reach()
        beat = Heartbeat(
            session_id=state.context.session_id,
            wall_at=wall,
            clock_at=loop.now(),
            session_date=state.session_date,
            state=state.session_state.value,
            trading_state=state.trading_state.value,
            pace=loop.pace,
            tick_gap_ms=self.gap_ms,
            reports_waiting=len(loop.inbox),
            commit_p99_ms=self.commit_p99_ms,
            next_slot="" if over else self._next_slot(loop.now()),
            inputs_done=loop.position,
            inputs_total=self._total,
            compared_at=self._compared_at(),
            loop_lag_ms=self.lag_ms,
            reach=reach,
            hours="" if over else self._hours(loop.now()),
            since=self._as_it_is(len(loop.inbox), reach, state.link.reason, wall),
        )
        self._gap, self._lag = 0.0, None
        held = {i for b in state.books.values() for i, p in b.positions.items() if p.quantity}
        quotes = [q for i, q in state.quotes.items() if i in held]
        try:
            await journal.put_latest(beat, quotes)
        except JournalError:  # the next beat says it all again; but not for ever
            if self._last_beat - self._written > _SILENT_S:
                raise
        else:
            self._written = self._last_beat
