"""Contracts, hours, prices, streams and history of the practice market."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import sqrt
from statistics import pstdev
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.brokers.practice.feed import Market
from engine.brokers.practice.model import (
    BidAskTick,
    Contract,
    DataType,
    History,
    HistoryAsk,
    Kind,
    OptionTick,
    Pnl,
    Refusal,
    Schedule,
    Subscription,
    TickPrice,
    TickSize,
    TickValue,
    TradeTick,
)
from engine.brokers.practice.options import black_scholes
from engine.brokers.practice.paths import Paths
from engine.brokers.practice.sessions import Endless, Hall, Weekdays
from engine.brokers.practice.universe import RULES, fits, option_id, step_at
from engine.brokers.practice.venue import PracticeVenue
from engine.domain.ids import InstrumentId
from engine.domain.market import Bar as RecordedBar
from engine.errors import SettingsError
from engine.schedule.calendar import ExchangeCalendar
from tests.engine.practice.ear import FRIDAY, D, executions, fixed, open_venue, order, stock

HALL = Hall(Weekdays())
PATHS = Paths(7, HALL)
OTHER = Paths(7, HALL)
TODAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def venue() -> PracticeVenue:
    return open_venue()[0]


def option(**more: Any) -> Contract:
    known = {"symbol": "SPY", "sec_type": "OPT", "currency": "USD", "exchange": "SMART"}
    return Contract(**{**known, **more})


# -- contracts


@pytest.mark.parametrize(
    ("symbol", "con_id"),
    [("SPY", 756733), ("QQQ", 320227571), ("AAPL", 265598), ("TQQQ", 72539702)],
)
def test_well_known_stocks_have_their_ids(venue: PracticeVenue, symbol: str, con_id: int) -> None:
    found = venue.qualify(stock(symbol))
    assert isinstance(found, Contract)
    assert found.con_id == con_id
    assert venue.qualify(Contract(con_id=con_id, exchange="SMART")) == found


def test_unknown_is_200_and_ambiguous_too_until_it_is_narrowed(venue: PracticeVenue) -> None:
    for asked in (stock("NOPE"), stock("TWIN"), Contract(con_id=5), Contract()):
        found = venue.qualify(asked)
        assert isinstance(found, Refusal)
        assert found.code == 200
    assert len(venue.details(stock("TWIN"))) == 2
    twin = Contract(symbol="TWIN", sec_type="STK", primary_exchange="NYSE", currency="USD")
    assert isinstance(venue.qualify(twin), Contract)


def test_details_have_one_rule_for_each_exchange(venue: PracticeVenue) -> None:
    (spy,) = venue.details(stock("SPY"))
    assert len(spy.market_rule_ids.split(",")) == len(spy.valid_exchanges.split(","))
    assert set(spy.market_rule_ids.split(",")) == {"26"}
    assert (spy.stock_type, spy.time_zone_id, spy.min_tick) == ("ETF", "US/Eastern", D("0.01"))
    (penny,) = venue.details(stock("PNNY"))
    assert set(penny.market_rule_ids.split(",")) == {"109"}
    (call,) = venue.details(option(expiry="20261218", strike=D(600), right="C"))
    assert set(call.market_rule_ids.split(",")) == {"32"}
    assert (call.under_con_id, call.contract_month) == (756733, "202612")


def test_hours_of_seven_days_come_from_the_calendar() -> None:
    calendar = ExchangeCalendar("XNYS", date(2026, 1, 1), date(2027, 12, 31))
    start = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)
    venue, _ = open_venue(start=start, calendar=calendar)
    (spy,) = venue.details(stock("SPY"))
    assert spy.trading_hours.split(";")[:4] == [
        "20261125:0400-20261125:2000",
        "20261126:CLOSED",
        "20261127:0400-20261127:1700",
        "20261128:CLOSED",
    ]
    assert spy.liquid_hours.split(";")[2] == "20261127:0930-20261127:1300"
    assert len(spy.liquid_hours.split(";")) == 7
    found = venue.qualify(option(expiry="20261127", strike=D(600), right="C"))
    assert isinstance(found, Contract)  # a Friday that is a session


class Ending(Weekdays):
    """A calendar that knows nothing after a Monday, as an exchange's does one day."""

    def sessions(self, first: date, last: date) -> Sequence[date]:
        self.is_session(last)
        return super().sessions(first, last)

    def is_session(self, day: date) -> bool:
        if day > date(2026, 11, 23):
            raise SettingsError(f"{day} is not known")
        return super().is_session(day)

    def opens_at(self, day: date) -> datetime:
        self.is_session(day)
        return super().opens_at(day)

    def closes_at(self, day: date) -> datetime:
        self.is_session(day)
        return super().closes_at(day)


def test_time_goes_on_where_the_calendar_ends() -> None:
    calendar = Ending()
    venue, _ = open_venue(calendar=calendar, tick_s=60)
    venue.place(order(1, "BUY 1 LMT 1.00"))
    venue.advance_to(datetime(2026, 11, 30, 15, 0, tzinfo=UTC))
    assert venue.open_orders() == []
    (spy,) = venue.details(stock("SPY"))
    assert spy.liquid_hours.startswith("20261130:0930-20261130:1600;")
    sessions = Endless(calendar).sessions(date(2026, 11, 20), date(2026, 11, 25))
    assert [day.day for day in sessions] == [20, 23, 24, 25]


@pytest.mark.parametrize(
    ("rule", "price", "step"),
    [
        (26, "0.5", "0.01"),
        (32, "2.99", "0.01"),
        (32, "3", "0.05"),
        (109, "0.9999", "0.0001"),
        (109, "1", "0.01"),
    ],
)
def test_price_steps(rule: int, price: str, step: str) -> None:
    assert step_at(RULES[rule], D(price)) == D(step)


def test_an_option_limit_has_to_stand_on_its_steps() -> None:
    venue, ear = open_venue()
    call = venue.qualify(option(expiry="20261218", strike=D(600), right="C"))
    venue.place(order(1, "BUY 1 LMT 3.07", contract=call))
    venue.place(order(2, "BUY 1 LMT 3.05", contract=call))
    assert ear.codes() == [110]


def test_chains_have_their_fridays_and_strikes(venue: PracticeVenue) -> None:
    smart, _ = venue.chain("SPY", "STK", 756733)
    days = [datetime.strptime(day, "%Y%m%d").date() for day in smart.expirations]  # noqa: DTZ007
    fridays = {TODAY + timedelta(weeks=n) for n in range(8)}
    assert fridays <= set(days)
    assert sum(15 <= day.day <= 21 for day in days) >= 12
    assert sum(day.month == 1 and 15 <= day.day <= 21 for day in days) == 2
    low, high = smart.strikes[0], smart.strikes[-1]
    steps = [b - a for a, b in pairwise(smart.strikes)]
    assert set(steps) <= {1, 2, 3, 4, 5, 10} | {n for n in range(1, 11)}
    middle = smart.strikes[len(smart.strikes) // 2]
    near = [k for k in smart.strikes if abs(k - middle) < middle / 12]
    assert all(b - a == 1 for a, b in pairwise(near))
    assert low < middle * D("0.5") < middle * D("1.5") < high
    assert venue.chain("KO", "STK", 0) == []


def test_an_option_id_is_a_hash_and_finds_the_option_again() -> None:
    local = "SPY   261218C00600000"
    assert option_id(local) == 1262772422
    venue, _ = open_venue()
    found = venue.qualify(Contract(con_id=1262772422, exchange="SMART"))
    assert isinstance(found, Contract)
    assert (found.local_symbol, found.strike, found.multiplier) == (local, D(600), "100")
    named = venue.qualify(option(local_symbol=local, symbol=""))
    assert named == found


def test_search_puts_the_exact_symbol_first(venue: PracticeVenue) -> None:
    assert next(m.contract.symbol for m in venue.search("t")) == "TLT"
    assert venue.search("spy")[0].derivatives == ("OPT",)
    assert [m.contract.symbol for m in venue.search("apple")] == ["AAPL"]
    assert venue.search(" ") == []


# -- prices


@given(
    st.lists(st.integers(0, 230_000), min_size=1, max_size=9),
    st.sampled_from(["QQQ", "TLT", "TMV", "KO"]),
)
def test_a_price_does_not_depend_on_what_was_asked_before(tenths: list[int], symbol: str) -> None:
    times = [FRIDAY + timedelta(milliseconds=100 * tenth) for tenth in tenths]
    there = {at: PATHS.price(symbol, at) for at in times}
    assert {at: OTHER.price(symbol, at) for at in reversed(times)} == there


def test_prices_meet_at_open_and_close_and_the_last_of_a_day_is_official() -> None:
    hours = HALL.hours(TODAY)
    instant = timedelta(microseconds=1)
    for symbol in ("QQQ", "SPY", "TMF"):
        for edge in (hours.opens, hours.closes):
            before, after = (PATHS.price(symbol, at) for at in (edge - instant, edge))
            assert before == pytest.approx(after, rel=1e-5)
        close = PATHS.close(symbol, TODAY)
        assert PATHS.price(symbol, hours.closes) == pytest.approx(close, rel=1e-9)


@pytest.mark.parametrize(
    ("fund", "base", "times"),
    [("TQQQ", "QQQ", 3), ("PSQ", "QQQ", -1), ("TMF", "TLT", 3), ("TMV", "TLT", -3)],
)
def test_funds_repeat_the_day_of_their_underlying(fund: str, base: str, times: int) -> None:
    at = FRIDAY + timedelta(hours=2)
    moves = [PATHS.price(s, at) / PATHS.before(s, TODAY) - 1 for s in (fund, base)]
    assert moves[0] == pytest.approx(times * moves[1], rel=1e-9)


@pytest.mark.parametrize(("symbol", "year"), [("QQQ", 0.20), ("SPY", 0.16), ("TLT", 0.15)])
def test_volatility_is_as_told(symbol: str, year: float) -> None:
    days = Weekdays().sessions(date(2016, 1, 4), TODAY)
    moves = [PATHS.close(symbol, day) / PATHS.before(symbol, day) - 1 for day in days]
    assert pstdev(moves) * sqrt(252) == pytest.approx(year, rel=0.08)


def test_seeds_differ() -> None:
    assert Paths(8, HALL).price("SPY", FRIDAY) != PATHS.price("SPY", FRIDAY)


def test_the_spread_is_one_tick_or_one_basis_point(venue: PracticeVenue) -> None:
    market = Market(HALL, 7)
    for symbol, low, high in (("KO", "0.01", "0.01"), ("SPY", "0.05", "0.08")):
        found = venue._find(stock(symbol))
        assert not isinstance(found, Refusal)
        quote = market.quote(found, FRIDAY)
        assert quote.bid is not None
        assert quote.ask is not None
        assert D(low) <= quote.ask - quote.bid <= D(high)
        assert fits(found.rule, quote.bid)
        assert quote.last in (quote.bid, quote.ask)


def test_black_scholes_on_a_known_example() -> None:
    venue, _ = open_venue()
    found = venue._find(option(expiry="20261218", strike=D(600), right="C"))
    put = venue._find(option(expiry="20261218", strike=D(600), right="P"))
    assert not isinstance(found, Refusal)
    assert not isinstance(put, Refusal)
    one, other = (black_scholes(t, 600.0, 0.2, 1.0) for t in (found, put))
    assert one.price == pytest.approx(59.5506, abs=1e-3)  # 600 · 9.9251 %: S = K = 100, σ 0.2
    assert one.price - other.price == pytest.approx(600 * (1 - 2.718281828**-0.04), abs=1e-4)
    assert one.delta == pytest.approx(0.6179, abs=1e-4)


def test_option_quotes_have_greeks_and_spread(venue: PracticeVenue) -> None:
    call = venue.qualify(option(expiry="20261218", strike=D(640), right="C"))
    assert isinstance(call, Contract)
    items = venue.snapshot(call)
    prices = {i.type: i.price for i in items if isinstance(i, TickPrice)}
    bid, ask = prices[1], prices[2]
    assert bid is not None
    assert ask is not None
    assert D("0.05") <= ask - bid <= ask * D("0.04")
    models = {i.type: i for i in items if isinstance(i, OptionTick)}
    assert set(models) == {10, 11, 12, 13}
    model = models[13]
    assert model.price is not None
    assert float(bid) <= model.price <= float(ask)
    back = venue.option_by_price(call, model.price, model.und_price or 0)
    assert isinstance(back, OptionTick)
    assert back.implied_vol == pytest.approx(model.implied_vol, abs=1e-4)
    forth = venue.option_by_volatility(call, model.implied_vol or 0, model.und_price or 0)
    assert isinstance(forth, OptionTick)
    assert forth.price == pytest.approx(model.price, abs=1e-4)
    assert isinstance(venue.option_by_price(stock("SPY"), 1, 1), Refusal)


# -- recorded bars


def recorded(day: int, *prices: str, volume: str = "1000") -> RecordedBar:
    first, high, low, last = (D(price) for price in prices)
    return RecordedBar(
        instrument=InstrumentId("STK:KO:USD"),
        session_date=date(2026, 11, day),
        open=first,
        high=high,
        low=low,
        close=last,
        volume=D(volume),
    )


BARS = {
    "KO": [
        recorded(18, "49", "51", "48", "50"),
        recorded(19, "50", "53", "49.5", "52"),  # the low is nearer: O-L-H-C
        recorded(20, "52", "52.5", "48", "49"),  # the high is nearer: O-H-L-C
    ]
}


def test_recorded_bars_are_walked_in_quarters() -> None:
    start = datetime(2026, 11, 19, 14, 0, tzinfo=UTC)
    venue, _ = open_venue(start=start, bars=BARS)
    seen = []
    for day in (19, 20):
        for quarter in range(4):
            at = datetime(2026, 11, day, 14, 31, tzinfo=UTC) + timedelta(minutes=97.5) * quarter
            seen.append(venue.market.price("KO", at))
    assert seen == [D(p) for p in ("50", "49.5", "53", "52", "52", "52.5", "48", "49")]
    venue.advance_to(datetime(2026, 11, 19, 15, 0, tzinfo=UTC))
    assert venue.market.stats(venue._known(600000008), venue.now()).volume == 250


def test_history_before_now_returns_the_recorded_bars() -> None:
    venue, _ = open_venue(bars=BARS)
    found = venue.history(HistoryAsk(contract=stock("KO"), duration="5 D"))
    assert isinstance(found, History)
    assert [(b.day, b.close) for b in found.bars] == [
        (date(2026, 11, 18), D(50)),
        (date(2026, 11, 19), D(52)),
        (TODAY, D(52)),  # the running day: only its open so far
    ]
    assert found.bars[1].volume == 1000


def test_market_on_close_fills_at_the_recorded_close() -> None:
    venue, _ = open_venue(bars=BARS)
    venue.place(order(1, "BUY 10 MOC"))
    venue.advance(7 * 3600)
    assert [e.price for e in executions(venue)] == [49]


# -- streams


def subscribed(kind: Kind, symbol: str = "SPY", **more: Any) -> tuple[PracticeVenue, Any]:
    venue, ear = open_venue(**more.pop("options", {}))
    contract = venue.qualify(stock(symbol))
    assert isinstance(contract, Contract)
    refused = venue.subscribe(Subscription(key=(17, 1), kind=kind, contract=contract, **more))
    assert refused is None
    return venue, ear


def items(ear: Any) -> Iterator[Any]:
    return (item for _, item in ear.all("item"))


def test_quotes_start_with_everything_and_go_on_with_changes() -> None:
    venue, ear = subscribed(Kind.QUOTES)
    venue.advance(0)
    first = list(items(ear))
    assert first[0] == DataType(1)
    kinds = {getattr(item, "type", None) for item in first}
    assert {1, 2, 4, 0, 3, 5, 6, 7, 8, 9, 14, 45, 49} <= kinds
    ear.log.clear()
    venue.advance(10)
    for one, following in pairwise([i for i in items(ear) if getattr(i, "type", 0) == 1]):
        assert one != following
    assert venue.unsubscribe((17, 1))
    ear.log.clear()
    venue.advance(10)
    assert ear.log == []


def test_delayed_data_has_its_own_tick_ids() -> None:
    venue, ear = subscribed(Kind.QUOTES, data_type=3)
    venue.advance(1)
    kinds = {i.type for i in items(ear) if isinstance(i, TickPrice | TickSize)}
    assert kinds == {66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76}


def test_a_halt_is_told() -> None:
    venue, ear = subscribed(Kind.QUOTES, "HALT")
    venue.advance(1)
    assert TickValue(49, 1.0) in list(items(ear))


def test_five_second_bars_come_every_five_seconds_and_join() -> None:
    venue, ear = subscribed(Kind.BARS_5S)
    venue.advance(20)
    bars = list(items(ear))
    assert [b.at.second for b in bars] == [0, 5, 10, 15]
    assert all(b.low <= min(b.open, b.close) <= max(b.open, b.close) <= b.high for b in bars)
    assert all(a.close == b.open for a, b in pairwise(bars))


def test_keep_up_to_date_repeats_the_running_bar_and_begins_the_next() -> None:
    venue, ear = subscribed(Kind.KEEP_UP, bar_size="1 min")
    venue.advance(90)
    bars = list(items(ear))
    assert len(bars) == 18
    assert [b.at.minute for b in bars] == [0] * 12 + [1] * 6
    assert len({b.open for b in bars[:12]}) == 1


def test_tick_by_tick_and_its_limits() -> None:
    venue, ear = subscribed(Kind.TICKS, what="BidAsk")
    venue.advance(5)
    ticks = list(items(ear))
    assert ticks
    assert all(isinstance(t, BidAskTick) for t in ticks)
    contract = venue.qualify(stock("SPY"))
    assert isinstance(contract, Contract)
    for n in range(2, 6):
        asked = Subscription(key=(17, n), kind=Kind.TICKS, contract=contract, what="Last")
        assert venue.subscribe(asked) is None
    refused = venue.subscribe(Subscription(key=(17, 6), kind=Kind.TICKS, contract=contract))
    assert refused is not None
    assert refused.code == 10190


def test_a_hundred_lines_over_all_clients() -> None:
    venue, _ = open_venue()
    contract = venue.qualify(stock("SPY"))
    assert isinstance(contract, Contract)
    answers = [
        venue.subscribe(Subscription(key=(n % 3, n), kind=Kind.QUOTES, contract=contract))
        for n in range(101)
    ]
    assert answers[:100] == [None] * 100
    assert answers[100] is not None
    assert answers[100].code == 101
    venue.unsubscribe_client(0)
    assert venue.subscribe(Subscription(key=(1, 999), kind=Kind.QUOTES, contract=contract)) is None


def test_profit_comes_each_second() -> None:
    venue, ear = open_venue(fixed("KO", "10:00 50.00 50.02 50.01"))
    contract = venue.qualify(stock("KO"))
    assert isinstance(contract, Contract)
    venue.subscribe(Subscription(key=(17, 1), kind=Kind.PNL))
    venue.subscribe(Subscription(key=(17, 2), kind=Kind.PNL_SINGLE, contract=contract))
    venue.place(order(1, "BUY 100 MKT"))
    venue.advance(3)
    sent = [(key[1], item) for key, item in ear.all("item")]
    assert [n for n, _ in sent] == [1, 2] * 4
    assert sent[-2][1] == Pnl(daily=D(-2), unrealized=D(-2), realized=D(0))
    assert sent[-1][1].position == 100


def test_nothing_is_computed_where_nobody_looks() -> None:
    venue, ear = open_venue()
    venue.advance(7 * 86_400)
    assert ear.log == []


# -- history


def test_daily_history_of_a_year_ends_with_the_running_day(venue: PracticeVenue) -> None:
    found = venue.history(HistoryAsk(contract=stock("QQQ"), duration="1 Y"))
    assert isinstance(found, History)
    assert 258 <= len(found.bars) <= 263
    assert found.bars[-1].day == TODAY
    for bar in found.bars:
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
    again = open_venue(start=FRIDAY - timedelta(days=30))[0].history(
        HistoryAsk(contract=stock("QQQ"), duration="10 D", end=FRIDAY - timedelta(days=31))
    )
    assert isinstance(again, History)
    assert set(again.bars[:-1]) <= set(found.bars)  # what has been does not change


def test_intraday_history_is_what_was_seen_live() -> None:
    venue, ear = subscribed(Kind.BARS_5S)
    venue.advance(60)
    asked = HistoryAsk(
        contract=stock("SPY"), duration="60 S", bar_size="5 secs", end=FRIDAY + timedelta(minutes=1)
    )
    found = venue.history(asked)
    assert isinstance(found, History)
    live = list(items(ear))
    assert [(b.at, b.open, b.high, b.low, b.close) for b in found.bars] == [
        (b.at, b.open, b.high, b.low, b.close) for b in live
    ]


@pytest.mark.parametrize(
    ("more", "count"),
    [
        ({"duration": "2 D", "bar_size": "1 hour"}, 8),  # 7 of yesterday, the first of today
        ({"duration": "1 D", "bar_size": "30 mins"}, 1),
        ({"duration": "1 D", "bar_size": "30 mins", "use_rth": False}, 12),
        ({"duration": "1 M", "bar_size": "1 week"}, 5),
        ({"duration": "600 S", "bar_size": "1 min"}, 10),
    ],
)
def test_durations_and_sizes(venue: PracticeVenue, more: Any, count: int) -> None:
    found = venue.history(HistoryAsk(contract=stock("SPY"), **more))
    assert isinstance(found, History)
    assert len(found.bars) == count


@pytest.mark.parametrize("what", ["BID", "ASK", "MIDPOINT", "BID_ASK"])
def test_what_to_show(venue: PracticeVenue, what: str) -> None:
    asked = HistoryAsk(contract=stock("SPY"), duration="1800 S", bar_size="1 min", what=what)
    found = venue.history(asked)
    assert isinstance(found, History)
    assert all(bar.volume == -1 for bar in found.bars)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"what": "FEE_RATE"}, 321),
        ({"duration": "1 X"}, 321),
        ({"bar_size": "7 mins"}, 321),
        ({"what": "ADJUSTED_LAST", "end": FRIDAY}, 321),
        ({"duration": "5 D", "end": datetime(2009, 1, 5, tzinfo=UTC)}, 162),
        ({"duration": "1 Y", "bar_size": "1 min"}, 162),
    ],
)
def test_what_history_refuses(venue: PracticeVenue, more: Any, code: int) -> None:
    found = venue.history(HistoryAsk(contract=stock("SPY"), **more))
    assert isinstance(found, Refusal)
    assert found.code == code


def test_small_bars_are_paced() -> None:
    venue, _ = open_venue()
    ask = HistoryAsk(contract=stock("SPY"), duration="60 S", bar_size="5 secs")
    assert isinstance(venue.history(ask), History)
    twice = venue.history(ask)
    assert isinstance(twice, Refusal)
    assert twice.code == 162
    venue.advance(16)
    assert isinstance(venue.history(ask), History)
    burst = [
        venue.history(HistoryAsk(contract=stock("QQQ"), duration=f"{60 + n} S", bar_size="5 secs"))
        for n in range(6)
    ]
    assert [isinstance(one, History) for one in burst] == [True] * 5 + [False]


def test_the_rest_of_the_past(venue: PracticeVenue) -> None:
    sessions = venue.schedule(HistoryAsk(contract=stock("SPY"), duration="5 D", what="SCHEDULE"))
    assert isinstance(sessions, Schedule)
    assert [day for *_, day in sessions.sessions][-1] == TODAY
    assert len(sessions.sessions) == 5
    head = venue.head(stock("SPY"), "TRADES")
    assert isinstance(head, datetime)
    assert head.year == 2015
    ticks = venue.past_ticks(stock("SPY"), None, FRIDAY, 10, "TRADES")
    assert isinstance(ticks, list)
    assert len(ticks) == 10
    assert all(isinstance(t, TradeTick) for t in ticks)
    assert ticks[-1].at == FRIDAY
    late = venue.past_ticks(stock("SPY"), FRIDAY - timedelta(hours=20), None, 5, "BID_ASK")
    assert isinstance(late, list)
    assert len(late) == 5
    rows = venue.histogram(stock("SPY"), "3 days", use_rth=True)
    assert isinstance(rows, list)
    assert rows == sorted(rows)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6))
def test_stepping_finely_or_at_once_announces_the_same(seed: int) -> None:
    logs = []
    for steps in (1, 37):
        venue, ear = open_venue(seed=seed)
        contract = venue.qualify(stock("TQQQ"))
        assert isinstance(contract, Contract)
        venue.subscribe(Subscription(key=(1, 1), kind=Kind.QUOTES, contract=contract))
        venue.place(order(1, "BUY 77 MKT", "TQQQ"))
        for _ in range(steps):
            venue.advance(3.7 / steps)
        logs.append(ear.log)
    assert logs[0] == logs[1]
