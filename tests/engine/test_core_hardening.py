"""What must not happen to money, one story each, through the whole engine."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from engine.domain import event as ev
from engine.domain.ids import ExecId, OrderId, RequestId, StrategyId
from engine.domain.input import LinkSeen, Reported
from engine.domain.link import Link, LinkState
from engine.domain.market import DataFinding
from engine.domain.order import ENDS, Order, OrderStatus, Side
from engine.domain.report import Executed
from engine.domain.session import SessionState, TradingState
from engine.domain.signal import SignalKind
from engine.errors import BrokerError
from engine.ports import Broker
from engine.strategy.base import SlotFacts, Strategy, StrategyVerdict, Wish
from storage.controls import requests_path
from tests.engine.desk import (
    CLOSE,
    OPEN,
    QQQ,
    RECONCILE,
    ROOMY,
    SLOT,
    SNAPSHOT,
    TLT,
    D,
    Desk,
    Killed,
    day,
    script,
    step,
)

_S = OrderStatus
Market = Mapping[str, Sequence[str | None]]
FLAT_MARKET: Market = {"QQQ": ["100"] * 6, "TLT": ["50"] * 6}


def buys(n: int = 0, quantity: str = "10", more: str = ",,,") -> str:
    """A line that buys QQQ on the n-th day."""
    return f"{day(n)},QQQ,ENTER,BUY,{quantity},{more},"


def sells(n: int, quantity: str = "") -> str:
    """A line that sells QQQ on the n-th day; without a quantity all of it."""
    return f"{day(n)},QQQ,EXIT,,{quantity},,,,,"


def limit_buy(n: int = 0, quantity: str = "10", limit: str = "90") -> str:
    """A line whose order works until the close of the n-th day."""
    return f"{day(n)},QQQ,ENTER,BUY,{quantity},,,LIMIT,{limit},"


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
        with pytest.raises(TimeoutError):
            await desk.run(within_s=0.5)
    else:
        await desk.run()
    assert desk.owned() == 0
    assert desk.statuses() == [_S.CANCELED]
    assert not desk.exchange.account().orders


async def test_a_pause_lets_an_exit_go(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script(buys(), sells(1))], FLAT_MARKET)
    desk.before[step(1, SLOT)] = lambda: desk.ask("PAUSE")
    with pytest.raises(TimeoutError):
        await desk.run(within_s=0.5)
    assert desk.state.session_state is SessionState.PAUSED
    assert desk.owned() == 0


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


class Moody:
    """A broker whose calls fail as told."""

    def __init__(self, broker: Broker, fails: Callable[[str], bool]) -> None:
        self._broker = broker
        self._fails = fails

    def _may(self, what: str) -> None:
        if self._fails(what):
            raise BrokerError(f"{what} failed") if what != "submit" else KeyError(what)

    def submit(self, order: Order, broker_order_id: int) -> None:
        """Send, or raise before it."""
        self._may("submit")
        self._broker.submit(order, broker_order_id)

    def cancel(self, order_id: OrderId) -> None:
        """Cancel, or raise."""
        self._may("cancel")
        self._broker.cancel(order_id)

    def look_up(self, order_id: OrderId) -> None:
        """Look up, or raise."""
        self._may("look_up")
        self._broker.look_up(order_id)

    def read_account(self, trigger: str) -> None:
        """Read, or raise."""
        self._may("read_account")
        self._broker.read_account(trigger)


def once(call: str) -> Callable[[str], bool]:
    """Fail the first call of this name."""
    left = [call]
    return lambda what: bool(left) and what == left[0] and bool(left.pop())


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
    desk = Desk(tmp_path, [script(limit_buy())], FLAT_MARKET, pace="100/s")
    desk.wrap_broker = lambda broker: Moody(broker, once("cancel"))

    def twice() -> None:
        desk.inbox.put(desk.requested("CANCEL_ALL"))
        again = desk.requested("CANCEL_ALL")
        asyncio.get_running_loop().call_later(0.003, desk.inbox.put, again)

    desk.before[step(0, CLOSE)] = twice
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

    desk.pace = "100/s"
    desk.before[step(0, CLOSE)] = stop
    assert await desk.run(within_s=3) is SessionState.STOPPED
    assert desk.statuses() == [_S.ACCEPTED]
    assert "cancel_unconfirmed" in desk.alerts()


# -- exits that wait -----------------------------------------------------------------------


def second(*rows: str) -> Strategy:
    """Another script strategy beside the first."""
    made = script(*rows)
    made.id = StrategyId("second")
    return made


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
    assert await desk.run(within_s=4) is SessionState.STOPPED
    assert desk.owned() == 10
    assert desk.state.trading_state is TradingState.REDUCING
    assert "still owns 10 QQQ" in desk.alerts()["flatten_incomplete"]


async def test_flatten_after_the_last_open_does_not_keep_the_data_from_ending(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, [script(buys())], FLAT_MARKET, pace="100/s")
    desk.before[step(5, RECONCILE)] = lambda: desk.inbox.put(desk.requested("FLATTEN"))
    assert await desk.run(within_s=4) is SessionState.COMPLETED
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
    assert await desk.run(within_s=4) is SessionState.COMPLETED
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


# -- what a strategy may wish --------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("QQQ,ENTER,BUY,,,0.85,,,", "bad_value"),  # a strength scales a quantity, it makes none
        ("QQQ,ENTER,BUY,,,,,,", "bad_value"),
        ("QQQ,ENTER,SELL,5,,,,,", "bad_side"),
        ("QQQ,ENTER,,5,,,,,", "bad_side"),
        ("QQQ,TARGET,,10,,,,,", "bad_value"),
        ("QQQ,ENTER,BUY,NaN,,,,,", "bad_value"),
        ("QQQ,ENTER,BUY,0,,,,,", "bad_value"),
        ("QQQ,ENTER,BUY,-5,,,,,", "bad_value"),
        ("QQQ,ENTER,BUY,1e18,,,,,", "bad_value"),
        ("QQQ,ENTER,BUY,10,,NaN,,,", "bad_value"),
        ("TLT,EXIT,,,,,,,", "not_owned"),
        ("QQQ,EXIT,,,0.9,,,,", "bad_value"),
        ("QQQ,EXIT,BUY,,,,,,", "bad_side"),
        ("XYZ,ENTER,BUY,1,,,,,", "unknown_instrument"),
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused_and_the_next_one_trades(
    tmp_path: Path, row: str, reason: str
) -> None:
    desk = Desk(tmp_path, [script(buys(), f"{day(2)},{row}", buys(3, "1"))], FLAT_MARKET)
    assert await desk.run() is SessionState.COMPLETED
    assert [e.reason for e in desk.events(ev.SignalRejected)] == [reason]
    assert desk.owned() == 11


async def test_the_same_signal_twice_in_one_decision_makes_one_order(tmp_path: Path) -> None:
    rows = (f"{day(1)},QQQ,ENTER,BUY,10,,,,,0", f"{day(1)},QQQ,ENTER,BUY,25,,,,,0")
    desk = Desk(tmp_path, [script(*rows)], FLAT_MARKET)
    assert await desk.run() is SessionState.COMPLETED
    assert desk.owned() == 10
    assert len(desk.events(ev.SignalDuplicated)) == 1
    assert "signal_conflict" in desk.alerts()


async def test_a_setup_is_a_row_and_never_an_order(tmp_path: Path) -> None:
    rows = (f"{day(1)},QQQ,SETUP,,,,,,,", buys(1), f"{day(2)},XYZ,SETUP_CANCELED,,,,,,,")
    desk = Desk(tmp_path, [script(*rows)], {"QQQ": ["100", None, "100"], "TLT": ["50"] * 3})
    await desk.run()
    raised = [e.signal.kind.value for e in desk.events(ev.SignalRaised)]
    assert raised == ["SETUP"]
    assert desk.statuses() == []


async def test_an_emergency_exit_sells_all_once_whatever_it_says(tmp_path: Path) -> None:
    row = f"{day(2)},QQQ,EMERGENCY_EXIT,,3,,,LIMIT,500,"
    desk = Desk(tmp_path, [script(buys(), sells(2, "4"), row, row)], FLAT_MARKET)
    await desk.run()
    assert desk.owned() == 0
    sold = [r.order.quantity for r in desk.orders() if r.order.is_exit]
    assert sum(sold) == 10


async def test_an_exit_goes_without_a_price_to_size_it_by(tmp_path: Path) -> None:
    """A session whose opening price is mad has no opening quote; its close is good."""
    desk = Desk(tmp_path, [script(buys(), sells(2))], FLAT_MARKET)
    hidden = DataFinding(kind="bad_open", symbol="QQQ", session_date=day(2), text="", blocks=False)
    desk.history = replace(desk.history, findings=(hidden,))
    await desk.run()
    assert desk.owned() == 0
    assert desk.orders()[1].order.reference_price is None
    assert desk.events(ev.FillReceived)[1].fill.slippage_bps is None


async def test_a_series_with_a_gap_takes_no_entry_after_it_and_lets_exits_go(
    tmp_path: Path,
) -> None:
    market: Market = {"QQQ": ["100", "100", None, "100", "100"], "TLT": ["50"] * 5}
    desk = Desk(tmp_path, [script(buys(), buys(3, "1"), sells(4))], market)
    await desk.run()
    assert [e.reason for e in desk.events(ev.SignalRejected)] == ["data_gap"]
    assert desk.owned() == 0
    assert "QQQ has no bar" in desk.alerts()["gap"]


# -- a strategy that fails -----------------------------------------------------------------


class Odd:
    """A script whose functions do odd things on some days."""

    def __init__(self, inner: Strategy, **odd: Callable[..., Any]) -> None:
        self._inner = inner
        self._odd = odd

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def advance(self, memory: Any, session_date: date, ordinal: int, bars: Any) -> None:
        """Take in the bars, or do something odd."""
        if "advance" in self._odd:
            self._odd["advance"](session_date)
        self._inner.advance(memory, session_date, ordinal, bars)

    def decide(self, memory: Any, facts: SlotFacts) -> StrategyVerdict | None:
        """Decide, or do something odd."""
        verdict = self._inner.decide(memory, facts)
        odd = self._odd.get("decide")
        return verdict if odd is None else odd(facts, verdict)


def failing(*days: date) -> Callable[..., Any]:
    """Raise on these days."""

    def decide(facts: SlotFacts, verdict: Any) -> Any:
        if facts.session_date in days:
            raise ZeroDivisionError("a bug")
        return verdict

    return decide


def states(desk: Desk) -> list[str]:
    """The states that the strategies went through."""
    return [e.after for e in desk.events(ev.StrategyStateChanged)]


async def test_a_strategy_that_raises_is_isolated_and_the_other_goes_on(tmp_path: Path) -> None:
    odd = Odd(script(buys(3)), decide=failing(day(0), day(1)))
    desk = Desk(tmp_path, [odd, second(f"{day(1)},TLT,ENTER,BUY,5,,,,,")], FLAT_MARKET)
    assert await desk.run() is SessionState.COMPLETED
    assert states(desk) == ["RAISED 1", "RAISED 2", "ACTIVE"]
    assert desk.owned() == 10
    assert desk.owned("TLT") == 5


async def test_five_failures_in_a_row_stop_its_entries_and_not_its_exits(tmp_path: Path) -> None:
    market = {"QQQ": ["100"] * 10, "TLT": ["50"] * 10}
    odd = Odd(script(buys(), buys(6, "1"), sells(7)), decide=failing(*map(day, range(1, 6))))
    desk = Desk(tmp_path, [odd], market)
    await desk.run()
    assert states(desk)[-1] == "ERROR"
    assert desk.statuses() == [_S.FILLED, _S.DENIED, _S.FILLED]
    assert desk.owned() == 0


async def test_a_person_lets_a_strategy_in_error_go_on(tmp_path: Path) -> None:
    market = {"QQQ": ["100"] * 8, "TLT": ["50"] * 8}
    odd = Odd(script(buys(6)), decide=failing(*map(day, range(5))))
    desk = Desk(tmp_path, [odd], market, pace="100/s")
    desk.before[step(6, OPEN)] = lambda: desk.inbox.put(desk.requested("RESUME"))
    await desk.run()
    assert states(desk)[-2:] == ["ERROR", "ACTIVE"]
    assert desk.owned() == 10


async def test_a_strategy_that_fails_on_its_bars_decides_nothing_more(tmp_path: Path) -> None:
    def bad(session_date: date) -> None:
        if session_date == day(1):
            raise KeyError("a bug")

    odd = Odd(script(buys(), buys(3, "1")), advance=bad)
    desk = Desk(tmp_path, [odd, second(f"{day(2)},TLT,ENTER,BUY,5,,,,,")], FLAT_MARKET)
    assert await desk.run() is SessionState.COMPLETED
    assert desk.owned() == 10
    assert desk.owned("TLT") == 5
    assert "KeyError" in desk.alerts()["strategy_error"]


async def test_a_million_wishes_are_an_error_of_the_strategy(tmp_path: Path) -> None:
    wish = Wish(leg=0, instrument=QQQ, kind=SignalKind.ENTER, pass_no=2, quantity=D(1))
    flood = StrategyVerdict(result="enter", text="", wishes=(wish,) * 1_000_000)
    odd = Odd(script(buys()), decide=lambda facts, _: flood)
    desk = Desk(tmp_path, [odd, second(f"{day(2)},TLT,ENTER,BUY,5,,,,,")], FLAT_MARKET)
    assert await desk.run() is SessionState.COMPLETED
    assert desk.statuses() == []
    assert desk.owned("TLT") == 5
    assert "1000000 wishes" in desk.alerts()["strategy_error"]


async def test_values_of_a_wrong_type_are_an_error_of_the_strategy(tmp_path: Path) -> None:
    wish = Wish(leg=0, instrument=QQQ, kind=SignalKind.ENTER, pass_no=2, side=Side.BUY)
    wrong = StrategyVerdict(result="enter", text="", wishes=(replace(wish, quantity=0.1 + 0.2),))  # type: ignore[arg-type]
    desk = Desk(tmp_path, [Odd(script(buys()), decide=lambda facts, _: wrong)], FLAT_MARKET)
    assert await desk.run() is SessionState.COMPLETED
    assert desk.statuses() == []
    assert "strategy_error" in desk.alerts()


async def test_a_strategy_that_wants_more_when_asked_again_is_refused(tmp_path: Path) -> None:
    asked = count()

    def more(facts: SlotFacts, verdict: Any) -> StrategyVerdict:
        wish = Wish(
            leg=next(asked),
            instrument=QQQ,
            kind=SignalKind.ENTER,
            pass_no=2,
            side=Side.BUY,
            quantity=D(1),
        )
        return StrategyVerdict(result="enter", text="", wishes=(wish,))

    desk = Desk(tmp_path, [Odd(script(buys()), decide=more)], FLAT_MARKET)
    assert await desk.run() is SessionState.COMPLETED
    assert desk.statuses() == []
    assert {e.reason for e in desk.events(ev.SignalRejected)} == {"strategy_not_repeatable"}
    assert "asked again" in desk.alerts()["strategy_not_repeatable"]


# -- latches -------------------------------------------------------------------------------


async def test_two_breaches_of_one_day_leave_active_once_and_a_person_goes_back(
    tmp_path: Path,
) -> None:
    limits = {**ROOMY, "loss_day": "0.05", "loss_severe": "0.10", "drawdown": "0.15"}
    market = {"QQQ": ["100", "100 80", "80", "80", "60", "60"], "TLT": ["50"] * 6}
    rows = (buys(quantity="50"), buys(2, "2"), sells(3, "10"), buys(5, "2"))
    desk = Desk(tmp_path, [script(*rows)], market, limits=limits, pace="100/s")
    desk.before[step(4, CLOSE)] = lambda: desk.inbox.put(desk.requested("RESUME"))
    await desk.run()
    changed = [(e.before.value, e.after.value) for e in desk.events(ev.TradingStateChanged)]
    assert changed[0] == ("ACTIVE", "REDUCING")
    assert all(one[0] != one[1] for one in changed)
    assert desk.statuses()[1:3] == [_S.DENIED, _S.FILLED]
    latches = {e.latch for e in desk.events(ev.LatchSet)}
    assert {"loss_day", "loss_severe", "drawdown"} <= latches


async def test_a_day_of_loss_stops_entries_until_the_next_open_and_outlives_a_kill(
    tmp_path: Path,
) -> None:
    limits = {**ROOMY, "loss_day": "0.05"}
    market = {"QQQ": ["100", "100 87", "87", "87", "87", "87"], "TLT": ["50"] * 6}
    rows = (buys(quantity="50"), buys(2, "2"))
    desk = Desk(tmp_path, [script(*rows)], market, limits=limits)
    desk.before[step(2, OPEN)] = desk.kill
    with pytest.raises(Killed):
        await desk.run()
    await desk.run()
    assert [e.latch for e in desk.events(ev.LatchSet)] == ["loss_day"]
    assert [e.by for e in desk.events(ev.LatchReleased)] == ["next_open"]
    assert desk.owned() == 52
