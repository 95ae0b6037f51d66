"""The last look before anything leaves: what has come meanwhile keeps it back, with its reason."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.brokers.practice.gateway import PracticeGateway
from engine.domain import event as ev
from engine.domain import report as rp
from engine.domain.ids import OrderId
from engine.domain.input import Input, Reported
from engine.domain.order import Order, OrderStatus
from engine.domain.session import TradingState
from engine.execution.router import Router
from storage.controls import SqliteRequestBox
from tests.engine.desk import SLOT, Desk, script, step
from tests.engine.ibkr.core import Core
from tests.engine.ibkr.test_change import working
from tests.engine.ibkr.test_faults_over_tcp import LIMIT
from tests.engine.ibkr.test_over_tcp import core_of, send
from tests.engine.ibkr.wire import D, order
from tests.engine.ibkr.wire import desk as desk_at

AT = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


class Wire:
    """A broker that notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, object]] = []

    def submit(self, order: Order, broker_order_id: int) -> None:
        """An order has left."""
        self.asked.append(("submit", order.order_id))

    def change(self, order: Order) -> None:
        """A change has left."""
        self.asked.append(("change", order.order_id))

    def preview(self, order: Order) -> None:
        """Not asked here."""

    def cancel(self, order_id: OrderId) -> None:
        """Not asked here."""

    def look_up(self, order_id: OrderId) -> None:
        """Not asked here."""

    def read_account(self, trigger: str) -> None:
        """Not asked here."""


def halted(core: Core, router: Router) -> str:
    """Somebody has halted."""
    core.state.trading_state = TradingState.HALTED
    return "HALTED"


def barred(core: Core, router: Router) -> str:
    """A signal came."""
    router.barred = "SIGUSR1"
    return "SIGUSR1"


def canceling(core: Core, router: Router) -> str:
    """The order is on its way out."""
    core.state.orders[order("a").order_id].canceling = True
    return "canceled"


def unreadable(core: Core, router: Router) -> str:
    """What is asked cannot be known: no entry is sent."""
    router.entries_barred = "the request file could not be read"
    return router.entries_barred


@pytest.mark.parametrize("meanwhile", [halted, barred, canceling, unreadable])
def test_a_change_that_was_decided_before_is_not_sent_after(meanwhile: Any) -> None:
    core, wire, said = Core(), Wire(), list[Input]()
    row = working(core)
    router = Router(wire, said.append, lambda: AT)
    why = meanwhile(core, router)
    router.change(order("a", quantity=30), core.state)
    assert wire.asked == []
    (given,) = said
    assert isinstance(given, Reported)
    refused = rp.ChangeRefused(order_id=row.order.order_id, text=f"{why} before it was sent")
    assert given.report == refused


def test_a_change_leaves_when_nothing_has_come() -> None:
    core, wire, said = Core(), Wire(), list[Input]()
    row = working(core)
    Router(wire, said.append, lambda: AT).change(order("a", quantity=30), core.state)
    assert wire.asked == [("change", row.order.order_id)]
    assert said == []
    assert row.filled == D(0)


class StandsStill(SqliteRequestBox):
    """A request file in which nothing stands, and a process that is stopped while it looks.

    What halts it is a signal, heard by another thread once the process goes on.
    """

    stops = False
    hear: Callable[[], None]

    def changed(self) -> bool:
        """Look, and be stopped."""
        found = super().changed()
        if self.stops:
            self.stops = False
            time.sleep(0.3)
            asyncio.get_running_loop().call_soon(self.hear)
        return found


async def test_a_process_that_stood_still_hears_its_signal_before_it_sends(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script("2026-03-02,QQQ,ENTER,BUY,10,,,,,")], {"QQQ": ["100"] * 3})
    desk.box = box = StandsStill(desk.path)
    box.hear = lambda: desk.loop.bar("SIGUSR1")
    desk.before[step(0, SLOT)] = lambda: setattr(box, "stops", True)
    await desk.run()
    (row,) = desk.orders()
    assert (row.status, row.reason) == (OrderStatus.CANCELED, "SIGUSR1 before it was sent")


async def test_nor_does_it_send_at_once_if_it_stood_still_before_it_looked(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script("2026-03-02,QQQ,ENTER,BUY,10,,,,,")], {"QQQ": ["100"] * 3})

    def stands_still() -> None:
        time.sleep(0.3)
        asyncio.get_running_loop().call_soon(desk.loop.bar, "SIGUSR1")

    desk.before[step(0, SLOT)] = stands_still
    await desk.run()
    (row,) = desk.orders()
    assert (row.status, row.reason) == (OrderStatus.CANCELED, "SIGUSR1 before it was sent")


def test_a_request_that_came_keeps_an_order_back_unless_none_can_be_read() -> None:
    router = Router(Wire(), list[Input]().append, lambda: AT, lambda: True)
    assert router.last_look() == "a request came"
    router.entries_barred = "the request file could not be read"
    assert router.last_look() == ""
    router.barred = "SIGUSR1"
    assert router.last_look() == "SIGUSR1"


async def test_what_comes_while_an_order_is_made_ready_keeps_its_bytes_back() -> None:
    async with PracticeGateway(seed=7) as gateway, desk_at(gateway) as one:
        await one.live()
        core, why = core_of(one), "a request came"
        one.broker.connection.last_look = lambda: why
        row = send(one, core, "a", 1, **LIMIT)
        assert (row.status, row.sent, row.reason) == (OrderStatus.APPROVED, False, why)
        assert gateway.venue.open_orders() == []
        why = ""
        row = send(one, core, "b", 2, **LIMIT)
        await one.until(lambda: row.status is OrderStatus.ACCEPTED)
        why = "SIGUSR1"
        changed = replace(row.order, quantity=D(30))
        core._evolve(
            ev.ChangeRequested(
                order_id=row.order.order_id, before=row.order, after=changed, reason=""
            )
        )
        one.broker.change(changed)
        await one.until(lambda: row.changing is None)
        (report,) = one.reports(rp.ChangeRefused)
        assert report.text == "SIGUSR1; nothing was sent"
        assert [seen.request.quantity for seen in gateway.venue.open_orders()] == [D(10)]
