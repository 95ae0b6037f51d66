"""An order is on file before it is sent, unless a kill takes its exchange along."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.domain.order import Order
from engine.domain.session import SessionState
from engine.ports import Broker
from storage.connect import reading
from tests.engine.desk import Desk, Killed, day, script
from tests.engine.props import Market

MARKET: Market = {"QQQ": ["100", "101", "102", "103", "104"], "TLT": ["50"] * 5}
ROWS = tuple(f"{day(n)},QQQ,ENTER,BUY,{n + 1},,,,," for n in range(4))


class Door:
    """A broker that looks into the file before it takes an order."""

    def __init__(self, broker: Broker, look: Callable[[str], None]) -> None:
        self._broker, self._look = broker, look

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    def submit(self, order: Order, broker_order_id: int) -> None:
        """Look, then send."""
        self._look(order.order_id)
        self._broker.submit(order, broker_order_id)


def made(folder: Path, pace: str, within: bool) -> tuple[Desk, list[bool]]:
    """A desk that notes of every order whether it was on file when it was sent."""
    folder.mkdir(exist_ok=True)
    desk = Desk(folder, [script(*ROWS)], MARKET, pace=pace)
    desk.exchange_within = within
    seen: list[bool] = []

    def look(order_id: str) -> None:
        with reading(desk.path) as db:
            assert db is not None
            sql = "SELECT count(*) FROM orders WHERE order_id = ? AND sent_at IS NOT NULL"
            seen.append(bool(db.execute(sql, (order_id,)).fetchone()[0]))

    desk.wrap_broker = lambda broker: Door(broker, look)
    return desk, seen


@pytest.mark.parametrize(("pace", "within"), [("200/s", True), ("max", False)])
async def test_an_order_is_on_file_before_it_is_sent(
    tmp_path: Path, pace: str, within: bool
) -> None:
    desk, seen = made(tmp_path, pace, within)
    assert await desk.run() is SessionState.COMPLETED
    assert seen == [True] * 4


@pytest.mark.parametrize("dies_at", range(1, 5))
async def test_at_max_orders_are_written_together_and_a_kill_undoes_them(
    tmp_path: Path, dies_at: int
) -> None:
    """The simulated exchange remembers nothing: what it was sent and is not on file never was."""
    quiet, seen = made(tmp_path / "quiet", "max", within=True)
    assert await quiet.run() is SessionState.COMPLETED
    assert not all(seen), "a commit for each order would need no test"
    desk, sent = made(tmp_path / "killed", "max", within=True)
    doors = desk.wrap_broker

    def dies(broker: Broker) -> Broker:
        door: Any = doors(broker)

        class Dies(Door):
            def submit(self, order: Order, broker_order_id: int) -> None:
                door.submit(order, broker_order_id)
                if len(sent) == dies_at:
                    raise Killed

        return Dies(broker, lambda order_id: None)

    desk.wrap_broker = dies
    with pytest.raises(Killed):
        await desk.run()
    desk.wrap_broker = doors
    assert await desk.run() is SessionState.COMPLETED
    assert desk.state.fills_digest.hexdigest() == quiet.state.fills_digest.hexdigest()
    assert desk.state.decisions_digest.hexdigest() == quiet.state.decisions_digest.hexdigest()
    assert [row.order.order_ref for row in desk.state.orders.values()] == [
        row.order.order_ref for row in quiet.state.orders.values()
    ]
