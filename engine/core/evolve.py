"""How facts change the state: `evolve` for journaled events, `absorb` for market inputs.

Nothing here decides. One small function per event; events that only inform change nothing
and are listed in INERT, so a new event cannot be forgotten.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from engine.core import alerting, compared, digest, quality
from engine.core.mark import mark, take_rows
from engine.core.state import (
    NO_QUOTES,
    LatchRow,
    Plan,
    PlanLeg,
    Replacing,
    State,
    StrategyBook,
)
from engine.domain import event as ev
from engine.domain.fill import root_of
from engine.domain.ids import OrderId
from engine.domain.input import BarsClosed, Input, JobDue, QuotesSeen, SlotDue
from engine.domain.link import Link, LinkState
from engine.domain.money import ZERO
from engine.domain.order import DONE, Order, OrderStatus, WorkingOrder
from engine.domain.report import Accepted, CancelRefused, CommissionReported, Submitted
from engine.domain.request import RequestKind
from engine.domain.session import Mode, SessionState, TradingState, Verdict
from engine.domain.signal import ORDERLESS, SignalState
from engine.domain.snapshot import QuietDays, Snapshot

_MINUTE = timedelta(seconds=60)
_NEVER_FILLS = frozenset({OrderStatus.REJECTED, OrderStatus.DENIED, OrderStatus.DRY_RUN})


def evolve(state: State, event: ev.Event, seq: int, at: datetime) -> State:
    """Change the state by one journaled event, written at `seq` and `at`, and return it."""
    state.seq = seq
    state.written_at = at
    apply = _APPLY.get(type(event))
    if apply is not None:
        apply(state, event, seq)
    return state


# -- session and control ---------------------------------------------------------------------


def _session_created(state: State, event: ev.SessionCreated, seq: int) -> None:
    state.session_state = SessionState.CREATED
    state.end_as = None
    state.verdict = Verdict.UNKNOWN
    if event.context.mode in (Mode.PAPER, Mode.LIVE):
        state.link = Link(state=LinkState.DOWN, reason="LINK_DOWN")
    if state.fills_digest is None:
        state.fills_digest = hashlib.sha256()
        state.decisions_digest = hashlib.sha256()


def _report(state: State, event: ev.ReportReceived, seq: int) -> None:
    """Most reports speak through what they cause; these leave only this trace."""
    report = event.report
    if isinstance(report, CancelRefused):
        row = state.orders.get(report.order_id)
        if row is not None:
            row.canceling = False  # it may be asked again
    elif isinstance(report, CommissionReported):
        if report.exec_id not in state.fills:
            state.commissions[report.exec_id] = report.commission
    elif isinstance(report, Submitted | Accepted) and report.perm_id:
        row = state.orders.get(report.order_id)
        if row is not None:
            row.perm_id = row.perm_id or report.perm_id


def _session_state(state: State, event: ev.SessionStateChanged, seq: int) -> None:
    state.session_state = event.after
    if event.after is SessionState.STOPPING:
        state.end_as = SessionState(event.reason.split(":", 1)[0])
        state.end_reason = event.reason.split(":", 1)[1].strip()


def _strategy_state(state: State, event: ev.StrategyStateChanged, seq: int) -> None:
    book = state.books.get(event.strategy)
    if book is not None:
        book.status = event.after
        book.errors = 0 if event.after == "ACTIVE" else book.errors + 1


def _trading_state(state: State, event: ev.TradingStateChanged, seq: int) -> None:
    state.trading_state = event.after
    state.trading_reason = event.reason
    state.trading_actor = event.actor
    if event.after is not TradingState.REDUCING:
        state.flatten = None


def _request(state: State, event: ev.RequestReceived, seq: int) -> None:
    state.requests.add(event.request.request_id)
    if event.request.kind is RequestKind.FLATTEN:
        state.flatten = event.request.request_id
        state.flatten_actor = event.request.actor
    old = OrderId(event.request.args.get("order_id", ""))
    if event.request.kind is RequestKind.ORDER and old in state.working:
        assert state.written_at is not None
        state.replacing.setdefault(old, Replacing(event.request, state.written_at))


def _request_answered(state: State, event: ev.RequestAnswered, seq: int) -> None:
    if event.result == "REFUSED" and state.flatten == event.request_id:
        state.flatten = None
    if event.result != "DONE":
        for old, wish in [*state.replacing.items()]:
            if wish.request.request_id == event.request_id:
                del state.replacing[old]


def _replacement_ended(state: State, event: ev.ReplacementEnded, seq: int) -> None:
    state.replacing.pop(event.order_id, None)


def _latch_set(state: State, event: ev.LatchSet, seq: int) -> None:
    quality.latched(state, event)
    key = (event.latch, event.scope)
    state.latches[key] = LatchRow(
        event.latch, event.scope, event.until, event.text, event.session_date
    )
    if event.session_date is not None:
        state.latches_fired.append((event.session_date, event.latch, event.scope))


def _latch_released(state: State, event: ev.LatchReleased, seq: int) -> None:
    state.latches.pop((event.latch, event.scope), None)
    quality.released(state, event)


def _link(state: State, event: ev.LinkChanged, seq: int) -> None:
    if event.before.is_live is not event.after.is_live:
        state.link_at = state.written_at
    state.link = event.after
    state.next_order_id = max(state.next_order_id, event.after.next_order_id)
    if not event.after.is_live:
        state.verdict = Verdict.UNKNOWN  # what the broker holds may have changed meanwhile


def _job_ended(state: State, event: ev.JobEnded, seq: int) -> None:
    state.jobs.add((event.job, event.session_date))
    if event.job == "reconcile":
        state.day_ended_at = state.written_at


# -- decisions and signals -------------------------------------------------------------------


def _regime(state: State, event: ev.RegimeRead, seq: int) -> None:
    book = state.books.get(event.strategy)
    if book is not None and not event.reading.provisional:
        book.last_reading = event.reading.session_date
        first = state.context.data_from
        if event.reading.short_history and (first is None or book.last_reading >= first):
            state.counts["short_history"] += 1


def _decision(state: State, event: ev.DecisionMade, seq: int) -> None:
    state.counts["decisions"] += 1
    state.results[event.result] = state.results.get(event.result, 0) + 1
    state.decisions_digest.update(digest.decision_line(event))
    book = state.books.get(event.strategy)
    if book is None:
        return
    book.decided = max(book.decided, event.session_date.toordinal())
    if event.legs:
        prices = {leg.instrument: leg.price for leg in event.legs}
        book.plan = Plan(event.decision_id, event.cell, event.equity, prices, [])
    elif event.result == "rebalance" or _as_held(event):
        if event.cell != book.held_cell and book.equity_at_fill is None:
            book.equity_at_fill = event.equity  # equal targets: the day splits here all the same
        book.held_cell = event.cell


def _as_held(event: ev.DecisionMade) -> bool:
    """Say whether what is held already is what the cell wants."""
    return (
        event.result == "no_trade"
        and event.deviation is not None
        and event.threshold is not None
        and event.deviation <= event.threshold
    )


def _signal_raised(state: State, event: ev.SignalRaised, seq: int) -> None:
    signal = event.signal
    state.signals[signal.signal_id] = SignalState.ACCEPTED
    if signal.kind in ORDERLESS:
        return
    book = state.books.get(signal.strategy)
    if book is None or book.plan is None or book.plan.decision_id != signal.decision_id:
        return
    price = signal.price if signal.price is not None else book.plan.prices[signal.instrument]
    book.plan.legs.append(PlanLeg(signal, signal.pass_no, price))


def _signal_rejected(state: State, event: ev.SignalRejected, seq: int) -> None:
    state.signals[event.signal.signal_id] = SignalState.REJECTED


def _signal_expired(state: State, event: ev.SignalExpired, seq: int) -> None:
    state.signals[event.signal_id] = SignalState.EXPIRED
    _end_leg(state, event.signal_id, carried=False)


def _signal_done(state: State, event: ev.SignalDone, seq: int) -> None:
    state.signals[event.signal_id] = (
        SignalState.DRY_RUN if event.outcome == "dry_run" else SignalState.DONE
    )
    book = state.books.get(event.strategy)
    if book is not None and event.carried and event.target_weight is not None:
        book.carried[event.instrument] = event.target_weight
    _end_leg(state, event.signal_id, carried=event.carried)


def _end_leg(state: State, signal_id: str, *, carried: bool) -> None:
    for book in state.books.values():
        plan = book.plan
        if plan is None:
            continue
        for leg in plan.legs:
            if leg.signal.signal_id == signal_id:
                leg.done, leg.carried = True, carried
        if plan.is_done:
            if all(leg.carried for leg in plan.legs):
                book.held_cell = plan.cell
            book.plan = None


# -- orders ----------------------------------------------------------------------------------


def _approved(state: State, event: ev.OrderApproved, seq: int) -> None:
    order = event.order
    row = WorkingOrder(order, OrderStatus.APPROVED, seq=seq)
    state.orders[order.order_id] = row
    state.working[order.order_id] = row
    state.counts["orders"] += 1
    _count_order(state, order)
    quality.approved(state, order)
    _bind(state, order)


def _dry_run(state: State, event: ev.OrderDryRun, seq: int) -> None:
    state.orders[event.order.order_id] = WorkingOrder(event.order, OrderStatus.DRY_RUN, seq=seq)
    _bind(state, event.order)


def _previewed(state: State, event: ev.OrderPreviewed, seq: int) -> None:
    del seq
    state.orders[event.order_id].reason = event.text


def _denied(state: State, event: ev.OrderDenied, seq: int) -> None:
    row = WorkingOrder(event.order, OrderStatus.DENIED, reason=event.code, seq=seq)
    state.orders[event.order.order_id] = row
    state.counts["denied"] += 1
    _bind(state, event.order)


def _bind(state: State, order: Order) -> None:
    if order.signal_id is None:
        return
    state.order_of_signal[order.signal_id] = order.order_id
    state.signals[order.signal_id] = SignalState.ORDERED
    book = state.books.get(order.strategy)
    if book is not None and book.plan is not None:
        for leg in book.plan.legs:
            if leg.signal.signal_id == order.signal_id:
                leg.order_id = order.order_id


def _count_order(state: State, order: Order) -> None:
    if order.session_date != state.today:
        _new_day(state, order.session_date)
    state.orders_today += 1
    state.notional_today += order.quantity * (order.reference_price or ZERO)
    state.order_times.append(order.created_at)
    while order.created_at - state.order_times[0] > _MINUTE:
        state.order_times.popleft()


def _new_day(state: State, day: date | None) -> None:
    state.today = day
    state.orders_today = 0
    state.notional_today = ZERO
    for book in state.books.values():
        book.entries_today = 0


def _send_started(state: State, event: ev.SendStarted, seq: int) -> None:
    row = state.orders[event.order_id]
    row.sent = True
    row.attempts = event.attempt
    row.broker_order_id = event.broker_order_id
    row.seq = seq
    state.next_order_id = max(state.next_order_id, event.broker_order_id + 1)


def _send_closed(state: State, event: ev.SendClosed, seq: int) -> None:
    del seq
    row = state.orders[event.order_id]
    row.sent = False
    row.broker_order_id = 0
    row.reason = event.text


def _cancel_requested(state: State, event: ev.CancelRequested, seq: int) -> None:
    state.orders[event.order_id].canceling = True


def _change_requested(state: State, event: ev.ChangeRequested, seq: int) -> None:
    del seq
    state.orders[event.order_id].changing = event.after


def _order_changed(state: State, event: ev.OrderChanged, seq: int) -> None:
    del seq
    row = state.orders[event.order_id]
    row.order, row.changing, row.refused = event.order, None, None


def _held(state: State, event: ev.OrderHeld, seq: int) -> None:
    state.orders[event.order_id].held = event.held


def _change_refused(state: State, event: ev.ChangeRefused, seq: int) -> None:
    del seq
    row = state.orders[event.order_id]
    row.changing, row.refused = None, row.changing


def _moved(state: State, event: ev.OrderStatusChanged, seq: int) -> None:
    row = state.orders[event.order_id]
    quality.count(state, event.order_id, event)
    before, row.status = row.status, event.status
    if event.status is OrderStatus.UNKNOWN and state.link.is_live:
        row.timed_out = True
    row.filled, row.filled_value = event.filled, event.filled_value
    row.perm_id = event.perm_id or row.perm_id
    row.reason = event.text or row.reason
    if event.filled > row.order.quantity or (event.filled and event.status in _NEVER_FILLS):
        state.blocked.add(row.order.instrument)  # until a comparison with the broker is clean
    if event.status is OrderStatus.ACCEPTED and row.accepted_at is None:
        row.accepted_at = state.written_at
    if event.status in DONE:
        row.changing = None
        state.working.pop(event.order_id, None)
        if row.order.decision_id is None:
            _closed_by_hand(state, row)
        if event.status is before:
            return  # a late fill moved the numbers; the order has ended before
        state.fills_digest.update(digest.order_line(row.order, event.status))
        if event.status is OrderStatus.REJECTED:
            state.counts["rejected"] += 1
    elif before is OrderStatus.UNKNOWN:
        row.canceling = False  # whether the cancel went out is not known: it may be asked again


def _closed_by_hand(state: State, row: WorkingOrder) -> None:
    """A person closed what a strategy held: its memory m must not say that it is still held."""
    book = state.books.get(row.order.strategy)
    if book is not None and not book.position(row.order.instrument).quantity:
        book.carried.pop(row.order.instrument, None)
        book.held_cell = None


# -- fills and ledger ------------------------------------------------------------------------


def _fill(state: State, event: ev.FillReceived, seq: int) -> None:
    fill = event.fill
    number = state.fills_of.get(fill.order_id, 0) + 1
    state.fills_of[fill.order_id] = number
    state.execs[root_of(fill.exec_id)] = fill.exec_id
    state.fills[fill.exec_id] = fill
    state.counts["fills"] += 1
    state.active_since_reconciliation = True
    row = state.orders.get(fill.order_id)
    quality.count(state, fill.order_id, event)
    if row is not None:
        state.fills_digest.update(digest.fill_line(row.order, number, fill))
    book = None if fill.strategy is None else state.books.get(fill.strategy)
    if book is None:
        return
    book.traded += fill.quantity * fill.price
    book.fees += fill.commission or ZERO
    if row is not None and row.order.session_date != state.today:
        _new_day(state, row.order.session_date)
    if row is not None and not row.order.is_exit:
        book.entries_today += 1
    if book.equity_at_fill is None and book.plan is not None:
        book.equity_at_fill = book.plan.equity


def _unmatched(state: State, event: ev.FillUnmatched, seq: int) -> None:
    state.execs[root_of(event.exec_id)] = event.exec_id  # noted once, however often it is told


def _corrected(state: State, event: ev.FillCorrected, seq: int) -> None:
    state.execs[root_of(event.fill.exec_id)] = event.fill.exec_id
    state.fills.pop(event.old_exec_id, None)
    state.fills[event.fill.exec_id] = event.fill
    quality.count(state, event.fill.order_id, event)
    state.active_since_reconciliation = True


def _commission(state: State, event: ev.CommissionBooked, seq: int) -> None:
    row = state.orders.get(event.order_id)
    book = None if row is None else state.books.get(row.order.strategy)
    if book is not None:
        book.fees += event.commission
    fill = state.fills.get(event.exec_id)
    if fill is not None:
        state.fills[event.exec_id] = digest.with_commission(fill, event.commission)


def _parameter(state: State, event: ev.ParameterChanged, seq: int) -> None:
    """Rebuild the strategy with the new value and let it read the whole history again."""
    book = state.books.get(event.strategy)
    if book is None:
        return
    book.strategy = state.terms.rebuild(book.strategy, event.key, event.new)
    book.memory, book.broken = book.strategy.memory(), ""
    for closed in state.history:
        _advance(book, closed)


def _position(state: State, event: ev.PositionChanged, seq: int) -> None:
    if event.strategy is None:
        return
    book = state.books.get(event.strategy)
    if book is None:
        return
    book.positions[event.instrument] = event.after
    if abs(event.after.quantity) < abs(event.before.quantity):
        book.closing.append(event.realized)


def _cash(state: State, event: ev.CashChanged, seq: int) -> None:
    book = state.books.get(event.strategy)
    if event.reason == "capital":
        state.known_book = True
        state.funded.add(event.strategy)
        if book is not None:
            book.capital = event.after
            book.equity = book.high_water = event.after
    if book is not None:
        book.cash = event.after


def _snapshot(state: State, event: ev.SnapshotTaken, seq: int) -> None:
    state.pending = []
    state.counts["sessions"] += len(event.rows)
    for sid, book in state.books.items():
        rows: Sequence[Snapshot] = event.rows
        if type(rows) is not QuietDays or rows.first.strategy != sid:
            rows = [row for row in rows if row.strategy == sid]
        if not rows:
            continue
        if book.marked is None or book.marked < rows[-1].session_date:
            take_rows(book, rows)  # quiet days, or read back; `mark` has taken others already
        if state.context.recorded_clock:
            book.written.append(rows)


_APPLY: dict[type, Callable[[State, Any, int], None]] = {
    ev.SessionCreated: _session_created,
    ev.ReportReceived: _report,
    ev.SessionStateChanged: _session_state,
    ev.StrategyStateChanged: _strategy_state,
    ev.TradingStateChanged: _trading_state,
    ev.ParameterChanged: _parameter,
    ev.RequestReceived: _request,
    ev.RequestAnswered: _request_answered,
    ev.ReplacementEnded: _replacement_ended,
    ev.LatchSet: _latch_set,
    ev.LatchReleased: _latch_released,
    ev.AlertRaised: alerting.raised,
    ev.AlertStateChanged: alerting.changed,
    ev.JobEnded: _job_ended,
    ev.LinkChanged: _link,
    ev.ReconciliationDone: compared.reconciled,
    ev.DifferenceAccepted: compared.accepted,
    ev.BaselineAdopted: compared.adopted,
    ev.RegimeRead: _regime,
    ev.DecisionMade: _decision,
    ev.SignalRaised: _signal_raised,
    ev.SignalRejected: _signal_rejected,
    ev.SignalExpired: _signal_expired,
    ev.SignalDone: _signal_done,
    ev.OrderApproved: _approved,
    ev.OrderDryRun: _dry_run,
    ev.OrderPreviewed: _previewed,
    ev.OrderDenied: _denied,
    ev.SendStarted: _send_started,
    ev.SendClosed: _send_closed,
    ev.OrderHeld: _held,
    ev.CancelRequested: _cancel_requested,
    ev.ChangeRequested: _change_requested,
    ev.OrderChanged: _order_changed,
    ev.ChangeRefused: _change_refused,
    ev.FillReceived: _fill,
    ev.FillUnmatched: _unmatched,
    ev.FillCorrected: _corrected,
    ev.CommissionBooked: _commission,
    ev.PositionChanged: _position,
    ev.CashChanged: _cash,
    ev.SnapshotTaken: _snapshot,
    **dict.fromkeys(ev.ORDER_MOVES, _moved),
}

INERT: frozenset[type] = frozenset(
    {
        ev.SignalDuplicated,
        ev.RiskChecked,
        ev.DataGapFound,
        ev.JobStarted,
    }
)
"""Events that explain or inform; they change nothing that decisions depend on."""


# -- market inputs ---------------------------------------------------------------------------


def absorb(state: State, given: Input) -> None:
    """Take a market input into the market half of the state. Others only move the clock."""
    take = TAKE.get(type(given))
    if take is None:
        state.at = given.at
    else:
        take(state, given)


def _take_quotes(state: State, given: QuotesSeen) -> None:
    state.at = state.quotes_at = given.at
    state.session_date = given.session_date
    state.ordinal = given.ordinal
    state.quotes = given.quotes


def _take_slot(state: State, given: SlotDue) -> None:
    state.at = given.at
    state.closes_at = given.closes_at


def _take_job(state: State, given: JobDue) -> None:
    state.at = given.at
    if given.job == "snapshot":
        mark(state, given.session_date)


def _take_bars(state: State, given: BarsClosed) -> None:
    state.at = given.at
    state.session_date = given.session_date
    state.ordinal = given.ordinal
    state.bars.update(given.bars)
    if state.quotes_at != given.at:
        state.quotes = NO_QUOTES  # a quote does not outlive its session; a closing auction's may
    state.history.append(given)
    for finding in given.findings:
        if finding.blocks:
            state.findings[finding.symbol] = finding
    for book in state.books.values():
        _advance(book, given)


def _advance(book: StrategyBook, closed: BarsClosed) -> None:
    """Let a strategy read the bars; one that fails here must not decide on what it has."""
    if book.broken:
        return
    try:
        book.strategy.advance(book.memory, closed.session_date, closed.ordinal, closed.bars)
    except Exception as error:  # noqa: BLE001  a strategy's bug must not stop the others
        book.broken = f"{closed.session_date}: {type(error).__name__}: {error}"


TAKE: dict[type, Callable[[State, Any], None]] = {
    QuotesSeen: _take_quotes,
    SlotDue: _take_slot,
    JobDue: _take_job,
    BarsClosed: _take_bars,
}
