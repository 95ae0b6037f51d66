"""Our own limit of messages a second, with a lane for orders.

The library queues what is too much in one line: an order behind a hundred data requests would
leave two seconds late, and would be lost with the link although its call had returned. So
nothing of ours ever reaches that queue.
"""

import asyncio
from collections import deque
from collections.abc import Callable

_WINDOW_S = 1.0
_FOR_CANCELS = 8  # messages beyond our limit; the gateway complains at 50
_FOR_ORDERS = 0.25  # of the limit: what requests leave free


class Limiter:
    """A sliding second; requests wait in line, orders take a reserve or are refused."""

    def __init__(self, limit: int, monotonic: Callable[[], float]) -> None:
        self._limit = limit
        self._for_requests = limit - max(1, int(limit * _FOR_ORDERS))
        self._monotonic = monotonic
        self._sent: deque[float] = deque()
        self._paused_until = 0.0
        self._line = asyncio.Lock()

    def _used(self, now: float) -> int:
        while self._sent and now - self._sent[0] >= _WINDOW_S:
            self._sent.popleft()
        return len(self._sent)

    def pause(self, seconds: float) -> None:
        """Send nothing for a while: the gateway has complained."""
        self._paused_until = self._monotonic() + seconds

    def take(self) -> bool:
        """Take a place for an order at once; False if there is none."""
        now = self._monotonic()
        if now < self._paused_until or self._used(now) >= self._limit:
            return False
        self._sent.append(now)
        return True

    def take_cancel(self) -> bool:
        """Take a place for a cancel: it may use what the gateway allows beyond our limit."""
        now = self._monotonic()
        if now < self._paused_until or self._used(now) >= self._limit + _FOR_CANCELS:
            return False
        self._sent.append(now)
        return True

    async def wait(self) -> None:
        """Return when a request may be sent; requests keep their order."""
        async with self._line:
            while (delay := self._delay()) > 0:  # noqa: ASYNC110  time passes, nobody tells
                await asyncio.sleep(delay)
            self._sent.append(self._monotonic())

    def _delay(self) -> float:
        now = self._monotonic()
        if now < self._paused_until:
            return self._paused_until - now
        used = self._used(now)
        if used < self._for_requests:
            return 0.0
        return max(0.001, self._sent[used - self._for_requests] + _WINDOW_S - now)
