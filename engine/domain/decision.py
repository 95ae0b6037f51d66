"""A decision and everything that explains it; stored whole, shown without further arithmetic."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from engine.domain.ids import InstrumentId, SignalId


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFacts:
    """What a decision knew of one price series."""

    symbol: str
    anchor: date | None  # first loaded session
    last: date | None  # last final session used
    found: int  # bars from the anchor
    expected: int  # exchange sessions from the anchor
    last_close: str | None
    last_volume: str | None
    source: str
    provisional_price: str | None = None
    provisional_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a decision tree, in words and numbers: what, value, test, result, distance."""

    number: int
    name: str
    value: str = ""
    test: str = ""
    result: str = ""
    distance: str = ""
    near: bool = False  # within the limits of regime-strategy 13: one cent can flip it


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """One data gate: pass, or hold with a reason code and the values that say why."""

    gate: str
    passed: bool
    text: str
    reason: str = ""  # data_gap stale_data no_price data_disagreement warming_up


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLeg:
    """One instrument of a decision, in leg order."""

    leg: int
    instrument: InstrumentId
    signal_id: SignalId
    target_weight: Decimal | None
    quantity: Decimal | None  # where a number of shares was asked for
    pass_no: int  # 1: exits and reductions; 2: buys, after all of pass 1 ended
    price: Decimal  # reference
