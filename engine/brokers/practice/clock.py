"""The practice gateway's clock: the wall's, one started elsewhere and sped up, or a stepped one.

Every time on the wire comes from the venue, and the venue's time moves only when somebody calls
`advance_to`; the clock says up to where. A stepped clock stands still until it is stepped.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.ports import Clock

NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)


class Pacer(Protocol):
    """What says up to where the venue's time has come."""

    def instant(self) -> datetime:
        """Return the instant that the venue should have reached by now."""

    def wait_s(self, until: datetime) -> float | None:
        """Return the real seconds until an instant of the venue; None: not by waiting."""


class PacedClock:
    """Wall time, or time from a given start at a multiple of the wall's speed."""

    def __init__(self, clock: Clock, start: datetime | None = None, speed: float = 1.0) -> None:
        if not speed > 0:
            raise ValueError(f"speed is {speed}, more than zero is needed")
        self._clock = clock
        self._start = start if start is not None else clock.wall()
        self._origin = clock.monotonic()
        self._speed = speed

    def instant(self) -> datetime:
        """Return start + speed × the time since."""
        passed = (self._clock.monotonic() - self._origin) * self._speed
        return self._start + timedelta(seconds=passed)

    def wait_s(self, until: datetime) -> float | None:
        """Return the real seconds until an instant."""
        return max(0.0, (until - self.instant()).total_seconds() / self._speed)


class SteppedClock:
    """Time that moves only by `step`: for tests and the control port's `advance`."""

    def __init__(self, start: datetime) -> None:
        self._at = start

    def instant(self) -> datetime:
        """Return the instant stepped to."""
        return self._at

    def wait_s(self, until: datetime) -> float | None:
        """Return None: no waiting brings it there."""
        return 0.0 if until <= self._at else None

    def step(self, seconds: float) -> datetime:
        """Move on and return the new instant."""
        if seconds < 0:
            raise ValueError(f"step of {seconds} s, time does not go back")
        self._at += timedelta(seconds=seconds)
        return self._at


def new_york(at: datetime) -> datetime:
    """Return an instant as New York tells it."""
    return at.astimezone(NEW_YORK)


def in_new_york(day: date, at: time) -> datetime:
    """Return the UTC instant of a time of day in New York."""
    return datetime.combine(day, at, NEW_YORK).astimezone(UTC)


def midnight_after(at: datetime) -> datetime:
    """Return the next midnight in New York after an instant."""
    return in_new_york(new_york(at).date() + DAY, time())


def parse_instant(text: str) -> datetime | None:
    """Return the instant of a wire time; ValueError if it is none, None if empty.

    `20261120 15:59:58 US/Eastern`, `20261120-15:59:58` (UTC), `20261120 15:59:58`, two spaces,
    `20261120`; without a zone New York is meant.
    """
    words = text.split()
    if not words:
        return None
    if "-" in words[0]:
        return datetime.strptime(words[0], "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    day = datetime.strptime(words[0], "%Y%m%d").replace(tzinfo=UTC).date()
    if len(words) > 3:
        raise ValueError(f"{text!r} is not a time")
    try:
        clock = time.fromisoformat(words[1]) if len(words) > 1 else time()
        zone = ZoneInfo(words[2]) if len(words) > 2 else NEW_YORK
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise ValueError(f"{text!r} is not a time: {error}") from error
    return datetime.combine(day, clock, zone).astimezone(UTC)


def parse_clock(text: str) -> time:
    """Return the time of day of `HH:MM:SS`; ValueError if it is none."""
    return time.fromisoformat(text)
