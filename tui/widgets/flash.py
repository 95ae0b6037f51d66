"""One cell that changed stands out for a moment, few at a time.

A flash says where to look; the value is the message. The mark before it says up or down where
a number changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

LASTS_S = 0.4
A_SECOND = 4  # more would be a fire, not a hint


@dataclass(frozen=True, slots=True)
class Flash:
    """A column of a row, and which way its number went: 1 up, -1 down, 0 neither."""

    field: str
    way: int


class Flashes:
    """Which cells stand out now; belongs to one table."""

    def __init__(self) -> None:
        self._now: dict[str, tuple[Flash, float]] = {}
        self._begun: list[float] = []

    def changed(
        self, key: str, fields: tuple[str, ...], before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> bool:
        """Let the first field that differs stand out, if there is room; say whether one does."""
        field = next((f for f in fields if f and before.get(f) != after.get(f)), None)
        if field is None:
            return False
        now = monotonic()
        self._begun = [at for at in self._begun if now - at < 1.0]
        if len(self._begun) >= A_SECOND:
            return False
        self._begun.append(now)
        self._now[key] = (Flash(field, _way(before.get(field), after.get(field))), now + LASTS_S)
        return True

    def of(self, key: str) -> Flash | None:
        """What stands out in a row."""
        found = self._now.get(key)
        return None if found is None else found[0]

    @property
    def left_s(self) -> float | None:
        """Until the next one is over, None if nothing stands out."""
        if not self._now:
            return None
        return max(0.0, min(until for _, until in self._now.values()) - monotonic())

    def over(self) -> list[str]:
        """The rows in which a flash just ended."""
        now = monotonic()
        ended = [key for key, (_, until) in self._now.items() if until <= now]
        for key in ended:
            del self._now[key]
        return ended


def _way(before: Any, after: Any) -> int:
    if isinstance(before, str | bool | None) or isinstance(after, str | bool | None):
        return 0
    return int(after > before) - int(after < before)
