"""Every other request that ib_insync can make, values compared; options and their multiplier."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from engine.brokers.practice.model import Contract, ExecutionFilter
from tests.engine.gateway.conftest import Opening
from tests.engine.gateway.test_ib_insync import Desk, complaints, desk

__all__ = ["complaints", "desk"]  # fixtures

START = datetime(2026, 11, 20, 14, 31, tzinfo=UTC)


async def first_tick(d: Desk, ticker: Any) -> None:
    """Wait for a tick."""
    await d.until(lambda: ticker.tickByTicks)


async def filled(d: Desk, trade: Any) -> None:
    """Wait until an order is filled."""
    await d.until(lambda: trade.orderStatus.status == "Filled")


@pytest.mark.parametrize("version", [157, 176])
async def test_history_of_every_kind(desk: Callable[..., Any], version: int) -> None:
    d: Desk = await desk(server_version=version, speed=0)
    ib, venue = d.ib, d.gateway.venue
    spy = await d.stock("SPY")
    known = Contract(con_id=spy.conId)
    head = await ib.reqHeadTimeStampAsync(spy, "TRADES", True, 2)
    assert head == venue.head(known, "TRADES")
    for what in ("TRADES", "MIDPOINT", "BID_ASK"):
        told = await ib.reqHistoricalTicksAsync(spy, START, "", 10, what, True)
        wanted: Any = venue.past_ticks(known, START, None, 10, what)
        assert len(told) == len(wanted) == 10
        for one, tick in zip(told, wanted, strict=True):
            assert one.time == tick.at.replace(microsecond=0)
            if what == "BID_ASK":
                assert (one.priceBid, one.priceAsk) == (float(tick.bid), float(tick.ask))
                assert (one.sizeBid, one.sizeAsk) == (float(tick.bid_size), float(tick.ask_size))
            else:
                assert (one.price, one.size) == (float(tick.price), float(tick.size))
    histogram = await ib.reqHistogramDataAsync(spy, True, "3 days")
    rows: Any = venue.histogram(known, "3 days", use_rth=True)
    assert [(one.price, one.count) for one in histogram] == [(float(p), int(s)) for p, s in rows]
    if version >= 165:
        schedule = await ib.reqHistoricalScheduleAsync(spy, 3)
        assert schedule.timeZone == "US/Eastern"
        assert schedule.sessions[-1].refDate == "20261120"
        assert schedule.sessions[-1].startDateTime == "20261120-09:30:00"
    hourly = await ib.reqHistoricalDataAsync(
        spy, datetime(2026, 11, 19, 21, tzinfo=UTC), "1 D", "1 hour", "MIDPOINT", True
    )
    assert hourly[0].date.date() == date(2026, 11, 19)
    assert [bar.date.hour for bar in hourly] == [9, 10, 11, 12, 13, 14, 15]


@pytest.mark.parametrize("version", [157, 176])
async def test_streams_of_every_kind(desk: Callable[..., Any], version: int) -> None:
    d: Desk = await desk(server_version=version)
    ib = d.ib
    spy = await d.stock("SPY")
    bars = ib.reqRealTimeBars(spy, 5, "TRADES", True)
    await d.until(lambda: len(bars) >= 2)
    assert (bars[1].time - bars[0].time).total_seconds() == 5
    assert bars[0].low <= bars[0].open_ <= bars[0].high
    ib.cancelRealTimeBars(bars)
    for kind in ("Last", "AllLast", "BidAsk", "MidPoint"):
        ticker = ib.reqTickByTickData(spy, kind)
        await first_tick(d, ticker)
        ib.cancelTickByTickData(spy, kind)
    ib.reqMarketDataType(3)
    delayed = ib.reqMktData(spy)
    await d.until(lambda: delayed.marketDataType == 3 and delayed.bid > 0)
    ib.cancelMktData(spy)


@pytest.mark.parametrize("version", [157, 176])
async def test_reference_and_account_of_every_kind(desk: Callable[..., Any], version: int) -> None:
    d: Desk = await desk(server_version=version, speed=0)
    ib, venue = d.ib, d.gateway.venue
    samples = await ib.reqMatchingSymbolsAsync("SPY")
    assert [one.contract.conId for one in samples] == [
        match.contract.con_id for match in venue.search("SPY")
    ]
    assert [one.derivativeSecTypes for one in samples] == [
        list(match.derivatives) for match in venue.search("SPY")
    ]
    assert (await ib.reqCurrentTimeAsync()) == venue.now().replace(microsecond=0)
    assert await ib.reqMktDepthExchangesAsync()
    assert await ib.reqSmartComponentsAsync("9c0001")
    assert await ib.reqNewsProvidersAsync() == []
    await ib.reqUserInfoAsync()
    await ib.reqAccountUpdatesMultiAsync(venue.account)
    told = {value.tag: value.value for value in ib.accountValues()}
    assert told == {value.key: value.value for value in venue.account_values()}


async def test_an_option_is_bought_with_its_multiplier(desk: Callable[..., Any]) -> None:
    from ib_insync import LimitOrder, Option

    d: Desk = await desk()
    ib, venue = d.ib, d.gateway.venue
    chain = next(iter(await ib.reqSecDefOptParamsAsync("SPY", "", "STK", 756733)))
    strike = chain.strikes[len(chain.strikes) // 2]
    (option,) = await ib.qualifyContractsAsync(
        Option("SPY", chain.expirations[4], strike, "C", "SMART", currency="USD")
    )
    assert option.multiplier == "100"
    (ticker,) = await ib.reqTickersAsync(option)
    volatility = await ib.calculateImpliedVolatilityAsync(option, ticker.ask, 646.0)
    assert 0.01 < volatility.impliedVol < 2
    price = await ib.calculateOptionPriceAsync(option, volatility.impliedVol, 646.0)
    assert price.optPrice == pytest.approx(ticker.ask, rel=0.01)
    order = LimitOrder("BUY", 2, round(ticker.ask + 1), account=venue.account, tif="DAY")
    trade = ib.placeOrder(option, order)
    await d.until(lambda: trade.orderStatus.status == "Filled")
    await d.until(lambda: all(fill.commissionReport.execId for fill in trade.fills))
    known = venue.executions(ExecutionFilter())
    paid = sum(float(e.shares * e.price) for e, _ in known) * 100
    fees = sum(fill.commissionReport.commission for fill in trade.fills)
    assert fees == pytest.approx(1.30)
    (position,) = await ib.reqPositionsAsync()
    assert position.contract.conId == option.conId
    assert position.avgCost == pytest.approx((paid + fees) / 2)
    assert position.contract.right == "C"
    assert position.contract.strike == strike


async def test_account_summaries_are_two_at_most(desk: Callable[..., Any]) -> None:
    d: Desk = await desk(speed=0)
    for r in (901, 902, 903):
        d.ib.client.reqAccountSummary(r, "All", "NetLiquidation")
    await d.ib.reqCurrentTimeAsync()
    assert [(r, code) for r, code, _ in d.errors if code == 322] == [(903, 322)]


async def test_two_clients_trade_beside_each_other(
    opened: Opening, desk: Callable[..., Any]
) -> None:
    from ib_insync import MarketOrder

    gateway = await opened(speed=20.0)
    first: Desk = await desk(1, gateway=gateway)
    second: Desk = await desk(2, gateway=gateway)
    for d, symbol in ((first, "QQQ"), (second, "TLT")):
        contract = await d.stock(symbol)
        order = MarketOrder("BUY", 10, account=gateway.account, tif="DAY", orderRef=symbol)
        trade = d.ib.placeOrder(contract, order)
        await filled(d, trade)
    assert {fill.execution.orderRef for fill in first.ib.fills()} == {"QQQ"}
    assert {fill.execution.clientId for fill in first.ib.fills()} == {1}
    assert {fill.execution.clientId for fill in second.ib.fills()} == {2}
    await second.until(lambda: len(second.ib.positions()) == 2)
