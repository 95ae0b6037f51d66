"""Cancel everything at the broker without an engine: a plain socket and five kinds of message.

It needs neither the library nor a loop nor a database, so that it works when those are what has
failed. Two answers in a row must hold no living order before it says that none is left: one
empty answer proves nothing.
"""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from engine.brokers.practice.wire import VERSION_MAX, VERSION_MIN
from engine.brokers.practice.wire.answer import read_answer
from engine.brokers.practice.wire.frame import Frames, fields_of, framed, hello
from engine.brokers.practice.wire.request import request
from engine.brokers.practice.wire.value import WireError
from engine.errors import BrokerUnreachable

WARNING = (
    "cancels every order of the account, also those entered by hand or by other programs, and"
    " stops that protect positions"
)
_STATUS, _ERROR, _OPEN_ORDER, _NEXT_ID, _LISTED = "3", "4", "5", "9", "53"
_IN_USE, _READ_ONLY = 326, 321
_INFORMS = range(2100, 2200)  # data farms, which orders do not need
_SERVERS_LOST = (1100, 2110)
_DEAD = frozenset({"Filled", "Cancelled", "ApiCancelled"})
_AGAIN = 5  # polls after which the cancel is asked again: repeating is harmless
_IDS = 3  # client ids tried, should another panic hold the first

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Timings:
    """In seconds; tests make them short."""

    connect: float = 5.0
    start: float = 5.0
    poll: float = 1.0
    patience: float = 15.0


class Ended(Enum):
    """What came of it."""

    NONE_LEFT = "NONE_LEFT"
    SOME_LEFT = "SOME_LEFT"
    READ_ONLY = "READ_ONLY"
    UNANSWERED = "UNANSWERED"  # the cancel went out; whether orders are left is unknown


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended, in words, and the orders that still lived in the last answer."""

    ended: Ended
    text: str
    left: tuple[str, ...] = ()


class _ClientIdInUse(BrokerUnreachable):
    """Try the next one."""


class _ReadOnly(Exception):
    """The gateway takes no order and no cancel."""


class _Line:
    """A started client of a gateway, blocking."""

    def __init__(self, host: str, port: int, client_id: int, tell: Tell, timings: Timings) -> None:
        self._where = f"{host}:{port}"
        self._tell = tell
        self._told: set[str] = set()
        self._frames = Frames()
        self.version = VERSION_MAX
        try:
            self._socket = socket.create_connection((host, port), timings.connect)
        except OSError as error:
            raise self._lost(error.strerror or str(error)) from error
        try:
            self._start(client_id, timings.start)
        except BaseException:
            self.close()
            raise

    def _lost(self, why: str) -> BrokerUnreachable:
        return BrokerUnreachable(f"{self._where}: {why}")

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _start(self, client_id: int, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        self._put(hello(VERSION_MIN, VERSION_MAX))
        greeting = self._next(deadline)
        if greeting is None or not greeting[0].isdigit():
            raise self._lost("no TWS or IB Gateway greets there")
        self.version = int(greeting[0])
        self.send("startApi", clientId=client_id)
        while (fields := self._next(deadline)) is not None:
            if fields[0] == _NEXT_ID:
                return
            if fields[0] == _ERROR and _code(fields) == _IN_USE:
                raise _ClientIdInUse(f"{self._where}: client id {client_id} is in use")
            self.hear(fields)
        raise self._lost(f"no answer to the start within {within_s:g} s")

    def send(self, name: str, **values: object) -> None:
        """Send a request."""
        self._put(framed(request(name, self.version, **values)))

    def _put(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise self._lost(error.strerror or str(error)) from error

    def _next(self, deadline: float) -> list[str] | None:
        """Return the fields of the next message, None if there is none in time."""
        while (payload := self._frames.take()) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(65_536)
            except TimeoutError:
                return None
            except OSError as error:
                raise self._lost(error.strerror or str(error)) from error
            if not data:
                raise self._lost("the gateway closed the connection")
            self._frames.feed(data)
        return fields_of(payload)

    def hear(self, fields: list[str]) -> None:
        """Take an error: read-only ends it, the rest is told once."""
        if fields[0] != _ERROR or len(fields) < 5:
            return
        code, text = _code(fields), fields[4]
        if code == _READ_ONLY and "read-only" in text.lower():
            raise _ReadOnly(text)
        if code not in _INFORMS or code in _SERVERS_LOST:
            line = f"the gateway says {code}: {text}"
            if line not in self._told:
                self._told.add(line)
                self._tell(line)

    def living(self, deadline: float) -> dict[str, str] | None:
        """Ask for all open orders; return the living ones by id, None if no answer came."""
        self.send("reqAllOpenOrders")
        found: dict[str, str] = {}
        while (fields := self._next(deadline)) is not None:
            if fields[0] == _LISTED:
                return found
            if fields[0] == _OPEN_ORDER:
                key, text, lives = _order(fields, self.version)
                if lives:
                    found[key] = text
            self.hear(fields)
        return None


def panic(
    host: str, port: int, client_id: int, tell: Tell, timings: Timings | None = None
) -> Outcome:
    """Ask a gateway to cancel every order; return what is left after some seconds.

    tell: takes lines for people. Raises BrokerUnreachable if the cancel could not be sent.
    """
    times = timings or Timings()
    line = _connected(host, port, client_id, tell, times)
    try:
        line.send("reqGlobalCancel")
        tell(f"{host}:{port}: asked to cancel every order")
        return _watched(line, tell, times)
    except _ReadOnly as error:
        text = (
            "nothing was canceled: the gateway's API is read-only. Untick 'Read-Only API' in its"
            f" settings, or cancel in its own window ({error})"
        )
        return Outcome(Ended.READ_ONLY, text)
    finally:
        line.close()


def _connected(host: str, port: int, client_id: int, tell: Tell, times: Timings) -> _Line:
    for number in range(client_id, client_id + _IDS):
        try:
            return _Line(host, port, number, tell, times)
        except _ClientIdInUse as error:
            tell(str(error))
    raise BrokerUnreachable(
        f"{host}:{port}: client ids {client_id} to {client_id + _IDS - 1} are in use: end what"
        " holds them, or cancel in the gateway's own window"
    )


def _watched(line: _Line, tell: Tell, times: Timings) -> Outcome:
    """Ask what is left each second, until none is or patience ends."""
    begun = time.monotonic()
    seen: dict[str, str] | None = None
    empty = polls = 0
    while (now := time.monotonic()) < begun + times.patience:
        try:
            listed = line.living(min(now + 3 * times.poll, begun + times.patience))
        except (BrokerUnreachable, WireError) as error:
            tell(str(error))
            break
        polls += 1
        if listed is not None:
            seen = listed
            empty = 0 if listed else empty + 1
            if empty == 2:
                return Outcome(Ended.NONE_LEFT, "no order is left")
            if listed:
                tell(f"{len(listed)} left: {'; '.join(listed.values())}")
        if polls % _AGAIN == 0:
            line.send("reqGlobalCancel")
        time.sleep(max(0.0, min(times.poll, now + times.poll - time.monotonic())))
    if not seen:
        text = "the cancel was sent, but the gateway did not say what is left: look there"
        return Outcome(Ended.UNANSWERED, text)
    text = f"{len(seen)} orders are left: cancel them in the gateway's own window"
    return Outcome(Ended.SOME_LEFT, text, tuple(seen.values()))


def _code(fields: list[str]) -> int:
    text = fields[3] if len(fields) > 3 else ""
    return int(text) if text.lstrip("-").isdigit() else 0


def _order(fields: list[str], version: int) -> tuple[str, str, bool]:
    """Return an open order's id, its words, and whether it lives; unreadable ones do."""
    try:
        payload = "".join(f"{field}\0" for field in fields).encode()
        _, order = read_answer(payload, version, strict=False)
    except WireError:
        number = fields[1] if len(fields) > 1 else "?"
        return f"order {number}", f"order {number}", True
    whose = order["orderRef"] or f"client {order['clientId']}"
    words = f"{order['action']} {order['totalQuantity']} {order['symbol']} {order['orderType']}"
    text = f"{words} {order['status']} ({whose}, permId {order['permId']})"
    return f"perm {order['permId']}", text, order["status"] not in _DEAD
