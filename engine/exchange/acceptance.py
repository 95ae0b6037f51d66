"""What an exchange refuses to take: an order off its lot or tick, a short, a buy without cash."""

from decimal import Decimal

from engine.domain.instrument import Stock
from engine.domain.money import MICRO, ZERO, text
from engine.domain.order import Order, OrderType, Side

_T = OrderType
_NEEDS_LIMIT = frozenset({_T.LIMIT, _T.STOP_LIMIT, _T.LIMIT_ON_OPEN, _T.LIMIT_ON_CLOSE})
_NEEDS_STOP = frozenset({_T.STOP, _T.STOP_LIMIT})


def form_refusal(order: Order, stock: Stock) -> str:
    """Say what is wrong with an order by itself; empty if nothing is."""
    quantity = order.quantity
    if not quantity.is_finite() or quantity <= ZERO or quantity % stock.lot:
        return f"quantity {quantity} is not a positive multiple of lot {stock.lot}"
    given = (
        ("limit price", order.limit_price, order.type in _NEEDS_LIMIT),
        ("stop price", order.stop_price, order.type in _NEEDS_STOP),
        ("trail", order.trail, order.type is _T.TRAIL),
    )
    tick = MICRO if stock.tick is None else stock.tick
    for name, price, is_needed in given:
        if price is None:
            if is_needed:
                return f"{order.type.value} order without a {name}"
        elif not price.is_finite() or price <= ZERO or price % tick:
            return f"{name} {price} is not a positive multiple of tick {tick}"
    return ""


def share_refusal(order: Order, quantity: Decimal, held: Decimal, claimed: Decimal = ZERO) -> str:
    """Say which shares a sell lacks: shorts are off. claimed: by other working sells."""
    if order.side is Side.BUY or quantity <= held - claimed:
        return ""
    return (
        f"sell of {text(quantity)} {order.instrument}, "
        f"{text(held)} held, {text(claimed)} in other sells"
    )


def cash_refusal(order: Order, quantity: Decimal, needed: Decimal, cash: Decimal) -> str:
    """Say how much cash an order lacks for a quantity; empty if it is there."""
    if needed <= cash:
        return ""
    return (
        f"{order.side.value} of {text(quantity)} {order.instrument} needs {text(needed)} USD, "
        f"{text(cash)} in cash"
    )
