"""Where an engine dies: hooks around the real journal, broker and questions that end in SIGKILL.

    {"at": "after", "what": "OrderAccepted", "nth": 1}

`before` and `after` a commit that holds an event of a kind; `before`, `after` a call (`call`,
`cancel`, `change`), `queued` (the order stays in the library's queue), or a question of the
comparison (`orders`, `completed`, `executions`, `positions`, `account`). Nothing else is changed.
At `stopped` before a call the process does not die, it is stopped until somebody lets it go on.
"""

import asyncio
import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.domain.ids import OrderId
from engine.domain.order import Order
from engine.ports import Unit
from engine.runtime import ibkr
from storage.journal import SqliteJournal
from tests.engine.ibkr.wire import FAST
from tui import wiring

TIMINGS = replace(
    FAST, socket=3, start=3, request=3, in_flight_after=0.5, ready=20, silence=4, absent_again=1
)
"""Waiting times of the connection; an order that is late is less late than a look-up waits."""

_QUESTIONS = {
    "orders": "open_orders",
    "completed": "completed",
    "executions": "executions",
    "positions": "positions",
    "account": "account",
}


class Point:
    """The place where this process ends."""

    def __init__(self, of: Mapping[str, Any] | None) -> None:
        given = of or {}
        self.at = str(given.get("at", ""))
        self.what = str(given.get("what", ""))
        self._left = int(given.get("nth", 1))

    def is_at(self, at: str, what: str) -> bool:
        """Say whether this is the place; each look at the right one counts."""
        if (at, what) != (self.at, self.what):
            return False
        self._left -= 1
        return self._left == 0

    def pass_by(self, at: str, what: str) -> None:
        """Die, if it is here."""
        if self.is_at(at, what):
            os.kill(os.getpid(), signal.SIGKILL)

    def stand_still(self, what: str) -> None:
        """Be stopped, if it is here."""
        if self.is_at("stopped", what):
            os.kill(os.getpid(), signal.SIGSTOP)


def wire(of: Mapping[str, Any] | None) -> None:
    """Put the hooks around what `tui.wiring` names."""
    point = Point(of)

    class Journal(SqliteJournal):
        """The journal, beside whose commits the process may die."""

        _kinds: tuple[str, ...] = ()

        def put(self, unit: Unit) -> int:
            self._kinds += tuple(type(entry.event).__name__ for entry in unit.entries)
            return super().put(unit)

        async def commit(self) -> None:
            kinds, self._kinds = self._kinds, ()
            for kind in kinds:
                point.pass_by("before", kind)
            await super().commit()
            for kind in kinds:
                point.pass_by("after", kind)

    class Session(ibkr.IbkrSession):
        """Both connections, with a door before the broker."""

        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self.broker.queries = Questions(self.broker.queries, point)  # type: ignore[assignment]
            self.broker = Door(self.broker, point)  # type: ignore[assignment]

    setattr(wiring, "SqliteJournal", Journal)  # noqa: B010  the wiring names its adapters,
    setattr(ibkr, "IbkrSession", Session)  # noqa: B010  this one where it is imported from


class Door:
    """The broker, around whose calls the process may die."""

    def __init__(self, broker: Any, point: Point) -> None:
        self.__dict__.update(broker=broker, point=point)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.broker, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.broker, name, value)

    def submit(self, order: Order, broker_order_id: int) -> None:
        """Send, and perhaps die."""
        self.point.pass_by("before", "call")
        self.point.stand_still("call")
        queued = self.point.is_at("queued", "call")
        if queued:
            fill_queue(self.broker.connection.ib.client)
        self.broker.submit(order, broker_order_id)
        if queued:
            os.kill(os.getpid(), signal.SIGKILL)
        self.point.pass_by("after", "call")

    def cancel(self, order_id: OrderId) -> None:
        """Ask for a cancel, and perhaps die."""
        self.point.pass_by("before", "cancel")
        self.broker.cancel(order_id)
        self.point.pass_by("after", "cancel")

    def change(self, order: Order) -> None:
        """Ask for a change, and perhaps die."""
        self.point.pass_by("before", "change")
        self.point.stand_still("change")
        self.broker.change(order)
        self.point.pass_by("after", "change")


def fill_queue(client: Any) -> None:
    """Let the library believe that it has just sent all that it may: the next message waits."""
    client._timeQ.extend([asyncio.get_running_loop().time()] * client.MaxRequests)


class Questions:
    """The questions of a connection, after each of which the process may die."""

    def __init__(self, inner: Any, point: Point) -> None:
        self._inner = inner
        for name, method in _QUESTIONS.items():
            setattr(self, method, self._around(name, getattr(inner, method), point))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @staticmethod
    def _around(name: str, ask: Any, point: Point) -> Any:
        async def asked() -> Any:
            point.pass_by("before", name)
            answer = await ask()
            point.pass_by("after", name)
            return answer

        return asked
