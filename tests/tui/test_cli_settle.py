"""A person settles an UNKNOWN order while no engine runs, and is told when that was wrong."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from engine.domain import event as ev
from engine.domain.ids import Book, OrderId, OrderRef
from engine.domain.order import OrderStatus, OrderType, TimeInForce
from engine.domain.session import Mode
from storage.connect import reading
from tests.storage import samples
from tests.tui.commands import Here
from tests.tui.gateways import Running, order, placed, running, started

MINE = samples.order(
    "ord_01KAFR2Z9R9SG5F3C9VJ4XG1TB",
    order_ref=OrderRef("PH-2c400c04acd7-0"),
    type=OrderType.LIMIT,
    limit_price=Decimal(100),
    time_in_force=TimeInForce.GTC,
)
SESSION = "paper-20261120T143000Z-0a1b2c3d"
SETTLE = ("reconcile", "--settle", MINE.order_id, "--as", "CANCELED")


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """The command line in this process."""
    return Here(tmp_path, monkeypatch, capsys)


async def _left(path: Path) -> None:
    """A paper session that died while nobody knew what had become of its order."""
    context = samples.context(
        SESSION, book=Book("paper:DU0000001"), mode=Mode.PAPER,
        account="DU0000001", recorded_clock=False,
    )  # fmt: skip
    sent = ev.SendStarted(order_id=MINE.order_id, attempt=1, link_epoch=1, broker_order_id=7)
    capital = ev.CashChanged(
        strategy=MINE.strategy, before=Decimal(0), after=Decimal(10_000), reason="capital"
    )
    began = ev.BaselineAdopted(positions={}, cash=Decimal(90_000))
    unknown = ev.OrderUnknown(
        order_id=MINE.order_id, status=OrderStatus.UNKNOWN, filled=Decimal(0),
        filled_value=Decimal(0), text="the link was lost in the call",
    )  # fmt: skip
    async with await samples.open_journal(path) as journal:
        for one in (
            samples.created(context),
            samples.unit(capital, began, ev.OrderApproved(order=MINE), sent),
            samples.unit(unknown, at=samples.AT + timedelta(seconds=20)),
        ):
            journal.put(one)
            await journal.commit()


def placed_by_us(gateway: Running) -> None:
    """It works at the broker all the same, under the client id that it was sent with."""
    with started(gateway) as line:
        placed(line, order(7, conId=320227571, symbol="QQQ", orderRef=MINE.order_ref))


def moves(path: Path) -> list[tuple[str, str]]:
    """What became of the order, oldest first."""
    with reading(path) as database:
        assert database is not None
        rows = database.execute("SELECT kind, payload FROM v_events ORDER BY seq").fetchall()
    return [(kind, text) for kind, text in rows if kind.startswith("Order") and "G1TB" in text]


def test_an_unknown_order_is_settled_without_an_engine_and_one_that_works_on_is_told(
    here: Here,
) -> None:
    path = here.folder / "state/pilothouse/pilothouse.db"
    path.parent.mkdir(parents=True)
    asyncio.run(_left(path))
    with running(here.folder, "--start", "2026-11-20T15:00:00Z") as gateway:
        where = {"run.mode": "paper", "ibkr.port": gateway.where["port"]}
        where["ibkr.account"] = gateway.where["account"]
        flags = [word for key, value in where.items() for word in ("--set", f"{key}={value}")]
        placed_by_us(gateway)

        assert here(*SETTLE, *flags).code == 3  # a reason is needed
        wrong = here(*SETTLE[:-1], "FILLED", "--reason", "phoned", *flags)
        assert (wrong.code, "allowed are CANCELED, EXPIRED, REJECTED" in wrong.out) == (3, True)
        said = here(*SETTLE, "--reason", "phoned", "--json", *flags)
        assert (said.code, said.json["result"], said.json["engine"]) == (0, "DONE", None), said.err
        (row,) = here("orders", "--session", SESSION, "--json").json
        assert (row["status"], "phoned" in row["reason"]) == ("CANCELED", True)
        kind, text = moves(path)[-1]
        assert (kind, "settled by " in text, OrderId(MINE.order_id) in text) == (
            "OrderCanceled", True, True
        )  # fmt: skip
        again = here(*SETTLE, "--reason", "phoned", *flags)
        assert (again.code, "only an UNKNOWN order" in again.out) == (3, True)

        found = here("reconcile", "--json", *flags)
        assert found.code == 7, found.err
        kinds = {one["item"]: one["kind"] for one in found.json["differences"]}
        assert kinds[MINE.order_ref] == "ORDER_FOREIGN"
        assert len(gateway.living()) == 1  # it was compared: nothing was sent
    assert here("db", "check").code == 0
