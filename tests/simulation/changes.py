"""What the broker of the simulation makes of a changed order: taken, refused, or shown twice."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from engine.brokers.ibkr.said import Said
from engine.domain.money import ZERO
from engine.domain.order import Order, TimeInForce

if TYPE_CHECKING:
    from tests.simulation.gateway import GatewayBroker


@dataclass(slots=True)
class Placed:
    """One order at the broker."""

    order: Order
    perm_id: int
    address: int  # broker order id, of the epoch it was sent in
    epoch: int
    status: str = "PreSubmitted"
    filled: Decimal = ZERO

    @property
    def is_open(self) -> bool:
        """Say whether it works."""
        return self.status in ("PreSubmitted", "Submitted")


def take(broker: "GatewayBroker", order: Order) -> None:
    """The broker has read a change: it takes it, or the order lives on as it was."""
    placed = broker._placed[order.order_id]
    resting = broker.exchange._resting.get(order.order_id)
    if resting is None:
        code = 104 if placed.status == "Filled" else broker._rng.choice((161, 10147, 10148))
        broker._say(broker._error(placed, code))
        return
    if broker._luck() < 0.15 or not _may_become(broker, order, resting.filled):
        broker._say(broker._error(placed, broker._rng.choice((201, 201, 110, 161))))
        return
    before = replace(placed)
    resting.order = placed.order = order
    words: list[Said] = []
    if broker._luck() < 0.15:  # both are shown for a while; the new one is what fills
        placed.perm_id += 500_000
        words += broker._shown(before)
        gone = broker._status(replace(before, status="Cancelled"))
        broker._later(broker._rng.randrange(2, 40), lambda: broker._hear(gone))
    words += broker._shown(placed)
    if broker._luck() > 0.2:  # else what it says of it is lost
        broker._say(*words)
    if broker._luck() < 0.15:
        broker._say(broker._error(placed, broker._rng.choice((201, 10349, 161))))
    if order.time_in_force is TimeInForce.IOC:
        broker._expired.add(order.order_id)
        broker._happen(broker.exchange.cancel(order.order_id, broker._now()))


def _may_become(broker: "GatewayBroker", order: Order, filled: Decimal) -> bool:
    resting = broker.exchange._resting.pop(order.order_id)
    try:
        rest = replace(order, quantity=order.quantity - filled)
        return rest.quantity > 0 and not broker.exchange._refusal(rest)
    finally:
        broker.exchange._resting[order.order_id] = resting
