"""What must not happen to money, one story each, through the whole engine."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from engine.domain import event as ev
from engine.domain.ids import ExecId, OrderId, RequestId
from engine.domain.input import LinkSeen, Reported
from engine.domain.link import Link, LinkState
from engine.domain.order import ENDS, OrderStatus
from engine.domain.report import Executed
from engine.domain.session import SessionState, TradingState
from storage.controls import requests_path
from tests.engine.desk import (
    CLOSE,
    OPEN,
    QQQ,
    RECONCILE,
    SLOT,
    SNAPSHOT,
    TLT,
    D,
    Desk,
    day,
    script,
    step,
)
from tests.engine.props import (
    FLAT_MARKET,
    Moody,
    buys,
    limit_buy,
    once,
    second,
    sells,
)

_S = OrderStatus


async def test_a_quiet_script_trades_and_completes(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script(buys())], FLAT_MARKET)
    assert await desk.run() is SessionState.COMPLETED
    assert desk.statuses() == [_S.FILLED]
    assert desk.owned() == 10


# -- requests ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["HALT", "REDUCE", "PAUSE", "STOP", "CANCEL_ALL", "FLATTEN"])
async def test_what_is_asked_just_before_an_entry_is_sent_keeps_it_from_being_sent(
    tmp_path: Path, kind: str
) -> None:
    desk = Desk(tmp_path, [script(buys())], FLAT_MARKET)
    desk.before[step(0, SLOT)] = lambda: desk.ask(kind)
    if kind == "PAUSE":
        await desk.run_until(lambda: desk.statuses() == [_S.CANCELED])
        assert desk.state.session_state is SessionState.PAUSED
    else:
        await desk.run()
    assert desk.owned() == 0
    assert desk.statuses() == [_S.CANCELED]
    assert not desk.exchange.account().orders


async def test_a_pause_lets_an_exit_go(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script(buys(), sells(1))], FLAT_MARKET)
    desk.before[step(1, SLOT)] = lambda: desk.ask("PAUSE")
    paused = SessionState.PAUSED
    await desk.run_until(lambda: desk.state.session_state is paused and desk.owned() == 0)


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("PACE", {"pace": "warp nine"}),
        ("PACE", {"pace": ""}),
        ("PACE", {"pace": "nan/s"}),
        ("SNOOZE", {"alert_id": "*", "minutes": "soon"}),
        ("SNOOZE", {"alert_id": "*", "minutes": "-5"}),
        ("SNOOZE", {"alert_id": "*", "minutes": "9" * 30}),
        ("SET_PARAMETER", {"strategy": "script", "key": "nonsense", "value": "1"}),
        ("SET_PARAMETER", {}),
        ("CANCEL", {"order_id": "ord_nobody"}),
        ("CANCEL", {}),
        ("SETTLE", {"order_id": "ord_nobody", "status": "CANCELED"}),
        ("ACCEPT_DIFFERENCE", {"item": "nothing"}),
    ],
)
async def test_nonsense_is_refused_and_the_engine_goes_on(
    tmp_path: Path, kind: str, args: dict[str, str]
) -> None:
    desk = Desk(tmp_path, [script(buys(2))], FLAT_MARKET)
    asked = []
    desk.before[step(2, SLOT)] = lambda: asked.append(desk.ask(kind, args=args))
    assert await desk.run() is SessionState.COMPLETED
    answer = desk.answer(asked[0])
    assert answer is not None
    assert answer[0] == "REFUSED"
    assert desk.owned() == 10


async def test_a_row_from_another_program_does_not_stand_in_the_way_of_a_halt(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, [script(buys(2))], FLAT_MARKET)

    def ask() -> None:
        bad = desk.ask("PACE")
        with sqlite3.connect(requests_path(desk.path)) as db:
            db.execute("UPDATE requests SET kind = 'BEAM_UP' WHERE request_id = ?", (bad,))
        db.close()
        desk.ask("HALT")

    desk.before[step(2, SLOT)] = ask
    assert await desk.run() is SessionState.COMPLETED
    assert desk.state.trading_state is TradingState.HALTED
    assert desk.owned() == 0


async def test_while_the_request_file_cannot_be_read_exits_go_and_entries_do_not(
    tmp_path: Path,
) -> None:
    rows = (buys(), sells(2, "4"), buys(2, "7"), buys(4, "3"))
    desk = Desk(tmp_path, [script(*rows)], FLAT_MARKET)
    path = requests_path(desk.path)

    def spoil() -> None:
        path.write_bytes(b"this is no database" * 100)

    def mend() -> None:
        path.unlink()

    desk.before[step(2, OPEN)] = spoil
    desk.before[step(3, OPEN)] = mend
    assert await desk.run() is SessionState.COMPLETED
    assert desk.statuses() == [_S.FILLED, _S.FILLED, _S.CANCELED, _S.FILLED]
    assert desk.owned() == 10 - 4 + 3
    assert "requests_unreadable" in desk.alerts()


async def test_an_answer_that_cannot_be_written_back_does_not_end_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, [script(buys(2))], FLAT_MARKET)
    asked = []

    def hold() -> None:
        asked.append(desk.ask("RECONCILE"))
        desk.box._busy_timeout_ms = 1
        db = sqlite3.connect(requests_path(desk.path), isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        held.append(db)

    held: list[sqlite3.Connection] = []

    def let_go() -> None:
        held[0].execute("COMMIT")
        held[0].close()
        desk.ask("RECONCILE")

    desk.before[step(1, SLOT)] = hold
    desk.before[step(2, SLOT)] = let_go
    desk.pace = "200/s"
    assert await desk.run() is SessionState.COMPLETED
    answer = desk.answer(asked[0])
    assert answer is not None
    assert answer[0] == "DONE"


async def test_a_request_is_carried_out_once_however_often_it_is_given(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script(buys())], FLAT_MARKET)

    def ask() -> None:
        desk.ask("HALT")
        desk.ask("RESUME", reason="all is well")
        desk.ask("HALT", reason="or not")

    desk.before[step(2, OPEN)] = ask
    await desk.run()
    kinds = [e.after for e in desk.events(ev.TradingStateChanged)]
    assert kinds == [TradingState.HALTED, TradingState.ACTIVE, TradingState.HALTED]


async def test_a_halt_asked_while_the_data_runs_out_is_taken_before_the_end(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, [script(buys())], FLAT_MARKET)
    desk.before[step(5, CLOSE)] = lambda: desk.ask("HALT")
    assert await desk.run() is SessionState.COMPLETED
    assert desk.state.trading_state is TradingState.HALTED


async def test_what_is_asked_while_a_session_ends_is_answered(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script(limit_buy())], FLAT_MARKET)
    asked: list[RequestId] = []

    def fails(what: str) -> bool:
        if what == "cancel":
            asked.extend([desk.ask("STOP"), desk.ask("FLATTEN")])
        return False

    desk.wrap_broker = lambda broker: Moody(broker, fails)
    desk.before[step(0, CLOSE)] = lambda: desk.inbox.put(desk.requested("STOP"))
    assert await desk.run() is SessionState.STOPPED
    answers = [desk.answer(one) for one in asked]
    assert [answer and answer[0] for answer in answers] == ["DONE", "REFUSED"]


# -- a broker that fails -------------------------------------------------------------------


async def test_a_send_that_raises_anything_becomes_unknown_and_is_looked_up(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, [script(buys(), buys(2))], FLAT_MARKET)
    desk.wrap_broker = lambda broker: Moody(broker, once("submit"))
    await desk.run()
    assert desk.statuses() == [_S.CANCELED, _S.FILLED]
    assert desk.orders()[0].reason == "never_reached_broker"
    assert len(desk.events(ev.OrderUnknown)) == 1


async def test_a_cancel_that_failed_can_be_asked_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script(limit_buy())], FLAT_MARKET, pace="10/s")
    first = once("cancel")

    def fails(what: str) -> bool:
        failing = first(what)
        if failing:  # asked again once it is told that this one failed
            again = desk.requested("CANCEL_ALL")
            asyncio.get_running_loop().call_soon(desk.inbox.put, again)
        return failing

    desk.wrap_broker = lambda broker: Moody(broker, fails)
    desk.before[step(0, CLOSE)] = lambda: desk.inbox.put(desk.requested("CANCEL_ALL"))
    await desk.run()
    assert desk.statuses() == [_S.CANCELED]
    assert len(desk.events(ev.CancelRequested)) == 2
    assert "cancel failed" in desk.alerts()["cancel_refused"]


class Deaf(Moody):
    """A broker that takes cancels and does nothing about them."""

    def cancel(self, order_id: OrderId) -> None:
        """Say nothing, ever."""


async def test_a_stop_whose_cancels_nobody_confirms_ends_all_the_same(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script(limit_buy())], FLAT_MARKET)
    desk.wrap_broker = lambda broker: Deaf(broker, lambda _: False)

    def stop() -> None:
        desk.loop.stop_within_s = 0.2
        desk.inbox.put(desk.requested("STOP"))

    desk.pace = "10/s"
    desk.before[step(0, CLOSE)] = stop
    assert await desk.run() is SessionState.STOPPED
    assert desk.statuses() == [_S.ACCEPTED]
    assert "cancel_unconfirmed" in desk.alerts()


# -- exits that wait -----------------------------------------------------------------------


async def test_an_exit_cancels_an_own_order_in_its_way_and_goes_then(tmp_path: Path) -> None:
    """The buy of one strategy and the exit of another never meet."""
    desk = Desk(
        tmp_path,
        [script(limit_buy(1)), second(buys(), sells(1))],
        FLAT_MARKET,
        share_instruments=True,
    )
    await desk.run()
    bought, limit, sold = desk.orders()
    assert limit.status is _S.CANCELED
    assert not limit.filled
    assert sold.status is _S.FILLED
    assert sold.order.strategy == "second"
    assert bought.status is _S.FILLED
    assert desk.owned() == 0
    assert desk.events(ev.FillReceived)[1].fill.at == sold.order.created_at


def link(*, live: bool) -> Link:
    """A connection that is there, or not."""
    return Link(
        state=LinkState.LIVE if live else LinkState.DOWN,
        epoch=2,
        reason="" if live else "LINK_DOWN",
    )


async def test_an_exit_waits_for_the_link_and_goes_when_it_is_back(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script(buys(), sells(1))], FLAT_MARKET, pace="100/s")

    def up() -> None:
        desk.inbox.put(LinkSeen(desk.loop.now(), link(live=True)))

    desk.before[step(1, OPEN)] = lambda: desk.inbox.put(LinkSeen(desk.loop.now(), link(live=False)))
    desk.before[step(1, CLOSE)] = up
    await desk.run()
    sold = desk.orders()[1]
    assert sold.order.is_exit
    assert sold.status is _S.FILLED
    sent = [e.order_id for e in desk.events(ev.SendStarted)]
    linked = [e.after.is_live for e in desk.events(ev.LinkChanged)]
    assert (sent[1], linked) == (sold.order.order_id, [False, True])


async def test_an_exit_that_waits_beyond_its_session_expires(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script(buys(), sells(1), sells(4))], FLAT_MARKET, pace="100/s")
    down, up = link(live=False), link(live=True)
    desk.before[step(1, OPEN)] = lambda: desk.inbox.put(LinkSeen(desk.loop.now(), down))
    desk.before[step(3, OPEN)] = lambda: desk.inbox.put(LinkSeen(desk.loop.now(), up))
    await desk.run()
    assert desk.statuses() == [_S.FILLED, _S.EXPIRED, _S.FILLED]
    assert desk.owned() == 0


async def test_a_stop_ends_an_exit_that_waits(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script(buys(), sells(1))], FLAT_MARKET, pace="100/s")
    down = link(live=False)
    desk.before[step(1, OPEN)] = lambda: desk.inbox.put(LinkSeen(desk.loop.now(), down))
    desk.before[step(1, CLOSE)] = lambda: desk.inbox.put(desk.requested("STOP"))
    assert await desk.run() is SessionState.STOPPED
    assert desk.statuses() == [_S.FILLED, _S.CANCELED]
    assert len(desk.events(ev.SendStarted)) == 1


# -- flatten -------------------------------------------------------------------------------


async def test_flatten_closes_everything_and_halts(tmp_path: Path) -> None:
    rows = (buys(), f"{day(0)},TLT,ENTER,BUY,20,,,,,")
    desk = Desk(tmp_path, [script(*rows)], FLAT_MARKET)
    desk.before[step(2, OPEN)] = lambda: desk.inbox.put(desk.requested("FLATTEN"))
    assert await desk.run() is SessionState.COMPLETED
    assert desk.owned() == desk.owned("TLT") == 0
    assert desk.state.trading_state is TradingState.HALTED
    exits = [r.order for r in desk.state.orders.values() if r.order.signal_id is None]
    assert [(o.instrument, o.quantity) for o in exits] == [(QQQ, D(10)), (TLT, D(20))]


async def test_flatten_under_way_does_not_keep_a_session_from_stopping(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script(buys())], FLAT_MARKET, pace="100/s")

    def both() -> None:
        desk.inbox.put(desk.requested("FLATTEN"))
        desk.inbox.put(desk.requested("STOP"))

    desk.before[step(2, CLOSE)] = both
    assert await desk.run() is SessionState.STOPPED
    assert desk.owned() == 10
    assert desk.state.trading_state is TradingState.REDUCING
    assert "still owns 10 QQQ" in desk.alerts()["flatten_incomplete"]


async def test_flatten_after_the_last_open_does_not_keep_the_data_from_ending(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, [script(buys())], FLAT_MARKET, pace="100/s")
    desk.before[step(5, RECONCILE)] = lambda: desk.inbox.put(desk.requested("FLATTEN"))
    assert await desk.run() is SessionState.COMPLETED
    assert "flatten_incomplete" in desk.alerts()
    assert all(row.status in ENDS for row in desk.orders())


async def test_flatten_of_a_paused_session_goes_on_when_the_clock_does(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script(buys())], FLAT_MARKET, pace="100/s")

    def ask() -> None:
        desk.inbox.put(desk.requested("PAUSE"))
        desk.inbox.put(desk.requested("FLATTEN"))
        asyncio.get_running_loop().call_later(
            0.1, lambda: desk.inbox.put(desk.requested("CONTINUE"))
        )

    desk.before[step(2, SNAPSHOT)] = ask
    assert await desk.run() is SessionState.COMPLETED
    assert desk.owned() == 0
    assert desk.state.trading_state is TradingState.HALTED


async def test_buys_that_a_flatten_overtook_do_not_follow_a_resume(tmp_path: Path) -> None:
    rows = (buys(), f"{day(2)},QQQ,TARGET,,,0,,,,", f"{day(2)},TLT,TARGET,,,0.5,,,,")
    desk = Desk(tmp_path, [script(*rows)], FLAT_MARKET)
    down, up = link(live=False), link(live=True)

    def late() -> None:
        desk.inbox.put(desk.requested("FLATTEN"))
        desk.inbox.put(LinkSeen(desk.loop.now(), up))
        desk.inbox.put(desk.requested("RESUME"))

    desk.pace = "100/s"
    desk.before[step(2, OPEN)] = lambda: desk.inbox.put(LinkSeen(desk.loop.now(), down))
    desk.before[step(2, CLOSE)] = late
    await desk.run()
    assert desk.owned() == 0
    assert desk.owned("TLT") == 0


async def test_halted_is_not_left_by_a_flatten_without_a_reason(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script(buys())], FLAT_MARKET)

    def ask() -> None:
        desk.inbox.put(desk.requested("HALT"))
        desk.inbox.put(desk.requested("FLATTEN", reason=""))

    desk.before[step(2, OPEN)] = ask
    await desk.run()
    assert desk.state.trading_state is TradingState.HALTED
    assert desk.owned() == 10


# -- what differs from the broker ----------------------------------------------------------


async def test_an_accepted_difference_blocks_again_when_it_changes(tmp_path: Path) -> None:
    rows = (buys(), buys(2, "1"), buys(3, "2"), buys(4, "3"))
    desk = Desk(tmp_path, [script(*rows)], FLAT_MARKET, pace="100/s")

    def differ() -> None:
        desk.exchange._shares[QQQ] += 5
        desk.inbox.put(desk.requested("RECONCILE"))

    def accept() -> None:
        desk.inbox.put(desk.requested("ACCEPT_DIFFERENCE", args={"item": QQQ}))

    desk.before[step(2, OPEN)] = differ
    desk.before[step(3, OPEN)] = accept
    desk.before[step(4, OPEN)] = differ
    await desk.run()
    assert desk.statuses() == [_S.FILLED, _S.DENIED, _S.FILLED, _S.DENIED]
    assert {row.reason for row in desk.orders() if row.reason} == {"unreconciled"}


async def test_while_the_broker_holds_less_an_exit_may_sell_no_more_than_that(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, [script(buys(), sells(2), sells(3, "6"))], FLAT_MARKET, pace="100/s")

    def differ() -> None:
        desk.exchange._shares[QQQ] -= 4
        desk.inbox.put(desk.requested("RECONCILE"))

    desk.before[step(2, OPEN)] = differ
    await desk.run()
    assert desk.statuses() == [_S.FILLED, _S.DENIED, _S.FILLED]
    assert desk.owned() == 4


async def test_an_overfill_is_booked_and_blocks_the_instrument(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script(buys(), buys(2, "1"))], FLAT_MARKET, pace="100/s")

    def too_much() -> None:
        order = desk.orders()[0].order
        report = Executed(
            order_id=order.order_id,
            exec_id=ExecId("a.b.01"),
            quantity=D(5),
            price=D(100),
            commission=D(0),
            at=desk.loop.now(),
        )
        desk.inbox.put(Reported(desk.loop.now(), report))

    desk.before[step(2, OPEN)] = too_much
    await desk.run()
    assert desk.owned() == 15
    assert desk.statuses() == [_S.FILLED, _S.DENIED]
    assert "overfill" in desk.alerts()


async def test_sells_that_did_not_fill_are_named_when_their_buys_go(tmp_path: Path) -> None:
    rows = (
        buys(quantity="60"),
        f"{day(2)},QQQ,TARGET,,,0,,,,",
        f"{day(2)},TLT,TARGET,,,0.9,,,,",
    )
    desk = Desk(tmp_path, [script(*rows)], FLAT_MARKET)
    desk.before[step(2, SLOT)] = lambda: desk.ask("CANCEL_ALL")
    await desk.run()
    assert desk.owned() == 60
    assert desk.owned("TLT") == 80  # of the 4,000 there are
    assert "plan_incomplete" in desk.alerts()
