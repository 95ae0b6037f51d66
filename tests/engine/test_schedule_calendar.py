"""Sessions of an exchange, half days, holidays, overrides, and where knowledge ends."""

import os
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.errors import SettingsError
from engine.schedule.calendar import AlwaysCalendar, ExchangeCalendar, _known, year_ahead
from tests.engine.bars import xnys

NEW_YORK = ZoneInfo("America/New_York")


def test_half_day_closes_at_one_in_new_york() -> None:
    closes = xnys().closes_at(date(2026, 11, 27))
    assert closes == datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
    assert closes.tzinfo is UTC


def test_weekends_and_holidays_are_no_sessions() -> None:
    assert not xnys().is_session(date(2026, 11, 21))  # Saturday
    assert not xnys().is_session(date(2026, 11, 26))  # Thanksgiving
    assert not xnys().is_session(date(2012, 10, 29))  # a storm closed the exchange
    with pytest.raises(SettingsError, match="2026-11-26 is not a session of XNYS"):
        xnys().opens_at(date(2026, 11, 26))


def test_open_follows_new_york_through_the_weeks_in_which_only_it_changes_clocks() -> None:
    for day in (date(2026, 3, 6), date(2026, 3, 9), date(2026, 10, 30), date(2026, 11, 2)):
        assert xnys().opens_at(day).astimezone(NEW_YORK).time() == clock(9, 30)
    assert xnys().opens_at(date(2026, 3, 6)).hour == 14
    assert xnys().opens_at(date(2026, 3, 9)).hour == 13


def test_neighbours_and_numbers_step_over_closed_days() -> None:
    calendar = xnys()
    assert calendar.next_session(date(2026, 11, 25)) == date(2026, 11, 27)
    assert calendar.previous_session(date(2026, 11, 30)) == date(2026, 11, 27)
    assert calendar.ordinal(date(2026, 11, 30)) - calendar.ordinal(date(2026, 11, 25)) == 2
    assert calendar.sessions(date(2026, 11, 26), date(2026, 11, 29)) == [date(2026, 11, 27)]


def test_session_of_an_instant_is_known_only_while_the_exchange_is_open() -> None:
    calendar = xnys()
    assert calendar.session_of(datetime(2026, 11, 27, 17, 59, tzinfo=UTC)) == date(2026, 11, 27)
    assert calendar.session_of(datetime(2026, 11, 27, 18, 1, tzinfo=UTC)) is None
    assert calendar.session_of(datetime(2026, 11, 28, 15, 0, tzinfo=UTC)) is None


def test_beyond_the_range_nothing_is_known_until_it_is_extended() -> None:
    calendar = ExchangeCalendar("XNYS", date(2026, 1, 1), date(2026, 12, 31))
    with pytest.raises(SettingsError, match="known to 2026-12-31: 2027-01-04 counts as closed"):
        calendar.is_session(date(2027, 1, 4))
    with pytest.raises(SettingsError, match="counts as closed"):
        calendar.next_session(date(2026, 12, 31))
    number = calendar.ordinal(date(2026, 12, 31))
    calendar.extend(year_ahead(date(2026, 12, 31)))
    assert calendar.next_session(date(2026, 12, 31)) == date(2027, 1, 4)
    assert calendar.ordinal(date(2026, 12, 31)) == number


def test_older_history_is_fetched_without_renumbering() -> None:
    calendar = ExchangeCalendar("XNYS", date(2015, 1, 1), date(2016, 12, 31))
    number = calendar.ordinal(date(2015, 1, 2))
    assert calendar.is_session(date(1987, 10, 19))
    assert 0 < calendar.ordinal(date(1987, 10, 19)) < number
    assert calendar.ordinal(date(2015, 1, 2)) == number


def test_overrides_close_a_day_or_end_it_early() -> None:
    overrides = {date(2026, 11, 23): None, date(2026, 11, 24): clock(12, 30)}
    calendar = ExchangeCalendar("XNYS", date(2026, 1, 1), date(2026, 12, 31), overrides)
    assert not calendar.is_session(date(2026, 11, 23))
    assert calendar.closes_at(date(2026, 11, 24)) == datetime(2026, 11, 24, 17, 30, tzinfo=UTC)


def test_early_close_before_the_open_is_refused() -> None:
    with pytest.raises(SettingsError, match="2026-11-24 must be after the open, 09:30"):
        ExchangeCalendar(
            "XNYS", date(2026, 1, 1), date(2026, 12, 31), {date(2026, 11, 24): clock(9, 0)}
        )


def test_unknown_exchange_is_a_configuration_error() -> None:
    with pytest.raises(SettingsError, match="NOWHERE"):
        ExchangeCalendar("NOWHERE", date(2026, 1, 1), date(2026, 12, 31))


def test_the_local_time_zone_changes_nothing() -> None:
    code = (
        "from datetime import date; from engine.schedule.calendar import ExchangeCalendar as C;"
        "c = C('XNYS', date(2026, 1, 1), date(2026, 12, 31));"
        "print(c.closes_at(date(2026, 11, 27)).isoformat())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TZ": "Asia/Tokyo"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "2026-11-27T18:00:00+00:00"


def test_always_calendar_opens_on_days_with_data_and_on_all_after_them() -> None:
    days = [date(2026, 1, 3), date(2026, 1, 4), date(2026, 1, 9)]
    calendar = AlwaysCalendar(days)
    assert calendar.sessions(date(2026, 1, 1), date(2026, 1, 11)) == [
        *days,
        date(2026, 1, 10),
        date(2026, 1, 11),
    ]
    assert not calendar.is_session(date(2026, 1, 5))
    assert calendar.next_session(date(2026, 1, 4)) == date(2026, 1, 9)
    assert calendar.next_session(date(2026, 1, 20)) == date(2026, 1, 21)
    assert calendar.previous_session(date(2026, 1, 9)) == date(2026, 1, 4)
    assert calendar.previous_session(date(2026, 1, 20)) == date(2026, 1, 19)
    assert calendar.ordinal(date(2026, 1, 10)) - calendar.ordinal(date(2026, 1, 3)) == 3
    with pytest.raises(SettingsError, match="2026-01-05 has no data"):
        calendar.opens_at(date(2026, 1, 5))
    with pytest.raises(SettingsError, match="no session with data before"):
        calendar.previous_session(date(2026, 1, 3))


def test_jobs_of_an_always_session_end_before_the_next_one_opens() -> None:
    calendar = AlwaysCalendar([date(2026, 1, 3), date(2026, 1, 4)])
    assert calendar.closes_at(date(2026, 1, 3)) + timedelta(minutes=75) < calendar.opens_at(
        date(2026, 1, 4)
    )
    assert calendar.session_of(datetime(2026, 1, 3, 12, tzinfo=UTC)) == date(2026, 1, 3)
    assert calendar.session_of(datetime(2026, 1, 3, 23, tzinfo=UTC)) is None


@pytest.mark.bench
def test_twenty_years_are_built_in_a_moment() -> None:
    started = time.perf_counter()
    ExchangeCalendar("XNYS", date(2007, 1, 1), date(2027, 12, 31))
    print(f"calendar built in {time.perf_counter() - started:.3f} s")
    days = [date(1900, 1, 1) + timedelta(days=n) for n in range(50_000)]
    started = time.perf_counter()
    calendar = AlwaysCalendar(days)
    for day in days:
        calendar.closes_at(day)
    assert time.perf_counter() - started < 1.0


def test_a_calendar_is_fetched_once_and_again_when_the_cache_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = []
    for damage in ("", "[1]", '{"days": ["2026"'):
        for kept in tmp_path.rglob("XNYS-*.json"):
            kept.write_text(damage)
        _known.cache_clear()
        found.append(ExchangeCalendar("XNYS", date(2026, 1, 1), date(2026, 12, 31)).sessions(
            date(2026, 1, 1), date(2026, 12, 31)
        ))  # fmt: skip
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 251
    (kept,) = tmp_path.rglob("XNYS-*.json")
    _known.cache_clear()
    monkeypatch.setattr(subprocess, "run", None)  # nobody is asked again
    assert ExchangeCalendar("XNYS", date(2026, 1, 1), date(2026, 12, 31)).is_session(
        date(2026, 11, 20)
    )
    monkeypatch.undo()
    _known.cache_clear()
