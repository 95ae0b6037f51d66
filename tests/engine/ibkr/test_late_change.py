"""A change and the order's fills cross, or it lands after a look-up had shown the old order."""

from dataclasses import replace

import pytest

from engine.brokers.ibkr import said
from engine.brokers.ibkr.translate import Translator
from engine.domain import report as rp
from engine.domain.command import CancelOrder
from engine.domain.ids import ExecId
from engine.domain.order import Order, OrderStatus, WorkingOrder
from tests.engine.ibkr.core import AT, Core
from tests.engine.ibkr.test_change import ask, wanted, working
from tests.engine.ibkr.test_lost import LIMIT
from tests.engine.ibkr.wire import D, order

_S = OrderStatus


def fill(core: Core, row: WorkingOrder, quantity: int, number: int = 1) -> None:
    """Some of it is filled at its limit."""
    core.report(
        rp.Executed(
            order_id=row.order.order_id, exec_id=ExecId(f"0000e0d5.65f1a2b3.0{number}.01"),
            quantity=D(quantity), price=D(99), commission=None, at=AT,
        )
    )  # fmt: skip


def asked(core: Core, **args: str) -> tuple[WorkingOrder, Order]:
    """A working order of ten, and the change of it that is under way."""
    row = working(core)
    core.commands.clear()
    assert ask(core, 1, **args)[0] == "DONE"
    return row, wanted(core)


# -- the core ----------------------------------------------------------------------------------


def test_a_change_that_lands_after_it_seemed_refused_is_taken() -> None:
    core = Core()
    row, after = asked(core, limit="99", quantity="6")
    core.report(rp.ChangeRefused(order_id=row.order.order_id, text="not shown after a look-up"))
    assert row.order.quantity == D(10)
    core.report(rp.Changed(order_id=row.order.order_id, order=after))
    assert (row.order.quantity, row.order.limit_price) == (D(6), D(99))
    fill(core, row, 6)
    assert row.status is _S.FILLED


def test_what_fills_while_a_larger_order_is_asked_ends_neither_of_them() -> None:
    core = Core()
    row, _ = asked(core, quantity="30")
    fill(core, row, 10)
    assert (row.status, row.remaining) == (_S.PARTIALLY_FILLED, D(20))
    core.report(rp.ChangeRefused(order_id=row.order.order_id, text="104"))
    assert row.status is _S.FILLED


def test_more_than_the_old_order_filled_shows_that_it_was_raised() -> None:
    core = Core()
    row, _ = asked(core, quantity="30")
    fill(core, row, 25)
    assert (row.status, row.order.quantity, row.changing) == (_S.PARTIALLY_FILLED, D(30), None)
    assert row.order.instrument not in core.state.blocked
    fill(core, row, 5, 2)
    assert row.status is _S.FILLED
    assert "overfill" not in {one.kind for one in core.state.alerts.values()}


def test_a_smaller_order_that_is_full_when_it_is_shown_has_ended() -> None:
    core = Core()
    row, after = asked(core, quantity="6")
    fill(core, row, 6)
    assert row.status.value == "PARTIALLY_FILLED"
    core.report(rp.Changed(order_id=row.order.order_id, order=after))
    assert row.status is _S.FILLED


def test_more_filled_than_the_smaller_order_asks_for_is_an_overfill() -> None:
    core = Core()
    row, after = asked(core, quantity="6")
    fill(core, row, 9)
    core.report(rp.Changed(order_id=row.order.order_id, order=after))
    assert row.status is _S.FILLED
    assert row.order.instrument in core.state.blocked
    assert "overfill" in {one.kind for one in core.state.alerts.values()}


def test_an_order_that_has_ended_is_canceled_where_a_late_change_makes_more_of_it() -> None:
    core = Core()
    row, after = asked(core, quantity="30")
    core.report(rp.ChangeRefused(order_id=row.order.order_id, text="not shown after a look-up"))
    fill(core, row, 10)
    assert row.status is _S.FILLED
    core.commands.clear()
    core.report(rp.Changed(order_id=row.order.order_id, order=after))
    assert CancelOrder(row.order.order_id) in core.commands
    assert "contradiction" in {one.kind for one in core.state.alerts.values()}


# -- the translator ----------------------------------------------------------------------------


def changing(**fields: object) -> tuple[Translator, Order]:
    """A translator whose order of ten is being changed."""
    mine = order("a", **LIMIT)  # type: ignore[arg-type]
    made = Translator("DU0000001", 17)
    made.sent(mine, 1, AT)
    made.changing(replace(mine, **fields))  # type: ignore[arg-type]
    return made, mine


def take(made: Translator, one: said.Said) -> list[rp.Report]:
    """What follows from one thing said."""
    heard = said.Heard(connection="trade", epoch=1, seq=1, at=AT, monotonic=0.0, said=one)
    return list(made.take(heard))  # type: ignore[arg-type]


def status(name: str, filled: int, remaining: int) -> said.OrderStatus:
    """An orderStatus of the order."""
    return said.OrderStatus(
        order_id=1, client_id=17, perm_id=1001, status=name, filled=D(filled),
        remaining=D(remaining),
    )  # fmt: skip


def execution(mine: Order, quantity: int) -> said.Execution:
    """An execution of the order."""
    return said.Execution(
        request=-1, exec_id="0000e0d5.65f1a2b3.01.01", order_id=1, client_id=17, perm_id=1001,
        order_ref=mine.order_ref, account="DU0000001",
        contract=said.ContractKey(con_id=1, symbol="QQQ"), side="BOT", quantity=D(quantity),
        price=D(99), at=AT,
    )  # fmt: skip


def test_filled_with_as_many_as_a_change_wanted_shows_the_change() -> None:
    made, mine = changing(quantity=D(6))
    take(made, execution(mine, 6))
    assert not made.traces[mine.order_id].is_done
    (changed,) = [one for one in take(made, status("Filled", 6, 0)) if isinstance(one, rp.Changed)]
    assert changed.order is not None
    assert changed.order.quantity == D(6)
    assert made.traces[mine.order_id].is_done


def test_the_old_quantity_filled_is_not_the_end_while_a_larger_one_may_work() -> None:
    made, mine = changing(quantity=D(30))
    take(made, execution(mine, 10))
    assert made.living()
    (refused,) = [
        one for one in take(made, status("Filled", 10, 0)) if isinstance(one, rp.ChangeRefused)
    ]
    assert refused.text == "it had filled before"
    assert not made.living()


# -- over a restart ----------------------------------------------------------------------------


def shown(mine: Order, quantity: int, text: str = "Submitted") -> said.OpenOrder:
    """An openOrder that asks for so many."""
    return said.OpenOrder(
        order_id=1, client_id=17, perm_id=1001, order_ref=mine.order_ref, account="DU0000001",
        contract=said.ContractKey(con_id=1, symbol="QQQ"), action="BUY", quantity=D(quantity),
        type="LMT", tif=mine.time_in_force.value, limit_price=D(100), status=text,
    )  # fmt: skip


def completed(mine: Order, filled: int) -> said.CompletedOrder:
    """It is among the orders that ended today."""
    return said.CompletedOrder(
        perm_id=1001, order_ref=mine.order_ref, account="DU0000001",
        contract=said.ContractKey(con_id=1, symbol="QQQ"), status="Filled", filled=D(filled),
    )  # fmt: skip


def restarted() -> tuple[Core, WorkingOrder, Translator]:
    """Ten were to become six, a look-up showed ten, and the engine was killed."""
    core = Core()
    row, _ = asked(core, quantity="6")
    core.report(rp.ChangeRefused(order_id=row.order.order_id, text="not shown after a look-up"))
    made = Translator("DU0000001", 17)
    made.restore([row])
    return core, row, made


@pytest.mark.parametrize("is_shown_working", [True, False])
def test_a_change_that_lands_over_a_restart_is_taken(*, is_shown_working: bool) -> None:
    core, row, made = restarted()
    mine = row.order
    words = (shown(mine, 6), status("Submitted", 0, 6))
    for one in (*(words if is_shown_working else ()), execution(mine, 6), completed(mine, 6)):
        for report in take(made, one):
            core.report(report)
    assert (row.order.quantity, row.filled, row.status) == (D(6), D(6), _S.FILLED)
    assert not made.living()


# -- the broker's order was of fewer, whoever made it so ---------------------------------------


def sent(*words: said.Said) -> tuple[Translator, Order, list[rp.Report]]:
    """What follows from words about an order of ten of which no change is known."""
    mine = order("a", **LIMIT)  # type: ignore[arg-type]
    made = Translator("DU0000001", 17)
    made.sent(mine, 1, AT)
    return made, mine, [out for one in words for out in take(made, one)]


MINE = order("a", **LIMIT)  # type: ignore[arg-type]


@pytest.mark.parametrize("last", [status("Filled", 3, 0), completed(MINE, 3)])
@pytest.mark.parametrize("is_first", [True, False])
def test_an_order_that_the_broker_filled_with_fewer_has_ended(
    last: said.Said, *, is_first: bool
) -> None:
    words = (last, execution(MINE, 3)) if is_first else (execution(MINE, 3), last)
    made, mine, told = sent(shown(MINE, 3), *words)
    (end,) = [one for one in told if isinstance(one, rp.Canceled)]
    assert (end.order_id, end.text) == (mine.order_id, "the broker's order was filled at 3")
    assert not made.living()


@pytest.mark.parametrize(
    "words",
    [
        (execution(MINE, 3), status("Submitted", 3, 7)),
        (execution(MINE, 3), status("Submitted", 3, 7), shown(MINE, 10, "Filled")),
        (status("Filled", 3, 0),),  # its execution may be lost: asked for, and waited for
        (execution(MINE, 3), status("Filled", 10, 0)),
        (
            replace(shown(MINE, 10), perm_id=1002),
            execution(MINE, 3),
            status("Filled", 3, 0),
        ),  # another one of it works
    ],
)
def test_fewer_than_all_end_an_order_only_when_the_broker_calls_that_all(
    words: tuple[said.Said, ...],
) -> None:
    made, _, told = sent(*words)
    assert not [one for one in told if isinstance(one, rp.Canceled)]
    assert made.living()


def test_what_fills_after_such_an_end_is_booked() -> None:
    core = Core()
    row = working(core)
    _, _, told = sent(execution(MINE, 3), status("Filled", 3, 0))
    for report in told:
        core.report(report)
    assert (row.status, row.filled, row.remaining) == (_S.CANCELED, D(3), D(7))
    fill(core, row, 7, 2)
    assert (row.status, row.filled) == (_S.FILLED, D(10))


def test_a_last_part_is_waited_for_although_the_order_is_shown_as_filled() -> None:
    made, mine = changing(quantity=D(6))
    first = execution(mine, 3)
    take(made, first)
    take(made, status("Submitted", 3, 3))
    take(made, replace(shown(mine, 6, "Filled"), limit_price=D("100.01")))
    told = take(made, replace(first, exec_id="0000e0d5.65f1a2b3.02.01"))
    told += take(made, status("Filled", 6, 0))
    (changed,) = [one for one in told if isinstance(one, rp.Changed)]
    assert not [one for one in told if isinstance(one, rp.ChangeRefused)]
    assert changed.order is not None
    assert not made.living()
