"""What-if in a dry run: everything is shown, nothing is sent to work. Over TCP."""

from pathlib import Path

import pytest

from engine.brokers.practice.gateway import PracticeGateway
from engine.domain import report as rp
from engine.domain.instrument import stock_id
from engine.domain.order import OrderStatus
from engine.domain.session import Verdict
from storage.connect import reading
from tests.engine.ibkr.test_over_tcp import core_of, send
from tests.engine.ibkr.test_whole import BEFORE_SLOT, at_slot, calendar, engine, until
from tests.engine.ibkr.wire import D, Desk, desk, order


async def previewed(one: Desk, **fields: object) -> rp.Previewed:
    """Ask what an order would do."""
    one.broker.preview(order("a", **fields))  # type: ignore[arg-type]
    await one.until(lambda: one.reports(rp.Previewed))
    return one.reports(rp.Previewed)[-1]


async def test_a_what_if_tells_margin_and_commission_and_leaves_nothing_behind() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway, dry_run=True) as one:
        await one.live()
        found = await previewed(one, quantity=100)
        assert found.commission == 1
        assert found.margin is not None
        assert found.margin == found.margin_change  # the first one
        assert D(20_000) < found.margin < D(50_000)  # half of 100 QQQ
        assert found.maintenance is not None
        assert found.maintenance * 2 == pytest.approx(found.margin)
        assert found.equity is not None
        assert found.equity > 99_000
        assert gateway.venue.open_orders() == gateway.venue.completed_orders() == []


async def test_a_dry_run_sends_no_order_whoever_asks() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway, dry_run=True) as one:
        await one.live()
        row = send(one, core_of(one), "a", 1)
        assert row.status is OrderStatus.CANCELED
        assert row.reason == "dry run: nothing is sent before it was sent"
        assert gateway.venue.open_orders() == gateway.venue.completed_orders() == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"name": "silent"}, "no answer within 1 s"),
        ({"name": "error", "code": 201, "text": "too much margin"}, "201 too much margin"),
        ({"name": "error", "code": 435, "text": "account"}, "435 account; check ibkr.account"),
        ({"name": "error", "code": 399, "text": "after hours"}, "399 after hours, no answer"),
    ],
    ids=["silent", "201", "435", "a-warning-in-its-place"],
)
async def test_a_what_if_without_an_answer_says_why(fault: dict[str, object], words: str) -> None:
    given = {key: value for key, value in fault.items() if key != "name"}
    async with PracticeGateway(seed=7) as gateway, desk(gateway, dry_run=True) as one:
        await one.live()
        await gateway.fault(str(fault["name"]), on="request:3", count=1, **given)
        found = await previewed(one)
        assert words in found.text
        assert found.commission is None


async def test_what_cannot_be_qualified_has_no_preview_and_says_so() -> None:
    async with PracticeGateway(seed=7) as gateway, desk(gateway, dry_run=True) as one:
        await one.live()
        found = await previewed(one, instrument=stock_id("ZZZZ"))
        assert found.text.startswith("CONTRACT STK:ZZZZ:USD")


async def test_a_dry_run_stands_beside_an_engine_at_the_same_gateway(tmp_path: Path) -> None:
    line = "2026-11-20,QQQ,ENTER,BUY,10,,,,,"
    (tmp_path / "dry").mkdir()
    async with (
        PracticeGateway(seed=7, start=BEFORE_SLOT, calendar=calendar()) as gateway,
        engine(tmp_path, gateway, line) as real,
        engine(tmp_path / "dry", gateway, line, dry_run=True) as dry,
    ):
        assert gateway.clients == [17, 18, 20, 21]
        await at_slot(gateway, real, dry)
        done = real.loop.state.orders
        await until(lambda: any(row.status is OrderStatus.FILLED for row in done.values()))
        seen = dry.loop.state.orders
        await until(lambda: any(row.reason for row in seen.values()))
        (row,) = seen.values()
        assert row.status is OrderStatus.DRY_RUN
        assert len(gateway.venue.completed_orders()) == 1
        dry.session.broker.read_account("test")  # the other's shares are no difference of ours
        await until(lambda: (dry.loop.state.compared or ("",))[0] is Verdict.CLEAN)
        assert not dry.loop.state.differences
        await until(lambda: not dry.loop._journal.waiting)
        with reading(dry.path) as db:
            assert db is not None
            (kept,) = db.execute("SELECT status, reason FROM v_orders").fetchall()
        assert kept[0] == "DRY_RUN"
        assert kept[1].startswith("what-if: margin ")
        assert "commission 1.00" in kept[1]
