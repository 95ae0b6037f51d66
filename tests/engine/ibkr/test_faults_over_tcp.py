"""Faults of the script, one by one: what becomes of orders, fills and the link."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from engine.brokers.practice.gateway import PracticeGateway
from engine.domain import report as rp
from engine.domain.order import DONE, OrderStatus, OrderType, Side
from engine.domain.reconciliation import AnswerFailed, BrokerAccount
from tests.engine.ibkr.test_over_tcp import account, core_of, send
from tests.engine.ibkr.wire import FAST, QQQ, D, desk

_S = OrderStatus
LIMIT: dict[str, Any] = {"type_": OrderType.LIMIT, "limit_price": D(100)}


@pytest.mark.parametrize(
    "fault",
    [
        {"name": "duplicate", "times": 3, "count": 0},
        {"name": "reorder", "window": 4, "count": 0},
        {"name": "delay", "kind": 11, "ms": 200, "count": 0},
        {"name": "delay", "kind": 59, "ms": 300, "count": 0},
        {"name": "lose", "kind": 3, "n": 2},
        {"name": "lose", "kind": 5, "n": 2},
        {"name": "lose", "kind": 59, "n": 1},
        {"name": "ack_late", "s": 0.5},
        {"name": "commission_late", "s": 0.5},
        {"name": "fragment", "bytes": 1},
        {"name": "coalesce", "frames": 5},
        {"name": "slow", "ms": 200, "count": 0},
        {"name": "overfill", "shares": 0},
    ],
    ids=lambda fault: f"{fault['name']}-{fault.get('kind', '')}",
)
async def test_what_is_late_twice_mixed_or_lost_books_every_fill_once(
    fault: dict[str, object],
) -> None:
    given = {key: value for key, value in fault.items() if key != "name"}
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = core_of(one)
        await gateway.fault(str(fault["name"]), **given)
        row = send(one, core, "a", 1, quantity=10)
        await one.until(lambda: row.status is _S.FILLED)
        await one.until(
            lambda: (
                core.state.fills
                and all(fill.commission is not None for fill in core.state.fills.values())
            )
        )
        answer = await account(one)
        assert isinstance(answer, BrokerAccount)
        assert answer.positions == {QQQ: core.book.position(QQQ).quantity} == {QQQ: D(10)}
        assert answer.cash == core.book.cash


async def test_an_order_held_for_locate_is_alive() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        await gateway.fault("held", s=60)
        row = send(one, core_of(one), "a", 1, **LIMIT)
        await one.until(lambda: row.status is _S.ACCEPTED)
        await asyncio.sleep(0.3)
        assert row.status is _S.ACCEPTED


async def test_inactive_without_a_reason_ends_only_by_what_the_broker_shows() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        await gateway.fault("inactive")
        row = send(one, core_of(one), "a", 1, **LIMIT)
        await one.until(lambda: row.status in (_S.ACCEPTED, *DONE))
        await asyncio.sleep(0.2)
        assert row.status in (_S.ACCEPTED, _S.REJECTED)


async def test_a_rejection_says_its_code() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        await gateway.fault("reject", code=201, text="no such luck")
        row = send(one, core_of(one), "a", 1)
        await one.until(lambda: row.status is _S.REJECTED)
        assert "no such luck" in row.reason


@pytest.mark.parametrize("code", [10148, 161])
async def test_a_refused_cancel_leaves_the_order_alive(code: int) -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = core_of(one)
        row = send(one, core, "a", 1, **LIMIT)
        await one.until(lambda: row.status is _S.ACCEPTED)
        await gateway.fault("refuse_cancel", code=code, count=1)
        one.broker.cancel(row.order.order_id)
        await one.until(lambda: one.reports(rp.CancelRefused))
        assert row.status is _S.ACCEPTED
        one.broker.cancel(row.order.order_id)
        await one.until(lambda: row.status is _S.CANCELED)


async def test_a_cancel_goes_out_where_no_order_may() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        row = send(one, core_of(one), "a", 1, **LIMIT)
        await one.until(lambda: row.status is _S.ACCEPTED)
        while one.broker.connection.limiter.take():
            pass
        one.broker.cancel(row.order.order_id)
        await one.until(lambda: row.status is _S.CANCELED, 0.5)


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


async def test_a_commission_that_never_comes_is_told_to_a_person() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        await gateway.fault("commission_late", s="never", count=0)
        row = send(one, core_of(one), "a", 1, quantity=10)
        await one.until(lambda: row.status is _S.FILLED)
        await one.until(lambda: "commission_missing" in one.faults)
        assert not one.reports(rp.CommissionReported)


async def test_more_than_was_ordered_is_booked() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = core_of(one)
        await gateway.fault("overfill", shares=5)
        row = send(one, core, "a", 1, quantity=10)
        await one.until(lambda: row.filled == 15)
        assert core.book.position(QQQ).quantity == 15


async def test_a_busted_execution_takes_its_shares_back() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = core_of(one)
        await gateway.fault("bust")
        send(one, core, "a", 1, quantity=10)
        await one.until(lambda: any(fill.quantity == 0 for fill in core.state.fills.values()))
        answer = await account(one)
        assert isinstance(answer, BrokerAccount)
        assert answer.positions.get(QQQ, D(0)) == core.book.position(QQQ).quantity


async def test_a_half_open_socket_is_noticed_by_its_silence() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        quick = one.broker.terms.timings
        assert quick.silence > quick.heartbeat_after
        await gateway.fault("half_open", s=2, client=17)
        await one.until(lambda: one.broker.machine.reason == "LINK_DOWN", 8)
        await one.until(lambda: one.broker.machine.link.is_live, 8)
        assert any("nothing heard for" in text for text in one.texts)


async def test_a_position_changed_by_hand_is_seen() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        await gateway.fault("manual_trade", symbol="QQQ", quantity=3)
        answer = await account(one)
        assert isinstance(answer, BrokerAccount)
        assert answer.positions == {QQQ: D(3)}


async def test_ids_that_the_gateway_issues_again_mix_up_no_orders() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = core_of(one)
        first = send(one, core, "a", 1, **LIMIT)
        second = send(one, core, "b", 2, **LIMIT)
        await one.until(lambda: second.status is first.status is _S.ACCEPTED)
        gateway.restart(down_s=0.2, id_rollback=2)
        await one.until(lambda: one.broker.machine.epoch == 2 and one.broker.is_live)
        assert first.status is second.status is _S.ACCEPTED
        one.broker.cancel(first.order.order_id)
        await one.until(lambda: first.status is _S.CANCELED)
        assert second.status is _S.ACCEPTED


async def test_a_frame_that_cannot_be_read_compares_everything_anew() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = core_of(one)
        await gateway.fault("bad_frame", kind=11, mode="drop", count=1)
        row = send(one, core, "a", 1, quantity=10)
        await one.until(lambda: row.status is _S.FILLED)
        assert core.book.position(QQQ).quantity == 10


async def test_questions_that_fail_for_ever_never_make_a_position_flat() -> None:
    quick = replace(FAST, request=0.3)
    async with PracticeGateway(seed=7) as gateway, desk(gateway, timings=quick) as one:
        await one.live()
        for kind in (61, 16, 6):
            await gateway.fault("silent", on=f"request:{kind}", count=0)
        for _ in range(3):
            assert isinstance(await account(one), AnswerFailed)


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
            await one.until(lambda: one.broker.machine.link.is_live, 8)
            name, given = random.choice(MISCHIEF)
            await gateway.fault(name, **given)
            side = random.choice([Side.BUY, Side.BUY, Side.SELL])
            quantity = random.choice([1, 10, 25])
            rows.append(send(one, core, f"{number}", number, side=side, quantity=quantity))
            await asyncio.sleep(random.choice([0, 0.05, 0.2]))
        sent = [row for row in rows if row.sent]
        await one.until(lambda: all(row.status in DONE for row in sent), 10)
        await one.until(lambda: one.broker.machine.link.is_live, 8)
        await one.until(
            lambda: all(fill.commission is not None for fill in core.state.fills.values()), 8
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
