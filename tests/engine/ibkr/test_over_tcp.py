"""The adapter against the practice gateway: real library, real socket, faults of the script."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from engine.brokers.practice.gateway import PracticeGateway
from engine.brokers.practice.model import Kind
from engine.domain import report as rp
from engine.domain.order import OrderStatus, OrderType, Side, WorkingOrder
from engine.domain.reconciliation import AnswerFailed, BrokerAccount
from tests.engine.ibkr.core import Core
from tests.engine.ibkr.wire import FAST, QQQ, D, Desk, desk, order
from tests.patience import PATIENCE_S

_S = OrderStatus


def core_of(one: Desk, **terms: object) -> Core:
    """The real core, fed with everything that the broker says from now on."""
    core = Core(**terms)
    one.also = core.take
    return core


def send(one: Desk, core: Core, name: str, number: int, **fields: object) -> WorkingOrder:
    """Write an order, then send it, as the loop does."""
    mine = order(name, **fields)  # type: ignore[arg-type]
    core.send(mine, number)
    try:
        one.broker.submit(mine, number)
    except Exception as error:  # noqa: BLE001  as the router does
        core.report(rp.SendFailed(order_id=mine.order_id, text=str(error)))
    return core.row(mine)


async def account(one: Desk) -> BrokerAccount | AnswerFailed:
    """Ask for the account and wait for the answer."""
    before = len(one.reports(rp.AccountRead))
    one.broker.read_account("test")
    await one.until(lambda: len(one.reports(rp.AccountRead)) > before)
    return one.reports(rp.AccountRead)[-1].answer


# -- without faults -------------------------------------------------------------------------


async def test_a_session_begins_live_after_everything_was_answered() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        assert one.links == ["TCP LINK_DOWN", "SYNCING SYNCING", "LIVE"]
        assert one.broker.connection.ib.client.serverVersion() == 176


@pytest.mark.parametrize("version", [157, 163, 164, 170, 176])
async def test_a_market_order_fills_in_parts_with_commissions(version: int) -> None:
    async with PracticeGateway(seed=7, server_version=version) as gateway, desk(gateway) as one:
        await one.live()
        core = core_of(one)
        row = send(one, core, "a", 1, quantity=10)
        await one.until(lambda: len(one.reports(rp.CommissionReported)) == 2)
        assert row.status is _S.FILLED
        fills = one.reports(rp.Executed)
        assert sum(fill.quantity for fill in fills) == 10
        assert {fill.exec_id for fill in fills} == {
            paid.exec_id for paid in one.reports(rp.CommissionReported)
        }
        answer = await account(one)
        assert isinstance(answer, BrokerAccount)
        assert answer.positions == {QQQ: D(10)}
        assert answer.cash == core.book.cash
        assert one.lost == 0


async def test_a_limit_order_works_is_shown_and_is_canceled() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = core_of(one)
        row = send(one, core, "b", 1, type_=OrderType.LIMIT, limit_price=D(100))
        await one.until(lambda: row.status is _S.ACCEPTED)
        answer = await account(one)
        assert isinstance(answer, BrokerAccount)
        assert [(o.order_ref, o.remaining) for o in answer.orders] == [("PH-b", D(10))]
        one.broker.cancel(row.order.order_id)
        await one.until(lambda: row.status is _S.CANCELED)
        assert row.filled == 0


async def test_an_order_beyond_the_funds_is_rejected() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = core_of(one)
        row = send(one, core, "c", 1, quantity=100_000)
        await one.until(lambda: row.status is _S.REJECTED)
        assert one.reports(rp.Rejected)[0].code == 201


async def test_what_is_not_qualified_is_not_sent() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.until(lambda: one.broker.machine.link.is_live)
        core = core_of(one)
        row = send(one, core, "d", 1)
        assert row.status is _S.CANCELED
        assert "CONTRACT" in row.reason
        assert not gateway.venue.open_orders()


# -- the link --------------------------------------------------------------------------------


async def test_an_order_that_never_arrived_is_proven_absent_and_only_then_ended() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = core_of(one)
        one.broker.ledger = lambda instrument: D(0)
        await gateway.fault("lose_order", before=True)
        row = send(one, core, "g", 1)
        await one.until(lambda: row.status is _S.UNKNOWN)
        await one.until(lambda: row.status is _S.CANCELED)
        assert row.reason == "never_reached_broker"


async def test_without_a_ledger_to_compare_a_lost_order_stays_unknown() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = core_of(one)
        await gateway.fault("lose_order", before=True)
        row = send(one, core, "h", 1)
        await one.until(lambda: "order_undecided" in one.faults)
        assert row.status is _S.UNKNOWN


async def test_a_client_id_in_use_is_named_and_tried_again_until_it_is_free() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as first:
        await first.live()
        async with desk(gateway) as second:
            why = await asyncio.wait_for(second.broker.keeper.settled(), PATIENCE_S)
            assert why.startswith("client id 17 is in use")
            assert second.broker.machine.link.reason == "LINK_DOWN"
            await first.broker.end()
            await second.live()


async def test_a_read_only_gateway_is_recognised_and_gets_no_order() -> None:
    async with PracticeGateway(seed=7) as gateway:
        await gateway.fault("read_only", count=0)
        async with desk(gateway) as one:
            await one.until(lambda: one.broker.machine.reason == "READ_ONLY")
            row = send(one, core_of(one), "i", 1)
            assert row.status is _S.CANCELED
            assert "READ_ONLY" in row.reason


@pytest.mark.parametrize(
    ("changed", "reason", "named"),
    [
        ({"account": "DU7777777"}, "ACCOUNT_MISMATCH", ("DU7777777", "DU0000001")),
        ({"account": "U0000001"}, "MODE_GATE", ("paper", "U0000001")),
        ({"live": True}, "MODE_GATE", ("live", "DU0000001")),
    ],
)
async def test_a_wrong_account_or_mode_stops_at_the_gate(
    changed: dict[str, object], reason: str, named: tuple[str, ...]
) -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway, **changed) as one:
        why = await asyncio.wait_for(one.broker.keeper.settled(), PATIENCE_S)
        assert why == reason
        for word in named:
            assert word in one.broker.machine.link.text
        await one.until(lambda: gateway.clients == [])


@pytest.mark.parametrize("data_lost", [False, True])
async def test_a_lost_upstream_forbids_orders_and_its_return_compares_anew(data_lost: bool) -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        await gateway.fault("upstream_lost", s=0.5, data_lost=data_lost)
        await one.until(lambda: one.broker.machine.reason == "UPSTREAM_DOWN")
        row = send(one, core_of(one), "j", 1)
        assert (row.status, row.sent, row.reason) == (_S.APPROVED, False, "UPSTREAM_DOWN")
        gateway.advance(1)
        await one.until(lambda: one.broker.machine.link.is_live)
        assert one.links[-2:] == ["SYNCING SYNCING", "LIVE"]
        assert one.broker.machine.epoch == 1


async def test_an_account_that_is_asked_for_while_the_link_compares_is_read_after_it() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        one.broker.keeper.do(one.broker.machine.frame_lost())
        assert one.broker.machine.reason == "SYNCING"
        assert isinstance(await account(one), BrokerAccount)


async def test_fills_that_come_without_a_pause_hold_back_no_account_read() -> None:
    timings = replace(FAST, settle_cap=0.2)
    async with PracticeGateway(seed=7) as gateway, desk(gateway, timings=timings) as one:
        await one.live()
        one.broker.read_account("request")

        def is_read() -> bool:
            one.broker._filled_at = one.clock.monotonic()  # the market never rests
            return bool(one.reports(rp.AccountRead))

        await one.until(is_read, within_s=20)


async def test_half_an_hour_before_midnight_the_facts_of_the_day_are_asked_for() -> None:
    evening = datetime(2026, 11, 20, 4, 29, 50, tzinfo=UTC)  # 23:29:50 in New York
    async with PracticeGateway(seed=7, start=evening) as gateway, desk(gateway) as one:
        await one.live()
        read = len(one.reports(rp.AccountRead))
        gateway.advance(20)
        await one.until(lambda: len(one.reports(rp.AccountRead)) > read)
        assert one.links[-1] == "LIVE"  # the link stays as it is


async def test_comparing_anew_leaves_no_second_subscription_behind() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        for turn in range(1, 4):
            one.broker.keeper.do(one.broker.machine.frame_lost())
            await one.until(lambda: one.links.count("LIVE") == turn + 1)  # noqa: B023
        kinds = [stream.wanted.kind for stream in gateway.venue._streams._streams.values()]
        assert kinds.count(Kind.PNL) == 1


async def test_a_restarted_gateway_is_found_again() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        gateway.restart(down_s=0.3, id_rollback=5)
        await one.until(lambda: one.broker.machine.epoch == 2 and one.broker.is_live)
        assert one.broker.machine.link.is_live


# -- answers that cannot be believed ------------------------------------------------------------


async def test_positions_that_do_not_come_are_unknown_not_empty() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        assert isinstance(await account(one), BrokerAccount)
        known_at = one.broker.answered_at
        await gateway.fault("silent", on="request:61", count=0)
        answer = await account(one)
        assert isinstance(answer, AnswerFailed)
        assert "no answer" in answer.reason
        assert known_at is not None
        assert one.broker.answered_at == known_at, "what failed was not compared"


async def test_an_account_read_right_after_a_fill_waits_for_its_commission() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = core_of(one)
        row = send(one, core, "z", 1)
        await one.until(lambda: row.status is _S.FILLED)
        answer = await account(one)
        assert isinstance(answer, BrokerAccount)
        assert all(fill.commission is not None for fill in core.state.fills.values())
        assert answer.cash == core.book.cash


async def test_an_empty_answer_against_the_portfolio_is_unknown_not_flat() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = core_of(one)
        row = send(one, core, "k", 1)
        await one.until(lambda: row.status is _S.FILLED)
        await gateway.fault("empty", on="request:61", count=1)
        answer = await account(one)
        assert isinstance(answer, AnswerFailed)
        answer = await account(one)
        assert isinstance(answer, BrokerAccount)
        assert answer.positions == {QQQ: D(10)}


# -- orders ------------------------------------------------------------------------------------


async def test_after_a_restart_of_ours_the_reference_finds_the_order() -> None:
    async with PracticeGateway(seed=7) as gateway:
        async with desk(gateway) as one:
            await one.live()
            core = core_of(one)
            row = send(one, core, "r", 1, type_=OrderType.LIMIT, limit_price=D(100))
            await one.until(lambda: row.status is _S.ACCEPTED)
        async with desk(gateway) as two:
            two.also = core.take
            two.broker.restore([row])
            await two.live()
            two.broker.cancel(row.order.order_id)
            await two.until(lambda: row.status is _S.CANCELED)
            assert "unknown_own_order" not in two.faults


async def test_an_order_of_ours_without_a_row_halts() -> None:
    async with PracticeGateway(seed=7) as gateway:
        async with desk(gateway) as one:
            await one.live()
            send(one, core_of(one), "s", 1, type_=OrderType.LIMIT, limit_price=D(100))
            await one.until(lambda: one.reports(rp.Accepted))
        async with desk(gateway) as two:
            await two.live()
            assert "unknown_own_order" in two.faults


async def test_a_sell_closes_what_a_buy_opened() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = core_of(one)
        row = send(one, core, "t", 1)
        await one.until(lambda: row.status is _S.FILLED)
        back = send(one, core, "u", 2, side=Side.SELL)
        await one.until(lambda: back.status is _S.FILLED)
        await one.until(lambda: len(one.reports(rp.CommissionReported)) == 4)
        answer = await account(one)
        assert isinstance(answer, BrokerAccount)
        assert answer.positions == {}
        assert answer.cash == core.book.cash
