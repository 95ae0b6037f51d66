"""A session without a strategy whose orders live on: nothing of it is lost, nothing breaks."""

from datetime import timedelta
from decimal import Decimal

from engine.domain import event as ev
from engine.domain import report as rp
from engine.domain.ids import ExecId
from engine.domain.input import Tick
from engine.domain.order import OrderStatus, Side
from tests.engine.ibkr.core import AT, Core
from tests.engine.ibkr.wire import QQQ, D, order


def test_a_fill_of_an_absent_strategy_is_told_and_booked_when_it_is_back() -> None:
    core, mine = Core(), order("a")
    core.send(mine, 1)
    core.report(rp.Accepted(order_id=mine.order_id))
    fill = rp.Executed(
        order_id=mine.order_id, exec_id=ExecId("e.1.01"), quantity=D(10), price=D(100),
        commission=Decimal(0), at=AT,
    )  # fmt: skip
    book = core.state.books.pop(core.strategy)
    core.report(fill)
    assert [one.kind for one in core.state.alerts.values()] == ["fill_unmatched"]
    assert not core.state.fills
    core.state.books[core.strategy] = book  # the next session, told by the broker once more
    core.report(fill)
    core.report(fill)
    assert core.book.position(QQQ).quantity == D(10)
    assert core.row(mine).status is OrderStatus.FILLED


def test_an_unsent_order_of_an_absent_strategy_ends() -> None:
    core, mine = Core(), order("a", Side.SELL, is_exit=True)
    core._evolve(ev.OrderApproved(order=mine))
    del core.state.books[core.strategy]
    core.take(Tick(AT + timedelta(seconds=1)))
    row = core.row(mine)
    assert (row.status, row.reason) == (OrderStatus.EXPIRED, "its strategy is not in this session")
