"""When a strategy may act and when jobs run: offsets from the session's open and close.

Offsets, never times of day: on a half day everything moves with the early close
(2026-11-27 closes at 13:00 New York: 15min_before_close is 12:45, the snapshot 13:05).
Everything here is a pure function of a calendar and an instant.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

from engine.domain.session import JobOutcome, Slot
from engine.errors import SettingsError
from engine.ports import Calendar

_MINUTE = timedelta(minutes=1)

JOBS: dict[str, timedelta] = {
    "snapshot": 5 * _MINUTE,
    "final": 15 * _MINUTE,
    "reconcile": 60 * _MINUTE,
    "backup": 75 * _MINUTE,
}
"""Jobs of every session date, as offsets from the close, in order."""

_SLOTS: dict[Slot, tuple[bool, timedelta]] = {  # (from the open?, offset)
    Slot.OPEN: (True, timedelta(0)),
    Slot.AFTER_OPEN_15: (True, 15 * _MINUTE),
    Slot.BEFORE_CLOSE_15: (False, -15 * _MINUTE),
    Slot.BEFORE_CLOSE_5: (False, -5 * _MINUTE),
    Slot.CLOSE: (False, timedelta(0)),
}

ON_TIME = timedelta(seconds=1)  # a timer is never exact
LATEST = timedelta(seconds=120)
BEFORE_CLOSE = timedelta(seconds=60)
BACKUP_AGE_MAX = timedelta(hours=24)


class Due(NamedTuple):
    """One thing the clock will bring."""

    at: datetime
    session_date: date
    name: str  # "decision:regime", "snapshot"
    slot: Slot | None  # None: a job


def slot_at(calendar: Calendar, day: date, slot: Slot) -> datetime:
    """Return the instant of a slot on a session date."""
    from_open, offset = _SLOTS[slot]
    return (calendar.opens_at(day) if from_open else calendar.closes_at(day)) + offset


def job_at(calendar: Calendar, day: date, job: str) -> datetime:
    """Return the instant at which a job of a session date is due."""
    return calendar.closes_at(day) + JOBS[job]


def day_plan(calendar: Calendar, day: date, slots: Mapping[str, Slot]) -> list[Due]:
    """Return everything due on one session date, in order of time; slots are by strategy."""
    plan = [
        Due(slot_at(calendar, day, slot), day, f"decision:{strategy}", slot)
        for strategy, slot in slots.items()
    ]
    plan += [Due(job_at(calendar, day, job), day, job, None) for job in JOBS]
    return sorted(plan, key=lambda due: due.at)


def upcoming(calendar: Calendar, at: datetime, count: int, slots: Mapping[str, Slot]) -> list[Due]:
    """Return the next things due after an instant, fewer where the calendar ends."""
    found: list[Due] = []
    for day in _sessions_from(calendar, at):
        found += [due for due in day_plan(calendar, day, slots) if due.at > at]
        if len(found) >= count:
            break
    return found[:count]


def next_turn(calendar: Calendar, at: datetime) -> tuple[str, datetime] | None:
    """Return "close" and when, while the exchange is open; else "open" and when; None: unknown."""
    for day in _sessions_from(calendar, at):
        opens, closes = calendar.opens_at(day), calendar.closes_at(day)
        if at < closes:
            return ("close", closes) if opens <= at else ("open", opens)
    return None


def _sessions_from(calendar: Calendar, at: datetime) -> Iterator[date]:
    """Yield session dates, beginning with one whose jobs may still lie ahead of the instant."""
    day = date.fromordinal(at.toordinal() - 2)  # two days: zones, and jobs after the close
    while True:
        try:
            day = calendar.next_session(day)
        except SettingsError:  # the end of what is known: nothing is due beyond it
            return
        yield day


def slot_outcome(due_at: datetime, at: datetime, closes_at: datetime) -> JobOutcome:
    """Say what becomes of a decision slot at an instant: DONE (in time), LATE (run), MISSED."""
    if at <= due_at + ON_TIME:
        return JobOutcome.DONE
    if at <= due_at + LATEST and at <= closes_at - BEFORE_CLOSE:
        return JobOutcome.LATE
    return JobOutcome.MISSED


def job_outcome(job: str, due_at: datetime, at: datetime, next_open: datetime) -> JobOutcome:
    """Say what becomes of a job at an instant: DONE (in time), LATE (run), MISSED.

    A snapshot waits until the next open: after it the closing state is gone. The others
    are caught up at the next start, whenever that is.
    """
    if at <= due_at + ON_TIME:
        return JobOutcome.DONE
    if job == "snapshot" and at >= next_open:
        return JobOutcome.MISSED
    return JobOutcome.LATE


def catch_up(
    calendar: Calendar, job: str, last_done: date | None, at: datetime
) -> tuple[list[date], date | None]:
    """Return the session dates of a job that are MISSED, and the one to run now, if any.

    Several dates are never made up one after the other: the newest stands for all. Without
    a date done before there is nothing to make up.
    """
    if last_done is None:
        return [], None
    today = date.fromordinal(at.toordinal())
    past = [
        day
        for day in calendar.sessions(last_done, today)
        if day > last_done and job_at(calendar, day, job) <= at
    ]
    if not past:
        return [], None
    newest = past[-1]
    next_open = calendar.opens_at(calendar.next_session(newest))
    if job_outcome(job, job_at(calendar, newest, job), at, next_open) is JobOutcome.MISSED:
        return past, None
    if job == "backup" and at - job_at(calendar, last_done, job) <= BACKUP_AGE_MAX:
        return past, None
    return past[:-1], newest
