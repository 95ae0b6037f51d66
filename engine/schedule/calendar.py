"""Sessions of an exchange: dates, opens and closes as UTC instants.

`ExchangeCalendar` asks exchange_calendars in another process, once for each release of it, and
keeps plain lists. Beyond its range nothing is known, so nothing opens: it raises.
`AlwaysCalendar` is for bars that follow no exchange: every date with data is a session.
Both number their sessions, so that a missing one shows as a step of two.
"""

import json
import os
import subprocess
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from engine.errors import SettingsError
from engine.settings.places import cache_folder

FIRST = date(1990, 1, 1)
"""Where a calendar begins unless asked for more; sessions are counted from here."""

_COUNT_FROM = 10_000  # number of the first session from FIRST on; older ones stay above zero
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Overrides = Mapping[date, time | None]
"""Ad-hoc changes: None = closed all day, a time = early close in the exchange's zone."""


def year_ahead(day: date) -> date:
    """Return the end of a calendar that knows a year more than a day."""
    return day + timedelta(days=366)


class ExchangeCalendar:
    """The sessions of one exchange from a first to a last date.

    An older first date is fetched when asked for, history does not change; the future is
    known to `last` only, `extend` moves it.
    """

    def __init__(
        self, name: str, first: date, last: date, overrides: Overrides | None = None
    ) -> None:
        self.name = name
        self.zone = "UTC"
        self.last = last
        self._first = min(first, FIRST)
        self._overrides = dict(overrides or {})
        self._build()

    def extend(self, last: date) -> None:
        """Learn the sessions up to a later date; the past stays as it is."""
        if last > self.last:
            self.last = last
            self._build()

    def sessions(self, first: date, last: date) -> Sequence[date]:
        """Return the session dates from first to last, both included, ascending."""
        self._require(first)
        self._require(last)
        return self._days[bisect_left(self._days, first) : bisect_right(self._days, last)]

    def is_session(self, day: date) -> bool:
        """Say whether the exchange opens that day; SettingsError beyond the known range."""
        self._require(day)
        return day in self._index

    def ordinal(self, day: date) -> int:
        """Return the number of a session date."""
        return self._at(day) - self._origin + _COUNT_FROM

    def opens_at(self, day: date) -> datetime:
        """Return the opening instant of a session date."""
        return _instant(self._opens[self._at(day)])

    def closes_at(self, day: date) -> datetime:
        """Return the closing instant of a session date; earlier on half days."""
        return _instant(self._closes[self._at(day)])

    def next_session(self, after: date) -> date:
        """Return the first session date after a day."""
        self._require(after)
        index = bisect_right(self._days, after)
        if index == len(self._days):
            raise SettingsError(self._unknown(after + _DAY))
        return self._days[index]

    def previous_session(self, before: date) -> date:
        """Return the last session date before a day."""
        self._require(before)
        index = bisect_left(self._days, before)
        if index == 0:
            self._require(before - timedelta(days=30))
            index = bisect_left(self._days, before)
        return self._days[index - 1]

    def session_of(self, at: datetime) -> date | None:
        """Return the session date whose open..close contains the instant."""
        self._require(date.fromordinal(at.toordinal()))
        now = _microseconds(at)
        index = bisect_right(self._opens, now) - 1
        return self._days[index] if index >= 0 and now <= self._closes[index] else None

    def _at(self, day: date) -> int:
        index = self._index.get(day)
        if index is None:
            self._require(day)
            index = self._index.get(day)
            if index is None:
                raise SettingsError(f"{day.isoformat()} is not a session of {self.name}")
        return index

    def _require(self, day: date) -> None:
        if day > self.last:
            raise SettingsError(self._unknown(day))
        if day < self._first:
            self._first = date(max(1, day.year // 10 * 10 - 10), 1, 1)
            self._build()

    def _unknown(self, day: date) -> str:
        return (
            f"calendar {self.name} is known to {self.last.isoformat()}: {day.isoformat()} counts"
            " as closed until the calendar is extended"
        )

    def _build(self) -> None:
        first, last = self._first, self.last
        known = _known(self.name, date(first.year, 1, 1), date(last.year, 12, 31))
        self.zone = known.zone
        start, end = bisect_left(known.days, first), bisect_right(known.days, last)
        self._days = known.days[start:end]
        self._opens = known.opens[start:end]
        self._closes = known.closes[start:end]
        self._override(ZoneInfo(known.zone))
        self._index = {day: index for index, day in enumerate(self._days)}
        self._origin = bisect_left(self._days, FIRST)

    def _override(self, zone: ZoneInfo) -> None:
        """Close early or all day where the settings say so."""
        for day, early in self._overrides.items():
            index = bisect_left(self._days, day)
            if self._days[index : index + 1] != [day]:
                continue
            if early is None:
                del self._days[index], self._opens[index], self._closes[index]
                continue
            opens, closes = self._opens[index], datetime.combine(day, early, zone)
            if _microseconds(closes) <= opens:
                raise SettingsError(
                    f"early close of {self.name} on {day.isoformat()} must be after the open,"
                    f" {_instant(opens).astimezone(zone):%H:%M}"
                )
            self._closes[index] = _microseconds(closes)


class _Known(NamedTuple):
    """Sessions of whole years; instants are microseconds since 1970, made when asked for."""

    days: list[date]
    opens: list[int]
    closes: list[int]
    zone: str


@lru_cache(maxsize=8)
def _known(name: str, first: date, last: date) -> _Known:
    """Return whole years from the cache, else ask exchange_calendars and fill the cache."""
    release = version("exchange_calendars")
    kept = cache_folder() / f"{name}-{first.year}-{last.year}-{release}.json"
    try:
        return _rows(kept.read_text())
    except (OSError, ValueError, KeyError, TypeError):
        text = _fetched(name, first, last)
    with suppress(OSError):  # then every start takes a second longer
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}")
        part.write_text(text)
        part.replace(kept)
    return _rows(text)


def _rows(text: str) -> _Known:
    said = json.loads(text)
    days = [date.fromisoformat(day) for day in said["days"]]
    opens, closes, zone = said["opens"], said["closes"], str(said["zone"])
    if not len(days) == len(opens) == len(closes) or not all(map(int.__lt__, opens, closes)):
        raise ValueError("not a calendar")
    return _Known(days, opens, closes, zone)


def _instant(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _fetched(name: str, first: date, last: date) -> str:
    """Ask exchange_calendars, in a process of its own (see fetch.py)."""
    command = [sys.executable, "-P", str(Path(__file__).with_name("fetch.py"))]
    done = subprocess.run(
        [*command, name, first.isoformat(), last.isoformat()],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SettingsError(f"calendar {name!r} cannot be made: {done.stderr.strip()[-500:]}")
    said = json.loads(done.stdout)
    if "error" in said:
        raise SettingsError(f"calendar {name!r} from {first} to {last}: {said['error']}")
    return done.stdout


class AlwaysCalendar:
    """No exchange: every date with data is a session, and every day after the last of them.

    A session opens at 00:00 UTC and closes at 22:00, which leaves room for the jobs that
    follow the close before the next one opens.
    """

    name = "always"
    zone = "UTC"

    def __init__(self, days: Iterable[date] = ()) -> None:
        self._days = sorted(set(days))
        self._index = {day: index for index, day in enumerate(self._days)}
        self._open_from = self._days[-1] + _DAY if self._days else FIRST
        self._opens = [_utc(day) for day in self._days]
        self._closes = [_utc(day, 22) for day in self._days]

    def sessions(self, first: date, last: date) -> Sequence[date]:
        """Return the session dates from first to last, both included, ascending."""
        days = self._days[bisect_left(self._days, first) : bisect_right(self._days, last)]
        start = max(first, self._open_from)
        return days + [start + n * _DAY for n in range((last - start).days + 1)]

    def is_session(self, day: date) -> bool:
        """Say whether there is data of that day, or could be."""
        return day >= self._open_from or day in self._index

    def ordinal(self, day: date) -> int:
        """Return the number of a session date."""
        index = self._index.get(day)
        if index is None:
            self._require(day)
            index = len(self._days) + (day - self._open_from).days
        return index + _COUNT_FROM

    def opens_at(self, day: date) -> datetime:
        """Return 00:00 UTC of a session date."""
        index = self._index.get(day)
        if index is not None:
            return self._opens[index]
        self._require(day)
        return _utc(day)

    def closes_at(self, day: date) -> datetime:
        """Return 22:00 UTC of a session date."""
        index = self._index.get(day)
        if index is not None:
            return self._closes[index]
        self._require(day)
        return _utc(day, 22)

    def next_session(self, after: date) -> date:
        """Return the first session date after a day."""
        index = bisect_right(self._days, after)
        if index < len(self._days):
            return self._days[index]
        return max(after + _DAY, self._open_from)

    def previous_session(self, before: date) -> date:
        """Return the last session date before a day."""
        if before > self._open_from:
            return before - _DAY
        index = bisect_left(self._days, before)
        if index == 0:
            raise SettingsError(f"no session with data before {before.isoformat()}")
        return self._days[index - 1]

    def session_of(self, at: datetime) -> date | None:
        """Return the session date whose open..close contains the instant."""
        day = date.fromordinal(at.toordinal())
        return day if self.is_session(day) and at <= self.closes_at(day) else None

    def _require(self, day: date) -> None:
        if not self.is_session(day):
            raise SettingsError(f"{day.isoformat()} has no data: not a session")


def _utc(day: date, hour: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
