"""Times of the practice exchange: New York's day, and the texts in which clients write times."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)


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
    try:
        return datetime.combine(day, clock, zone).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is beyond the calendar") from error


def parse_clock(text: str) -> time:
    """Return the time of day of `HH:MM:SS`; ValueError if it is none."""
    return time.fromisoformat(text)
