"""Cancels: asked of the broker for what was sent, done at once for what was not."""

from engine.core import reports
from engine.core.draft import Draft
from engine.core.state import State
from engine.domain import event as ev
from engine.domain.command import CancelOrder
from engine.domain.order import Order, OrderStatus, WorkingOrder


def cancel_working(
    state: State, draft: Draft, actor: str, reason: str, *, entries_only: bool
) -> int:
    """Ask for the cancel of every working order that has not been asked yet; return how many."""
    count = 0
    for row in state.working.values():
        if row.canceling or (entries_only and row.order.is_exit):
            continue
        ask_cancel(state, draft, row, actor, reason)
        count += 1
    return count


def cancel_opposite(state: State, draft: Draft, order: Order) -> None:
    """Ask for the cancel of our working orders on the other side of an exit."""
    for row in state.working.values():
        other = row.order
        is_opposite = other.instrument == order.instrument and other.side is not order.side
        if is_opposite and not row.canceling:
            ask_cancel(state, draft, row, "engine", f"in the way of exit {order.order_ref}")


def ask_cancel(state: State, draft: Draft, row: WorkingOrder, actor: str, reason: str) -> None:
    """Ask the broker for a cancel; an order that was never sent ends here."""
    order_id = row.order.order_id
    draft.add(ev.CancelRequested(order_id=order_id, reason=reason, actor=actor))
    if row.sent:
        draft.do(CancelOrder(order_id))
        return
    text = f"never sent: {reason}"
    reports.move(draft, row, OrderStatus.CANCELED, row.filled, row.filled_value, text=text)
    reports.order_ended(state, draft, row, OrderStatus.CANCELED)
