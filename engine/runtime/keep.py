"""Work that must not end: what dies is started again, and a person is told.

A defect in one task must not take trading down, nor be hidden by its restarts: the fifth death
within ten minutes halts, and the task goes on being started.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from engine.domain.alert import Severity
from engine.domain.input import Fault
from engine.ports import Clock, ReportSink

_log = logging.getLogger("pilothouse.tasks")
_log.addHandler(logging.NullHandler())  # never to stderr: it would tear the screen

FIRST_S, MOST_S = 1.0, 60.0
_DEATHS, _WITHIN_S = 5, 600.0

Work = Callable[[], Coroutine[Any, Any, None]]


class Kept:
    """Starts work again that has died."""

    def __init__(self, sink: ReportSink, clock: Clock, *, first_s: float = FIRST_S) -> None:
        """`first_s`: the first wait; it doubles with each death of ten minutes, to a minute."""
        self._sink = sink
        self._clock = clock
        self._first_s = first_s

    async def __call__(self, name: str, work: Work) -> None:
        """Run work until it returns or is cancelled."""
        deaths: deque[float] = deque()
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001  the supervisor: whatever it was
                _log.warning("%s failed", name, exc_info=error)
                now = self._clock.monotonic()
                deaths.append(now)
                while now - deaths[0] > _WITHIN_S:
                    deaths.popleft()
                wait = min(MOST_S, self._first_s * 2 ** (len(deaths) - 1))
                self._tell(name, error, len(deaths), wait)
            else:
                return
            await asyncio.sleep(wait)

    def _tell(self, name: str, error: Exception, deaths: int, wait: float) -> None:
        halt = deaths >= _DEATHS
        text = f"{name}: {type(error).__name__}: {error}; started again in {wait:g} s"
        if halt:
            text = f"{text}, {deaths} times within {_WITHIN_S / 60:.0f} min"
        severity = Severity.CRITICAL if halt else Severity.WARNING
        self._sink(Fault(self._clock.wall(), "task_failed", text, halt, severity))
