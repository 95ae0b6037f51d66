"""An exit does not wait for a price: what is broken is the data, not the market."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from engine.core import gating
from engine.core.evolve import absorb
from engine.domain.ids import ExecId
from engine.domain.input import QuotesSeen
from engine.domain.order import Order, Side
from engine.domain.report import Executed
from engine.domain.risk import CheckResult
from tests.engine.ibkr.core import Core
from tests.engine.ibkr.wire import order

AT = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
DAY, ZERO = AT.date(), Decimal(0)


def holding() -> Core:
    """Ten shares owned, and the exchange open without a quote that can be believed."""
    made, bought = Core(), order("b")
    made.send(bought, 1)
    made.report(
        Executed(
            order_id=bought.order_id, exec_id=ExecId("e.1.01"), quantity=Decimal(10),
            price=Decimal(100), commission=ZERO, at=AT,
        )
    )  # fmt: skip
    absorb(made.state, QuotesSeen(AT, DAY, 1, {}, auction=False))
    return made


def hours(made: Core, asked: Order, later: timedelta = timedelta(0)) -> CheckResult:
    """What the gate says about the hours."""
    checks = gating.check(made.state, made.book, replace(asked, created_at=AT + later))
    return next(one for one in checks if one.code == "hours").result


LEAVING = replace(order("a", Side.SELL, 10), is_exit=True)


def test_an_exit_goes_while_the_exchange_is_open_and_its_quotes_are_broken() -> None:
    assert hours(holding(), LEAVING) is CheckResult.PASS


def test_an_exit_waits_while_the_exchange_is_closed() -> None:
    assert hours(holding(), LEAVING, timedelta(minutes=2)) is CheckResult.FAIL


def test_an_exit_waits_where_nothing_was_ever_seen_of_the_exchange() -> None:
    made = holding()
    made.state.quotes_at = None
    assert hours(made, LEAVING) is CheckResult.FAIL


def test_an_entry_needs_a_quote_all_the_same() -> None:
    assert hours(holding(), order("c")) is CheckResult.FAIL
