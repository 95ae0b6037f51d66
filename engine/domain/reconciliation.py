"""What a comparison of our ledger with the broker found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import Enum

from engine.domain.ids import REF_PREFIX, InstrumentId
from engine.domain.order import Side


class DifferenceKind(Enum):
    """How two sides differ."""

    MATCHED = "MATCHED"
    MISMATCHED = "MISMATCHED"
    MISSING_BROKER = "MISSING_BROKER"
    MISSING_LOCAL = "MISSING_LOCAL"
    ORDER_FOREIGN = "ORDER_FOREIGN"
    ORDER_LOST = "ORDER_LOST"
    ORDER_UNKNOWN = "ORDER_UNKNOWN"
    ORDER_DIFFERS = "ORDER_DIFFERS"
    MISSING_FILL = "MISSING_FILL"
    PHANTOM_FILL = "PHANTOM_FILL"
    DUPLICATE_INCARNATION = "DUPLICATE_INCARNATION"
    COMMISSION_MISSING = "COMMISSION_MISSING"
    CASH = "CASH"


_K = DifferenceKind

COLUMNS: Mapping[DifferenceKind, str] = {
    _K.MATCHED: "matched",
    _K.MISSING_LOCAL: "missing_local",
    _K.ORDER_FOREIGN: "missing_local",
    _K.MISSING_FILL: "missing_local",
    _K.DUPLICATE_INCARNATION: "missing_local",
    _K.MISSING_BROKER: "missing_broker",
    _K.ORDER_LOST: "missing_broker",
    _K.PHANTOM_FILL: "missing_broker",
    _K.MISMATCHED: "mismatched",
    _K.ORDER_UNKNOWN: "mismatched",
    _K.ORDER_DIFFERS: "mismatched",
    _K.COMMISSION_MISSING: "mismatched",
    _K.CASH: "mismatched",
}
"""What a report counts a kind as: only they have it, only we have it, or both and not alike."""

_SHOWN = frozenset({_K.MATCHED, _K.ORDER_FOREIGN, _K.COMMISSION_MISSING, _K.CASH})


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One compared item.

    `item` names it: an instrument id, "cost " and an instrument id, an order ref, an execution
    id, or "cash".
    """

    kind: DifferenceKind
    item: str
    ours: str
    theirs: str
    effect: Decimal | None = None  # dollars, if it can be said
    instrument: InstrumentId | None = None  # whose entries it concerns

    @property
    def blocks(self) -> bool:
        """Say whether entries of its instrument wait until it is settled.

        Cash and commissions make no order wrong, and orders of other programs are theirs; one
        with our mark and no row is another engine's or a lost file's.
        """
        if self.kind is _K.ORDER_FOREIGN:
            return self.item.startswith(REF_PREFIX)
        return self.kind not in _SHOWN

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
    side: Side | None = None  # None, here and below: not told
    quantity: Decimal | None = None  # in all, filled or not
    limit_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerExecutions:
    """The executions that a broker serves: all of them since an instant, by their roots."""

    since: datetime
    roots: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAccount:
    """The broker's complete answer: positions, cash and open orders at one moment."""

    positions: dict[InstrumentId, Decimal]
    cash: Decimal
    orders: tuple[BrokerOrder, ...]
    costs: dict[InstrumentId, Decimal] = field(default_factory=dict)  # dollars a share, with fees
    executions: BrokerExecutions | None = None  # None: this broker does not list them


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFailed:
    """A query that failed, timed out or was cut off: unknown, never empty."""

    query: str
    reason: str
