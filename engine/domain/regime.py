"""The regime vocabulary: trend × volatility = one of six cells."""

from datetime import date
from enum import Enum

from engine.domain.value import value


class Trend(Enum):
    """Direction of the signal instrument."""

    BULL = "BullStrong"
    SIDE = "Sideways"
    BEAR = "BearStrong"


class VolState(Enum):
    """Memory of the volatility latch."""

    LOW = "Low"
    HIGH = "High"


CELL_NAMES = {1: "Kill Zone", 2: "Fragile", 3: "Drift", 4: "Chop", 5: "Grind", 6: "Crash"}


@value
class RegimeReading:
    """What the model read from the bars up to and including one session."""

    session_date: date
    close: float
    level: float  # filter p, dollars
    slope: float  # filter v, dollars per session
    innovation: float  # y, dollars
    t_norm: float  # -1..1
    sma_fast: float
    sma_slow: float
    sigma: float  # annualised fraction
    z_score: float
    vol_before: VolState
    vol: VolState
    vol_by: str  # which rule set the latch: "upper", "lower", "hold", "crush"
    crush_change: float | None  # (σ_t - σ_{t-k}) / σ_{t-k}
    vol_crush: bool
    trend_before_crush: Trend
    trend: Trend
    cell: int  # 1..6
    bond_sma_fast: float | None
    bond_sma_slow: float | None
    bond_bull: bool | None  # None: overlay off or too few bond bars
    bars: int  # of the signal symbol, anchor included
    short_history: bool
    provisional: bool = False
