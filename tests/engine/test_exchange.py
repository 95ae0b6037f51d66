"""The simulated exchange: what fills, when, at which price, and what is refused."""

import timeit
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from engine.domain.instrument import Stock
from engine.domain.order import OrderType, TimeInForce
from engine.domain.report import CancelRefused, Executed, NotFound, Rejected
from engine.exchange.book import SimulatedExchange
from engine.exchange.costs import Costs
from tests.engine.floor import (
    BOOK,
    BUY,
    FREE,
    QQQ,
    SELL,
    TLT,
    bars,
    closes,
    exchange,
    opens,
    order,
    quotes,
    said,
)

D = Decimal
T = OrderType
GTC, IOC, OPG = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.OPG


def holding(shares: int, cash: str = "100000", costs: Costs = FREE) -> SimulatedExchange:
    """An account that holds shares of QQQ."""
    ex = exchange(cash, costs)
    ex.restore(D(cash), {QQQ.id: D(shares)}, [], {}, opens(0))
    return ex


# -- market orders -------------------------------------------------------------------------


def test_market_orders_of_the_auctions_instant_fill_in_it_in_order_of_submission() -> None:
    ex = exchange("10000")
    ex.on_quotes(quotes(0, "100"))
    assert said(ex.submit(order("a", BUY, 60), opens(0))) == ["Submitted", "Accepted", "60@100"]
    assert said(ex.submit(order("b", SELL, 60), opens(0)))[-1] == "60@100"
    assert said(ex.submit(order("c", BUY, 100), opens(0)))[-1] == "100@100"
    assert ex.account().cash == 0
    assert ex.account().positions == {QQQ.id: D(100)}


def test_market_order_fills_at_the_first_quote_strictly_after_acceptance() -> None:
    ex = exchange()
    ex.on_quotes(quotes(0, "100", auction=False))
    assert said(ex.submit(order("a", BUY, 1), opens(0))) == ["Submitted", "Accepted"]
    assert ex.on_quotes(quotes(0, "101", auction=False)) == []
    later = opens(0) + timedelta(seconds=1)
    assert said(ex.on_quotes(quotes(0, "102.00/102.05", at=later))) == ["1@102.05"]


def test_sell_fills_at_the_bid() -> None:
    ex = holding(5)
    ex.submit(order("a", SELL, 5), closes(0))
    assert said(ex.on_quotes(quotes(1, "102.00/102.05"))) == ["5@102"]


def test_market_order_accepted_before_a_bar_fills_at_its_open() -> None:
    ex = exchange()
    ex.submit(order("a", BUY, 1), closes(0))
    assert said(ex.on_bars(bars(1, "100 110 90 105"))) == ["1@100"]


def test_market_order_accepted_inside_a_bar_meets_only_its_close() -> None:
    ex = exchange()
    ex.on_quotes(quotes(0, "100"))
    ex.submit(order("a", BUY, 1), opens(0) + timedelta(minutes=15))
    assert said(ex.on_bars(bars(0, "100 110 90 105"))) == ["1@105"]


def test_without_a_price_nothing_fills_and_the_day_order_expires() -> None:
    ex = exchange()
    ex.on_quotes(quotes(0, None))
    assert said(ex.submit(order("a", BUY, 1), opens(0))) == ["Submitted", "Accepted"]
    assert said(ex.on_bars(bars(0, None))) == ["Expired"]
    assert ex.account().orders == ()


def test_fill_pays_spread_and_slippage_seeded_by_the_order_alone() -> None:
    first, second = exchange(costs=Costs()), exchange(costs=Costs())
    for ex, refs in ((first, ("ref-1", "x")), (second, ("x", "ref-1"))):
        ex.on_quotes(quotes(0, "100"))
        prices = {ref: said(ex.submit(order(ref, BUY, 10), opens(0)))[-1] for ref in refs}
        assert prices["ref-1"] == "10@100.03"


def test_execution_is_named_after_book_order_and_number() -> None:
    ex = exchange(costs=Costs(adjusted=False))
    ex.on_quotes(quotes(0, "100"))
    fill = ex.submit(order("ref-1", BUY, 10), opens(0))[-1]
    assert isinstance(fill, Executed)
    assert fill.exec_id == "sim.4b655255.ref-1.1"
    assert fill.commission == 1
    assert fill.at == opens(0)


# -- limit, stop, trailing -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "limit", "bar", "filled"),
    [
        (BUY, "95", "100 110 94 105", "10@95"),
        (BUY, "95", "100 110 95 105", "10@95"),
        (BUY, "94.99", "100 110 95 105", None),
        (BUY, "101", "100 110 95 105", "10@100"),
        (SELL, "108", "100 110 94 105", "10@108"),
        (SELL, "110.01", "100 110 94 105", None),
        (SELL, "99", "100 110 94 105", "10@100"),
    ],
)
def test_limit_fills_at_the_better_of_limit_and_open(
    side: object, limit: str, bar: str, filled: str | None
) -> None:
    ex = holding(10, costs=Costs())
    ex.submit(order("a", side, 10, T.LIMIT, limit=limit, time_in_force=GTC), closes(0))  # type: ignore[arg-type]
    assert said(ex.on_bars(bars(1, bar))) == ([filled] if filled else [])


@pytest.mark.parametrize(
    ("side", "stop", "bar", "filled"),
    [
        (SELL, "95", "100 110 95 105", "10@95"),
        (SELL, "95", "90 110 85 105", "10@90"),
        (SELL, "95", "100 110 95.01 105", None),
        (BUY, "108", "100 110 95 105", "10@108"),
        (BUY, "108", "109 110 95 105", "10@109"),
    ],
)
def test_stop_fills_at_the_worse_of_stop_and_open(
    side: object, stop: str, bar: str, filled: str | None
) -> None:
    ex = holding(10)
    ex.submit(order("a", side, 10, T.STOP, stop=stop, time_in_force=GTC), closes(0))  # type: ignore[arg-type]
    assert said(ex.on_bars(bars(1, bar))) == ([filled] if filled else [])


def test_stop_pays_slippage_on_top() -> None:
    ex = holding(10, costs=Costs())
    ex.submit(order("ref-1", SELL, 10, T.STOP, stop="100"), closes(0))
    assert said(ex.on_bars(bars(1, "105 105 95 98"))) == ["10@99.97"]


def test_stop_limit_never_fills_beyond_its_limit_and_rests_when_gapped() -> None:
    ex = holding(20, costs=Costs())
    near = order("ref-1", SELL, 10, T.STOP_LIMIT, stop="100", limit="99.98", time_in_force=GTC)
    far = order("b", SELL, 10, T.STOP_LIMIT, stop="100", limit="97", time_in_force=GTC)
    ex.submit(near, closes(0))
    assert said(ex.on_bars(bars(1, "105 105 95 98"))) == ["10@99.98"]
    ex.submit(far, closes(1))
    assert said(ex.on_bars(bars(2, "96 96 95 96"))) == []
    assert said(ex.on_bars(bars(3, "96.5 98 96 96"))) == ["10@97"]


def test_trailing_stop_follows_the_high_of_earlier_bars_only() -> None:
    ex = holding(10)
    ex.submit(order("a", SELL, 10, T.TRAIL, trail="5", time_in_force=GTC), closes(0))
    assert said(ex.on_bars(bars(1, "100 104 96 103"))) == []  # 104 may have come after 96
    assert said(ex.on_bars(bars(2, "103 120 99.5 119"))) == []  # stop 99 so far
    assert said(ex.on_bars(bars(3, "119 119 110 118"))) == ["10@115"]


def test_trailing_stop_is_hit_when_the_close_is_below_what_the_high_made_of_it() -> None:
    ex = holding(10)
    ex.submit(order("a", SELL, 10, T.TRAIL, trail="5", time_in_force=GTC), closes(0))
    assert said(ex.on_bars(bars(1, "100 110 97 104"))) == ["10@105"]


def test_trailing_buy_follows_the_low() -> None:
    ex = exchange()
    trail = order("a", BUY, 10, T.TRAIL, trail="5", stop="108", time_in_force=GTC)
    ex.submit(trail, closes(0))
    assert said(ex.on_bars(bars(1, "100 104 98 99"))) == []
    assert said(ex.on_bars(bars(2, "99 103.5 98.5 100"))) == ["10@103"]


def test_both_sides_of_a_group_in_one_bar_mean_the_stop() -> None:
    ex = holding(10)
    target = order("a", SELL, 10, T.LIMIT, limit="110", oca_group="g", time_in_force=GTC)
    stop = order("b", SELL, 10, T.STOP, stop="95", oca_group="g", time_in_force=GTC)
    ex.submit(target, closes(0))
    ex.submit(stop, closes(0))
    assert said(ex.on_bars(bars(1, "100 112 94 105"))) == ["10@95", "Canceled"]
    assert ex.account().orders == ()


def test_one_side_of_a_group_cancels_the_other() -> None:
    ex = holding(10)
    target = order("a", SELL, 10, T.LIMIT, limit="110", oca_group="g", time_in_force=GTC)
    ex.submit(target, closes(0))
    ex.submit(order("b", SELL, 10, T.STOP, stop="95", oca_group="g"), closes(0))
    assert said(ex.on_bars(bars(1, "100 112 96 105"))) == ["10@110", "Canceled"]


# -- auctions and times in force -----------------------------------------------------------


def test_on_open_orders_take_part_in_the_opening_auction_only() -> None:
    ex = exchange()
    ex.on_quotes(quotes(0, "100"))
    ex.submit(order("late", BUY, 1, T.MARKET_ON_OPEN), opens(0) + timedelta(hours=1))
    assert said(ex.on_bars(bars(0, "100 101 99 100"))) == []
    ex.submit(order("low", BUY, 1, T.LIMIT_ON_OPEN, limit="99"), closes(0))
    ex.submit(order("opg", BUY, 1, time_in_force=OPG), closes(0))
    assert said(ex.on_quotes(quotes(1, "102"))) == ["1@102", "Expired", "1@102"]


def test_on_open_order_without_an_auction_fills_at_the_bars_open() -> None:
    ex = exchange()
    ex.submit(order("a", BUY, 1, T.MARKET_ON_OPEN), closes(0))
    assert said(ex.on_bars(bars(1, "100 110 90 105"))) == ["1@100"]


def test_on_close_orders_fill_at_the_close() -> None:
    ex = exchange()
    ex.on_quotes(quotes(0, "100"))
    ex.submit(order("a", BUY, 1, T.MARKET_ON_CLOSE), opens(0))
    ex.submit(order("b", BUY, 1, T.LIMIT_ON_CLOSE, limit="104"), opens(0))
    assert said(ex.on_bars(bars(0, "100 110 90 105"))) == ["1@105", "Expired"]


def test_on_open_order_sent_to_a_closing_auction_waits_for_the_next_opening() -> None:
    ex = exchange()
    ex.on_quotes(quotes(0, "100"))
    ex.on_quotes(quotes(0, "105", at=closes(0)))
    assert said(ex.submit(order("a", BUY, 1, T.MARKET_ON_OPEN), closes(0)))[-1] == "Accepted"
    assert said(ex.on_quotes(quotes(1, "106"))) == ["1@106"]


def test_on_close_order_takes_part_in_a_closing_auction() -> None:
    ex = exchange()
    ex.on_quotes(quotes(0, "100"))
    ex.on_quotes(quotes(0, "105", at=closes(0)))
    assert said(ex.submit(order("a", BUY, 1, T.MARKET_ON_CLOSE), closes(0)))[-1] == "1@105"


def test_immediate_order_cancels_its_rest_at_the_same_price() -> None:
    ex = exchange()
    ex.submit(order("a", BUY, 150, time_in_force=IOC), closes(0))
    ex.submit(order("b", BUY, 1, T.LIMIT, limit="95", time_in_force=IOC), closes(0))
    reports = ex.on_bars(bars(1, "100 110 90 105", volume=1000))
    assert said(reports) == ["100@100", "Canceled", "Canceled"]


def test_good_till_canceled_order_outlives_the_close() -> None:
    ex = exchange()
    ex.submit(order("a", BUY, 1, T.LIMIT, limit="95", time_in_force=GTC), closes(0))
    ex.submit(order("b", BUY, 1, T.LIMIT, limit="95"), closes(0))
    assert said(ex.on_bars(bars(1, "100 110 96 105"))) == ["Expired"]
    assert said(ex.on_quotes(quotes(2, "94"))) == ["1@94"]


# -- partial fills -------------------------------------------------------------------------


def test_a_bar_fills_a_tenth_of_its_volume_and_the_rest_works_on() -> None:
    ex = exchange()
    ex.submit(order("a", BUY, 250, time_in_force=GTC), closes(0))
    assert said(ex.on_bars(bars(1, "100", volume=1009))) == ["100@100"]
    assert ex.account().orders[0].remaining == 150
    assert said(ex.on_bars(bars(2, "101", volume=1000))) == ["100@101"]
    assert said(ex.on_bars(bars(3, "102", volume=1000))) == ["50@102"]


def test_orders_share_the_tenth_in_order_of_acceptance() -> None:
    ex = exchange()
    ex.submit(order("a", BUY, 70), closes(0))
    ex.submit(order("b", BUY, 70), closes(0))
    assert said(ex.on_bars(bars(1, "100", volume=1000))) == ["70@100", "30@100", "Expired"]


def test_touched_stop_that_fills_in_part_goes_on_at_market() -> None:
    ex = holding(200)
    ex.submit(order("a", SELL, 200, T.STOP, stop="95", time_in_force=GTC), closes(0))
    assert said(ex.on_bars(bars(1, "100 100 95 99", volume=1000))) == ["100@95"]
    assert said(ex.on_bars(bars(2, "99 99 98 99", volume=1000))) == ["100@99"]


# -- refusals ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (order("a", BUY, 1, instrument="STK:XYZ:USD"), "unknown instrument"),
        (order("a", BUY, "0.5"), "lot 1"),
        (order("a", BUY, 0), "quantity 0"),
        (order("a", BUY, "NaN"), "quantity NaN"),
        (order("a", BUY, 1, T.LIMIT, limit="10.005"), "tick 0.01"),
        (order("a", BUY, 1, T.LIMIT), "without a limit price"),
        (order("a", BUY, 1, T.STOP, stop="-1"), "stop price -1"),
        (order("a", BUY, 1, T.TRAIL), "without a trail"),
        (order("a", SELL, 11), "10 held"),
        (order("a", BUY, 101), "needs 10100 USD, 10000 in cash"),
        (order("a", BUY, 5, T.LIMIT, limit="2001"), "needs 10005 USD"),
    ],
)
def test_what_the_exchange_refuses(asked: object, words: str) -> None:
    ex = holding(10, "10000")
    ex.on_quotes(quotes(0, "100"))
    reports = ex.submit(asked, opens(0))  # type: ignore[arg-type]
    assert said(reports) == ["Submitted", "Rejected"]
    assert isinstance(reports[-1], Rejected)
    assert words in reports[-1].text
    assert ex.account().cash == 10000
    assert ex.account().orders == ()


def test_working_sells_claim_their_shares() -> None:
    ex = holding(10)
    assert said(ex.submit(order("a", SELL, 6), closes(0))) == ["Submitted", "Accepted"]
    assert said(ex.submit(order("b", SELL, 5), closes(0))) == ["Submitted", "Rejected"]


def test_buy_that_has_become_too_dear_is_rejected_at_its_fill() -> None:
    ex = exchange("1000")
    ex.on_quotes(quotes(0, "100"))
    ex.submit(order("a", BUY, 10), closes(0))
    reports = ex.on_quotes(quotes(1, "101"))
    assert said(reports) == ["Rejected"]
    assert ex.account().cash == 1000


def test_rest_that_cash_no_longer_covers_is_canceled() -> None:
    ex = exchange("15000")
    ex.submit(order("a", BUY, 150, time_in_force=GTC), closes(0))
    assert said(ex.on_bars(bars(1, "100", volume=1000))) == ["100@100"]
    assert said(ex.on_bars(bars(2, "101", volume=1000))) == ["Canceled"]
    assert ex.account().cash == 5000


def test_unadjusted_sell_that_earns_less_than_its_fee_never_makes_cash_negative() -> None:
    ex = holding(1, "0", Costs(adjusted=False, commission_max_fraction=D(5)))
    ex.submit(order("a", SELL, 1), closes(0))
    assert said(ex.on_quotes(quotes(1, "0.50"))) == ["Rejected"]
    assert ex.account().cash == 0


# -- cancels, questions, account -----------------------------------------------------------


def test_working_order_is_canceled_and_a_finished_one_is_not() -> None:
    ex = exchange()
    a = order("a", BUY, 1)
    ex.submit(a, closes(0))
    assert said(ex.cancel(a.order_id, closes(0))) == ["Canceled"]
    again = ex.cancel(a.order_id, closes(0))
    assert again == [CancelRefused(order_id=a.order_id, text="the order has ended")]
    unknown = ex.cancel(order("z", BUY, 1).order_id, closes(0))
    assert unknown == [CancelRefused(order_id=order("z", BUY, 1).order_id, text="no such order")]


def test_the_same_order_twice_is_one_order() -> None:
    ex = exchange()
    ex.on_quotes(quotes(0, "100"))
    ex.submit(order("a", BUY, 1), opens(0))
    assert ex.submit(order("a", BUY, 1), opens(0)) == []
    assert ex.account().positions == {QQQ.id: D(1)}


def test_look_up_tells_what_became_of_an_order() -> None:
    ex = exchange()
    ex.on_quotes(quotes(0, "100"))
    a = order("a", BUY, 1)
    assert ex.look_up(a.order_id) == [NotFound(order_id=a.order_id)]
    told = ex.submit(a, opens(0))
    assert ex.look_up(a.order_id) == told


def test_account_is_kept_apart_for_every_instrument() -> None:
    ex = exchange()
    ex.submit(order("a", BUY, 1, instrument=TLT.id), closes(0))
    assert said(ex.on_quotes(quotes(1, "100"))) == []
    account = ex.account()
    assert account.positions == {}
    assert [(o.order_ref, o.instrument, o.remaining) for o in account.orders] == [
        ("a", TLT.id, D(1))
    ]


def test_split_adjusted_history_fills_to_a_millionth() -> None:
    tqqq = Stock(symbol="TQQQ", tick=None)
    costs = Costs(half_spread_bps=D(5), slippage_bps=D(0))
    ex = SimulatedExchange(costs, 7, {QQQ.id: tqqq}, BOOK, D("2005.274635"))
    ex.on_quotes(quotes(0, "0.203438"))
    assert said(ex.submit(order("a", BUY, 9285), opens(0)))[-1] == "9285@0.20354"
    assert ex.account().cash == D("115.405735")


@pytest.mark.bench
def test_exchange_without_orders_costs_next_to_nothing() -> None:
    ex, bar, first, second = exchange(), bars(0, "100"), quotes(0, "100"), quotes(1, "100")

    def each(call: Callable[[], object]) -> float:
        return min(timeit.repeat(call, number=100_000, repeat=5)) / 100_000

    call = each(lambda: len(()))
    on_bars = each(lambda: ex.on_bars(bar))
    on_quotes = each(lambda: (ex.on_quotes(first), ex.on_quotes(second))) / 2
    print(
        f"idle exchange: on_bars {on_bars * 1e6:.3f} µs, on_quotes {on_quotes * 1e6:.3f} µs, "
        f"a call {call * 1e6:.3f} µs (target 0.2 µs, 6 calls)"
    )
    assert max(on_bars, on_quotes) < 6 * call
