"""Fills that are late, twice, out of order, corrected, too many or in no known zone."""

from pathlib import Path

import pytest

from engine.brokers.practice.faults import CALLBACKS
from tests.scenarios.broker.story import Story

MARKET = "QQQ BUY 10"


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("duplicate", {"times": 3, "count": 0}),
        ("reorder", {"window": 4, "count": 0}),
        ("delay", {"kind": 11, "ms": 4000, "count": 0}),
        ("delay", {"kind": 59, "ms": 9000, "count": 0}),
        ("lose", {"kind": 3, "n": 2}),
        ("lose", {"kind": 5, "n": 2}),
        ("lose", {"kind": 11, "n": 2}),
        ("lose", {"kind": 59, "n": 2}),
        ("commission_late", {"s": 20, "count": 0}),
        ("slow_exchange", {"factor": 5}),
    ],
    ids=lambda one: one if isinstance(one, str) else "-".join(str(v) for v in one.values()),
)
async def test_what_is_late_twice_mixed_or_lost_books_every_fill_once(
    tmp_path: Path, name: str, given: dict[str, object]
) -> None:
    async with Story(tmp_path, MARKET, partial_fills="halves") as story:
        await story.fault(name, **({"client": 17} if name in CALLBACKS else {}), **given)
        await story.slot()
        await story.status_is("FILLED")
        assert sum(quantity for quantity, _ in story.fills) == 10
        paid = "SELECT 1 FROM v_fills WHERE commission IS NOT NULL"
        await story.until(lambda: len(story.rows(paid)) == len(story.fills))
        await story.is_clean()


async def test_the_days_executions_told_again_change_nothing(tmp_path: Path) -> None:
    async with Story(tmp_path, MARKET, partial_fills="halves") as story:
        await story.slot()
        await story.status_is("FILLED")
        before = story.fills
        await story.fault("drop_socket", client=17)
        await story.verdict_is("CLEAN")
        await story.again()
        assert story.fills == before
        assert story.position() == 10


async def test_a_commission_that_never_comes_is_told(tmp_path: Path) -> None:
    async with Story(tmp_path, MARKET) as story:
        await story.fault("commission_late", s="never", count=0)
        await story.slot()
        await story.status_is("FILLED")
        assert "has no commission" in await story.alert("commission_missing")


async def test_a_corrected_execution_replaces_the_old_one(tmp_path: Path) -> None:
    async with Story(tmp_path, MARKET) as story:
        await story.fault("exec_correction", price="590.5", s=5)
        await story.slot()
        await story.status_is("FILLED")
        await story.until(lambda: story.fills == [(10, 590.5)])
        assert "became 10 @ 590.5" in story.alerts["fill_corrected"]
        assert story.position() == 10
        await story.is_clean()


async def test_a_busted_execution_takes_its_shares_back(tmp_path: Path) -> None:
    async with Story(tmp_path, MARKET) as story:
        await story.fault("bust", s=5)
        await story.slot()
        await story.until(lambda: "fill_corrected" in story.alerts)
        await story.until(lambda: story.position() == 0)
        assert "became 0" in story.alerts["fill_corrected"]


async def test_one_share_too_many_is_booked_blocks_and_alarms(tmp_path: Path) -> None:
    async with Story(tmp_path, MARKET) as story:
        await story.fault("overfill", shares=1, s=5)
        await story.slot()
        await story.until(lambda: story.position() == 11)
        assert "filled 11 of 10" in story.alerts["overfill"]
        assert story.alerts["overfill"].startswith("CRITICAL")


@pytest.mark.parametrize("zone", ["XYZ/Nowhere", "none"])
async def test_an_execution_in_no_known_zone_is_not_lost_silently(
    tmp_path: Path, zone: str
) -> None:
    async with Story(tmp_path, MARKET, partial_fills="halves") as story:
        await story.fault("time_zone", zone=zone)
        await story.slot()
        if zone == "none":
            await story.status_is("FILLED")
            return
        assert "could not be read" in await story.alert("frame_lost")
        await story.until(lambda: "SYNCING" in story.links[3:])
        story.is_settled = False


async def test_fills_of_a_killed_engine_are_there_when_it_comes_back(tmp_path: Path) -> None:
    async with Story(tmp_path, "QQQ BUY 10 @ 100", partial_fills="halves") as story:
        await story.slot()
        await story.status_is("ACCEPTED")
        await story.crash()
        story.quote("QQQ", "99")
        await story.pass_(30)
        story.begin()
        await story.status_is("FILLED")
        assert sum(quantity for quantity, _ in story.fills) == 10
        assert len(story.there) == 1
        await story.is_clean()
