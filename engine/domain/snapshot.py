"""The state of one strategy after one session date."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from engine.domain.ids import InstrumentId, StrategyId


class Holding(NamedTuple):
    """What is held, at which price it was valued."""

    instrument: InstrumentId
    quantity: Decimal
    price: Decimal


class Snapshot(NamedTuple):
    """Final row per strategy and session date: exact dollars, from which the returns follow.

    equity = cash + Σ quantity × price of holdings, to the micro-unit.
    """

    strategy: StrategyId
    session_date: date
    equity: Decimal
    cash: Decimal
    before: Decimal | None  # equity of the row before; None if there is none
    capital: Decimal  # what the strategy began with
    high_water: Decimal
    holdings: tuple[Holding, ...]
    cell: int | None = None  # the session's own reading
    held_cell: int | None = None  # the cell whose targets were last carried out
    trend: str | None = None
    vol: str | None = None
    t_norm: float | None = None
    z_score: float | None = None
    sma_fast: float | None = None
    sma_slow: float | None = None
    # at fill-time prices, just before the session's first fill, or where the held cell changed
    # without one (cells 4 and 6a have equal targets); None where nothing changed
    equity_at_fill: Decimal | None = None
    baseline: Decimal | None = None  # value of the signal instrument held from the start
    fees_to_date: Decimal = Decimal(0)
    final: bool = True

    @property
    def daily_return(self) -> float | None:
        """Growth since the row before, a fraction; without a predecessor None, never 0."""
        return float(self.equity) / float(self.before) - 1 if self.before else None

    @property
    def cumulative_return(self) -> float | None:
        """Growth since the beginning, a fraction; nothing grows from nothing."""
        return float(self.equity) / float(self.capital) - 1 if self.capital else None

    @property
    def drawdown(self) -> float:
        """Distance from the high water, a fraction at most 0."""
        if self.equity >= self.high_water:
            return 0.0
        return float(self.equity) / float(self.high_water) - 1
