"""What no strategy owns counts in exposure: the whole account is held to the limits as well."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from engine.core import gating
from engine.core.compared import unowned
from engine.domain import event as ev
from engine.domain.ids import InstrumentId
from engine.domain.instrument import Stock, stock_id
from engine.domain.market import Feed, Quote
from engine.domain.order import Side
from engine.domain.reconciliation import BrokerAccount, BrokerOrder
from engine.domain.report import AccountRead
from engine.domain.risk import Check, CheckResult
from engine.risk.limits import Limits
from tests.engine.ibkr.core import Core
from tests.engine.ibkr.wire import QQQ, D, order

AT = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
KO, TQQQ = stock_id("KO"), stock_id("TQQQ")
PASS, FAIL, UNKNOWN = CheckResult.PASS, CheckResult.FAIL, CheckResult.UNKNOWN


def core(held: dict[InstrumentId, int], cash: int, *orders: BrokerOrder) -> Core:
    """A book of 100,000 USD in an account that holds more: shares, cash, orders of others."""
    made = Core()
    quote = Quote(instrument=QQQ, bid=D(100), ask=D(100), at=AT, feed=Feed.LIVE)
    made.state.quotes = {QQQ: quote}
    made.book.limits = Limits()
    positions = {key: Decimal(quantity) for key, quantity in held.items()}
    answer = BrokerAccount(positions=positions, cash=D(100_000 + cash), orders=orders)
    made.report(AccountRead(answer=answer, trigger="start"))
    return made


def checked(made: Core, code: str = "gross_exposure") -> Check:
    """The gate's check of a purchase of ten shares."""
    entry = replace(order("a", Side.BUY, 10), reference_price=D(100))
    found = gating.check(made.state, made.book, entry)
    return next(one for one in found if one.code == code)


def foreign(side: Side, quantity: int) -> BrokerOrder:
    """An order by hand."""
    return BrokerOrder(
        order_ref="by hand", instrument=QQQ, remaining=D(quantity), side=side, perm_id=7
    )


@pytest.mark.parametrize(
    ("held", "cash", "result", "value"),
    [
        ({}, 0, PASS, "0.01"),
        ({QQQ: 3_000}, 0, PASS, "0.01"),  # paid for: 301,000 of 400,000 USD
        ({QQQ: 3_000}, -250_000, FAIL, "2.0067 with what we do not own"),  # on credit
        ({QQQ: -3_000}, 300_000, FAIL, "2.9900 with what we do not own"),  # sold short
        ({KO: 3_000}, 0, PASS, "0.01"),  # nobody watches it: no price, in neither number
        ({KO: -3_000}, 300_000, UNKNOWN, "value or equity unknown with what we do not own"),
    ],
)
def test_shares_that_no_strategy_owns_count_in_the_accounts_exposure(
    held: dict[InstrumentId, int], cash: int, result: CheckResult, value: str
) -> None:
    found = checked(core(held, cash))
    assert (found.result, found.value) == (result, value)


@pytest.mark.parametrize(
    ("held", "one", "result"),
    [
        (0, foreign(Side.BUY, 500), PASS),
        (0, foreign(Side.BUY, 1_500), FAIL),
        (1_500, foreign(Side.SELL, 1_500), PASS),
        (0, foreign(Side.SELL, 1_500), FAIL),
    ],
)
def test_orders_of_others_count_as_filled(held: int, one: BrokerOrder, result: CheckResult) -> None:
    assert checked(core({QQQ: held}, 0, one)).result is result


def test_leverage_of_the_whole_account_counts() -> None:
    made = core({QQQ: 3_000}, -200_000)
    assert checked(made, "leveraged_exposure").result is PASS  # 301,000 of 200,000 USD
    made.state.instruments[TQQQ] = Stock(symbol="TQQQ", multiple=D(3))
    made.state.quotes = {
        **made.state.quotes,
        TQQQ: replace(made.state.quotes[QQQ], instrument=TQQQ),
    }
    made.state.baseline = {TQQQ: D(3_000)}
    assert checked(made, "leveraged_exposure").result is FAIL  # three times as much


def test_what_came_since_counts_and_what_is_not_shown_any_more_still_does() -> None:
    made = core({QQQ: 500}, 0)
    for shares in (500, 4_000, 4_000):
        answer = BrokerAccount(positions={QQQ: D(shares)}, cash=D(-250_000), orders=())
        made.report(AccountRead(answer=answer, trigger="request"))
    made._evolve(ev.DifferenceAccepted(item=QQQ, actor="me", reason="by hand"))
    assert unowned(made.state) == {QQQ: D(4_000)}
    assert checked(made).result is FAIL
    answer = BrokerAccount(positions={}, cash=D(100_000), orders=())
    made.report(AccountRead(answer=answer, trigger="request"))
    assert unowned(made.state)[QQQ] >= D(500)


def test_an_exit_is_not_asked() -> None:
    made = core({QQQ: 3_000}, -250_000)
    leaving = replace(order("a", Side.SELL, 10), reference_price=D(100), is_exit=True)
    found = gating.check(made.state, made.book, leaving)
    assert next(one for one in found if one.code == "gross_exposure").result not in (FAIL, UNKNOWN)
