"""What a broker's report means. Permuted or repeated reports lead to the same state."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from engine.core.comparing import on_account
from engine.core.draft import NOTHING, Decision, Draft
from engine.core.state import State, StrategyBook
from engine.domain import event as ev
from engine.domain import report as rp
from engine.domain.alert import Severity
from engine.domain.command import LookAgain, LookUpOrder
from engine.domain.fill import Fill, root_of, slippage_bps
from engine.domain.input import Reported
from engine.domain.money import ZERO
from engine.domain.order import DONE, OrderStatus, WorkingOrder, may_become
from engine.domain.position import apply_commission, apply_fill
from engine.risk.latches import is_bad_fill

_S = OrderStatus

_EVENT_OF: dict[OrderStatus, type[ev.OrderStatusChanged]] = {
    _S.SUBMITTED: ev.OrderSubmitted,
    _S.ACCEPTED: ev.OrderAccepted,
    _S.PARTIALLY_FILLED: ev.OrderPartiallyFilled,
    _S.FILLED: ev.OrderFilled,
    _S.CANCELED: ev.OrderCanceled,
    _S.EXPIRED: ev.OrderExpired,
    _S.REJECTED: ev.OrderRejected,
    _S.UNKNOWN: ev.OrderUnknown,
    _S.PENDING_CANCEL: ev.OrderPendingCancel,
}


_SAYS: dict[type, OrderStatus] = {
    rp.Submitted: _S.SUBMITTED,
    rp.Accepted: _S.ACCEPTED,
    rp.Canceled: _S.CANCELED,
    rp.Expired: _S.EXPIRED,
}


def on_report(state: State, given: Reported) -> Decision:
    """Book what a broker said, once."""
    report = given.report
    match report:
        case rp.Executed():
            return _on_executed(state, report, given.at)
        case rp.AccountRead():
            return on_account(state, report, given.at)
        case rp.CommissionReported():
            return _on_commission(state, report)
        case rp.Submitted() | rp.Accepted():
            return _on_status(state, report, _SAYS[type(report)], perm_id=report.perm_id)
        case rp.Canceled() | rp.Expired():
            return _on_status(state, report, _SAYS[type(report)], text=report.text)
        case rp.Rejected():
            return _on_status(state, report, _S.REJECTED, text=report.text, code=report.code)
        case rp.CancelRefused():
            return _on_cancel_refused(state, report)
        case rp.NotSent():
            return _on_not_sent(state, report)
        case rp.SendFailed():
            return _on_send_failed(state, report)
        case rp.Previewed():
            return _on_previewed(state, report)
        case rp.NotFound() | rp.Changed() | rp.ChangeRefused() | rp.Held():
            return NOTHING  # decided in `lost`, `changing` and `on_held`


def on_not_found(state: State, report: rp.NotFound) -> Decision:
    """The end of an order that the broker never had (`engine.core.lost` may make it anew)."""
    return _on_status(state, report, _S.CANCELED, text="never_reached_broker")


def opened(row: WorkingOrder | None, report: rp.Report) -> Draft:
    """Begin what a report leads to; it is caused by the sending of its order."""
    draft = Draft(row.seq if row is not None else None)
    draft.add(ev.ReportReceived(report=report))
    return draft


_StatusReport = rp.Submitted | rp.Accepted | rp.Canceled | rp.Expired | rp.Rejected | rp.NotFound


def _on_status(
    state: State,
    report: _StatusReport,
    status: OrderStatus,
    *,
    perm_id: int = 0,
    text: str = "",
    code: int = 0,
) -> Decision:
    row = state.orders.get(report.order_id)
    if row is None:
        return _unmatched(state, report, report.order_id)
    now = row.status
    if _is_overtaken(row, status):
        # what it says is known but the broker's id may not be
        return opened(row, report).done() if perm_id and not row.perm_id else NOTHING
    if status is _S.ACCEPTED and row.filled:
        status = _S.PARTIALLY_FILLED  # found again, with what it had filled before
    if status is _S.REJECTED and row.filled:
        status, text = _S.CANCELED, text or f"rest rejected, code {code}"
    draft = opened(row, report)
    if not may_become(now, status):
        if now in DONE:
            return NOTHING  # a late echo of what is over
        draft.alert(
            state.context.book,
            Severity.WARNING,
            "impossible_report",
            row.order.order_ref,
            f"{now.value} cannot become {status.value}",
        )
        return draft.done()
    if status in DONE and row.changing is not None and row.filled >= row.order.quantity:
        draft.add(ev.OrderChanged(order_id=report.order_id, order=row.changing))  # it was taken
    move(draft, row, status, row.filled, row.filled_value, perm_id=perm_id, text=text, code=code)
    if status in DONE:
        order_ended(state, draft, row, status, f"{code} {text}" if code else text)
    return draft.done()


def _is_overtaken(row: WorkingOrder, status: OrderStatus) -> bool:
    """Say whether something later has been said already, or the same."""
    now = row.status
    if status is now or (status is _S.SUBMITTED and now is not _S.APPROVED):
        return True
    if status is not _S.ACCEPTED:
        return False
    if now is _S.PENDING_CANCEL:
        return True  # overtaken by our cancel; only CancelRefused brings it back
    return now is not _S.UNKNOWN and (bool(row.filled) or now in DONE)


def move(
    draft: Draft,
    row: WorkingOrder,
    status: OrderStatus,
    filled: Decimal,
    value: Decimal,
    *,
    perm_id: int = 0,
    text: str = "",
    code: int = 0,
    kind: type[ev.OrderStatusChanged] | None = None,
) -> None:
    """Append an order's move to a status with its cumulative numbers."""
    event = (kind or _EVENT_OF[status])(
        order_id=row.order.order_id,
        status=status,
        filled=filled,
        filled_value=value,
        perm_id=perm_id,
        code=code,
        text=text,
    )
    draft.add(event)  # type: ignore[arg-type]  # a subclass chosen by the table above


def _on_cancel_refused(state: State, report: rp.CancelRefused) -> Decision:
    row = state.orders.get(report.order_id)
    if row is None or row.status in DONE or not row.canceling:
        return NOTHING
    draft = opened(row, report)
    status = _S.PARTIALLY_FILLED if row.filled else _S.ACCEPTED
    if row.status is _S.PENDING_CANCEL:
        move(draft, row, status, row.filled, row.filled_value, text=report.text)
    draft.alert(
        state.context.book,
        Severity.WARNING,
        "cancel_refused",
        row.order.order_ref,
        report.text or "the broker refused the cancel; the order works on",
    )
    return draft.done()


def on_held(state: State, report: rp.Held) -> Decision:
    """What the broker holds back works all the same: its status stays."""
    row = state.orders.get(report.order_id)
    if row is None or row.status in DONE or row.held is report.held:
        return NOTHING
    draft = opened(row, report)
    draft.add(ev.OrderHeld(order_id=report.order_id, held=report.held, text=report.text))
    return draft.done()


def _on_not_sent(state: State, report: rp.NotSent) -> Decision:
    """Certainly nothing left: the order is as it was; the next tick asks the gate again."""
    row = state.orders.get(report.order_id)
    if row is None or row.status is not _S.APPROVED or not row.sent:
        return NOTHING
    draft = opened(row, report)
    if row.canceling:
        text = f"never sent: {report.text}"
        move(draft, row, _S.CANCELED, row.filled, row.filled_value, text=text)
        order_ended(state, draft, row, _S.CANCELED)
    else:
        draft.add(ev.SendClosed(order_id=report.order_id, text=report.text))
    return draft.done()


def _on_send_failed(state: State, report: rp.SendFailed) -> Decision:
    row = state.orders.get(report.order_id)
    if row is None or not may_become(row.status, _S.UNKNOWN):
        return NOTHING
    draft = opened(row, report)
    move(draft, row, _S.UNKNOWN, row.filled, row.filled_value, text=report.text)
    draft.alert(
        state.context.book,
        Severity.CRITICAL,
        "order_unknown",
        row.order.order_ref,
        f"no answer to the order: {report.text}; asking the broker by reference",
    )
    draft.do(LookUpOrder(report.order_id))
    return draft.done()


def _on_previewed(state: State, report: rp.Previewed) -> Decision:
    row = state.orders.get(report.order_id)
    if row is None or row.status is not _S.DRY_RUN:
        return NOTHING
    draft = opened(row, report)
    draft.add(ev.OrderPreviewed(order_id=report.order_id, text=_preview_words(report)))
    return draft.done()


def _preview_words(report: rp.Previewed) -> str:
    told = []
    if report.margin is not None and report.equity:
        share = f"{report.margin / report.equity:.1%} of equity {report.equity:,.2f}"
        change = "" if report.margin_change is None else f" ({report.margin_change:+,.2f})"
        told.append(f"margin {report.margin:,.2f}{change}, {share}")
    if report.commission is not None:
        told.append(f"commission {report.commission:,.2f}")
    if report.text:
        told.append(report.text)
    return f"what-if: {', '.join(told) or 'no number'}"


def _unmatched(state: State, report: rp.Report, what: str) -> Decision:
    draft = opened(None, report)
    draft.alert(
        state.context.book,
        Severity.WARNING,
        "order_foreign",
        what,
        f"report about an order that is not ours: {what}",
    )
    return draft.done()


# -- executions ------------------------------------------------------------------------------


def _on_executed(state: State, report: rp.Executed, at: datetime) -> Decision:
    root = root_of(report.exec_id)
    known = state.execs.get(root)
    if known is not None:
        return NOTHING if report.exec_id <= known else _on_correction(state, report, known)
    row = state.orders.get(report.order_id)
    draft = opened(row, report)
    if row is None:
        text = f"{report.quantity} @ {report.price} of an order that is not ours"
        draft.add(ev.FillUnmatched(exec_id=report.exec_id, text=text))
        draft.alert(state.context.book, Severity.CRITICAL, "fill_unmatched", report.exec_id, text)
        return draft.done()
    if row.order.strategy not in state.books:
        return _not_yet(state, draft, row, report)
    fill = _fill_of(row, report)
    if fill.commission is None:
        fill = replace(fill, commission=state.commissions.get(fill.exec_id))
    draft.add(ev.FillReceived(fill=fill))
    _book_fill(state, draft, row, fill)
    _move_by_fill(state, draft, row, fill)
    if fill.slippage_bps is not None and is_bad_fill(fill.slippage_bps):
        draft.alert(
            state.context.book,
            Severity.WARNING,
            "bad_fill",
            fill.instrument,
            f"{fill.side.value} {fill.quantity} filled at {fill.price}, "
            f"{fill.slippage_bps:.1f} bp worse than {fill.reference_price}",
        )
    return draft.done()


def _not_yet(state: State, draft: Draft, row: WorkingOrder, report: rp.Executed) -> Decision:
    """Leave a fill to a session in which its strategy has its ledger: the broker tells it again.

    Booked without one it would count as applied, and its shares as nobody's.
    """
    text = (
        f"{row.order.side.value} {report.quantity} {row.order.instrument} @ {report.price} of "
        f"{row.order.strategy}, which is not in this session: booked when it is again"
    )
    draft.alert(state.context.book, Severity.CRITICAL, "fill_unmatched", report.exec_id, text)
    return draft.done()


def _fill_of(row: WorkingOrder, report: rp.Executed) -> Fill:
    order = row.order
    return Fill(
        exec_id=report.exec_id,
        order_id=order.order_id,
        strategy=order.strategy,
        instrument=order.instrument,
        side=order.side,
        quantity=report.quantity,
        price=report.price,
        commission=report.commission,
        reference_price=order.reference_price,
        slippage_bps=slippage_bps(order.side, report.price, order.reference_price),
        at=report.at,
    )


def _book_fill(state: State, draft: Draft, row: WorkingOrder, fill: Fill) -> None:
    """Position and cash move together, in the unit of the fill."""
    book = state.books.get(row.order.strategy)
    if book is None:
        return
    before = book.position(fill.instrument)
    fee = fill.commission or ZERO
    after, realized = apply_fill(before, fill.side, fill.quantity, fill.price, fee)
    draft.add(
        ev.PositionChanged(
            strategy=row.order.strategy,
            instrument=fill.instrument,
            before=before,
            after=after,
            realized=realized,
        ),
        1,
    )
    _book_cash(draft, book, -fill.side.sign * fill.quantity * fill.price - fee, "fill")


def _book_cash(draft: Draft, book: StrategyBook, change: Decimal, reason: str) -> None:
    draft.add(
        ev.CashChanged(
            strategy=book.strategy.id, before=book.cash, after=book.cash + change, reason=reason
        ),
        1,
    )


def _move_by_fill(state: State, draft: Draft, row: WorkingOrder, fill: Fill) -> None:
    order, wanted = row.order, row.changing
    filled = row.filled + fill.quantity
    value = row.filled_value + fill.quantity * fill.price
    now = row.status
    is_raised = wanted is not None and wanted.quantity > order.quantity
    if wanted is not None and is_raised and filled > order.quantity:  # so it was taken
        draft.add(ev.OrderChanged(order_id=order.order_id, order=wanted))
        order, is_raised = wanted, False
    over = filled > order.quantity
    if over or now in (_S.REJECTED, _S.DENIED, _S.DRY_RUN):
        draft.alert(
            state.context.book,
            Severity.CRITICAL,
            "overfill" if over else "contradiction",
            order.order_ref,
            f"filled {filled} of {order.quantity} while {now.value}; entries of "
            f"{order.instrument} are blocked until it is reconciled",
        )
    if filled >= order.quantity and not is_raised and may_become(now, _S.FILLED):
        move(draft, row, _S.FILLED, filled, value)
        order_ended(state, draft, row, _S.FILLED)
    elif may_become(now, _S.PARTIALLY_FILLED) and now is not _S.PENDING_CANCEL:
        move(draft, row, _S.PARTIALLY_FILLED, filled, value)
    elif fill.quantity:  # the status stays, the numbers move; not by what was taken back unseen
        move(draft, row, now, filled, value, kind=ev.OrderPartiallyFilled)


def _on_correction(state: State, report: rp.Executed, known: str) -> Decision:
    """Replace an execution by its newer revision: the old one is reversed, the new one booked."""
    row = state.orders.get(report.order_id)
    old: Fill | None = state.fills.get(known)  # type: ignore[call-overload]
    draft = opened(row, report)
    if row is None or old is None:
        return draft.done()
    fill = _fill_of(row, report)
    draft.add(ev.FillCorrected(old_exec_id=old.exec_id, fill=fill))
    book = state.books[row.order.strategy]
    before = book.position(fill.instrument)
    undone, back = apply_fill(
        before, old.side.opposite, old.quantity, old.price, -(old.commission or ZERO)
    )
    after, realized = apply_fill(
        undone, fill.side, fill.quantity, fill.price, fill.commission or ZERO
    )
    draft.add(
        ev.PositionChanged(
            strategy=row.order.strategy,
            instrument=fill.instrument,
            before=before,
            after=after,
            realized=realized + back,
        ),
        1,
    )
    sign = fill.side.sign
    change = (
        sign * (old.quantity * old.price - fill.quantity * fill.price)
        + (old.commission or ZERO)
        - (fill.commission or ZERO)
    )
    _book_cash(draft, book, change, "correction")
    filled = row.filled - old.quantity + fill.quantity
    value = row.filled_value - old.quantity * old.price + fill.quantity * fill.price
    _move_by_correction(state, draft, row, filled, value)
    draft.alert(
        state.context.book,
        Severity.WARNING,
        "fill_corrected",
        fill.instrument,
        f"{old.quantity} @ {old.price} became {fill.quantity} @ {fill.price}",
    )
    return draft.done()


def _move_by_correction(
    state: State, draft: Draft, row: WorkingOrder, filled: Decimal, value: Decimal
) -> None:
    """A filled order of which shares are taken back is over all the same: its rest is off."""
    quantity, now = row.order.quantity, row.status
    if now is _S.FILLED and filled < quantity:
        text = f"{filled} of {quantity} stand after a correction"
        move(draft, row, _S.CANCELED, filled, value, text=text)
    elif filled >= quantity and may_become(now, _S.FILLED):
        move(draft, row, _S.FILLED, filled, value)
        order_ended(state, draft, row, _S.FILLED)
    else:
        move(draft, row, now, filled, value, kind=ev.OrderPartiallyFilled)


def _on_commission(state: State, report: rp.CommissionReported) -> Decision:
    fill = state.fills.get(report.exec_id)
    if fill is None and report.exec_id not in state.commissions:
        return opened(None, report).done()  # it has overtaken its execution, which will take it up
    if fill is None or fill.commission is not None:
        return NOTHING
    row = state.orders[fill.order_id]
    book = state.books[row.order.strategy]
    draft = opened(row, report)
    draft.add(
        ev.CommissionBooked(
            exec_id=report.exec_id, order_id=fill.order_id, commission=report.commission
        )
    )
    before = book.position(fill.instrument)
    after = apply_commission(before, fill.side, report.commission)
    draft.add(
        ev.PositionChanged(
            strategy=row.order.strategy,
            instrument=fill.instrument,
            before=before,
            after=after,
            realized=after.realized - before.realized,
        ),
        1,
    )
    _book_cash(draft, book, -report.commission, "commission")
    return draft.done()


# -- what follows ----------------------------------------------------------------------------


def order_ended(
    state: State, draft: Draft, row: WorkingOrder, status: OrderStatus, words: str = ""
) -> None:
    """Close the order's signal and let what waited for it go on; `words` are the broker's."""
    order = row.order
    if order.signal_id is not None:
        leg = _leg_of(state, row)
        draft.add(
            ev.SignalDone(
                signal_id=order.signal_id,
                strategy=order.strategy,
                instrument=order.instrument,
                outcome=status.value.lower(),
                target_weight=leg,
                carried=status is _S.FILLED,
            )
        )
    if status is _S.REJECTED:
        draft.alert(
            state.context.book,
            Severity.WARNING,
            "order_rejected",
            order.instrument,
            f"{order.order_ref}: {words or 'the broker rejected the order'}",
        )
    draft.do(LookAgain())


def _leg_of(state: State, row: WorkingOrder) -> Decimal | None:
    book = state.books.get(row.order.strategy)
    if book is None or book.plan is None:
        return None
    for leg in book.plan.legs:
        if leg.signal.signal_id == row.order.signal_id:
            return leg.signal.target_weight
    return None
