"""Which orders fill on a price, and at which reference. Pure.

A bar says where prices began, how far they went and where they ended, not in which order they
came. What is certain fills; where the path decides, the outcome that is worse for the trader
is assumed:

| type | fills when | reference |
|---|---|---|
| market, on-open | at the first price | open |
| on-close | at the last price | close |
| limit | low <= limit (buy), high >= limit (sell) | the better of limit and open |
| stop | high >= stop (buy), low <= stop (sell) | the worse of stop and open, plus costs |
| stop-limit | as stop, never beyond its limit; gapped past it, it rests as a limit | likewise |
| trailing | as stop; the stop follows the best price seen before, and the open | likewise |

The high of a bar moves a trailing stop only for its close, which certainly came later. Market
prices and stops pay spread and slippage on top of the reference; limits fill at their price.
A quote is a bar whose four prices are the same.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from engine.domain.market import Bar, Quote
from engine.domain.order import Order, OrderType, Side, TimeInForce

_T = OrderType

STOPS = frozenset({_T.STOP, _T.STOP_LIMIT, _T.TRAIL})
"""Types assumed to come first when both sides of an OCA group are touched in one bar."""

ON_CLOSE = frozenset({_T.MARKET_ON_CLOSE, _T.LIMIT_ON_CLOSE})
_ON_OPEN = frozenset({_T.MARKET_ON_OPEN, _T.LIMIT_ON_OPEN})
_AT_ONCE = frozenset({_T.MARKET, _T.MARKET_ON_OPEN, _T.MARKET_ON_CLOSE})


class Prices(NamedTuple):
    """What an order saw: the first price, the extremes, the last price."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


class Touch(NamedTuple):
    """A fill that happens: at this reference, with costs on top or not, never past `cap`."""

    reference: Decimal
    pays: bool  # spread and slippage come on top
    cap: Decimal | None = None


@dataclass(slots=True)
class Trigger:
    """What a resting stop remembers; the fold of the prices since its acceptance."""

    fired: bool = False  # touched: from here on a market order, a stop-limit a limit order
    best: Decimal | None = None  # best price seen by a trailing stop


def at_open_only(order: Order) -> bool:
    """Say whether an order takes part in the opening auction and in nothing else."""
    return order.type in _ON_OPEN or order.time_in_force is TimeInForce.OPG


def flat(price: Decimal) -> Prices:
    """Return a single price as Prices."""
    return Prices(price, price, price, price)


def of_bar(bar: Bar) -> Prices:
    """Return a whole bar as Prices."""
    return Prices(bar.open, bar.high, bar.low, bar.close)


def of_quote(quote: Quote, side: Side) -> Prices:
    """Return the side of a quote that an order can trade at."""
    return flat(quote.ask if side is Side.BUY else quote.bid)


def match(order: Order, prices: Prices, trigger: Trigger) -> Touch | None:
    """Return how an order fills on these prices, None if it does not; moves its trigger on."""
    if order.type in _AT_ONCE:
        return Touch(prices.open, pays=True)
    if order.type not in STOPS:
        return _limit(order, prices)
    if trigger.fired:  # the rest of a stop that could not fill whole
        if order.type is _T.STOP_LIMIT:
            return _limit(order, prices)
        return Touch(prices.open, pays=True)
    if order.type is _T.TRAIL:
        touch = _trailing(order, prices, trigger)
    else:
        touch = _stop(order, prices, trigger)
    if touch is not None:
        trigger.fired = True
    return touch


def _limit(order: Order, prices: Prices) -> Touch | None:
    limit = order.limit_price
    assert limit is not None, f"{order.type.value} order without a limit"
    if order.side is Side.BUY:
        return Touch(min(limit, prices.open), False, limit) if prices.low <= limit else None
    return Touch(max(limit, prices.open), False, limit) if prices.high >= limit else None


def _stop(order: Order, prices: Prices, trigger: Trigger) -> Touch | None:
    stop = order.stop_price
    assert stop is not None, f"{order.type.value} order without a stop"
    if not _reaches(order.side, _against(order.side, prices), stop):
        return None
    touched = _worse(order.side, stop, prices.open)
    if order.type is _T.STOP:
        return Touch(touched, pays=True)
    limit = order.limit_price
    assert limit is not None, "stop-limit order without a limit"
    if _worse(order.side, touched, limit) == limit:
        return Touch(touched, True, limit)
    trigger.fired = True  # gapped past the limit: from here on it rests as a limit
    return _limit(order, flat(prices.close))


def _trailing(order: Order, prices: Prices, trigger: Trigger) -> Touch | None:
    """Follow the best price: the highest for a sell, the lowest for a buy."""
    side, trail = order.side, order.trail
    assert trail is not None, "trailing order without a trail"
    distance = side.sign * trail
    best = trigger.best
    if best is None:
        best = prices.open if order.stop_price is None else order.stop_price - distance
    if _reaches(side, prices.open, best + distance):
        return Touch(prices.open, pays=True)
    best = _better(side, best, prices.open)
    if _reaches(side, _against(side, prices), best + distance):
        return Touch(best + distance, pays=True)
    trigger.best = best = _better(side, best, prices.low if side is Side.BUY else prices.high)
    if _reaches(side, prices.close, best + distance):
        return Touch(best + distance, pays=True)
    return None


def _against(side: Side, prices: Prices) -> Decimal:
    """The extreme that hurts this side: the high for a buy."""
    return prices.high if side is Side.BUY else prices.low


def _reaches(side: Side, price: Decimal, stop: Decimal) -> bool:
    return price >= stop if side is Side.BUY else price <= stop


def _worse(side: Side, a: Decimal, b: Decimal) -> Decimal:
    return max(a, b) if side is Side.BUY else min(a, b)


def _better(side: Side, a: Decimal, b: Decimal) -> Decimal:
    return min(a, b) if side is Side.BUY else max(a, b)
