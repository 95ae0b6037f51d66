"""A bare TWS API client for tests: it says what it is told and reads every answer strictly."""

import asyncio
from collections.abc import Callable
from typing import Any

from engine.brokers.practice.gateway import PracticeGateway
from engine.brokers.practice.wire import frame
from engine.brokers.practice.wire.answer import ANSWERS
from engine.brokers.practice.wire.request import request
from tests.engine.gateway.strict import strict
from tests.engine.gateway.strict_fields import Amiss
from tests.patience import PATIENCE_S

Told = tuple[str, dict[str, Any]]

NAMES = {number: message.name for number, message in ANSWERS.items()}
SPY = {
    "conId": 756733, "symbol": "SPY", "secType": "STK", "exchange": "SMART", "currency": "USD"
}  # fmt: skip


class Talker:
    """One connection. `heard` has every message so far, read by the strict reader."""

    def __init__(self, gateway: PracticeGateway, version: int = 178) -> None:
        self.gateway = gateway
        self.version = version
        self.client = -1
        self.heard: list[Told] = []
        self.raw = bytearray()
        self.is_closed = False
        self.is_strict = True  # else what cannot be read is put aside
        self.refused: list[bytes] = []
        self._frames = frame.Frames()
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._listening: asyncio.Task[None] | None = None

    async def connect(self, client: int | None = 17, options: str = "") -> "Talker":
        """Greet, start, and wait for the ids; client None stops after the greeting."""
        self._reader, self._writer = await asyncio.open_connection(
            self.gateway.host, self.gateway.port
        )
        self._writer.write(frame.hello(100, self.version, options))
        self._listening = asyncio.create_task(self._listen())
        await self.until(lambda: self.heard or self.is_closed)
        if client is not None and not self.is_closed:
            self.client = client
            self.say("startApi", clientId=client)
            await self.until(lambda: self.all("nextValidId") or self.is_closed)
        return self

    async def _listen(self) -> None:
        try:
            while data := await self._reader.read(2**16):
                self.raw += data
                self._frames.feed(data)
                while (payload := self._frames.take()) is not None:
                    self._hear(payload)
        except ConnectionError:
            pass
        finally:
            self.is_closed = True

    def _hear(self, payload: bytes) -> None:
        if not self.heard:
            version, time = frame.fields_of(payload)
            self.version = int(version)
            self.heard.append(("welcome", {"version": version, "time": time}))
            return
        try:
            self.heard.append(self.read(payload))
        except (Amiss, ValueError):
            if self.is_strict:
                raise
            self.refused.append(payload)

    def read(self, payload: bytes) -> Told:
        """Read a message strictly."""
        number, values = strict(payload, self.version)
        return NAMES[number], values

    def say(self, name: str, **values: Any) -> None:
        """Send a request."""
        self.say_raw(frame.framed(request(name, self.version, **values)))

    def stop_reading(self) -> None:
        """Let everything wait from here on."""
        assert self._listening is not None
        self._listening.cancel()
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    def say_raw(self, data: bytes) -> None:
        """Send bytes."""
        self._writer.write(data)

    def place(self, order_id: int, quantity: Any, kind: str = "MKT", **values: Any) -> None:
        """Send a plain order for SPY."""
        words = SPY | {
            "orderId": order_id, "totalQuantity": quantity, "orderType": kind, "action": "BUY",
            "tif": "DAY", "transmit": True, "account": self.gateway.account,
            "orderRef": f"ref-{order_id}",
        } | values  # fmt: skip
        self.say("placeOrder", **words)

    def all(self, name: str) -> list[dict[str, Any]]:
        """Every message of a name so far."""
        return [values for one, values in self.heard if one == name]

    def codes(self) -> list[int]:
        """The codes of all errors so far, farms excluded."""
        found = (values["code"] for values in self.all("error"))
        return [code for code in found if code not in (2104, 2106, 2158)]

    def statuses(self, order_id: int) -> list[str]:
        """The statuses of an order so far."""
        return [v["status"] for v in self.all("orderStatus") if v["orderId"] == order_id]

    async def until(self, is_so: Callable[[], Any], timeout_s: float = PATIENCE_S) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(timeout_s):
            while not is_so():  # noqa: ASYNC110  a predicate has no event
                await asyncio.sleep(0.002)

    async def ask(self, name: str, answer: str, **values: Any) -> list[dict[str, Any]]:
        """Send a request, wait for an answer of a name that comes after it, return those."""
        before = len(self.all(answer))
        self.say(name, **values)
        await self.until(lambda: len(self.all(answer)) > before)
        return self.all(answer)[before:]

    async def settle(self) -> None:
        """Wait until everything that was sent before has been answered."""
        await self.ask("reqCurrentTime", "currentTime")

    async def leave(self) -> None:
        """Hang up."""
        self._writer.close()
        if self._listening is not None:
            await asyncio.gather(self._listening, return_exceptions=True)
