"""A journal that takes nothing, a defect, a kill at a bad moment."""

from pathlib import Path

import pytest

from engine.domain import event as ev
from engine.domain.order import OrderStatus
from engine.domain.session import SessionState, TradingState, Verdict
from engine.errors import JournalError
from storage.controls import SqliteRequestBox
from tests.engine.desk import (
    CLOSE,
    OPEN,
    RECONCILE,
    SLOT,
    Desk,
    Killed,
    script,
    step,
)
from tests.engine.props import FLAT_MARKET, Market, Moody, buys, limit_buy, sells

_S = OrderStatus


# -- a journal that fails ------------------------------------------------------------------


def fill_up(desk: Desk) -> None:
    """From here on the disk is full."""
    connection = desk.journal._writer._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")


MANY = tuple(buys(n, "2") for n in range(0, 40, 2))
LONG_MARKET: Market = {"QQQ": ["100"] * 42, "TLT": ["50"] * 42}


async def test_a_full_disk_halts_and_the_next_start_says_why_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script(*MANY)], LONG_MARKET)
    desk.before[step(3, OPEN)] = lambda: fill_up(desk)
    with pytest.raises(JournalError, match="HALTED: nothing more is sent") as raised:
        await desk.run()
    assert "the disk is full" in str(raised.value)
    assert desk.state.trading_state is TradingState.HALTED
    sent = len(desk.exchange._history)

    desk.before[step(41, RECONCILE)] = lambda: None
    assert await desk.run() is SessionState.COMPLETED
    reasons = [e.reason for e in desk.events(ev.TradingStateChanged)]
    assert len(reasons) == 1
    assert "the disk is full" in reasons[0]
    assert desk.state.trading_state is TradingState.HALTED
    assert len(desk.exchange._history) <= sent

    assert not desk.emergency_noted()


async def test_after_a_full_disk_and_a_resume_every_decision_has_one_order(
    tmp_path: Path,
) -> None:
    """What was being sent when the disk was full is canceled; everything after it trades."""
    desk = Desk(tmp_path, [script(*MANY)], LONG_MARKET)
    desk.before[step(3, OPEN)] = lambda: fill_up(desk)
    with pytest.raises(JournalError):
        await desk.run()
    desk.ask("RESUME", reason="there is room again")
    assert await desk.run() is SessionState.COMPLETED
    ends = desk.statuses()
    assert len(ends) == len(MANY)
    assert ends.count(_S.CANCELED) <= 1
    assert ends.count(_S.FILLED) == len(MANY) - ends.count(_S.CANCELED)
    assert desk.owned() == 2 * ends.count(_S.FILLED)
    assert desk.events(ev.ReconciliationDone)[-1].verdict is Verdict.CLEAN


async def test_a_journal_that_fails_cancels_working_entries_and_notes_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script(limit_buy(), buys(1))], FLAT_MARKET, pace="10/s")
    called: list[str] = []

    def watch(what: str) -> bool:
        called.append(what)
        return False

    desk.wrap_broker = lambda broker: Moody(broker, watch)

    def fail() -> None:
        fill_up(desk)
        desk.inbox.put(desk.requested("PAUSE"))  # the feed stands still, what waits is written

    desk.before[step(0, CLOSE)] = fail
    with pytest.raises(JournalError, match="1 working entries were asked"):
        await desk.run()
    assert called[-1] == "cancel"
    desk.wrap_broker = lambda broker: broker
    await desk.run()
    assert desk.statuses() == [_S.CANCELED, _S.DENIED]
    assert len(desk.events(ev.CancelRequested)) == 1


async def test_a_damaged_emergency_file_starts_halted_all_the_same(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script(buys(2))], FLAT_MARKET)
    (tmp_path / "desk.db.emergency").write_bytes(b"[not json\n")
    assert await desk.run() is SessionState.COMPLETED
    assert desk.owned() == 0
    assert "cannot be read" in desk.events(ev.TradingStateChanged)[0].reason


async def test_a_defect_ends_halted_and_failed(tmp_path: Path) -> None:
    desk = Desk(tmp_path, [script(limit_buy(1))], FLAT_MARKET)

    def defect() -> None:
        raise ArithmeticError("a defect")

    desk.before[step(3, OPEN)] = defect
    with pytest.raises(ArithmeticError):
        await desk.run()
    assert desk.events(ev.SessionStateChanged)[-1].after is SessionState.FAILED
    assert "a defect" in desk.events(ev.TradingStateChanged)[-1].reason


# -- a kill between approval and sending ----------------------------------------------------


async def test_a_halt_before_the_sending_holds_after_a_kill(tmp_path: Path) -> None:
    """The order was approved, halted and never sent; the restart must not send it either."""
    desk = Desk(tmp_path, [script(buys(), sells(2), buys(2, "7"))], FLAT_MARKET)

    def halt() -> None:
        desk.ask("HALT")
        answer = desk.box.answer

        def then_die(request_id: str, result: str, text: str) -> None:
            answer(request_id, result, text)
            desk.kill()

        desk.box.answer = then_die  # type: ignore[method-assign]

    desk.before[step(2, SLOT)] = halt
    with pytest.raises(Killed):
        await desk.run()
    desk.box = SqliteRequestBox(desk.path)
    await desk.run()
    assert desk.owned() == 10
    assert desk.statuses()[1] is _S.CANCELED
    assert desk.state.trading_state is TradingState.HALTED
