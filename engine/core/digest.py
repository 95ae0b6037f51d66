"""Lines whose SHA-256 says that two runs decided and traded the same.

Without session ids and wall-clock times: equal for every pace, restart and machine. The fill
and order lines are those of behaviours.md, section 7.
"""

from dataclasses import replace
from decimal import Decimal
from functools import lru_cache

from engine.domain.event import DecisionMade
from engine.domain.fill import Fill
from engine.domain.money import micro, text
from engine.domain.order import Order, OrderStatus
from engine.domain.times import utc_text


def fill_line(order: Order, number: int, fill: Fill) -> bytes:
    """Return the line of the n-th fill of an order."""
    commission = "" if fill.commission is None else micro(fill.commission)
    return (
        f"fill|{order.order_ref}|{number}|{fill.instrument}|{fill.side.value}"
        f"|{micro(fill.quantity)}|{micro(fill.price)}|{commission}|{utc_text(fill.at)}\n"
    ).encode()


def order_line(order: Order, status: OrderStatus) -> bytes:
    """Return the line of an order that ended."""
    limit = "" if order.limit_price is None else micro(order.limit_price)
    return (
        f"order|{order.order_ref}|{order.instrument}|{order.side.value}|{micro(order.quantity)}"
        f"|{order.type.value}|{limit}|{status.value}\n"
    ).encode()


def decision_line(made: DecisionMade) -> bytes:
    """Return the line of a decision: what was known, wanted and concluded."""
    targets = _weights(tuple(made.targets.items()))
    legs = ",".join([f"{leg.instrument}:{leg.pass_no}" for leg in made.legs]) if made.legs else ""
    read = "" if made.reading_date is None else made.reading_date.isoformat()
    return (
        f"decision|{made.strategy}|{made.parameter_hash}|{made.session_date.isoformat()}"
        f"|{made.slot}|{made.result}|{read}|{made.cell or ''}|{made.held_cell or ''}"
        f"|{targets}|{legs}\n"
    ).encode()


@lru_cache(maxsize=256)  # a strategy has a few targets and wants them for years
def _weights(targets: tuple[tuple[str, Decimal], ...]) -> str:
    return ",".join(f"{symbol}={text(weight)}" for symbol, weight in sorted(targets))


def with_commission(fill: Fill, commission: Decimal) -> Fill:
    """Return the fill with the commission that came later."""
    return replace(fill, commission=commission)
