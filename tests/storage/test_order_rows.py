"""An order made and changed within one transaction is one row, written at its end."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.domain import event as facts
from engine.domain.event import Event
from engine.domain.order import OrderStatus
from tests.storage.samples import order, order_filled, unit
from tests.storage.test_projections import refused, tables


async def test_a_second_order_of_the_same_unit_is_refused(tmp_path: Path) -> None:
    for n, twin in enumerate((order(), replace(order("ord_2"), order_ref=order().order_ref))):
        both = unit(facts.OrderApproved(order=order()), facts.OrderApproved(order=twin))
        assert "UNIQUE" in await refused(tmp_path / f"{n}.db", both)


async def test_an_order_is_the_same_row_however_its_events_share_commits(tmp_path: Path) -> None:
    given = order(limit_price=Decimal("99.5"))
    later, at = replace(given, quantity=Decimal(12)), given.order_id
    working: dict[str, Any] = {
        "order_id": at, "status": OrderStatus.SUBMITTED, "filled": Decimal(0),
        "filled_value": Decimal(0),
    }  # fmt: skip
    life: list[Event] = [
        facts.OrderApproved(order=given),
        facts.OrderPreviewed(order_id=at, text="margin 200"),
        facts.SendStarted(order_id=at, attempt=1, link_epoch=0, broker_order_id=1),
        facts.SendClosed(order_id=at, text="no answer"),
        facts.SendStarted(order_id=at, attempt=2, link_epoch=0, broker_order_id=2),
        facts.OrderSubmitted(**working, perm_id=77, code=399, text="held"),
        facts.OrderAccepted(**working),  # says nothing of number and text: both stay
        facts.OrderUnknown(**working | {"status": OrderStatus.UNKNOWN}, code=1100),
        facts.ChangeRequested(order_id=at, before=given, after=later, reason="more"),
        facts.ChangeRefused(order_id=at, text="no"),
        facts.OrderChanged(order_id=at, order=later),
        facts.CancelRequested(order_id=at, reason="enough", actor="me"),
        order_filled(later),
    ]
    for ended in (8, len(life)):
        apart = await tables(tmp_path / f"a{ended}.db", *[unit(event) for event in life[:ended]])
        together = await tables(tmp_path / f"t{ended}.db", unit(*life[:ended]))
        assert together["orders"] == apart["orders"]
