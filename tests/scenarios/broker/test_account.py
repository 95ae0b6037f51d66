"""Orders and positions of others, a second engine, and a halt in the middle of it all."""

from pathlib import Path

import pytest

from engine.errors import EngineRunning
from tests.scenarios.broker.story import Story

LIMIT = "QQQ BUY 10 @ 100"


@pytest.mark.parametrize("given", [{}, {"owner": 33, "ref": "theirs"}])
async def test_a_foreign_order_is_shown_and_never_touched(
    tmp_path: Path, given: dict[str, object]
) -> None:
    async with Story(tmp_path, LIMIT) as story:
        await story.fault("foreign_order", symbol="SPY", price="90", quantity=7, **given)
        assert await story.reconcile() == "DIFFERENCES"
        assert set(story.differences.values()) == {"ORDER_FOREIGN"}
        await story.slot()
        await story.status_is("ACCEPTED")
        await story.ask("CANCEL_ALL")
        await story.status_is("CANCELED")
        assert sorted(status for _, status in story.there) == ["Cancelled", "Submitted"]


async def test_a_trade_by_hand_blocks_its_instrument_until_a_person_accepts_it(
    tmp_path: Path,
) -> None:
    async with Story(tmp_path, "QQQ BUY 10", "SPY BUY 5") as story:
        story.is_settled = False
        await story.fault("manual_trade", symbol="QQQ", quantity=3)
        assert await story.reconcile() == "DIFFERENCES"
        assert story.differences["STK:QQQ:USD"] == "MISSING_LOCAL"
        await story.pass_(60)
        await story.alarm("CRITICAL reconciliation: MISSING_LOCAL STK:QQQ:USD: 0 / 3")
        await story.slot()
        assert (story.order()["status"], story.order()["reason"]) == ("DENIED", "unreconciled")
        for item in ("STK:QQQ:USD", "cash"):
            assert await story.ask("ACCEPT_DIFFERENCE", "bought by hand", item=item) == "DONE"
        await story.is_clean()
        assert story.position() == 0
        assert story.holding() == 3


async def test_a_halt_while_disconnected_cancels_with_the_next_link(
    tmp_path: Path,
) -> None:
    async with Story(tmp_path, LIMIT) as story:
        await story.slot()
        await story.status_is("ACCEPTED")
        await story.fault("restart", down_s=10)
        await story.link_is("LINK_DOWN")
        assert await story.ask("HALT", "enough") == "DONE"
        assert story.status["trading_state"]["state"] == "HALTED"
        assert story.order()["cancel_requested"]
        await story.status_is("CANCELED")
        assert len(story.there) == 1


async def test_a_halt_in_a_burst_leaves_nothing_to_be_sent_and_outlives_a_kill(
    tmp_path: Path,
) -> None:
    wishes = [f"{symbol} BUY 2 @ 20" for symbol in ("QQQ", "SPY", "TLT")]
    async with Story(tmp_path, *wishes) as story:
        await story.fault("slow_exchange", factor=20)
        await story.slot()
        assert await story.ask("HALT", "enough") == "DONE"
        sent = len(story.there)
        await story.pass_(30)
        assert len(story.there) == sent
        await story.until(lambda: {status for _, status in story.there} <= {"Cancelled"})
        await story.again()
        state = story.status["trading_state"]
        assert (state["state"], state["reason"]) == ("HALTED", "enough")
        assert len(story.there) == sent


async def test_an_order_with_our_prefix_and_no_row_halts_until_it_is_acknowledged(
    tmp_path: Path,
) -> None:
    async with Story(tmp_path) as story:
        await story.fault("foreign_order", symbol="SPY", price="90", ref="PH-abcdefabcdef-0")
        assert "another engine or a lost file" in await story.alert("unknown_own_order")
        await story.until(lambda: story.status["trading_state"]["state"] == "HALTED")
        assert await story.ask("RESUME", "it was the other machine's") == "DONE"


async def test_a_second_engine_on_the_account_is_refused_before_it_connects(
    tmp_path: Path,
) -> None:
    (tmp_path / "other").mkdir()
    async with Story(tmp_path) as story:
        before = story.gateway.clients
        other = Story(tmp_path / "other", settings={"ibkr.port": str(story.gateway.port)})
        other.begin()
        await other.until(lambda: other.failure is not None)
        assert isinstance(other.failure, EngineRunning)
        assert other.failure.exit_code == 6
        assert str(story.watched.session_id) in str(other.failure)
        assert other.rows("SELECT 1 FROM v_sessions") == []
        assert story.gateway.clients == before
