"""A practice TWS gateway, whole: the broker that survives, the gateway before it that restarts.

    async with PracticeGateway(seed=7) as gateway:
        ...  # any TWS API client connects to gateway.host, gateway.port

Loopback only: it knows no passwords. With the same seed, start, script and requests it sends the
same bytes.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from ipaddress import ip_address
from types import TracebackType
from typing import Any

from engine.brokers.practice.faults import parse_fault
from engine.brokers.practice.feed import Scripted
from engine.brokers.practice.model import Fault
from engine.brokers.practice.server.pace import Pace
from engine.brokers.practice.server.record import Record
from engine.brokers.practice.server.server import Server
from engine.brokers.practice.venue import PracticeVenue
from engine.brokers.practice.wire import VERSION_MAX
from engine.errors import SafetyRefusal, SettingsError

START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
"""A Friday, half an hour after the open."""


def _silent(text: str) -> None:
    pass


class PracticeGateway:
    """The gateway in this process, on this loop.

    speed: seconds of the market for one on the wall; 0: time passes in `advance` alone.
    master: client id that hears of everybody's orders. tell: takes a line for people per event.
    """

    def __init__(
        self,
        *,
        seed: int = 7,
        host: str = "127.0.0.1",
        port: int = 0,
        start: datetime = START,
        speed: float = 1.0,
        server_version: int = VERSION_MAX,
        master: int | None = None,
        record: Record | None = None,
        tell: Callable[[str], None] = _silent,
        venue: PracticeVenue | None = None,
        **venue_options: Any,
    ) -> None:
        if not is_loopback(host):
            raise SafetyRefusal(
                f"the practice gateway knows no passwords: host {host} is refused,"
                " a loopback address such as 127.0.0.1 is needed"
            )
        self.host = "127.0.0.1" if host == "localhost" else host  # one address, one port
        self.port = port
        self.venue = venue or PracticeVenue(seed=seed, start=start, **venue_options)
        self.pace = Pace(self.venue, speed)
        self.restarts = 0
        self._version = server_version
        self._master = master
        self._record = record
        self._tell = tell
        self._server = self._make_server()
        self._listening: asyncio.Server | None = None
        self._opening: asyncio.Task[None] | None = None

    # -- life

    async def __aenter__(self) -> "PracticeGateway":
        await self._listen()
        self.pace.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.pace.stop()
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        self._close()
        await asyncio.sleep(0)  # aborted sockets say goodbye on the next turn of the loop

    @property
    def account(self) -> str:
        """The one account."""
        return self.venue.account

    @property
    def server(self) -> Server:
        """The gateway's half, until the next restart."""
        return self._server

    @property
    def is_listening(self) -> bool:
        """Say whether clients can connect; not during a restart."""
        return self._listening is not None

    @property
    def clients(self) -> list[int]:
        """The client ids that are connected, ascending."""
        return sorted(self._server.sessions)

    def restart(self, down_s: float = 1.0, id_rollback: int = 0) -> None:
        """Lose every session, and come back after some seconds of the market's clock."""
        self.restarts += 1
        self._note(f"restart: down for {down_s:g} s")
        self._close()
        self.venue.restarted(id_rollback)
        self._server = self._make_server()
        self.pace.later(down_s, self._reopen)

    def _reopen(self) -> None:
        self._opening = asyncio.get_running_loop().create_task(self._listen(), name="listen again")

    def _make_server(self) -> Server:
        server = Server(
            self.venue,
            self.pace,
            version_max=self._version,
            master=self._master,
            record=self._record,
            tell=self._tell,
        )
        server.on_restart = self.restart
        return server

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        server = self._server
        try:
            self._listening = await loop.create_server(server.connect, self.host, self.port)
        except OSError as error:
            reason = error.strerror or str(error)
            raise SettingsError(f"{self.host} port {self.port}: {reason}") from error
        self.port = self._listening.sockets[0].getsockname()[1]

    def _close(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        self._server.close()

    def _note(self, text: str) -> None:
        self._tell(text)

    # -- time

    def advance(self, seconds: float) -> None:
        """Let some seconds of the market pass at once."""
        self.pace.advance(seconds)
        self.pace.rearm()

    # -- market

    def set_market(self, symbol: str, given: Mapping[str, object]) -> None:
        """Hold a symbol's quote from now on: bid, ask, last, sizes, halted; released lets go.

        ValueError names what is wrong.
        """
        if not symbol:
            raise ValueError("market: a symbol is needed")
        shaped: dict[str, Any] = {}
        for name, value in given.items():
            if name in ("halted", "released"):
                shaped[name] = str(value).lower() in ("1", "true", "yes")
            elif name in ("bid", "ask", "last", "bid_size", "ask_size"):
                shaped[name] = _decimal(name, value)
            else:
                raise ValueError(f"market: unknown word '{name}'")
        self.venue.direct(Scripted(at=self.venue.now(), symbol=symbol, **shaped))

    # -- faults

    async def fault(self, name: str, **given: object) -> int:
        """Add a fault to the script and return its id; ValueError names what is wrong with it.

        What is due now happens before this returns.
        """
        return self.add_fault(parse_fault(name, given))

    def add_fault(self, fault: Fault) -> int:
        """Add a fault to the script; what is due now happens at once."""
        number = self.venue.add_fault(fault)
        self.venue.advance_to(self.venue.now())
        self.pace.rearm()
        return number

    async def fired(self, fault_id: int, times: int = 1, timeout_s: float = 10.0) -> None:
        """Wait until a fault has fired. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while self.venue.fired(fault_id) < times:  # noqa: ASYNC110  the venue has no event
                await asyncio.sleep(0.005)

    def state(self) -> Mapping[str, object]:
        """Return the true history: what the broker knows, and how many data lines are in use."""
        return {**self.venue.export(), "lines": self.venue.lines}


def _decimal(name: str, value: object) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ValueError(f"market: {name} is {value!r}, a number is needed")
    return number


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
