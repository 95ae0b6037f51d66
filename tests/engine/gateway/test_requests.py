"""Requests with wrong words are refused; those who subscribed hear of what changes."""

from typing import Any

import pytest

from tests.engine.gateway.conftest import Joining, Opening
from tests.engine.gateway.talker import SPY, Talker

HISTORY = {
    "barSize": "1 min", "duration": "1800 S", "useRTH": True, "what": "TRADES", "formatDate": 1,
}  # fmt: skip


@pytest.fixture
async def ready(opened: Opening, joined: Joining) -> Talker:
    """A client at a stepped gateway."""
    talker: Talker = await joined(await opened(speed=0))
    return talker


@pytest.mark.parametrize(
    ("name", "words", "code"),
    [
        ("reqHistoricalData", HISTORY | {"what": "GOSSIP"}, 321),
        ("reqHistoricalData", HISTORY | {"end": "tomorrow"}, 321),
        ("reqHistoricalData", HISTORY | {"end": "20261119", "keepUpToDate": True}, 321),
        ("reqHistoricalData", HISTORY | {"end": "20261119", "what": "ADJUSTED_LAST"}, 321),
        ("reqHistoricalData", HISTORY | {"symbol": "NOSUCH", "conId": 0}, 200),
        ("reqHistoricalData", HISTORY | {"barSize": "1 moment"}, 321),
        ("reqHistoricalTicks", {"what": "GOSSIP", "n": 5}, 321),
        ("reqHistoricalTicks", {"what": "TRADES", "n": 5, "start": "noon"}, 321),
        ("reqHistoricalTicks", {"symbol": "NOSUCH", "conId": 0}, 200),
        ("reqTickByTickData", {"tickType": "Gossip"}, 321),
        ("reqTickByTickData", {"tickType": "Last", "symbol": "NOSUCH", "conId": 0}, 200),
        ("reqRealTimeBars", {"what": "GOSSIP"}, 321),
        ("reqRealTimeBars", {"what": "TRADES", "symbol": "NOSUCH", "conId": 0}, 200),
        ("reqMktData", {"symbol": "NOSUCH", "conId": 0}, 200),
        ("reqMarketDataType", {"type": 9}, 321),
        ("reqMarketRule", {"ruleId": 4711}, 321),
        ("reqExecutions", {"time": "yesterday"}, 321),
        ("reqAccountUpdates", {"subscribe": True, "account": "U999"}, 321),
        ("reqPositionsMulti", {"account": "U999"}, 321),
        ("reqAccountUpdatesMulti", {"account": "U999"}, 321),
        ("reqPnL", {"account": "U999"}, 321),
        ("reqPnLSingle", {"account": "", "conId": 12345}, 200),
        ("reqHeadTimestamp", {"what": "GOSSIP"}, 162),
        ("reqHeadTimestamp", {"symbol": "NOSUCH", "conId": 0}, 200),
        ("reqHistogramData", {"symbol": "NOSUCH", "conId": 0, "period": "3 days"}, 200),
        ("calculateImpliedVolatility", {"price": 3, "underPrice": 600}, 321),
        ("calculateOptionPrice", {"symbol": "NOSUCH", "conId": 0}, 200),
        ("cancelMktData", {}, 300),
        ("cancelPnL", {}, 300),
    ],
)  # fmt: skip
async def test_wrong_words_are_refused_with_a_code(
    ready: Talker, name: str, words: dict[str, Any], code: int
) -> None:
    ready.say(name, **{**SPY, "r": 5, **words})
    await ready.settle()
    assert ready.codes() == [code]
    error = ready.all("error")[-1]
    assert error["id"] in (5, -1)
    assert error["text"]


async def test_an_order_without_an_id_is_no_order(ready: Talker) -> None:
    ready.say("placeOrder", **SPY, action="BUY", totalQuantity=1, orderType="MKT")
    await ready.settle()
    assert ready.codes() == [320]
    assert list(ready.gateway.venue.open_orders()) == []


async def test_the_account_is_told_again_each_three_minutes(ready: Talker) -> None:
    await ready.ask("reqAccountUpdates", "accountDownloadEnd", subscribe=True)
    await ready.ask("reqAccountSummary", "accountSummaryEnd", r=4, group="All", tags="")
    await ready.ask("reqAccountUpdates", "accountDownloadEnd", subscribe=True)
    ready.gateway.advance(179)
    await ready.settle()
    assert len(ready.all("accountDownloadEnd")) == 2
    ready.gateway.advance(362)
    await ready.settle()
    assert len(ready.all("accountDownloadEnd")) == 5  # a second subscription does not add up
    assert len(ready.all("accountSummaryEnd")) == 4
    ready.say("reqAccountUpdates", subscribe=False)
    ready.say("cancelAccountSummary", r=4)
    await ready.settle()
    ready.gateway.advance(400)
    await ready.settle()
    assert len(ready.all("accountDownloadEnd")) == 5
    assert len(ready.all("accountSummaryEnd")) == 4


async def test_who_subscribed_hears_of_a_fill_in_each_of_his_ways(ready: Talker) -> None:
    account = ready.gateway.account
    await ready.ask("reqPositions", "positionEnd")
    await ready.ask("reqPositionsMulti", "positionMultiEnd", r=6, account=account)
    await ready.ask("reqAccountUpdates", "accountDownloadEnd", subscribe=True)
    ask = {"r": 7, "account": account, "ledgerAndNLV": False}
    await ready.ask("reqAccountUpdatesMulti", "accountUpdateMultiEnd", **ask)
    before = {name: len(ready.all(name)) for name in ("accountValue", "accountUpdateMulti")}
    ready.place(1, 10)
    await ready.settle()
    ready.gateway.advance(3)
    await ready.settle()
    for name in ("position", "positionMulti", "portfolio"):
        assert ready.all(name)[-1]["position"] == 10, name
    for name, count in before.items():
        assert len(ready.all(name)) > count, name
    for name, words in (
        ("cancelPositions", {}),
        ("cancelPositionsMulti", {"r": 6}),
        ("cancelAccountUpdatesMulti", {"r": 7}),
        ("reqAccountUpdates", {"subscribe": False}),
    ):
        ready.say(name, **words)
    await ready.settle()
    names = ("position", "positionMulti", "portfolio", "accountValue", "accountUpdateMulti")
    counts = [len(ready.all(name)) for name in names]
    ready.place(2, 10)
    await ready.settle()
    ready.gateway.advance(3)
    await ready.settle()
    assert [len(ready.all(name)) for name in names] == counts


async def test_a_snapshot_ends_and_leaves_no_line(ready: Talker) -> None:
    await ready.gateway.fault("limits", lines=1)
    for r in (1, 2, 3):
        await ready.ask("reqMktData", "tickSnapshotEnd", r=r, snapshot=True, **SPY)
    assert ready.codes() == []
    names = {name for name, values in ready.heard if values.get("r") == 3}
    assert {"tickReqParams", "marketDataType", "tickPrice", "tickSnapshotEnd"} <= names


async def test_a_schedule_is_offered_from_165_on(opened: Opening, joined: Joining) -> None:
    words = {**SPY, **HISTORY, "what": "SCHEDULE", "barSize": "1 day", "duration": "3 D", "r": 1}
    for version, answer in ((164, "error"), (165, "historicalSchedule")):
        talker = await joined(await opened(speed=0, server_version=version))
        assert (await talker.ask("reqHistoricalData", answer, **words))[0]
