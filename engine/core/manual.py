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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from engine.core import cancels, gating, trade
from engine.core.draft import Draft
from engine.core.state import PlanLeg, Replacing, State, StrategyBook, equity_of, price_of
from engine.core.vetting import refusal
from engine.domain import event as ev
from engine.domain.alert import Severity
from engine.domain.ids import MANUAL, InstrumentId, OrderId, RequestId, StrategyId, order_ref
from engine.domain.instrument import symbol_of
from engine.domain.money import BPS, ZERO, text
from engine.domain.order import DONE, Order, OrderStatus, Side, WorkingOrder
from engine.domain.request import Request
from engine.domain.risk import CheckResult
from engine.domain.signal import Signal, SignalKind, signal_id
from engine.domain.ticket import NO_ORDER, Action, Ticket, ticket_of
from engine.errors import SettingsError
from engine.risk import gate
from engine.strategy import sizing
from engine.strategy.base import Wish

Answer = tuple[str, str]
"""Result and text of a request."""

REPLACES_WITHIN_S = 120
"""A cancel that takes longer to be confirmed leaves a decision that is too old to be sent."""

_LEFT = (Action.CLOSE, Action.REDUCE, Action.SELL)


class _Refused(Exception):
    """The ticket cannot become an order."""

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(words)
        self.reason = reason
        self.words = words


@dataclass(frozen=True, slots=True)
class _Made:
    """A ticket worked out: whose it is, the opinion behind it, and the order it would be."""

    ticket: Ticket
    book: StrategyBook
    signal: Signal
    order: Order
    refused: tuple[str, str] | None = None  # why the signal cannot be acted upon


def on_preview(state: State, request: Request, at: datetime) -> Answer:
    """Return what an order would be and do, as JSON; nothing but the question is written."""
    try:
        ticket = ticket_of(request.args)
        return "DONE", json.dumps(_preview(state, _made(state, ticket, request, at)))
    except SettingsError as wrong:
        return "REFUSED", str(wrong)
    except _Refused as why:
        return "REFUSED", f"{why.reason}: {why.words}"


def on_order(state: State, draft: Draft, request: Request, at: datetime) -> Answer:
    """Make an order of a ticket, unless something the person had seen has changed."""
    try:
        ticket = ticket_of(request.args)
        if request.args.get("session_id", state.context.session_id) != state.context.session_id:
            return "REFUSED", f"asked of another session than {state.context.session_id}"
        made = _made(state, ticket, request, at)
    except SettingsError as wrong:
        return "REFUSED", str(wrong)
    except _Refused as why:
        return "REFUSED", f"{why.reason}: {why.words}"
    changed = list(_changes(state, made, request.args))
    if changed:
        return "CHANGED", json.dumps(_preview(state, made) | {"changed": changed})
    if ticket.action is Action.REPLACE:
        return _replace(state, draft, made, request)
    return _submit(state, draft, made)


def go_on(state: State, draft: Draft, at: datetime) -> None:
    """Send the new orders whose old ones have ended, or say why they will not be."""
    for old, wish in state.replacing.items():
        row = state.orders[old]
        if row.status not in DONE and (row.canceling or row.status is OrderStatus.UNKNOWN):
            continue
        outcome, words = _go_on(state, draft, row, wish, at)
        _end(state, draft, row, wish.request.request_id, outcome, words)


def drop(state: State, draft: Draft, why: str) -> None:
    """Give up every new order that still waits for a cancel."""
    for old, wish in state.replacing.items():
        _end(state, draft, state.orders[old], wish.request.request_id, "DROPPED", why)


# -- from ticket to order --------------------------------------------------------------------


def _made(state: State, ticket: Ticket, request: Request, at: datetime) -> _Made:
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
    price = _decided_on(request.args) or price_of(state, instrument)
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
    return _Made(ticket, book, signal, order, refused)


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


def _decided_on(args: Mapping[str, str]) -> Decimal | None:
    """Return the price that the person had seen: slippage is measured from it."""
    return _decimal(args.get("seen_price", ""))


def _decimal(given: str) -> Decimal | None:
    try:
        value = Decimal(given)
    except ArithmeticError:
        return None
    return value if value.is_finite() and value > 0 else None


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
        shares, words = _bought(state, book, instrument, share, ticket.limit or price)
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


# -- what is shown and looked at again -------------------------------------------------------


def _without(state: State, order_id: OrderId) -> State:
    """Return the state as if one order did not work any more."""
    if order_id not in state.working:
        return state
    return replace(state, working={k: row for k, row in state.working.items() if k != order_id})


def _preview(state: State, made: _Made) -> dict[str, object]:
    order, book = made.order, made.book
    after_cancel = _without(state, made.ticket.order_id)
    checks = gating.check(after_cancel, book, order)
    denied = gating.verdict(checks, order.is_exit)
    waits = gate.waits_for(checks, order.is_exit) if denied is None else None
    quote = state.quotes.get(order.instrument)
    found = {
        "action": made.ticket.action.value,
        "strategy": book.strategy.id,
        "symbol": symbol_of(order.instrument),
        "side": order.side.value,
        "quantity": text(order.quantity),
        "type": order.type.value,
        "limit": _text(order.limit_price),
        "stop": _text(order.stop_price),
        "tif": order.time_in_force.value,
        "order_id": made.ticket.order_id,
        "sizing": order.sizing,
        "is_exit": order.is_exit,
        "price": _text(price_of(state, order.instrument)),
        "age_s": None if quote is None else (order.created_at - quote.at).total_seconds(),
        "bid": None if quote is None else _text(quote.bid),
        "ask": None if quote is None else _text(quote.ask),
        "refused": None if made.refused is None else ": ".join(made.refused),
        "denied": None if denied is None else denied.value,
        "waits": None if waits is None else waits.value,
        "checks": [[c.code, c.result.value, c.value, c.limit] for c in checks],
        "near": [c.code for c in checks if c.result is CheckResult.WARN],
        "working": [
            f"{row.order.side.value} {text(row.remaining)} {row.status.value}"
            for row in after_cancel.working.values()
            if row.order.instrument == order.instrument
        ],
    }
    return found | _effect(after_cancel, made) | _seen(state, made)


def _effect(state: State, made: _Made) -> dict[str, object]:
    """Return what it does to shares, weight and cash; what cannot be known is None."""
    order, book = made.order, made.book
    price = price_of(state, order.instrument)
    owned = book.position(order.instrument).quantity
    after = owned + order.side.sign * order.quantity
    equity = equity_of(state, book)
    effect: dict[str, object] = {
        "owned": text(owned),
        "owned_after": text(after),
        "cash": text(book.cash),
        "equity": _text(equity),
        "value": None,
        "cash_after": None,
        "weight": None,
        "weight_after": None,
    }
    if price is None:
        return effect
    at = order.limit_price or order.stop_price or price
    if order.side is Side.BUY:
        tick = state.instruments[order.instrument].tick
        change = -state.terms.costs.worst_cost(order.quantity, at, tick)
    else:
        s, f, fee = state.terms.costs.expected(at, state.instruments[order.instrument].tick)
        change = order.quantity * (at * (1 - s) - f) - fee
    effect |= {"value": text(order.quantity * at), "cash_after": text(book.cash + change)}
    if equity:
        weights = {"weight": owned * price / equity, "weight_after": after * price / equity}
        effect |= {name: f"{value:.6f}" for name, value in weights.items()}
    return effect


def _seen(state: State, made: _Made) -> dict[str, object]:
    """Return the facts that must still hold when the answer comes."""
    order, old = made.order, state.orders.get(made.ticket.order_id)
    seen = {
        "owned": text(made.book.position(order.instrument).quantity),
        "working": text(trade.working_quantity(state, made.book, order.instrument)),
        "trading_state": state.trading_state.value,
        "session_state": state.session_state.value,
    }
    price = price_of(state, order.instrument)
    if price is not None:
        seen["price"] = text(price)
    if old is not None:
        seen |= {"status": old.status.value, "filled": text(old.filled)}
    return {"seen": seen, "session_id": state.context.session_id}


def _changes(state: State, made: _Made, args: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield [fact, as seen, as it is] for what no longer holds."""
    now = _seen(state, made)["seen"]
    assert isinstance(now, dict)
    for name in ("trading_state", "session_state", "owned", "working", "status", "filled"):
        before = args.get(f"seen_{name}")
        if before is not None and before != now.get(name):
            yield [name, before, now.get(name, "unknown")]
    seen, price = _decided_on(args), price_of(state, made.order.instrument)
    band = _decimal(args.get("band_bps", ""))
    if seen is None or band is None or (price is None and made.order.is_exit):
        return
    if price is None or abs(price - seen) * BPS > band * seen:
        yield ["price", text(seen), "unknown" if price is None else text(price)]


def _text(value: Decimal | None) -> str | None:
    return None if value is None else text(value)


# -- doing it --------------------------------------------------------------------------------


def _submit(state: State, draft: Draft, made: _Made) -> Answer:
    signal, order = made.signal, made.order
    if made.refused is not None:
        reason, words = made.refused
        draft.add(ev.SignalRejected(signal=signal, reason=reason, text=words))
        return "REFUSED", f"{reason}: {words}"
    cause = draft.add(ev.SignalRaised(signal=signal))
    if trade.submit(state, draft, made.book, order, cause):
        sent = any(type(e.event) is ev.SendStarted for e in draft.entries[cause:])
        return "DONE", f"{order.order_id} {'sent' if sent else 'approved; it waits for its turn'}"
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
        return "DENIED", f"{order.order_id} {denied.text}"
    return "DRY_RUN", f"{order.order_id} recorded, nothing was sent"


def _replace(state: State, draft: Draft, made: _Made, request: Request) -> Answer:
    """Ask for the cancel; the new order is made when it is confirmed. Nothing if it were denied."""
    if made.refused is not None:
        return "REFUSED", f"{': '.join(made.refused)}; {made.ticket.order_id} works on"
    checks = gating.check(_without(state, made.ticket.order_id), made.book, made.order)
    denied = gating.verdict(checks, made.order.is_exit)
    if denied is not None:
        failed = next(c for c in checks if c.code == denied.value)
        words = f"{denied.value}: {failed.value}, limit {failed.limit}"
        return "DENIED", f"{words}; {made.ticket.order_id} works on"
    row = state.orders[made.ticket.order_id]
    cancels.ask_cancel(state, draft, row, request.actor, f"replaced by {request.request_id}")
    return "DONE", f"{made.ticket.order_id} cancel asked; the new order waits for its confirmation"


def _go_on(state: State, draft: Draft, row: WorkingOrder, wish: Replacing, at: datetime) -> Answer:
    """Return outcome and words of a replacement whose cancel has been answered."""
    if row.status not in DONE:
        return "WORKS_ON", "the cancel was refused: the old order works on"
    ticket = ticket_of(wish.request.args)
    wanted = ticket.quantity or ZERO
    if row.filled >= wanted or row.status is OrderStatus.FILLED:
        return "FILLED", f"the old order filled {text(row.filled)} in the meantime"
    if row.status not in (OrderStatus.CANCELED, OrderStatus.EXPIRED):
        return "DROPPED", f"the old order ended as {row.status.value}"
    if at - wish.since > timedelta(seconds=REPLACES_WITHIN_S):
        return "EXPIRED", f"the cancel took more than {REPLACES_WITHIN_S} s"
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
        return "REFUSED", f"{why.reason}: {why.words}"
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
