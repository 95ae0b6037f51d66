"""Signals, orders, fills, positions, cash and snapshots."""

import sqlite3
from typing import Any

from engine.domain import event as facts
from engine.domain.fill import Fill
from engine.domain.instrument import symbol_of
from engine.domain.money import micro
from engine.domain.order import Order
from engine.domain.signal import Signal
from engine.domain.snapshot import QuietDays, are_final, newest_of
from engine.domain.times import utc_text
from storage.projections.row import Place, insert, plain, rounded, units, update, update_one


def _signal_row(at: Place, signal: Signal, state: str, reason: str, text: str) -> dict[str, Any]:
    return {
        "seq": at.seq,
        "signal_id": signal.signal_id,
        "session_id": at.session_id,
        "book": at.book,
        "decision_id": signal.decision_id,
        "strategy_id": signal.strategy,
        "instrument": signal.instrument,
        "symbol": symbol_of(signal.instrument),
        "kind": signal.kind.value,
        "side": signal.side and signal.side.value,
        "target_weight_u": rounded(signal.target_weight),
        "quantity_u": rounded(signal.quantity),
        "price_u": rounded(signal.price),
        "session_date": signal.session_date.isoformat(),
        "slot": signal.slot,
        "leg": signal.leg,
        "state": state,
        "reason": reason,
        "text": plain(text),
        "raised_at": utc_text(signal.raised_at),
        "expires_at": utc_text(signal.expires_at),
        "last_seen_at": utc_text(signal.raised_at),
    }


def signal_raised(db: sqlite3.Connection, at: Place, event: facts.SignalRaised) -> None:
    """Project SignalRaised."""
    insert(db, "signals", _signal_row(at, event.signal, "ACCEPTED", "", event.signal.reason))


def signal_rejected(db: sqlite3.Connection, at: Place, event: facts.SignalRejected) -> None:
    """Project SignalRejected."""
    # the same id with other fields is refused too: the first one keeps its row
    row = _signal_row(at, event.signal, "REJECTED", event.reason, event.text)
    again = (
        "ON CONFLICT (book, signal_id) DO UPDATE SET "
        "duplicate_count = duplicate_count + 1, last_seen_at = excluded.last_seen_at"
    )
    insert(db, "signals", row, again)


def signal_duplicated(db: sqlite3.Connection, at: Place, event: facts.SignalDuplicated) -> None:
    """Project SignalDuplicated."""
    update_one(
        db,
        f"signal {event.signal_id}",
        "UPDATE signals SET duplicate_count = duplicate_count + 1, last_seen_at = ? "
        "WHERE book = ? AND signal_id = ?",
        (utc_text(event.at), at.book, event.signal_id),
    )


def _signal_state(
    db: sqlite3.Connection, at: Place, signal_id: str, state: str, reason: str
) -> None:
    update_one(
        db,
        f"signal {signal_id}",
        "UPDATE signals SET state = ?, reason = ? WHERE book = ? AND signal_id = ?",
        (state, plain(reason), at.book, signal_id),
    )


def signal_expired(db: sqlite3.Connection, at: Place, event: facts.SignalExpired) -> None:
    """Project SignalExpired."""
    _signal_state(db, at, event.signal_id, "EXPIRED", event.text or "expired")


_DONE_STATES = {"expired": "EXPIRED", "dry_run": "DRY_RUN"}


def signal_done(db: sqlite3.Connection, at: Place, event: facts.SignalDone) -> None:
    """Project SignalDone."""
    state = _DONE_STATES.get(event.outcome, "DONE")
    _signal_state(db, at, event.signal_id, state, event.outcome)


def _insert_order(
    db: sqlite3.Connection, at: Place, order: Order, status: str, reason: str = "", text: str = ""
) -> None:
    row = {
        "seq": at.seq,
        "order_id": order.order_id,
        "order_ref": order.order_ref,
        "session_id": at.session_id,
        "book": at.book,
        "strategy_id": order.strategy,
        "signal_id": order.signal_id,
        "decision_id": order.decision_id,
        "instrument": order.instrument,
        "symbol": symbol_of(order.instrument),
        "side": order.side.value,
        "quantity_u": rounded(order.quantity) if reason else micro(order.quantity),
        "order_type": order.type.value,
        "limit_price_u": rounded(order.limit_price),
        "stop_price_u": rounded(order.stop_price),
        "trail_u": rounded(order.trail),
        "time_in_force": order.time_in_force.value,
        "reference_price_u": rounded(order.reference_price),
        "is_exit": order.is_exit,
        "oca_group": order.oca_group,
        "status": status,
        "reason": reason,
        "text": plain(text),
        "created_at": utc_text(order.created_at),
        "changed_at": at.at,
    }
    if at.fresh is None or order.order_id in at.fresh:
        insert(db, "orders", row)  # twice the same: the database refuses it
    else:
        at.fresh[order.order_id] = row


def _change_order(db: sqlite3.Connection, at: Place, order_id: str, row: dict[str, Any]) -> None:
    fresh = at.fresh and at.fresh.get(order_id)
    if fresh:
        fresh.update(row)
    else:
        update(db, f"order {order_id}", "orders", "order_id", order_id, row)


def order_denied(db: sqlite3.Connection, at: Place, event: facts.OrderDenied) -> None:
    """Project OrderDenied."""
    _insert_order(db, at, event.order, "DENIED", event.code, event.text)


def order_approved(db: sqlite3.Connection, at: Place, event: facts.OrderApproved) -> None:
    """Project OrderApproved."""
    _insert_order(db, at, event.order, "APPROVED")
    if event.order.signal_id is not None:
        _signal_state(db, at, event.order.signal_id, "ORDERED", "")


def order_dry_run(db: sqlite3.Connection, at: Place, event: facts.OrderDryRun) -> None:
    """Project OrderDryRun."""
    _insert_order(db, at, event.order, "DRY_RUN")
    if event.order.signal_id is not None:
        _signal_state(db, at, event.order.signal_id, "DRY_RUN", "")


def order_previewed(db: sqlite3.Connection, at: Place, event: facts.OrderPreviewed) -> None:
    """Project OrderPreviewed."""
    text = plain(event.text)
    _change_order(db, at, event.order_id, {"reason": text, "text": text, "changed_at": at.at})


def send_started(db: sqlite3.Connection, at: Place, event: facts.SendStarted) -> None:
    """Project SendStarted."""
    sent = {"broker_order_id": event.broker_order_id, "sent_at": at.at, "changed_at": at.at}
    _change_order(db, at, event.order_id, sent)


def send_closed(db: sqlite3.Connection, at: Place, event: facts.SendClosed) -> None:
    """Project SendClosed."""
    reason = plain(event.text)
    closed = {"broker_order_id": None, "sent_at": None, "reason": reason, "changed_at": at.at}
    _change_order(db, at, event.order_id, closed)


def order_moved(db: sqlite3.Connection, at: Place, event: facts.OrderStatusChanged) -> None:
    """Project OrderStatusChanged."""
    row: dict[str, Any] = {
        "status": event.status.value,
        "filled_u": micro(event.filled),
        "filled_value_u": rounded(event.filled_value),
        "changed_at": at.at,
    }
    # what is not said leaves what is known: a later report often has no number and no text
    if event.perm_id:
        row["perm_id"] = event.perm_id
    code = str(event.code) if event.code else ""
    reason = plain(event.text) or code
    if reason:
        row["reason"] = reason
        row["text"] = f"{code} {reason}" if code and reason != code else reason
    _change_order(db, at, event.order_id, row)


def cancel_requested(db: sqlite3.Connection, at: Place, event: facts.CancelRequested) -> None:
    """Project CancelRequested."""
    _change_order(db, at, event.order_id, {"cancel_requested": 1, "changed_at": at.at})


def order_held(db: sqlite3.Connection, at: Place, event: facts.OrderHeld) -> None:
    """Project OrderHeld."""
    row: dict[str, Any] = {"held": event.held, "changed_at": at.at}
    if event.text:
        row["text"] = plain(event.text)
    _change_order(db, at, event.order_id, row)


def change_requested(db: sqlite3.Connection, at: Place, event: facts.ChangeRequested) -> None:
    """Project ChangeRequested."""
    _order_text(db, at, event.order_id, f"change asked: {event.reason}")


def change_refused(db: sqlite3.Connection, at: Place, event: facts.ChangeRefused) -> None:
    """Project ChangeRefused."""
    _order_text(db, at, event.order_id, f"change refused: {event.text}")


def _order_text(db: sqlite3.Connection, at: Place, order_id: str, text: str) -> None:
    _change_order(db, at, order_id, {"text": plain(text), "changed_at": at.at})


def order_changed(db: sqlite3.Connection, at: Place, event: facts.OrderChanged) -> None:
    """Project OrderChanged."""
    order = event.order
    changed = {
        "quantity_u": micro(order.quantity),
        "limit_price_u": rounded(order.limit_price),
        "stop_price_u": rounded(order.stop_price),
        "time_in_force": order.time_in_force.value,
        "text": "changed",
        "changed_at": at.at,
    }
    _change_order(db, at, event.order_id, changed)


_FILL = (
    *("seq", "exec_id", "session_id", "book", "order_id", "strategy_id", "instrument", "symbol"),
    *("side", "quantity_u", "price_u", "commission_u", "reference_price_u", "slippage_bps_u", "at"),
)
_INSERT_FILL = f"INSERT INTO fills ({','.join(_FILL)}) VALUES ({','.join('?' * len(_FILL))})"  # noqa: S608
_CORRECT_FILL = (
    f"UPDATE fills SET {' = ?, '.join(_FILL)} = ?, corrects = ? WHERE book = ? AND exec_id = ?"  # noqa: S608
)


def _fill_row(at: Place, fill: Fill) -> tuple[object, ...]:
    return (
        at.seq,
        fill.exec_id,
        at.session_id,
        at.book,
        fill.order_id,
        fill.strategy,
        fill.instrument,
        symbol_of(fill.instrument),
        fill.side.value,
        micro(fill.quantity),
        micro(fill.price),
        units(fill.commission),
        rounded(fill.reference_price),
        rounded(fill.slippage_bps),
        utc_text(fill.at),
    )


def fill(db: sqlite3.Connection, at: Place, event: facts.FillReceived) -> None:
    """Project FillReceived."""
    db.execute(_INSERT_FILL, _fill_row(at, event.fill))


def fill_corrected(db: sqlite3.Connection, at: Place, event: facts.FillCorrected) -> None:
    """Project FillCorrected."""
    old = event.old_exec_id
    values = (*_fill_row(at, event.fill), old, at.book, old)
    update_one(db, f"fill {old}", _CORRECT_FILL, values)


def commission(db: sqlite3.Connection, at: Place, event: facts.CommissionBooked) -> None:
    """Project CommissionBooked."""
    update_one(
        db,
        f"fill {event.exec_id}",
        "UPDATE fills SET commission_u = ? WHERE book = ? AND exec_id = ?",
        (micro(event.commission), at.book, event.exec_id),
    )


def position(db: sqlite3.Connection, at: Place, event: facts.PositionChanged) -> None:
    """Project PositionChanged."""
    after = event.after
    db.execute(
        "INSERT INTO positions (session_id, owner, instrument, symbol, quantity_u, cost_u, "
        "realized_u, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (session_id, owner, instrument) DO UPDATE SET quantity_u = "
        "excluded.quantity_u, cost_u = excluded.cost_u, realized_u = excluded.realized_u, "
        "changed_at = excluded.changed_at",
        (
            at.session_id,
            event.strategy or "",
            event.instrument,
            symbol_of(event.instrument),
            micro(after.quantity),
            rounded(after.cost),
            rounded(after.realized),
            at.at,
        ),
    )


def cash(db: sqlite3.Connection, at: Place, event: facts.CashChanged) -> None:
    """Project CashChanged."""
    update_one(
        db,
        f"cash of {event.strategy}",
        "UPDATE strategies SET cash_u = ? WHERE session_id = ? AND strategy_id = ?",
        (micro(event.after), at.session_id, event.strategy),
    )


def snapshot(db: sqlite3.Connection, at: Place, event: facts.SnapshotTaken) -> None:
    """Project SnapshotTaken."""
    rows = event.rows
    db.execute(
        "INSERT INTO snapshots (seq, session_id, first_date, last_date, rows, intraday, quiet) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            at.seq,
            at.session_id,
            rows[0].session_date.isoformat(),
            rows[-1].session_date.isoformat(),
            len(rows),
            not are_final(rows),
            isinstance(rows, QuietDays),
        ),
    )
    for strategy, newest in newest_of(rows).items():
        for holding in newest.holdings:
            # a holding of nobody's position cannot be: it is worked out from the same ledger
            update_one(
                db,
                f"position of {strategy} in {holding.instrument}",
                "UPDATE positions SET market_price_u = ?, priced_at = ? "
                "WHERE session_id = ? AND owner = ? AND instrument = ?",
                (micro(holding.price), at.at, at.session_id, strategy, holding.instrument),
            )
