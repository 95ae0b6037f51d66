"""The feed of a session at a broker: when a slot is given, and what it waits for."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from engine.domain.ids import InstrumentId
from engine.domain.input import Input, QuotesSeen, SlotDue, Tick
from engine.domain.market import Feed, Quote
from engine.domain.session import Slot
from engine.ports import MarketHistory
from engine.runtime.live import LiveSource
from engine.schedule.slots import slot_at
from tests.engine.bars import xnys

QQQ = InstrumentId("STK:QQQ:USD")
DUE = datetime(2026, 11, 20, 14, 45, tzinfo=UTC)


class World:
    """A clock that is set by the test, and quotes that come when it says so."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.has_quotes = False

    def wall(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def quotes(self, at: datetime) -> tuple[dict[InstrumentId, Quote], dict[InstrumentId, str]]:
        if not self.has_quotes:
            return {}, {QQQ: "no two-sided quote"}
        price = Decimal(100)
        quote = Quote(instrument=QQQ, bid=price, ask=price, at=at, feed=Feed.LIVE)
        return {QQQ: quote}, {}

    def bars(self, *given: object, **named: object) -> object:
        raise AssertionError("no session closes here")


def feed(world: World, seen: datetime, slot: Slot = Slot.AFTER_OPEN_15) -> Iterator[Input]:
    history = MarketHistory(instruments={}, series={}, findings=(), source="", data_hash="")
    source = LiveSource(world, history, xnys(), world, slots=[slot], slot_at=slot_at)  # type: ignore[arg-type]
    source.seen = seen
    return iter(source)


def until_slot(
    world: World, given: Iterator[Input], limit: int = 400, before: list[Input] | None = None
) -> SlotDue:
    """Let a second pass at each Tick until the slot comes."""
    for _ in range(limit):
        one = next(given)
        if isinstance(one, SlotDue):
            return one
        if before is not None:
            before.append(one)
        if isinstance(one, Tick):
            world.at += timedelta(seconds=1)
    raise AssertionError("no slot")


def test_a_late_slot_after_a_start_waits_for_the_first_quotes() -> None:
    world = World(DUE + timedelta(seconds=7))
    given = feed(world, DUE - timedelta(hours=1))
    for _ in range(4):
        assert isinstance(next(given), QuotesSeen | Tick)
        world.at += timedelta(seconds=1)
    world.has_quotes = True
    before: list[Input] = []
    slot = until_slot(world, given, before=before)
    assert isinstance(before[-1], QuotesSeen)
    assert set(before[-1].quotes) == {QQQ}
    assert slot.due_at == DUE
    assert slot.at < DUE + timedelta(seconds=15)


@pytest.mark.parametrize(
    ("slot", "due", "late"),
    [
        (Slot.AFTER_OPEN_15, DUE, 111),
        (Slot.BEFORE_CLOSE_15, datetime(2026, 11, 20, 20, 45, tzinfo=UTC), 111),
    ],
)
def test_a_slot_waits_no_longer_than_it_may_be_late(slot: Slot, due: datetime, late: int) -> None:
    world = World(due + timedelta(seconds=1))
    found = until_slot(world, feed(world, due - timedelta(hours=1), slot))
    assert found.due_at == due
    assert (found.at - due).total_seconds() < late


def test_with_quotes_a_slot_waits_for_nothing() -> None:
    world = World(DUE)
    world.has_quotes = True
    assert until_slot(world, feed(world, DUE - timedelta(minutes=1)), 3).at == DUE


def test_a_slot_of_yesterday_is_given_at_once_to_be_missed() -> None:
    world = World(DUE + timedelta(days=3))
    slot = until_slot(world, feed(world, DUE - timedelta(minutes=1)), 1)
    assert slot.session_date == date(2026, 11, 20)
