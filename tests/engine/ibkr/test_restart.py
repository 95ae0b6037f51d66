"""What a start makes of every unfinished order: the table of the specification, row by row.

An engine dies (nothing is heard any more), the broker goes on, another engine starts.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.brokers.ibkr.terms import Timings
from engine.brokers.practice.gateway import PracticeGateway
from engine.domain import event as ev
from engine.domain import report as rp
from engine.domain.command import SubmitOrder
from engine.domain.input import Tick
from engine.domain.order import DONE, OrderStatus, TimeInForce, WorkingOrder
from tests.engine.ibkr.core import AT, Core
from tests.engine.ibkr.test_faults_over_tcp import LIMIT
from tests.engine.ibkr.test_lost import ready
from tests.engine.ibkr.test_over_tcp import core_of, send
from tests.engine.ibkr.wire import FAST, SELDOM, D, Desk, desk, order

_S = OrderStatus


class Life:
    """A broker that lives on between two engines, and the ledger between them."""

    def __init__(self, gateway: PracticeGateway, core: Core, row: WorkingOrder) -> None:
        self.gateway, self.core, self.row = gateway, core, row
        self.ledger = True

    @asynccontextmanager
    async def again(self, timings: Timings = FAST) -> AsyncIterator[Desk]:
        """The second engine."""
        async with desk(self.gateway, timings=timings) as two:
            two.also = self.core.take
            if self.ledger:
                book = self.core.book
                two.broker.ledger = lambda instrument: book.position(instrument).quantity
            two.broker.restore([self.row], self.core.state.fills.values())
            if self.row.canceling:
                two.broker.cancel(self.row.order.order_id)  # as the core does at a start
            yield two

    async def becomes(self, status: OrderStatus) -> None:
        """Start again and see what the order is."""
        async with self.again() as two:
            await two.until(lambda: self.row.status is status)


@asynccontextmanager
async def died(*, heard: bool, start: datetime | None = None, **fields: Any) -> AsyncIterator[Life]:
    """An engine that has sent an order and died, before an answer or after it."""
    given: dict[str, Any] = {} if start is None else {"start": start}
    async with PracticeGateway(seed=7, **given) as gateway:
        async with desk(gateway) as one:
            await one.live()
            core = core_of(one)
            if heard:
                row = send(one, core, "a", 1, **fields)
                await one.until(lambda: row.status not in (_S.APPROVED, _S.SUBMITTED))
            else:
                one.also = lambda given: None
                row = send(one, core, "a", 1, **fields)
                await one.until(lambda: one.reports(rp.Accepted))
        yield Life(gateway, core, row)


# -- sent, and no answer is known ------------------------------------------------------------


async def test_sent_and_open_is_adopted() -> None:
    async with died(heard=False, **LIMIT) as life:
        assert life.row.status is _S.APPROVED
        await life.becomes(_S.ACCEPTED)
        assert len(life.gateway.venue.open_orders()) == 1


async def test_sent_and_executed_is_adopted_with_its_fills() -> None:
    async with died(heard=False) as life:
        await asyncio.sleep(0.2)
        await life.becomes(_S.FILLED)
        assert life.core.book.position(life.row.order.instrument).quantity == 10


async def test_sent_and_ended_is_adopted() -> None:
    async with died(heard=False, **LIMIT) as life:
        life.gateway.venue.global_cancel()
        await life.becomes(_S.CANCELED)


async def lost(*, ledger: bool) -> Life:
    """An order that the broker never had, and an engine that died after sending it."""
    gateway = PracticeGateway(seed=7)
    await gateway.__aenter__()
    async with desk(gateway) as one:
        await one.live()
        core = core_of(one)
        await gateway.fault("lose_order", before=True)
        one.also = lambda given: None
        row = send(one, core, "a", 1, **LIMIT)
        await asyncio.sleep(0.05)
    life = Life(gateway, core, row)
    life.ledger = ledger
    return life


async def test_sent_and_nowhere_with_every_condition_is_proven_absent() -> None:
    life = await lost(ledger=True)
    try:
        await life.becomes(_S.CANCELED)
        assert life.row.reason == "never_reached_broker"
    finally:
        await life.gateway.__aexit__(None, None, None)


async def test_sent_and_nowhere_with_a_condition_missing_is_unknown_for_a_person() -> None:
    life = await lost(ledger=False)
    try:
        async with life.again() as two:
            await two.until(lambda: "order_undecided" in two.faults)
            assert life.row.status is _S.UNKNOWN
    finally:
        await life.gateway.__aexit__(None, None, None)


# -- a cancel was asked ----------------------------------------------------------------------


async def test_a_cancel_whose_order_is_open_is_asked_again() -> None:
    async with died(heard=True, **LIMIT) as life:
        asked = ev.CancelRequested(order_id=life.row.order.order_id, reason="x", actor="me")
        life.core._evolve(asked)
        await life.becomes(_S.CANCELED)
        assert life.gateway.venue.open_orders() == []


async def test_a_cancel_whose_order_has_ended_is_adopted() -> None:
    async with died(heard=True, **LIMIT) as life:
        asked = ev.CancelRequested(order_id=life.row.order.order_id, reason="x", actor="me")
        life.core._evolve(asked)
        life.gateway.venue.global_cancel()
        await life.becomes(_S.CANCELED)


# -- ended in the journal, and open ----------------------------------------------------------


async def test_what_a_person_settled_and_the_broker_still_works_is_canceled_and_told() -> None:
    async with died(heard=True, **LIMIT) as life:
        life.row.status = _S.CANCELED  # wrongly
        async with life.again() as two:
            await two.until(lambda: life.gateway.venue.open_orders() == [])
            assert "two_incarnations" in two.faults


# -- accepted, and not open any more ---------------------------------------------------------


async def test_accepted_and_filled_meanwhile_is_adopted() -> None:
    async with died(heard=True, **LIMIT) as life:
        life.gateway.set_market("QQQ", {"bid": 98, "ask": 99, "last": 99})
        life.gateway.advance(2)
        await life.becomes(_S.FILLED)


async def test_accepted_and_gone_past_midnight_is_unknown() -> None:
    evening = datetime(2026, 11, 19, 20, 55, tzinfo=UTC)
    given: dict[str, Any] = {"created_at": evening, "time_in_force": TimeInForce.GTC, **LIMIT}
    async with died(heard=True, start=evening, **given) as life:
        life.gateway.venue.global_cancel()
        life.gateway.advance(9.5 * 3600)  # 00:25: what ended yesterday is not shown
        async with life.again(SELDOM) as two:  # by what the start asks, not by a later poll
            await two.until(lambda: life.row.status is _S.UNKNOWN)
            assert life.row.status not in DONE


# -- approved, and its sending never began ---------------------------------------------------


@pytest.mark.parametrize(("after_s", "goes"), [(60, True), (119, True), (121, False)])
def test_approved_and_not_sent_asks_the_gate_again_for_two_minutes(
    after_s: int, goes: bool
) -> None:
    at = AT + timedelta(seconds=after_s)
    core, mine = ready(Core(), at), order("a", reference_price=D(100))
    core._evolve(ev.OrderApproved(order=mine))
    core.take(Tick(at))
    sent = [one.order for one in core.commands if isinstance(one, SubmitOrder)]
    if goes:
        assert [one.order_ref for one in sent] == ["PH-a"]  # the same reference
    else:
        assert sent == []
        assert core.row(mine).status is _S.EXPIRED
