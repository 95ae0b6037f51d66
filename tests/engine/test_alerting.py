"""Alerts about a condition resolve when it has been gone for 30 s, one-off ones after their day."""

from datetime import timedelta
from decimal import Decimal

import pytest

from engine.core.alerting import CLEAR_FOR
from engine.domain import event as ev
from engine.domain import report as rp
from engine.domain.alert import AlertState
from engine.domain.ids import RequestId
from engine.domain.input import Fault, LinkSeen, Reported, Requested, Tick
from engine.domain.link import Link, LinkState
from engine.domain.request import Request, RequestKind
from engine.domain.session import JobOutcome
from tests.engine.ibkr.wire import QQQ, D, order
from tests.engine.test_comparing import SPY, Account

UP = Link(state=LinkState.LIVE, epoch=1, account="DU0000001")
DOWN = Link(state=LinkState.DOWN, reason="LINK_DOWN")


def after(account: Account, seconds: float) -> list[str]:
    """Let time pass; return the kinds of alerts that are not resolved."""
    account.at += timedelta(seconds=seconds)
    account.take(Tick(account.at))
    return sorted(row.kind for row in account.state.alerts.values())


def linked() -> Account:
    """A session that has been live and clean for a while."""
    account = Account()
    account.take(LinkSeen(account.at, UP))
    account.says({}, "reconnect")
    assert after(account, 60) == []
    return account


def acknowledge(account: Account) -> None:
    """A person has seen everything."""
    request = Request(
        request_id=RequestId("ack"), kind=RequestKind.ACKNOWLEDGE, actor="me", reason="",
        args={"alert_id": "*"}, asked_at=account.at,
    )  # fmt: skip
    account.take(Requested(account.at, request))


@pytest.mark.parametrize("seen", [False, True])
def test_a_lost_link_is_over_when_it_has_been_back_for_thirty_seconds(seen: bool) -> None:
    account = linked()
    account.take(LinkSeen(account.at, DOWN))
    if seen:
        acknowledge(account)
    assert after(account, 600) == ["connectivity", "link"]
    account.take(LinkSeen(account.at, UP))
    account.says({}, "reconnect")
    assert after(account, CLEAR_FOR.total_seconds() - 1) == ["link"]
    assert after(account, 1) == []
    resolved = [
        e.state for e in account.events if type(e) is ev.AlertStateChanged and e.actor == "engine"
    ]
    assert resolved == [AlertState.RESOLVED] * 2


def test_a_link_that_is_lost_again_begins_its_thirty_seconds_anew() -> None:
    account = linked()
    for link in (DOWN, UP, DOWN, UP):
        account.at += timedelta(seconds=20)
        account.take(LinkSeen(account.at, link))
    account.says({}, "reconnect")
    assert after(account, 29) == ["link"]
    assert after(account, 1) == []


def test_differences_are_over_when_a_comparison_finds_none() -> None:
    account = linked()
    account.says({SPY: D(10)}, "request")
    account.says({SPY: D(10)}, rp.AGAIN, later=20)
    assert after(account, 3600) == ["reconciliation"]
    account.says({}, "request")
    assert after(account, 29) == ["reconciliation"]
    assert after(account, 1) == []


def test_an_answer_after_failed_ones_resolves_their_alert_even_with_differences() -> None:
    account = linked()
    account.says("silent", "request")
    assert after(account, 60) == ["reconciliation"]
    account.says({SPY: D(10)}, rp.TIMER)
    assert after(account, 30) == []


def test_an_unknown_order_is_over_when_it_is_found() -> None:
    account = linked()
    mine = order("a", quantity=3)
    account.core.send(mine, 1)
    account.take(Reported(account.at, rp.SendFailed(order_id=mine.order_id, text="lost")))
    assert after(account, 60) == ["order_unknown"]
    account.take(Reported(account.at, rp.Accepted(order_id=mine.order_id, perm_id=7)))
    assert after(account, 1) == []


def test_what_happened_once_stays_until_the_end_of_the_day_it_was_acknowledged() -> None:
    account = linked()
    account.take(Fault(account.at, "task_failed", "a task", halt=False))
    account.says({}, "daily")
    assert after(account, 3600) == ["task_failed"]
    acknowledge(account)
    assert after(account, 3600) == ["task_failed"]
    end = ev.JobEnded(
        job="reconcile", session_date=account.at.date(), due_at=account.at,
        outcome=JobOutcome.DONE, detail="",
    )  # fmt: skip
    account.evolve(end)
    assert after(account, 1) == []


def test_an_alert_that_comes_back_is_open_again() -> None:
    account = linked()
    account.take(LinkSeen(account.at, DOWN))
    account.take(LinkSeen(account.at, UP))
    account.says({}, "reconnect")
    assert after(account, 60) == []
    account.take(LinkSeen(account.at, DOWN))
    rows = account.state.alerts.values()
    assert [(row.kind, row.state) for row in rows] == [
        ("link", AlertState.OPEN),
        ("connectivity", AlertState.OPEN),
    ]


def test_a_missing_commission_is_over_when_it_comes() -> None:
    account = linked()
    mine = order("a", quantity=3)
    account.core.send(mine, 1)
    bought = rp.Executed(
        order_id=mine.order_id, exec_id="e.1.01", quantity=D(3), price=D(1),  # type: ignore[arg-type]
        commission=None, at=account.at,
    )  # fmt: skip
    account.take(Reported(account.at, bought))
    account.take(Fault(account.at, "commission_missing", "e.1.01", halt=False))
    assert after(account, 60) == ["commission_missing"]
    late = rp.CommissionReported(exec_id="e.1.01", commission=Decimal(1))  # type: ignore[arg-type]
    account.take(Reported(account.at, late))
    assert after(account, 1) == []
    assert account.core.book.position(QQQ).quantity == 3
