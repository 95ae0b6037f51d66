"""What the broker of the simulation makes of a changed order: taken, refused, or shown twice.

In some worlds it takes a change for a new order now and then: then there are two of one reference,
each with a permId, a quantity and fills of its own, at one address, until both have ended.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from engine.brokers.ibkr.said import Said
from engine.domain.ids import OrderId, OrderRef
from engine.domain.money import ZERO
from engine.domain.order import Order, TimeInForce

if TYPE_CHECKING:
    from tests.simulation.gateway import GatewayBroker


_TWIN = "~2"


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
    def ref(self) -> OrderRef:
        """The reference that it is known by; a twin has that of the other."""
        return OrderRef(self.order.order_ref.removesuffix(_TWIN))

    @property
    def is_open(self) -> bool:
        """Say whether it works."""
        return self.status in ("PreSubmitted", "Submitted")


def take(broker: "GatewayBroker", order: Order) -> None:
    """The broker has read a change: it takes it, or the order lives on as it was."""
    placed = broker._placed[order.order_id]
    twin_id = OrderId(f"{order.order_id}{_TWIN}")
    if broker.twins is not None and twin_id in broker._placed:
        return  # nobody knows which of them it would change
    resting = broker.exchange._resting.get(order.order_id)
    if broker.twins is not None and resting is not None and broker.twins.random() < 0.6:
        broker._perm += 1
        ref = OrderRef(f"{order.order_ref}{_TWIN}")
        twin = replace(order, order_id=twin_id, order_ref=ref)
        broker._placed[twin_id] = Placed(twin, broker._perm, placed.address, placed.epoch)
        broker._happen(broker.exchange.submit(twin, broker._now()))
        return
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


def all_of(broker: "GatewayBroker", order_id: OrderId) -> list[Placed]:
    """Return what there is of an order, newest first: a twin, and itself."""
    found = (broker._placed.get(OrderId(f"{order_id}{end}")) for end in (_TWIN, ""))
    return [one for one in found if one is not None]


def owner_of(placed: Placed) -> OrderId:
    """Return the order of ours that something at the broker belongs to."""
    return OrderId(placed.order.order_id.removesuffix(_TWIN))


def _may_become(broker: "GatewayBroker", order: Order, filled: Decimal) -> bool:
    resting = broker.exchange._resting.pop(order.order_id)
    try:
        rest = replace(order, quantity=order.quantity - filled)
        return rest.quantity > 0 and not broker.exchange._refusal(rest)
    finally:
        broker.exchange._resting[order.order_id] = resting
