"""An order that provably never reached the broker: it has ended, and may be made anew, once.

Only a limit order whose signal still lives is made anew, where settings allow it: the market may
have moved, and a limit says how far. It is a new order through the gate, with the reference of
the lost one and a suffix. Of everything else a person is told.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from engine.core import reports, trade
from engine.core.draft import Decision
from engine.core.state import State
from engine.domain import report as rp
from engine.domain.alert import Severity
from engine.domain.ids import OrderRef
from engine.domain.order import Order, OrderStatus, OrderType, WorkingOrder, may_become

_ANEW = "-r1"
NEVER_REACHED = "never_reached_broker"


def on_not_found(state: State, report: rp.NotFound, at: datetime) -> Decision:
    """Book the end of an order that no answered look-up holds; make it anew where that is safe."""
    row = state.orders.get(report.order_id)
    if row is None or not may_become(row.status, OrderStatus.CANCELED):
        return reports.on_not_found(state, report)
    draft = reports.opened(row, report)
    filled, value = row.filled, row.filled_value
    reports.move(draft, row, OrderStatus.CANCELED, filled, value, text=NEVER_REACHED)
    order, book = row.order, state.books.get(row.order.strategy)
    if book is not None and _may_go_again(state, row, at):
        again = replace(
            order,
            order_id=trade.order_id(state, OrderRef(f"{order.order_ref}{_ANEW}"), at),
            order_ref=OrderRef(f"{order.order_ref}{_ANEW}"),
            created_at=at,
        )
        if trade.submit(_without(state, order), draft, book, again, 0):
            return draft.done()
    elif not state.context.recorded_clock:
        draft.alert(
            state.context.book,
            Severity.WARNING,
            "order_lost",
            order.order_ref,
            f"{order.side.value} {order.quantity} {order.instrument} never reached the broker",
        )
    reports.order_ended(state, draft, row, OrderStatus.CANCELED)
    return draft.done()


def _may_go_again(state: State, row: WorkingOrder, at: datetime) -> bool:
    order = row.order
    if not state.terms.reissue_lost or order.type is not OrderType.LIMIT:
        return False
    if row.canceling or row.filled or order.order_ref.endswith(_ANEW):
        return False
    plan = state.books[order.strategy].plan
    leg = None if plan is None else plan.leg_of(order.order_id)
    if leg is not None:
        return not leg.is_late(at)
    lives = timedelta(seconds=state.terms.entry_ttl_s)
    return order.session_date == state.session_date and at - order.created_at <= lives


def _without(state: State, order: Order) -> State:
    """Return the state as if the lost order had never been made."""
    signals = {k: one for k, one in state.order_of_signal.items() if one != order.order_id}
    working = {k: row for k, row in state.working.items() if k != order.order_id}
    return replace(state, working=working, order_of_signal=signals)
