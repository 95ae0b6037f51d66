"""What a broker takes back or holds back stays in sight: old executions, held orders."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from engine.domain import event as facts
from engine.domain.event import Event
from engine.domain.ids import ExecId
from engine.domain.order import Side
from engine.domain.position import Position
from storage.connect import open_reader
from storage.queries import pages, panes
from storage.queries.pages import Window
from tests.storage.samples import QQQ, REGIME, unit
from tests.tui import seed
from tests.tui.screens import append, application, press, ready, seeded, settled, until
from tests.tui.test_looking import pane_of
from tui.panes.fills import FillsPane

SMALL = (80, 24)
FIRST = seed.order_events(seed.order(3, QQQ, Side.BUY, 6), "602.10", 2)
OLD = next(event.fill for event in FIRST if isinstance(event, facts.FillReceived))


def corrected(n: int, price: str) -> facts.FillCorrected:
    """The nth correction of the story's last fill."""
    before = OLD.exec_id if n == 1 else ExecId(f"{OLD.exec_id}.c{n - 1}")
    fill = replace(OLD, exec_id=ExecId(f"{OLD.exec_id}.c{n}"), price=Decimal(price))
    return facts.FillCorrected(old_exec_id=before, fill=fill)


def booked(n: int, price: str) -> list[Event]:
    """A correction with the change of position that belongs to it."""
    held = Position(Decimal(2), Decimal(price) * 2, Decimal(0))
    move = facts.PositionChanged(
        strategy=REGIME, instrument=QQQ, before=held, after=held, realized=Decimal(0)
    )
    return [corrected(n, price), move]


async def test_a_corrected_fill_stays_above_its_correction_and_counts_no_more(
    tmp_path: Path,
) -> None:
    path = seeded(tmp_path / "p.db")
    append(path, unit(*booked(1, "602.35"), at=seed.ago(3)))
    append(path, unit(*booked(2, "602.40"), at=seed.ago(2)))
    async with application(path).run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "5")
        await settled(pilot)
        pane = pane_of(pilot, "fills")
        assert isinstance(pane, FillsPane)
        rows = [line for line in pane.text.split("\n") if " QQQ " in line]
        assert [line[0] for line in rows] == ["x", "x", "c"]
        prices = ("602.10", "602.35", "602.40")
        assert all(price in line for line, price in zip(rows, prices, strict=True))
        assert "Fills · 2 · fees 5.42" in pane.text
        await press(pilot, "j", "j", "enter")
        await settled(pilot)
        assert "corrected by" in pane.text
        assert pane.view is not None
        shown = tuple(row for _, row in pane.shown_rows())
        assert len(shown) == 4
        assert len(pane.export_of("fills", shown, pane.columns, pane.view.moment).rows) == 2


def test_a_page_of_a_long_table_has_what_was_replaced_too(tmp_path: Path) -> None:
    path = seeded(tmp_path / "p.db")
    append(path, unit(*booked(1, "602.35"), at=seed.ago(3)))
    db = open_reader(path)
    scopes = {"book": panes.book_of(db, seed.SESSION) or "", "session_id": seed.SESSION}
    page = pages.Page(Window("fills"), scopes)
    part = page.on(db, 1.0)
    assert [bool(row.get("corrected_by")) for row in page.rows] == [True, False, False]
    assert not part.window.conditions
    found = [row for rows in pages.every(db, scopes, Window("fills")) for row in rows]
    assert len(found) == 2, "what was replaced stands in no file"
    db.close()


def test_an_order_may_be_held_back_in_the_transaction_that_made_it(tmp_path: Path) -> None:
    made = seed.order(9, QQQ, Side.BUY, 6)
    held = facts.OrderHeld(order_id=made.order_id, held=True, text="locate")
    path = seeded(tmp_path / "p.db")
    append(path, unit(*seed.order_events(made, "602.10", 0), held, at=seed.ago(2)))
    db = open_reader(path)
    (row,) = db.execute("SELECT held, text FROM orders WHERE order_id = ?", (made.order_id,))
    assert (row[0], row[1]) == (1, "locate")
    db.close()


async def test_an_order_that_the_broker_holds_back_says_so(tmp_path: Path) -> None:
    path = seeded(tmp_path / "p.db")
    order_id = seed.order(2, QQQ, Side.BUY, 6).order_id
    async with application(path).run_test(size=SMALL) as pilot:
        await ready(pilot)
        await press(pilot, "4")
        await settled(pilot)
        pane = pane_of(pilot, "orders")
        held = facts.OrderHeld(order_id=order_id, held=True, text="404 held for locate")
        append(path, unit(held, at=seed.ago(2)))
        await until(pilot, lambda: "ACCEPTED held" in pane.text, "held")
        free = facts.OrderHeld(order_id=order_id, held=False, text="")
        append(path, unit(free, at=seed.ago(1)))
        await until(pilot, lambda: "held" not in pane.text, "free")
