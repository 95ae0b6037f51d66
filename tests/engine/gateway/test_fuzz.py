"""Random bytes, random fields, spoiled requests: no crash, no hang, other clients unaffected.

A few seconds by default; PILOTHOUSE_FUZZ_S=60 for a minute, PILOTHOUSE_FUZZ_SEED for another.
"""

import asyncio
import contextlib
import os
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from engine.brokers.practice.gateway import PracticeGateway
from engine.brokers.practice.wire import frame
from engine.brokers.practice.wire.request import REQUESTS, request
from tests.engine.gateway.conftest import Joining, Opening
from tests.engine.gateway.samples import Filling
from tests.engine.gateway.talker import SPY, Talker

SECONDS = float(os.environ.get("PILOTHOUSE_FUZZ_S", "3"))
SEED = int(os.environ.get("PILOTHOUSE_FUZZ_SEED", "7"))
ANSWERED_S = 3.0
"""How long the good client may wait for an answer, on a busy machine."""

THROWN = sorted(REQUESTS.keys() - {58, 71})
"""Not the global cancel, which rightly ends the good client's orders, and not another start."""

TEXTS = (
    "", "0", "1", "-1", "2", "3", "17", "nan", "1e308", "-1e-300", "1.7976931348623157E308",
    "2147483647", "-2147483648", "99999999999999999999", "1e17", "0.00000001", "Infinity", "SPY",
    "QQQ", "spy", "STK", "OPT", "BAG", "FUT", "SMART", "USD", "BUY", "SELL", "SSHORT", "LMT",
    "MKT", "STP", "STP LMT", "TRAIL", "TRAIL LIMIT", "MOC", "LOC", "PEG BEST", "DAY", "GTC",
    "GTD", "IOC", "FOK", "OPG", "20261120 15:00:00", "20261120 15:00:00 US/Eastern",
    "20261120-15:00:00", "20261120 15:00:00 X/Y", "00000000", "1 D", "100 Y", "0 S", "1 min",
    "1 secs", "1 day", "1 month", "TRADES", "MIDPOINT", "BID_ASK", "SCHEDULE", "Last", "BidAsk",
    "756733", "320227571", "C", "P", "100", "All", "$LEDGER", "DU0000001", "U1234567", "é\u0000",
    "\ud7ff", "x" * 5000, "%s%n", "../../etc", "';--", "{}", "\\u0041",
)  # fmt: skip

PLAUSIBLE = {
    **SPY, "action": "BUY", "orderType": "LMT", "totalQuantity": Decimal(10),
    "lmtPrice": Decimal(600), "tif": "DAY", "account": "", "transmit": True, "end": "",
    "barSize": "1 min", "duration": "1800 S", "useRTH": True, "what": "TRADES", "formatDate": 1,
    "tickType": "Last", "n": 10, "time": "", "start": "", "period": "3 days", "rows": 5,
    "symbol": "SPY", "type": 1, "ruleId": 26, "underConId": 756733, "model": "",
    "exchange": "SMART",
    "group": "All", "tags": "NetLiquidation", "strike": None, "multiplier": "", "comboLegs": [],
    "right": "", "expiry": "", "localSymbol": "", "tradingClass": "", "primaryExchange": "",
    "secIdType": "", "secId": "", "conditions": [], "ocaGroup": "", "side": "", "options": "",
    "scaleInitLevelSize": None, "scaleSubsLevelSize": None, "referenceContractId": None,
    "parentId": None, "exemptCode": -1, "whatIf": False, "volatilityType": None,
}  # fmt: skip


def plain_fields(random: Random, version: int) -> list[str]:
    """The fields of a request that makes sense."""
    message = REQUESTS[random.choice(THROWN)]
    unset = {"deltaNeutralOrderType", "hedgeType", "algoStrategy", "faGroup", "goodTillDate"}
    values = Filling(full=False).values(message) | dict.fromkeys(unset, "")
    values |= PLAUSIBLE | {"r": random.randrange(1, 9), "orderId": random.randrange(1, 50)}
    if message.name == "reqRealTimeBars":
        values["barSize"] = 5
    if message.name == "placeOrder":
        values["duration"] = None
    return request(message.name, version, **values)[:-1].decode().split("\0")


def spoiled(random: Random, fields: list[str]) -> list[str]:
    """A few fields changed, lost or added."""
    for _ in range(random.randrange(1, 4)):
        place = random.randrange(len(fields)) if len(fields) > 1 else 0
        kind = random.randrange(6)
        if kind == 0 and len(fields) > 1:
            del fields[place]
        elif kind == 1:
            fields.insert(place, random.choice(TEXTS))
        else:
            fields[place] = random.choice(TEXTS)
    return fields


def random_frame(random: Random, version: int) -> bytes:
    """A frame: sensible but for a few fields, of random fields, or of random bytes."""
    kind = random.random()
    if kind < 0.1:
        return plain(plain_fields(random, version))
    if kind < 0.75:
        return plain(spoiled(random, plain_fields(random, version)))
    if kind < 0.9:
        number = str(random.choice([*THROWN, 0, -1, 4711]))
        return plain([number, *random.choices(TEXTS, k=random.randrange(40))])
    if kind < 0.97:
        return frame.framed(random.randbytes(random.randrange(200)))
    return random.randbytes(random.randrange(1, 60))  # no frame at all


def plain(fields: list[str]) -> bytes:
    """Fields as a frame."""
    return frame.framed("".join(f"{one}\0" for one in fields).encode("utf-8", "surrogatepass"))


async def fuzz(gateway: PracticeGateway, random: Random, ends: float) -> int:
    """Connect as somebody, throw frames until closed, connect again; return the frames thrown."""
    thrown = 0
    loop = asyncio.get_running_loop()
    while loop.time() < ends:
        with contextlib.suppress(ConnectionError):
            reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
            drain = asyncio.create_task(_swallow(reader))
            version = random.randrange(151, 179)
            if random.random() < 0.05:
                writer.write(random.randbytes(50))
            writer.write(frame.hello(100, version))
            start = request("startApi", version, clientId=random.randrange(100, 120))
            writer.write(frame.framed(start))
            for _ in range(45):  # the pace guard is tried elsewhere
                writer.write(random_frame(random, version))
                thrown += 1
                await asyncio.sleep(0.001)
                if drain.done() or loop.time() > ends:
                    break
            writer.close()
            await asyncio.gather(drain, return_exceptions=True)
    return thrown


async def _swallow(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        while await reader.read(2**16):
            pass


async def reached(talker: Talker, order_id: int, status: str) -> None:
    """Wait for an order's status."""
    try:
        await talker.until(lambda: talker.statuses(order_id)[-1:] == [status], ANSWERED_S)
    except TimeoutError:
        pytest.fail(f"order {order_id} never {status}; last heard: {talker.heard[-4:]}")


async def trade(talker: Talker, ends: float) -> tuple[int, float]:
    """A good client beside it all: orders placed and cancelled; return rounds and longest wait."""
    loop = asyncio.get_running_loop()
    order_id, longest = 0, 0.0
    while loop.time() < ends:
        order_id += 1
        began = loop.time()
        talker.place(order_id, 1, "LMT", lmtPrice=50)
        await reached(talker, order_id, "Submitted")
        talker.say("cancelOrder", orderId=order_id)
        await reached(talker, order_id, "Cancelled")
        longest = max(longest, loop.time() - began)
        await asyncio.sleep(0.05)
    return order_id, longest


@pytest.mark.fuzz
async def test_nothing_that_a_client_sends_hurts_the_gateway_or_another_client(
    opened: Opening, joined: Joining
) -> None:
    loop = asyncio.get_running_loop()
    mishaps: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: mishaps.append(context))
    gateway = await opened(speed=5, cash=Decimal(10**12))
    talker = await joined(gateway, 1)
    ends = loop.time() + SECONDS
    jobs = asyncio.gather(*(fuzz(gateway, Random(SEED * 1000 + n), ends) for n in range(4)))
    rounds, longest = await trade(talker, ends)
    thrown = sum(await jobs)
    print(f"{thrown} frames thrown, {rounds} orders beside them, {longest:.3f} s at most")
    assert mishaps == []
    assert [repr(error) for error in gateway.server.failures] == []
    assert thrown > 100
    assert rounds > SECONDS
    assert talker.codes() == [202] * rounds
