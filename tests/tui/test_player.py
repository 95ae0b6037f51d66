"""The clock of a replay: steps, dates, marks, speeds and the instants a person can mean."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.times import utc_text
from storage.timeline import Step, Timeline
from tui.player import SPEEDS, Player, when_is

MONDAY = datetime(2026, 11, 16, 14, 30, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 20, 41, 7, tzinfo=UTC)


def week() -> Timeline:
    """Five dates of four steps an hour apart; the third step of each is marked."""
    return Timeline(
        "s",
        "b",
        [
            Step(10 * (4 * day + n) + 1, utc_text(MONDAY + timedelta(days=day, hours=n)), n == 2)
            for day in range(5)
            for n in range(4)
        ],
    )


def test_dates_end_where_the_date_ends() -> None:
    player = Player(week())
    seen = []
    for _ in range(6):
        player.by_day(1)
        seen.append(player.step)
    assert seen == [7, 11, 15, 19, 19, 19]
    player.by_day(-1)
    assert player.step == 15
    player.go(9)
    player.by_day(-1)
    assert player.step == 7
    player.go(2)
    player.by_day(-1)
    assert player.step == 0


def test_marks_are_found_in_both_directions_and_the_last_one_stays() -> None:
    player = Player(week())
    player.by_mark(1)
    player.by_mark(1)
    assert player.step == 6
    player.by_mark(-1)
    assert player.step == 2
    player.by_mark(-1)
    assert player.step == 2


def test_the_end_and_back_again() -> None:
    player = Player(week(), 5)
    player.compare()
    assert player.at_end
    player.compare()
    assert player.step == 5
    player.compare()
    player.by(-1)
    assert player.step == 18
    assert player.home is None


@given(st.integers(0, len(SPEEDS) - 1), st.floats(0.01, 5.0))
def test_playing_reaches_the_end_in_order_and_stops(speed: int, frame: float) -> None:
    player = Player(week())
    player.faster(speed)
    now = 100.0
    player.toggle(now)
    seen = [player.step]
    for _ in range(int(60 / frame) + 60):
        now += frame
        player.advance(now)
        seen.append(player.step)
    assert all(a <= b for a, b in pairwise(seen))
    assert player.at_end
    assert not player.playing
    assert not player.advance(now + 10)


def test_a_step_is_waited_for_two_seconds_at_most() -> None:
    player = Player(week())
    player.toggle(0.0)
    assert not player.advance(1.9)
    assert player.advance(2.0)
    assert player.step == 1
    player.toggle(2.1)
    assert not player.advance(99.0)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("15:41", "2026-11-20T20:41:00.000000Z"),
        ("09:30:05", "2026-11-20T14:30:05.000000Z"),
        ("2026-07-01 15:41", "2026-07-01T19:41:00.000000Z"),
        ("2026-11-19", "2026-11-20T04:59:59.999999Z"),
        ("ord_01JD5B8Z3K", None),
        ("25:00", None),
        ("2026-13-01", None),
    ],
)
def test_an_instant_is_exchange_time(text: str, stored: str | None) -> None:
    assert when_is(text, NOW) == stored
