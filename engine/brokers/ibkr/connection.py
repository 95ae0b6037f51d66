"""One connection: the library's object, taps, our own limit, and how it is opened and closed.

Connected at client level: the library's own way reports success although positions or orders
timed out. Every connection is a new object of the library, so nothing of an old one remains.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.brokers.ibkr import said
from engine.brokers.ibkr.limiter import Limiter
from engine.brokers.ibkr.said import Heard, Said
from engine.brokers.ibkr.slices import Slices
from engine.brokers.ibkr.taps import Taps
from engine.brokers.ibkr.terms import REQUEST_BASE, Terms
from engine.errors import BrokerError, BrokerUnreachable
from engine.ports import Clock

_log = logging.getLogger("pilothouse.ibkr")

for _name in ("ib_insync", "eventkit", "pilothouse.ibkr"):
    # without any handler, errors would go to stderr and tear the screen
    logging.getLogger(_name).addHandler(logging.NullHandler())


class TooLate(BrokerError):
    """Nothing was written: something had come, or too much time had passed since the checks."""


class ClientIdInUse(BrokerUnreachable):
    """Another program is connected with this client id."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What the gateway says at the start."""

    accounts: tuple[str, ...]
    next_order_id: int
    server_version: int


class Connection:
    """A client of the gateway. `hear` gets every report, in order, on the loop."""

    def __init__(
        self,
        name: str,
        terms: Terms,
        client_id: int,
        clock: Clock,
        hear: Callable[[Heard], None],
        closed: Callable[[str], None],
        *,
        tap: Callable[[Any], None] | None = None,
        sliced: bool = False,
    ) -> None:
        """`closed` is told once when an open connection ends; `tap` may add taps of its own.

        `sliced`: heaps of messages are decoded with pauses, in which orders have their turn.
        """
        self.name = name
        self.terms = terms
        self.client_id = client_id
        self.clock = clock
        self.limiter = Limiter(terms.message_limit, clock.monotonic)
        self.last_look: Callable[[], str] = lambda: ""  # why an order may not leave after all
        self._send_by: float | None = None  # monotonic; an order is not written after it
        self.epoch = 0
        self.last_heard = 0.0  # monotonic
        self.asked_time_at: datetime | None = None  # wall; None: no answer is awaited
        self._asked_time: float | None = None  # the same, monotonic
        self.round_trip: tuple[float, float] | None = None  # seconds it took; monotonic, when
        self.ib: Any = None
        self._hear = hear
        self._closed = closed
        self._tap = tap
        self._slices: Slices | None = None
        self._is_sliced = sliced
        self._seq = 0
        self._is_open = False
        self._throttled = False
        self._start: asyncio.Future[str] | None = None  # why the start failed
        self._next_id = 0
        self._last_error = ""

    # -- opening and closing -----------------------------------------------------------------

    async def open(self) -> Opened:
        """Connect and wait for ids and accounts. Raises BrokerUnreachable, ClientIdInUse."""
        from ib_insync import IB  # eventkit wants a running loop when it is imported

        self._drop()
        self.epoch += 1
        self._seq = 0
        self._throttled = False
        self._asked_time = self.round_trip = None
        self._last_error = ""
        ib: Any = IB()  # type: ignore[no-untyped-call]
        self.ib = ib
        ib.errorEvent -= ib._onError  # it opens an account summary on each 1102, for ever
        ib.RaiseRequestErrors = True
        ib.TimezoneTWS = self.terms.tws_zone
        ib.wrapper.clientId = self.client_id
        taps = Taps(self._on_said, self._on_message)
        taps.install(ib)
        if self._tap is not None:
            self._tap(ib)
        self._watch_socket(ib)
        self._reach_in_time(ib)
        self._hold_late(ib)
        self._start = asyncio.get_running_loop().create_future()
        await self._dial(ib)
        self._start = None
        self._is_open = True
        self.last_heard = self.clock.monotonic()
        opened = Opened(tuple(ib.client.getAccounts()), self._next_id, ib.client.serverVersion())
        ib.client.updateReqId(REQUEST_BASE)
        return opened

    def _reach_in_time(self, ib: Any) -> None:
        """A host that answers nothing is given up sooner than a gateway that has still to start."""
        reach, limit = ib.client.conn.connectAsync, self.terms.timings.socket

        async def connect(host: str, port: int) -> None:
            try:
                async with asyncio.timeout(limit):
                    await reach(host, port)
            except TimeoutError:
                raise BrokerUnreachable(f"no connection within {limit:g} s") from None

        ib.client.conn.connectAsync = connect

    def _hold_late(self, ib: Any) -> None:
        """A process may be stopped anywhere: what wakes too late for its checks is not sent.

        The time is looked at last, as near to the bytes as can be.
        """
        write = ib.client.conn.sendMsg

        def send(data: bytes) -> None:
            if self._send_by is not None:
                if why := self.last_look():
                    raise TooLate(why)
                if self.clock.monotonic() > self._send_by:
                    raise TooLate("its checks were too old")
            write(data)

        ib.client.conn.sendMsg = send

    def place(self, order_id: int, contract: Any, order: Any, checked_at: float) -> None:
        """Put an order or its change on the wire; TooLate if it did not leave."""
        self._send_by = checked_at + self.terms.timings.send
        try:
            self.ib.client.placeOrder(order_id, contract, order)
        finally:
            self._send_by = None
        if queue := self.ib.client._msgQ:  # ours alone: it was empty before
            queue.clear()
            raise TooLate("QUEUE_BUSY")

    def _watch_socket(self, ib: Any) -> None:
        """Events hold their listeners weakly: these belong to this long-lived object."""
        ib.client.conn.disconnected += self._on_disconnected
        ib.client.apiError += self._on_refused
        ib.client.throttleStart += self._on_throttle
        ib.client.throttleEnd += self._on_free
        if self._is_sliced:
            read = ib.client._onSocketHasData
            self._slices = Slices(read, self.clock.monotonic)
            ib.client.conn.hasData -= read
            ib.client.conn.hasData += self._slices.feed

    async def _dial(self, ib: Any) -> None:
        times, terms = self.terms.timings, self.terms
        assert self._start is not None
        dial = asyncio.create_task(
            ib.client.connectAsync(terms.host, terms.port, self.client_id, times.start),
            name=f"dial {self.name}",
        )
        try:
            await asyncio.wait(
                {dial, self._start}, timeout=times.start, return_when=asyncio.FIRST_COMPLETED
            )
            if dial.done() and dial.exception() is None and ib.client.isReady():
                return
            raise self._failure(dial)
        finally:
            failed = not (dial.done() and not dial.cancelled() and dial.exception() is None)
            if failed:
                dial.cancel()
                await asyncio.wait({dial}, timeout=times.socket)
                _heard_of(dial)
                self._drop()

    def _failure(self, dial: "asyncio.Task[Any]") -> BrokerUnreachable:
        where = f"{self.terms.where} as client {self.client_id}"
        if self._last_error.startswith("326"):
            return ClientIdInUse(f"client id {self.client_id} is in use at {self.terms.where}")
        if self._start is not None and self._start.done():
            return BrokerUnreachable(f"{where}: {self._start.result()}")
        if dial.done() and not dial.cancelled() and (error := dial.exception()) is not None:
            return BrokerUnreachable(f"{where}: {_words(error)}")
        seconds = f"{self.terms.timings.start:g} s"
        return BrokerUnreachable(f"{where}: no answer to the start within {seconds}")

    def close(self, text: str) -> None:
        """End the connection; `closed` is told."""
        was_open = self._is_open
        self._drop()
        if was_open:
            self._closed(text)

    def _drop(self) -> None:
        self._is_open = False
        if self._slices is not None:
            self._slices.end()
        ib, self.ib = self.ib, None
        if ib is None:
            return
        transport = ib.client.conn.transport
        ib.client.conn.disconnected -= self._on_disconnected
        with contextlib.suppress(OSError):
            ib.client.disconnect()
        if transport is not None:
            transport.abort()  # a half-open peer would keep a closing transport for ever
        ib.wrapper.connectionClosed()  # futures that still wait hear of it

    # -- what arrives ------------------------------------------------------------------------

    def _on_said(self, one: Said) -> None:
        if isinstance(one, said.NextId):
            self._next_id = one.next_id
        elif isinstance(one, said.Time) and self._asked_time is not None:
            now = self.clock.monotonic()
            self.round_trip, self._asked_time = (now - self._asked_time, now), None
        if isinstance(one, said.Error) and self._start is not None:
            self._last_error = f"{one.code} {one.text}"
            if one.code == 326 and not self._start.done():
                self._start.set_result(self._last_error)
        self._seq += 1
        clock = self.clock
        self._hear(
            Heard(
                connection=self.name,
                epoch=self.epoch,
                seq=self._seq,
                at=clock.wall(),
                monotonic=clock.monotonic(),
                said=one,
            )
        )

    def _on_message(self) -> None:
        """A whole message came; bytes alone may be the rest of one that never ends."""
        self.last_heard = self.clock.monotonic()

    def _on_refused(self, text: str) -> None:
        """The library itself will not go on, with a gateway that is too old; else it only waits."""
        transport = self.ib.client.conn.transport if self.ib is not None else None
        if transport is None or transport.is_closing():
            return  # it speaks of an end that is told anyway
        if self._start is not None and not self._start.done():
            self._start.set_result(text)

    def _on_disconnected(self, text: str) -> None:
        if self._slices is not None:
            self._slices.end()
        why = text or "the gateway closed the connection"
        if self._start is not None:
            if not self._start.done():
                self._start.set_result(self._last_error or why)
            return
        if self._is_open:
            self._is_open = False
            self._closed(why)

    def _on_throttle(self) -> None:
        self._throttled = True

    def _on_free(self) -> None:
        self._throttled = False

    # -- sending -----------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Say whether requests can be made."""
        return self._is_open and self.ib is not None and bool(self.ib.client.isReady())

    @property
    def is_idle(self) -> bool:
        """Say whether a message would be on the wire when its call returns."""
        if not self.is_open or self._throttled:
            return False
        transport = self.ib.client.conn.transport
        if transport is None or transport.is_closing() or self.ib.client._msgQ:
            return False
        return bool(transport.get_write_buffer_size() == 0)

    def ask_time(self) -> None:
        """Ask for the broker's clock; the answer is a `Time`."""
        self.asked_time_at = self.clock.wall()
        self._asked_time = self.clock.monotonic()
        self.ib.client.reqCurrentTime()

    async def send(self, name: str, call: Callable[[Any], Any]) -> Any:
        """Wait for a place, then make a call with the library's object; nothing is awaited."""
        limit = self.terms.timings.request
        try:
            async with asyncio.timeout(limit):
                await self.limiter.wait()
        except TimeoutError:
            raise BrokerError(f"{name}: no place among our messages in {limit:g} s") from None
        if not self.is_open:
            raise BrokerError(f"{name}: the link to {self.terms.where} is down")
        made = call(self.ib)
        if isinstance(made, asyncio.Future):
            made.add_done_callback(_heard_of)
        return made

    async def ask(self, name: str, call: Callable[[Any], Any], timeout: float = 0) -> Any:
        """Make a request and return the library's answer.

        Raises BrokerError with the broker's words, or because no answer came in time.
        """
        limit = timeout or self.terms.timings.request
        made = await self.send(name, call)
        try:
            async with asyncio.timeout(limit):
                return await made
        except TimeoutError:
            raise BrokerError(f"{name}: no answer within {limit:g} s") from None
        except BrokerError:
            raise
        except Exception as error:
            raise BrokerError(f"{name}: {_words(error)}") from error


def _heard_of(future: "asyncio.Future[Any]") -> None:
    """Look at a failure that nobody waits for any more, so that asyncio does not complain."""
    if future.done() and not future.cancelled():
        future.exception()


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
