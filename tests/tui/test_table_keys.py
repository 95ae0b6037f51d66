"""Own keys of tables: W, U and F act, armed and after a question; w, u and d only look."""

from decimal import Decimal
from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.domain import event as facts
from engine.domain.order import OrderStatus, Side
from tests.storage.samples import unit
from tests.tui import seed
from tests.tui.screens import (
    Asked,
    app_of,
    application,
    press,
    ready,
    seeded,
    settled,
    text_of,
    until,
)
from tui import steering

SMALL = (80, 24)


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story, then an order whose end nobody knows, and a difference."""
    order = seed.order(4, seed.QQQ, Side.SELL, 3)
    unknown = facts.OrderUnknown(
        order_id=order.order_id,
        status=OrderStatus.UNKNOWN,
        filled=Decimal(0),
        filled_value=Decimal(0),
    )
    units = [
        *seed.story(),
        unit(*seed.order_events(order, "600.00", 0), at=seed.ago(30)),
        unit(unknown, at=seed.ago(15)),
        seed.difference(),
    ]
    return seeded(tmp_path_factory.mktemp("lost") / "lost.db", units)


async def begin(pilot: Pilot[None], pane: str, *, armed: bool = True) -> None:
    """Look at a pane, armed."""
    await ready(pilot)
    if armed:
        app_of(pilot).arming.arm(5)
    await press(pilot, pane)
    await settled(pilot)


async def shows(pilot: Pilot[None], words: str) -> None:
    """Wait until something is said."""
    await until(pilot, lambda: words in text_of(pilot), words)


async def answer(pilot: Pilot[None], *keys: str) -> None:
    """Answer a question that has been there for a while."""
    app_of(pilot).dashboard.confirm.opened_at -= 1.0
    await press(pilot, *keys)


async def test_w_and_u_leave_what_works_and_what_is_unknown(lost: Path) -> None:
    async with application(lost).run_test(size=SMALL) as pilot:
        await begin(pilot, "4")
        pane = app_of(pilot).dashboard.panes["orders"]
        assert len(pane.keys) == 4
        await press(pilot, "w")
        assert [row["status"] for _, row in pane.shown_rows()] == [
            "UNKNOWN", "PARTIALLY_FILLED", "ACCEPTED",
        ]  # fmt: skip
        assert "working only, esc shows all" in pane.text
        await press(pilot, "u")
        assert [row["status"] for _, row in pane.shown_rows()] == ["UNKNOWN"]
        await press(pilot, "escape")
        assert len(pane.keys) == 4


async def test_cancel_all_shown_means_what_the_filter_lets_through(
    lost: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steering, "ESC_S", 60.0)  # half a second passes on a slow machine
    asked = Asked()
    async with application(lost, asked).run_test(size=SMALL) as pilot:
        await begin(pilot, "4")
        await press(pilot, *"/partially", "enter", "W")
        await shows(pilot, "CANCEL 1 WORKING ORDERS?")
        panel = app_of(pilot).dashboard.confirm.text
        assert "9S0003" in panel
        assert "Not shown, so not canceled: 2" in panel
        await answer(pilot, "y")
        assert asked.kinds == ["CANCEL"]
        assert asked.requests[0].args["order_id"].endswith("9S0003")
        await press(pilot, "escape", "W")
        await shows(pilot, "too soon after esc")


async def test_cancel_all_shown_sends_every_id_of_the_key_press_once(lost: Path) -> None:
    asked = Asked()
    async with application(lost, asked).run_test(size=SMALL) as pilot:
        await begin(pilot, "4")
        await press(pilot, "W")
        await shows(pilot, "CANCEL 3 WORKING ORDERS?")
        await answer(pilot, "y")
        await press(pilot, "y")
    assert asked.kinds == ["CANCEL"] * 3
    assert len({request.request_id for request in asked.requests}) == 3
    assert len({request.args["order_id"] for request in asked.requests}) == 3


async def test_an_unknown_order_is_settled_with_a_status_and_a_reason(lost: Path) -> None:
    asked = Asked()
    async with application(lost, asked).run_test(size=SMALL) as pilot:
        await begin(pilot, "4")
        await press(pilot, "U")
        await shows(pilot, "only an UNKNOWN order")
        await press(pilot, "u", "down", "U")
        await shows(pilot, "SETTLE 9S0004?")
        await answer(pilot, "c")
        await shows(pilot, "SETTLE 9S0004 as CANCELED")
        await answer(pilot, *"phoned", "enter")
    assert asked.kinds == ["SETTLE"]
    request = asked.requests[0]
    assert (request.args["status"], request.reason) == (OrderStatus.CANCELED.value, "phoned")


async def test_a_difference_is_accepted_with_a_reason(lost: Path) -> None:
    asked = Asked()
    async with application(lost, asked).run_test(size=SMALL) as pilot:
        await begin(pilot, "8")
        await press(pilot, "F")
        await shows(pilot, "choose a difference first")
        await press(pilot, "down", "F")
        await shows(pilot, "ours 2 · broker 3")
        await answer(pilot, *"ok", "enter")
        assert asked.kinds == []
        await press(pilot, *" by hand", "enter")
    assert asked.kinds == ["ACCEPT_DIFFERENCE"]
    assert asked.requests[0].args == {"item": seed.QQQ}


@pytest.mark.parametrize(("pane", "key"), [("4", "W"), ("4", "U"), ("8", "F")])
async def test_nothing_is_asked_of_a_screen_that_is_not_armed(
    lost: Path, pane: str, key: str
) -> None:
    asked = Asked()
    async with application(lost, asked).run_test(size=SMALL) as pilot:
        await begin(pilot, pane, armed=False)
        await press(pilot, "down", key)
        await shows(pilot, "not armed")
        assert not app_of(pilot).dashboard.confirm.display
    assert asked.kinds == []


async def test_fills_of_this_date_only(lost: Path) -> None:
    async with application(lost).run_test(size=SMALL) as pilot:
        await begin(pilot, "5")
        await press(pilot, "d")
        pane = app_of(pilot).dashboard.panes["fills"]
        assert "of 2026-11-20 only" in pane.text
        assert len(pane.keys) == 2
