"""The broker's hours of a contract beside our calendar."""

from datetime import UTC, date, datetime

import pytest

from engine.brokers.ibkr.hours import differences, parse
from engine.brokers.practice.gateway import PracticeGateway
from engine.domain.input import Fault
from engine.errors import BrokerError
from engine.runtime.ibkr import IbkrSession
from engine.schedule.calendar import ExchangeCalendar
from tests.engine.ibkr.test_session import PSQ, Room, wanted
from tests.engine.ibkr.test_whole import calendar
from tests.engine.ibkr.wire import FAST, QQQ

WEEK = "20261127:0930-20261127:1300;20261128:CLOSED;20261130:0930-20261130:1600"


def test_hours_are_stretches_of_each_day_in_the_contracts_zone() -> None:
    days = parse(f"{WEEK};20261201:0930-20261201:1200;20261201:1300-20261201:1600", "US/Eastern")
    assert days[date(2026, 11, 27)] == [
        (datetime(2026, 11, 27, 14, 30, tzinfo=UTC), datetime(2026, 11, 27, 18, 0, tzinfo=UTC))
    ]
    assert days[date(2026, 11, 28)] == []
    assert len(days[date(2026, 12, 1)]) == 2


@pytest.mark.parametrize(("text", "zone"), [("20261127:09", "US/Eastern"), (WEEK, "XYZ/Nowhere")])
def test_hours_that_cannot_be_read_are_said(text: str, zone: str) -> None:
    with pytest.raises(BrokerError, match="hours"):
        parse(text, zone)


def test_equal_hours_are_no_difference_a_half_day_is_no_whole_one() -> None:
    assert list(differences(WEEK, "US/Eastern", calendar())) == []
    early = WEEK.replace("20261130:1600", "20261130:1300")
    assert list(differences(early, "US/Eastern", calendar())) == [
        "2026-11-30: the broker says 14:30 to 18:00 UTC, our calendar 14:30 to 21:00 UTC"
    ]
    mourning = WEEK.replace("20261130:0930-20261130:1600", "20261130:CLOSED")
    assert list(differences(mourning, "US/Eastern", calendar())) == [
        "2026-11-30: the broker says closed, our calendar open"
    ]


def test_days_beyond_our_calendar_are_not_judged() -> None:
    assert list(differences("20290103:0930-20290103:1600", "US/Eastern", calendar())) == []


class OpenOnThanksgiving(ExchangeCalendar):
    """A calendar that does not know a holiday."""

    def is_session(self, day: date) -> bool:
        """Say that it trades on the fourth Thursday too."""
        return day == date(2026, 11, 26) or super().is_session(day)


async def test_a_session_tells_of_hours_that_differ_once() -> None:
    async with PracticeGateway(seed=7, calendar=calendar()) as gateway:
        made = Room(gateway)
        wrong = OpenOnThanksgiving("XNYS", date(2026, 1, 2), date(2027, 11, 1))
        made.session = IbkrSession(
            wanted(gateway), made._hear, made.clock, timings=FAST, calendar=wrong
        )
        await made.session.start([QQQ, PSQ])
        await made.session.stop()
        (told,) = [f for f in made.said if isinstance(f, Fault) and f.kind == "hours_differ"]
        assert told.text == "QQQ: 2026-11-26: the broker says closed, our calendar open"
