"""How fast a recorded clock runs: as fast as it goes, N instants a second, or as recorded."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from engine.domain.pace import parse as parse

_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def faster(text: str) -> str:
    """Return the next faster pace."""
    rate = parse(text)
    if rate is None:
        return "max"
    return next((f"{step}/s" for step in _STEPS if step > rate), "max")


def slower(text: str) -> str:
    """Return the next slower pace."""
    rate = parse(text)
    if rate is None:
        return f"{_STEPS[-1]}/s"
    return next((f"{step}/s" for step in reversed(_STEPS) if step < rate), f"{_STEPS[0]}/s")


class Pacer:
    """Says how long to wait before an instant of the recording may happen."""

    def __init__(self, pace: str, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self.text = pace
        self._rate = parse(pace)
        self._last: datetime | None = None
        self._due = monotonic()

    def set(self, pace: str) -> None:
        """Change the pace from the next instant on; `faster` and `slower` are steps."""
        if pace == "faster":
            pace = faster(self.text)
        elif pace == "slower":
            pace = slower(self.text)
        self._rate = parse(pace)
        self.text = pace
        self._due = self._monotonic()

    @property
    def unlimited(self) -> bool:
        """True at pace max."""
        return self._rate is None

    def delay(self, at: datetime) -> float:
        """Return seconds to wait until this instant; inputs of one instant come together."""
        if self._rate is None or at == self._last:
            return 0.0
        now = self._monotonic()
        if self._last is None:
            self._last, self._due = at, now
            return 0.0
        gap = 1.0 / self._rate if self._rate else (at - self._last).total_seconds()
        due = max(self._due, now - 1.0) + gap  # never catch up more than a second
        if due > now:
            return due - now
        self._last, self._due = at, due
        return 0.0


async def breathe() -> None:
    """Give other tasks of the loop a turn."""
    await asyncio.sleep(0)
