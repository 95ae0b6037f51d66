"""What a screen knows at one moment: frozen rows with their age, read by the reading worker.

A `Reading` is never confused with a failed one: `rows` is None until something was read, a
failure keeps the old rows and says why, and an empty tuple means known to be empty.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from engine.domain.times import parse_utc
from storage.queries.pages import Part, Window

Row = Mapping[str, Any]

Wanted = frozenset[str | Window]
"""What a screen wants to see: topics, and windows of long tables."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Now: the wall clock, and the session's clock and date as far as they are known."""

    wall: datetime
    clock: datetime | None = None
    session_date: date | None = None

    def later(self, wall: datetime) -> "Moment":
        """Return the moment at a later wall time; a clock that is the wall's goes along."""
        clock = wall if self.clock == self.wall else self.clock
        return Moment(wall, clock, self.session_date)

    def age(self, at: datetime | None) -> float | None:
        """Return seconds on the session's clock since an instant of the session."""
        if at is None or self.clock is None:
            return None
        return (self.clock - at).total_seconds()

    def wall_age(self, at: datetime | None) -> float | None:
        """Return seconds of wall time since an instant."""
        return None if at is None else (self.wall - at).total_seconds()


@dataclass(frozen=True, slots=True)
class Reading:
    """The answer to one query: rows, when they were read, and why a newer read failed."""

    rows: tuple[Row, ...] | None = None
    read_at: datetime | None = None  # wall clock
    failed: str = ""
    part: Part | None = None  # of a long table: which rows these are

    @property
    def known(self) -> bool:
        """Whether anything was ever read."""
        return self.rows is not None

    def first(self) -> Row | None:
        """Return the first row, if there is one."""
        return self.rows[0] if self.rows else None


NOTHING = Reading()


@dataclass(frozen=True, slots=True)
class View:
    """Everything that the screen shows, read in one go."""

    moment: Moment
    readings: Mapping[str, Reading] = field(default_factory=dict)
    then: "View | None" = None  # another moment, with which this one is compared

    def __getitem__(self, topic: str) -> Reading:
        """Return a topic's reading, unread if it was not asked for."""
        return self.readings.get(topic, NOTHING)


def looks_alike(topics: Iterable[str], before: View, after: View) -> bool:
    """Say whether a view shows the same of some topics, and of the time: ages count in seconds."""
    if _second(before.moment) != _second(after.moment):
        return False
    return all(_alike(topic, before[topic], after[topic]) for topic in topics)


def _second(moment: Moment) -> tuple[object, ...]:
    clock = None if moment.clock is None else int(moment.clock.timestamp())
    return int(moment.wall.timestamp()), clock, moment.session_date


def _alike(topic: str, before: Reading, after: Reading) -> bool:
    if before is after:
        return True
    if before.failed or after.failed or before.part != after.part:
        return False
    if topic == "beat" and before.rows and after.rows:  # what stands beside it moves all the time
        return bool(before.rows[0]["wall_at"] == after.rows[0]["wall_at"])
    return before.rows == after.rows


def instant(row: Row, name: str) -> datetime | None:
    """Return a column that holds an instant."""
    return _instant(row.get(name))


def compared_at(view: View) -> datetime | None:
    """Return when the account was last compared, whether or not that found anything new."""
    run, beat = view["reconciliation"].first(), view["beat"].first()
    if run is None:
        return None
    seen = (instant(run, "at"), instant(beat or {}, "compared_at"))
    return max((at for at in seen if at is not None), default=None)


def session_day(row: Row, name: str) -> date | None:
    """Return a column that holds a session date."""
    return _day(row.get(name))


@lru_cache(maxsize=8192)
def _instant(value: str | datetime | None) -> datetime | None:
    """Unknown where the text is none: a flipped bit must not take the screen away."""
    try:
        return parse_utc(value) if isinstance(value, str) else value
    except ValueError:
        return None


@lru_cache(maxsize=8192)
def _day(value: str | date | None) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None
