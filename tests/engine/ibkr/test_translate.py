"""What the broker says, put into our words, and through the real core."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.brokers.ibkr import said
from engine.brokers.ibkr.said import ContractKey, Heard, Said
from engine.brokers.ibkr.trace import Alarm, AskCancel, AskCost, AskExecutions, AskOrder, Out
from engine.brokers.ibkr.translate import Translator
from engine.domain import report as rp
from engine.domain.order import Order, OrderStatus, Side
from tests.engine.ibkr.core import Core
from tests.engine.ibkr.wire import QQQ, D, order

AT = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # a Friday, 10:00 in New York
ACCOUNT = "DU0000001"
KEY = ContractKey(con_id=320227571, symbol="QQQ")
_S = OrderStatus


def heard(one: Said, at: datetime = AT) -> Heard:
    """A thing said, as a connection hands it on."""
    return Heard(connection="trade", epoch=1, seq=1, at=at, monotonic=0.0, said=one)


def shown(mine: Order, number: int, status: str, perm: int = 0) -> said.OpenOrder:
    """openOrder."""
    return said.OpenOrder(
        order_id=number,
        client_id=17,
        perm_id=perm or 1000 + number,
        order_ref=mine.order_ref,
        account=ACCOUNT,
        contract=KEY,
        action=mine.side.value,
        quantity=mine.quantity,
        type="MKT",
        tif="DAY",
        status=status,
    )


def status(
    mine: Order, number: int, text: str, filled: int = 0, perm: int = 0, held: str = ""
) -> said.OrderStatus:
    """orderStatus."""
    return said.OrderStatus(
        order_id=number,
        client_id=17,
        perm_id=perm or 1000 + number,
        status=text,
        filled=D(filled),
        remaining=mine.quantity - filled,
        why_held=held,
    )


def executed(
    mine: Order, number: int, part: int, shares: int, price: str, revision: int = 1
) -> said.Execution:
    """execDetails; its id is 0001.<number><part>.01.<revision>."""
    return said.Execution(
        request=-1,
        exec_id=f"0001.{number:02d}{part:02d}.01.{revision:02d}",
        order_id=number,
        client_id=17,
        perm_id=1000 + number,
        order_ref=mine.order_ref,
        account=ACCOUNT,
        contract=KEY,
        side="BOT" if mine.side is Side.BUY else "SLD",
        quantity=D(shares),
        price=D(price),
        at=AT,
    )


def paid(fill: said.Execution, commission: str = "1.05") -> said.Commission:
    """commissionReport."""
    return said.Commission(exec_id=fill.exec_id, commission=D(commission))


def error(number: int, code: int, text: str = "a text") -> said.Error:
    """error."""
    return said.Error(id=number, code=code, text=text)


def telling(*orders: Order) -> Translator:
    """A translator that has sent these orders under the ids 1, 2 …"""
    made = Translator(ACCOUNT, 17)
    for number, one in enumerate(orders, start=1):
        made.sent(one, number, AT)
    return made


def tell(translator: Translator, *given: Said) -> list[Out]:
    """Everything that follows from some things said."""
    return [out for one in given for out in translator.take(heard(one))]


def told_to(core: Core, given: Sequence[Out]) -> None:
    """Hand the core the reports among these."""
    for out in given:
        if not isinstance(out, AskOrder | AskCancel | AskCost | AskExecutions | Alarm):
            core.report(out)


def through(orders: Sequence[Order], given: Sequence[Said]) -> Core:
    """The core after some things said about orders that were sent."""
    core, translator = Core(), telling(*orders)
    for number, one in enumerate(orders, start=1):
        core.send(one, number)
    told_to(core, tell(translator, *given))
    return core


# -- single stories -------------------------------------------------------------------------


MINE = order("2c400c04acd7-0", quantity=100)


def test_the_first_sign_of_an_order_is_its_acceptance() -> None:
    assert tell(telling(MINE), shown(MINE, 1, "PreSubmitted")) == [
        rp.Accepted(order_id=MINE.order_id, perm_id=1001)
    ]


def test_a_pending_status_is_no_acceptance() -> None:
    assert tell(telling(MINE), status(MINE, 1, "PendingSubmit")) == [
        rp.Submitted(order_id=MINE.order_id, perm_id=1001)
    ]


@pytest.mark.parametrize("code", [399, 2109, 2137, 2161, 10349])
def test_a_note_about_an_order_changes_nothing(code: int) -> None:
    assert tell(telling(MINE), error(1, code)) == []


@pytest.mark.parametrize("code", [104, 105, 135, 136, 161, 10147, 10148])
def test_a_refused_change_is_looked_up_and_ends_nothing(code: int) -> None:
    told = tell(telling(MINE), shown(MINE, 1, "Submitted"), error(1, code))
    assert [type(out) for out in told] == [rp.Accepted, AskOrder]


@pytest.mark.parametrize(
    "code", [109, 110, 111, 113, 200, 203, 320, 321, 387, 434, 435, 451, 10311]
)
def test_a_code_for_a_new_order_ends_it_only_while_nothing_was_heard(code: int) -> None:
    (rejected,) = tell(telling(MINE), error(1, code, "no"))
    assert isinstance(rejected, rp.Rejected)
    assert (rejected.order_id, rejected.code) == (MINE.order_id, code)
    assert rejected.text == "no" or rejected.text.startswith("no; ")  # with what to do about it
    translator = telling(MINE)
    told = tell(translator, shown(MINE, 1, "Submitted"), error(1, code, "no"))
    assert [type(out) for out in told] == [rp.Accepted]
    assert [type(out) for out in translator.due(AT + timedelta(seconds=3))] == [AskOrder]


def test_an_unknown_code_is_shown_and_the_order_looked_up() -> None:
    translator = telling(MINE)
    told = tell(translator, error(1, 31337, "odd"))
    assert [out.kind for out in told if isinstance(out, Alarm)] == ["broker_code"]
    assert translator.due(AT + timedelta(seconds=1)) == []
    assert [type(out) for out in translator.due(AT + timedelta(seconds=3))] == [AskOrder]


def test_201_alone_is_no_rejection() -> None:
    translator = telling(MINE)
    assert tell(translator, shown(MINE, 1, "Submitted"), error(1, 201))[1:] == []
    assert [type(out) for out in translator.due(AT + timedelta(seconds=3))] == [AskOrder]


def test_inactive_alone_is_looked_up_after_two_seconds() -> None:
    translator = telling(MINE)
    assert tell(translator, status(MINE, 1, "Inactive")) == [rp.Accepted(order_id=MINE.order_id)]
    assert [type(out) for out in translator.due(AT + timedelta(seconds=3))] == [AskOrder]


def test_held_for_locate_is_alive() -> None:
    translator = telling(MINE)
    told = tell(translator, error(1, 404), status(MINE, 1, "Inactive", held="locate"))
    assert {type(out) for out in told} == {rp.Accepted, rp.Held}
    assert translator.due(AT + timedelta(seconds=9)) == []


def test_an_order_is_held_once_and_released_once() -> None:
    def held(*told: Said) -> list[bool]:
        return [out.held for out in tell(translator, *told) if isinstance(out, rp.Held)]

    translator = telling(MINE)
    assert held(shown(MINE, 1, "Submitted"), status(MINE, 1, "PreSubmitted")) == []
    assert held(status(MINE, 1, "PreSubmitted", held="locate"), error(1, 404)) == [True]
    assert held(shown(MINE, 1, "PreSubmitted"), status(MINE, 1, "Inactive", held="locate")) == []
    assert held(status(MINE, 1, "Submitted"), status(MINE, 1, "Submitted")) == [False]


def test_an_order_that_was_held_can_be_rejected_later() -> None:
    translator = telling(MINE)
    tell(translator, shown(MINE, 1, "PreSubmitted"), status(MINE, 1, "Inactive", held="locate"))
    tell(translator, error(1, 404), status(MINE, 1, "Submitted"))
    told = tell(translator, status(MINE, 1, "Inactive"), error(1, 201, "no"))
    assert [one.code for one in told if isinstance(one, rp.Rejected)] == [201]


def test_a_duplicate_id_is_unknown() -> None:
    told = tell(telling(MINE), error(1, 103, "Duplicate order id"))
    assert [type(out) for out in told] == [rp.SendFailed]


def test_a_status_filled_fills_nothing_but_asks_for_the_executions() -> None:
    translator = telling(MINE)
    told = tell(translator, shown(MINE, 1, "Submitted"), status(MINE, 1, "Filled", filled=100))
    assert {type(out) for out in told} == {rp.Accepted}
    assert [type(out) for out in translator.due(AT + timedelta(seconds=6))] == [AskExecutions]


def test_a_gap_that_closes_asks_for_nothing() -> None:
    translator = telling(MINE)
    tell(translator, status(MINE, 1, "Filled", filled=100), executed(MINE, 1, 1, 100, "50"))
    assert translator.due(AT + timedelta(seconds=60)) == []


def test_a_commission_waits_for_its_execution() -> None:
    fill = executed(MINE, 1, 1, 40, "50")
    told = tell(telling(MINE), paid(fill), paid(fill), fill)
    assert [type(out) for out in told] == [rp.Executed, rp.CommissionReported]


def test_an_unset_commission_is_none() -> None:
    fill = executed(MINE, 1, 1, 40, "50")
    unset = said.Commission(exec_id=fill.exec_id, commission=said.number(1.7976931348623157e308))
    assert [type(out) for out in tell(telling(MINE), fill, unset)] == [rp.Executed]


def test_an_end_of_the_day_order_that_nobody_canceled_is_expired() -> None:
    translator = telling(MINE)
    after = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
    translator.take(heard(shown(MINE, 1, "Submitted")))
    (out,) = translator.take(heard(status(MINE, 1, "Cancelled"), after))
    assert isinstance(out, rp.Expired)


def test_a_cancel_that_we_asked_for_is_canceled_even_after_the_close() -> None:
    translator = telling(MINE)
    translator.canceling(MINE.order_id)
    after = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
    (out,) = translator.take(heard(status(MINE, 1, "Cancelled"), after))
    assert isinstance(out, rp.Canceled)


def test_a_refused_cancel_is_told_once_the_order_shows_itself_alive() -> None:
    translator = telling(MINE)
    translator.canceling(MINE.order_id)
    told = tell(translator, error(1, 161, "not cancellable"), status(MINE, 1, "Submitted"))
    assert [type(out) for out in told] == [AskOrder, rp.Accepted, rp.CancelRefused]


def test_a_fill_that_came_while_we_were_away_is_found_by_its_reference() -> None:
    mine = order("away-0")
    translator = telling(mine)
    translator.begin_epoch()
    by_hand = said.Execution(
        request=5,
        exec_id="0001.77.01.01",
        order_id=0,
        client_id=0,
        perm_id=4711,
        order_ref=mine.order_ref,
        account=ACCOUNT,
        contract=KEY,
        side="BOT",
        quantity=D(10),
        price=D(50),
        at=AT,
    )
    (out,) = tell(translator, by_hand)
    assert isinstance(out, rp.Executed)
    assert out.order_id == mine.order_id


def test_broker_order_ids_mean_nothing_in_another_epoch() -> None:
    translator = telling(MINE)
    translator.begin_epoch()
    assert tell(translator, error(1, 201), status(MINE, 1, "Cancelled", perm=99)) == []


def test_two_living_permids_of_one_reference_raise_the_alarm_and_one_end_ends_nothing() -> None:
    translator = telling(MINE)
    told = tell(translator, shown(MINE, 1, "Submitted", 1001), shown(MINE, 1, "Submitted", 1002))
    assert [out.kind for out in told if isinstance(out, Alarm)] == ["two_incarnations"]
    told = tell(translator, status(MINE, 1, "Cancelled", perm=1001))
    assert not [out for out in told if isinstance(out, rp.Canceled)]


def test_a_stranger_with_our_prefix_halts_and_any_other_is_left_alone() -> None:
    translator = telling(MINE)
    other = order("ffffffffffff-0")
    told = tell(translator, shown(other, 5, "Submitted"), shown(other, 5, "Submitted"))
    assert [(out.kind, out.halt) for out in told if isinstance(out, Alarm)] == [
        ("unknown_own_order", True)
    ]
    theirs = said.OpenOrder(
        **{name: getattr(shown(other, -3, "Submitted"), name) for name in said.OpenOrder.__slots__}
        | {"order_ref": "by hand"}
    )
    assert tell(translator, theirs) == []


@pytest.mark.parametrize(
    "one",
    [
        shown(MINE, 1, "Submitted"),
        executed(MINE, 1, 1, 40, "50"),
        said.CompletedOrder(
            perm_id=1001,
            order_ref=MINE.order_ref,
            account=ACCOUNT,
            contract=KEY,
            status="Cancelled",
            filled=D(0),
        ),
    ],
    ids=lambda one: type(one).__name__,
)
def test_another_account_is_not_ours(
    one: said.OpenOrder | said.Execution | said.CompletedOrder,
) -> None:
    translator = telling(MINE)
    theirs = replace(one, account="DU2")
    assert not [out for out in tell(translator, theirs) if not isinstance(out, Alarm)]
    assert translator.unanswered()
    assert tell(translator, one)


def test_a_lost_frame_asks_for_executions_and_tells() -> None:
    told = tell(telling(MINE), said.Lost(kind=11, frame="11|x"))
    assert [type(out) for out in told] == [Alarm, AskExecutions]


def test_what_was_taken_back_is_no_gap_and_is_never_inferred() -> None:
    translator = telling(MINE)
    tell(translator, executed(MINE, 1, 1, 100, "50"), status(MINE, 1, "Filled", 100))
    tell(translator, executed(MINE, 1, 1, 60, "50", revision=2))
    assert not translator.traces[MINE.order_id].has_gap
    translator.executions_answered(AT + timedelta(days=1))
    assert translator.due(AT + timedelta(days=1)) == []


def test_a_filled_order_of_which_shares_are_taken_back_is_over() -> None:
    core, translator = Core(), telling(MINE)
    core.send(MINE, 1)
    fills = (executed(MINE, 1, 1, 100, "50"), executed(MINE, 1, 1, 60, "50", revision=2))
    for out in tell(translator, fills[0], status(MINE, 1, "Filled", 100), fills[1]):
        if isinstance(out, rp.Executed):
            core.report(out)
    row = core.row(MINE)
    assert (row.status, row.filled) == (OrderStatus.CANCELED, D(60))
    assert MINE.order_id not in core.state.working
    assert core.book.positions[QQQ].quantity == 60
