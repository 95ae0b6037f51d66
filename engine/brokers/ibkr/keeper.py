"""Keeps one connection: dials, compares, listens to silence, and dials again for ever.

The machine decides, the keeper does. It is one task; everything that it awaits has a time-out.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from engine.brokers.ibkr.connection import ClientIdInUse, Connection
from engine.brokers.ibkr.link import Act, Acts, Do, LinkMachine, same
from engine.domain.link import Link, LinkState
from engine.errors import BrokerError, BrokerUnreachable

_log = logging.getLogger("pilothouse.ibkr")
_TICK_S = 0.5


class Keeper:
    """Carries out what a link machine wants."""

    def __init__(
        self,
        machine: LinkMachine,
        connection: Connection,
        *,
        opened: Callable[[], None],
        sync: Callable[[], Awaitable[None]],
        changed: Callable[[Link], None],
        resubscribe: Callable[[str], None],
        alert: Callable[[Do], None],
        store: Callable[[], None] = lambda: None,
    ) -> None:
        """`sync` raises BrokerError if a query failed; `changed` hears of each new link.

        `store` asks for the facts of the day that ends.
        """
        self._store = store
        self._machine = machine
        self._connection = connection
        self._opened = opened
        self._sync = sync
        self._changed = changed
        self._resubscribe = resubscribe
        self._alert = alert
        self._connect_at: float | None = 0.0
        self._sync_at: float | None = None
        self._asked_after: float | None = None  # the last sound after which the time was asked
        self._news = asyncio.Event()
        self._told: Link | None = None
        self._settled = asyncio.Event()
        self._why = ""
        self.is_patient = False  # a gateway that is not there yet may come

    def do(self, acts: Acts) -> None:
        """Note what is to be done, and tell if the link has changed."""
        now = self._connection.clock.monotonic()
        closing = ""
        for one in acts:
            match one.act:
                case Act.CONNECT:
                    self._connect_at = now + one.after_s
                case Act.SYNC:
                    self._sync_at = now + one.after_s
                case Act.PAUSE:
                    self._connection.limiter.pause(one.after_s)
                case Act.RESUBSCRIBE:
                    self._resubscribe(one.text)
                case Act.STORE:
                    self._store()
                case Act.ALERT:
                    self._alert(one)
                case Act.CLOSE | Act.STOP:
                    closing = one.text or one.act.value
        self.tell()
        self._news.set()
        if closing:
            self._connection.close(closing)

    def tell(self) -> None:
        """Hand on the link if it is another than before."""
        link = self._machine.link
        if self._told is None or not same(link, self._told):
            self._told = link
            self._changed(link)
        if link.state is LinkState.LIVE or self._machine.is_stopped:
            self._first(link.reason if self._machine.is_stopped else "")

    def _first(self, why: str) -> None:
        if not self._settled.is_set():
            self._why = why
            self._settled.set()

    async def settled(self) -> str:
        """Wait until the first attempt has an end: "" when live, else why not."""
        await self._settled.wait()
        return self._why

    def on_closed(self, text: str) -> None:
        """The connection has ended."""
        self._sync_at = None
        self.do(self._machine.closed(text))

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        while True:
            self._news.clear()
            now = self._connection.clock.monotonic()
            if self._connect_at is not None and now >= self._connect_at:
                self._connect_at = None
                await self._connect()
            elif self._sync_at is not None and now >= self._sync_at:
                self._sync_at = None
                await self._compare()
            else:
                await self._wait(now)
            self._look(self._connection.clock.monotonic())

    async def _wait(self, now: float) -> None:
        due = [at for at in (self._connect_at, self._sync_at) if at is not None]
        wait = min([_TICK_S, *(max(0.0, at - now) for at in due)])
        try:
            async with asyncio.timeout(wait):
                await self._news.wait()
        except TimeoutError:
            return

    async def _connect(self) -> None:
        if self._machine.is_stopped:
            return
        self._machine.dialing()
        self.tell()
        try:
            opened = await self._connection.open()
        except ClientIdInUse as error:
            self.do(self._machine.refused(str(error), clash=True))
            self._first(str(error))
            return
        except BrokerUnreachable as error:
            _log.info("%s", error)
            self.do(self._machine.refused(str(error)))
            if not self.is_patient:
                self._first(str(error))
            return
        self._opened()
        self.do(self._machine.connected(opened.accounts, opened.next_order_id))

    async def _compare(self) -> None:
        try:
            async with asyncio.timeout(self._connection.terms.timings.ready):
                await self._sync()
        except TimeoutError:
            self.do(self._machine.sync_failed("the comparison took too long"))
        except BrokerError as error:
            self.do(self._machine.sync_failed(str(error)))
        else:
            self.do(self._machine.synced())

    def _look(self, now: float) -> None:
        """Look at the clock and at the silence."""
        at = self._connection.clock.wall()
        if self._machine.clock(at):
            self.tell()
        for acts in (self._machine.overdue(now, at), self._machine.calendar(at)):
            if acts:
                self.do(acts)
        connection, times = self._connection, self._connection.terms.timings
        if not connection.is_open:
            return
        heard = connection.last_heard
        silent = now - heard
        if silent > times.silence:
            connection.close(f"nothing heard for {silent:.0f} s")
        elif silent <= times.heartbeat_after or heard == self._asked_after:
            return
        elif connection.limiter.take():
            self._asked_after = heard
            connection.ask_time()
