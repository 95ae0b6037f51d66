"""What a comparison of our ledger with the broker found."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum

from engine.domain.ids import InstrumentId


class DifferenceKind(Enum):
    """How two sides differ."""

    MATCHED = "MATCHED"
    MISMATCHED = "MISMATCHED"
    MISSING_BROKER = "MISSING_BROKER"
    MISSING_LOCAL = "MISSING_LOCAL"
    ORDER_FOREIGN = "ORDER_FOREIGN"
    ORDER_LOST = "ORDER_LOST"
    ORDER_UNKNOWN = "ORDER_UNKNOWN"
    MISSING_FILL = "MISSING_FILL"
    CASH = "CASH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One compared item; `item` is an instrument id, an order ref or "cash"."""

    kind: DifferenceKind
    item: str
    ours: str
    theirs: str
    effect: Decimal | None = None  # dollars, if it can be said

    @property
    def gap(self) -> str:
        """What is between the two sides: it stays while both move alike."""
        try:
            return str((Decimal(self.theirs or 0) - Decimal(self.ours or 0)).normalize())
        except InvalidOperation:
            return f"{self.ours}|{self.theirs}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerOrder:
    """An open order as the broker knows it."""

    order_ref: str
    instrument: InstrumentId
    remaining: Decimal
    perm_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAccount:
    """The broker's complete answer: positions, cash and open orders at one moment."""

    positions: dict[InstrumentId, Decimal]
    cash: Decimal
    orders: tuple[BrokerOrder, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFailed:
    """A query that failed, timed out or was cut off: unknown, never empty."""

    query: str
    reason: str
