"""What happens to an order: the facts about it that are journaled (see `engine.domain.event`)."""

from dataclasses import dataclass
from decimal import Decimal

from engine.domain.ids import OrderId
from engine.domain.order import Order, OrderStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderApproved:
    """The gate let it pass; written, not sent."""

    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDryRun:
    """Approved and recorded, never sent."""

    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPreviewed:
    """What the broker says a dry run's order would do, in words."""

    order_id: OrderId
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendStarted:
    """From here on the order may have reached the broker."""

    order_id: OrderId
    attempt: int
    link_epoch: int
    broker_order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SendClosed:
    """The call was not made: the order is APPROVED as if its sending had never started."""

    order_id: OrderId
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStatusChanged:
    """Base of the moves an order makes; cumulative numbers, never differences."""

    order_id: OrderId
    status: OrderStatus
    filled: Decimal
    filled_value: Decimal  # Σ quantity × price
    perm_id: int = 0
    code: int = 0
    text: str = ""


class OrderSubmitted(OrderStatusChanged):
    """On the wire, no answer yet."""

    __slots__ = ()


class OrderAccepted(OrderStatusChanged):
    """The broker works it."""

    __slots__ = ()


class OrderPartiallyFilled(OrderStatusChanged):
    """Some done, the rest works."""

    __slots__ = ()


class OrderFilled(OrderStatusChanged):
    """All done."""

    __slots__ = ()


class OrderCanceled(OrderStatusChanged):
    """Ended by a cancel."""

    __slots__ = ()


class OrderExpired(OrderStatusChanged):
    """Ended by its time in force, or never sent in time."""

    __slots__ = ()


class OrderRejected(OrderStatusChanged):
    """The broker said no."""

    __slots__ = ()


class OrderUnknown(OrderStatusChanged):
    """Perhaps at the broker, perhaps not; never sent again."""

    __slots__ = ()


class OrderPendingCancel(OrderStatusChanged):
    """The broker has taken the cancel; fills are still possible."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRequested:
    """A change goes out; the broker's answer decides which of the two it is."""

    order_id: OrderId
    before: Order
    after: Order
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChanged:
    """The broker shows the order as it was wanted."""

    order_id: OrderId
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRefused:
    """The order works on as it was."""

    order_id: OrderId
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHeld:
    """The broker holds a living order back, or works it again; its status stays."""

    order_id: OrderId
    held: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested:
    """We asked for a cancel."""

    order_id: OrderId
    reason: str
    actor: str
