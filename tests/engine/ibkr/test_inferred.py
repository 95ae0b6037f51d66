"""Fills of an earlier day: the broker does not show their executions any more."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.brokers.ibkr.infer import price_by_average, price_by_cost
from engine.brokers.ibkr.trace import AskCost, AskExecutions
from engine.brokers.practice.gateway import PracticeGateway
from engine.domain import report as rp
from engine.domain.order import OrderStatus, TimeInForce
from engine.domain.reconciliation import BrokerAccount
from tests.engine.ibkr.test_faults_over_tcp import LIMIT
from tests.engine.ibkr.test_over_tcp import account, core_of, send
from tests.engine.ibkr.test_translate import AT, MINE, executed, heard, status, telling
from tests.engine.ibkr.wire import QQQ, D, desk

TOMORROW = AT + timedelta(days=1)
DUE = TOMORROW + timedelta(seconds=6)
_S = OrderStatus


def test_the_price_of_what_is_missing_follows_from_the_average_or_the_cost() -> None:
    known = {"a": ("a.01", D(60), D(10))}
    assert price_by_average(D(100), D("10.4"), known) == D(11)
    assert price_by_average(D(100), None, known) is None
    assert price_by_average(D(100), D("5"), known) is None  # cannot be: it would be negative
    assert price_by_cost(D(40), D("1040"), D(600)) == D(11)
    assert price_by_cost(D(40), D("1040"), None) is None


def test_executions_of_today_are_asked_for_and_never_made_up() -> None:
    translator = telling(MINE)
    translator.take(heard(status(MINE, 1, "Submitted", 40)))
    translator.executions_answered(AT + timedelta(seconds=5))
    told = translator.due(AT + timedelta(seconds=6))
    assert [type(one) for one in told] == [AskExecutions]


def test_before_the_executions_were_answered_nothing_is_concluded() -> None:
    translator = telling(MINE)
    translator.take(heard(status(MINE, 1, "Submitted", 40), TOMORROW))
    assert [type(one) for one in translator.due(DUE)] == [AskExecutions]


def test_without_an_average_the_positions_cost_is_asked_for() -> None:
    translator = telling(MINE)
    translator.take(heard(status(MINE, 1, "Submitted", 40), TOMORROW))
    translator.executions_answered(TOMORROW + timedelta(seconds=1))
    assert [type(one) for one in translator.due(DUE)] == [AskCost]
    trace = translator.traces[MINE.order_id]
    fill, _ = translator.infer(trace, D("9.5"), DUE)
    assert isinstance(fill, rp.Executed)
    assert (fill.exec_id, fill.quantity, fill.price) == (
        f"inferred.{MINE.order_ref}.40.01",
        D(40),
        D("9.5"),
    )
    assert translator.infer(trace, D("9.5"), DUE) == ()  # once
    assert translator.without_commission() == []


def test_a_real_execution_takes_the_place_of_the_inferred_one() -> None:
    translator = telling(MINE)
    translator.take(heard(status(MINE, 1, "Submitted", 40), TOMORROW))
    translator.infer(translator.traces[MINE.order_id], D("9.5"), DUE)
    told = translator.take(heard(executed(MINE, 1, 0, 30, "9.40"), DUE))
    real, less = [one for one in told if isinstance(one, rp.Executed)]
    assert real.quantity == 30
    assert (less.exec_id, less.quantity) == (f"inferred.{MINE.order_ref}.40.02", D(10))


async def test_what_filled_before_midnight_while_nobody_listened_is_booked_as_inferred() -> None:
    afternoon = datetime(2026, 11, 19, 20, 55, tzinfo=UTC)
    async with PracticeGateway(seed=7, start=afternoon) as gateway:
        async with desk(gateway) as one:
            await one.live()
            core = core_of(one)
            given = {"time_in_force": TimeInForce.GTC, "created_at": afternoon, **LIMIT}
            row = send(one, core, "a", 1, quantity=100, **given)
            await one.until(lambda: row.status is _S.ACCEPTED)
        gateway.set_market("QQQ", {"bid": 98, "ask": 99, "last": 99, "ask_size": 40})
        gateway.advance(0.15)
        gateway.set_market("QQQ", {"bid": 120, "ask": 121, "last": 121, "ask_size": 40})
        filled = gateway.venue.open_orders()[0].filled
        assert 0 < filled < 100
        gateway.advance(9.5 * 3600)  # 00:25 in New York: executions are gone
        async with desk(gateway) as two:
            two.also = core.take
            two.broker.restore([row])
            await two.live()
            gateway.advance(6)
            await two.until(lambda: "fill_inferred" in two.faults)
            (fill,) = core.state.fills.values()
            assert fill.is_inferred
            assert (fill.quantity, fill.price) == (filled, D(99))
            assert row.status is _S.PARTIALLY_FILLED
            answer = await account(two)
            assert isinstance(answer, BrokerAccount)
            assert answer.positions == {QQQ: core.book.position(QQQ).quantity}


@pytest.mark.parametrize("filled", ["40", "40.5"])
def test_the_id_says_what_was_filled(filled: str) -> None:
    from engine.brokers.ibkr.infer import inferred_id
    from engine.domain.fill import root_of

    one = inferred_id("PH-2c400c04acd7-0", D(filled))
    assert root_of(one) == one.removesuffix(".01")
