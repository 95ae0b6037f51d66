"""When an order meets the market, and at which price: on quotes, the spread being the cost.

Stops trigger on the last price, those on options on the quote they would trade at; a trailing
stop follows the last price and never falls back. A market order takes the opposite quote, a
limit order does so up to its limit.
"""

from dataclasses import replace
from decimal import Decimal

from engine.brokers.practice.feed import Quote
from engine.brokers.practice.orders import Order, OrderType
from engine.brokers.practice.universe import step_at

STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAIL})
AUCTION = frozenset({OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_CLOSE})

_LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.LIMIT_ON_CLOSE})


def is_dormant(order: Order) -> bool:
    """Say whether an order still waits for its trigger."""
    return order.type in STOPS and not order.triggered


def watch(order: Order, quote: Quote) -> bool:
    """Show a stop the market: True if that triggers it; a trailing stop follows."""
    seen = _seen(order, quote)
    if seen is None:
        return False
    if order.type is OrderType.TRAIL:
        _ratchet(order, seen)
    stop = order.stop
    if stop is None:
        return False
    return seen >= stop if order.sign > 0 else seen <= stop


def price_for(order: Order, quote: Quote) -> Decimal | None:
    """Return the price at which an order trades on a quote; None if it does not."""
    offered = quote.ask if order.sign > 0 else quote.bid
    if offered is None or offered <= 0:
        return None
    return offered if reaches(order, offered) else None


def reaches(order: Order, price: Decimal) -> bool:
    """Say whether an order accepts a price."""
    limit = order.request.limit_price
    if order.type not in _LIMITED or limit is None:
        return True
    return price <= limit if order.sign > 0 else price >= limit


def size_for(order: Order, quote: Quote) -> Decimal:
    """Return what the market offers an order."""
    return quote.ask_size if order.sign > 0 else quote.bid_size


def _seen(order: Order, quote: Quote) -> Decimal | None:
    if order.traded.is_option:
        return quote.ask if order.sign > 0 else quote.bid
    return quote.last


def _ratchet(order: Order, last: Decimal) -> None:
    request = order.request
    if request.trailing_percent is not None:
        distance = last * request.trailing_percent / 100
    else:
        assert request.aux_price is not None, "a trailing order without a trail"
        distance = request.aux_price
    rule = order.traded.rule
    wanted = last + order.sign * distance
    wanted = (wanted / step_at(rule, wanted)).to_integral_value() * step_at(rule, wanted)
    known = order.trail_stop
    if known is None:
        known = request.trail_stop_price
    if known is None or (wanted < known if order.sign > 0 else wanted > known):
        known = wanted
    order.trail_stop = known


def reduce_to(order: Order, quantity: Decimal) -> None:
    """Change how much an order wants in all."""
    order.request = replace(order.request, quantity=quantity)
    order.parts.clear()
