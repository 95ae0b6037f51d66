"""An order that never reached the broker: proven absent, ended, and perhaps made anew once."""

from datetime import datetime, timedelta

import pytest

from engine.brokers.practice.gateway import PracticeGateway
from engine.core.evolve import absorb
from engine.domain import event as ev
from engine.domain import report as rp
from engine.domain.command import SubmitOrder
from engine.domain.input import QuotesSeen, Reported
from engine.domain.link import Link, LinkState
from engine.domain.market import Feed, Quote
from engine.domain.order import Order, OrderStatus, OrderType
from engine.domain.session import TradingState, Verdict
from tests.engine.ibkr.core import AT, Core
from tests.engine.ibkr.test_over_tcp import core_of, send
from tests.engine.ibkr.wire import QQQ, D, desk, order

_S = OrderStatus
LIMIT = {"type_": OrderType.LIMIT, "limit_price": D(100), "reference_price": D(100)}


def ready(core: Core, at: datetime = AT + timedelta(seconds=70)) -> Core:
    """A core whose gate lets entries pass: link, quote, comparison, session date."""
    state = core.state
    core._evolve(
        ev.LinkChanged(before=state.link, after=Link(state=LinkState.LIVE, epoch=1, account="D"))
    )
    state.session_date = order("x").session_date
    quote = Quote(instrument=QQQ, bid=D("99.99"), ask=D(100), at=at, feed=Feed.LIVE)
    absorb(state, QuotesSeen(at, state.session_date, 1, {QQQ: quote}))  # type: ignore[arg-type]
    state.verdict = Verdict.CLEAN
    return core


def lost(core: Core, mine: Order, after: timedelta = timedelta(seconds=70)) -> list[Order]:
    """Send an order, learn that it never arrived, and return what is sent then."""
    core.send(mine, 1)
    core.take(Reported(AT + after, rp.NotFound(order_id=mine.order_id)))
    assert core.row(mine).status is _S.CANCELED
    assert core.row(mine).reason == "never_reached_broker"
    return [one.order for one in core.commands if isinstance(one, SubmitOrder)]


def alerts(core: Core) -> set[str]:
    """Kinds of alerts."""
    return {row.kind for row in core.state.alerts.values()}


def test_a_limit_order_goes_once_more_where_settings_say_so() -> None:
    core = ready(Core(reissue_lost=True))
    (again,) = lost(core, order("a", **LIMIT))  # type: ignore[arg-type]
    assert again.order_ref == "PH-a-r1"
    assert (again.quantity, again.limit_price) == (D(10), D(100))
    row = core.row(again)
    assert (row.status, row.sent, row.attempts) == (_S.APPROVED, True, 1)
    assert "order_lost" not in alerts(core)


def test_a_second_loss_is_the_last() -> None:
    core = ready(Core(reissue_lost=True))
    (again,) = lost(core, order("a", **LIMIT))  # type: ignore[arg-type]
    core.commands.clear()
    core.take(Reported(AT + timedelta(seconds=140), rp.NotFound(order_id=again.order_id)))
    assert core.row(again).status is _S.CANCELED
    assert not [one for one in core.commands if isinstance(one, SubmitOrder)]
    assert "order_lost" in alerts(core)


@pytest.mark.parametrize(
    ("terms", "fields", "after_s"),
    [
        ({}, LIMIT, 70),
        ({"reissue_lost": True}, {"reference_price": D(100)}, 70),  # a market order
        ({"reissue_lost": True}, LIMIT, 700),  # its time is over
    ],
    ids=["ask", "market", "late"],
)
def test_of_every_other_a_person_is_told(
    terms: dict[str, object], fields: dict[str, object], after_s: int
) -> None:
    core = ready(Core(**terms))
    assert lost(core, order("a", **fields), timedelta(seconds=after_s)) == []  # type: ignore[arg-type]
    assert "order_lost" in alerts(core)


def test_what_the_gate_denies_is_not_made_anew() -> None:
    core = ready(Core(reissue_lost=True))
    core.state.trading_state = TradingState.REDUCING
    assert lost(core, order("a", **LIMIT)) == []  # type: ignore[arg-type]
    assert [row.status for row in core.state.orders.values()] == [_S.CANCELED, _S.DENIED]


async def test_a_lost_limit_order_works_at_the_broker_in_the_end() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core = ready(core_of(one, reissue_lost=True), AT)
        one.broker.ledger = lambda instrument: D(0)
        await gateway.fault("lose_order", before=True)
        row = send(one, core, "g", 1, **LIMIT)
        await one.until(lambda: row.status is _S.CANCELED)
        (again,) = [each for each in core.commands if isinstance(each, SubmitOrder)]
        one.broker.submit(again.order, again.broker_order_id)
        await one.until(lambda: core.row(again.order).status is _S.ACCEPTED)
        (seen,) = gateway.venue.open_orders()
        assert seen.request.order_ref == "PH-g-r1"
