"""Cancel everything at the broker without an engine: a plain socket and five kinds of message.

It needs neither the library nor a loop nor a database, so that it works when those are what has
failed. Two answers in a row must hold no living order before it says that none is left: one
empty answer proves nothing.
"""

import time
from dataclasses import dataclass
from enum import Enum

from engine.brokers.plain import ERROR, PlainClient, Tell, code_of, connected
from engine.brokers.practice.wire.answer import read_answer
from engine.brokers.practice.wire.value import WireError
from engine.errors import BrokerUnreachable

WARNING = (
    "cancels every order of the account, also those entered by hand or by other programs, and"
    " stops that protect positions"
)
_OPEN_ORDER, _LISTED = "5", "53"
_READ_ONLY = 321
_INFORMS = range(2100, 2200)  # data farms, which orders do not need
_SERVERS_LOST = (1100, 2110)
_DEAD = frozenset({"Filled", "Cancelled", "ApiCancelled"})
_AGAIN = 5  # polls after which the cancel is asked again: repeating is harmless


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


class _ReadOnly(Exception):
    """The gateway takes no order and no cancel."""


class _Ear:
    """Tells errors once, and notices a gateway that takes nothing."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._told: set[str] = set()

    def hear(self, fields: list[str]) -> None:
        """Take an error: read-only ends it, the rest is told once."""
        if fields[0] != ERROR or len(fields) < 5:
            return
        code, text = code_of(fields), fields[4]
        if code == _READ_ONLY and "read-only" in text.lower():
            raise _ReadOnly(text)
        if code not in _INFORMS or code in _SERVERS_LOST:
            line = f"the gateway says {code}: {text}"
            if line not in self._told:
                self._told.add(line)
                self._tell(line)


def _living(line: PlainClient, ear: _Ear, deadline: float) -> dict[str, str] | None:
    """Ask for all open orders; return the living ones by id, None if no answer came."""
    line.send("reqAllOpenOrders")
    found: dict[str, str] = {}
    while (fields := line.next(deadline)) is not None:
        if fields[0] == _LISTED:
            return found
        if fields[0] == _OPEN_ORDER:
            key, text, lives = _order(fields, line.version)
            if lives:
                found[key] = text
        ear.hear(fields)
    return None


def panic(
    host: str, port: int, client_id: int, tell: Tell, timings: Timings | None = None
) -> Outcome:
    """Ask a gateway to cancel every order; return what is left after some seconds.

    tell: takes lines for people. Raises BrokerUnreachable if the cancel could not be sent.
    """
    times = timings or Timings()
    ear = _Ear(tell)
    line = connected(
        host,
        port,
        client_id,
        tell=tell,
        hear=ear.hear,
        connect_s=times.connect,
        start_s=times.start,
    )
    try:
        line.send("reqGlobalCancel")
        tell(f"{host}:{port}: asked to cancel every order")
        return _watched(line, ear, tell, times)
    except _ReadOnly as error:
        text = (
            "nothing was canceled: the gateway's API is read-only. Untick 'Read-Only API' in its"
            f" settings, or cancel in its own window ({error})"
        )
        return Outcome(Ended.READ_ONLY, text)
    finally:
        line.close()


def _watched(line: PlainClient, ear: _Ear, tell: Tell, times: Timings) -> Outcome:
    """Ask what is left each second, until none is or patience ends."""
    begun = time.monotonic()
    seen: dict[str, str] | None = None
    empty = polls = 0
    while (now := time.monotonic()) < begun + times.patience:
        try:
            listed = _living(line, ear, min(now + 3 * times.poll, begun + times.patience))
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
