"""What a ticket would be and do: the gate's own verdict, the effect, and what must still hold.

Everything here only looks; a preview leaves no order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from engine.core import gating, trade
from engine.core.state import State, StrategyBook, equity_of, price_of
from engine.domain.ids import OrderId
from engine.domain.instrument import symbol_of
from engine.domain.money import BPS, text
from engine.domain.order import Order, Side
from engine.domain.risk import CheckResult
from engine.domain.signal import Signal
from engine.domain.ticket import Ticket
from engine.risk import gate


@dataclass(frozen=True, slots=True)
class Made:
    """A ticket worked out: whose it is, the opinion behind it, and the order it would be."""

    ticket: Ticket
    book: StrategyBook
    signal: Signal
    order: Order
    refused: tuple[str, str] | None = None  # why the signal cannot be acted upon


def without(state: State, order_id: OrderId) -> State:
    """Return the state as if one order did not work any more."""
    if order_id not in state.working:
        return state
    return replace(state, working={k: row for k, row in state.working.items() if k != order_id})


def preview_of(state: State, made: Made) -> dict[str, object]:
    """Return everything a person should see before a yes; what is not known is None."""
    order, book = made.order, made.book
    after_cancel = without(state, made.ticket.order_id)
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


def sentence(made: Made, preview: dict[str, object]) -> str:
    """Return the order and the verdict in one line."""
    order = made.order
    verdict = preview["refused"] or preview["denied"] or "nothing denies it"
    return (
        f"{order.side.value} {text(order.quantity)} {made.ticket.symbol} {order.type.value} "
        f"{order.time_in_force.value}: {verdict}"
    )


def _effect(state: State, made: Made) -> dict[str, object]:
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


def _seen(state: State, made: Made) -> dict[str, object]:
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


def changes(state: State, made: Made, args: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield [fact, as seen, as it is] for what no longer holds."""
    now = _seen(state, made)["seen"]
    assert isinstance(now, dict)
    for name in ("trading_state", "session_state", "owned", "working", "status", "filled"):
        before = args.get(f"seen_{name}")
        if before is not None and before != now.get(name):
            yield [name, before, now.get(name, "unknown")]
    seen, price = decided_on(args), price_of(state, made.order.instrument)
    band = _decimal(args.get("band_bps", ""))
    if seen is None or band is None or (price is None and made.order.is_exit):
        return
    if price is None or abs(price - seen) * BPS > band * seen:
        yield ["price", text(seen), "unknown" if price is None else text(price)]


def _text(value: Decimal | None) -> str | None:
    return None if value is None else text(value)


def decided_on(args: Mapping[str, str]) -> Decimal | None:
    """Return the price that the person had seen: slippage is measured from it."""
    return _decimal(args.get("seen_price", ""))


def _decimal(given: str) -> Decimal | None:
    try:
        value = Decimal(given)
    except ArithmeticError:
        return None
    return value if value.is_finite() and value > 0 else None
