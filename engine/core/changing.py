"""Changing a working order where it stands: price, quantity, DAY to IOC, one change at a time.

The change is written before it is sent, and is over by what the broker shows, never by time: the
new fields, the old ones after a refusal, or the order's end. While anything of the connection is
degraded nothing is changed, because a change on a lost link can leave two living orders.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, InvalidOperation

from engine.core import gating, reports
from engine.core.compared import is_held
from engine.core.draft import NOTHING, Decision, Draft
from engine.core.state import State
from engine.domain import event as ev
from engine.domain import report as rp
from engine.domain.alert import Severity
from engine.domain.command import CancelOrder, ChangeOrder
from engine.domain.ids import OrderId
from engine.domain.order import (
    DONE,
    Order,
    OrderStatus,
    TimeInForce,
    WorkingOrder,
    may_become,
)
from engine.domain.request import Request
from engine.domain.session import TradingState, Verdict

_WORKS = (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)
_MAY = ("limit", "stop", "quantity", "tif")


class _Refused(Exception):
    """This change cannot be asked for."""


def on_request(state: State, draft: Draft, request: Request, at: datetime) -> tuple[str, str]:
    """Ask the broker for a change, or say why not."""
    try:
        row = _row(state, request.args)
        after = _after(row, request.args, at)
        _look(state, row, after)
    except _Refused as why:
        return "REFUSED", str(why)
    book = state.books[row.order.strategy]
    checks = gating.check(state, book, replace(after, quantity=after.quantity - row.filled))
    denied = gating.verdict(checks, after.is_exit)
    if denied is not None:
        failed = next(c for c in checks if c.code == denied.value)
        return "DENIED", f"{denied.value}: {failed.value}, limit {failed.limit}"
    order_id = row.order.order_id
    draft.add(
        ev.ChangeRequested(order_id=order_id, before=row.order, after=after, reason=request.reason)
    )
    draft.do(ChangeOrder(after))
    return "DONE", f"{order_id} change asked: {words(row.order, after)}"


def words(before: Order, after: Order) -> str:
    """Return what differs between two orders."""
    told = [
        f"{name} {old} → {new}"
        for name, old, new in (
            ("quantity", before.quantity, after.quantity),
            ("limit", before.limit_price, after.limit_price),
            ("stop", before.stop_price, after.stop_price),
            ("time", before.time_in_force.value, after.time_in_force.value),
        )
        if old != new
    ]
    return ", ".join(told)


def on_changed(state: State, report: rp.Changed | rp.ChangeRefused) -> Decision:
    """Take what the broker shows."""
    row = state.orders.get(report.order_id)
    if row is None:
        return NOTHING
    if isinstance(report, rp.Changed):
        return _on_shown(state, row, report)
    if row.changing is None:
        return NOTHING
    draft = reports.opened(row, report)
    draft.add(ev.ChangeRefused(order_id=report.order_id, text=report.text))
    where, text = state.context.book, f"{words(row.order, row.changing)}: {report.text}"
    draft.alert(where, Severity.WARNING, "change_refused", row.order.order_ref, text)
    _look_if_full(state, draft, row, row.order.quantity)
    return draft.done()


def _on_shown(state: State, row: WorkingOrder, report: rp.Changed) -> Decision:
    """Take the new order, also where a look-up had shown the old one before the change arrived."""
    after = report.order or row.changing
    if after is None or (row.changing is None and not words(row.order, after)):
        return NOTHING
    draft = reports.opened(row, report)
    if row.status not in DONE:
        draft.add(ev.OrderChanged(order_id=report.order_id, order=after))
        _look_if_full(state, draft, row, after.quantity)
        return draft.done()
    if row.status is not OrderStatus.FILLED or after.quantity <= row.filled:
        return NOTHING
    text = f"filled {row.filled}, and a late change made it {after.quantity}: the rest is canceled"
    where = state.context.book
    draft.alert(where, Severity.CRITICAL, "contradiction", row.order.order_ref, text)
    draft.do(CancelOrder(report.order_id))
    return draft.done()


def _look_if_full(state: State, draft: Draft, row: WorkingOrder, quantity: Decimal) -> None:
    """What was filled while the change was under way may be all of it, or more than that."""
    if row.filled > quantity:
        text = f"filled {row.filled} of what is now {quantity}; entries of {row.order.instrument} "
        where, text = state.context.book, f"{text}are blocked until it is reconciled"
        draft.alert(where, Severity.CRITICAL, "overfill", row.order.order_ref, text)
    if row.filled >= quantity and may_become(row.status, OrderStatus.FILLED):
        reports.move(draft, row, OrderStatus.FILLED, row.filled, row.filled_value)
        reports.order_ended(state, draft, row, OrderStatus.FILLED)


def _row(state: State, args: Mapping[str, str]) -> WorkingOrder:
    wanted = args.get("order_id", "")
    found = [row for order_id, row in state.working.items() if wanted and order_id.endswith(wanted)]
    if len(found) != 1:
        raise _Refused(f"{wanted!r}: {len(found)} working orders have this id or these letters")
    return found[0]


def _after(row: WorkingOrder, args: Mapping[str, str], at: datetime) -> Order:
    """Return the order as it is wanted; only what may be changed is looked at."""
    order = row.order
    unknown = set(args) - {"order_id", *_MAY}
    if unknown:
        raise _Refused(f"{', '.join(sorted(unknown))}: only {', '.join(_MAY)} can be changed")
    after = replace(
        order,
        limit_price=_number(args, "limit", order.limit_price),
        stop_price=_number(args, "stop", order.stop_price),
        quantity=_number(args, "quantity", order.quantity) or order.quantity,
        time_in_force=_time(args, order.time_in_force),
    )
    if not words(order, after):
        raise _Refused(f"{OrderId(order.order_id)} is so already")
    if after.quantity <= row.filled:
        raise _Refused(f"quantity {after.quantity}: {row.filled} are filled already")
    return replace(after, created_at=at)


def _number(args: Mapping[str, str], name: str, now: Decimal | None) -> Decimal | None:
    given = args.get(name, "")
    if not given:
        return now
    try:
        value = Decimal(given)
    except InvalidOperation:
        value = Decimal("NaN")
    if now is None:
        raise _Refused(f"{name} {given}: this order has none")
    if not value.is_finite() or value <= 0:
        raise _Refused(f"{name} {given!r}: a number above 0 is needed")
    return value


def _time(args: Mapping[str, str], now: TimeInForce) -> TimeInForce:
    given = args.get("tif", "") or now.value
    if given == now.value:
        return now
    if (now, given) == (TimeInForce.DAY, TimeInForce.IOC.value):
        return TimeInForce.IOC
    raise _Refused(f"time {given!r}: only DAY can become IOC, this is {now.value}")


def _look(state: State, row: WorkingOrder, after: Order) -> None:
    """Refuse while anything is degraded, or the order is not simply working."""
    order = row.order
    if row.changing is not None:
        raise _Refused(f"{order.order_id}: a change is under way: {words(order, row.changing)}")
    if row.status not in _WORKS or row.canceling:
        status = "being canceled" if row.canceling else row.status.value
        raise _Refused(f"{order.order_id} is {status}; only a working order can be changed")
    if not state.link.is_live:
        raise _Refused(f"link: {state.link.reason or state.link.state.value}; nothing is changed")
    if state.trading_state is TradingState.HALTED:
        raise _Refused("trading is HALTED")
    if state.verdict is Verdict.UNKNOWN or is_held(state, order.instrument):
        raise _Refused(f"unreconciled: {order.instrument} is not equal to the broker's")
