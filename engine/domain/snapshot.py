"""The state of one strategy after one session date."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import accumulate, islice
from typing import NamedTuple, overload

from engine.domain.ids import InstrumentId, StrategyId
from engine.domain.market import Bar
from engine.domain.money import MICRO, ZERO
from engine.domain.stretch import Stretch


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


class QuietDays(Sequence[Snapshot]):
    """Rows of a strategy without a model that holds the same from one session to the next.

    It goes on while nothing but prices changes, and only what changes is kept; rows are made
    when asked for: a long run has one for every bar, and hardly anybody looks.
    """

    __slots__ = (
        "_followed", "_priced", "_quantity", "days", "equities", "first", "highs", "prices",
        "signals", "start",
    )  # fmt: skip

    def __init__(
        self, first: Snapshot, signal: InstrumentId | None = None, start: Decimal | None = None
    ) -> None:
        """Begin with a row. signal, start: what its baseline follows, and its price before."""
        self.first = first
        self.start = start or None
        held, self._quantity, price = first.holdings[0] if first.holdings else (None, ZERO, ZERO)
        signal = signal if start else None
        self._priced = held or signal
        self._followed = signal if signal != self._priced else None
        # a value a day; those of the first are in its row
        self.days = [first.session_date]
        self.equities = [first.equity]
        self.highs = [first.high_water]
        self.prices = [price]  # closes of what is held, or else of the signal
        self.signals = None if self._followed is None else [ZERO]  # where that is another

    @staticmethod
    def can_follow(row: Snapshot) -> bool:
        """Say whether the days after a row may be quiet ones."""
        return row.trend is None and row.cell is None and len(row.holdings) < 2 and row.final

    def add(self, day: date, bars: Mapping[InstrumentId, Bar]) -> bool:
        """Take the next session's closes; False, and nothing changes, where one is missing."""
        price = signal = ZERO
        if self._priced is not None:
            bar = bars.get(self._priced)
            if bar is None:
                return False
            price = bar.close
        if self._followed is not None:
            bar = bars.get(self._followed)
            if bar is None:
                return False
            signal = bar.close
        self.take([day], [price], [signal])
        return True

    def extend(self, days: Sequence[date], stretch: Stretch) -> None:
        """Take as many session dates as are given of a stretch, which has closes for each."""
        prices: Sequence[Decimal] = [ZERO] * len(days)
        signals = prices
        if self._priced is not None:
            prices = stretch.closes(self._priced)[: len(days)]
        if self._followed is not None:
            signals = stretch.closes(self._followed)[: len(days)]
        self.take(days, prices, signals)

    def take(
        self, days: Sequence[date], prices: Sequence[Decimal], signals: Sequence[Decimal]
    ) -> None:
        """Take session dates with the closes of what is held, and of what is followed besides."""
        cash, quantity, high = self.first.cash, self._quantity, self.highs[-1]
        equities = [cash + quantity * price for price in prices] if quantity else [cash] * len(days)
        self.days += days
        self.prices += prices
        self.equities += equities
        if max(equities) > high:
            self.highs += islice(accumulate(equities, max, initial=high), 1, None)
        else:
            self.highs += [high] * len(days)
        if self.signals is not None:
            self.signals += signals

    def __len__(self) -> int:
        return len(self.days)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it grows

    @overload
    def __getitem__(self, index: int) -> Snapshot: ...
    @overload
    def __getitem__(self, index: slice) -> list[Snapshot]: ...
    def __getitem__(self, index: int | slice) -> Snapshot | list[Snapshot]:
        if isinstance(index, slice):
            return [self[n] for n in range(*index.indices(len(self)))]
        n = range(len(self))[index]
        first, price = self.first, self.prices[n]
        if n == 0:
            return first
        signal = price if self.signals is None else self.signals[n]
        return first._replace(
            session_date=self.days[n],
            equity=self.equities[n],
            before=self.equities[n - 1] or None,
            high_water=self.highs[n],
            holdings=tuple([holding._replace(price=price) for holding in first.holdings]),
            equity_at_fill=None,
            baseline=self.start and (first.capital * signal / self.start).quantize(MICRO),
        )


def are_final(rows: Sequence[Snapshot]) -> bool:
    """Say whether every row is final."""
    return type(rows) is QuietDays or all([row.final for row in rows])


def newest_of(rows: Sequence[Snapshot]) -> dict[StrategyId, Snapshot]:
    """Return the newest row of each strategy."""
    return {row.strategy: row for row in (rows[-1:] if type(rows) is QuietDays else rows)}
