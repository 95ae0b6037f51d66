"""Looks at the broker's account now and then: in time, after orders, and twice at a difference.

It only asks; what the answer means is decided where every report is decided. It runs beside the
feed, because a session that starts or pauses takes nothing from a feed.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from engine.core.comparing import CONFIRM_AFTER, SETTLE, is_busy
from engine.core.state import State
from engine.domain.report import AGAIN, TIMER
from engine.domain.session import SessionState, Verdict
from engine.ports import Clock

OPEN_EVERY = timedelta(seconds=60)
CLOSED_EVERY = timedelta(seconds=300)
_LOOK_S = 0.5
_RUNS = (SessionState.STARTING, SessionState.RUNNING, SessionState.PAUSED)


class Rounds:
    """Asks for the account when it is time. Reads the engine's state, never changes it."""

    def __init__(
        self,
        state: State,
        clock: Clock,
        *,
        is_open: Callable[[datetime], bool],
        ask: Callable[[str], None],
        is_asked: Callable[[], bool],
    ) -> None:
        """`is_open` says whether the exchange is; `ask` asks for the account, with a trigger.

        `is_asked` says whether a question still waits: a slow broker is not asked twice.
        """
        self._state = state
        self._clock = clock
        self._is_open = is_open
        self._ask = ask
        self._is_asked = is_asked
        self._asked_at: datetime | None = None
        self._ended = len(state.orders) - len(state.working)
        self._order_ended = False

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_S)
            now = self._clock.wall()
            trigger = self.due(now)
            if trigger:
                self._asked_at = now
                self._ask(trigger)

    def due(self, now: datetime) -> str:
        """Return why the account is to be asked for now, empty if it is not."""
        state = self._state
        ended = len(state.orders) - len(state.working)
        if ended != self._ended:
            self._ended, self._order_ended = ended, True
        if self._asked_at is None:
            self._asked_at = now  # the start has asked already
        since = now - self._asked_at
        if not state.link.is_live or state.session_state not in _RUNS:
            return ""
        if self._is_asked() or is_busy(state, now):
            return ""
        if self._order_ended and since >= SETTLE:
            self._order_ended = False
            return TIMER
        if state.doubtful:
            seen = max(at for _, at in state.doubtful.values())
            return AGAIN if now - seen >= CONFIRM_AFTER and since >= CONFIRM_AFTER else ""
        failed = state.compared is not None and state.compared[0] is Verdict.UNKNOWN
        every = OPEN_EVERY if failed or self._is_open(now) else CLOSED_EVERY
        return TIMER if since >= every else ""
