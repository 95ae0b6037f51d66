"""A table of more rows than are read: walked, filtered and sorted through windows."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
from textual.events import Key
from textual.pilot import Pilot

from engine.domain.alert import Severity
from engine.ports import Unit
from storage.connect import open_reader
from tests.storage import bulk
from tests.storage.samples import unit
from tests.tui import seed
from tests.tui.screens import (
    Asked,
    app_of,
    application,
    handled,
    press,
    ready,
    seeded,
    settled,
    until,
)
from tui.panes.fills import FillsPane

SIZE = (120, 40)
FILLS = 900


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story and then fills for a while."""
    path = seeded(tmp_path_factory.mktemp("many") / "many.db")
    bulk.add(path, FILLS)
    return path


def all_keys(path: Path, order: str, where: str = "1") -> list[str]:
    """Every fill's id in an order."""
    db = open_reader(path)
    sql = f"SELECT exec_id FROM v_fills WHERE {where} ORDER BY {order}"  # noqa: S608
    found = [row[0] for row in db.execute(sql)]
    db.close()
    return found


def fills(pilot: Pilot[None]) -> FillsPane:
    """The pane, shown alone."""
    pane = app_of(pilot).dashboard.panes["fills"]
    assert isinstance(pane, FillsPane)
    return pane


async def begin(pilot: Pilot[None]) -> FillsPane:
    """Look at the fills alone."""
    await ready(pilot)
    await press(pilot, "5", "z")
    await settled(pilot)
    return fills(pilot)


async def test_the_cursor_walks_to_the_other_end(many: Path) -> None:
    everything = all_keys(many, "seq DESC")
    async with application(many).run_test(size=SIZE) as pilot:
        pane = await begin(pilot)
        assert f"Fills · {len(everything):,}" in pane.text
        seen = []
        while pane.cursor != everything[-1]:
            await press(pilot, "pagedown")
            await settled(pilot)
            assert pane.cursor is not None
            seen.append(everything.index(pane.cursor))
        assert seen == sorted(seen)
        assert max(b - a for a, b in pairwise(seen)) <= pane.page
        await press(pilot, "g")
        await settled(pilot)
        assert pane.cursor == everything[0]
        await press(pilot, "G")
        await settled(pilot)
        assert pane.cursor == everything[-1]
        assert pane.keys == tuple(everything[-400:])
        await press(pilot, "z", "escape")
        await settled(pilot)
        assert pane.keys[:400] == tuple(everything[:400])


async def test_filter_and_order_are_worked_out_over_all_rows(many: Path) -> None:
    by_price = all_keys(many, "price, seq", "symbol = 'TMF' AND quantity > 500")
    async with application(many).run_test(size=SIZE) as pilot:
        pane = await begin(pilot)
        await press(pilot, "slash", *"sym=tmf qty>500", "enter")
        await settled(pilot)
        assert f"{len(by_price)} of {FILLS + 2:,} /sym=tmf qty>500" in pane.text
        await press(pilot, "s", "p")
        await settled(pilot)
        assert pane.keys == tuple(by_price)
        await press(pilot, "s", "p")
        await settled(pilot)
        assert pane.keys == tuple(reversed(by_price))
        await press(pilot, "slash", *"xyz", "enter")
        await settled(pilot)
        assert f"0 of {FILLS + 2:,} match" in pane.text
        await press(pilot, "escape")
        await settled(pilot)
        assert pane.keys[0] == all_keys(many, "price DESC, seq DESC")[0]


async def test_an_order_without_an_index_is_refused_in_words(many: Path) -> None:
    async with application(many).run_test(size=SIZE) as pilot:
        pane = await begin(pilot)
        await press(pilot, "s")
        assert "r:rPnL" in pane.text
        await press(pilot, "r")
        hint = app_of(pilot).hint
        assert hint is not None
        assert "so long a table is sorted by Time Sym S Qty Price" in hint.text
        assert pane.sorted_by is None


async def test_new_rows_leave_the_cursor_where_it_is(tmp_path: Path) -> None:
    path = seeded(tmp_path / "p.db")
    bulk.add(path, 700)
    async with application(path).run_test(size=SIZE) as pilot:
        pane = await begin(pilot)
        for _ in range(12):
            await press(pilot, "pagedown")
            await settled(pilot)
        await press(pilot, "space")
        at, before = pane.cursor, all_keys(path, "seq DESC")
        await asyncio.to_thread(bulk.add, path, 40)
        await until(pilot, lambda: pane.part is not None and pane.part.total == 742, "new rows")
        await settled(pilot)
        assert pane.cursor == at
        assert pane.marks == {at}
        assert set(pane.keys) <= {*before, *all_keys(path, "seq DESC")}
        await press(pilot, "g")
        await settled(pilot)
        assert pane.marks == {at}
        assert pane.keys[0] == all_keys(path, "seq DESC")[0]
        await handled(pilot)


def alert(n: int) -> Unit:
    """One of many."""
    return unit(seed.alert(n + 10, Severity.INFO, "slot_late", f"late {n} s"), at=seed.ago(4))


async def test_the_journal_is_walked_to_its_beginning(tmp_path: Path) -> None:
    path = seeded(tmp_path / "p.db", [*seed.story(), *(alert(n) for n in range(400))])
    async with application(path).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await press(pilot, "0")
        await settled(pilot)
        log = app_of(pilot).dashboard.panes["log"]
        assert "following" in log.text
        await press(pilot, "g")
        await settled(pilot)
        assert log.cursor == "1"
        await press(pilot, "G")
        await settled(pilot)
        assert "following" in log.text


async def test_working_orders_stay_first_in_a_long_table(many: Path) -> None:
    async with application(many).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await press(pilot, "4", "z")
        await settled(pilot)
        bulk_of_them = app_of(pilot).dashboard.panes["orders"]
        statuses = [row["status"] for _, row in bulk_of_them.shown_rows()]
    assert "2 working" in bulk_of_them.text or statuses[:2] == ["PARTIALLY_FILLED", "ACCEPTED"]


async def test_a_letter_typed_at_once_after_the_sort_key_chooses_the_column(many: Path) -> None:
    asked = Asked()
    async with application(many, asked).run_test(size=SIZE) as pilot:
        pane = await begin(pilot)
        assert pilot.app._driver is not None
        for letter in "sp":  # p alone would pause the session
            event = Key(letter, letter)
            event.set_sender(pilot.app)
            pilot.app._driver.send_message(event)
        await until(pilot, lambda: pane.sorted_by is not None, "the order")
        assert pane.sorted_by is not None
        assert pane.sorted_by.label == "Price"
        for letter in ("slash", "p", "s", "x"):
            event = Key(letter, letter[0] if letter != "slash" else "/")
            event.set_sender(pilot.app)
            pilot.app._driver.send_message(event)
        await until(pilot, lambda: pane.filter is not None, "the filter")
        await press(pilot, "enter")
        assert pane.filter is not None
        assert pane.filter.typed == "psx"
        assert asked.kinds == []
