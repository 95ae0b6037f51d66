"""How the venue's time passes: with the wall clock at some speed, or stepped by hand.

The gateway's own timers (a slow answer, the refresh of the account) hang on the same clock, so a
stepped gateway does the same things in the same order every time.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count

from engine.brokers.practice.seam import Venue

SLICE_S = 0.03
"""Seconds of the wall, and two of the market at least, before the sockets are looked at again."""

SLICES_MAX = 10
"""That many at once where time is behind: on a busy machine every look at the sockets waits for a
processor, and a market that falls back for hours is another one than its clients trade in."""

PAUSE_MIN_S, PAUSE_MAX_S = 0.002, 1.0

Action = Callable[[], None]


class Pace:
    """The clock of a gateway. speed: seconds of the venue for one of the wall, 0 for stepped."""

    def __init__(self, venue: Venue, speed: float) -> None:
        self._venue = venue
        self._speed = speed
        self._slice = timedelta(seconds=max(2.0, SLICE_S * speed))
        self._timers: list[tuple[datetime, int, Action]] = []
        self._numbers = count()
        self._handle: asyncio.TimerHandle | None = None
        self._started_at = 0.0  # of the loop's clock
        self._start = venue.now()
        self._is_running = False

    def start(self) -> None:
        """Let time pass from here."""
        self._is_running = True
        self._start = self._venue.now()
        self._started_at = asyncio.get_running_loop().time()
        self._arm()

    def stop(self) -> None:
        """Let time stand still; timers are forgotten."""
        self._is_running = False
        self._timers.clear()
        if self._handle is not None:
            self._handle.cancel()

    def later(self, seconds: float, action: Action) -> None:
        """Do something after some seconds of the venue's clock."""
        at = self._venue.now() + timedelta(seconds=seconds)
        heappush(self._timers, (at, next(self._numbers), action))
        self._arm()

    def advance(self, seconds: float) -> None:
        """Let some seconds pass at once, with everything that falls due in them; time goes on
        from there."""
        leap = timedelta(seconds=seconds)
        self._start += leap
        self._pass_until(self._venue.now() + leap)

    def catch_up(self) -> None:
        """Let the time pass that has passed on the wall, a slice at most, or half of what is late.

        And never more than some slices: orders are looked at in between.
        """
        if self._speed and self._is_running:
            wanted, now = self._wanted(), self._venue.now()
            step = min(max(self._slice, (wanted - now) / 2), SLICES_MAX * self._slice)
            self._pass_until(min(wanted, now + step))

    def rearm(self) -> None:
        """Look again when something falls due: a request may have changed it."""
        self._arm()

    def _wanted(self) -> datetime:
        passed = asyncio.get_running_loop().time() - self._started_at
        return self._start + timedelta(seconds=passed * self._speed)

    def _pass_until(self, target: datetime) -> None:
        while self._timers and self._timers[0][0] <= target:
            at, _, action = heappop(self._timers)
            if at > self._venue.now():
                self._venue.advance_to(at)
            action()
        if target > self._venue.now():
            self._venue.advance_to(target)

    def _arm(self) -> None:
        if not (self._speed and self._is_running):
            return
        if self._handle is not None:
            self._handle.cancel()
        due = self._venue.next_due()
        if self._timers:
            due = min(due, self._timers[0][0])
        wanted = self._wanted()
        is_behind = self._venue.now() + self._slice < wanted
        wait = 0.0 if is_behind else (due - wanted).total_seconds() / self._speed
        pause = min(max(wait, PAUSE_MIN_S), PAUSE_MAX_S)
        self._handle = asyncio.get_running_loop().call_later(pause, self._tick)

    def _tick(self) -> None:
        try:
            self.catch_up()
        finally:
            self._arm()  # whatever went wrong at one instant, time goes on
