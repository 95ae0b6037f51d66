"""Slots and jobs as offsets of the session, and what becomes of those that were missed."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.session import JobOutcome, Slot
from engine.schedule.calendar import ExchangeCalendar
from engine.schedule.slots import (
    JOBS,
    catch_up,
    day_plan,
    job_at,
    job_outcome,
    next_turn,
    slot_at,
    slot_outcome,
    upcoming,
)
from tests.engine.bars import xnys

HALF_DAY = date(2026, 11, 27)


def utc(day: int, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """An instant of November 2026."""
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC)


def test_slots_of_a_half_day_move_with_its_close() -> None:
    slots = {slot: slot_at(xnys(), HALF_DAY, slot) for slot in Slot}
    assert slots == {
        Slot.OPEN: utc(27, 14, 30),
        Slot.AFTER_OPEN_15: utc(27, 14, 45),
        Slot.BEFORE_CLOSE_15: utc(27, 17, 45),  # 12:45 in New York
        Slot.BEFORE_CLOSE_5: utc(27, 17, 55),
        Slot.CLOSE: utc(27, 18, 0),
    }
    assert job_at(xnys(), HALF_DAY, "snapshot") == utc(27, 18, 5)  # 13:05


def test_a_day_is_planned_in_order_of_time() -> None:
    plan = day_plan(xnys(), date(2026, 11, 20), {"late": Slot.BEFORE_CLOSE_5, "regime": Slot.OPEN})
    assert [(due.name, due.at) for due in plan] == [
        ("decision:regime", utc(20, 14, 30)),
        ("decision:late", utc(20, 20, 55)),
        ("snapshot", utc(20, 21, 5)),
        ("final", utc(20, 21, 15)),
        ("reconcile", utc(20, 22, 0)),
        ("backup", utc(20, 22, 15)),
    ]


def test_upcoming_skips_holidays_and_what_has_passed() -> None:
    found = upcoming(xnys(), utc(25, 21, 10), 5, {"regime": Slot.OPEN})
    assert [(due.name, due.session_date.day) for due in found] == [
        ("final", 25),
        ("reconcile", 25),
        ("backup", 25),
        ("decision:regime", 27),
        ("snapshot", 27),
    ]


def test_upcoming_ends_where_the_calendar_ends() -> None:
    calendar = ExchangeCalendar("XNYS", date(2026, 1, 1), date(2026, 11, 22))
    found = upcoming(calendar, utc(20, 22, 1), 10, {"regime": Slot.OPEN})
    assert [due.name for due in found] == ["backup"]


def test_slot_runs_late_for_two_minutes_and_is_then_missed() -> None:
    due, closes = utc(20, 14, 30), utc(20, 21)
    assert slot_outcome(due, due, closes) is JobOutcome.DONE
    assert slot_outcome(due, utc(20, 14, 30, 2), closes) is JobOutcome.LATE
    assert slot_outcome(due, utc(20, 14, 32), closes) is JobOutcome.LATE
    assert slot_outcome(due, utc(20, 14, 32, 1), closes) is JobOutcome.MISSED


def test_late_slot_is_missed_in_the_last_minute() -> None:
    due, closes = utc(20, 20, 58), utc(20, 21)
    assert slot_outcome(due, utc(20, 20, 59), closes) is JobOutcome.LATE
    assert slot_outcome(due, utc(20, 20, 59, 1), closes) is JobOutcome.MISSED


def test_slot_at_the_close_is_in_time_at_the_close() -> None:
    assert slot_outcome(utc(20, 21), utc(20, 21), utc(20, 21)) is JobOutcome.DONE
    assert slot_outcome(utc(20, 21), utc(20, 21, 0, 5), utc(20, 21)) is JobOutcome.MISSED


@given(st.integers(0, 400), st.integers(0, 400))
def test_a_missed_slot_never_comes_back(seconds: int, more: int) -> None:
    due, closes = utc(20, 20, 55), utc(20, 21)
    first = slot_outcome(due, due + timedelta(seconds=seconds), closes)
    later = slot_outcome(due, due + timedelta(seconds=seconds + more), closes)
    order = [JobOutcome.DONE, JobOutcome.LATE, JobOutcome.MISSED]
    assert order.index(later) >= order.index(first)


def test_snapshot_waits_until_the_next_open() -> None:
    due, opens = utc(20, 21, 5), utc(23, 14, 30)
    assert job_outcome("snapshot", due, utc(23, 14, 29), opens) is JobOutcome.LATE
    assert job_outcome("snapshot", due, opens, opens) is JobOutcome.MISSED
    assert job_outcome("reconcile", due, utc(30, 12), opens) is JobOutcome.LATE


def test_several_missed_dates_are_caught_up_by_the_newest() -> None:
    missed, now = catch_up(xnys(), "reconcile", date(2026, 11, 17), utc(20, 23))
    assert missed == [date(2026, 11, 18), date(2026, 11, 19)]
    assert now == date(2026, 11, 20)


def test_snapshots_not_taken_before_the_next_open_stay_a_gap() -> None:
    missed, now = catch_up(xnys(), "snapshot", date(2026, 11, 18), utc(23, 15))
    assert missed == [date(2026, 11, 19), date(2026, 11, 20)]
    assert now is None


def test_nothing_is_caught_up_when_all_is_done_or_nothing_ever_was() -> None:
    assert catch_up(xnys(), "final", date(2026, 11, 20), utc(21, 12)) == ([], None)
    assert catch_up(xnys(), "final", None, utc(21, 12)) == ([], None)


def test_young_backup_needs_no_other() -> None:
    assert catch_up(xnys(), "backup", date(2026, 11, 19), utc(20, 22, 15)) == (
        [date(2026, 11, 20)],
        None,
    )
    assert catch_up(xnys(), "backup", date(2026, 11, 19), utc(20, 23)) == ([], date(2026, 11, 20))


def test_jobs_follow_the_close_in_order() -> None:
    assert list(JOBS) == ["snapshot", "final", "reconcile", "backup"]
    assert sorted(JOBS.values()) == list(JOBS.values())


def test_an_exchange_shuts_or_opens_next_half_days_and_week_ends_too() -> None:
    assert next_turn(xnys(), utc(20, 14, 29)) == ("open", utc(20, 14, 30))
    assert next_turn(xnys(), utc(20, 14, 30)) == ("close", utc(20, 21))
    assert next_turn(xnys(), utc(20, 21)) == ("open", utc(23, 14, 30))  # a Friday's close
    assert next_turn(xnys(), utc(27, 17)) == ("close", utc(27, 18))
