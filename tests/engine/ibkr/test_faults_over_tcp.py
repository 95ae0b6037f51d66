"""What orders and the link become of faults together; one by one: tests/scenarios/broker."""

import asyncio
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from engine.brokers.practice.gateway import PracticeGateway
from engine.domain.order import DONE, OrderStatus, OrderType, Side
from engine.domain.reconciliation import BrokerAccount
from tests.engine.ibkr.test_over_tcp import account, core_of, send
from tests.engine.ibkr.wire import QQQ, D, desk

_S = OrderStatus
LIMIT: dict[str, Any] = {"type_": OrderType.LIMIT, "limit_price": D(100)}


async def test_a_cancel_goes_out_where_no_order_may() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        row = send(one, core_of(one), "a", 1, **LIMIT)
        await one.until(lambda: row.status is _S.ACCEPTED)
        limiter = one.broker.connection.limiter
        now = limiter._monotonic()
        limiter._monotonic = lambda: now  # its second does not pass
        while limiter.take():
            pass
        one.broker.cancel(row.order.order_id)
        await one.until(lambda: row.status is _S.CANCELED)


async def test_a_cancel_that_nobody_answers_is_asked_again() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        row = send(one, core_of(one), "a", 1, **LIMIT)
        await one.until(lambda: row.status is _S.ACCEPTED)
        silent = await gateway.fault("silent", on="request:4", count=2)
        one.broker.cancel(row.order.order_id)
        await one.until(lambda: row.status is _S.CANCELED)
        assert gateway.venue.fired(silent) == 2


async def test_a_cancel_that_is_never_answered_raises_the_alarm() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        row = send(one, core_of(one), "a", 1, **LIMIT)
        await one.until(lambda: row.status is _S.ACCEPTED)
        await gateway.fault("silent", on="request:4", count=0)
        one.broker.cancel(row.order.order_id)
        await one.until(lambda: "cancel_unconfirmed" in one.faults)
        assert row.status is not _S.CANCELED


async def test_a_cancel_asked_without_a_link_goes_out_with_the_next_one() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        row = send(one, core_of(one), "a", 1, **LIMIT)
        await one.until(lambda: row.status is _S.ACCEPTED)
        gateway.restart(down_s=0.3)
        await one.until(lambda: one.broker.machine.reason == "LINK_DOWN")
        one.broker.cancel(row.order.order_id)
        await one.until(lambda: row.status is _S.CANCELED)


async def test_a_night_with_its_restart_sends_nothing_and_ends_compared() -> None:
    evening = datetime(2026, 11, 24, 4, 39, 50, tzinfo=UTC)  # 23:39:50 in New York, a Monday
    async with PracticeGateway(seed=7, start=evening) as gateway, desk(gateway) as one:
        await one.live()
        core = core_of(one)
        await gateway.fault("nightly", count=0)
        gateway.advance(15)
        await one.until(lambda: one.broker.machine.reason == "BLACKOUT")
        row = send(one, core, "a", 1)
        assert (row.status, row.sent, row.reason) == (_S.APPROVED, False, "BLACKOUT")
        gateway.advance(300)  # 23:45: the gateway goes
        await one.until(lambda: one.broker.machine.reason == "LINK_DOWN")
        gateway.advance(120)
        await one.until(lambda: one.broker.machine.epoch == 2 and one.broker.is_live)
        assert one.broker.machine.reason == "BLACKOUT"
        gateway.advance(1500)  # 00:12
        await one.until(lambda: one.broker.machine.link.is_live)
        gateway.advance(300)  # 00:17: the broker's own reset
        await one.until(lambda: one.broker.machine.reason == "UPSTREAM_DOWN")
        gateway.advance(5700)  # 01:52
        await one.until(lambda: one.broker.machine.link.is_live)
        assert "link" not in one.faults


# -- everything at once ----------------------------------------------------------------------------

MISCHIEF: tuple[tuple[str, dict[str, object]], ...] = (
    ("drop_socket", {"client": 17, "on": "ack"}),
    ("drop_socket", {"client": 17, "on": "place"}),
    ("drop_socket", {"client": 17, "on": "fill"}),
    ("duplicate", {"times": 2, "count": 5}),
    ("reorder", {"window": 3, "count": 5}),
    ("lose", {"kind": 11, "n": 1}),
    ("lose", {"kind": 3, "n": 2}),
    ("delay", {"kind": 59, "ms": 150}),
    ("fill_before_ack", {}),
    ("upstream_lost", {"s": 0.2}),
    ("exec_correction", {"price": "99.5"}),
    ("false_error", {"code": 161, "text": "not cancellable"}),
)


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_goes_wrong_the_ledger_ends_as_the_broker(seed: int) -> None:
    random = Random(seed)
    async with PracticeGateway(seed=seed) as gateway, desk(gateway) as one:
        await one.live()
        core = core_of(one)
        one.broker.ledger = lambda instrument: core.book.position(instrument).quantity
        rows = []
        for number in range(1, 7):
            await one.until(lambda: one.broker.machine.link.is_live)
            name, given = random.choice(MISCHIEF)
            await gateway.fault(name, **given)
            side = random.choice([Side.BUY, Side.BUY, Side.SELL])
            quantity = random.choice([1, 10, 25])
            rows.append(send(one, core, f"{number}", number, side=side, quantity=quantity))
            await asyncio.sleep(random.choice([0, 0.05, 0.2]))
        sent = [row for row in rows if row.sent]
        await one.until(lambda: all(row.status in DONE for row in sent))
        await one.until(lambda: one.broker.machine.link.is_live)
        await one.until(
            lambda: all(fill.commission is not None for fill in core.state.fills.values())
        )
        answer = await account(one)
        assert isinstance(answer, BrokerAccount)
        mine = core.book.position(QQQ).quantity
        assert answer.positions.get(QQQ, D(0)) == mine
        assert answer.cash == core.book.cash
        arrived = [row for row in sent if row.reason != "never_reached_broker"]
        assert sorted(
            view.request.order_ref for view in gateway.venue.completed_orders()
        ) == sorted(row.order.order_ref for row in arrived)
