"""The result hash of a run on the simulated exchange is that of the specification."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

from engine.core.digest import fill_line, order_line
from engine.domain.fill import Fill
from engine.domain.order import OrderStatus
from engine.domain.report import Executed
from engine.exchange.costs import Costs
from tests.engine.floor import BUY, QQQ, exchange, order, quotes

GOLDEN = "a42e1eb5a8c1a643c7190c1ab9c0f3e7d39f897e1ec6e9dff4878a706d584035"


def test_one_bought_lot_has_the_hash_of_the_specification() -> None:
    at = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
    ex = exchange(costs=Costs(adjusted=False), seed=7)
    ex.on_quotes(replace(quotes(4, "100"), at=at))
    bought = order("ref-1", BUY, 10)
    executed = ex.submit(bought, at)[-1]
    assert isinstance(executed, Executed)
    fill = Fill(
        exec_id=executed.exec_id,
        order_id=bought.order_id,
        strategy=bought.strategy,
        instrument=QQQ.id,
        side=BUY,
        quantity=executed.quantity,
        price=executed.price,
        commission=executed.commission,
        reference_price=None,
        slippage_bps=None,
        at=executed.at,
    )
    lines = fill_line(bought, 1, fill) + order_line(bought, OrderStatus.FILLED)
    assert hashlib.sha256(lines).hexdigest() == GOLDEN
