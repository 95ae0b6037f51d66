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
    """Final row per strategy and session date. Money in dollars, returns as fractions.

    equity = cash + Σ quantity × price of holdings, to the micro-unit. A return without its
    predecessor is None, never 0.
    """

    strategy: StrategyId
    session_date: date
    equity: Decimal
    cash: Decimal
    daily_return: float | None
    cumulative_return: float
    high_water: Decimal
    drawdown: float  # <= 0
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
