"""What is due at the practice venue, in the order of time and, within an instant, of asking."""

import heapq
from collections.abc import Callable
from datetime import datetime


class Agenda:
    """Things to be done at instants."""

    def __init__(self) -> None:
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, when: datetime, what: Callable[[], None]) -> None:
        """Do something at an instant."""
        self._count += 1
        heapq.heappush(self._due, (when, self._count, what))

    @property
    def next(self) -> datetime | None:
        """Return the next instant at which something is due."""
        return self._due[0][0] if self._due else None

    def run(self, now: datetime) -> None:
        """Do everything due by now, also what is asked for meanwhile."""
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()
