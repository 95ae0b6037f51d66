"""A contract's hours as the broker tells them, compared with our calendar. Pure.

`20261127:0930-20261127:1300;20261128:CLOSED`, in the contract's zone, several stretches a day.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.errors import BrokerError, SettingsError
from engine.ports import Calendar

Stretch = tuple[datetime, datetime]

_CLOSED = "CLOSED"


def parse(text: str, zone: str) -> dict[date, list[Stretch]]:
    """Return the stretches of each day, UTC, none where it is closed. Raises BrokerError."""
    days: dict[date, list[Stretch]] = {}
    try:
        there = ZoneInfo(zone)
        for part in filter(None, text.split(";")):
            first, _, rest = part.partition("-")
            day, _, begins = first.partition(":")
            stretches = days.setdefault(_day(day), [])
            if begins != _CLOSED:
                stretches.append((_at(first, there), _at(rest, there)))
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise BrokerError(f"hours {text!r} in zone {zone!r}: {error}") from error
    return days


def differences(text: str, zone: str, calendar: Calendar) -> Iterator[str]:
    """Yield what the broker's regular hours say of a day and our calendar does not."""
    for day, stretches in sorted(parse(text, zone).items()):
        try:
            is_session = calendar.is_session(day)
        except SettingsError:
            return  # beyond what our calendar knows
        if is_session is not bool(stretches):
            theirs, ours = _word(is_open=bool(stretches)), _word(is_open=is_session)
            yield f"{day}: the broker says {theirs}, our calendar {ours}"
        elif stretches:
            told = (min(stretches)[0], max(stretches)[1])
            known = (calendar.opens_at(day), calendar.closes_at(day))
            if told != known:
                yield f"{day}: the broker says {_words(told)}, our calendar {_words(known)}"


def _day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def _at(text: str, zone: ZoneInfo) -> datetime:
    day, _, clock = text.partition(":")
    there = _day(day)
    local = datetime(
        there.year, there.month, there.day, int(clock[:2]), int(clock[2:4]), tzinfo=zone
    )
    return local.astimezone(UTC)


def _word(*, is_open: bool) -> str:
    return "open" if is_open else "closed"


def _words(stretch: Stretch) -> str:
    return f"{stretch[0]:%H:%M} to {stretch[1]:%H:%M} UTC"
