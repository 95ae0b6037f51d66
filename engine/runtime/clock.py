"""Wall time and monotonic time: the only place where the engine reads a clock."""

import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clocks."""

    def wall(self) -> datetime:
        """Return the UTC wall time."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never step."""
        return time.monotonic()
