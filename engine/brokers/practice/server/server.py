"""Who is connected, who hears what, and what happens to a frame.

The server dies at a restart of the gateway; the venue behind it does not. Answers to an order
come from the venue through the listener and go to the client that owns the order, orders that
came by hand to client 0, and everything also to the master client if there is one. What is meant
for a client that is not connected is lost, as with a real gateway.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from engine.brokers.practice.model import (
    ZONE,
    AccountValue,
    Commission,
    Execution,
    Fired,
    Item,
    OrderView,
    PortfolioRow,
    PositionRow,
    SubKey,
)
from engine.brokers.practice.seam import Venue
from engine.brokers.practice.server import account, mischief, order, quote, reference
from engine.brokers.practice.server.connection import Connection
from engine.brokers.practice.server.pace import Pace
from engine.brokers.practice.server.record import Record
from engine.brokers.practice.server.session import NO_ID, Session
from engine.brokers.practice.server.translate import (
    account_words,
    commission_words,
    execution_words,
    order_words,
    portfolio_words,
    position_words,
    status_words,
)
from engine.brokers.practice.wire import VERSION_MAX, VERSION_MIN, frame
from engine.brokers.practice.wire.answer import answer
from engine.brokers.practice.wire.layout import Message
from engine.brokers.practice.wire.request import NOT_OFFERED, read_request
from engine.brokers.practice.wire.value import WireError

Handler = Callable[[Session, dict[str, Any]], None]

ORDERS = frozenset({"placeOrder", "cancelOrder", "reqGlobalCancel"})
"""Requests that mean something without an answer."""

HANDLERS: Mapping[str, Handler] = {
    **order.HANDLERS,
    **account.HANDLERS,
    **quote.HANDLERS,
    **reference.HANDLERS,
}

FARMS = (
    (2104, "Market data farm connection is OK:usfarm"),
    (2106, "HMDS data farm connection is OK:ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefil"),
)
IN_USE = "Unable to connect as the client id is already in use. Retry with a unique client id."


def _nothing(text: str) -> None:
    pass


class Server:
    """The sessions of a running gateway; a `Listener` of the venue."""

    def __init__(
        self,
        venue: Venue,
        pace: Pace,
        *,
        version_max: int = VERSION_MAX,
        master: int | None = None,
        record: Record | None = None,
        tell: Callable[[str], None] = _nothing,
    ) -> None:
        self.venue = venue
        self.pace = pace
        self.sessions: dict[int, Connection] = {}
        self.connections: set[Connection] = set()
        self.clock_skew_s = 0.0
        self.busy_ids: dict[int, datetime] = {}  # client id to when it is free again
        self.silent_until: datetime | None = None  # nobody is greeted before
        self._is_closed = False
        self.failures: list[BaseException] = []  # our own mistakes: tests want none
        self.on_restart: Callable[[float, int], None] = lambda down_s, rollback: None
        self._version_max = version_max
        self._master = master
        self._record = record
        self._tell = tell
        self._count = 0
        venue.listen(self)

    # -- sockets

    def connect(self) -> Connection:
        """Make the protocol of a socket that was accepted."""
        self._count += 1
        connection = Connection(self, self._count)
        self.connections.add(connection)
        return connection

    def close(self) -> None:
        """End every session at once, and forget what still waits."""
        self._is_closed = True
        for connection in list(self.connections):
            connection.abort()

    def greet(self, connection: Connection, offered: frame.Versions) -> None:
        """Agree on a version, or close."""
        self.pace.catch_up()
        version = min(offered.last, self._version_max, VERSION_MAX)
        if version < max(offered.first, VERSION_MIN):
            self._note(connection, f"{connection.peer} speaks {offered.first}..{offered.last}")
            connection.close()
            return
        connection.version = version
        connection.is_patient = "+PACEAPI" in offered.options
        mischief.at_greeting(self, connection)
        time = f"{self.venue.now().astimezone(ZoneInfo(ZONE)):%Y%m%d %H:%M:%S %Z}"
        connection.write(frame.welcome(version, time))
        if self._record is not None:
            now, number = self.venue.now(), connection.number
            self._record.greeting(now, number, is_in=True, **offered._asdict())
            self._record.greeting(now, number, is_in=False, version=version, time=time)

    def lost(self, connection: Connection, reason: str) -> None:
        """Forget a socket; its orders live on."""
        self.connections.discard(connection)
        session = connection.session
        if session is None:
            return
        session.is_open = False
        if self.sessions.get(session.client_id) is connection:
            del self.sessions[session.client_id]
            self.venue.unsubscribe_client(session.client_id)
        self._note(connection, f"client {session.client_id} left: {reason}")

    def too_fast(self, connection: Connection, *, is_last: bool) -> None:
        """Say that a message over the limit was not taken; close at the third breach."""
        text = "Max rate of messages per second has been exceeded:max=50"
        self._send(connection, "error", {"id": NO_ID, "code": 100, "text": text})
        if is_last:
            connection.close()

    # -- messages in

    def receive(self, connection: Connection, payload: bytes) -> None:
        """Take a message: parse it, strike with faults, hand it to its handler."""
        self.pace.catch_up()
        self._record_frame(connection, payload, is_in=True)
        try:
            message, given = read_request(payload, connection.version)
        except WireError as error:
            if connection.session is not None:
                words = {"id": NO_ID, "code": 320, "text": f"Error reading request: {error}"}
                self._send(connection, "error", words)
            return
        session = connection.session
        if session is None:
            if message.name == "startApi":
                self._start(connection, given["clientId"] or 0)
            return  # everything else is dropped until then
        delay_s = mischief.at_request(self, connection, session, message, given)
        if delay_s is None:
            return
        if delay_s:
            self.pace.later(delay_s, lambda: self.serve(connection, session, message, given))
        else:
            self.serve(connection, session, message, given)
        self.pace.rearm()

    def serve(
        self, connection: Connection, session: Session, message: Message, given: dict[str, Any]
    ) -> None:
        """Answer a request. A mistake of ours costs that request, never the gateway.

        An order or cancel that was taken off the wire is carried out, whether or not its client is
        still there to hear of it; what waits in a gateway that restarts is lost with it.
        """
        if self._is_closed or not (session.is_open or message.name in ORDERS):
            return
        try:
            if message.name == "reqCurrentTime":
                now = int(self.venue.now().timestamp() + self.clock_skew_s)
                session.tell("currentTime", time=now)
            elif message.number in NOT_OFFERED:
                text = f"Error validating request: {message.name} is not offered here"
                session.error(given.get("r") or NO_ID, 321, text)
            else:
                HANDLERS[message.name](session, given)
        except Exception as error:  # noqa: BLE001  one client's request must not end all others
            self.failures.append(error)
            self._note(connection, f"{message.name} failed: {type(error).__name__}: {error}")
            session.error(
                _id_of(given), 321, f"Error processing request: {type(error).__name__}: {error}"
            )
        finally:
            connection.is_muted = False

    def _start(self, connection: Connection, client_id: int) -> None:
        free_at = self.busy_ids.get(client_id)
        is_busy = free_at is not None and self.venue.now() < free_at
        if client_id in self.sessions or is_busy:
            self._send(connection, "error", {"id": NO_ID, "code": 326, "text": IN_USE})
            self._note(connection, f"client {client_id} refused: id in use")
            connection.close()
            return
        session = Session(
            self.venue,
            client_id,
            connection.version,
            lambda name, words: self._send(connection, name, words),
            self.pace.later,
        )
        if mischief.at_start(self, connection, session):
            return
        connection.session = session
        self.sessions[client_id] = connection
        self._note(connection, f"client {client_id} started at version {connection.version}")
        session.tell("managedAccounts", accounts=self.venue.account)
        session.tell("nextValidId", id=self.venue.last_order_id(client_id) + 1)
        for code, text in FARMS:
            session.error(NO_ID, code, text)

    # -- messages out

    def _send(self, connection: Connection, name: str, words: Mapping[str, Any]) -> None:
        if connection.is_closing:
            return
        if connection.is_muted:
            if name in mischief.ROWS:
                return
            words = {k: [] if isinstance(v, list | tuple) else v for k, v in words.items()}
        try:
            payload = answer(name, connection.version, words)
        except WireError as error:  # a fact that cannot be written costs its frame, nothing else
            self.failures.append(error)
            self._note(connection, str(error))
            return
        self._record_frame(connection, payload, is_in=False)
        connection.write(mischief.at_callback(self, connection, name, payload))

    def _of(self, client_id: int) -> Iterator[Session]:
        """The sessions that hear of a client's orders."""
        wanted = {client_id} if self._master is None else {client_id, self._master}
        for one in sorted(wanted):
            connection = self.sessions.get(one)
            if connection is not None and connection.session is not None:
                yield connection.session

    def _all(self) -> list[Session]:
        return [one.session for one in list(self.sessions.values()) if one.session is not None]

    def _record_frame(self, connection: Connection, payload: bytes, *, is_in: bool) -> None:
        if self._record is not None:
            client = connection.session.client_id if connection.session else None
            self._record.frame(
                self.venue.now(),
                connection.number,
                client,
                payload=payload,
                version=connection.version,
                is_in=is_in,
            )

    def _note(self, connection: Connection, text: str) -> None:
        self._tell(text)
        if self._record is not None:
            client = connection.session.client_id if connection.session else None
            self._record.note(self.venue.now(), connection.number, client, text)

    # -- what the venue announces

    def open_order(self, view: OrderView) -> None:
        """Message 5."""
        for session in self._of(view.client_id):
            if session.auto_bind and view.order_id < 0 and view.perm_id not in session.bound:
                session.bound.add(view.perm_id)
                session.tell("orderBound", permId=view.perm_id, clientId=0, orderId=view.order_id)
            session.send("openOrder", order_words(view, session.version))

    def order_status(self, view: OrderView) -> None:
        """Message 3."""
        for session in self._of(view.client_id):
            session.send("orderStatus", status_words(view))

    def execution(self, execution: Execution) -> None:
        """Message 11, live."""
        for session in self._of(execution.client_id):
            session.send("execution", execution_words(execution, NO_ID, session.version))

    def commission(self, commission: Commission) -> None:
        """Message 59."""
        for session in self._of(commission.client_id):
            session.send("commission", commission_words(commission))

    def position(self, row: PositionRow) -> None:
        """Message 61, to those who asked; 71 likewise."""
        words = position_words(row)
        for session in self._all():
            if session.wants_positions:
                session.send("position", words)
            for r in sorted(session.positions_multi):
                session.send("positionMulti", words | {"r": r})

    def portfolio(self, row: PortfolioRow) -> None:
        """Message 7, to those who subscribed to the account."""
        for session in self._all():
            if session.wants_account:
                session.send("portfolio", portfolio_words(row))

    def account_value(self, value: AccountValue) -> None:
        """Message 6, likewise; 73 to those who asked for it."""
        words = account_words(value, self.venue.account)
        for session in self._all():
            if session.wants_account:
                session.send("accountValue", words)
            for r, ledger_only in sorted(session.account_multi.items()):
                if not ledger_only or value.key in account.LEDGER:
                    session.send("accountUpdateMulti", words | {"r": r})

    def item(self, key: SubKey, item: Item) -> None:
        """A tick, bar or PnL of a stream."""
        client_id, r = key
        connection = self.sessions.get(client_id)
        session = connection.session if connection else None
        stream = session.streams.get(r) if session else None
        if session is not None and stream is not None:
            quote.show(session, r, stream, item)

    def error(self, client_id: int, request_id: int, code: int, text: str) -> None:
        """Message 4 about one order or subscription."""
        for session in self._of(client_id):
            session.error(request_id, code, text)

    def link(self, code: int, text: str) -> None:
        """Message 4 with id −1, to every client."""
        for session in self._all():
            session.error(NO_ID, code, text)

    def fault(self, fired: Fired) -> None:
        """A fault of sockets, sessions or frames."""
        mischief.carry_out(self, fired)


def _id_of(given: Mapping[str, Any]) -> int:
    for name in ("r", "orderId"):
        if given.get(name) is not None:
            return int(given[name])
    return NO_ID
