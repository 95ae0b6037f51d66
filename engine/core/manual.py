"""Orders of a person at the keyboard: previewed, looked at again, then on the one path.

A preview is the gate's own verdict on the very order that would be made; it leaves no order. The
request that follows carries the facts the person had seen: where one no longer holds nothing is
sent, and the answer is a new preview. Buying and selling are the strategy `manual`; closing and
reducing are exits of the strategy that owns the shares, because nothing is sold by a strategy
that does not own it. Replacing is a cancel, its confirmation, and a new order with a new reference.

The request is the decision: its id stands in the signal as the slot, so a request that arrives
twice has one signal, one reference and one order.
"""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from engine.core import cancels, gating, trade
from engine.core.draft import Draft
from engine.core.preview import Made, changes, decided_on, preview_of, sentence, without
from engine.core.state import PlanLeg, Replacing, State, StrategyBook, equity_of, price_of
from engine.core.vetting import refusal
from engine.domain import event as ev
from engine.domain.alert import Severity
from engine.domain.ids import MANUAL, InstrumentId, RequestId, StrategyId, order_ref
from engine.domain.instrument import symbol_of
from engine.domain.money import ZERO, text
from engine.domain.order import DONE, OrderStatus, Side, WorkingOrder
from engine.domain.request import Request, RequestKind
from engine.domain.signal import Signal, SignalKind, signal_id
from engine.domain.ticket import NO_ORDER, Action, Ticket, ticket_of
from engine.errors import SettingsError
from engine.strategy import sizing
from engine.strategy.base import Wish


class Answer(NamedTuple):
    """What a person is told: result, one sentence, and the preview where there is one."""

    result: str
    text: str
    preview: str = ""


REPLACES_WITHIN_S = 120
"""A cancel that takes longer to be confirmed leaves a decision that is too old to be sent."""

_LEFT = (Action.CLOSE, Action.REDUCE, Action.SELL)


class _Refused(Exception):
    """The ticket cannot become an order."""

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(words)
        self.reason = reason
        self.words = words


def on_ticket(state: State, draft: Draft, request: Request, at: datetime) -> Answer:
    """Answer a ticket: with what it would be and do, or by making an order of it."""
    try:
        ticket = ticket_of(request.args)
        if request.args.get("session_id", state.context.session_id) != state.context.session_id:
            text = f"asked of another session than {state.context.session_id}"
            return Answer("REFUSED", text)
        made = _made(state, ticket, request, at)
    except SettingsError as wrong:
        return Answer("REFUSED", str(wrong))
    except _Refused as why:
        return Answer("REFUSED", f"{why.reason}: {why.words}")
    if request.kind is RequestKind.PREVIEW:
        preview = preview_of(state, made)
        return Answer("DONE", sentence(made, preview), json.dumps(preview))
    changed = list(changes(state, made, request.args))
    if changed:
        words = ", ".join(f"{name} {old} → {new}" for name, old, new in changed)
        preview = preview_of(state, made) | {"changed": changed}
        return Answer("CHANGED", f"nothing was sent: {words}", json.dumps(preview))
    if ticket.action is Action.REPLACE:
        return _replace(state, draft, made, request)
    return _submit(state, draft, made)


def go_on(state: State, draft: Draft, at: datetime) -> None:
    """Send the new orders whose old ones have ended, or say why they will not be."""
    for old, wish in state.replacing.items():
        row = state.orders[old]
        if row.status not in DONE and (row.canceling or row.status is OrderStatus.UNKNOWN):
            continue
        outcome, words, _ = _go_on(state, draft, row, wish, at)
        _end(state, draft, row, wish.request.request_id, outcome, words)


def drop(state: State, draft: Draft, why: str, *, entries_only: bool = False) -> None:
    """Give up every new order that still waits for a cancel; none comes after a halt or a stop."""
    for old, wish in state.replacing.items():
        row = state.orders[old]
        if not (entries_only and row.order.is_exit):
            _end(state, draft, row, wish.request.request_id, "DROPPED", why)


# -- from ticket to order --------------------------------------------------------------------


def _made(state: State, ticket: Ticket, request: Request, at: datetime) -> Made:
    if ticket.action is Action.REPLACE:
        ticket = _of_old(state, ticket)
    book = state.books.get(ticket.strategy)
    if book is None:
        hint = "; start with --strategy NAMES,manual" if ticket.strategy == MANUAL else ""
        raise _Refused("no_strategy", f"no strategy {ticket.strategy} in this session{hint}")
    instrument = next((i for i in state.instruments if symbol_of(i) == ticket.symbol), None)
    if instrument is None:
        known = ", ".join(sorted(symbol_of(i) for i in state.instruments))
        raise _Refused("unknown_instrument", f"{ticket.symbol!r}: this session has {known}")
    if state.session_date is None:
        raise _Refused("no_price", "no market data has come yet")
    side = _side(state, ticket)
    price = decided_on(request.args) or price_of(state, instrument)
    quantity, words = _quantity(state, book, instrument, ticket, price)
    signal = _signal(state, ticket, request, instrument, side, quantity, price, at)
    wish = Wish(leg=0, instrument=instrument, kind=signal.kind, pass_no=signal.pass_no)
    refused = None
    if ticket.action in (Action.BUY, Action.SELL) or side is Side.BUY:
        refused = refusal(state, book, signal, wish, {})
    if refused is None and ticket.action in _LEFT and book.position(instrument).quantity <= 0:
        refused = "not_owned", f"{book.strategy.id} owns no {ticket.symbol}"
    order = trade.make_order(
        state,
        book,
        ref=order_ref(signal.signal_id.removeprefix("sig_"), 0),
        instrument=instrument,
        side=side,
        quantity=quantity,
        at=at,
        price=price,
        words=words,
        leg=PlanLeg(signal, signal.pass_no, price or ZERO),
    )
    order = replace(order, time_in_force=ticket.time_in_force)
    if refused is None and price is not None and ticket.action is not Action.CLOSE:
        owned = book.position(instrument).quantity
        signed = side.sign * quantity
        if sizing.below_minimum(signed, price, owned, state.terms.minimum):
            least = f"{text(quantity * price)} USD, {text(state.terms.minimum)} USD at least"
            refused = "below_minimum", least
    return Made(ticket, book, signal, order, refused)


def _of_old(state: State, ticket: Ticket) -> Ticket:
    """Complete the ticket of a replacement from the order that it replaces."""
    row = state.orders.get(ticket.order_id)
    if row is None:
        raise _Refused("unknown_order", f"{ticket.order_id} is no order of this book")
    order = row.order
    if order.decision_id is not None:
        owner = order.strategy
        raise _Refused("not_by_hand", f"{owner} decided this order: cancel it; it decides anew")
    if row.status in DONE or row.canceling:
        state_now = "being canceled" if row.status not in DONE else row.status.value
        raise _Refused("not_working", f"{ticket.order_id} is {state_now}")
    return replace(ticket, strategy=order.strategy, symbol=symbol_of(order.instrument))


def _side(state: State, ticket: Ticket) -> Side:
    if ticket.action is Action.REPLACE:
        return state.orders[ticket.order_id].order.side
    return Side.BUY if ticket.action is Action.BUY else Side.SELL


def free_shares(state: State, book: StrategyBook, instrument: InstrumentId) -> Decimal:
    """Return the owned shares that no working sell of the strategy covers."""
    sold = sum(
        (
            row.remaining
            for row in state.working.values()
            if row.order.strategy == book.strategy.id
            and row.order.instrument == instrument
            and row.order.side is Side.SELL
        ),
        ZERO,
    )
    return max(ZERO, book.position(instrument).quantity - sold)


def _quantity(
    state: State,
    book: StrategyBook,
    instrument: InstrumentId,
    ticket: Ticket,
    price: Decimal | None,
) -> tuple[Decimal, str]:
    """Return whole shares above zero and the arithmetic in words."""
    free = free_shares(state, book, instrument)
    if ticket.action is Action.REPLACE and ticket.quantity is not None:
        filled = state.orders[ticket.order_id].filled
        if ticket.quantity <= filled:
            raise _Refused("filled", f"{text(filled)} have filled; more than that is needed")
        left = ticket.quantity - filled
        return left, f"{text(ticket.quantity)} - {text(filled)} filled = {text(left)} shares"
    if ticket.quantity is not None:
        return ticket.quantity, f"{text(ticket.quantity)} shares by hand"
    if ticket.action is Action.CLOSE:
        owned = book.position(instrument).quantity
        if owned <= 0:
            raise _Refused("not_owned", f"{book.strategy.id} owns no {ticket.symbol}")
        if free == 0:
            raise _Refused("closing", f"all {text(owned)} {ticket.symbol} are being sold already")
        return free, f"all {text(free)} owned and not being sold"
    share = ticket.share or ZERO
    if ticket.action is not Action.BUY:
        shares = free * share // 1
        words = f"⌊{text(share)} of {text(free)} owned⌋ = {text(shares)}"
    else:
        dearest = max((p for p in (price, ticket.limit, ticket.stop) if p), default=None)
        shares, words = _bought(state, book, instrument, share, dearest)
    if shares <= 0:
        raise _Refused("nothing", f"{words}: no whole share")
    return shares, words


def _bought(
    state: State,
    book: StrategyBook,
    instrument: InstrumentId,
    share: Decimal,
    price: Decimal | None,
) -> tuple[Decimal, str]:
    equity = equity_of(state, book)
    if price is None or equity is None:
        raise _Refused("no_price", f"no valid price to take a share of equity by: {instrument}")
    s, f, fee = state.terms.costs.expected(price, state.instruments[instrument].tick)
    sized = sizing.target_shares(share, equity, book.cash, ZERO, price, s, f, fee)
    return sized.quantity, sized.words


def _signal(
    state: State,
    ticket: Ticket,
    request: Request,
    instrument: InstrumentId,
    side: Side,
    quantity: Decimal,
    price: Decimal | None,
    at: datetime,
) -> Signal:
    assert state.session_date is not None
    kind = SignalKind.ENTER if side is Side.BUY else SignalKind.EXIT
    book = state.books[ticket.strategy]
    expires = at + timedelta(seconds=state.terms.entry_ttl_s)
    if side is Side.SELL and state.closes_at is not None:
        expires = max(expires, state.closes_at)
    return Signal(
        signal_id=signal_id(
            book.strategy.id,
            book.strategy.parameter_hash,
            instrument,
            kind,
            state.session_date,
            request.request_id,
            0,
        ),
        decision_id=None,
        strategy=book.strategy.id,
        instrument=instrument,
        kind=kind,
        session_date=state.session_date,
        slot=request.request_id,
        leg=0,
        pass_no=2 if side is Side.BUY else 1,
        side=side,
        quantity=quantity,
        price=price,
        reason=f"{ticket.action.value} by {request.actor}",
        raised_at=at,
        expires_at=expires,
        order_type=ticket.type,
        limit_price=ticket.limit,
        stop_price=ticket.stop,
    )


# -- doing it --------------------------------------------------------------------------------


def _submit(state: State, draft: Draft, made: Made) -> Answer:
    signal, order = made.signal, made.order
    if made.refused is not None:
        reason, words = made.refused
        draft.add(ev.SignalRejected(signal=signal, reason=reason, text=words))
        return Answer("REFUSED", f"{reason}: {words}")
    cause = draft.add(ev.SignalRaised(signal=signal))
    if trade.submit(state, draft, made.book, order, cause):
        sent = any(type(e.event) is ev.SendStarted for e in draft.entries[cause:])
        return Answer(
            "DONE", f"{order.order_id} {'sent' if sent else 'approved; it waits for its turn'}"
        )
    outcome = "dry_run" if state.context.dry_run else "denied"
    events = [entry.event for entry in draft.entries[cause:]]
    denied = next((event for event in events if isinstance(event, ev.OrderDenied)), None)
    if denied is not None:
        outcome = "denied"
    draft.add(
        ev.SignalDone(
            signal_id=signal.signal_id,
            strategy=signal.strategy,
            instrument=signal.instrument,
            outcome=outcome,
            target_weight=None,
            carried=False,
        ),
        cause,
    )
    if denied is not None:
        return Answer("DENIED", f"{order.order_id} {denied.text}")
    return Answer("DRY_RUN", f"{order.order_id} recorded, nothing was sent")


def _replace(state: State, draft: Draft, made: Made, request: Request) -> Answer:
    """Ask for the cancel; the new order is made when it is confirmed. Nothing if it were denied."""
    if made.refused is not None:
        return Answer("REFUSED", f"{': '.join(made.refused)}; {made.ticket.order_id} works on")
    checks = gating.check(without(state, made.ticket.order_id), made.book, made.order)
    denied = gating.verdict(checks, made.order.is_exit)
    if denied is not None:
        failed = next(c for c in checks if c.code == denied.value)
        words = f"{denied.value}: {failed.value}, limit {failed.limit}"
        return Answer("DENIED", f"{words}; {made.ticket.order_id} works on")
    row = state.orders[made.ticket.order_id]
    cancels.ask_cancel(state, draft, row, request.actor, f"replaced by {request.request_id}")
    return Answer("DONE", f"{made.ticket.order_id} cancel asked; the new order waits for it")


def _go_on(state: State, draft: Draft, row: WorkingOrder, wish: Replacing, at: datetime) -> Answer:
    """Return outcome and words of a replacement whose cancel has been answered."""
    if row.status not in DONE:
        return Answer("WORKS_ON", "the cancel was refused: the old order works on")
    ticket = ticket_of(wish.request.args)
    wanted = ticket.quantity or ZERO
    if row.filled >= wanted or row.status is OrderStatus.FILLED:
        return Answer("FILLED", f"the old order filled {text(row.filled)} in the meantime")
    if row.status not in (OrderStatus.CANCELED, OrderStatus.EXPIRED):
        return Answer("DROPPED", f"the old order ended as {row.status.value}")
    if at - wish.since > timedelta(seconds=REPLACES_WITHIN_S):
        return Answer("EXPIRED", f"the cancel took more than {REPLACES_WITHIN_S} s")
    order = row.order
    fresh = replace(
        ticket,
        action=Action.BUY if order.side is Side.BUY else Action.REDUCE,
        strategy=StrategyId(order.strategy),
        symbol=symbol_of(order.instrument),
        quantity=wanted - row.filled,
        order_id=NO_ORDER,
    )
    try:
        made = _made(state, fresh, wish.request, at)
    except _Refused as why:
        return Answer("REFUSED", f"{why.reason}: {why.words}")
    return _submit(state, draft, made)


def _end(
    state: State, draft: Draft, row: WorkingOrder, request_id: RequestId, outcome: str, words: str
) -> None:
    old = row.order.order_id
    draft.add(ev.ReplacementEnded(request_id=request_id, order_id=old, outcome=outcome, text=words))
    if outcome != "DONE":
        said = f"the order that was to replace {old}: {outcome} {words}"
        where = state.context.book
        draft.alert(where, Severity.WARNING, "not_replaced", row.order.order_ref, said)
