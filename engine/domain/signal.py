"""A strategy's dated opinion, before sizing and risk."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

from engine.domain.ids import DecisionId, InstrumentId, SignalId, StrategyId, short_hash
from engine.domain.order import OrderType, Side


class SignalKind(Enum):
    """What a signal asks for."""

    TARGET = "TARGET"
    ENTER = "ENTER"
    EXIT = "EXIT"
    EMERGENCY_EXIT = "EMERGENCY_EXIT"
    SETUP = "SETUP"
    SETUP_CANCELED = "SETUP_CANCELED"


EXITS = frozenset({SignalKind.EXIT, SignalKind.EMERGENCY_EXIT})
"""They lower a position, whatever else is true."""

ORDERLESS = frozenset({SignalKind.SETUP, SignalKind.SETUP_CANCELED})
"""A condition seen or gone: an order here and again at the entry would buy twice."""


class SignalState(Enum):
    """Life of a signal."""

    NEW = "NEW"
    ACCEPTED = "ACCEPTED"
    ORDERED = "ORDERED"
    DONE = "DONE"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    DRY_RUN = "DRY_RUN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One opinion about one instrument. Either a target weight or a quantity sizes it."""

    signal_id: SignalId
    decision_id: DecisionId | None
    strategy: StrategyId
    instrument: InstrumentId
    kind: SignalKind
    session_date: date
    slot: str
    leg: int  # position in the decision's leg order
    pass_no: int = 1  # 1 exits and reductions, 2 buys
    side: Side | None = None  # ENTER, EXIT
    target_weight: Decimal | None = None  # TARGET: share of the strategy's equity
    quantity: Decimal | None = None  # ENTER, EXIT: shares; None = whole position on EXIT
    strength: Decimal | None = None  # 0..1, scales a quantity
    price: Decimal | None = None  # decision price, dollars
    reason: str = ""
    raised_at: datetime
    expires_at: datetime
    order_type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


def signal_id(
    strategy: StrategyId,
    parameter_hash: str,
    instrument: InstrumentId,
    kind: SignalKind,
    session_date: date,
    slot: str,
    leg: int,
) -> SignalId:
    """Return the id that is the same after every restart: a hash of the dedup key."""
    key = (
        f"{strategy}|{parameter_hash}|{instrument}|{kind.value}"
        f"|{session_date.isoformat()}|{slot}|{leg}"
    )
    return SignalId("sig_" + short_hash(key))
