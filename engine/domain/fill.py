"""Executions."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from engine.domain.ids import ExecId, InstrumentId, OrderId, StrategyId
from engine.domain.money import BPS
from engine.domain.order import Side

INFERRED = "inferred"
"""How ids of executions begin that no broker lists any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution of one of our orders."""

    exec_id: ExecId
    order_id: OrderId
    strategy: StrategyId | None  # None: nobody's
    instrument: InstrumentId
    side: Side
    quantity: Decimal  # > 0
    price: Decimal  # dollars per share
    commission: Decimal | None  # dollars, >= 0; None until reported
    reference_price: Decimal | None
    slippage_bps: Decimal | None  # + = worse for us, both sides
    at: datetime

    @property
    def is_inferred(self) -> bool:
        """Say whether no broker told of it: it was concluded from what an order had filled."""
        return self.exec_id.startswith(INFERRED)


def slippage_bps(side: Side, price: Decimal, reference: Decimal | None) -> Decimal | None:
    """Return side sign × (price - reference) / reference in basis points, 6 decimals.

    Positive is worse for us on both sides; unknown without a positive reference.
    """
    if reference is None or reference <= 0:
        return None
    return (side.sign * (price - reference) / reference * BPS).quantize(Decimal("0.000001"))


def root_of(exec_id: str) -> str:
    """Return the part of an execution id that its corrections share.

    Brokers number revisions after the last dot (`0001f4e8.65a1.01.02`); the simulated exchange
    has none, so its whole id is the root.
    """
    return exec_id if exec_id.startswith("sim.") else exec_id.rpartition(".")[0] or exec_id
