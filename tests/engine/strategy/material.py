"""What the tests of strategies share: bars, the data of others, and facts written by hand."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from engine.domain.decision import GateVerdict
from engine.domain.ids import InstrumentId
from engine.domain.instrument import stock_id
from engine.domain.market import Bar
from engine.domain.money import ZERO
from engine.domain.session import FillRule, Slot
from engine.strategy import registry
from engine.strategy.rebalance import RegimeStrategy
from engine.strategy.regime import RegimeMemory, RegimeModel, RegimeParameters

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
QQQ, TLT, TQQQ, PSQ, TMF, TMV = (
    stock_id(symbol) for symbol in ("QQQ", "TLT", "TQQQ", "PSQ", "TMF", "TMV")
)
START = date(2001, 1, 1)

Day = tuple[date, dict[InstrumentId, Bar]]


def rows_of(name: str) -> list[dict[str, str]]:
    """Return the rows of a file of shared data; skip the test where the data is absent."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"reference data is absent: no {path}")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@cache
def market() -> tuple[Day, ...]:
    """Return the real daily bars of the six instruments, joined by session date."""
    days: dict[date, dict[InstrumentId, Bar]] = {}
    for instrument in (QQQ, TLT, TQQQ, PSQ, TMF, TMV):
        for row in rows_of(f"market/{instrument.split(':')[1]}.csv"):
            day = date.fromisoformat(row["date"])
            columns = ("open", "high", "low", "close", "volume")
            days.setdefault(day, {})[instrument] = Bar(
                instrument=instrument,
                session_date=day,
                **{column: Decimal(row[column]) for column in columns},
            )
    return tuple(sorted(days.items()))


def bar(
    close: float | str | Decimal,
    day: date = START,
    *,
    instrument: InstrumentId = QQQ,
    volume: float | str = 1000,
) -> Bar:
    """Return a bar of one price; floats keep all their digits."""
    price = close if isinstance(close, Decimal) else Decimal(repr(close).strip("'"))
    return Bar(
        instrument=instrument,
        session_date=day,
        open=price,
        high=price,
        low=price,
        close=price,
        volume=Decimal(repr(volume).strip("'")),
    )


def parameters(preset: str = "default", /, **changed: object) -> RegimeParameters:
    """Return the model's numbers of a preset with some values changed."""
    return RegimeParameters.of(registry.resolve("regime", preset, changed).values)


def model(preset: str = "default", /, **changed: object) -> RegimeModel:
    """Return the model of a preset with some values changed."""
    return RegimeModel(parameters(preset, **changed))


def regime(preset: str = "default", /, **changed: object) -> RegimeStrategy:
    """Return the regime strategy of a preset with some values changed."""
    return RegimeStrategy(registry.resolve("regime", preset, changed), source="test")


def fed(
    strategy: RegimeStrategy | RegimeModel,
    closes: Iterable[float],
    volumes: Sequence[float] | None = None,
    bonds: Sequence[float] | None = None,
) -> RegimeMemory:
    """Return the memory after these closes on consecutive days; bonds follow the signal."""
    of = strategy.model if isinstance(strategy, RegimeStrategy) else strategy
    memory = RegimeMemory()
    for n, close in enumerate(closes):
        day = START + timedelta(days=n)
        signal = bar(close, day, volume=1000 if volumes is None else volumes[n])
        bond = bar(close if bonds is None else bonds[n], day, instrument=TLT)
        of.advance(memory, day, n, signal, bond)
    return memory


@dataclass(kw_only=True)
class Facts:
    """What a strategy may know at its slot, written down by hand."""

    session_date: date = START
    ordinal: int = 0
    prices: Mapping[InstrumentId, Decimal] = field(default_factory=dict)
    positions: Mapping[InstrumentId, Decimal] = field(default_factory=dict)
    m: Mapping[InstrumentId, Decimal] = field(default_factory=dict)
    cash: Decimal = Decimal(10_000)
    held_cell: int | None = None
    blocked: tuple[GateVerdict, ...] = ()
    unlisted: frozenset[InstrumentId] = frozenset()
    working: frozenset[InstrumentId] = frozenset()
    slot: Slot = Slot.OPEN
    fill_rule: FillRule = FillRule.NEXT_OPEN
    wall_clock: bool = False

    at: datetime = field(init=False)
    final_ordinal: int = field(init=False)

    def __post_init__(self) -> None:
        """14:30 UTC; bars must be there to the session before, or this one by the close rule."""
        day = self.session_date
        self.at = datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC)
        self.final_ordinal = self.ordinal - (self.fill_rule is not FillRule.SAME_CLOSE)

    def price(self, instrument: InstrumentId) -> Decimal | None:
        """The price written down."""
        return self.prices.get(instrument)

    def listed(self, instrument: InstrumentId) -> bool:
        """Everything is, but what was named."""
        return instrument not in self.unlisted

    def carried(self, instrument: InstrumentId) -> Decimal:
        """The m written down."""
        return self.m.get(instrument, ZERO)

    def owned(self, instrument: InstrumentId) -> Decimal:
        """The position written down."""
        return self.positions.get(instrument, ZERO)

    def busy(self, instrument: InstrumentId) -> bool:
        """Whether it was named."""
        return instrument in self.working

    @property
    def equity(self) -> Decimal | None:
        """Cash + Σ shares × price."""
        total = self.cash
        for instrument, shares in self.positions.items():
            if shares:
                price = self.prices.get(instrument)
                if price is None:
                    return None
                total += shares * price
        return total


def without_volume_effects(reading: Any) -> dict[str, Any]:
    """Return a reading's fields but level, slope and the provisional mark.

    The volume of the newest bar moves what the filter believes after it, never T.
    """
    names = (name for name in reading.__dataclass_fields__)
    return {
        name: getattr(reading, name)
        for name in names
        if name not in ("level", "slope", "provisional")
    }
