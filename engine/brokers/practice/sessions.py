"""Hours of the practice exchange: pre-market, regular session, after hours, from a calendar."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from engine.brokers.practice.clock import DAY, in_new_york, new_york
from engine.errors import SettingsError
from engine.ports import Calendar

_EARLIEST = time(4)
_AFTER = timedelta(hours=4)  # after hours last that long, half days included


class Weekdays:
    """A calendar for want of a better one: every weekday from 09:30 to 16:00, no holidays."""

    name = "weekdays"
    zone = "America/New_York"

    def sessions(self, first: date, last: date) -> Sequence[date]:
        """Return the weekdays from first to last, both included."""
        days = (first + DAY * n for n in range((last - first).days + 1))
        return [day for day in days if day.weekday() < 5]

    def is_session(self, day: date) -> bool:
        """Say whether it is a weekday."""
        return day.weekday() < 5

    def ordinal(self, day: date) -> int:
        """Return the number of a weekday."""
        weeks, weekday = divmod(day.toordinal() - 1, 7)
        return weeks * 5 + weekday

    def opens_at(self, day: date) -> datetime:
        """Return 09:30 in New York."""
        return in_new_york(day, time(9, 30))

    def closes_at(self, day: date) -> datetime:
        """Return 16:00 in New York."""
        return in_new_york(day, time(16))

    def next_session(self, after: date) -> date:
        """Return the next weekday."""
        return after + DAY * (3 if after.weekday() == 4 else 2 if after.weekday() == 5 else 1)

    def previous_session(self, before: date) -> date:
        """Return the weekday before."""
        return before - DAY * (3 if before.weekday() == 0 else 2 if before.weekday() == 6 else 1)

    def session_of(self, at: datetime) -> date | None:
        """Return the weekday whose hours contain an instant."""
        day = new_york(at).date()
        inside = self.is_session(day) and self.opens_at(day) <= at <= self.closes_at(day)
        return day if inside else None


WEEKDAYS = Weekdays()


class Endless:
    """A calendar that goes on with weekdays where the one it was given ends.

    Options expire, and a fast gateway runs, later than the sessions of an exchange are known.
    """

    def __init__(self, known: Calendar) -> None:
        self._known = known
        self._after = WEEKDAYS

    def sessions(self, first: date, last: date) -> Sequence[date]:
        """Return the session dates from first to last, both included."""
        try:
            return self._known.sessions(first, last)
        except SettingsError:
            days = (first + DAY * n for n in range((last - first).days + 1))
            return [day for day in days if self.is_session(day)]

    def is_session(self, day: date) -> bool:
        """Say whether the exchange opens that day."""
        try:
            return self._known.is_session(day)
        except SettingsError:
            return self._after.is_session(day)

    def opens_at(self, day: date) -> datetime:
        """Return the opening instant of a session date."""
        try:
            return self._known.opens_at(day)
        except SettingsError:
            return self._after.opens_at(day)

    def closes_at(self, day: date) -> datetime:
        """Return the closing instant of a session date."""
        try:
            return self._known.closes_at(day)
        except SettingsError:
            return self._after.closes_at(day)

    def next_session(self, after: date) -> date:
        """Return the first session date after a day."""
        day = after + DAY
        while not self.is_session(day):
            day += DAY
        return day

    def previous_session(self, before: date) -> date:
        """Return the last session date before a day."""
        day = before - DAY
        while not self.is_session(day):
            day -= DAY
        return day


@dataclass(frozen=True, slots=True)
class Hours:
    """One session date; instants in UTC."""

    day: date
    starts: datetime  # 04:00
    opens: datetime  # 09:30
    closes: datetime  # 16:00, half days 13:00
    ends: datetime  # 20:00, half days 17:00

    def is_regular(self, at: datetime) -> bool:
        """Say whether an instant is inside the regular session."""
        return self.opens <= at < self.closes

    def is_any(self, at: datetime) -> bool:
        """Say whether an instant is inside any trading."""
        return self.starts <= at < self.ends


class Hall:
    """The hours of every date, remembered."""

    def __init__(self, calendar: Calendar) -> None:
        self.given = calendar
        self.calendar = Endless(calendar)
        self._hours: dict[date, Hours] = {}
        self._newest: tuple[datetime, datetime, Hours] | None = None  # from, until

    def hours(self, day: date) -> Hours:
        """Return the hours of a session date."""
        known = self._hours.get(day)
        if known is None:
            opens, closes = self.calendar.opens_at(day), self.calendar.closes_at(day)
            known = Hours(day, in_new_york(day, _EARLIEST), opens, closes, closes + _AFTER)
            self._hours[day] = known
        return known

    def today(self, at: datetime) -> Hours | None:
        """Return the hours of the New York date of an instant; None if nothing opens then."""
        day = new_york(at).date()
        return self.hours(day) if self.calendar.is_session(day) else None

    def current(self, at: datetime) -> Hours:
        """Return the session that runs, or ran last, at an instant: it has begun (04:00)."""
        if self._newest is not None and self._newest[0] <= at < self._newest[1]:
            return self._newest[2]
        day = new_york(at).date()
        if not self.calendar.is_session(day) or at < self.hours(day).starts:
            day = self.calendar.previous_session(day)
        hours = self.hours(day)
        following = self.hours(self.calendar.next_session(day))
        self._newest = (hours.starts, following.starts, hours)
        return hours

    def coming(self, at: datetime) -> Hours:
        """Return the first session that has not closed at an instant."""
        day = new_york(at).date()
        if self.calendar.is_session(day) and at < self.hours(day).closes:
            return self.hours(day)
        return self.hours(self.calendar.next_session(day))

    def is_regular(self, at: datetime) -> bool:
        """Say whether the exchange is in its regular session."""
        today = self.today(at)
        return today is not None and today.is_regular(at)

    def trades(self, at: datetime, *, outside: bool) -> bool:
        """Say whether an order may trade, with or without the hours before and after."""
        today = self.today(at)
        if today is None:
            return False
        return today.is_any(at) if outside else today.is_regular(at)

    def next_change(self, at: datetime) -> datetime:
        """Return the next start, open, close or end after an instant."""
        day = new_york(at).date()
        if not self.calendar.is_session(day):
            day = self.calendar.next_session(day)
        while True:
            hours = self.hours(day)
            for instant in (hours.starts, hours.opens, hours.closes, hours.ends):
                if instant > at:
                    return instant
            day = self.calendar.next_session(day)

    def text(self, at: datetime, *, liquid: bool, days: int = 7) -> str:
        """Return the hours of the next days as a contract's details tell them."""
        first = new_york(at).date()
        return ";".join(self._day_text(first + n * DAY, liquid=liquid) for n in range(days))

    def _day_text(self, day: date, *, liquid: bool) -> str:
        if not self.calendar.is_session(day):
            return f"{day:%Y%m%d}:CLOSED"
        hours = self.hours(day)
        begin, end = (hours.opens, hours.closes) if liquid else (hours.starts, hours.ends)
        return f"{new_york(begin):%Y%m%d:%H%M}-{new_york(end):%Y%m%d:%H%M}"
