"""Faults of sockets, sessions and frames: what the fault script asks of the gateway itself."""

from collections.abc import Mapping
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from engine.brokers.practice.model import Fired
from engine.brokers.practice.server.connection import Connection
from engine.brokers.practice.server.session import NO_ID, Session
from engine.brokers.practice.wire import frame
from engine.brokers.practice.wire.answer import BY_NAME
from engine.brokers.practice.wire.layout import Message

if TYPE_CHECKING:
    from engine.brokers.practice.server.server import Server

ROWS = frozenset(
    {
        "openOrder", "orderStatus", "accountValue", "portfolio", "contractDetails", "execution",
        "commission", "position", "accountSummary", "positionMulti", "accountUpdateMulti", "chain",
        "completedOrder",
    }
)  # fmt: skip
"""Messages that an empty but successful answer leaves out; its end message is sent."""

FOR_EVER = 10.0**9


def at_greeting(server: "Server", connection: Connection) -> None:
    """A gateway that listens and does not answer, for whoever comes."""
    for fired in server.venue.strike("greeting"):
        if fired.fault.name == "silent_start":
            seconds = timedelta(seconds=fired.number("s", 0))
            server.silent_until = server.venue.now() + seconds
            connection.is_silent = True
    if server.silent_until is not None and server.venue.now() < server.silent_until:
        connection.is_silent = True


def at_start(server: "Server", connection: Connection, session: Session) -> bool:
    """Strike at a client that starts; True if it goes no further."""
    is_struck = False
    for fired in server.venue.strike("connect", client_id=session.client_id):
        match fired.fault.name:
            case "silent_start":
                connection.is_silent = True
                is_struck = True
            case "client_id_busy":
                seconds = fired.number("s", 0)
                server.busy_ids[session.client_id] = server.venue.now() + timedelta(seconds=seconds)
                text = "Unable to connect as the client id is already in use."
                session.error(NO_ID, 326, text)
                connection.close()
                is_struck = True
            case _:
                server.pace.later(0, lambda fired=fired: carry_out(server, fired))  # type: ignore[misc]
    return is_struck


def at_request(
    server: "Server",
    connection: Connection,
    session: Session,
    message: Message,
    given: Mapping[str, Any],
) -> float | None:
    """Strike at a request: return seconds to wait before it is served, None to drop it."""
    delay_s: float | None = 0.0
    found = server.venue.strike(
        f"request:{message.number}", client_id=session.client_id, kind=message.number
    )
    for fired in found:
        match fired.fault.name:
            case "slow":
                delay_s = fired.number("ms", 1000) / 1000
            case "silent":
                delay_s = None
            case "empty":
                connection.is_muted = True
            case "error":
                r = given.get("r") or given.get("orderId") or NO_ID
                code = int(fired.number("code", 321))
                session.error(r, code, fired.text("text", "Error processing request"))
                delay_s = None
            case _:
                carry_out(server, fired)
    return None if connection.is_closing else delay_s


def at_callback(server: "Server", connection: Connection, name: str, payload: bytes) -> bytes:
    """Return the bytes of a frame, spoiled if the script says so."""
    client_id = connection.session.client_id if connection.session else None
    data = frame.framed(payload)
    for fired in server.venue.strike("callback", client_id=client_id, kind=BY_NAME[name].number):
        if fired.fault.name == "bad_frame":
            data = spoiled(payload, fired.text("mode", "drop"), fired.fault.fault_id)
        else:
            carry_out(server, fired)
    return data


def spoiled(payload: bytes, how: str, seed: int) -> bytes:
    """Return a frame with a field dropped or inserted, of garbage, or of an absurd length."""
    fields = payload[:-1].split(b"\0")
    place = len(fields) // 2
    if how == "oversize":
        return (frame.LENGTH_MAX + 1).to_bytes(4, "big") + payload
    if how == "garbage":
        random = Random(seed)
        return frame.framed(random.randbytes(40))
    if how == "insert":
        fields.insert(place, b"7")
    else:
        del fields[place]
    return frame.framed(b"".join(field + b"\0" for field in fields))


def carry_out(server: "Server", fired: Fired) -> None:
    """Do what a fault says, now."""
    fault = fired.fault
    match fault.name:
        case "drop_socket":
            for connection in _struck(server, fired):
                connection.close() if fired.flag("close") else connection.abort()
        case "half_open":
            for connection in _struck(server, fired):
                connection.freeze()
                if seconds := fired.number("s", 0):
                    server.pace.later(seconds, connection.thaw)
        case "fragment":
            for connection in _struck(server, fired):
                connection.fragment = int(fired.number("bytes", 1))
        case "coalesce":
            for connection in _struck(server, fired):
                connection.coalesce = int(fired.number("frames", 10))
        case "clock_skew":
            server.clock_skew_s = fired.number("s", 0)
        case "restart":
            down_s = fired.number("down_s", 1)
            server.on_restart(down_s, int(fired.number("id_rollback", 0)))
        case _:
            pass  # the venue's own


def _struck(server: "Server", fired: Fired) -> list[Connection]:
    """The connections that a fault is meant for."""
    if fired.client_id is None:
        return list(server.connections)
    connection = server.sessions.get(fired.client_id)
    return [connection] if connection else []
