"""Faults of the venue as a client hears them over a socket, and books that agree with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from engine.brokers.practice.gateway import PracticeGateway
from engine.brokers.practice.model import ExecutionFilter
from tests.engine.gateway.talker import SPY, Talker


@asynccontextmanager
async def client(**options: Any) -> AsyncIterator[tuple[PracticeGateway, Talker]]:
    """A stepped gateway and one strict client."""
    async with PracticeGateway(speed=0, **options) as gateway:
        talker = await Talker(gateway).connect()
        try:
            yield gateway, talker
        finally:
            await talker.leave()
        assert gateway.server.failures == []


async def passing(gateway: PracticeGateway, talker: Talker, seconds: float) -> None:
    await talker.settle()
    gateway.advance(seconds)
    await talker.settle()


@pytest.mark.parametrize(
    ("fault", "words", "codes"),
    [
        ("tws_server_lost", {"s": 2}, [2110, 1102]),
        ("upstream_lost", {"s": 5, "repeat_s": 2, "data_lost": True}, [1100, 1100, 1100, 1101]),
        ("farm_flap", {"farm": "history", "s": 2}, [2105]),
        ("farm_flap", {"farm": "definitions", "s": 2, "recover": False}, [2157]),
        ("farm_flap", {"s": 2}, [2103]),
    ],
)
async def test_links_break_and_mend_by_their_codes(
    fault: str, words: dict[str, object], codes: list[int]
) -> None:
    async with client() as (gateway, talker):
        await gateway.fault(fault, **words)
        await passing(gateway, talker, 10)
        assert talker.codes() == codes
        assert {v["id"] for v in talker.all("error")} == {-1}


async def test_a_change_on_a_lost_link_leaves_two_live_orders() -> None:
    async with client() as (gateway, talker):
        await gateway.fault("double_perm_on_modify")
        talker.place(1, 10, "LMT", lmtPrice=100)
        await passing(gateway, talker, 1)
        talker.place(1, 10, "LMT", lmtPrice=101)
        await passing(gateway, talker, 1)
        shown = (await talker.ask("reqAllOpenOrders", "openOrderEnd"), talker.all("openOrder"))[1]
        assert {(v["orderId"], v["orderRef"]) for v in shown} == {(1, "ref-1")}
        assert len({v["permId"] for v in shown}) == 2


async def test_order_ids_roll_back_over_a_restart_and_are_issued_again() -> None:
    async with client() as (gateway, talker):
        for n in (1, 2, 3):
            talker.place(n, 10, "LMT", lmtPrice=100, tif="GTC")
        await passing(gateway, talker, 1)
        await gateway.fault("restart", down_s=1, id_rollback=2)
        await talker.until(lambda: talker.is_closed)
        gateway.advance(2)
        await talker.until(lambda: gateway.is_listening)
        again = await Talker(gateway).connect()
        assert again.all("nextValidId")[-1]["id"] == 2
        again.place(2, 5, "LMT", lmtPrice=99, orderRef="second", tif="GTC")
        await passing(gateway, again, 1)
        refs = [(v.order_id, v.request.order_ref) for v in gateway.venue.open_orders()]
        assert refs == [(1, "ref-1"), (2, "ref-2"), (3, "ref-3"), (2, "second")]
        assert again.codes() == []
        await again.leave()


async def test_a_slow_exchange_acknowledges_late() -> None:
    async with client() as (gateway, talker):
        await gateway.fault("slow_exchange", factor=100)
        talker.place(1, 10)
        await passing(gateway, talker, 1.9)
        assert talker.statuses(1) == ["PreSubmitted"]
        await passing(gateway, talker, 1)
        assert talker.statuses(1)[-1] == "Filled"


async def test_a_competing_session_takes_the_quotes() -> None:
    async with client() as (gateway, talker):
        talker.say("reqMktData", r=9, **SPY)
        await passing(gateway, talker, 1)
        await gateway.fault("competing_session", s=5)
        await talker.settle()
        assert talker.codes() == [10197]
        before = len(talker.all("tickPrice"))
        await passing(gateway, talker, 4)
        assert len(talker.all("tickPrice")) == before
        await passing(gateway, talker, 4)
        assert len(talker.all("tickPrice")) > before


@pytest.mark.parametrize(
    ("mode", "bid"), [("-1", -1), ("0", 0), ("x10", None), ("UNSET", None), ("crossed", None)]
)
async def test_wrong_quotes_reach_the_client_as_they_are(mode: str, bid: float | None) -> None:
    async with client() as (gateway, talker):
        talker.say("reqMktData", r=9, **SPY)
        await passing(gateway, talker, 1)
        since = len(talker.all("tickPrice"))
        await gateway.fault("quote", symbol="SPY", mode=mode)
        await passing(gateway, talker, 1)
        first = {v["type"]: v["price"] for v in reversed(talker.all("tickPrice")[since:])}
        if bid is not None:
            assert first[1] == bid
        elif mode == "x10":
            assert float(first[1]) > 2000
        elif mode == "crossed":
            assert float(first[1]) > float(first[2])
        else:
            assert first[1] is None or float(first[1]) > 1e300


async def test_delayed_and_frozen_quotes_say_so() -> None:
    async with client() as (gateway, talker):
        talker.say("reqMktData", r=9, **SPY)
        await passing(gateway, talker, 1)
        await gateway.fault("quote", symbol="SPY", mode="delayed", s=2)
        await passing(gateway, talker, 4)
        assert [v["type"] for v in talker.all("marketDataType")] == [1, 3, 1]
        assert 66 in {v["type"] for v in talker.all("tickPrice")}


@pytest.mark.parametrize(
    ("mode", "kind", "bid"),
    [("delayed", 3, 66), ("frozen", 2, 1), ("-1", 1, 1)],
)
async def test_a_stream_that_begins_while_quotes_are_wrong_begins_wrong(
    mode: str, kind: int, bid: int
) -> None:
    async with client() as (gateway, talker):
        await gateway.fault("quote", symbol="SPY", mode=mode, s=60)
        talker.say("reqMktData", r=9, **SPY)
        await passing(gateway, talker, 1)
        assert {v["type"] for v in talker.all("marketDataType")} == {kind}
        first = next(v for v in talker.all("tickPrice") if v["type"] in (1, 66))
        assert first["type"] == bid
        assert (first["price"] == -1) is (mode == "-1")


async def test_bars_stop_without_a_word() -> None:
    async with client() as (gateway, talker):
        talker.say("reqRealTimeBars", r=9, barSize=5, what="TRADES", **SPY)
        await passing(gateway, talker, 11)
        assert len(talker.all("realTimeBar")) == 2
        await gateway.fault("bars", symbol="SPY", mode="stop", s=60)
        await passing(gateway, talker, 30)
        assert len(talker.all("realTimeBar")) == 2
        assert talker.codes() == []


@pytest.mark.parametrize("seed", range(6))
async def test_what_a_client_heard_is_what_the_venue_knows(seed: int) -> None:
    chance = Random(seed)
    async with client(seed=seed) as (gateway, talker):
        talker.say("reqPositions")
        for n in range(1, 21):  # few enough for the limit of 50 messages a second
            kinds: list[tuple[str, dict[str, Any]]] = [
                ("MKT", {}),
                ("LMT", {"lmtPrice": chance.choice([100, 900])}),
                ("STP", {"auxPrice": chance.choice([100, 900])}),
                ("TRAIL", {"auxPrice": 0.05}),
            ]
            kind, words = chance.choice(kinds)
            action = chance.choice(["BUY", "SELL"])
            talker.place(n, chance.randint(1, 20), kind, action=action, **words)
            if chance.random() < 0.3:
                talker.say("cancelOrder", orderId=chance.randint(1, n))
            if n % 4 == 0:
                await passing(gateway, talker, chance.random())
        await passing(gateway, talker, 2)
        venue = gateway.venue
        known = venue.executions(ExecutionFilter())
        heard = talker.all("execution")
        assert [(v["execId"], v["shares"], v["price"], v["cumQty"]) for v in heard] == [
            (e.exec_id, e.shares, e.price, e.cum_qty) for e, _ in known
        ]
        fees = {v["execId"]: v["commission"] for v in talker.all("commission")}
        assert fees == {e.exec_id: fee.commission for e, fee in known if fee is not None}
        last = {v["orderId"]: v for v in talker.all("orderStatus")}
        for view in [*venue.open_orders(), *venue.completed_orders()]:
            told = last[view.order_id]
            assert (told["status"], told["filled"], told["remaining"], told["permId"]) == (
                *(view.status, view.filled, view.remaining, view.perm_id),
            )
            assert float(told["avgFillPrice"]) == pytest.approx(float(view.avg_fill_price))
        position = talker.all("position")[-1]
        (row,) = venue.positions()
        assert (position["position"], position["conId"]) == (row.position, 756733)
        assert float(position["avgCost"]) == pytest.approx(float(row.avg_cost))
