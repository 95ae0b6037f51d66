"""Positions: signed quantity and cost of one instrument for one owner."""

from dataclasses import dataclass
from decimal import Decimal

from engine.domain.money import MICRO, ZERO
from engine.domain.order import Side


@dataclass(frozen=True, slots=True)
class Position:
    """Quantity (signed shares), its total cost in dollars with fees, and realised P&L so far."""

    quantity: Decimal = ZERO
    cost: Decimal = ZERO  # Σ price × shares + fees of what is still held; negative when short
    realized: Decimal = ZERO  # net of fees, over the life of the book

    @property
    def average_cost(self) -> Decimal | None:
        """Dollars per share with fees; None when flat."""
        return (self.cost / self.quantity).quantize(MICRO) if self.quantity else None


FLAT = Position()


def apply_fill(
    position: Position, side: Side, quantity: Decimal, price: Decimal, commission: Decimal = ZERO
) -> tuple[Position, Decimal]:
    """Return the position after a fill and the P&L it realised (0 where it only opens).

    Average-cost method. A fill through zero closes the old position and opens the rest.
    """
    signed = side.sign * quantity
    if position.quantity * signed >= 0:
        return (
            Position(
                position.quantity + signed,
                position.cost + signed * price + commission,
                position.realized,
            ),
            ZERO,
        )
    closed = min(quantity, abs(position.quantity))
    fee = commission if closed == quantity else (commission * closed / quantity).quantize(MICRO)
    if closed == abs(position.quantity):
        cost_out = position.cost
    else:
        cost_out = (position.cost * closed / abs(position.quantity)).quantize(MICRO)
    realized = _proceeds(side, closed, price) - cost_out - fee
    after = Position(
        position.quantity + side.sign * closed,
        position.cost - cost_out,
        position.realized + realized,
    )
    rest = quantity - closed
    if rest:
        after = Position(
            side.sign * rest, side.sign * rest * price + (commission - fee), after.realized
        )
    return after, realized


def _proceeds(side: Side, quantity: Decimal, price: Decimal) -> Decimal:
    """Cash from closing: positive for a sell, negative for buying back a short."""
    return -side.sign * quantity * price


def apply_commission(position: Position, side: Side, commission: Decimal) -> Position:
    """Return the position after a commission that came late.

    It joins the cost while the fill's position is open and realised P&L where it closed.
    """
    if position.quantity * side.sign > 0:
        return Position(position.quantity, position.cost + commission, position.realized)
    return Position(position.quantity, position.cost, position.realized - commission)
