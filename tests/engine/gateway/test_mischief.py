"""Faults of sockets, sessions, requests and frames, over TCP."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.brokers.practice.control import Control, ask
from engine.brokers.practice.server.record import Record
from engine.brokers.practice.wire import frame
from tests.engine.gateway.conftest import Joining, Opening
from tests.engine.gateway.strict_fields import Amiss
from tests.engine.gateway.talker import SPY, Talker
from tests.patience import PATIENCE_S


async def test_a_dropped_socket_takes_the_session_and_leaves_the_order(
    opened: Opening, joined: Joining
) -> None:
    gateway = await opened(speed=0)
    talker = await joined(gateway)
    number = await gateway.fault("drop_socket", client=17, on="ack")
    talker.place(1, 10, "LMT", lmtPrice=100)
    await talker.until(lambda: talker.is_closed)
    assert gateway.venue.fired(number) == 1
    assert [view.order_id for view in gateway.venue.open_orders()] == [1]
    assert gateway.clients == []


async def test_a_fault_for_one_client_leaves_the_others_alone(
    opened: Opening, joined: Joining
) -> None:
    gateway = await opened(speed=0)
    one, other = await joined(gateway, 1), await joined(gateway, 2)
    await gateway.fault("drop_socket", client=1)
    await one.until(lambda: one.is_closed)
    await other.settle()
    assert gateway.clients == [2]


async def test_a_half_open_socket_neither_reads_nor_writes_until_it_thaws(
    opened: Opening, joined: Joining
) -> None:
    gateway = await opened(speed=0)
    talker = await joined(gateway)
    await gateway.fault("half_open", s=0.2)
    talker.say("reqCurrentTime")
    await asyncio.sleep(0.1)
    assert talker.all("currentTime") == []
    assert not talker.is_closed
    gateway.advance(0.3)
    await talker.until(lambda: talker.all("currentTime"))


@pytest.mark.parametrize(
    ("name", "given"), [("fragment", {"bytes": 3}), ("coalesce", {"frames": 5})]
)
async def test_frames_cut_or_joined_are_the_same_frames(
    opened: Opening, joined: Joining, name: str, given: dict[str, int]
) -> None:
    gateway = await opened(speed=0)
    talker = await joined(gateway)
    await gateway.fault(name, **given)
    for _ in range(7):
        talker.say("reqIds", n=1)
    await talker.until(lambda: len(talker.all("nextValidId")) == 8)


async def test_a_silent_start_listens_and_does_not_answer(opened: Opening) -> None:
    gateway = await opened(speed=0)
    await gateway.fault("silent_start")
    reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
    writer.write(frame.hello(100, 178))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.1)
    writer.close()
    second = await Talker(gateway).connect()
    assert second.all("nextValidId")
    await second.leave()


async def test_nobody_is_greeted_for_the_seconds_of_a_silent_start(opened: Opening) -> None:
    gateway = await opened(speed=0)
    await gateway.fault("silent_start", s=5)
    for _ in range(2):
        reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
        writer.write(frame.hello(100, 178))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        writer.close()
    gateway.advance(5)
    third = await Talker(gateway).connect()
    assert third.all("nextValidId")
    await third.leave()


async def test_time_goes_on_from_where_it_was_moved_to(opened: Opening) -> None:
    gateway = await opened(speed=100)
    gateway.advance(3600)
    moved = gateway.venue.now()
    await asyncio.sleep(0.05)
    gateway.pace.catch_up()
    assert gateway.venue.now() > moved


async def test_a_busy_id_is_refused_and_free_later(opened: Opening, joined: Joining) -> None:
    gateway = await opened(speed=0)
    await gateway.fault("client_id_busy", client=17, s=0.1)
    refused = await joined(gateway)
    await refused.until(lambda: refused.is_closed)
    assert refused.codes() == [326]
    again = await joined(gateway)
    assert again.codes() == [326]
    gateway.advance(0.2)
    third = await joined(gateway)
    assert third.all("nextValidId")


async def test_a_slow_answer_comes_after_its_time(opened: Opening, joined: Joining) -> None:
    gateway = await opened(speed=0)
    talker = await joined(gateway)
    await gateway.fault("slow", on="request:61", ms=500)
    talker.say("reqPositions")
    await talker.settle()
    gateway.advance(0.4)
    await talker.settle()
    assert talker.all("positionEnd") == []
    gateway.advance(0.2)
    await talker.settle()
    assert len(talker.all("positionEnd")) == 1


async def test_a_slow_order_is_worked_although_its_client_has_gone(
    opened: Opening, joined: Joining
) -> None:
    gateway = await opened(speed=0)
    talker = await joined(gateway)
    await gateway.fault("slow", kind=3, ms=500)
    talker.place(1, 10, "LMT", lmtPrice=100)
    await talker.settle()
    await talker.leave()
    gateway.advance(0.4)
    assert gateway.venue.open_orders() == []
    gateway.advance(0.2)
    assert [view.order_id for view in gateway.venue.open_orders()] == [1]


async def test_a_slow_order_dies_with_the_gateway_that_has_not_passed_it_on(
    opened: Opening, joined: Joining
) -> None:
    gateway = await opened(speed=0)
    talker = await joined(gateway)
    await gateway.fault("slow", kind=3, ms=500)
    talker.place(1, 10, "LMT", lmtPrice=100)
    await talker.settle()
    gateway.restart(0.1)
    gateway.advance(1)
    assert gateway.venue.open_orders() == []


async def test_a_silent_request_is_never_answered_and_the_next_one_is(
    opened: Opening, joined: Joining
) -> None:
    gateway = await opened(speed=0)
    talker = await joined(gateway)
    await gateway.fault("silent", on="request:61")
    talker.say("reqPositions")
    await talker.settle()
    assert talker.all("positionEnd") == []
    await talker.ask("reqPositions", "positionEnd")


async def test_an_empty_answer_is_successful_and_without_rows(
    opened: Opening, joined: Joining
) -> None:
    gateway = await opened(speed=0)
    talker = await joined(gateway)
    talker.place(1, 10)
    await talker.settle()
    gateway.advance(3)
    await talker.settle()
    for number, name, end, rows in (
        (61, "reqPositions", "positionEnd", "position"),
        (7, "reqExecutions", "executionEnd", "execution"),
        (99, "reqCompletedOrders", "completedOrdersEnd", "completedOrder"),
        (6, "reqAccountUpdates", "accountDownloadEnd", "portfolio"),
    ):
        before = len(talker.all(rows))
        await gateway.fault("empty", on=f"request:{number}")
        await talker.ask(name, end, r=4, subscribe=True)
        assert len(talker.all(rows)) == before, name
        await talker.ask(name, end, r=4, subscribe=True)
        assert len(talker.all(rows)) > before, name


async def test_an_error_takes_the_place_of_an_answer(opened: Opening, joined: Joining) -> None:
    gateway = await opened(speed=0)
    talker = await joined(gateway)
    await gateway.fault("error", on="request:9", code=322, text="Duplicate ticker id")
    talker.say("reqContractDetails", r=8, **SPY)
    await talker.settle()
    assert talker.codes() == [322]
    assert talker.all("error")[-1]["id"] == 8
    assert talker.all("contractDetails") == []


@pytest.mark.parametrize("kind", ["drop", "insert", "garbage"])
async def test_a_spoiled_frame_is_one_that_a_strict_reader_refuses(
    opened: Opening, kind: str
) -> None:
    gateway = await opened(speed=0)
    talker = Talker(gateway)
    await talker.connect()
    talker.is_strict = False
    await gateway.fault("bad_frame", kind=kind)
    talker.say("reqPositions")
    await talker.settle()
    assert len(talker.refused) == 1
    with pytest.raises((Amiss, ValueError)):
        talker.read(talker.refused[0])
    await talker.leave()


async def test_an_oversize_frame_has_an_absurd_length(opened: Opening) -> None:
    gateway = await opened(speed=0)
    talker = await Talker(gateway).connect()
    await gateway.fault("bad_frame", kind="oversize")
    before = len(talker.raw)
    talker.say("reqPositions")
    await talker.until(lambda: len(talker.raw) >= before + 4)
    assert int.from_bytes(talker.raw[before : before + 4], "big") > frame.LENGTH_MAX
    await talker.leave()


async def test_the_clock_can_be_wrong(opened: Opening, joined: Joining) -> None:
    gateway = await opened(speed=0)
    talker = await joined(gateway)
    right = (await talker.ask("reqCurrentTime", "currentTime"))[0]["time"]
    assert right == int(gateway.venue.now().timestamp())
    await gateway.fault("clock_skew", s=-90)
    assert (await talker.ask("reqCurrentTime", "currentTime"))[0]["time"] == right - 90


async def test_a_restart_may_issue_ids_again(opened: Opening, joined: Joining) -> None:
    gateway = await opened(speed=0)
    talker = await joined(gateway)
    for order_id in (1, 2, 3):
        talker.place(order_id, 10, "LMT", lmtPrice=100)
    await talker.settle()
    await gateway.fault("restart", down_s=5, id_rollback=2)
    gateway.advance(6)
    await talker.until(lambda: gateway.is_listening)
    again = await joined(gateway)
    assert again.all("nextValidId")[0]["id"] < 4


async def test_upstream_lost_is_told_to_every_client(opened: Opening, joined: Joining) -> None:
    gateway = await opened(speed=0)
    one, other = await joined(gateway, 1), await joined(gateway, 2)
    await gateway.fault("upstream_lost", s=10, repeat_s=4)
    gateway.advance(11)
    for talker in (one, other):
        await talker.settle()
        assert talker.codes() == [1100, 1100, 1100, 1102]


async def test_a_read_only_gateway_refuses_orders_and_the_question_for_them(
    opened: Opening, joined: Joining
) -> None:
    gateway = await opened(speed=0)
    talker = await joined(gateway)
    await gateway.fault("read_only")
    talker.say("reqOpenOrders")
    talker.place(1, 10)
    await talker.settle()
    errors = talker.all("error")[3:]
    assert [values["code"] for values in errors] == [321, 321]
    assert all("Read-Only" in values["text"] for values in errors)


async def test_each_night_the_gateway_restarts_and_the_broker_resets(
    opened: Opening, joined: Joining
) -> None:
    gateway = await opened(speed=0, start=datetime(2026, 11, 21, 4, 44, tzinfo=UTC))
    talker = await joined(gateway)
    await gateway.fault("nightly", down_s=30, reset_s=600, repeat_s=300)
    gateway.advance(90)
    await talker.until(lambda: talker.is_closed)
    gateway.advance(30)
    await talker.until(lambda: gateway.is_listening)
    again = await joined(gateway)
    gateway.advance(3600)
    await again.settle()
    assert gateway.restarts == 1
    assert again.codes() == [1100, 1100, 1102]


async def test_lines_and_pacing_are_limited(opened: Opening, joined: Joining) -> None:
    gateway = await opened(speed=0)
    one, other = await joined(gateway, 1), await joined(gateway, 2)
    await gateway.fault("limits", lines=2, pacing=True)
    one.say("reqMktData", r=1, **SPY)
    one.say("reqMktData", r=2, **SPY)
    await one.settle()
    other.say("reqMktData", r=3, **SPY)
    words = {"duration": "1 D", "barSize": "1 min", "what": "TRADES", "formatDate": 1}
    other.say("reqHistoricalData", r=4, **SPY, **words)
    await other.settle()
    assert one.codes() == []
    assert [(v["id"], v["code"]) for v in other.all("error")[3:]] == [(3, 101), (4, 162)]
    one.say("cancelMktData", r=1)
    await one.settle()
    other.say("reqMktData", r=5, **SPY)
    await other.settle()
    assert other.codes() == [101, 162]


async def test_five_tick_by_tick_streams_and_a_hundred_lines_are_the_most(
    opened: Opening, joined: Joining
) -> None:
    gateway = await opened(speed=0)
    one, other = await joined(gateway, 1, options="+PACEAPI"), await joined(gateway, 2)
    for r in range(6):
        one.say("reqTickByTickData", r=r, tickType="Last", **SPY)
    await one.settle()
    assert [(v["id"], v["code"]) for v in one.all("error")[3:]] == [(5, 10190)]
    for r in range(10, 110):
        one.say("reqMktData", r=r, **SPY)
    await one.settle()
    other.say("reqMktData", r=1, **SPY)
    await other.settle()
    assert other.codes() == [101]  # lines count over all clients


async def test_a_hundred_visits_leave_nothing_behind(opened: Opening) -> None:
    gateway = await opened(speed=0)
    for client in range(100):
        talker = await Talker(gateway).connect(client)
        talker.say("reqMktData", r=1, **SPY)
        talker.say("reqPnL", r=2, account=gateway.account)
        talker.say("reqAccountSummary", r=3, group="All", tags="NetLiquidation")
        await talker.settle()
        await talker.leave()
    await gateway.fault("limits", lines=1)
    last = await Talker(gateway).connect(500)
    await last.until(lambda: gateway.clients == [500])
    assert len(gateway.server.connections) == 1
    last.say("reqMktData", r=1, **SPY)
    await last.settle()
    assert last.codes() == []
    gateway.advance(200)  # the refreshes of those who left fall due and do nothing
    await last.leave()


async def test_a_fault_that_is_none_is_named(opened: Opening) -> None:
    gateway = await opened(speed=0)
    for name, given in (("no_such", {}), ("slow", {"on": "nowhere"}), ("slow", {"nth": 0})):
        with pytest.raises(ValueError):  # noqa: PT011  the text is the script's business
            await gateway.fault(name, **given)


# -- the control port ----------------------------------------------------------------------


@pytest.fixture
async def controlled(opened: Opening) -> AsyncIterator[Any]:
    """A stepped gateway and a way to ask its control port."""
    gateway = await opened(speed=0)
    ended = asyncio.Event()
    control = Control(gateway, ended.set)
    await control.open()

    async def say(**document: Any) -> Any:
        return await asyncio.to_thread(ask, gateway.host, control.port, document)

    yield gateway, say, ended
    await control.close()


async def test_the_control_port_knows_every_operation(controlled: Any) -> None:
    gateway, say, ended = controlled
    assert await say(op="fault", name="restart", after_ms=1000, down_s=2) == {"ok": True, "id": 1}
    assert await say(op="fault", name="slow", on="request:61") == {"ok": True, "id": 2}
    assert await say(op="clear", name="slow") == {"ok": True, "cleared": 1}
    told = await say(op="advance", s=1.5)
    assert told["now"] == gateway.venue.now().isoformat()
    assert await say(op="wait", id=1) == {"ok": True}
    assert gateway.restarts == 1
    state = (await say(op="state"))["state"]
    assert state["account"]["name"] == gateway.account
    assert await say(op="market", symbol="QQQ", bid="500", ask=500.02, last=500.01) == {"ok": True}
    assert await say(op="quit") == {"ok": True}
    await asyncio.wait_for(ended.wait(), PATIENCE_S)


@pytest.mark.parametrize(
    "document",
    [
        {}, {"op": "dance"}, {"op": "fault"}, {"op": "fault", "name": "slow", "nth": "x"},
        {"op": "market"}, {"op": "market", "symbol": "QQQ", "price": 1},
        {"op": "market", "symbol": "QQQ", "bid": "nan"}, {"op": "advance"},
        {"op": "wait", "id": 7, "timeout_s": 0.01},
    ],
)  # fmt: skip
async def test_what_the_control_port_cannot_do_is_said(
    controlled: Any, document: dict[str, Any]
) -> None:
    _, say, _ = controlled
    answer = await say(**document)
    assert answer["ok"] is False
    assert answer["error"]


async def test_a_scripted_quote_is_what_clients_are_shown(controlled: Any, joined: Joining) -> None:
    gateway, say, _ = controlled
    await say(op="market", symbol="SPY", bid=500, ask=500.25, last=500.1)
    talker = await joined(gateway)
    talker.say("reqMktData", r=1, **SPY)
    await talker.settle()
    gateway.advance(1)
    await talker.settle()
    prices = {values["type"]: values["price"] for values in talker.all("tickPrice")}
    assert (float(prices[1]), float(prices[2])) == (500.0, 500.25)


# -- the record ----------------------------------------------------------------------------


async def test_every_frame_is_recorded_in_readable_form(
    opened: Opening, joined: Joining, tmp_path: Path
) -> None:
    path = tmp_path / "frames.jsonl"
    with Record(path) as record:
        gateway = await opened(speed=0, record=record)
        talker = await joined(gateway)
        talker.place(1, 10, "LMT", lmtPrice=99.5)
        talker.say_raw(frame.framed(b"4711\0"))
        await talker.settle()
        lines = [json.loads(line) for line in path.read_text().splitlines()]
    frames = [line for line in lines if line["way"] != "note"]
    heard = [line["message"] for line in frames if line["way"] == "out"]
    assert heard == [name for name, _ in talker.heard]
    (placed,) = [line for line in frames if line.get("message") == "placeOrder"]
    assert (placed["way"], placed["client"]) == ("in", 17)
    assert placed["values"]["lmtPrice"] == 99.5
    assert placed["values"]["symbol"] == "SPY"
    (bad,) = [line for line in frames if "raw" in line]
    assert bad["raw"] == "4711\0"
    assert [line["text"] for line in lines if line["way"] == "note"] == [
        "client 17 started at version 178"
    ]
