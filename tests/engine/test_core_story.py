"""What becomes of orders, positions and a strategy's memory, told as stories without a loop."""

from dataclasses import replace
from decimal import Decimal

import pytest

from engine.core.digest import fill_line
from engine.domain import event as ev
from engine.domain.command import CancelOrder, LookUpOrder
from engine.domain.ids import ExecId, OrderId
from engine.domain.input import Started
from engine.domain.money import ZERO
from engine.domain.order import OrderStatus
from engine.domain.report import (
    Accepted,
    Canceled,
    CancelRefused,
    CommissionReported,
    Executed,
    Expired,
    Held,
    NotFound,
    Rejected,
    SendFailed,
    Submitted,
)
from engine.domain.request import RequestKind
from engine.domain.session import SessionState
from engine.domain.signal import SignalState
from tests.engine.floor import QQQ, TLT
from tests.engine.story import Story, Wisher, buy, sell, target

D = Decimal
S = OrderStatus


def bought(quantity: int = 100, *, cash: str = "100000") -> Story:
    """A story in which the strategy owns shares of QQQ, bought at 100 on day 0."""
    return Story(cash=cash).opens("100").slot(buy(quantity)).fills("100").closes("100")


def working(quantity: int = 100) -> Story:
    """A story in which a buy has been accepted."""
    story = Story().opens("100").slot(buy(quantity))
    oid = story.sent[0].order_id
    return story.told(Submitted(order_id=oid), Accepted(order_id=oid))


def next_day(story: Story, price: str = "100") -> Story:
    """The next session opens."""
    return story.opens(price, story.day + 1)


# -- fills -----------------------------------------------------------------------------------


def test_partial_fill_then_cancel_keeps_the_shares() -> None:
    story = working()
    order = story.sent[0]
    story.told(story.fill(order, 40, "99.99"), Canceled(order_id=order.order_id))
    row = story.row()
    assert story.stands() == "CANCELED 40"
    assert row.average_price == D("99.99")
    assert story.owned() == 40
    assert story.book().cash == 100_000 - 40 * D("99.99")
    assert not story.state.working


def test_fill_after_cancel_is_booked_and_completes_the_order() -> None:
    story = working()
    order = story.sent[0]
    story.told(Canceled(order_id=order.order_id), story.fill(order, 40, number=1))
    assert story.stands() == "CANCELED 40"
    story.told(story.fill(order, 60, number=2))
    assert story.stands() == "FILLED 100"
    assert story.owned() == 100
    assert story.book().cash == 90_000


def test_fill_before_any_answer_proves_the_order() -> None:
    story = Story().opens("100").slot(buy(100))
    order = story.sent[0]
    story.told(story.fill(order, 30))
    assert story.row().status is S.PARTIALLY_FILLED
    story.told(Submitted(order_id=order.order_id), Accepted(order_id=order.order_id))
    assert story.stands() == "PARTIALLY_FILLED 30"


def test_overfill_is_booked_and_blocks_entries_until_a_clean_comparison() -> None:
    story = working()
    order = story.sent[0]
    story.told(story.fill(order, 100, number=1), story.fill(order, 1, number=2))
    assert story.owned() == 101
    assert story.stands() == "FILLED 101"
    assert [a.alert.kind for a in story.of(ev.AlertRaised)] == ["overfill"]
    assert QQQ.id in story.state.blocked
    next_day(story).slot(buy(1))
    assert story.of(ev.OrderDenied)[-1].code == "unreconciled"
    story.reconciled()
    next_day(story).slot(buy(1, leg=1))
    assert len(story.sent) == 2


def test_fill_of_a_rejected_order_is_booked_as_a_contradiction() -> None:
    story = working()
    order = story.sent[0]
    story.told(Rejected(order_id=order.order_id, code=201), story.fill(order, 40))
    assert story.stands() == "REJECTED 40"
    assert story.owned() == 40
    assert "contradiction" in [a.alert.kind for a in story.of(ev.AlertRaised)]
    assert QQQ.id in story.state.blocked
    assert story.state.counts["rejected"] == 1


def test_rejected_rest_of_a_partly_filled_order_is_a_cancel() -> None:
    story = working()
    order = story.sent[0]
    story.told(story.fill(order, 40), Rejected(order_id=order.order_id, code=201, text="margin"))
    assert (story.row().status, story.row().reason) == (S.CANCELED, "margin")
    assert story.owned() == 40


def test_a_late_fill_does_not_end_an_order_again() -> None:
    """It adds the line of a fill to the hash of the run, not a second line of the order."""
    story = working()
    order = story.sent[0]
    story.told(Canceled(order_id=order.order_id))
    expected = story.state.fills_digest.copy()
    story.told(story.fill(order, 40))
    fill = story.of(ev.FillReceived)[0].fill
    expected.update(fill_line(order, 1, fill))
    assert story.state.fills_digest.hexdigest() == expected.hexdigest()


def test_execution_that_is_not_ours_is_noted_once() -> None:
    story = Story()
    foreign = Executed(
        order_id=OrderId("ord_foreign"),
        exec_id=ExecId("0001.aa.01.01"),
        quantity=D(5),
        price=D(100),
        commission=ZERO,
        at=story.at,
    )
    story.told(foreign)
    assert story.kinds(3) == ["ReportReceived", "FillUnmatched", "AlertRaised"]
    count = len(story.events)
    story.told(foreign)
    assert len(story.events) == count


def test_correction_replaces_an_execution() -> None:
    story = working()
    order = story.sent[0]
    first = replace(story.fill(order, 100), commission=D(1))
    better = replace(first, exec_id=ExecId(first.exec_id[:-2] + "02"), price=D(99), commission=D(2))
    story.told(first, better, first, better)
    assert story.book().cash == 100_000 - 9_900 - 2
    assert story.owned() == 100
    assert len(story.of(ev.FillCorrected)) == 1
    assert story.row().filled_value == 9_900


def test_correction_that_overtakes_its_original_counts_alone() -> None:
    story = working()
    order = story.sent[0]
    first = story.fill(order, 100)
    better = replace(first, exec_id=ExecId(first.exec_id[:-2] + "02"), price=D(99))
    story.told(better, first)
    assert story.book().cash == 100_000 - 9_900
    assert story.row().filled == 100


@pytest.mark.parametrize("early", [False, True])
def test_commission_of_its_own_is_booked_once_whenever_it_comes(early: bool) -> None:
    story = working()
    order = story.sent[0]
    bare = replace(story.fill(order, 100), commission=None)
    charge = CommissionReported(exec_id=bare.exec_id, commission=D("1.25"))
    story.told(*((charge, charge, bare) if early else (bare, charge, charge)))
    assert story.book().cash == 100_000 - 10_000 - D("1.25")
    assert story.book().fees == D("1.25")
    assert story.book().position(QQQ.id).cost == 10_000 + D("1.25")


# -- uncertain sends and cancels -------------------------------------------------------------


def test_failed_send_is_unknown_and_is_never_sent_again() -> None:
    story = Story().opens("100").slot(buy(100))
    oid = story.sent[0].order_id
    story.told(SendFailed(order_id=oid, text="time-out"))
    assert story.row().status is S.UNKNOWN
    assert story.commands[-1] == LookUpOrder(oid)
    story.told(SendFailed(order_id=oid, text="time-out"))
    assert len(story.sent) == 1
    story.told(NotFound(order_id=oid))
    assert (story.row().status, story.row().reason) == (S.CANCELED, "never_reached_broker")
    assert len(story.sent) == 1


def test_unknown_order_with_fills_is_partly_filled_when_it_is_found_working() -> None:
    story = working()
    order = story.sent[0]
    story.told(story.fill(order, 40), SendFailed(order_id=order.order_id))
    assert story.row().status is S.UNKNOWN
    story.told(Submitted(order_id=order.order_id), Accepted(order_id=order.order_id))
    assert story.stands() == "PARTIALLY_FILLED 40"


def test_settling_ends_an_unknown_order_with_a_reason_only() -> None:
    story = Story().opens("100").slot(buy(100))
    oid = story.sent[0].order_id
    story.told(SendFailed(order_id=oid))
    story.asked(RequestKind.SETTLE, "x", order_id=oid, status="CANCELED")
    story.asked(RequestKind.SETTLE, order_id=oid, status="FILLED")
    assert [a.result for a in story.of(ev.RequestAnswered)] == ["REFUSED", "REFUSED"]
    story.asked(RequestKind.SETTLE, order_id=oid, status="CANCELED")
    assert story.row().status is S.CANCELED


def test_cancel_that_a_kill_overtook_is_asked_again_at_the_start() -> None:
    """CancelRequested is written; whether it went out nobody knows, and a cancel does no harm."""
    story = working()
    oid = story.sent[0].order_id
    story.asked(RequestKind.CANCEL, order_id=oid)
    story.canceled.clear()
    story.state.session_state = SessionState.CREATED  # of the session after the kill
    story.given(Started(story.at))
    assert story.canceled == [oid]
    assert isinstance(story.commands[-2], CancelOrder), "before the account is read"


@pytest.mark.parametrize("late", ["Accepted", "fill"])
def test_what_comes_after_a_cancel_was_asked_does_not_make_it_forgotten(late: str) -> None:
    story = Story().opens("100").slot(buy(100))
    order = story.sent[0]
    story.told(Submitted(order_id=order.order_id))
    story.asked(RequestKind.CANCEL, order_id=order.order_id)
    story.told(Accepted(order_id=order.order_id) if late == "Accepted" else story.fill(order, 40))
    assert story.row().canceling
    story.asked(RequestKind.STOP)
    assert story.canceled == [order.order_id]
    story.told(Canceled(order_id=order.order_id))
    assert story.session == "STOPPED"


def test_refused_cancel_can_be_asked_again() -> None:
    story = working()
    oid = story.sent[0].order_id
    story.asked(RequestKind.CANCEL, order_id=oid)
    story.asked(RequestKind.CANCEL, order_id=oid)
    assert story.canceled == [oid]
    story.told(CancelRefused(order_id=oid, text="too late"))
    assert story.row().status is S.ACCEPTED
    story.asked(RequestKind.CANCEL, order_id=oid)
    assert story.canceled == [oid, oid]


def test_an_order_that_the_broker_holds_back_works_on_and_is_told_once() -> None:
    story = working()
    oid = story.sent[0].order_id
    story.told(Held(order_id=oid, held=True, text="locate"), Held(order_id=oid, held=True))
    (told,) = story.of(ev.OrderHeld)
    assert (told.held, told.text, story.row().status) == (True, "locate", S.ACCEPTED)
    assert story.row().held
    story.told(
        Held(order_id=oid, held=False), Canceled(order_id=oid), Held(order_id=oid, held=True)
    )
    assert [one.held for one in story.of(ev.OrderHeld)] == [True, False]


# -- trading states --------------------------------------------------------------------------


def holding_with_a_working_entry() -> Story:
    """100 QQQ owned, an exit of 40 and an entry of 10 TLT working."""
    story = next_day(bought())
    story.wisher.wishes = ()
    story.slot(sell(40), buy(10, TLT.id, leg=1))
    for order in story.sent[1:]:
        story.told(Submitted(order_id=order.order_id), Accepted(order_id=order.order_id))
    return story


def test_entry_waits_until_the_exits_of_its_decision_have_ended() -> None:
    story = holding_with_a_working_entry()
    assert [o.side.value for o in story.sent] == ["BUY", "SELL"]
    story.told(story.fill(story.sent[1], 20, number=1))
    assert len(story.sent) == 2
    story.told(story.fill(story.sent[1], 20, number=2))
    assert [(o.instrument, o.is_exit) for o in story.sent[1:]] == [(QQQ.id, True), (TLT.id, False)]


def test_entry_is_sized_on_the_cash_that_an_unfilled_exit_left() -> None:
    story = next_day(bought(1_000))  # no cash left
    story.slot(target("0", pass_no=1), target("1", TLT.id, leg=1))
    exit_order = story.sent[-1]
    story.told(story.fill(exit_order, 500, "100"), Expired(order_id=exit_order.order_id))
    entry = story.sent[-1]
    assert (entry.instrument, entry.quantity) == (TLT.id, D(1_000))  # 50,000 at 50
    assert story.owned() == 500


@pytest.mark.parametrize("kind", [RequestKind.HALT, RequestKind.REDUCE])
def test_halt_and_reduce_cancel_entries_and_leave_exits(kind: RequestKind) -> None:
    story = next_day(bought())
    story.slot(sell(40))
    one = story.sent[-1].order_id
    story.told(Accepted(order_id=one))
    story.asked(kind)
    assert story.canceled == []
    other = working()
    other.asked(kind)
    assert other.canceled == [other.sent[0].order_id]
    other.asked(kind)
    assert len(other.canceled) == 1, "what is set already is not set again"


def test_reduce_lets_exits_pass_and_denies_entries() -> None:
    story = next_day(bought()).asked(RequestKind.REDUCE)
    story.slot(sell(40), buy(10, TLT.id, leg=1))
    assert story.sent[-1].is_exit
    story.told(story.fill(story.sent[-1], 40))
    assert story.of(ev.OrderDenied)[-1].code == "trading_state"
    assert story.owned() == 60


def test_halted_denies_exits_too() -> None:
    story = next_day(bought()).asked(RequestKind.HALT).slot(sell())
    assert [d.code for d in story.of(ev.OrderDenied)] == ["trading_state"]
    assert story.owned() == 100


@pytest.mark.parametrize("reason", ["", "  ", "ab"])
def test_resume_needs_a_reason(reason: str) -> None:
    story = Story().asked(RequestKind.HALT, "").asked(RequestKind.RESUME, reason)
    assert story.of(ev.RequestAnswered)[-1].result == "REFUSED"
    assert story.trading == "HALTED"
    story.asked(RequestKind.RESUME, "all is well")
    assert story.trading == "ACTIVE"


def test_request_given_again_changes_nothing() -> None:
    story = working().asked(RequestKind.HALT, number=7)
    count = len(story.events)
    story.asked(RequestKind.HALT, number=7).asked(RequestKind.RESUME, number=7)
    assert len(story.events) == count


def test_flatten_sends_one_exit_per_position_largest_first_and_halts_when_flat() -> None:
    story = Story().opens("100").slot(buy(10), buy(100, TLT.id, leg=1)).fills()
    next_day(story).asked(RequestKind.FLATTEN)
    exits = story.sent[2:]
    assert [(o.instrument, o.quantity, o.is_exit) for o in exits] == [
        (TLT.id, D(100), True),
        (QQQ.id, D(10), True),
    ]
    assert story.trading == "REDUCING"
    story.asked(RequestKind.FLATTEN)
    assert len(story.sent) == 4, "asked twice, sold once"
    story.fills()
    assert story.trading == "HALTED"
    assert story.owned() == story.owned(TLT.id) == 0


def test_flatten_waits_for_its_cancels() -> None:
    story = Story().opens("100").slot(buy(10), buy(100, TLT.id, leg=1))
    story.told(story.fill(story.sent[0], 10), Accepted(order_id=story.sent[1].order_id))
    story.asked(RequestKind.FLATTEN)
    assert len(story.sent) == 2
    story.told(story.fill(story.sent[1], 30), Canceled(order_id=story.sent[1].order_id))
    assert sorted((o.instrument, o.quantity) for o in story.sent[2:]) == [
        (QQQ.id, D(10)),
        (TLT.id, D(30)),
    ]


def test_stop_cancels_everything_and_ends_when_it_is_confirmed() -> None:
    story = working().asked(RequestKind.STOP)
    assert story.session == "STOPPING"
    story.asked(RequestKind.STOP)
    assert story.of(ev.RequestAnswered)[-1].text == "already STOPPING"
    story.told(story.fill(story.sent[0], 40), Canceled(order_id=story.sent[0].order_id))
    assert story.session == "STOPPED"
    assert story.owned() == 40


# -- signals and what a strategy remembers ---------------------------------------------------


def test_signal_goes_from_accepted_to_ordered_to_done() -> None:
    story = Story().opens("100").slot(buy(100))
    signal = story.of(ev.SignalRaised)[0].signal.signal_id
    assert story.state.signals[signal] is SignalState.ORDERED
    story.fills()
    assert story.state.signals[signal] is SignalState.DONE
    assert story.book().plan is None


def test_target_that_is_reached_already_makes_no_order_and_moves_m() -> None:
    story = next_day(bought(500))
    story.slot(target("0.5"))
    done = story.of(ev.SignalDone)[-1]
    assert (done.outcome, done.carried) == ("no_change", True)
    assert story.book().carried[QQQ.id] == D("0.5")
    assert len(story.sent) == 1


def test_target_below_the_minimum_makes_no_order_and_moves_m() -> None:
    story = next_day(bought(500), "100.10")
    story.slot(target("0.5002", pass_no=1))
    done = story.of(ev.SignalDone)[-1]
    assert (done.outcome, done.carried) in [("below_minimum", True), ("no_change", True)]
    assert len(story.sent) == 1


def test_denied_target_leaves_m_where_it_was() -> None:
    story = Story().opens("100").asked(RequestKind.REDUCE).slot(target("0.5"))
    done = story.of(ev.SignalDone)[-1]
    assert (done.outcome, done.carried) == ("denied", False)
    assert QQQ.id not in story.book().carried
    assert story.state.signals[done.signal_id] is SignalState.DONE


def test_filled_target_moves_m_and_canceled_does_not() -> None:
    story = Story().opens("100").slot(target("0.5"))
    story.told(Canceled(order_id=story.sent[0].order_id))
    assert QQQ.id not in story.book().carried
    next_day(story).slot(target("0.5")).fills()
    assert story.book().carried[QQQ.id] == D("0.5")


def test_closing_a_whole_position_is_never_too_small() -> None:
    story = next_day(Story().opens("100").slot(buy(2)).fills().closes("10"), "10")
    story.slot(target("0", pass_no=1))
    assert story.sent[-1].quantity == 2


def test_a_slot_given_twice_is_decided_once() -> None:
    story = Story().opens("100").slot(buy(10)).slot(buy(10))
    assert len(story.of(ev.DecisionMade)) == len(story.sent) == 1


def test_instrument_belongs_to_the_strategy_that_came_first() -> None:
    first, second = Wisher("first", (buy(10),)), Wisher("second", (buy(10),))
    story = Story(first, second).opens("100").slot()
    rejected = story.of(ev.SignalRejected)
    assert [r.reason for r in rejected] == ["instrument_leased"]
    assert [o.strategy for o in story.sent] == ["first"]
    story.fills()
    first.wishes = ()
    next_day(story).slot()
    assert story.of(ev.SignalRejected)[-1].signal.strategy == "second"
    first.wishes = (sell(),)
    next_day(story).slot().fills()
    first.wishes = ()
    next_day(story).slot()
    assert story.sent[-1].strategy == "second", "flat, it is free again"


def test_shared_instruments_give_sub_positions() -> None:
    first, second = Wisher("first", (buy(10),)), Wisher("second", (buy(20),))
    story = Story(first, second, share_instruments=True).opens("100").slot().fills()
    assert (story.owned(number=0), story.owned(number=1)) == (D(10), D(20))
    first.wishes, second.wishes = (sell(),), ()
    next_day(story).slot()
    assert story.sent[-1].quantity == 10, "never more than its own"


def test_exit_beside_a_working_buy_sells_what_is_owned() -> None:
    """Working buys are no shares: an exit must not be sized, and then refused, with them."""
    story = next_day(bought()).slot(buy(30))
    entry = story.sent[-1]
    story.told(Submitted(order_id=entry.order_id), Accepted(order_id=entry.order_id))
    story.opens("100", story.day + 1).slot(sell())
    story.told(Canceled(order_id=entry.order_id))
    exits = [o for o in story.sent if o.side.value == "SELL"]
    assert [(o.quantity, o.is_exit) for o in exits] == [(D(100), True)]
