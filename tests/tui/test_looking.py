"""Going to rows, standing still, decisions of before, and what a screen remembers."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.domain import event as facts
from engine.domain.ids import DecisionId
from engine.domain.order import OrderStatus, Side
from tests.storage.samples import unit
from tests.tui import seed
from tests.tui.screens import (
    Asked,
    app_of,
    append,
    application,
    press,
    ready,
    seeded,
    settled,
    text_of,
    until,
)
from tui.panes.overview import OverviewPane
from tui.panes.pane import Pane
from tui.shell import Left, ScreenOptions

SMALL = (80, 24)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story, with a decision of the day before."""
    from dataclasses import replace
    from datetime import timedelta

    before = replace(
        seed.decision(), decision_id=DecisionId("dec_000000000001"),
        text="cell 3, nothing to change",
        session_date=seed.DAY - timedelta(days=1), reading_date=seed.DAY - timedelta(days=2),
        cell=3, result="no_trade",
    )  # fmt: skip
    story = seed.story()
    units = [*story[:5], unit(before, at=seed.ago(9_000)), *story[5:]]
    return seeded(tmp_path_factory.mktemp("full") / "story.db", units)


def pane_of(pilot: Pilot[None], name: str) -> Pane:
    """A pane."""
    return app_of(pilot).dashboard.panes[name]


async def shows(pilot: Pilot[None], words: str) -> None:
    """Wait until something is said."""
    await until(pilot, lambda: words in text_of(pilot), words)


async def test_enter_in_the_overview_opens_the_row_in_its_pane(full: Path) -> None:
    async with application(full).run_test(size=SMALL) as pilot:
        await ready(pilot)
        await settled(pilot)
        overview = pane_of(pilot, "overview")
        assert isinstance(overview, OverviewPane)
        places = [place for place in overview.places if place is not None]
        assert {pane for pane, _ in places} == {
            "regime", "equity", "positions", "orders", "alerts", "fills", "signals",
        }  # fmt: skip
        for n, (pane, key) in enumerate(places):
            await press(pilot, *["j"] * (n + 1), "enter")
            await until(pilot, lambda p=pane: app_of(pilot).dashboard.current == p, pane)  # type: ignore[misc]
            await settled(pilot)
            assert pane_of(pilot, pane).cursor == key
            pane_of(pilot, pane).let_go()
            await press(pilot, "escape", "escape")
            assert app_of(pilot).dashboard.current == "overview"
            overview.let_go()


@pytest.mark.parametrize(
    ("words", "pane", "end"),
    [
        ("9S0002", "orders", "9S0002"),
        ("sig_2c400c040003", "signals", "040003"),
        ("dec_0a1b2c3d4e5f", "signals", None),
        ("seq 3", "log", "3"),
        ("start", "log", "1"),
    ],
)
async def test_goto_finds_the_row_that_is_meant(
    full: Path, words: str, pane: str, end: str | None
) -> None:
    async with application(full).run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, ":", *f"goto {words}", "enter")
        await until(pilot, lambda: app_of(pilot).dashboard.current == pane, words)
        await settled(pilot)
        if end is not None:
            await until(pilot, lambda: pane_of(pilot, pane).cursor is not None, "the cursor")
            assert str(pane_of(pilot, pane).cursor).endswith(end)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("nonsense", "no order, signal, decision or fill has this id"),
        ("seq 99999999", "seq and the number of an event"),
        ("", "goto what?"),
    ],
)
async def test_goto_says_what_it_does_not_find(full: Path, words: str, said: str) -> None:
    async with application(full).run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, ":", *f"goto {words}", "enter")
        await shows(pilot, said)


async def test_goto_an_instant_finds_the_first_event_from_there_on(full: Path) -> None:
    async with application(full).run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, ":", *"goto 15:40:20", "enter")
        log = pane_of(pilot, "log")
        await until(pilot, lambda: log.cursor is not None, "the row")
        assert log.row is not None
        assert log.row["at"] >= "2026-11-20T20:40:20"
        assert log.keys.index(str(log.cursor)) > 0


async def test_frozen_panes_stand_still_and_the_engine_goes_on(tmp_path: Path) -> None:
    path, asked = seeded(tmp_path / "p.db"), Asked()
    async with application(path, asked).run_test(size=SMALL) as pilot:
        await ready(pilot)
        app_of(pilot).arming.arm(5)
        await press(pilot, "4")
        await settled(pilot)
        pane = pane_of(pilot, "orders")
        await press(pilot, "f")
        assert "Orders · FROZEN 0s" in pane.text
        await shows(pilot, "the panes stand still, the engine goes on")
        ended = seed.order(2, seed.QQQ, Side.BUY, 6)
        canceled = facts.OrderCanceled(
            order_id=ended.order_id, status=OrderStatus.CANCELED, filled=Decimal(0),
            filled_value=Decimal(0),
        )  # fmt: skip
        append(path, unit(canceled, at=seed.ago(1)))
        counts = app_of(pilot)
        await until(pilot, lambda: counts.view["counts"].rows[0]["working"] == 1, "the news")  # type: ignore[index]
        assert "ACCEPTED" in pane.text
        assert "4 Ord1" in text_of(pilot)
        await press(pilot, "down", "C")
        await shows(pilot, "the panes stood still: look, then press again")
        assert not app_of(pilot).dashboard.confirm.display
        assert "FROZEN" not in pane.text
        await settled(pilot)
        assert "CANCELED" in pane.text
    assert asked.kinds == []


async def test_decisions_of_before_are_stepped_through(full: Path) -> None:
    async with application(full).run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "2")
        await settled(pilot)
        pane = pane_of(pilot, "regime")
        await until(pilot, lambda: bool(app_of(pilot).view["decisions:regime"].rows), "dates")
        assert "2026-11-20 open" in pane.text
        await press(pilot, "[")
        await until(pilot, lambda: "2026-11-19 open" in pane.text, "the day before")
        assert "esc newest" in pane.text
        await settled(pilot)
        assert "cell 3, nothing to change" in pane.text
        await press(pilot, "[")
        hint = app_of(pilot).hint
        assert hint is not None
        assert hint.text == "no decision before this one"
        await press(pilot, "]")
        assert "2026-11-20 open" in pane.text
        await press(pilot, "]")
        await shows(pilot, "] steps a recorded clock")


async def test_a_screen_remembers_how_it_looked(full: Path, tmp_path: Path) -> None:
    memory = tmp_path / "state" / "screen.json"
    app = application(full, options=ScreenOptions(memory=memory))
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "4", "s", "p", "s", "p")
        await settled(pilot)
        await press(pilot, *"/qqq", "enter", "t")
        app_of(pilot).arming.arm(5)
        await press(pilot, "down", "space")
        app_of(pilot).leave(Left.DONE)
    assert memory.stat().st_mode & 0o777 == 0o600
    kept = json.loads(memory.read_text())
    assert kept == {
        "version": 1, "pane": "orders", "zone": "local",
        "tables": {"orders": {"filter": "qqq", "sort": "Price", "down": True}},
    }  # fmt: skip
    app = application(full, options=ScreenOptions(memory=memory))
    async with app.run_test(size=SMALL) as pilot:
        await ready(pilot)
        await settled(pilot)
        pane = pane_of(pilot, "orders")
        await until(pilot, lambda: "3 of 3 /qqq · by Price▼" in pane.text, "as it was")
        assert app_of(pilot).dashboard.current == "orders"
        assert not app_of(pilot).arming.armed
        assert pane.marks == set()
        assert "times local" in pane.text


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"version": 2}', '{"version": 1, "tables": 3}', "\x00" * 70_000,
     '{"version": 1, "pane": "nothing", "zone": "Mars", "tables": {"orders": {"sort": 1}}}'],
)  # fmt: skip
async def test_a_memory_of_no_use_is_none(full: Path, tmp_path: Path, text: str) -> None:
    memory = tmp_path / "screen.json"
    memory.write_text(text)
    async with application(full, options=ScreenOptions(memory=memory)).run_test(size=SMALL) as p:
        await ready(p)
        await settled(p)
        assert app_of(p).dashboard.current == "overview"


async def test_a_cell_that_changed_stands_out_for_a_moment(tmp_path: Path) -> None:
    path = seeded(tmp_path / "p.db")
    async with application(path).run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "4")
        await settled(pilot)
        pane = pane_of(pilot, "orders")
        more = seed.order(3, seed.QQQ, Side.BUY, 6)
        filled = facts.OrderPartiallyFilled(
            order_id=more.order_id, status=OrderStatus.PARTIALLY_FILLED, filled=Decimal(4),
            filled_value=Decimal(2400),
        )  # fmt: skip
        append(path, unit(filled, at=seed.ago(1)))
        await until(pilot, lambda: any_flash(pane), "the flash")
        assert "▲        4/6" in pane.text
        await until(pilot, lambda: not any_flash(pane), "its end")


def any_flash(pane: Pane) -> bool:
    """Whether a cell stands out."""
    return any(span.ink == "flash" for each in pane.lines for span in each.spans)
