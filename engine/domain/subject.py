"""What an event is about: the id by which `explain` and the screens find it."""

from collections.abc import Callable
from typing import Any

from engine.domain import event as ev


def subject(event: ev.Event) -> str:
    """Return the id of what the event is about: an order, signal, decision, instrument, alert…"""
    return _SUBJECT[type(event)](event)


def subject_of(kind: type) -> Callable[[Any], str]:
    """Return the function that tells it of events of one kind."""
    return _SUBJECT[kind]


_SUBJECT: dict[type, Callable[[Any], str]] = {
    ev.SessionCreated: lambda e: e.context.session_id,
    ev.SessionStateChanged: lambda e: e.after.value,
    ev.StrategyStateChanged: lambda e: e.strategy,
    ev.ParameterChanged: lambda e: f"{e.strategy}.{e.key}",
    ev.ReportReceived: lambda e: (
        getattr(e.report, "order_id", None) or getattr(e.report, "exec_id", "account")
    ),
    ev.RequestReceived: lambda e: e.request.request_id,
    ev.RequestAnswered: lambda e: e.request_id,
    ev.ReplacementEnded: lambda e: e.request_id,
    ev.RegimeRead: lambda e: e.strategy,
    ev.DecisionMade: lambda e: e.decision_id,
    ev.SignalRaised: lambda e: e.signal.signal_id,
    ev.SignalRejected: lambda e: e.signal.signal_id,
    ev.SignalDuplicated: lambda e: e.signal_id,
    ev.SignalExpired: lambda e: e.signal_id,
    ev.SignalDone: lambda e: e.signal_id,
    ev.RiskChecked: lambda e: e.order_id,
    ev.OrderDenied: lambda e: e.order.order_id,
    ev.LatchSet: lambda e: f"{e.scope}.{e.latch}",
    ev.LatchReleased: lambda e: f"{e.scope}.{e.latch}",
    ev.OrderApproved: lambda e: e.order.order_id,
    ev.OrderDryRun: lambda e: e.order.order_id,
    ev.OrderPreviewed: lambda e: e.order_id,
    ev.SendStarted: lambda e: e.order_id,
    ev.SendClosed: lambda e: e.order_id,
    ev.OrderHeld: lambda e: e.order_id,
    ev.CancelRequested: lambda e: e.order_id,
    ev.ChangeRequested: lambda e: e.order_id,
    ev.OrderChanged: lambda e: e.order_id,
    ev.ChangeRefused: lambda e: e.order_id,
    ev.FillReceived: lambda e: e.fill.order_id,
    ev.FillCorrected: lambda e: e.fill.order_id,
    ev.FillUnmatched: lambda e: e.exec_id,
    ev.CommissionBooked: lambda e: e.order_id,
    ev.PositionChanged: lambda e: e.instrument,
    ev.CashChanged: lambda e: e.strategy,
    ev.SnapshotTaken: lambda e: e.rows[-1].strategy,
    ev.ReconciliationDone: lambda e: e.run_id,
    ev.BaselineAdopted: lambda e: "account",
    ev.DifferenceAccepted: lambda e: e.item,
    ev.DataGapFound: lambda e: e.symbol,
    ev.LinkChanged: lambda e: e.after.state.value,
    ev.TradingStateChanged: lambda e: e.after.value,
    ev.AlertRaised: lambda e: e.alert.alert_id,
    ev.AlertStateChanged: lambda e: e.alert_id,
    ev.JobStarted: lambda e: e.job,
    ev.JobEnded: lambda e: e.job,
} | dict.fromkeys(ev.ORDER_MOVES, lambda e: e.order_id)
