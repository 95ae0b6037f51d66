"""Our order as the fields that go out. Everything that matters is explicit; nothing is guessed.

An empty time in force, account or reference would be filled in or refused by the broker. Text
is not escaped on the wire, and a number like 1e-05 is not understood: both are refused here.
"""

import math
from dataclasses import dataclass
from decimal import Decimal

from engine.brokers.ibkr.contracts import Steps, limit_on_rule, trigger_on_rule
from engine.domain.order import Order, OrderType, Side, TimeInForce
from engine.errors import BrokerError

_T = OrderType

_TYPES: dict[OrderType, tuple[str, str]] = {
    _T.MARKET: ("MKT", ""),
    _T.LIMIT: ("LMT", ""),
    _T.STOP: ("STP", ""),
    _T.STOP_LIMIT: ("STP LMT", ""),
    _T.TRAIL: ("TRAIL", ""),
    _T.MARKET_ON_OPEN: ("MKT", "OPG"),
    _T.LIMIT_ON_OPEN: ("LMT", "OPG"),
    _T.MARKET_ON_CLOSE: ("MOC", ""),
    _T.LIMIT_ON_CLOSE: ("LOC", ""),
}
"""Our type → theirs, and the time in force that it implies."""

_WITH_LIMIT = frozenset({_T.LIMIT, _T.STOP_LIMIT, _T.LIMIT_ON_OPEN, _T.LIMIT_ON_CLOSE})
_WITH_STOP = frozenset({_T.STOP, _T.STOP_LIMIT})
_REF_MAX = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFields:
    """The fields of an order, by the library's names; None is left unset."""

    action: str
    totalQuantity: float  # noqa: N815
    orderType: str  # noqa: N815
    lmtPrice: float | None  # noqa: N815
    auxPrice: float | None  # noqa: N815
    tif: str
    account: str
    orderRef: str  # noqa: N815
    ocaGroup: str  # noqa: N815
    ocaType: int  # noqa: N815
    outsideRth: bool = False  # noqa: N815
    transmit: bool = True
    whatIf: bool = False  # noqa: N815


def fields_of(order: Order, account: str, steps: Steps) -> OrderFields:
    """Return what to send for an order. Raises BrokerError for what must not be sent."""
    kind, tif = _TYPES[order.type]
    buy = order.side is Side.BUY
    limit = stop = None
    if order.type in _WITH_LIMIT:
        limit = limit_on_rule(steps, _needed(order, order.limit_price, "limit price"), buy=buy)
    if order.type in _WITH_STOP:
        stop = trigger_on_rule(steps, _needed(order, order.stop_price, "stop price"), buy=buy)
    if order.type is _T.TRAIL:
        stop = _needed(order, order.trail, "trailing amount")
    return OrderFields(
        action="BUY" if buy else "SELL",
        totalQuantity=_wire(_needed(order, order.quantity, "quantity"), order),
        orderType=kind,
        lmtPrice=None if limit is None else _wire(limit, order),
        auxPrice=None if stop is None else _wire(stop, order),
        tif=tif or _tif(order.time_in_force),
        account=_text(account, "account"),
        orderRef=_text(order.order_ref, "order reference"),
        ocaGroup=_text(order.oca_group, "OCA group") if order.oca_group else "",
        ocaType=1 if order.oca_group else 0,
    )


def _tif(tif: TimeInForce) -> str:
    return tif.value


def _needed(order: Order, value: Decimal | None, what: str) -> Decimal:
    if value is None or not value.is_finite() or value <= 0:
        raise BrokerError(f"{order.order_ref}: {what} is {value}, a number above 0 is needed")
    return value


def _wire(value: Decimal, order: Order) -> float:
    """Return a number whose text on the wire is plain; whole ones without a fraction."""
    if value <= 0:
        raise BrokerError(f"{order.order_ref}: {value} is 0 on the price steps of its market")
    if value == value.to_integral_value():
        return int(value)
    found = float(value)
    if not math.isfinite(found) or "e" in repr(found):
        raise BrokerError(f"{order.order_ref}: {value} cannot be written without an exponent")
    return found


def _text(text: str, what: str) -> str:
    if not text or len(text) > _REF_MAX or not text.isascii() or not text.isprintable():
        raise BrokerError(f"{what} {text!r}: 1 to {_REF_MAX} printable ASCII characters are needed")
    return text
