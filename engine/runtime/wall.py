"""The built-in market as time passes: inputs are due at an instant of the wall clock.

Behind the interface of a recorded feed, so that the same loop runs it. Slots and jobs that came
due while no engine ran are given once, late, and the core decides what becomes of them; prices
of that time are gone and are not made up: a late slot goes with those of now.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Protocol

from engine.domain.input import BarsClosed, Input, JobDue, QuotesSeen, SlotDue
from engine.errors import SettingsError
from engine.ports import Clock

QUOTE_EVERY = timedelta(seconds=5)

Make = Callable[[datetime], list[Input]]


class Market(Protocol):
    """A market that goes on (engine.market.replay.WallFeed)."""

    def warmup(self, at: datetime) -> Iterator[BarsClosed]:
        """Yield the final bars of sessions that closed before an instant."""

    def quotes(self, at: datetime) -> QuotesSeen | None:
        """Return the prices of an instant, None while the exchange is shut."""

    def plan(self, after: datetime) -> Iterator[tuple[datetime, Make]]:
        """Yield what comes after an instant, in order."""


class WallSource:
    """Inputs of a market on the wall clock; nothing can be given again."""

    def __init__(self, market: Market, clock: Clock) -> None:
        self._market = market
        self._clock = clock
        self.seen: datetime | None = None  # up to when slots and jobs were given; None: never

    def warmup(self) -> Iterator[BarsClosed]:
        """Yield the history up to now."""
        return self._market.warmup(self._clock.wall())

    def refeed(self, cursor: int) -> Iterator[Input]:
        """Nothing: what was seen on a wall clock is gone."""
        del cursor
        return iter(())

    def seek(self, cursor: int) -> None:
        """Nothing to skip."""

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Input]:
        began = self._clock.wall()
        tick = began
        for due, make in self._market.plan(self.seen or began):
            if due <= began:
                yield from self._late(make(began), began)
                continue
            while tick < due:
                quotes = self._market.quotes(tick)
                if quotes is None:
                    break  # shut until the next thing that is due
                yield quotes
                tick = max(tick + QUOTE_EVERY, self._clock.wall())
            tick = max(tick, due) + QUOTE_EVERY
            yield from make(due)

    def _late(self, given: list[Input], began: datetime) -> Iterator[Input]:
        """Yield what fell due while no engine ran; a slot with prices if its session is open."""
        for one in given:
            if isinstance(one, SlotDue):
                quotes = self._market.quotes(began)
                if quotes is not None and quotes.session_date == one.session_date:
                    yield quotes
            if isinstance(one, SlotDue | JobDue):
                yield one


class WallPacer:
    """Waits until an input is due; its pace cannot be changed."""

    text = "realtime"
    unlimited = False

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def set(self, pace: str) -> None:
        """Refuse: time passes as it does."""
        if pace != self.text:
            raise SettingsError(f"pace {pace!r}: a session on the wall clock has no other pace")

    def delay(self, at: datetime) -> float:
        """Return seconds until an instant."""
        return max(0.0, (at - self._clock.wall()).total_seconds())
