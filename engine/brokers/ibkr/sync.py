"""Questions to the broker, each under a lock and with a time-out. A failure raises; it is
never an empty list.

Positions, open and completed orders and the account have no request id: of two overlapping
requests the first never completes, and the late answer to one that was given up could be taken
for half of the next. So one is asked at a time, and after a time-out an answer counts only
from one end to the next: what stands between two ends is whole.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from engine.brokers.ibkr import said
from engine.brokers.ibkr.codes import is_read_only
from engine.brokers.ibkr.connection import Connection
from engine.brokers.ibkr.terms import NEW_YORK
from engine.domain.fill import root_of
from engine.domain.reconciliation import BrokerExecutions
from engine.errors import BrokerError

KINDS = ("positions", "orders", "completed", "account")
_ROWS: dict[type, str] = {
    said.Position: "positions",
    said.OpenOrder: "orders",
    said.OrderStatus: "orders",
    said.CompletedOrder: "completed",
}
_READ_ONLY_KINDS = frozenset({"orders", "completed"})


@dataclass(slots=True)
class Collector:
    """Rows of one kind between two ends."""

    rows: list[said.Said] = field(default_factory=list)
    waiting: "asyncio.Future[list[said.Said]] | None" = None
    is_dirty: bool = False  # an answer that was given up may still come
    skip: int = 0  # ends that are not ours for certain

    @property
    def is_waiting(self) -> bool:
        """Say whether somebody wants the rows that come."""
        return self.waiting is not None and not self.waiting.done()

    def begin(self) -> "asyncio.Future[list[said.Said]]":
        """A request goes out; return what its rows will come in."""
        self.rows = []
        self.skip = 1 if self.is_dirty else 0
        self.waiting = asyncio.get_running_loop().create_future()
        return self.waiting

    def add(self, one: said.Said) -> None:
        """Take a row of an answer."""
        if self.is_waiting:
            self.rows.append(one)

    def end(self) -> None:
        """An answer is complete."""
        rows, self.rows = self.rows, []
        if self.skip:
            self.skip -= 1
        elif self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(rows)

    def fail(self, text: str) -> None:
        """No answer will come."""
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(BrokerError(text))
            self.waiting.exception()  # somebody may have stopped waiting


class Queries:
    """The trade connection's questions; `take` must see everything that is heard."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._collectors = {kind: Collector() for kind in KINDS}
        self._locks = {kind: asyncio.Lock() for kind in (*KINDS, "executions")}
        self._executions: dict[int, asyncio.Future[None]] = {}
        self._listed: tuple[datetime, set[str]] | None = None  # since when, and their roots
        self._listing: set[str] = set()  # of the question under way
        self.values: dict[str, str] = {}  # of the account, newest
        self.portfolio: dict[int, said.Portfolio] = {}

    def begin_epoch(self) -> None:
        """A new connection: no old answer can come any more."""
        for collector in self._collectors.values():
            collector.is_dirty = False
        self._listed = None
        self.values.clear()
        self.portfolio.clear()

    def fail(self, text: str) -> None:
        """The connection is gone: nobody waits for an answer."""
        for collector in self._collectors.values():
            collector.fail(text)
        for future in self._executions.values():
            if not future.done():
                future.set_exception(BrokerError(text))
                future.exception()

    # -- what is heard -----------------------------------------------------------------------

    def take(self, one: said.Said) -> None:
        """Sort a thing said into the answer that it belongs to."""
        kind = _ROWS.get(type(one))
        if kind is not None:
            self._collectors[kind].add(one)
        elif isinstance(one, said.AccountValue):
            self._take_value(one)
        elif isinstance(one, said.Portfolio):
            if one.account == self._connection.terms.account:
                self.portfolio[one.contract.con_id] = one
        elif isinstance(one, said.End):
            self._collectors[one.kind].end()
        elif isinstance(one, said.Execution):
            if one.account == self._connection.terms.account:
                self._list(root_of(one.exec_id))
        elif isinstance(one, said.ExecutionsEnd):
            future = self._executions.get(one.request)
            if future is not None and not future.done():
                future.set_result(None)
        elif isinstance(one, said.Error):
            self._on_error(one)

    def _list(self, root: str) -> None:
        """What is filled while or after somebody asks is listed as well."""
        self._listing.add(root)
        if self._listed is not None:
            self._listed[1].add(root)

    @property
    def listed(self) -> BrokerExecutions | None:
        """Today's executions: the newest whole answer and what was filled since; None: none yet."""
        if self._listed is None:
            return None
        return BrokerExecutions(since=self._listed[0], roots=tuple(sorted(self._listed[1])))

    def _take_value(self, one: said.AccountValue) -> None:
        if one.currency == "BASE" or one.account != self._connection.terms.account:
            return  # BASE: the same numbers once more, per currency
        self.values[one.key] = one.value

    def _on_error(self, one: said.Error) -> None:
        text = f"{one.code} {one.text}"
        if is_read_only(one.code, one.text):
            for kind in _READ_ONLY_KINDS:
                self._collectors[kind].fail(text)
        future = self._executions.get(one.id)
        if future is not None and not future.done() and not 2100 <= one.code < 2200:
            future.set_exception(BrokerError(f"executions: {text}"))

    # -- questions ---------------------------------------------------------------------------

    async def positions(self) -> list[said.Position]:
        """Return all positions of all accounts."""
        rows = await self._ask("positions", lambda ib: ib.reqPositionsAsync())
        return [row for row in rows if isinstance(row, said.Position)]

    async def open_orders(self) -> tuple[list[said.OpenOrder], list[said.OrderStatus]]:
        """Return the open orders of all clients, and their statuses."""
        rows = await self._ask("orders", lambda ib: ib.reqAllOpenOrdersAsync())
        return (
            [row for row in rows if isinstance(row, said.OpenOrder)],
            [row for row in rows if isinstance(row, said.OrderStatus)],
        )

    async def completed(self) -> list[said.CompletedOrder]:
        """Return orders that ended today, by any client or hand."""
        rows = await self._ask("completed", lambda ib: ib.reqCompletedOrdersAsync(False))
        return [row for row in rows if isinstance(row, said.CompletedOrder)]

    async def account(self) -> None:
        """Bring values and portfolio of the account up to date; they stay subscribed."""
        account = self._connection.terms.account

        def call(ib: Any) -> Any:
            ib.client.reqAccountUpdates(False, account)  # else a second request is not answered
            return ib.reqAccountUpdatesAsync(account)

        await self._ask("account", call)

    async def executions(self) -> None:
        """Ask for today's executions of all clients; they arrive as reports.

        A gateway serves them from its midnight on.
        """
        name = "executions"
        limit = self._connection.terms.timings.request
        async with self._locks[name]:
            self._listing = set()
            local = self._connection.clock.wall().astimezone(ZoneInfo(NEW_YORK))
            since = local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
            ask = _Executions(self._executions)
            await self._connection.send(name, ask.send)
            try:
                async with asyncio.timeout(limit):
                    await ask.done
            except TimeoutError:
                raise BrokerError(f"{name}: no answer within {limit:g} s") from None
            finally:
                self._executions.pop(ask.request, None)
            self._listed = (since, self._listing)

    async def _ask(self, kind: str, call: Callable[[Any], Any]) -> list[said.Said]:
        limit = self._connection.terms.timings.request
        collector = self._collectors[kind]
        async with self._locks[kind]:
            answer = collector.begin()
            for _ in range(2 if collector.is_dirty else 1):
                await self._connection.send(kind, call)
            try:
                async with asyncio.timeout(limit):
                    return await answer
            except TimeoutError:
                collector.is_dirty = True
                raise BrokerError(f"{kind}: no answer within {limit:g} s") from None


class _Executions:
    """One request for executions; registered before it is sent."""

    def __init__(self, waiting: "dict[int, asyncio.Future[None]]") -> None:
        self._waiting = waiting
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.request = 0

    def send(self, ib: Any) -> None:
        """Send it with an id of its own."""
        from ib_insync import ExecutionFilter

        self.request = ib.client.getReqId()
        self._waiting[self.request] = self.done
        ib.wrapper.startReq(self.request).add_done_callback(_looked_at)
        ib.client.reqExecutions(self.request, ExecutionFilter())


def _looked_at(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()
