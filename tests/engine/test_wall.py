"""The built-in market as time passes: what a start gives of the time in which nothing ran."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from engine.domain.input import BarsClosed, Input, JobDue, QuotesSeen, SlotDue
from engine.domain.session import Slot
from engine.runtime.wall import Make, WallSource

OPENS = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
DAY = date(2026, 11, 20)


class Market:
    """One slot at the open, and a job after the close before; a clock that stands still."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def wall(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0

    def warmup(self, at: datetime) -> Iterator[BarsClosed]:
        return iter(())

    def quotes(self, at: datetime) -> QuotesSeen | None:
        day = at.date()
        return QuotesSeen(at, day, 1, {}) if at >= OPENS else None

    def plan(self, after: datetime) -> Iterator[tuple[datetime, Make]]:
        def slot(at: datetime) -> list[Input]:
            return [SlotDue(at, OPENS, Slot.OPEN, DAY, 1, OPENS + timedelta(hours=6))]

        def auction(at: datetime) -> list[Input]:
            return [QuotesSeen(at, DAY, 1, {})]

        yesterday = DAY - timedelta(days=1)
        steps: list[tuple[datetime, Make]] = [
            (OPENS - timedelta(hours=17), lambda at: [JobDue(at, OPENS, "snapshot", yesterday)]),
            (OPENS, auction),
            (OPENS, slot),
        ]
        yield from (step for step in steps if step[0] > after)


def given(at: datetime) -> list[Input]:
    market = Market(at)
    source = WallSource(market, market)
    source.seen = OPENS - timedelta(days=1)
    return list(source)


def test_a_late_slot_goes_with_the_prices_of_now() -> None:
    at = OPENS + timedelta(seconds=9)
    job, prices, slot = given(at)
    assert isinstance(job, JobDue)
    assert isinstance(prices, QuotesSeen)
    assert isinstance(slot, SlotDue)
    assert {job.at, prices.at, slot.at} == {at}


def test_a_slot_of_another_day_goes_without() -> None:
    assert [type(one) for one in given(OPENS + timedelta(days=1))] == [JobDue, SlotDue]
