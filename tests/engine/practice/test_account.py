"""The ledger: commission and cost vectors, margin, profit, and its laws."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.brokers.practice.account import Account, Entry, commission
from engine.brokers.practice.model import ZERO, Contract
from engine.brokers.practice.universe import LISTINGS, Traded
from tests.engine.practice.ear import FRIDAY, D, executions, fixed, held, open_venue, order, value

KO = next(one for one in LISTINGS if one.symbol == "KO")
STOCK = Traded(Contract(con_id=1, symbol="KO", sec_type="STK"), KO)
OPTION = Traded(
    Contract(con_id=2, symbol="KO", sec_type="OPT", strike=D(50), right="C"),
    KO,
    D(100),
    expires=__import__("datetime").date(2026, 12, 18),
)


def account(*, mark: str = "50", cash: str = "100000") -> Account:
    return Account("DU0000001", D(cash), lambda traded: D(mark))


@pytest.mark.parametrize(
    ("traded", "quantity", "price", "fee", "cost"),
    [
        (STOCK, "100", "50.00", "1.00", "50.01"),
        (STOCK, "1000", "10.00", "5.00", "10.005"),
        (STOCK, "10", "2.00", "0.20", "2.02"),
        (OPTION, "2", "3.10", "1.30", "310.65"),
        (OPTION, "1", "3.10", "1.00", "311"),
    ],
)
def test_commission_and_average_cost(
    traded: Traded, quantity: str, price: str, fee: str, cost: str
) -> None:
    worth = D(quantity) * D(price) * traded.multiplier
    owed = commission(traded, D(quantity), worth)
    book = account()
    book.book(Entry("a", traded, 1, D(quantity), D(price), owed))
    assert owed == D(fee)
    assert book.positions()[0].avg_cost == D(cost)
    assert book.cash == 100_000 - worth - owed


def test_closing_realises_profit_after_both_commissions() -> None:
    book = account()
    assert book.book(Entry("a", STOCK, 1, D(100), D(50), D(1))) is None
    assert book.book(Entry("b", STOCK, -1, D(40), D(55), D(1))) == D("198.6")  # 2199 − 40 × 50.01
    assert book.positions()[0].avg_cost == D("50.01")


def test_turning_round_closes_and_opens_with_shared_commission() -> None:
    book = account()
    book.book(Entry("a", STOCK, 1, D(100), D(50), D(1)))
    profit = book.book(Entry("b", STOCK, -1, D(150), D(52), D("1.5")))
    assert profit == D(198)  # 5200 − 1 − 5001
    assert book.positions()[0].position == -50
    assert book.positions()[0].avg_cost == D("51.99")  # proceeds less half a dollar


def test_a_correction_and_a_bust_add_the_day_up_again() -> None:
    book = account()
    book.book(Entry("a", STOCK, 1, D(100), D(50), D(1)))
    book.book(Entry("b", STOCK, -1, D(100), D(51), D(1)))
    book.book(Entry("a", STOCK, 1, D(100), D(49), D(1)))
    assert book.cash == 100_000 + 200 - 2
    assert book.holdings[1].realized == 198
    book.book(Entry("b", STOCK, -1, ZERO, D(51), ZERO))
    assert book.quantity(1) == 100
    assert book.cash == 100_000 - 4901


@pytest.mark.parametrize(
    ("symbol", "initial", "maintenance"), [("KO", "0.5", "0.25"), ("TQQQ", "0.75", "0.75")]
)
def test_margin_of_stocks_and_leveraged_funds(symbol: str, initial: str, maintenance: str) -> None:
    venue, _ = open_venue(fixed(symbol, "10:00 49.99 50.01 50"))
    venue.place(order(1, "BUY 1000 MKT", symbol))
    venue.advance(1)
    assert value(venue, "InitMarginReq") == 50_000 * D(initial)
    assert value(venue, "MaintMarginReq") == 50_000 * D(maintenance)
    equity = value(venue, "NetLiquidation")
    assert equity == 100_000 - 10 - 5
    assert value(venue, "AvailableFunds") == equity - 50_000 * D(initial)
    assert value(venue, "BuyingPower") == 4 * value(venue, "AvailableFunds")
    assert value(venue, "TotalCashValue") == 100_000 - 50_010 - 5


def test_margin_of_long_and_short_options() -> None:
    book = account(mark="50")  # the option's mark is 50 too: only the rule matters here
    assert book.margin({2: (OPTION, D(2))}) == (D(10_000), D(10_000))
    assert book.margin({2: (OPTION, D(-2))})[0] == 10_000 + 2 * 100 * D("0.2") * 50


def test_options_end_in_cash_and_their_orders_with_them() -> None:
    venue, ear = open_venue(cash=D(1_000_000), tick_s=60)
    close = venue.market.close("SPY", FRIDAY.date())
    inside, outside = (int(close) - 20, int(close) + 20)
    calls = [
        Contract(
            symbol="SPY", sec_type="OPT", expiry="20261120", strike=D(k), right="C", currency="USD"
        )
        for k in (inside, outside)
    ]
    for n, call in enumerate(calls, 1):
        venue.place(order(n, "BUY 2 MKT", contract=call))
    venue.place(order(3, "SELL 2 LMT 900.00", contract=calls[0], tif="GTC"))
    venue.advance(5 * 3600)
    assert [row.position for row in venue.positions()] == [2, 2]
    cash = value(venue, "TotalCashValue")
    venue.advance(2 * 3600)
    assert venue.positions() == []
    assert value(venue, "TotalCashValue") == cash + 200 * (close - inside)
    assert [row.position for row in ear.all("position")[-2:]] == [0, 0]
    assert (ear.statuses(3)[-1], len(executions(venue))) == ("Cancelled", 4)
    venue.advance(86_400)
    venue.place(order(4, "BUY 1 MKT", contract=calls[0]))
    assert ear.codes(4) == [200]


def test_one_ledger_feeds_every_view() -> None:
    quotes = fixed("KO", "10:00 50.00 50.02", "10:00:05 51.00 51.02 51.01")
    venue, _ = open_venue(quotes)
    venue.place(order(1, "BUY 100 MKT"))
    venue.advance(6)
    (row,) = venue.portfolio()
    assert (row.position, row.market_price, row.average_cost) == (D(100), D("51.01"), D("50.03"))
    assert row.unrealized_pnl == 98
    assert row.market_value == D("5101.00")
    assert value(venue, "UnrealizedPnL") == 98
    venue.place(order(2, "SELL 100 MKT"))
    venue.advance(6)
    assert venue.positions() == []
    assert value(venue, "RealizedPnL") == D("96.00")  # (51.00 − 50.02) × 100 − 2
    assert value(venue, "NetLiquidation") == D("100096.00")


Fills = st.lists(
    st.tuples(
        st.sampled_from([1, -1]),
        st.integers(1, 400),
        st.decimals("0.01", "900", places=2, allow_nan=False, allow_infinity=False),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=60)
@given(Fills)
def test_position_and_cash_are_the_sum_of_the_fills(
    fills: list[tuple[int, int, Decimal]],
) -> None:
    book = account()
    cash = D(100_000)
    for n, (sign, shares, price) in enumerate(fills):
        fee = commission(STOCK, D(shares), shares * price)
        book.book(Entry(str(n), STOCK, sign, D(shares), price, fee))
        cash -= sign * shares * price + fee
    assert book.quantity(1) == sum(sign * shares for sign, shares, _ in fills)
    assert book.cash == cash
    realized = sum((one.realized for one in book.holdings.values()), ZERO)
    cost = sum((one.cost for one in book.holdings.values()), ZERO)
    assert abs(D(100_000) + realized - cost - cash) < D("0.0001")  # profit + cost = what was paid
    again = account()
    for n, (sign, shares, price) in enumerate(fills):
        again.book(Entry(str(n), STOCK, -sign, D(1), D(1), ZERO))  # wrong first, then corrected
        fee = commission(STOCK, D(shares), shares * price)
        again.book(Entry(str(n), STOCK, sign, D(shares), price, fee))
    assert (again.cash, again.quantity(1)) == (book.cash, book.quantity(1))


Orders = st.lists(
    st.tuples(
        st.sampled_from(["BUY", "SELL"]),
        st.integers(1, 300),
        st.sampled_from(["MKT", "LMT 50.02", "LMT 50.00", "LMT 49.50", "STP 50.40", "TRAIL 0.10"]),
        st.sampled_from(["", "a", "b"]),
        st.integers(1, 3),
        st.integers(0, 3),  # tenths of a second until the next one
    ),
    min_size=1,
    max_size=12,
)
QUOTES = fixed(
    "KO",
    "10:00 50.00 50.02 50.01 250",
    "10:00:01 50.30 50.32 50.31 120",
    "10:00:02 49.60 49.62 49.61 75",
    "10:00:03 50.50 50.52 50.51 1000",
)


@settings(max_examples=60, deadline=None)
@given(Orders)
def test_whatever_is_traded_the_books_agree_and_no_group_is_overfilled(
    orders: list[tuple[str, int, str, str, int, int]],
) -> None:
    venue, ear = open_venue(QUOTES)
    wanted: dict[str, set[int]] = {}
    for n, (action, quantity, kind, group, oca_type, wait) in enumerate(orders, 1):
        size = {"a": 100, "b": 160}.get(group, quantity)  # a group's orders are of one size
        venue.place(order(n, f"{action} {size} {kind}", oca_group=group, oca_type=oca_type))
        wanted.setdefault(group, set()).add(n)
        venue.advance(wait / 10)
    venue.advance(6)
    fills = executions(venue)
    assert held(venue) == sum(e.shares if e.side == "BOT" else -e.shares for e in fills)
    paid = sum((e.shares * e.price if e.side == "BOT" else -e.shares * e.price) for e in fills)
    owed = sum((c.commission for c in ear.all("commission")), ZERO)
    assert value(venue, "TotalCashValue") == (D(100_000) - paid - owed).quantize(D("0.01"))
    for view in [*venue.open_orders(), *venue.completed_orders()]:
        mine = [e.shares for e in fills if e.perm_id == view.perm_id]
        assert sum(mine, ZERO) == view.filled <= view.request.quantity
    for group, size in (("a", 100), ("b", 160)):
        ids = wanted.get(group, set())
        kinds = {orders[n - 1][4] for n in ids}
        total = sum((e.shares for e in fills if e.order_id in ids), ZERO)
        assert total <= size or len(kinds) > 1
