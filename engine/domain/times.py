"""Instants and session dates.

An instant is an aware UTC datetime; its stored text has a fixed width
(`2026-11-20T14:30:00.000000Z`) and sorts like the instant. A session date is the
exchange's trading day: a `date`, made only at the adapters, stored as `YYYY-MM-DD`.
"""

from datetime import UTC, date, datetime
from functools import lru_cache

UtcInstant = datetime
SessionDate = date


@lru_cache(maxsize=64)  # what is written together happened together
def utc_text(at: datetime) -> str:
    """Return the fixed-width text of an aware UTC instant; ValueError for a naive one."""
    if at.tzinfo is not UTC:
        at = require_utc(at)
    return at.isoformat(timespec="microseconds")[:26] + "Z"


def parse_utc(text: str) -> datetime:
    """Return the instant of a fixed-width UTC text."""
    if not text.endswith("Z"):
        raise ValueError(f"instant {text!r} does not end in Z")
    return datetime.fromisoformat(text[:-1]).replace(tzinfo=UTC)


def require_utc(at: datetime) -> datetime:
    """Return the same instant in UTC; ValueError for a naive datetime."""
    if at.tzinfo is None:
        raise ValueError(f"instant {at.isoformat()} has no time zone")
    return at.astimezone(UTC)
