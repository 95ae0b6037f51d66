"""One reference with two broker orders: it ends when both have, and each fill is booked once."""

from dataclasses import replace
from typing import Any

import pytest

from engine.brokers.ibkr import said
from engine.brokers.ibkr.trace import AskCancel, AskOrder, Out
from engine.brokers.ibkr.translate import Translator
from engine.domain import report as rp
from engine.domain.order import OrderStatus
from tests.engine.ibkr.core import AT, Core
from tests.engine.ibkr.test_translate import (
    error,
    executed,
    shown,
    status,
    tell,
    telling,
    through,
    told_to,
)
from tests.engine.ibkr.wire import QQQ, D, order

MINE = order("a", quantity=100)
OLD, NEW = 1001, 1002
ENDS = (rp.Canceled, rp.Expired, rp.Rejected)


def twice() -> Translator:
    """A translator to which the order has been shown under two permIds."""
    made = telling(MINE)
    tell(made, shown(MINE, 1, "Submitted", OLD), shown(MINE, 1, "Submitted", NEW))
    return made


def word(perm: int, text: str, filled: int = 0) -> said.OrderStatus:
    """The status of one of them."""
    return status(MINE, 1, text, filled, perm=perm)


def completed(perm: int, text: str) -> said.CompletedOrder:
    """One of them among the completed orders."""
    one = shown(MINE, 1, text, perm)
    return said.CompletedOrder(
        perm_id=perm, order_ref=one.order_ref, account=one.account, contract=one.contract,
        status=text, filled=D(0),
    )  # fmt: skip


def ends(given: list[Out]) -> list[Out]:
    """The ends among what followed."""
    return [one for one in given if isinstance(one, ENDS)]


@pytest.mark.parametrize("other", ["PendingCancel", "PendingSubmit", "Submitted"])
def test_a_cancel_of_both_has_ended_the_order_when_both_have_ended(other: str) -> None:
    made = twice()
    made.canceling(MINE.order_id)
    assert not ends(tell(made, word(OLD, other), word(NEW, "Cancelled")))
    assert len(ends(tell(made, word(OLD, "Cancelled")))) == 1


def test_one_that_is_inactive_and_refused_ends_nothing_while_another_works() -> None:
    made = twice()
    refused = (word(NEW, "Inactive"), error(1, 201, "refused"), completed(NEW, "Inactive"))
    assert not ends(tell(made, *refused))
    assert made.living()


def test_an_end_right_after_a_new_connection_waits_for_the_other_to_be_shown() -> None:
    made = twice()
    made.begin_epoch()
    told = tell(made, completed(NEW, "Cancelled"))
    assert [type(one) for one in told] == [AskOrder]
    assert not ends(tell(made, shown(MINE, 1, "Submitted", OLD)))
    assert not made.looked(MINE.order_id, AT)
    assert len(ends(tell(made, word(OLD, "Cancelled")))) == 1


def test_one_that_no_answered_look_up_shows_keeps_no_order_open() -> None:
    made = twice()
    made.begin_epoch()
    assert not ends(tell(made, completed(NEW, "Cancelled")))
    assert len(ends(list(made.looked(MINE.order_id, AT)))) == 1


def test_after_a_restart_an_end_of_a_permid_that_the_journal_does_not_know_ends_nothing() -> None:
    core = through([MINE], [shown(MINE, 1, "Submitted", OLD)])
    made = Translator("DU0000001", 17)
    made.restore([core.row(MINE)])
    assert not ends(tell(made, completed(NEW, "Cancelled")))
    assert not ends(tell(made, shown(MINE, 1, "Submitted", OLD)))


def test_what_works_on_beside_an_end_is_canceled() -> None:
    made = telling(MINE)
    assert ends(tell(made, shown(MINE, 1, "Cancelled", NEW)))
    late: tuple[said.Said, ...] = (shown(MINE, 1, "Submitted", OLD), word(OLD, "Submitted"))
    assert AskCancel(MINE.order_id) in tell(made, *late)
    assert AskCancel(MINE.order_id) not in tell(made, word(NEW, "Submitted"))  # an echo


def over(how: str) -> Translator:
    """An order that has ended: in the journal, before a new connection, or by never arriving."""
    made = telling(MINE)
    if how == "never arrived":
        made.closed(MINE.order_id)
        return made
    core = through([MINE], [shown(MINE, 1, "Submitted", OLD), executed(MINE, 1, 1, 100, "50")])
    if how == "restart":
        made = Translator("DU0000001", 17)
        made.restore([core.row(MINE)], core.state.fills.values())
        return made
    tell(made, shown(MINE, 1, "Submitted", OLD), executed(MINE, 1, 1, 100, "50"))
    made.begin_epoch()
    return made


@pytest.mark.parametrize("how", ["restart", "connection", "never arrived"])
def test_the_only_one_that_is_shown_working_after_the_end_is_canceled(how: str) -> None:
    made = over(how)
    assert AskCancel(MINE.order_id) in tell(
        made, shown(MINE, 7, "Submitted", OLD), word(OLD, "Submitted")
    )
    assert made.traces[MINE.order_id].living_addresses == [7]


def test_an_echo_of_before_the_last_fill_cancels_nothing() -> None:
    made = telling(MINE)
    tell(made, executed(MINE, 1, 1, 100, "50"))
    echo = tell(made, shown(MINE, 1, "Submitted", OLD), word(OLD, "Submitted"))
    assert AskCancel(MINE.order_id) not in echo


def test_both_fill_each_is_booked_once_and_too_much_is_told() -> None:
    core, made = Core(), twice()
    core.send(MINE, 1)
    first = executed(MINE, 1, 1, 100, "50")
    second = replace(executed(MINE, 1, 2, 100, "50"), perm_id=NEW)
    words: list[Any] = [first, word(OLD, "Filled", 100), word(NEW, "Submitted")]
    told = tell(made, *words)
    assert AskCancel(MINE.order_id) in told  # nobody wants the other one any more
    told_to(core, [*told, *tell(made, second, first, second, word(NEW, "Filled", 100))])
    row = core.row(MINE)
    assert (row.status, row.filled) == (OrderStatus.FILLED, D(200))
    assert core.book.positions[QQQ].quantity == 200
    assert "overfill" in {one.kind for one in core.state.alerts.values()}
    assert QQQ in core.state.blocked
