"""Orders: what we ask for, and the table of what may become of it.

The status of an order comes from this table and from fills, never from a broker's text
alone. Theory: APPROVED is written and not sent; SendStarted separates "certainly not
sent" from "perhaps sent"; UNKNOWN is left only by evidence or by a person.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

from engine.domain.ids import DecisionId, InstrumentId, OrderId, OrderRef, SignalId, StrategyId


class Side(Enum):
    """Buy or sell."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(Enum):
    """How the price is found."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"
    STOP_LIMIT = "STOP_LIMIT"
    TRAIL = "TRAIL"
    MARKET_ON_OPEN = "MARKET_ON_OPEN"
    MARKET_ON_CLOSE = "MARKET_ON_CLOSE"
    LIMIT_ON_OPEN = "LIMIT_ON_OPEN"
    LIMIT_ON_CLOSE = "LIMIT_ON_CLOSE"


class TimeInForce(Enum):
    """How long an order works."""

    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"
    OPG = "OPG"


class OrderStatus(Enum):
    """Where an order stands; see the table below and product.md."""

    DENIED = "DENIED"
    APPROVED = "APPROVED"
    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
    DRY_RUN = "DRY_RUN"


_S = OrderStatus

ENDS: frozenset[OrderStatus] = frozenset({_S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REJECTED})
"""Ends that a broker reports."""

DONE: frozenset[OrderStatus] = ENDS | {_S.DENIED, _S.DRY_RUN}
"""Nothing works any more; a fill may still cross a cancel."""

LIVE: frozenset[OrderStatus] = frozenset(set(_S) - DONE)
"""Approved and not ended: its remaining quantity counts as working."""

TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    _S.APPROVED: frozenset({_S.SUBMITTED, _S.ACCEPTED, _S.PARTIALLY_FILLED, _S.UNKNOWN}) | ENDS,
    _S.SUBMITTED: frozenset({_S.ACCEPTED, _S.PARTIALLY_FILLED, _S.PENDING_CANCEL, _S.UNKNOWN})
    | ENDS,
    _S.ACCEPTED: frozenset({_S.PARTIALLY_FILLED, _S.PENDING_CANCEL, _S.UNKNOWN}) | ENDS,
    _S.PARTIALLY_FILLED: frozenset(
        {_S.PARTIALLY_FILLED, _S.PENDING_CANCEL, _S.UNKNOWN, _S.FILLED, _S.CANCELED, _S.EXPIRED}
    ),
    _S.PENDING_CANCEL: frozenset({_S.PENDING_CANCEL, _S.ACCEPTED, _S.PARTIALLY_FILLED, _S.UNKNOWN})
    | ENDS,
    _S.CANCELED: frozenset({_S.FILLED}),
    _S.EXPIRED: frozenset({_S.FILLED}),
    _S.UNKNOWN: frozenset({_S.ACCEPTED, _S.PARTIALLY_FILLED, _S.PENDING_CANCEL}) | ENDS,
    _S.FILLED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.DENIED: frozenset(),
    _S.DRY_RUN: frozenset(),
}


def may_become(now: OrderStatus, then: OrderStatus) -> bool:
    """Say whether the table allows this move."""
    return then in TRANSITIONS[now]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Our instruction, immutable. Everything that happens to it is an event."""

    order_id: OrderId
    order_ref: OrderRef  # derives from the decision alone
    strategy: StrategyId
    signal_id: SignalId | None
    decision_id: DecisionId | None
    instrument: InstrumentId
    side: Side
    quantity: Decimal  # shares, > 0
    type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None  # dollars behind the best price, TRAIL only
    time_in_force: TimeInForce = TimeInForce.DAY
    reference_price: Decimal | None = None  # the decision's price; slippage is measured from it
    is_exit: bool = False  # worked out from the ledger: lowers the owned position
    oca_group: str | None = None
    created_at: datetime  # session clock
    session_date: date | None = None  # exchange day it was made for
    sizing: str = ""  # the arithmetic in words, for explain


@dataclass(slots=True)
class WorkingOrder:
    """An order with all that is known of its fate; part of State, changed by evolve only."""

    order: Order
    status: OrderStatus
    filled: Decimal = Decimal(0)
    filled_value: Decimal = Decimal(0)  # Σ quantity × price
    sent: bool = False  # SendStarted is written, and no SendClosed after it
    attempts: int = 0  # how often its sending has started
    accepted_at: datetime | None = None
    canceling: bool = False  # a cancel has been asked
    held: bool = False  # the broker holds it back, as while shares are located
    timed_out: bool = False  # no answer came in time, though the link was there
    changing: Order | None = None  # how it is wanted, until the broker shows what it is
    refused: Order | None = None  # the newest change that was not taken; it may land late
    broker_order_id: int = 0  # address it was sent to; means nothing in another epoch
    perm_id: int = 0
    reason: str = ""
    seq: int = 0  # the journal row that caused reports about it: SendStarted, else OrderApproved

    @property
    def remaining(self) -> Decimal:
        """Quantity not filled; while a change is under way, of the larger order."""
        wanted = self.order if self.changing is None else self.changing
        return max(self.order.quantity, wanted.quantity) - self.filled

    @property
    def average_price(self) -> Decimal | None:
        """Mean fill price, unknown before the first fill."""
        return self.filled_value / self.filled if self.filled else None
