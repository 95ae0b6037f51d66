"""Killed anywhere and restored from the journal, the exchange goes on as if nothing had been.

`Ledger` stands for the journal: it books reports one by one, as the core does, and gives back
the orders and fills it knows. The undisturbed run and one killed after every single report
must end with the same reports in the same order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.fill import Fill
from engine.domain.ids import InstrumentId, OrderId
from engine.domain.input import BarsClosed, QuotesSeen
from engine.domain.order import Order, OrderStatus, OrderType, TimeInForce, WorkingOrder
from engine.domain.report import (
    Accepted,
    AccountRead,
    Canceled,
    CancelRefused,
    CommissionReported,
    Executed,
    Expired,
    NotFound,
    Rejected,
    Report,
    Submitted,
)
from engine.exchange.book import SimulatedExchange
from engine.exchange.costs import Costs
from tests.engine.floor import BUY, QQQ, SELL, bars, closes, exchange, opens, order, quotes

T = OrderType
GTC = TimeInForce.GTC
Market = QuotesSeen | BarsClosed
Step = Market | Order | OrderId  # the market moves, an order is sent, a cancel is asked for

ENDS = {
    Submitted: OrderStatus.SUBMITTED,
    Accepted: OrderStatus.ACCEPTED,
    Canceled: OrderStatus.CANCELED,
    Expired: OrderStatus.EXPIRED,
    Rejected: OrderStatus.REJECTED,
}


@dataclass
class Ledger:
    """What the journal knows."""

    cash: Decimal
    lowest: Decimal  # cash ever
    shares: dict[InstrumentId, Decimal] = field(default_factory=dict)
    orders: dict[OrderId, WorkingOrder] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    told: list[Report] = field(default_factory=list)

    def book(self, report: Report) -> None:
        """Take one report in, as the core does."""
        if isinstance(report, CancelRefused):
            return
        self.told.append(report)
        assert not isinstance(report, NotFound | CommissionReported | AccountRead)
        row = self.orders[report.order_id]
        if not isinstance(report, Executed):
            row.status = ENDS[type(report)]
            return
        sign, side = row.order.side.sign, row.order.side
        row.filled += report.quantity
        row.filled_value += report.quantity * report.price
        row.status = OrderStatus.PARTIALLY_FILLED if row.remaining else OrderStatus.FILLED
        self.cash -= sign * report.quantity * report.price + (report.commission or Decimal(0))
        self.lowest = min(self.lowest, self.cash)
        held = self.shares.get(row.order.instrument, Decimal(0)) + sign * report.quantity
        self.shares[row.order.instrument] = held
        self.fills.append(
            Fill(
                exec_id=report.exec_id,
                order_id=report.order_id,
                strategy=row.order.strategy,
                instrument=row.order.instrument,
                side=side,
                quantity=report.quantity,
                price=report.price,
                commission=report.commission,
                reference_price=None,
                slippage_bps=None,
                at=report.at,
            )
        )

    def restore(self, ex: SimulatedExchange, at: datetime) -> None:
        """Give the exchange all that is known."""
        counts = {key: sum(f.order_id == key for f in self.fills) for key in self.orders}
        ex.restore(self.cash, self.shares, self.orders.values(), counts, at, self.fills)


def run(
    steps: Sequence[Step],
    make: Callable[[], SimulatedExchange],
    kill_at: int,
    cash: str = "100000",
) -> Ledger:
    """Play the steps; die after booking `kill_at` reports, restore and play on."""
    ledger = Ledger(Decimal(cash), Decimal(cash))
    ex, at = make(), opens(0)
    consumed: list[Market] = []

    def settle(reports: Sequence[Report]) -> bool:
        """Book reports; True when the process dies among them."""
        nonlocal kill_at
        for report in reports:
            if kill_at == 0:
                kill_at = -1
                return True
            kill_at -= 1
            ledger.book(report)
        return False

    def come_back() -> None:
        nonlocal ex
        ex = make()
        ledger.restore(ex, at)
        for past in consumed:
            ex.watch(past)
        settle(ex.resume())

    for n, step in enumerate(steps):
        if isinstance(step, Order):
            ledger.orders[step.order_id] = WorkingOrder(
                order=step, status=OrderStatus.APPROVED, sent=True, seq=n
            )
            if settle(ex.submit(step, at)):
                come_back()
        elif isinstance(step, str):
            ledger.orders[step].canceling = True
            if settle(ex.cancel(step, at)):
                come_back()
        else:
            while settle(_matched(ex, step)):  # its cursor is not written: it is fed again
                come_back()
            consumed.append(step)
            at = step.at
    account = ex.account()
    assert account.cash == ledger.cash
    assert account.positions == {key: q for key, q in ledger.shares.items() if q}
    return ledger


def _matched(ex: SimulatedExchange, given: Market) -> Sequence[Report]:
    return ex.on_quotes(given) if isinstance(given, QuotesSeen) else ex.on_bars(given)


def at_open(ref: str, *args: object, **more: object) -> Order:
    """An order made at the first open."""
    return order(ref, *args, created_at=opens(0), **more)  # type: ignore[arg-type]


def at_close(ref: str, *args: object, **more: object) -> Order:
    """An order made at the first close."""
    return order(ref, *args, created_at=closes(0), **more)  # type: ignore[arg-type]


STORIES: dict[str, list[Step]] = {
    "sells and buys of an opening decision": [
        quotes(0, "100"),
        at_open("a", BUY, 500),
        at_open("b", SELL, 100),
        at_open("c", BUY, 90),
        bars(0, "100 102 98 101"),
    ],
    "a bar shared by two orders and an expiry": [
        bars(0, "100"),
        at_close("a", BUY, 80, time_in_force=GTC),
        at_close("b", BUY, 80),
        bars(1, "100", volume=1000),
        bars(2, "101", volume=1000),
    ],
    "immediate order cut off after its part": [
        bars(0, "100"),
        at_close("a", BUY, 150, time_in_force=TimeInForce.IOC),
        bars(1, "100", volume=1000),
    ],
    "a group whose stop is hit": [
        quotes(0, "100"),
        at_open("a", BUY, 300),
        at_open("t", SELL, 300, T.LIMIT, limit="110", oca_group="g", time_in_force=GTC),
        at_open("s", SELL, 300, T.STOP, stop="95", oca_group="g", time_in_force=GTC),
        at_open("x", BUY, 10, T.LIMIT, limit="96", time_in_force=GTC),
        bars(0, "100 112 94 105", volume=2000),
        bars(1, "99", volume=2000),
    ],
    "trailing stop across bars": [
        quotes(0, "100"),
        at_open("a", BUY, 100),
        at_open("t", SELL, 100, T.TRAIL, trail="5", time_in_force=GTC),
        bars(0, "100 108 99 107"),
        quotes(1, "106"),
        bars(1, "106 111 107 110"),
        quotes(2, "107"),
        bars(2, "107 107 105 106", volume=500),
        quotes(3, "106"),
    ],
    "a cancel in time and one too late": [
        quotes(0, "100"),
        at_open("a", BUY, 10),
        at_open("b", BUY, 10, T.LIMIT, limit="90", time_in_force=GTC),
        order("a", BUY, 10).order_id,
        order("b", BUY, 10).order_id,
        at_open("c", BUY, 2_000),
        bars(0, "100 100 80 90"),
    ],
}


@pytest.mark.parametrize("story", STORIES)
def test_killed_after_any_report_the_exchange_says_the_same(story: str) -> None:
    steps = STORIES[story]

    def make() -> SimulatedExchange:
        return exchange(costs=Costs(adjusted=False))

    undisturbed = run(steps, make, kill_at=-1)
    assert len(undisturbed.told) >= 4
    for kill_at in range(len(undisturbed.told) + 1):
        killed = run(steps, make, kill_at)
        assert killed.told == undisturbed.told, f"killed after {kill_at} reports"


def test_order_that_was_never_sent_is_unknown_to_the_restored_exchange() -> None:
    ex = exchange()
    row = WorkingOrder(order=order("a", BUY, 1), status=OrderStatus.APPROVED)
    ex.restore(Decimal(1000), {}, [row], {}, opens(0))
    assert ex.resume() == []
    assert [type(r).__name__ for r in ex.look_up(row.order.order_id)] == ["NotFound"]


def test_unknown_order_is_accepted_again_after_a_restore() -> None:
    ex = exchange()
    row = WorkingOrder(order=order("a", BUY, 1), status=OrderStatus.UNKNOWN, sent=True)
    ex.restore(Decimal(1000), {QQQ.id: Decimal(0)}, [row], {}, opens(0))
    assert ex.look_up(row.order.order_id) == [Accepted(order_id=row.order.order_id)]
    assert ex.resume() == [Accepted(order_id=row.order.order_id)]
    assert ex.account().positions == {}


# -- random days ---------------------------------------------------------------------------

cents = st.integers(9_000, 11_000).map(lambda n: Decimal(n) / 100)
KINDS = [T.MARKET, T.LIMIT, T.STOP, T.STOP_LIMIT, T.TRAIL, T.MARKET_ON_CLOSE, T.MARKET_ON_OPEN]


@st.composite
def days(draw: st.DrawFn) -> list[Step]:
    """A few sessions: opening quotes, orders and cancels, a bar, orders after the close."""
    steps: list[Step] = []
    sent: list[OrderId] = []
    for day in range(draw(st.integers(1, 4))):
        for market, at in (("open", opens(day)), ("close", closes(day))):
            if market == "open":
                steps.append(quotes(day, draw(st.none() | cents.map(str))))
            else:
                four = sorted(draw(st.lists(cents, min_size=4, max_size=4)))
                low, o, c, high = four
                volume = draw(st.integers(0, 3000))
                steps.append(bars(day, f"{o} {high} {low} {c}", volume=volume))
            for _ in range(draw(st.integers(0, 3))):
                ref = f"o{len(sent)}"
                asked = order(
                    ref,
                    draw(st.sampled_from([BUY, BUY, SELL])),
                    draw(st.integers(1, 400)),
                    draw(st.sampled_from(KINDS)),
                    limit_price=draw(cents),
                    stop_price=draw(cents),
                    trail=draw(st.integers(1, 10)),
                    time_in_force=draw(st.sampled_from(TimeInForce)),
                    oca_group=draw(st.sampled_from([None, None, "g"])),
                    created_at=at,
                )
                steps.append(asked)
                sent.append(asked.order_id)
            for order_id in sent[-2:]:
                if draw(st.integers(0, 3)) == 0:
                    steps.append(order_id)
    return steps


def dear() -> SimulatedExchange:
    """An account whose cash does not go far."""
    return exchange("60000", Costs(adjusted=False, commission_bps=Decimal(1)))


@settings(max_examples=150, deadline=None)
@given(days())
def test_account_is_the_fold_of_the_reports_and_never_short_of_anything(steps: list[Step]) -> None:
    ledger = run(steps, dear, kill_at=-1, cash="60000")
    assert ledger.cash >= 0
    assert ledger.lowest >= 0
    assert all(quantity >= 0 for quantity in ledger.shares.values())
    assert all(row.filled <= row.order.quantity for row in ledger.orders.values())
    assert len({fill.exec_id for fill in ledger.fills}) == len(ledger.fills)
    for fill in ledger.fills:
        limit = ledger.orders[fill.order_id].order.limit_price
        kind = ledger.orders[fill.order_id].order.type
        if limit is not None and kind in (T.LIMIT, T.STOP_LIMIT):
            assert fill.side.sign * (fill.price - limit) <= 0


@settings(max_examples=150, deadline=None)
@given(days(), st.integers(0, 30))
def test_random_days_survive_a_kill(steps: list[Step], kill_at: int) -> None:
    undisturbed = run(steps, dear, kill_at=-1, cash="60000")
    assert run(steps, dear, kill_at, cash="60000").told == undisturbed.told
