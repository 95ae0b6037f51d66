"""Requests about orders and executions."""

from typing import Any

from engine.brokers.practice.clock import parse_instant
from engine.brokers.practice.model import ExecutionFilter, OrderView
from engine.brokers.practice.server.session import NO_ID, Session
from engine.brokers.practice.server.translate import (
    commission_words,
    execution_words,
    order_of,
    order_words,
    status_words,
)

Given = dict[str, Any]

READ_ONLY = (
    "Error validating request.-'bK' : cause - The API interface is currently in Read-Only mode."
)


def place(session: Session, given: Given) -> None:
    """placeOrder: everything else comes from the venue, through the listener."""
    if given["orderId"] is None:
        session.error(NO_ID, 320, "Error reading request: orderId is missing")
        return
    session.venue.place(order_of(given, session.client_id))


def cancel(session: Session, given: Given) -> None:
    """cancelOrder."""
    session.venue.cancel(session.client_id, given["orderId"] or 0)


def cancel_all(session: Session, given: Given) -> None:
    """reqGlobalCancel: every order of the account, those of others too."""
    session.venue.global_cancel()


def own_orders(session: Session, given: Given) -> None:
    """reqOpenOrders: the client's own; client 0 is also given those that came by hand."""
    _show_orders(session, session.client_id)


def all_orders(session: Session, given: Given) -> None:
    """reqAllOpenOrders."""
    _show_orders(session, None)


def _show_orders(session: Session, client_id: int | None) -> None:
    if session.venue.is_read_only:
        session.error(NO_ID, 321, READ_ONLY)
        return
    for view in session.venue.open_orders(client_id):
        show(session, view)
    session.tell("openOrderEnd")


def show(session: Session, view: OrderView) -> None:
    """Send an order with its status."""
    session.send("openOrder", order_words(view, session.version))
    session.send("orderStatus", status_words(view))


def bind(session: Session, given: Given) -> None:
    """reqAutoOpenOrders: client 0 asks to be told of orders that come by hand."""
    session.auto_bind = given["flag"] and session.client_id == 0


def completed(session: Session, given: Given) -> None:
    """reqCompletedOrders."""
    for view in session.venue.completed_orders(api_only=given["apiOnly"]):
        session.send("completedOrder", order_words(view, session.version))
    session.tell("completedOrdersEnd")


def executions(session: Session, given: Given) -> None:
    """reqExecutions: client id 0 asks for those of all clients."""
    r = given["r"] or 0
    try:
        since = parse_instant(given["time"])
    except ValueError as error:
        session.error(r, 321, f"Error validating request: time: {error}")
        return
    wanted = ExecutionFilter(
        client_id=given["clientId"] or 0,
        account=given["account"],
        since=since,
        symbol=given["symbol"],
        sec_type=given["secType"],
        exchange=given["exchange"],
        side=given["side"],
    )
    found = session.venue.executions(wanted)
    for execution, _ in found:
        session.send("execution", execution_words(execution, r, session.version))
    session.tell("executionEnd", r=r)
    for _, commission in found:
        if commission is not None:
            session.send("commission", commission_words(commission))


def next_id(session: Session, given: Given) -> None:
    """reqIds."""
    session.tell("nextValidId", id=session.venue.last_order_id(session.client_id) + 1)


HANDLERS = {
    "placeOrder": place,
    "cancelOrder": cancel,
    "reqGlobalCancel": cancel_all,
    "reqOpenOrders": own_orders,
    "reqAllOpenOrders": all_orders,
    "reqAutoOpenOrders": bind,
    "reqCompletedOrders": completed,
    "reqExecutions": executions,
    "reqIds": next_id,
}
