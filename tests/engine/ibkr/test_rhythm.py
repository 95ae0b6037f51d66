"""The broker's day and week, without any connection."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.brokers.ibkr.link import Act, Do, LinkMachine
from engine.brokers.ibkr.rhythm import STORED_AT, is_past, login_ended
from engine.domain.input import LinkSeen
from engine.domain.link import Link, LinkState
from tests.engine.ibkr.core import Core
from tests.engine.ibkr.test_link import made, up

SATURDAY_NOON = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)  # 12:00 in New York
SUNDAY_ONE = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def looks(machine: LinkMachine, first: datetime, last: datetime, step: timedelta) -> Iterator[Do]:
    """Everything that looking at the clock leads to."""
    at = first
    while at <= last:
        yield from machine.calendar(at)
        at += step


MINUTE, QUARTER = timedelta(minutes=1), timedelta(minutes=15)


def test_a_time_of_day_is_passed_once_however_one_looks() -> None:
    evening = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # Friday 23:00 in New York
    told = [
        evening + n * timedelta(seconds=30)
        for n in range(1, 200)
        if is_past(
            evening + (n - 1) * timedelta(seconds=30),
            evening + n * timedelta(seconds=30),
            STORED_AT,
        )
    ]
    assert told == [datetime(2026, 11, 21, 4, 30, tzinfo=UTC)]
    assert is_past(evening, evening + timedelta(days=3), STORED_AT)  # a machine that slept
    assert not is_past(evening + timedelta(hours=1), evening, STORED_AT)  # a clock set back


@pytest.mark.parametrize(
    ("at", "ended"),
    [
        (SUNDAY_ONE, SUNDAY_ONE),
        (SUNDAY_ONE - MINUTE, SUNDAY_ONE - timedelta(days=7)),
        (SUNDAY_ONE + timedelta(days=6), SUNDAY_ONE),
    ],
)
def test_a_login_ends_on_sunday_at_one(at: datetime, ended: datetime) -> None:
    assert login_ended(at) == ended


def test_saturday_noon_reminds_of_the_login_once_and_mildly() -> None:
    machine = up()
    told = list(looks(machine, FRIDAY, SUNDAY_ONE - MINUTE, QUARTER))
    (reminder,) = [one for one in told if one.act is Act.ALERT]
    assert (reminder.kind, reminder.mild) == ("weekly_login", True)
    assert "127.0.0.1:4002" in reminder.text


def test_without_the_weeks_login_it_is_told_each_hour_until_connected() -> None:
    machine = up()
    list(looks(machine, SUNDAY_ONE - timedelta(hours=1), SUNDAY_ONE, QUARTER))
    machine.closed("gone")
    told = list(looks(machine, SUNDAY_ONE + MINUTE, SUNDAY_ONE + timedelta(hours=8), MINUTE))
    assert len(told) == 7  # from 02:01 to 08:01
    assert {one.kind for one in told} == {"weekly_login"}
    machine.dialing()
    machine.connected(["DU0000001"], 1)
    machine.synced()
    monday = SUNDAY_ONE + timedelta(hours=20)
    later = looks(machine, monday, monday + timedelta(hours=8), MINUTE)
    assert Act.ALERT not in [one.act for one in later]


def test_a_link_lost_in_the_week_is_no_matter_of_the_login() -> None:
    machine = up()
    wednesday = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
    list(looks(machine, wednesday, wednesday, MINUTE))
    machine.closed("gone")
    assert not list(looks(machine, wednesday, wednesday + timedelta(hours=20), QUARTER))


def test_half_an_hour_before_midnight_everything_is_asked_for_once_more() -> None:
    machine, evening = up(), datetime(2026, 11, 18, 4, 0, tzinfo=UTC)
    told = list(looks(machine, evening, evening + timedelta(minutes=29), MINUTE))
    assert told == []
    assert [one.act for one in machine.calendar(evening + timedelta(minutes=30))] == [Act.STORE]
    assert machine.reason == ""


def test_the_data_connection_has_no_rhythm_of_its_own() -> None:
    machine = made(trades=False)
    assert not list(looks(machine, FRIDAY, SUNDAY_ONE, QUARTER))


@pytest.mark.parametrize("reason", ["BLACKOUT", "LINK_DOWN", "UPSTREAM_DOWN"])
@pytest.mark.parametrize("planned", [True, False])
def test_what_the_night_brings_is_no_alert_a_lost_link_is(reason: str, planned: bool) -> None:
    core = Core()
    live = Link(state=LinkState.LIVE, epoch=1, account="DU0000001")
    core.take(LinkSeen(FRIDAY, live))
    core.take(LinkSeen(FRIDAY, replace(live, reason=reason, planned=planned)))
    told = [row.kind for row in core.state.alerts.values()]
    assert told == ([] if planned else ["link", "connectivity"])
