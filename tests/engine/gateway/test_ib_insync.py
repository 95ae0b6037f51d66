"""Unmodified ib_insync over TCP: the whole script, its decoder silent, values equal the ledger."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest

from engine.brokers.practice.gateway import PracticeGateway
from engine.brokers.practice.model import Contract, ExecutionFilter
from tests.engine.gateway.conftest import Opening
from tests.patience import PATIENCE_S

VERSIONS: tuple[int, ...] = (157, 158, 163, 164, 166, 170, 174, 176)
MORE = (160, 162, 169, 172, 175)
"""Run as well with PILOTHOUSE_CLIENTS=all."""

if os.environ.get("PILOTHOUSE_CLIENTS") == "all":
    VERSIONS += MORE


class Complaints(logging.Handler):
    """Everything that a logger says."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record.getMessage())


class Desk:
    """A connected ib_insync and everything it was told about errors."""

    def __init__(self, gateway: PracticeGateway) -> None:
        from ib_insync import IB

        self.gateway = gateway
        self.ib: Any = IB()  # type: ignore[no-untyped-call]
        self.ib.TimezoneTWS = "US/Eastern"
        self.errors: list[tuple[int, int, str]] = []
        self.option: Any = None  # one that trades
        self.ib.errorEvent += self._on_error

    def _on_error(self, r: int, code: int, text: str, contract: Any) -> None:
        self.errors.append((r, code, text))

    async def connect(self, client: int = 17) -> None:
        await self.ib.connectAsync(self.gateway.host, self.gateway.port, client, timeout=PATIENCE_S)

    async def until(self, is_so: Callable[[], Any], timeout_s: float = PATIENCE_S) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(timeout_s):
            while not is_so():  # noqa: ASYNC110  a predicate has no event
                await asyncio.sleep(0.005)

    def codes(self) -> set[int]:
        return {code for _, code, _ in self.errors}

    async def stock(self, symbol: str) -> Any:
        from ib_insync import Stock

        found = await self.ib.qualifyContractsAsync(Stock(symbol, "SMART", "USD"))
        assert len(found) == 1
        return found[0]


@pytest.fixture
def complaints() -> Any:
    """What the library's decoder complains of; nothing, in the end."""
    handler = Complaints()
    logger = logging.getLogger("ib_insync.Decoder")
    logger.addHandler(handler)
    for noisy in ("ib_insync.wrapper", "ib_insync.ib", "ib_insync.client"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    yield handler.records
    logger.removeHandler(handler)
    assert handler.records == []


@pytest.fixture
async def desk(opened: Opening, complaints: list[str]) -> AsyncIterator[Callable[..., Any]]:
    """A gateway and a connected ib_insync at it."""
    desks: list[Desk] = []

    async def at(client: int = 17, **options: Any) -> Desk:
        gateway = options.pop("gateway", None) or await opened(**{"speed": 20.0} | options)
        made = Desk(gateway)
        desks.append(made)
        await made.connect(client)
        return made

    yield at
    for one in desks:
        one.ib.disconnect()
    await asyncio.sleep(0)


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_whole_script_at_every_version(desk: Callable[..., Any], version: int) -> None:
    d: Desk = await desk(server_version=version)
    ib, venue = d.ib, d.gateway.venue
    assert ib.client.serverVersion() == version
    assert ib.managedAccounts() == [venue.account]
    assert ib.client.getReqId() >= 1
    assert await ib.reqPositionsAsync() == []
    await contracts(d)
    await market(d)
    await history(d)
    await orders(d)
    await account(d)
    await reconnect(d)


async def contracts(d: Desk) -> None:
    """Known, unknown, chains, rules."""
    from ib_insync import Option, Stock

    spy = await d.stock("SPY")
    assert spy.conId == 756733
    assert await d.ib.reqContractDetailsAsync(Stock("NOSUCH", "SMART", "USD")) == []
    assert 200 in d.codes()
    (details,) = await d.ib.reqContractDetailsAsync(spy)
    (known,) = d.gateway.venue.details(Contract(con_id=spy.conId))
    assert details.longName == known.long_name
    assert details.minTick == float(known.min_tick)
    assert details.marketRuleIds == known.market_rule_ids
    assert details.tradingHours == known.trading_hours
    rule = await d.ib.reqMarketRuleAsync(26)
    assert [(step.lowEdge, step.increment) for step in rule] == [(0.0, 0.01)]
    chains = await d.ib.reqSecDefOptParamsAsync("SPY", "", "STK", spy.conId)
    chain = next(one for one in chains if one.exchange == "SMART")
    (wanted,) = [
        one for one in d.gateway.venue.chain("SPY", "STK", spy.conId) if one.exchange == "SMART"
    ]
    assert tuple(chain.expirations) == wanted.expirations
    assert tuple(chain.strikes) == tuple(map(float, wanted.strikes))
    strike = chain.strikes[len(chain.strikes) // 2]
    (option,) = await d.ib.qualifyContractsAsync(
        Option("SPY", chain.expirations[5], strike, "C", "SMART", currency="USD")
    )
    assert option.conId > 10**9
    d.option = option


async def market(d: Desk) -> None:
    ib = d.ib
    spy = await d.stock("SPY")
    ticker = ib.reqMktData(spy)
    await d.until(lambda: ticker.bid > 0 and ticker.ask > ticker.bid and ticker.bidSize > 0)
    await d.until(lambda: ticker.last > 0 and ticker.close > 0 and ticker.volume > 0)
    option = ib.reqMktData(d.option)
    await d.until(lambda: option.modelGreeks is not None and option.modelGreeks.delta)
    assert 0 < option.modelGreeks.impliedVol < 2
    assert 0 < option.modelGreeks.delta < 1
    assert abs(option.modelGreeks.undPrice / ticker.last - 1) < 0.01
    ib.cancelMktData(d.option)
    ib.cancelMktData(spy)
    (snapshot,) = await ib.reqTickersAsync(spy)
    assert snapshot.bid > 0


async def history(d: Desk) -> None:
    ib = d.ib
    spy = await d.stock("SPY")
    daily = await ib.reqHistoricalDataAsync(spy, "", "10 D", "1 day", "TRADES", True)
    assert len(daily) == 10
    assert all(bar.low <= min(bar.open, bar.close) <= bar.high for bar in daily)
    minutes = await ib.reqHistoricalDataAsync(
        spy, "", "1800 S", "1 min", "TRADES", True, formatDate=2, keepUpToDate=True
    )
    assert len(minutes) >= 29
    assert (minutes[-1].date - minutes[-2].date).total_seconds() == 60
    count, last = len(minutes), minutes[-1]
    await d.until(lambda: len(minutes) > count or minutes[-1] != last)
    ib.cancelHistoricalData(minutes)


async def orders(d: Desk) -> None:
    from ib_insync import LimitOrder, MarketOrder

    ib, venue = d.ib, d.gateway.venue
    spy = await d.stock("SPY")
    common = {"tif": "DAY", "account": venue.account}

    state = await ib.whatIfOrderAsync(spy, MarketOrder("BUY", 100, **common))
    assert float(state.initMarginChange) > 1000
    assert state.commission > 0

    bought = ib.placeOrder(spy, MarketOrder("BUY", 100, orderRef="PH-1", **common))
    await d.until(lambda: bought.orderStatus.status == "Filled")
    await d.until(lambda: len(bought.fills) == 2)
    await d.until(lambda: all(fill.commissionReport.execId for fill in bought.fills))
    assert_ledger_equal(d, bought)

    limit = ib.placeOrder(spy, LimitOrder("BUY", 10, 100.0, orderRef="PH-2", **common))
    await d.until(lambda: limit.orderStatus.status == "Submitted")
    limit.order.lmtPrice = 101.0
    ib.placeOrder(spy, limit.order)
    await d.until(
        lambda: venue.open_orders(17) and venue.open_orders(17)[0].request.limit_price == 101
    )
    perm_id = limit.orderStatus.permId
    ib.cancelOrder(limit.order)
    await d.until(lambda: limit.orderStatus.status == "Cancelled")
    assert limit.orderStatus.permId == perm_id
    assert 202 in d.codes()

    refused = ib.placeOrder(spy, LimitOrder("BUY", 10**6, 400.0, orderRef="PH-3", **common))
    await d.until(lambda: 201 in d.codes())
    await d.until(lambda: refused.orderStatus.status in ("Inactive", "Cancelled"))

    await bracket(d, spy, common)
    await group(d, spy, common)


async def bracket(d: Desk, spy: Any, common: dict[str, Any]) -> None:
    ticker = (await d.ib.reqTickersAsync(spy))[0]
    parent, profit, stop = d.ib.bracketOrder(
        "BUY", 20, round(ticker.ask + 1, 2), round(ticker.ask + 30, 2), round(ticker.ask - 30, 2)
    )
    trades: list[Any] = []
    for one in (parent, profit, stop):
        one.tif, one.account, one.orderRef = "DAY", common["account"], f"PH-b{len(trades)}"
        trades.append(d.ib.placeOrder(spy, one))
    await d.until(lambda: trades[0].orderStatus.status == "Filled")
    await d.until(lambda: trades[1].orderStatus.status == "Submitted")
    await d.until(lambda: trades[2].orderStatus.status == "PreSubmitted")
    assert trades[1].order.parentId == trades[0].order.orderId
    d.ib.cancelOrder(profit)
    await d.until(lambda: trades[1].orderStatus.status == "Cancelled")
    d.ib.cancelOrder(stop)
    await d.until(lambda: trades[2].orderStatus.status == "Cancelled")


async def group(d: Desk, spy: Any, common: dict[str, Any]) -> None:
    from ib_insync import LimitOrder

    ticker = (await d.ib.reqTickersAsync(spy))[0]
    low = LimitOrder("BUY", 5, 50.0, orderRef="PH-o1", **common)
    high = LimitOrder("BUY", 5, round(ticker.ask + 1, 2), orderRef="PH-o2", **common)
    d.ib.oneCancelsAll([low, high], "group", 1)
    trades = [d.ib.placeOrder(spy, one) for one in (low, high)]
    await d.until(lambda: trades[1].orderStatus.status == "Filled")
    await d.until(lambda: trades[0].orderStatus.status == "Cancelled")


def assert_ledger_equal(d: Desk, trade: Any) -> None:
    """Prices, sizes, filled, remaining, average price, commission."""
    known = [
        (execution, commission)
        for execution, commission in d.gateway.venue.executions(ExecutionFilter())
        if execution.order_id == trade.order.orderId
    ]
    assert len(known) == len(trade.fills)
    for (execution, commission), fill in zip(known, trade.fills, strict=True):
        told = fill.execution
        assert told.execId == execution.exec_id
        assert told.shares == float(execution.shares)
        assert told.price == float(execution.price)
        assert told.cumQty == float(execution.cum_qty)
        assert told.avgPrice == pytest.approx(float(execution.avg_price), abs=1e-9)
        assert told.orderRef == execution.order_ref
        assert told.permId == execution.perm_id
        assert told.time == execution.at.replace(microsecond=0)
        assert commission is not None
        assert fill.commissionReport.execId == execution.exec_id
        assert fill.commissionReport.commission == float(commission.commission)
    status = trade.orderStatus
    total = sum((execution.shares for execution, _ in known), Decimal(0))
    cost = sum((e.shares * e.price for e, _ in known), Decimal(0))
    assert (status.filled, status.remaining) == (float(total), 0.0)
    assert status.avgFillPrice == pytest.approx(float(cost / total), abs=1e-9)
    assert status.lastFillPrice == float(known[-1][0].price)


async def account(d: Desk) -> None:
    """Executions, completed, open orders, positions, portfolio, values, P&L."""
    ib, venue = d.ib, d.gateway.venue
    fills = await ib.reqExecutionsAsync()
    known = {execution.exec_id for execution, _ in venue.executions(ExecutionFilter())}
    assert {fill.execution.execId for fill in fills} == known
    completed = await ib.reqCompletedOrdersAsync(False)
    assert {trade.order.permId for trade in completed} == {
        view.perm_id for view in venue.completed_orders()
    }
    by_perm = {view.perm_id: view for view in venue.completed_orders()}
    for trade in completed:
        view = by_perm[trade.order.permId]
        assert trade.order.filledQuantity == float(view.filled)
        assert trade.order.orderRef == view.request.order_ref
        assert trade.orderStatus.status == view.status
    assert await ib.reqAllOpenOrdersAsync() == []
    (position,) = await ib.reqPositionsAsync()
    (row,) = venue.positions()
    assert position.position == float(row.position)
    assert position.avgCost == pytest.approx(float(row.avg_cost), abs=1e-9)
    values = {value.key: value.value for value in venue.account_values()}
    told = {value.tag: value.value for value in ib.accountValues()}
    assert told.keys() == values.keys()
    assert [item.position for item in ib.portfolio()] == [float(row.position)]
    summary = {value.tag: value.value for value in await ib.accountSummaryAsync()}
    assert float(summary["NetLiquidation"]) > 0
    pnl = ib.reqPnL(venue.account)
    single = ib.reqPnLSingle(venue.account, "", row.contract.con_id)
    await d.until(lambda: pnl.unrealizedPnL == pnl.unrealizedPnL and single.position)
    assert single.position == float(row.position)
    ib.cancelPnL(venue.account)
    ib.cancelPnLSingle(venue.account, "", row.contract.con_id)


async def reconnect(d: Desk) -> None:
    """The same id again: ids go on, the same fills come back."""
    before = {fill.execution.execId for fill in d.ib.fills()}
    last_id = d.gateway.venue.last_order_id(17)
    d.ib.disconnect()
    await d.until(lambda: d.gateway.clients == [])
    await d.connect()
    assert d.ib.client.getReqId() > last_id
    assert {fill.execution.execId for fill in d.ib.fills()} == before
