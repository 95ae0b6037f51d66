"""What a pane adds to its rows, and tables that are written out whole."""

import csv
import json
import os
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from engine.domain import event as facts
from engine.domain.alert import AlertState, Severity
from engine.domain.fill import Fill
from engine.domain.ids import AlertId, DecisionId, ExecId
from engine.domain.order import OrderStatus, Side
from engine.domain.position import Position
from engine.ports import Entry, Unit
from storage.connect import open_reader
from tests.storage import bulk
from tests.storage.samples import REGIME, signal, unit
from tests.tui import seed
from tests.tui.screens import (
    app_of,
    append,
    application,
    handled,
    press,
    ready,
    seeded,
    settled,
    until,
)
from tui import export
from tui.messages import ExportWanted
from tui.panes.fills import COLUMNS as FILLS
from tui.panes.orders import COLUMNS as ORDERS
from tui.view import Moment

MOMENT = Moment(seed.NOW, seed.NOW, seed.DAY)


def sold(n: int, quantity: int, price: str, realized: str) -> list[facts.Event]:
    """A sale that closes what was bought, and its commission a moment later."""
    order = seed.order(n, seed.TQQQ, Side.SELL, quantity)
    exec_id = ExecId(f"0001.{n}.01")
    fill = Fill(
        exec_id=exec_id, order_id=order.order_id, strategy=REGIME, instrument=seed.TQQQ,
        side=Side.SELL, quantity=Decimal(quantity), price=Decimal(price), commission=None,
        reference_price=None, slippage_bps=None, at=seed.ago(30),
    )  # fmt: skip
    held, left = Position(Decimal(54), Decimal(5000), Decimal(0)), Decimal(54 - quantity)
    after = Position(left, Decimal(4000), Decimal(realized))
    charged = Position(left, Decimal(4000), Decimal(realized) - 1)
    return [
        facts.SignalRaised(signal=signal(str(order.signal_id), instrument=seed.TQQQ)),
        facts.OrderApproved(order=order),
        facts.FillReceived(fill=fill),
        facts.PositionChanged(strategy=REGIME, instrument=seed.TQQQ, before=held, after=after,
                              realized=Decimal(realized)),
        facts.OrderFilled(order_id=order.order_id, status=OrderStatus.FILLED,
                          filled=Decimal(quantity), filled_value=Decimal(price) * quantity),
        facts.CommissionBooked(exec_id=exec_id, order_id=order.order_id, commission=Decimal(1)),
        facts.PositionChanged(strategy=REGIME, instrument=seed.TQQQ, before=after, after=charged,
                              realized=Decimal(-1)),
    ]  # fmt: skip


def caused(events: list[facts.Event]) -> Unit:
    """A unit in which each change of the position comes from the event before it."""
    at = seed.ago(30)
    entries = [
        Entry(event, n - 1 if isinstance(event, facts.PositionChanged) else -1)
        for n, event in enumerate(events)
    ]
    return Unit(at, at + timedelta(milliseconds=20), entries)


async def test_a_fill_shows_what_it_realized_and_the_cell_it_was_decided_in(
    tmp_path: Path,
) -> None:
    path = seeded(tmp_path / "p.db", [*seed.story(), caused(sold(4, 10, "120", "96.5"))])
    async with application(path).run_test(size=(200, 60)) as pilot:
        await ready(pilot)
        await press(pilot, "5", "z")
        await settled(pilot)
        pane = app_of(pilot).dashboard.panes["fills"]
        rows = {str(row["exec_id"]): row for _, row in pane.shown_rows()}
        assert rows["0001.4.01"]["realized_pnl"] == 95.5  # the commission came later
        bought = rows["sim.0a1b2c3d.PH-2c400c040001-0.1"]
        assert bought["realized_pnl"] is None
        assert bought["cell"] is None or bought["cell"] == 1
        shown = {str(c.label): c.show(rows["0001.4.01"], MOMENT) for c in FILLS}
        assert (shown["rPnL"], shown["Comm"], shown["Source"]) == ("+95.50", "1.00", "broker")
        assert shown["Lag"] == "0.02s"
        assert "rPnL +95.50" in pane.text
        await press(pilot, "slash", *"rpnl>90", "enter")
        await settled(pilot)
        assert pane.keys == ("0001.4.01",)


async def test_resolved_alerts_are_shown_with_who_ended_them(tmp_path: Path) -> None:
    over = facts.AlertStateChanged(
        alert_id=AlertId(f"alr_{1:012d}"), state=AlertState.RESOLVED, actor="engine"
    )
    path = seeded(tmp_path / "p.db", [*seed.story(), unit(over, at=seed.ago(5))])
    async with application(path).run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "7", "z")
        await settled(pilot)
        pane = app_of(pilot).dashboard.panes["alerts"]
        assert "no quote for 63 s" not in pane.text
        await press(pilot, "r")
        await until(pilot, lambda: "1 resolved" in pane.text, "the resolved one")
        assert pane.shown_rows()[-1][1]["state"] == "RESOLVED"
        assert "By" in pane.text
        await press(pilot, "r")
        await settled(pilot)
        assert len(pane.keys) == 1


async def test_the_log_leaves_out_what_is_routine_and_takes_one_more_condition(
    tmp_path: Path,
) -> None:
    path = seeded(tmp_path / "p.db")
    async with application(path).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await press(pilot, "0")
        await settled(pilot)
        log = app_of(pilot).dashboard.panes["log"]
        everything = len(log.keys)
        await press(pilot, "minus")
        quieter = len(log.keys)
        assert not any(row["kind"] == "SendStarted" for _, row in log.shown_rows())
        await press(pilot, "minus", "minus", "minus")
        assert {row["kind"] for _, row in log.shown_rows()} == {"AlertRaised"}
        assert everything > quieter > len(log.keys)
        assert "warnings only, + shows more" in log.text
        await press(pilot, "plus", "plus", "plus", "plus")
        assert len(log.keys) == everything
        await press(pilot, "slash", *"9s0003", "enter", "ampersand", *"fill", "enter")
        await settled(pilot)
        assert log.filter is not None
        assert log.filter.typed == "9s0003 fill"
        assert {row["kind"] for _, row in log.shown_rows()} <= {
            "FillReceived", "OrderPartiallyFilled", "OrderAccepted",
        }  # fmt: skip
        await press(pilot, "escape", "m")
        assert log.cursor is None, "a mark does not stop it"
        assert log.marks == {log.keys[-1]}


async def test_a_stopped_log_counts_what_is_new(tmp_path: Path) -> None:
    path = seeded(tmp_path / "p.db")
    async with application(path).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await press(pilot, "0")
        await settled(pilot)
        await press(pilot, "k")
        await settled(pilot)
        log = app_of(pilot).dashboard.panes["log"]
        assert "stopped, 0 new, G follows" in log.text
        append(path, unit(seed.alert(7, Severity.INFO, "slot_late", "again"), at=seed.ago(3)))
        await until(pilot, lambda: "stopped, 1 new" in log.text, "the new line")
        await press(pilot, "G")
        await settled(pilot)
        assert "following" in log.text


def decided(n: int) -> Unit:
    """A decision without a signal."""
    made = seed.decision()
    day = seed.DAY - timedelta(days=n)
    return unit(
        replace(made, decision_id=DecisionId(f"dec_{n:012x}"), session_date=day, result="no_trade"),
        at=seed.ago(1000 - n),
    )


async def test_decisions_of_long_ago_are_walked_to_and_refusals_found(tmp_path: Path) -> None:
    path = seeded(tmp_path / "p.db", [*seed.story(), *(decided(n) for n in range(1, 460))])
    async with application(path).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await press(pilot, "6")
        await settled(pilot)
        pane = app_of(pilot).dashboard.panes["signals"]
        assert "decisions · 463 ·" in pane.text
        await press(pilot, "G")
        await settled(pilot)
        assert pane.cursor == "dec_0a1b2c3d4e5f"
        await press(pilot, "slash", *"kind=target", "enter")
        await settled(pilot)
        assert len(pane.keys) == 3
        assert pane.shown_rows()[0][1]["order_id"] is not None
        await press(pilot, "escape", "d")
        await settled(pilot)
        assert not pane.shown_rows()
        assert "refused only" in pane.text


async def test_all_rows_of_a_long_table_are_exported_in_its_order(tmp_path: Path) -> None:
    path = seeded(tmp_path / "p.db")
    bulk.add(path, 9_000)
    target = tmp_path / "fills.csv"
    async with application(path).run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await press(pilot, "5", "z", "slash", *"sym=tmf", "enter", "s", "p")
        await settled(pilot)
        pane = app_of(pilot).dashboard.panes["fills"]
        assert pane.moment is not None
        columns = tuple(pane.columns)
        pane.post_message(pane.export_of(str(target), (), columns, pane.moment))
        await until(pilot, target.exists, "the file")
        await handled(pilot)
        written_to = f"rows written to {target}"
        await until(pilot, lambda: written_to in str(app_of(pilot).hint), "the report")
    db = open_reader(path)
    expected = db.execute(
        "SELECT exec_id FROM v_fills WHERE symbol = 'TMF' ORDER BY price, seq"
    ).fetchall()
    db.close()
    written = list(csv.DictReader(target.read_text(encoding="utf-8").splitlines()))
    assert [row["exec_id"] for row in written] == [row[0] for row in expected]
    assert len(written) > 1_500
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".new")]


def test_an_export_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "orders.json"

    class Failing:
        def __iter__(self) -> object:
            yield [{"order_id": "a"}]
            raise OSError("the disk is full")

    columns = ORDERS[:1]
    with pytest.raises(OSError, match="full"):
        export.write(path, Failing(), columns, MOMENT)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
    assert export.write(path, [[{"order_id": "a"}], [], [{"order_id": "b"}]], columns, MOMENT) == 2
    assert json.loads(path.read_text()) == [{"order_id": "a"}, {"order_id": "b"}]
    assert export.write(tmp_path / "none.json", [], columns, MOMENT) == 0
    assert json.loads((tmp_path / "none.json").read_text()) == []
    assert ExportWanted("x", (), columns, MOMENT).window is None
