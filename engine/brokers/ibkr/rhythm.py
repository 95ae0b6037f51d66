"""The broker's clock: nightly restart and reset, the login of the week, the end of the day. Pure.

All times are New York's unless a region says otherwise. A crossing is asked for with two
instants, so that nothing is missed by a machine that slept, and nothing is told twice.
"""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from engine.brokers.ibkr.terms import NEW_YORK

_ZONE = ZoneInfo(NEW_YORK)
_BEFORE, _AFTER = timedelta(minutes=5), timedelta(minutes=25)
_SATURDAY, _SUNDAY = 5, 6
_REMINDED, _ENDED = time(12), time(1)

STORED_AT = time(23, 30)
"""When everything is asked for once more: the broker shows executions since midnight only."""


def in_blackout(at: datetime, restart_at: time) -> bool:
    """Say whether the gateway's daily restart is near: 5 minutes before to 25 after."""
    local = at.astimezone(_ZONE).replace(tzinfo=None)
    for days in (-1, 0, 1):
        restart = datetime.combine(local.date() + timedelta(days=days), restart_at)
        if restart - _BEFORE <= local < restart + _AFTER:
            return True
    return False


_RESETS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "north_america": ((NEW_YORK, "00:15", "01:45"),),
    "europe": (("Europe/Berlin", "06:25", "07:45"),),
    "asia": (("Asia/Hong_Kong", "04:45", "06:05"), ("Asia/Hong_Kong", "20:15", "21:15")),
}


def in_reset(at: datetime, region: str) -> bool:
    """Say whether the broker's servers are being reset: a lost upstream is no alert then."""
    local = at.astimezone(_ZONE)
    if (local.weekday() == 4 and local.hour >= 23) or (local.weekday() == 5 and local.hour < 3):
        return True
    for zone, first, last in _RESETS[region]:
        there = at.astimezone(ZoneInfo(zone)).time()
        if time.fromisoformat(first) <= there <= time.fromisoformat(last):
            return True
    return False


def is_past(before: datetime, at: datetime, clock: time, weekday: int | None = None) -> bool:
    """Say whether a time of day (of a weekday, Monday 0) lies in (before, at]."""
    last = at.astimezone(_ZONE)
    if last <= before:
        return False
    for days in range(8):
        there = datetime.combine(last.date() - timedelta(days=days), clock, tzinfo=_ZONE)
        if before < there <= last and weekday in (None, there.weekday()):
            return True
    return False


def wants_login(before: datetime, at: datetime) -> bool:
    """Say whether Saturday's noon has passed: a person has to log in before the night's end."""
    return is_past(before, at, _REMINDED, _SATURDAY)


def login_ended(at: datetime) -> datetime:
    """Return the newest Sunday 01:00, when the gateway's login has ended."""
    local = at.astimezone(_ZONE)
    day = local.date() - timedelta(days=(local.weekday() - _SUNDAY) % 7)
    ended = datetime.combine(day, _ENDED, tzinfo=_ZONE)
    return ended if ended <= local else ended - timedelta(days=7)
