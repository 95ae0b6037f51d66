"""How long a process was ready to run and the machine had no processor for it.

At sixty times its speed a market's two minutes are two seconds: a machine that is busy elsewhere
lets a slot go by, and proves nothing about the engine. What the kernel counts tells them apart.
"""

from collections import deque
from datetime import datetime, timedelta
from pathlib import Path

_KEPT = 20_000


class Machine:
    """Watches processes; every look notes how long they have waited since the last one."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self._before: dict[str, float] = {}
        self._waits: deque[tuple[datetime, float]] = deque(maxlen=_KEPT)
        self.waited_s = 0.0

    def look(self, at: datetime) -> None:
        """Note what has been waited, at an instant of the market."""
        now = {key: wait for pid in self._pids for key, wait in _waits_s(pid)}
        since = sum(wait - self._before.get(key, 0.0) for key, wait in now.items())
        self._before = now
        self._waits.append((at, since))
        self.waited_s += since

    def was_slow(self, at: datetime, within: timedelta, much_s: float) -> bool:
        """Say whether much was waited around an instant."""
        return sum(wait for when, wait in self._waits if abs(when - at) <= within) >= much_s


def _waits_s(pid: int) -> list[tuple[str, float]]:
    """Each thread of a process, and the seconds that it was ready and did not run."""
    found = []
    for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            _, waited_ns, _ = thread.read_text().split()
        except OSError:  # it has ended
            continue
        found.append((str(thread), int(waited_ns) / 1e9))
    return found
