"""Event → the tables that screens read, in the transaction that stores the event.

One function per kind; a kind without one is listed as inert: its rows are in the journal only.
An UPDATE that does not hit exactly one row is an error: the ledger and the tables disagree.
"""

import sqlite3
from collections.abc import Callable
from typing import Any

from engine.domain import event as facts
from engine.domain.event import Event
from storage.projections import session, trading, watching
from storage.projections.row import Place


def project(db: sqlite3.Connection, place: Place, event: Event) -> None:
    """Write what an event changes in the tables."""
    step = STEPS.get(type(event))
    if step is not None:
        step(db, place, event)


Step = Callable[[sqlite3.Connection, Place, Any], None]

STEPS: dict[type, Step] = {
    facts.SessionCreated: session.session_created,
    facts.SessionStateChanged: session.session_moved,
    facts.LinkChanged: session.link_moved,
    facts.StrategyStateChanged: session.strategy_moved,
    facts.ParameterChanged: session.parameter,
    facts.RegimeRead: session.regime,
    facts.DecisionMade: session.decision,
    facts.SignalRaised: trading.signal_raised,
    facts.SignalRejected: trading.signal_rejected,
    facts.SignalDuplicated: trading.signal_duplicated,
    facts.SignalExpired: trading.signal_expired,
    facts.SignalDone: trading.signal_done,
    facts.OrderDenied: trading.order_denied,
    facts.OrderApproved: trading.order_approved,
    facts.OrderDryRun: trading.order_dry_run,
    facts.OrderPreviewed: trading.order_previewed,
    facts.SendStarted: trading.send_started,
    facts.SendClosed: trading.send_closed,
    facts.OrderSubmitted: trading.order_moved,
    facts.OrderAccepted: trading.order_moved,
    facts.OrderPartiallyFilled: trading.order_moved,
    facts.OrderFilled: trading.order_moved,
    facts.OrderCanceled: trading.order_moved,
    facts.OrderExpired: trading.order_moved,
    facts.OrderRejected: trading.order_moved,
    facts.OrderUnknown: trading.order_moved,
    facts.OrderPendingCancel: trading.order_moved,
    facts.OrderHeld: trading.order_held,
    facts.CancelRequested: trading.cancel_requested,
    facts.ChangeRequested: trading.change_requested,
    facts.OrderChanged: trading.order_changed,
    facts.ChangeRefused: trading.change_refused,
    facts.FillReceived: trading.fill,
    facts.FillCorrected: trading.fill_corrected,
    facts.CommissionBooked: trading.commission,
    facts.PositionChanged: trading.position,
    facts.CashChanged: trading.cash,
    facts.SnapshotTaken: trading.snapshot,
    facts.ReconciliationDone: watching.reconciled,
    facts.DifferenceAccepted: watching.accepted,
    facts.TradingStateChanged: session.trading_state,
    facts.AlertRaised: watching.alert,
    facts.AlertStateChanged: watching.alert_state,
    facts.JobStarted: watching.job_started,
    facts.JobEnded: watching.job_ended,
    facts.LatchSet: watching.latch_set,
    facts.LatchReleased: watching.latch_released,
}

INERT: frozenset[type] = frozenset(
    {
        facts.ReportReceived,
        facts.RequestReceived,
        facts.RequestAnswered,
        facts.ReplacementEnded,
        facts.RiskChecked,  # v_risk_checks unfolds the journal
        facts.FillUnmatched,
        facts.DataGapFound,
        facts.BaselineAdopted,
    }
)
"""Kinds that only the journal holds."""
