"""The one place that decides: state and input in, events and commands out.

Pure: no clock, no I/O, no randomness; the state is only read. The type checker names an input
that nobody handles.
"""

from collections.abc import Callable, Mapping
from typing import Any, assert_never

from engine.core import (
    alerting,
    changing,
    comparing,
    daily,
    link,
    lost,
    manual,
    quality,
    reports,
    requests,
    slot,
    trade,
)
from engine.core.draft import NOTHING, Decision, Draft
from engine.core.evolve import TAKE
from engine.core.state import State
from engine.domain import event as ev
from engine.domain.alert import Severity
from engine.domain.command import CancelOrder, EndSession, ReadAccount
from engine.domain.input import (
    BarsClosed,
    DataEnded,
    Fault,
    Input,
    JobDue,
    JobFinished,
    LinkSeen,
    QuotesSeen,
    Reported,
    Requested,
    SlotDue,
    Started,
    Tick,
)
from engine.domain.money import ZERO
from engine.domain.report import Changed, ChangeRefused, Held, NotFound
from engine.domain.session import SessionState, TradingState
from engine.strategy.base import contested

__all__ = ["NOTHING", "STEPS", "Decision", "decide"]


def decide(state: State, given: Input) -> Decision:  # noqa: C901  a case for each input
    """Return what follows from an input: events to write, then commands to carry out."""
    match given:
        case BarsClosed():
            return daily.on_bars(state, given)
        case SlotDue():
            return slot.on_slot(state, given)
        case QuotesSeen():
            return daily.on_quotes(state, given)
        case JobDue():
            return daily.on_job(state, given)
        case Reported():
            return quality.watch(state, _on_reported(state, given), given.at)
        case Tick():
            return _on_tick(state, given)
        case Requested():
            return requests.on_request(state, given)
        case LinkSeen():
            return link.on_link(state, given)
        case JobFinished():
            return daily.on_job_finished(state, given)
        case Started():
            return _on_started(state)
        case DataEnded():
            return _on_data_ended(state)
        case Fault():
            return _on_fault(state, given)
    assert_never(given)


Step = tuple[Callable[[State, Any], None], Callable[[State, Any], Decision]]

STEPS: Mapping[type, Step] = {
    QuotesSeen: (TAKE[QuotesSeen], daily.on_quotes),
    SlotDue: (TAKE[SlotDue], slot.on_slot),
    BarsClosed: (TAKE[BarsClosed], daily.on_bars),
    JobDue: (TAKE[JobDue], daily.on_job),
}
"""For each market input what `absorb` and `decide` come to: a feed that runs as fast as it goes
takes five inputs a bar, and finding the two functions would cost as much as they do."""


def _on_reported(state: State, given: Reported) -> Decision:
    if isinstance(given.report, NotFound):
        return lost.on_not_found(state, given.report, given.at)
    if isinstance(given.report, Held):
        return reports.on_held(state, given.report)
    if isinstance(given.report, Changed | ChangeRefused):
        return changing.on_changed(state, given.report)
    return reports.on_report(state, given)


def _on_started(state: State) -> Decision:
    if state.session_state is not SessionState.CREATED:
        return NOTHING  # asked to stop before it began
    draft = Draft()
    draft.add(
        ev.SessionStateChanged(
            before=SessionState.CREATED,
            after=SessionState.STARTING,
            reason="started",
            actor="engine",
        )
    )
    if not state.known_book:
        for book in state.books.values():
            draft.add(
                ev.CashChanged(
                    strategy=book.strategy.id, before=ZERO, after=book.capital, reason="capital"
                )
            )
    else:
        comparing.fund_newcomers(state, draft)
    for row in state.working.values():
        if row.canceling and row.sent:
            draft.do(CancelOrder(row.order.order_id))  # the kill may have come before it went out
    if not state.terms.share_instruments:
        where = state.context.book
        for instrument, text in contested([b.strategy for b in state.books.values()]).items():
            draft.alert(where, Severity.WARNING, "instrument_contested", instrument, text)
    draft.do(ReadAccount("start"))
    return draft.done()


def _on_tick(state: State, given: Tick) -> Decision:
    """Go on with what waited: plans, a flatten, the end of the session."""
    draft = Draft()
    if state.session_state in (SessionState.RUNNING, SessionState.PAUSED):
        trade.send_held(state, draft, given.at)
        manual.go_on(state, draft, given.at)
        if state.flatten is not None:
            requests.continue_flatten(state, draft, given.at)
        else:
            for book in state.books.values():
                if book.plan is not None:
                    trade.advance(state, draft, book, book.plan, given.at)
        alerting.resolve(state, draft, given.at)
    elif state.session_state is SessionState.STOPPING and (given.give_up or not state.working):
        _end(state, draft)
    return draft.done()


def _end(state: State, draft: Draft) -> None:
    end = state.end_as or SessionState.STOPPED
    for row in state.working.values():
        end = SessionState.STOPPED  # COMPLETED says that nothing works any more
        text = f"{row.status.value}, not confirmed canceled when the session ended"
        book = state.context.book
        draft.alert(book, Severity.CRITICAL, "cancel_unconfirmed", row.order.order_ref, text)
    trade.drop_plans(state, draft, "the session ended")
    manual.drop(state, draft, "the session ended")
    draft.add(
        ev.SessionStateChanged(
            before=SessionState.STOPPING,
            after=end,
            reason=state.end_reason,
            actor="engine",
            decisions_hash=state.decisions_digest.hexdigest(),
            fills_hash=state.fills_digest.hexdigest(),
        )
    )
    draft.do(EndSession(end))


def _on_data_ended(state: State) -> Decision:
    draft = Draft()
    if state.session_state in (SessionState.RUNNING, SessionState.PAUSED):
        if state.terms.close_at_end:
            _alert_kept(state, draft)
        requests.begin_stop(
            state, draft, SessionState.COMPLETED, "the data is at its end", "engine"
        )
    return draft.done()


def _alert_kept(state: State, draft: Draft) -> None:
    """Name what was to be closed at the last close and could not be."""
    for book in state.books.values():
        for instrument, position in book.positions.items():
            if position.quantity:
                text = f"{book.strategy.id} still owns {position.quantity} at the end of the data"
                draft.alert(
                    state.context.book, Severity.WARNING, "not_closed_out", instrument, text
                )


def _on_fault(state: State, given: Fault) -> Decision:
    draft = Draft()
    if given.over:
        alerting.end(state, draft, given.kind)
        return draft.done()
    draft.alert(state.context.book, given.severity, given.kind, "engine", given.text)
    now, why = state.trading_state, f"{given.kind}: {given.text}"
    if given.halt and now is not TradingState.HALTED:
        requests.change_trading_state(state, draft, TradingState.HALTED, why, "engine")
    elif given.reduce and now is TradingState.ACTIVE:
        requests.change_trading_state(state, draft, TradingState.REDUCING, why, "engine")
    return draft.done()
