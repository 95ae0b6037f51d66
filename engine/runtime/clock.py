"""Wall time and monotonic time: the only place where the engine reads a clock."""

import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The machine's clocks."""

    def wall(self) -> datetime:
        """Return the UTC wall time."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never step."""
        return time.monotonic()


class PracticeClock(SystemClock):
    """The clock of a practice gateway that runs faster than the one on the wall."""

    def __init__(self, at: datetime, speed: float) -> None:
        """Say what the gateway's time is now, and how fast it passes."""
        self._at = at
        self._speed = speed
        self._from = time.monotonic()

    def wall(self) -> datetime:
        """Return the gateway's time, UTC."""
        return self._at + timedelta(seconds=(time.monotonic() - self._from) * self._speed)
