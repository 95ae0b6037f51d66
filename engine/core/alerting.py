"""What becomes of alerts: an alert about a condition resolves once the condition has been gone for
30 s, whether or not somebody has looked at it; one about a single thing that happened resolves at
the end of the day on which a person has acknowledged it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.core.draft import Draft
from engine.core.state import AlertRow, State
from engine.domain import event as ev
from engine.domain.alert import AlertState
from engine.domain.order import OrderStatus
from engine.domain.reconciliation import DifferenceKind
from engine.domain.session import Verdict
from engine.risk import latches

CLEAR_FOR = timedelta(seconds=30)
_A = AlertState


# -- facts -----------------------------------------------------------------------------------


def raised(state: State, event: ev.AlertRaised, seq: int) -> None:
    """Take an alert; one that somebody knows of stays known."""
    alert, at = event.alert, state.written_at
    assert at is not None
    row = state.alerts.get(alert.alert_id)
    if row is None:
        state.alerts[alert.alert_id] = AlertRow(alert.kind, alert.subject, _A.OPEN, at, at)
    else:
        row.last_at = at


def changed(state: State, event: ev.AlertStateChanged, seq: int) -> None:
    """Take what a person, or the end of the condition, made of it."""
    row = state.alerts.get(event.alert_id)
    if row is None:
        return
    if event.state is _A.RESOLVED:
        del state.alerts[event.alert_id]
    else:
        assert state.written_at is not None
        row.state, row.state_at = event.state, state.written_at


# -- what resolves them ----------------------------------------------------------------------


def resolve(state: State, draft: Draft, at: datetime) -> None:
    """Resolve the alerts whose cause is gone."""
    if state.context.recorded_clock:
        return  # its conditions are those of the recording, over when it is
    for alert_id, row in state.alerts.items():
        if _is_over(state, row, at):
            draft.add(
                ev.AlertStateChanged(alert_id=alert_id, state=_A.RESOLVED, actor="engine"), -1
            )


def end(state: State, draft: Draft, kind: str) -> None:
    """Resolve what was raised for a fault that is over."""
    for alert_id, row in state.alerts.items():
        if (row.kind, row.subject) == (kind, "engine"):
            draft.add(ev.AlertStateChanged(alert_id=alert_id, state=_A.RESOLVED, actor="engine"))


def _is_over(state: State, row: AlertRow, at: datetime) -> bool:
    condition = _CLEAR.get(row.kind)
    if condition is None:
        ended = state.day_ended_at
        return row.state is _A.ACKED and ended is not None and row.state_at < ended
    return at - row.last_at >= CLEAR_FOR and condition(_Case(state, row, at))


@dataclass(frozen=True, slots=True)
class _Case:
    """One alert and the world that it is about."""

    state: State
    row: AlertRow
    at: datetime

    def since(self, moment: datetime | None) -> bool:
        """Say whether something has lasted long enough."""
        return moment is not None and self.at - moment >= CLEAR_FOR


def _link(case: _Case) -> bool:
    return case.state.link.is_live and case.since(case.state.link_at)


def _reconciliation(case: _Case) -> bool:
    found = case.state.compared
    if found is None or not case.since(case.state.compared_at):
        return False
    is_answered = found[0] is not Verdict.UNKNOWN
    return is_answered and (case.row.subject == Verdict.UNKNOWN.value or found[0] is Verdict.CLEAN)


def _answered(case: _Case) -> bool:
    found = case.state.compared
    return case.state.link.is_live and found is not None and found[0] is not Verdict.UNKNOWN


def _no_unknown(case: _Case) -> bool:
    """An order of this reference, or of any where the alert names none, is not UNKNOWN."""
    return not any(
        row.status is OrderStatus.UNKNOWN and case.row.subject in ("engine", row.order.order_ref)
        for row in case.state.working.values()
    )


def _no_cancel(case: _Case) -> bool:
    return not any(
        row.canceling and case.row.subject in ("engine", row.order.order_ref)
        for row in case.state.working.values()
    )


def _single(case: _Case) -> bool:
    found = case.state.compared
    return _answered(case) and not any(
        one.kind is DifferenceKind.DUPLICATE_INCARNATION for one in (found[1] if found else ())
    )


def _charged(case: _Case) -> bool:
    return all(fill.commission is not None for fill in case.state.fills.values())


def _equal(case: _Case) -> bool:
    """Both sides agree on the instrument again."""
    return _answered(case) and not case.state.blocked and not case.state.doubtful


def _released(case: _Case) -> bool:
    return (case.row.kind, case.row.subject) not in case.state.latches


def _recovered(case: _Case) -> bool:
    book = next((b for s, b in case.state.books.items() if s == case.row.subject), None)
    return book is not None and not book.broken and not book.errors and book.status == "ACTIVE"


_CLEAR: dict[str, Callable[[_Case], bool]] = {
    "link": _link,
    "data_link": _link,
    "broker_silent": _answered,
    "reconciliation": _reconciliation,
    "order_unknown": _no_unknown,
    "order_undecided": _no_unknown,
    "cancel_unconfirmed": _no_cancel,
    "two_incarnations": _single,
    "commission_missing": _charged,
    "overfill": _equal,
    "contradiction": _equal,
    "strategy_error": _recovered,
    **dict.fromkeys(latches.LATCHES, _released),
}
"""Kinds that are about a condition, and how its end is known. All others happened once."""
