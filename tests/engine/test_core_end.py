"""How recorded data ends: positions kept or closed, by the way every order takes."""

from decimal import Decimal
from pathlib import Path

import pytest

from engine.core.decide import NOTHING, decide
from engine.domain import event as ev
from engine.domain.ids import RequestId
from engine.domain.input import Requested, Started
from engine.domain.order import OrderStatus
from engine.domain.request import Request, RequestKind
from engine.domain.session import FillRule, SessionState, TradingState, Verdict
from engine.exchange.costs import Costs
from storage.controls import SqliteRequestBox
from tests.engine.desk import D, Desk, Killed, day, script, step
from tests.engine.ibkr.core import AT, Core
from tests.engine.props import FLAT_MARKET, Market, buys

_S = OrderStatus
RISING: Market = {"QQQ": ["100", "101 102", "103 104", "105 110"], "TLT": ["50"] * 4}
COSTS = Costs(half_spread_bps=D(10), slippage_bps=D(0), commission_bps=D(5))


def final(desk: Desk) -> Decimal:
    """Equity in the last snapshot."""
    return desk.state.books[desk.strategies[0].id].snapshots[-1].equity


@pytest.mark.parametrize("rule", list(FillRule))
async def test_positions_are_closed_at_the_last_close_and_their_costs_count(
    tmp_path: Path, rule: FillRule
) -> None:
    desk = Desk(tmp_path, [script(buys())], RISING, close_at_end=True, fill_rule=rule, costs=COSTS)
    assert await desk.run() is SessionState.COMPLETED
    assert desk.owned() == 0
    closed = desk.orders()[-1]
    assert closed.status is _S.FILLED
    assert closed.average_price == D("109.89")
    book = desk.state.books[desk.strategies[0].id]
    assert final(desk) == book.cash
    assert book.snapshots[-1].holdings == ()
    assert desk.events(ev.ReconciliationDone)[-1].verdict is Verdict.CLEAN
    assert not desk.exchange.account().positions


async def test_positions_are_kept_unless_they_are_to_be_closed(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script(buys())], RISING)
    await desk.run()
    assert desk.owned() == 10
    assert final(desk) == 10_000 - 1_000 + 10 * 110


async def test_a_position_without_a_last_close_is_kept_and_named(tmp_path: Path) -> None:
    market: Market = {"QQQ": ["100", "100", None], "TLT": ["50"] * 3}
    desk = Desk(tmp_path, [script(buys())], market, close_at_end=True)
    assert await desk.run() is SessionState.COMPLETED
    assert desk.owned() == 10
    assert desk.statuses() == [_S.FILLED, _S.CANCELED]
    assert "still owns 10" in desk.alerts()["not_closed_out"]


async def test_halted_keeps_what_was_to_be_closed(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script(buys())], FLAT_MARKET, close_at_end=True)
    desk.before[step(4, 0)] = lambda: desk.inbox.put(desk.requested("HALT"))
    desk.pace = "100/s"
    assert await desk.run() is SessionState.COMPLETED
    assert desk.state.trading_state is TradingState.HALTED
    assert desk.statuses() == [_S.FILLED, _S.DENIED]


@pytest.mark.parametrize("extra", range(7))
async def test_a_kill_around_the_closing_changes_nothing(tmp_path: Path, extra: int) -> None:
    rows = (buys(), f"{day(1)},TLT,ENTER,BUY,20,,,,,")
    quiet = Desk(tmp_path / "quiet", [script(*rows)], RISING, close_at_end=True, costs=COSTS)
    quiet.path.parent.mkdir()
    await quiet.run()
    desk = Desk(tmp_path, [script(*rows)], RISING, close_at_end=True, costs=COSTS)
    desk.before[step(3, 0) + extra] = desk.kill
    with pytest.raises(Killed):
        await desk.run()
    assert await desk.run() is SessionState.COMPLETED
    assert desk.state.fills_digest.hexdigest() == quiet.state.fills_digest.hexdigest()
    assert final(desk) == final(quiet)


async def test_a_dry_run_leaves_a_waiting_halt_to_the_engine_it_was_meant_for(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, [script()], {"QQQ": ["100"] * 3})
    desk.dry_run = True
    waiting = desk.ask("HALT", age_s=60)
    await desk.run()
    assert desk.answer(waiting) is None
    assert desk.state.trading_state is TradingState.ACTIVE
    desk.dry_run, desk.box = False, SqliteRequestBox(desk.path)
    await desk.run()
    assert desk.answer(waiting) == ("DONE", "ACTIVE → HALTED")


def test_a_stop_that_is_taken_before_the_start_stops() -> None:
    """Asked while the engine connects, it may be read before the session has begun."""
    core = Core()
    core.state.session_state = SessionState.CREATED
    stop = Request(
        request_id=RequestId("req_1"), kind=RequestKind.STOP, actor="me", reason="", asked_at=AT
    )
    core.take(Requested(AT, stop))
    assert core.state.session_state is SessionState.STOPPING
    assert decide(core.state, Started(AT)) == NOTHING
