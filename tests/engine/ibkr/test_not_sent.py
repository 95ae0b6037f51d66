"""What a last check keeps back has not been sent: it goes later, or not at all."""

from datetime import timedelta
from pathlib import Path

import pytest

from engine.brokers.practice.gateway import PracticeGateway
from engine.domain import event as ev
from engine.domain import report as rp
from engine.domain.command import SubmitOrder
from engine.domain.input import Tick
from engine.domain.order import OrderStatus, Side
from tests.engine.ibkr.core import AT, Core
from tests.engine.ibkr.test_faults_over_tcp import LIMIT
from tests.engine.ibkr.test_over_tcp import core_of, send
from tests.engine.ibkr.test_whole import BEFORE_SLOT, at_slot, calendar, engine, until
from tests.engine.ibkr.wire import D, desk, order
from tests.kills.matrix.point import fill_queue

_S = OrderStatus


def kept_back(side: Side = Side.BUY, *, is_exit: bool = False) -> tuple[Core, object]:
    """A core whose one order was kept back by a last check."""
    core, mine = Core(), order("a", side, is_exit=is_exit)
    core.send(mine, 1)
    core.report(rp.NotSent(order_id=mine.order_id, text="QUEUE_BUSY"))
    row = core.row(mine)
    assert (row.status, row.sent, row.broker_order_id) == (_S.APPROVED, False, 0)
    return core, row


def test_an_entry_is_tried_again_for_two_seconds_only() -> None:
    core, row = kept_back()
    core.take(Tick(AT + timedelta(seconds=3)))
    assert (row.status, row.reason) == (_S.CANCELED, "QUEUE_BUSY for too long")  # type: ignore[attr-defined]
    assert not [one for one in core.commands if isinstance(one, SubmitOrder)]


def test_an_exit_waits_as_long_as_its_day_lasts() -> None:
    core, row = kept_back(Side.SELL, is_exit=True)
    core.state.session_date = row.order.session_date  # type: ignore[attr-defined]
    core.take(Tick(AT + timedelta(seconds=3)))
    assert row.status in (_S.APPROVED, _S.CANCELED)  # type: ignore[attr-defined]
    assert "too long" not in row.reason  # type: ignore[attr-defined]


def test_a_late_word_about_a_send_that_was_answered_changes_nothing() -> None:
    core, mine = Core(), order("a")
    core.send(mine, 1)
    core.report(rp.Accepted(order_id=mine.order_id))
    core.report(rp.NotSent(order_id=mine.order_id, text="QUEUE_BUSY"))
    assert core.row(mine).status is _S.ACCEPTED
    assert core.row(mine).sent


def test_a_cancel_that_came_before_ends_it_there() -> None:
    core, mine = Core(), order("a")
    core.send(mine, 1)
    core._evolve(ev.CancelRequested(order_id=mine.order_id, reason="halt", actor="test"))
    core.report(rp.NotSent(order_id=mine.order_id, text="LINK_DOWN"))
    assert (core.row(mine).status, core.row(mine).reason) == (
        _S.CANCELED,
        "never sent: LINK_DOWN",
    )


@pytest.mark.parametrize("why", ["QUEUE_BUSY", "RATE"])
async def test_nothing_is_sent_behind_a_queue_or_beyond_our_rate(why: str) -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        core, connection = core_of(one), one.broker.connection
        if why == "QUEUE_BUSY":
            connection.ib.client.throttleStart.emit()  # the library would put it into its queue
        else:
            while connection.limiter.take():
                pass
        row = send(one, core, "a", 1, **LIMIT)
        assert (row.status, row.sent, row.reason) == (_S.APPROVED, False, why)
        assert gateway.venue.open_orders() == []
        connection.ib.client.throttleEnd.emit()
        limiter = connection.limiter
        await one.until(lambda: limiter._used(limiter._monotonic()) < limiter._limit // 2)
        started = ev.SendStarted(
            order_id=row.order.order_id, attempt=2, link_epoch=1, broker_order_id=2
        )
        core._evolve(started)
        one.broker.submit(row.order, 2)
        await one.until(lambda: row.status is _S.ACCEPTED)
        (seen,) = gateway.venue.open_orders()
        assert seen.request.order_ref == "PH-a"


async def test_no_order_stays_behind_in_the_librarys_queue() -> None:
    """It would leave a second later, past every check, or never."""
    async with PracticeGateway(seed=7) as gateway, desk(gateway) as one:
        await one.live()
        client = one.broker.connection.ib.client
        fill_queue(client)
        row = send(one, core_of(one), "a", 1, **LIMIT)
        assert (row.status, row.sent, row.reason) == (_S.APPROVED, False, "QUEUE_BUSY")
        assert not client._msgQ
        assert gateway.venue.open_orders() == []


async def test_an_order_kept_back_at_its_slot_goes_with_the_next_tick(tmp_path: Path) -> None:
    async with (
        PracticeGateway(seed=7, start=BEFORE_SLOT, calendar=calendar()) as gateway,
        engine(tmp_path, gateway, "2026-11-20,QQQ,ENTER,BUY,10,,,,,") as one,
    ):
        state, client = one.loop.state, one.session.broker.connection.ib.client
        await at_slot(gateway, one)
        client.throttleStart.emit()
        await until(lambda: any(row.reason == "QUEUE_BUSY" for row in state.orders.values()))
        client.throttleEnd.emit()
        (row,) = state.orders.values()
        await until(lambda: row.status is _S.FILLED)
        assert row.attempts >= 2
        assert row.filled == D(10)
        assert len(gateway.venue.completed_orders()) == 1
