"""Orders that are lost, refused, held or doubled: what their rows say, and why."""

from functools import partial
from pathlib import Path

import pytest

from tests.scenarios.broker.story import Story

LIMIT = "QQQ BUY 10 @ 100"


async def test_an_order_that_never_arrived_is_unknown_until_its_absence_is_proven(
    tmp_path: Path,
) -> None:
    async with Story(tmp_path, "QQQ BUY 10") as story:
        await story.fault("lose_order", before=True)
        await story.slot()
        await story.status_is("UNKNOWN")
        assert story.alerts["order_unknown"].startswith("CRITICAL")
        await story.status_is("CANCELED")
        assert story.order()["text"] == "never_reached_broker"
        assert story.there == []
        await story.is_clean()


@pytest.mark.parametrize(
    ("name", "given"), [("lose_order", {"after": True}), ("ack_late", {"s": "never"})]
)
async def test_an_order_that_nobody_acknowledges_is_found_and_not_sent_again(
    tmp_path: Path, name: str, given: dict[str, object]
) -> None:
    async with Story(tmp_path, LIMIT) as story:
        await story.fault(name, **given)
        await story.slot()
        await story.status_is("ACCEPTED")
        assert len(story.there) == 1
        story.quote("QQQ", "99")
        await story.status_is("FILLED")
        await story.is_clean()


async def test_an_acknowledgement_that_is_a_minute_late_settles_what_was_unknown(
    tmp_path: Path,
) -> None:
    async with Story(tmp_path, LIMIT, timings={"request": 0.3}) as story:
        await story.fault("silent", kind=16, count=0)
        await story.fault("silent", kind=99, count=0)
        await story.fault("ack_late", s=900)
        await story.slot()
        await story.status_is("UNKNOWN")
        await story.until(lambda: story.order()["status"] == "ACCEPTED", passing_s=60)
        assert len(story.there) == 1


async def test_a_rejection_has_its_code_and_words_and_is_not_tried_again(tmp_path: Path) -> None:
    async with Story(tmp_path, "QQQ BUY 10") as story:
        await story.fault("reject", code=201, text="Margin of 5,942 is not there")
        await story.slot()
        await story.status_is("REJECTED")
        assert "Margin of 5,942" in story.order()["text"]
        assert "Margin of 5,942" in story.alerts["order_rejected"]
        await story.pass_(60)
        assert len(story.there) == 1
        assert story.fills == []
        await story.is_clean()


@pytest.mark.parametrize("code", [103, 110, 201, 203, 387])
async def test_each_kind_of_rejection_ends_the_order(tmp_path: Path, code: int) -> None:
    async with Story(tmp_path, "QQQ BUY 10") as story:
        await story.fault("reject", code=code, text=f"no, says {code}")
        await story.slot()
        if code == 103:  # somebody has used that number: perhaps we did
            await story.status_is("UNKNOWN")
            assert "no, says 103" in story.alerts["order_unknown"]
        else:
            await story.status_is("REJECTED")
            assert f"no, says {code}" in story.order()["text"]
        assert story.fills == []


async def test_a_rejection_after_acceptance_is_real(tmp_path: Path) -> None:
    async with Story(tmp_path, LIMIT) as story:
        await story.fault("reject", after_accept=True, s=5, text="too far away")
        await story.slot()
        await story.status_is("ACCEPTED")
        await story.status_is("REJECTED")
        assert "too far away" in story.alerts["order_rejected"]


@pytest.mark.parametrize("code", [10349, 201, 161, 10147, 10148, 104, 105, 321, 399, 9999])
async def test_a_code_that_looks_like_an_end_leaves_the_order_alive(
    tmp_path: Path, code: int
) -> None:
    async with Story(tmp_path, LIMIT) as story:
        await story.fault("false_error", on="ack", code=code, text="not the end")
        await story.slot()
        await story.status_is("ACCEPTED")
        await story.pass_(30)
        assert story.order()["status"] == "ACCEPTED"
        story.quote("QQQ", "99")
        await story.status_is("FILLED")
        await story.is_clean()


async def test_a_fill_may_come_before_its_acknowledgement(tmp_path: Path) -> None:
    async with Story(tmp_path, "QQQ BUY 10") as story:
        await story.fault("fill_before_ack")
        await story.slot()
        await story.status_is("FILLED")
        assert [quantity for quantity, _ in story.fills] == [10]
        await story.is_clean()


async def test_an_order_held_for_shares_is_alive(tmp_path: Path) -> None:
    async with Story(tmp_path, "QQQ BUY 10") as story:
        await story.fault("held", s=40)
        await story.slot()
        await story.status_is("ACCEPTED")
        await story.pass_(20)
        assert story.order()["status"] == "ACCEPTED"
        await story.pass_(40)
        await story.status_is("FILLED")
        await story.is_clean()


async def test_inactive_without_a_code_ends_by_what_the_broker_shows(tmp_path: Path) -> None:
    async with Story(tmp_path, LIMIT) as story:
        await story.fault("inactive")
        await story.slot()
        await story.pass_(10)
        await story.status_is("REJECTED")
        assert story.alerts["order_rejected"].startswith("WARNING")
        await story.is_clean()


@pytest.mark.parametrize("code", [161, 10147, 10148])
async def test_a_refused_cancel_leaves_the_order_and_says_why(tmp_path: Path, code: int) -> None:
    async with Story(tmp_path, LIMIT) as story:
        await story.slot()
        await story.status_is("ACCEPTED")
        await story.fault("refuse_cancel", code=code)
        await story.ask("CANCEL", order_id=story.order()["order_id"])
        assert str(code) in await story.alert("cancel_refused")
        assert story.order()["status"] == "ACCEPTED"
        assert await story.ask("CANCEL", order_id=story.order()["order_id"]) == "DONE"
        await story.status_is("CANCELED")


@pytest.mark.parametrize("given", [{}, {"late_s": 5}, {"shares": 4}])
async def test_a_fill_that_crosses_a_cancel_is_booked(
    tmp_path: Path, given: dict[str, object]
) -> None:
    async with Story(tmp_path, LIMIT) as story:
        await story.slot()
        await story.status_is("ACCEPTED")
        await story.fault("fill_on_cancel", **given)
        await story.ask("CANCEL", order_id=story.order()["order_id"])
        shares = given.get("shares", 10)
        await story.until(lambda: story.position() == shares)
        await story.status_is("CANCELED" if shares == 4 else "FILLED")
        assert story.order()["filled"] == shares
        await story.is_clean()


async def test_two_live_orders_of_one_reference_block_and_one_cancel_ends_both(
    tmp_path: Path,
) -> None:
    async with Story(tmp_path, LIMIT) as story:
        story.is_settled = False
        await story.fault("double_perm_on_modify", on="place")
        await story.slot()
        assert "lives twice" in await story.alert("two_incarnations")
        assert story.alerts["two_incarnations"].startswith("CRITICAL")
        await story.until(lambda: "DUPLICATE_INCARNATION" in story.differences.values())
        await story.ask("CANCEL", order_id=story.order()["order_id"])
        await story.until(lambda: [status for _, status in story.there] == ["Cancelled"] * 2)
        await story.status_is("CANCELED")
        await story.is_clean()


async def test_three_rejections_are_three_orders_and_the_fourth_is_denied(tmp_path: Path) -> None:
    settings = {"run.strategy": "manual", "manual.symbols": "QQQ"}
    buy = {"action": "BUY", "symbol": "QQQ", "quantity": "5"}
    async with Story(tmp_path, settings=settings) as story:
        await story.until(lambda: story.streams)
        await story.fault("reject", code=201, text="no margin", count=3)
        for number in range(1, 4):
            assert await story.ask("ORDER", **buy) == "DONE"
            await story.until(partial(rejected, story, number))
        (latch,) = story.status["latches"]
        assert (latch["latch"], latch["scope"]) == ("quality", "manual")
        assert latch["text"] == "3 orders rejected in a row, limit 3"
        assert story.alerts["quality"].startswith("WARNING 3 orders rejected in a row")
        await story.again()
        assert await story.ask("ORDER", **buy) == "DENIED"
        denied = story.order()
        assert (denied["status"], denied["reason"]) == ("DENIED", "quality_latch")
        assert len(story.there) == 3
        await story.pass_(1800, step_s=60)
        await story.is_clean()
        assert await story.ask("ORDER", **buy) == "DONE"
        await story.status_is("FILLED")
        await story.until(lambda: not story.status["latches"])


def rejected(story: Story, times: int) -> bool:
    """Say whether so many orders have been rejected."""
    return story.statuses.count("REJECTED") == times
