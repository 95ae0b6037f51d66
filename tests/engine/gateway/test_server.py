"""Sessions, client ids, the pace guard, limits and errors, spoken to by a strict client."""

import asyncio
from typing import Any

import pytest

from engine.brokers.practice.gateway import PracticeGateway
from engine.brokers.practice.wire import frame
from engine.errors import SafetyRefusal, SettingsError
from tests.engine.gateway.conftest import Joining, Opening
from tests.engine.gateway.talker import SPY
from tests.patience import PATIENCE_S

# -- greeting and start --------------------------------------------------------------------


async def test_a_client_is_greeted_with_two_fields_and_started(
    opened: Opening, joined: Joining
) -> None:
    talker = await joined(await opened(speed=0))
    names = [name for name, _ in talker.heard]
    assert names == ["welcome", "managedAccounts", "nextValidId", *["error"] * 3]
    assert talker.heard[0][1] == {"version": "178", "time": "20261120 10:00:00 EST"}
    assert talker.all("managedAccounts")[0]["accounts"] == "DU0000001"
    assert talker.all("nextValidId")[0]["id"] == 1
    assert [values["code"] for values in talker.all("error")] == [2104, 2106, 2158]


@pytest.mark.parametrize(
    ("offered", "limit", "agreed"),
    [((157, 176), 178, 176), ((100, 157), 178, 157), ((100, 200), 178, 178), ((151, 178), 160, 160),
     ((100, 151), 178, 151)],
)  # fmt: skip
async def test_the_highest_version_that_both_speak_is_taken(
    opened: Opening, offered: tuple[int, int], limit: int, agreed: int
) -> None:
    gateway = await opened(speed=0, server_version=limit)
    reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
    writer.write(frame.hello(*offered))
    length = int.from_bytes(await reader.readexactly(4), "big")
    assert frame.fields_of(await reader.readexactly(length))[0] == str(agreed)
    writer.close()


@pytest.mark.parametrize("hello", [
    frame.hello(179, 200), frame.hello(100, 150), b"63\0", b"GET / HTTP/1.1\r\n\r\n",
    b"API\0" + frame.framed(b"nonsense"), b"API\0\xff\xff\xff\xff",
])  # fmt: skip
async def test_who_does_not_speak_the_protocol_is_hung_up_on(opened: Opening, hello: bytes) -> None:
    gateway = await opened(speed=0)
    reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
    writer.write(hello)
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.read() == b""
    writer.close()


async def test_requests_before_the_start_are_dropped(opened: Opening, joined: Joining) -> None:
    talker = await joined(await opened(speed=0), client=None)
    talker.say("reqCurrentTime")
    talker.say("reqPositions")
    talker.say("startApi", clientId=3)
    await talker.until(lambda: talker.all("nextValidId"))
    await talker.settle()
    assert talker.all("positionEnd") == []
    assert len(talker.all("currentTime")) == 1


async def test_a_second_client_of_the_same_id_is_refused_and_the_first_goes_on(
    opened: Opening, joined: Joining
) -> None:
    gateway = await opened(speed=0)
    first = await joined(gateway)
    second = await joined(gateway)
    await second.until(lambda: second.is_closed)
    assert second.codes() == [326]
    assert second.all("nextValidId") == []
    await first.settle()
    assert gateway.clients == [17]


async def test_an_id_is_free_again_when_its_client_has_left(
    opened: Opening, joined: Joining
) -> None:
    gateway = await opened(speed=0)
    first = await joined(gateway)
    await first.leave()
    await first.until(lambda: gateway.clients == [])
    second = await joined(gateway)
    assert second.all("nextValidId")


async def test_a_frame_in_single_bytes_is_understood(opened: Opening, joined: Joining) -> None:
    talker = await joined(await opened(speed=0))
    for byte in b"\0\0\0\x05" + b"49\x001\0":
        talker.say_raw(bytes([byte]))
        await asyncio.sleep(0)
    await talker.until(lambda: talker.all("currentTime"))


def test_only_loopback_is_served() -> None:
    for host in ("0.0.0.0", "192.168.1.5", "example.org", "::"):
        with pytest.raises(SafetyRefusal, match=host):
            PracticeGateway(host=host)


async def test_a_port_in_use_is_named(opened: Opening) -> None:
    gateway = await opened(speed=0)
    with pytest.raises(SettingsError, match=str(gateway.port)):
        await opened(speed=0, port=gateway.port)


# -- errors and limits ---------------------------------------------------------------------


@pytest.mark.parametrize("payload", [
    b"4711\0", b"three\0", b"61\x001", b"\xff\xfe\0", b"20\x001\x00nan\0", b"",
    b"3\0abc\0", b"1\x0011\x0099999999999\0",
])  # fmt: skip
async def test_what_cannot_be_parsed_is_error_320_and_the_session_lives(
    opened: Opening, joined: Joining, payload: bytes
) -> None:
    talker = await joined(await opened(speed=0))
    talker.say_raw(frame.framed(payload))
    await talker.settle()
    assert talker.codes() == [320]
    assert talker.all("error")[-1]["id"] == -1


@pytest.mark.parametrize(
    ("name", "values", "r"),
    [("requestFA", {"type": 1}, -1), ("replaceFA", {"type": 1, "xml": "x", "r": 9}, 9),
     ("exerciseOptions", {"r": 8}, 8), ("reqScannerParameters", {}, -1),
     ("reqScannerSubscription", {"r": 4}, 4), ("reqNewsArticle", {"r": 5}, 5),
     ("reqWshMetaData", {"r": 6}, 6), ("reqFundamentalData", {"r": 7}, 7)],
)  # fmt: skip
async def test_what_is_known_but_not_offered_is_error_321_never_silence(
    opened: Opening, joined: Joining, name: str, values: dict[str, Any], r: int
) -> None:
    talker = await joined(await opened(speed=0))
    talker.say(name, **values)
    await talker.settle()
    assert [(v["id"], v["code"]) for v in talker.all("error")[3:]] == [(r, 321)]


async def test_an_absurd_length_closes_the_connection_and_only_that(
    opened: Opening, joined: Joining
) -> None:
    gateway = await opened(speed=0)
    bad, good = await joined(gateway, 1), await joined(gateway, 2)
    bad.say_raw(b"\x01\x00\x00\x00")
    await bad.until(lambda: bad.is_closed)
    await good.settle()
    assert gateway.clients == [2]


async def test_more_than_fifty_messages_a_second_are_not_taken(
    opened: Opening, joined: Joining
) -> None:
    talker = await joined(await opened(speed=0))
    for _ in range(60):
        talker.say("reqIds", n=1)
    await talker.until(lambda: 100 in talker.codes())
    await asyncio.sleep(1.05)
    await talker.settle()
    assert talker.codes() == [100]
    assert 40 < len(talker.all("nextValidId")) <= 50


async def test_a_third_breach_in_a_minute_closes(opened: Opening, joined: Joining) -> None:
    talker = await joined(await opened(speed=0))
    for breach in (1, 2, 3):
        for _ in range(60):
            talker.say("reqIds", n=1)
        await talker.until(lambda breach=breach: talker.codes() == [100] * breach)
        if breach < 3:
            await asyncio.sleep(1.05)
    await talker.until(lambda: talker.is_closed)


async def test_a_client_with_pacing_is_delayed_instead(opened: Opening, joined: Joining) -> None:
    talker = await joined(await opened(speed=0), options="+PACEAPI")
    for _ in range(70):
        talker.say("reqIds", n=1)
    await talker.until(lambda: len(talker.all("nextValidId")) == 71)
    assert talker.codes() == []


async def test_a_reader_that_does_not_read_loses_its_connection(
    opened: Opening, joined: Joining
) -> None:
    gateway = await opened(speed=0)
    other, stalled = await joined(gateway, 2), await joined(gateway, 9)
    stalled.stop_reading()
    connection = gateway.server.sessions[9]
    written = 0
    while not connection.is_closing:
        connection.write(b"x" * 2**20)
        written += 1
    await other.settle()
    assert gateway.clients == [2]
    assert 16 < written < 64  # MiB, with what the system itself buffers


# -- who hears what ------------------------------------------------------------------------


async def test_an_order_is_told_to_its_owner_and_to_the_master_alone(
    opened: Opening, joined: Joining
) -> None:
    gateway = await opened(speed=0, master=9)
    owner, other, master = [await joined(gateway, one) for one in (17, 18, 9)]
    owner.place(1, 100)
    await owner.settle()
    gateway.advance(2)
    for one in (owner, other, master):
        await one.settle()
    assert owner.statuses(1)[-1] == "Filled"
    assert master.statuses(1) == owner.statuses(1)
    assert [v["execId"] for v in master.all("execution")] == [
        v["execId"] for v in owner.all("execution")
    ]
    assert other.statuses(1) == []
    assert other.all("execution") == []


async def test_open_orders_are_ones_own_or_everybodys(opened: Opening, joined: Joining) -> None:
    gateway = await opened(speed=0)
    mine, yours = await joined(gateway, 1), await joined(gateway, 2)
    mine.place(5, 10, "LMT", lmtPrice=100)
    yours.place(6, 10, "LMT", lmtPrice=100)
    await mine.settle()
    await yours.settle()
    gateway.advance(0.1)
    await mine.settle()
    before = len(mine.all("openOrder"))
    await mine.ask("reqOpenOrders", "openOrderEnd")
    assert [v["orderId"] for v in mine.all("openOrder")[before:]] == [5]
    before = len(mine.all("openOrder"))
    await mine.ask("reqAllOpenOrders", "openOrderEnd")
    assert {(v["clientId"], v["orderId"]) for v in mine.all("openOrder")[before:]} == {
        (1, 5), (2, 6),
    }  # fmt: skip


async def test_a_foreign_order_cannot_be_cancelled(opened: Opening, joined: Joining) -> None:
    gateway = await opened(speed=0)
    mine, yours = await joined(gateway, 1), await joined(gateway, 2)
    yours.place(6, 10, "LMT", lmtPrice=100)
    await yours.settle()
    mine.say("cancelOrder", orderId=6)
    await mine.settle()
    gateway.advance(1)
    await mine.settle()
    assert mine.codes() == [10147]
    assert [v.order_id for v in gateway.venue.open_orders()] == [6]


async def test_a_global_cancel_ends_the_orders_of_all(opened: Opening, joined: Joining) -> None:
    gateway = await opened(speed=0)
    mine, yours = await joined(gateway, 1), await joined(gateway, 2)
    yours.place(6, 10, "LMT", lmtPrice=100)
    await yours.settle()
    gateway.advance(0.1)
    mine.say("reqGlobalCancel")
    await mine.settle()
    gateway.advance(1)
    await yours.settle()
    assert yours.statuses(6)[-1] == "Cancelled"
    assert 202 in yours.codes()
    assert list(gateway.venue.open_orders()) == []


async def test_fills_while_away_are_found_again(opened: Opening, joined: Joining) -> None:
    gateway = await opened(speed=0)
    first = await joined(gateway)
    first.place(1, 100)
    await first.settle()
    await first.leave()
    await first.until(lambda: gateway.clients == [])
    gateway.advance(5)
    again = await joined(gateway)
    assert again.all("nextValidId")[0]["id"] == 2
    assert again.all("execution") == []
    await again.ask("reqExecutions", "executionEnd", r=3, clientId=0)
    found = again.all("execution")
    assert sum(v["shares"] for v in found) == 100
    assert {v["r"] for v in found} == {3}
    await again.until(lambda: len(again.all("commission")) == len(found))


async def test_the_same_seed_and_requests_give_the_same_bytes(
    opened: Opening, joined: Joining
) -> None:
    heard = []
    for _ in range(2):
        gateway = await opened(speed=0, seed=11)
        talker = await joined(gateway)
        talker.say("reqMktData", r=1, **SPY)
        talker.say("reqAccountUpdates", subscribe=True)
        talker.place(1, 100)
        await talker.settle()
        for _ in range(20):
            gateway.advance(0.25)
            await asyncio.sleep(0.001)
        await talker.settle()
        heard.append(bytes(talker.raw))
    assert heard[0] == heard[1]
    assert len(heard[0]) > 5000


async def test_a_restart_ends_sessions_and_keeps_orders(opened: Opening, joined: Joining) -> None:
    gateway = await opened(speed=0)
    talker = await joined(gateway)
    talker.place(4, 10, "LMT", lmtPrice=100)
    await talker.settle()
    gateway.advance(0.1)
    await gateway.fault("restart", down_s=30)
    await talker.until(lambda: talker.is_closed)
    assert not gateway.is_listening
    with pytest.raises(OSError):  # noqa: PT011  refused, or reset on some systems
        await asyncio.open_connection(gateway.host, gateway.port)
    gateway.advance(31)
    await talker.until(lambda: gateway.is_listening)
    again = await joined(gateway)
    await again.ask("reqOpenOrders", "openOrderEnd")
    assert [v["orderId"] for v in again.all("openOrder")] == [4]


async def test_an_account_asked_for_again_and_again_is_refreshed_by_one_clock(
    opened: Opening, joined: Joining
) -> None:
    gateway = await opened(speed=0)
    talker = await joined(gateway)
    for _ in range(5):
        talker.say("reqAccountUpdates", subscribe=False)
        talker.say("reqAccountUpdates", subscribe=True)
    await talker.until(lambda: len(talker.all("accountDownloadEnd")) == 5)
    gateway.advance(181)
    await talker.settle()
    assert len(talker.all("accountDownloadEnd")) == 6
