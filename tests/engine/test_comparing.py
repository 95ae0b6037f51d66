"""When a difference is believed: at once, or by a second answer; and what stays silent."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from engine.core import gating
from engine.core.decide import decide
from engine.core.evolve import evolve
from engine.domain import event as ev
from engine.domain import report as rp
from engine.domain.command import ReadAccount
from engine.domain.ids import InstrumentId
from engine.domain.input import JobDue, LinkSeen, Reported, Requested
from engine.domain.link import Link, LinkState
from engine.domain.order import Side
from engine.domain.reconciliation import AnswerFailed, BrokerAccount, BrokerOrder
from engine.domain.request import Request, RequestKind
from engine.domain.risk import CheckResult
from engine.domain.session import SessionState, Verdict
from engine.risk import gate
from engine.runtime.clock import SystemClock
from engine.runtime.rounds import Rounds
from tests.engine.ibkr.core import AT, Core
from tests.engine.ibkr.wire import QQQ, D, order

SPY = InstrumentId("STK:SPY:USD")


class Account:
    """The core, and a broker whose answers the test makes up."""

    def __init__(self) -> None:
        self.core = Core()
        self.state = self.core.state
        self.at = AT
        self.events: list[Any] = []
        self.says({}, "start")
        self.events.clear()

    def take(self, given: Any) -> None:
        """Decide and evolve."""
        entries, _, _ = decide(self.state, given)
        for entry in entries:
            self.evolve(entry.event)

    def evolve(self, event: Any) -> None:
        """Take an event."""
        evolve(self.state, event, self.state.seq + 1, self.at)
        self.events.append(event)

    def says(
        self,
        positions: dict[InstrumentId, Decimal] | str,
        trigger: str = rp.TIMER,
        *,
        later: float = 0,
        cash: str = "100000",
        orders: tuple[BrokerOrder, ...] = (),
        costs: dict[InstrumentId, Decimal] | None = None,
    ) -> list[Any]:
        """Answer some seconds later; return what was written."""
        self.at += timedelta(seconds=later)
        answer: BrokerAccount | AnswerFailed = (
            AnswerFailed(query="positions", reason=positions)
            if isinstance(positions, str)
            else BrokerAccount(positions=positions, cash=D(cash), orders=orders, costs=costs or {})
        )
        before = len(self.events)
        self.take(Reported(self.at, rp.AccountRead(answer=answer, trigger=trigger)))
        return self.events[before:]

    def holds(self, quantity: int) -> None:
        """Let us buy and fill."""
        mine = order("a", quantity=quantity)
        self.core.send(mine, 1)
        bought = rp.Executed(
            order_id=mine.order_id, exec_id="e.1.01", quantity=D(quantity), price=D(1),  # type: ignore[arg-type]
            commission=D(0), at=self.at,
        )  # fmt: skip
        self.take(Reported(self.at, bought))
        self.at += timedelta(minutes=1)
        self.says({QQQ: D(quantity)}, "request", cash=str(100_000 - quantity))
        self.events.clear()

    def accept(self, item: str) -> str:
        """A person accepts."""
        request = Request(
            request_id="r" + item, kind=RequestKind.ACCEPT_DIFFERENCE, actor="me",  # type: ignore[arg-type]
            reason="by hand", args={"item": item}, asked_at=self.at,
        )  # fmt: skip
        self.take(Requested(self.at, request))
        return self.state.accepted.get(item, "")

    def denies(self, side: Side) -> str:
        """What reconciliation alone says to an order for one share."""
        wish = order("w", side, 1, is_exit=side is Side.SELL)
        given = gating.facts(self.state, self.core.book, wish, ())
        checks = gate.check(wish, given, self.core.book.limits)
        (found,) = [one for one in checks if one.code == "unreconciled"]
        fails = {CheckResult.FAIL} if wish.is_exit else {CheckResult.FAIL, CheckResult.UNKNOWN}
        return found.code if found.result in fails else ""

    @property
    def verdict(self) -> str:
        """What the gate goes by."""
        return self.state.verdict.value

    @property
    def session(self) -> str:
        """The session's state."""
        return self.state.session_state.value

    @property
    def severities(self) -> list[str]:
        """Of all alerts so far."""
        return [e.alert.severity.value for e in self.events if type(e) is ev.AlertRaised]


def test_what_a_timer_sees_and_is_known_leaves_nothing_in_the_journal() -> None:
    account = Account()
    assert account.says({}) == []
    assert account.says({}, later=60) == []
    (done,) = account.says({}, "request")
    assert done.verdict is Verdict.CLEAN


def test_a_manual_trade_is_believed_and_blocks_at_the_second_answer_only() -> None:
    account = Account()
    account.says({SPY: D(10)}, later=60)
    assert account.verdict == "CLEAN"
    assert account.severities == []
    assert account.says({SPY: D(10)}, rp.AGAIN, later=10) == []
    account.says({SPY: D(10)}, rp.AGAIN, later=10)
    assert account.verdict == "DIFFERENCES"
    assert account.state.blocked == {SPY}
    assert account.severities == ["CRITICAL"]
    assert account.says({SPY: D(10)}, later=60) == []


def test_a_difference_that_is_gone_at_the_second_answer_was_none() -> None:
    account = Account()
    account.says({SPY: D(10)}, later=60)
    account.says({}, rp.AGAIN, later=20)
    assert account.verdict == "CLEAN"
    assert account.state.doubtful == {}
    assert account.severities == []


def test_one_empty_position_list_closes_nothing_and_a_second_one_alarms() -> None:
    account = Account()
    account.holds(10)
    account.says({}, "request", cash="99990")
    assert account.severities == ["WARNING"]
    assert account.verdict == "DIFFERENCES"  # nobody enters on half a truth
    assert account.state.blocked == set()
    assert account.denies(Side.BUY) == "unreconciled"
    assert account.denies(Side.SELL) == ""  # one answer holds no exit back
    account.says({QQQ: D(10)}, rp.AGAIN, later=20, cash="99990")
    assert account.verdict == "CLEAN"
    account.says({}, later=60, cash="99990")
    account.says({}, rp.AGAIN, later=20, cash="99990")
    assert account.state.blocked == {QQQ}
    assert account.severities[-1] == "CRITICAL"
    assert account.denies(Side.SELL) == "unreconciled"  # they hold none: nothing to sell
    assert account.core.book.position(QQQ).quantity == 10


def test_an_accepted_difference_is_clean_until_it_changes() -> None:
    account = Account()
    account.says({SPY: D(10)}, "request")
    account.says({SPY: D(10)}, rp.AGAIN, later=20)
    assert account.state.blocked == {SPY}
    assert account.accept(SPY) == "1E+1"
    assert account.verdict == "CLEAN"
    (done,) = account.says({SPY: D(10)}, "request")
    assert (done.verdict, len(done.differences)) == (Verdict.CLEAN, 1)
    account.says({SPY: D(12)}, "request")
    assert account.state.waiting == {SPY}
    account.says({SPY: D(12)}, rp.AGAIN, later=20)
    assert account.state.blocked == {SPY}


def test_one_answer_on_demand_holds_its_instrument_alone_and_alarms_at_the_second() -> None:
    account = Account()
    account.says({QQQ: D(3)}, "request")
    assert account.severities == ["WARNING"]
    assert account.denies(Side.BUY) == "unreconciled"
    account.says({QQQ: D(3)}, "request", later=10)
    assert account.severities == ["WARNING", "WARNING"]
    account.says({QQQ: D(3)}, rp.AGAIN, later=10)
    assert account.severities[-1] == "CRITICAL"
    assert account.denies(Side.BUY) == "unreconciled"


def test_entries_wait_in_the_instrument_that_differs_and_in_no_other() -> None:
    account = Account()
    account.says({SPY: D(10)}, "request")
    account.says({SPY: D(10)}, rp.AGAIN, later=20)
    assert (account.verdict, account.state.blocked) == ("DIFFERENCES", {SPY})
    assert account.denies(Side.BUY) == ""  # of QQQ


def test_cash_that_differs_is_told_and_blocks_nothing() -> None:
    account = Account()
    (first,) = account.says({}, later=60, cash="90000")
    assert [d.kind.value for d in first.differences] == ["CASH"]
    assert account.severities == []
    (second, _) = account.says({}, rp.AGAIN, later=20, cash="90000")
    assert second.verdict is Verdict.DIFFERENCES
    assert account.severities == ["WARNING"]
    assert account.denies(Side.BUY) == ""
    assert account.says({}, later=60, cash="90000") == []
    assert account.accept("cash") == "-1E+4"
    (done,) = account.says({}, "request", cash="90000")
    assert done.verdict is Verdict.CLEAN


def test_after_the_link_was_lost_nothing_enters_until_an_answer_came() -> None:
    account = Account()
    account.take(LinkSeen(account.at, Link(state=LinkState.LIVE, epoch=1, account="DU0000001")))
    account.says({}, "reconnect")
    assert account.denies(Side.BUY) == ""
    account.take(LinkSeen(account.at, Link(state=LinkState.DOWN, reason="LINK_DOWN")))
    assert account.denies(Side.BUY) == "unreconciled"
    account.take(LinkSeen(account.at, Link(state=LinkState.LIVE, epoch=2, account="DU0000001")))
    assert account.denies(Side.BUY) == "unreconciled"
    account.says("silent", "reconnect")
    assert account.denies(Side.BUY) == "unreconciled"
    account.says({}, "reconnect")
    assert account.denies(Side.BUY) == ""


def test_a_cost_is_compared_where_a_position_was_only_built_up() -> None:
    account = Account()
    account.holds(10)
    (done,) = account.says({QQQ: D(10)}, "request", cash="99990", costs={QQQ: D(1)})
    assert (done.verdict, done.matched) == (Verdict.CLEAN, 2)
    (done, _) = account.says({QQQ: D(10)}, "request", cash="99990", costs={QQQ: D("1.1")})
    assert [d.item for d in done.differences] == [f"cost {QQQ}"]
    assert account.denies(Side.BUY) == "unreconciled"
    assert account.denies(Side.SELL) == ""


def test_a_failed_answer_is_told_once_an_hour_of_them_too() -> None:
    account = Account()
    account.says("no answer within 10 s", later=60)
    assert account.severities == ["CRITICAL"]
    for _ in range(60):
        assert account.says("no answer within 10 s", later=60) == []
    assert account.verdict == "CLEAN"  # it changes nothing that is known
    (done,) = account.says({}, later=60)
    assert done.verdict is Verdict.CLEAN


def test_orders_of_other_programs_are_shown_and_block_nothing_unless_marked_as_ours() -> None:
    account = Account()
    theirs = BrokerOrder(order_ref="perm:7", instrument=SPY, remaining=D(5), perm_id=7)
    (done, *_) = account.says({}, "request", orders=(theirs,))
    assert [d.kind.value for d in done.differences] == ["ORDER_FOREIGN"]
    assert account.verdict == "CLEAN"
    marked = BrokerOrder(order_ref="PH-x-0", instrument=SPY, remaining=D(5), perm_id=8)
    account.says({}, "request", orders=(marked,))
    assert account.state.blocked == {"PH-x-0"}


def test_while_an_order_is_under_way_a_timer_compares_nothing() -> None:
    account = Account()
    account.core.send(order("a", quantity=3), 1)
    assert account.says({QQQ: D(3)}, later=60) == []
    assert account.state.doubtful == {}


def test_a_start_whose_first_answer_failed_runs_when_one_comes() -> None:
    account = Account()
    account.state.session_state = SessionState.STARTING
    account.says("silent", "start")
    assert account.session == "STARTING"
    account.says({}, later=60)
    assert account.session == "RUNNING"


# -- when it asks ----------------------------------------------------------------------------


def rounds(account: Account, *, is_open: bool, asked: list[str] | None = None) -> Rounds:
    """The rounds of a session that has just become live."""
    asked = [] if asked is None else asked
    account.take(LinkSeen(account.at, Link(state=LinkState.LIVE, epoch=1, account="DU0000001")))
    account.says({}, "reconnect")
    made = Rounds(
        account.state,
        SystemClock(),
        is_open=lambda at: is_open,
        ask=asked.append,
        is_asked=lambda: bool(asked),
    )
    assert made.due(account.at) == ""
    return made


@pytest.mark.parametrize(("is_open", "every"), [(True, 60), (False, 300)])
def test_the_account_is_asked_for_in_time(is_open: bool, every: int) -> None:
    account = Account()
    made = rounds(account, is_open=is_open)
    assert made.due(account.at + timedelta(seconds=every - 1)) == ""
    assert made.due(account.at + timedelta(seconds=every)) == rp.TIMER


def test_a_difference_is_looked_at_again_after_twenty_seconds() -> None:
    account = Account()
    made = rounds(account, is_open=False)
    account.says({SPY: D(1)}, later=1)
    assert made.due(account.at + timedelta(seconds=19)) == ""
    assert made.due(account.at + timedelta(seconds=20)) == rp.AGAIN


def test_the_end_of_an_order_is_followed_by_a_look() -> None:
    account = Account()
    made = rounds(account, is_open=False)
    account.holds(10)
    assert made.due(account.at + timedelta(seconds=6)) == rp.TIMER


def test_a_slow_broker_is_not_asked_twice() -> None:
    account, asked = Account(), ["timer"]
    made = rounds(account, is_open=True, asked=asked)
    assert made.due(account.at + timedelta(hours=1)) == ""
    asked.clear()
    assert made.due(account.at + timedelta(hours=1)) == rp.TIMER


def test_without_a_link_nothing_is_asked() -> None:
    account = Account()
    made = rounds(account, is_open=True)
    account.take(LinkSeen(account.at, Link(state=LinkState.DOWN, reason="LINK_DOWN")))
    assert made.due(account.at + timedelta(hours=1)) == ""


def test_yesterdays_daily_comparison_made_up_does_not_stand_for_todays() -> None:
    account = Account()
    account.state.session_date = AT.date()
    account.state.at = AT
    yesterday = AT.date() - timedelta(days=1)
    for day in (yesterday, AT.date()):
        _, commands, _ = decide(account.state, JobDue(AT, AT, "reconcile", day))
        (command,) = commands
        assert isinstance(command, ReadAccount)
        account.says({}, command.trigger)
    assert [one.session_date for one in account.events if isinstance(one, ev.JobEnded)] == [
        yesterday,
        AT.date(),
    ]


def test_a_difference_beside_a_fill_waits_for_a_second_answer_whoever_asked() -> None:
    account = Account()
    mine = order("a", quantity=10)
    account.core.send(mine, 1)
    bought = rp.Executed(
        order_id=mine.order_id, exec_id="e.1.01", quantity=D(10), price=D(1),  # type: ignore[arg-type]
        commission=D(0), at=account.at,
    )  # fmt: skip
    account.take(Reported(account.at, bought))
    found = account.says({}, "daily 2026-11-19", cash="100000")
    assert [one.doubtful for one in found if isinstance(one, ev.ReconciliationDone)] == [
        (QQQ, "cash")
    ]
    assert not account.state.blocked
