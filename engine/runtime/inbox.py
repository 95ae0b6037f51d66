"""Where everything arrives: the report lane, never dropped.

Quotes on a recorded clock come from the feed in their turn; a lane of latest quotes joins with
the first live source. The lane is unbounded because a synchronous callback cannot wait and the
loop must never wait on itself; `alarm_at` waiting reports raise an alert instead.
"""

import asyncio
from collections import deque

from engine.domain.input import Input


class Inbox:
    """The engine's in-tray; `put` may be called from callbacks on the engine's loop."""

    alarm_at = 1_000

    def __init__(self) -> None:
        self.reports: deque[Input] = deque()  # oldest first
        self._news = asyncio.Event()

    def put(self, given: Input) -> None:
        """Leave an input; it is taken in order of arrival."""
        self.reports.append(given)
        self._news.set()

    def wake(self) -> None:
        """End a wait though nothing arrived: something is to be looked at elsewhere."""
        self._news.set()

    def take(self) -> Input | None:
        """Return the oldest waiting input, None if nothing waits."""
        return self.reports.popleft() if self.reports else None

    def __len__(self) -> int:
        return len(self.reports)

    def __bool__(self) -> bool:
        return bool(self.reports)

    async def rest(self, seconds: float) -> None:
        """Let time pass, whatever has arrived."""
        await asyncio.sleep(seconds)

    async def wait(self, timeout_s: float) -> None:
        """Return when something arrives or the time is over."""
        if self.reports:
            return
        self._news.clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return
