"""Quotes and bars that mean unknown: nothing is sized from them, and the reason is kept."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.scenarios.broker.story import SLOT, Story

BEFORE_CLOSE = datetime(2026, 11, 20, 20, 58, tzinfo=UTC)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("-1", "no two-sided quote"),
        ("0", "no two-sided quote"),
        ("UNSET", "no two-sided quote"),
        ("crossed", "crossed: bid"),
        ("delayed", "the feed is DELAYED"),
        ("frozen", "the feed is FROZEN"),
        ("halt", "trading is halted"),
    ],
)
async def test_a_quote_that_means_unknown_sizes_nothing(
    tmp_path: Path, mode: str, words: str
) -> None:
    async with Story(tmp_path, "QQQ BUY 10", speed=2) as story:
        await story.fault("quote", symbol="QQQ", mode=mode)
        await story.slot(waits=True)
        assert words in story.gaps
        (signal,) = story.rows("SELECT * FROM v_signals")
        assert (signal["state"], signal["reason"]) == ("REJECTED", "no_price")
        assert story.there == []


async def test_an_absurd_quote_is_denied_with_its_number(tmp_path: Path) -> None:
    async with Story(tmp_path, "QQQ BUY 10", speed=2) as story:
        await story.fault("quote", symbol="QQQ", mode="x10")
        await story.slot(waits=True)
        assert (story.order()["status"], story.order()["reason"]) == ("DENIED", "quote_sane")
        assert "quote_sane: move 9" in story.alerts["order_denied"]
        assert story.there == []


async def test_an_old_quote_sizes_nothing_that_is_sent(tmp_path: Path) -> None:
    async with Story(tmp_path, "QQQ BUY 10", speed=2) as story:
        await story.fault("quote", symbol="QQQ", mode="stale")
        await story.slot(waits=True)
        (signal,) = story.rows("SELECT * FROM v_signals")
        why = signal["reason"] or story.order()["reason"]  # asked for anew by then, or not
        assert why in ("no_price", "quote_age")
        assert story.there == []


@pytest.mark.parametrize(("mode", "given"), [("late", {"s": 600}), ("revise", {})])
async def test_a_bar_that_is_late_or_another_decides_nothing_twice(
    tmp_path: Path, mode: str, given: dict[str, object]
) -> None:
    wish = "QQQ BUY 10 later"
    async with Story(tmp_path, wish, start=BEFORE_CLOSE, tick_s=30) as story:
        await story.fault("bars", symbol="QQQ", mode=mode, **given)
        await story.pass_(1200, step_s=60)  # asked for again and again, 20 minutes after the close
        assert story.gaps == ""
        await story.crash()  # nobody works at the weekend
        monday = SLOT + timedelta(days=3)
        await story.comes(monday - timedelta(minutes=5))
        story.begin()
        await story.runs()
        await story.comes(monday - timedelta(seconds=3))
        await story.status_is("FILLED")
        assert len(story.rows("SELECT 1 FROM v_decisions")) == 1


async def test_a_bar_that_never_comes_is_told(tmp_path: Path) -> None:
    async with Story(tmp_path, "QQQ BUY 10 later", start=BEFORE_CLOSE, tick_s=30) as story:
        await story.fault("bars", symbol="QQQ", mode="missing", n=1)
        await story.until(lambda: "no_bar" in story.gaps, passing_s=30)
        await story.alarm("QQQ: the broker has no final bar")


async def test_where_lines_are_short_the_rest_says_so(tmp_path: Path) -> None:
    async with Story(tmp_path, "QQQ BUY 10", "SPY BUY 5", speed=2) as story:
        await story.fault("limits", lines=1, pacing=True)
        await story.fault("drop_socket", client=18)
        await story.slot(waits=True)
        assert "SPY: no data line is left" in story.gaps
        await story.status_is("FILLED")
        assert story.order("SPY")["status"] == "none"
