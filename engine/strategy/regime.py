"""The regime model: from bars to a reading, one session at a time.

    close, volume → filter → innovation → oscillator → T  ┐
    close → two averages                                  ├→ trend ┐
    close → realised volatility → z → latch ┐             │        ├→ one of six cells
                                   crush ───┴→ volatility ┴────────┘

A provisional element goes the same way as a final one, through a copy of the memory that is
thrown away. So a look at a quote can never leave a trace, and both ways give the same bits.
Latch and days in cell move from the first reading on only: before that, no memory but the
filter's advances. regime-strategy.md, sections 3 to 8.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from decimal import Decimal
from math import inf, log
from typing import Any, Self

from engine.domain.market import Bar
from engine.domain.regime import RegimeReading, Trend, VolState
from engine.errors import BrokenInvariant
from engine.strategy import kalman
from engine.strategy.indicators import (
    NO_MOMENTS,
    Moments,
    RollingMax,
    Smoother,
    realized_volatility,
    relative_change,
    slid,
    units,
)
from engine.strategy.track import Track

INNOVATIONS = 500  # window of the oscillator's scale
OSCILLATIONS = 20  # oscillator values kept for smoothing
HISTORY_LOADED = 800  # bars of history a decision wants
HISTORY_MIN = 750  # fewer are marked: T is off by up to 2.5e-4 at 750 bars, 0.05 at 600

# by these names a member costs nothing to look at: as an attribute of its class it costs as much
# as five of the filter's multiplications, and all of this is done for every bar
_BULL, _SIDE, _BEAR = Trend.BULL, Trend.SIDE, Trend.BEAR
_LOW, _HIGH = VolState.LOW, VolState.HIGH


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeParameters:
    """The numbers of the model, under their configuration keys; regime-strategy.md, section 2."""

    measurement_noise: float
    process_noise_1: float
    process_noise_2: float
    osc_smoothness: int
    strength_smoothness: int
    t_max: float
    symmetric_volume_adjustment: bool
    double_smoothing: bool
    sma_fast: int
    sma_slow: int
    t_norm_bull_thresh: float
    t_norm_bear_thresh: float
    realized_vol_window: int
    vol_baseline_window: int
    upper_thresh_z: float
    lower_thresh_z: float
    vol_crush_threshold: float
    vol_crush_lookback: int
    leverage_scalar: float
    use_inverse_hedge: bool
    w_psq_max: float
    allow_treasury: bool
    bond_sma_fast: int
    bond_sma_slow: int
    max_bond_weight: float

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Pick the model's numbers out of a strategy's values; decimals become floats here."""
        numbers: dict[str, Any] = {f.name: values[f.name] for f in fields(cls)}
        for key, value in numbers.items():
            if isinstance(value, Decimal):
                numbers[key] = float(value)
        return cls(**numbers)

    @property
    def warmup_bars(self) -> int:
        """Bars of the signal series before the first reading."""
        return max(
            self.sma_slow + 10,
            self.vol_baseline_window + self.realized_vol_window,
            self.bond_sma_slow if self.allow_treasury else 0,
        )


@dataclass(slots=True)
class RegimeMemory:
    """All that the model remembers. Lists grow; sums are exact and of the ends of lists."""

    signal: Track = field(default_factory=Track)
    bond: Track = field(default_factory=Track)
    closes: list[float] = field(default_factory=list)
    fast: int = 0  # sum of the last sma_fast closes, in units of 2^-256
    slow: int = 0
    bond_closes: list[float] = field(default_factory=list)
    bond_fast: int = 0
    bond_slow: int = 0
    belief: kalman.Filter | None = None
    scale: RollingMax = field(default_factory=lambda: RollingMax(INNOVATIONS))
    oscillations: list[float] = field(default_factory=list)  # the last 20
    smoothed: list[float] = field(default_factory=list)  # the last 20
    t_norm: float = 0.0  # of the last bar
    returns: list[float] = field(default_factory=list)
    volatilities: list[float] = field(default_factory=list)
    moments: Moments = NO_MOMENTS  # of the last vol_baseline_window volatilities
    latch: VolState = VolState.LOW
    reading: RegimeReading | None = None
    days_in_cell: int = 0

    def copy(self) -> "RegimeMemory":
        """Return what may be advanced without a trace in this one; of the bonds only the sums."""
        return replace(
            self,
            closes=self.closes.copy(),
            scale=self.scale.copy(),
            oscillations=self.oscillations.copy(),
            smoothed=self.smoothed.copy(),
            returns=self.returns.copy(),
            volatilities=self.volatilities.copy(),
        )


class RegimeModel:
    """The model with its parameters; keeps nothing of the bars."""

    def __init__(self, parameters: RegimeParameters) -> None:
        p = self.parameters = parameters
        self.warmup_bars = p.warmup_bars
        self._noise = kalman.Noise(
            p.measurement_noise,
            p.process_noise_1,
            p.process_noise_2,
            p.symmetric_volume_adjustment,
        )
        self._fast, self._slow = units(p.sma_fast), units(p.sma_slow)
        self._bond_fast, self._bond_slow = units(p.bond_sma_fast), units(p.bond_sma_slow)
        self._first_pass = Smoother(p.osc_smoothness)
        self._second_pass = Smoother(p.strength_smoothness) if p.double_smoothing else None

    def advance(
        self,
        memory: RegimeMemory,
        session_date: date,
        ordinal: int,
        signal: Bar | None,
        bond: Bar | None,
    ) -> None:
        """Take in the final bars of one session date; bars already passed change nothing."""
        if bond is not None and memory.bond.take(session_date, ordinal, bond):
            newest = _price(bond.close)
            memory.bond_fast, memory.bond_slow = self._bond_sums(memory, newest)
            memory.bond_closes.append(newest)
        if signal is None or not memory.signal.take(session_date, ordinal, signal):
            return
        close = _price(signal.close)
        self._take(memory, close, float(signal.volume))
        reading = self._read(memory, session_date, close)
        if reading is not None:
            held = memory.reading
            same = held is not None and held.cell == reading.cell
            memory.days_in_cell = memory.days_in_cell + 1 if same else 1
            memory.latch = reading.vol
            memory.reading = reading

    def peek(
        self, memory: RegimeMemory, session_date: date, close: Decimal, bond_close: Decimal | None
    ) -> RegimeReading | None:
        """Return the reading as it would be if the session closed at these prices.

        The volume is unknown and its absence moves nothing but the level and slope shown.
        Changes nothing.
        """
        last = _price(close)
        bond = None if bond_close is None else _price(bond_close)
        after = memory.copy()
        self._take(after, last, 0.0)
        return self._read(after, session_date, last, bond, provisional=True)

    def _take(self, memory: RegimeMemory, close: float, volume: float) -> None:
        """Let one more element pass through averages, filter, oscillator and volatility."""
        p, closes, before = self.parameters, memory.closes, memory.belief
        memory.fast, memory.slow = slid(
            memory.fast, memory.slow, closes, p.sma_fast, p.sma_slow, close
        )
        if before is None:
            memory.belief = kalman.first(close, volume)
            closes.append(close)
            return
        memory.belief = belief = kalman.step(before, close, volume, self._noise)
        innovation = belief.innovation
        largest = memory.scale.push(abs(innovation))
        if memory.scale.count >= p.strength_smoothness:
            swing = 100.0 * innovation / largest if largest > 0.0 else 0.0
            strength = self._first_pass.of(_kept(memory.oscillations, swing)) or 0.0
            smoothed = _kept(memory.smoothed, strength)
            if self._second_pass is not None:
                second = self._second_pass.of(smoothed)
                strength = strength if second is None else second
            t_norm = strength / p.t_max
            memory.t_norm = -1.0 if t_norm < -1.0 else 1.0 if t_norm > 1.0 else t_norm
        returns, window = memory.returns, p.realized_vol_window
        returns.append(log(close / closes[-1]))
        closes.append(close)
        if len(returns) >= window:
            past, sigma = memory.volatilities, realized_volatility(returns[-window:])
            memory.moments = memory.moments.slid(past, p.vol_baseline_window, sigma)
            past.append(sigma)

    def _read(
        self,
        memory: RegimeMemory,
        session_date: date,
        close: float,
        bond_close: float | None = None,
        *,
        provisional: bool = False,
    ) -> RegimeReading | None:
        """Name the cell of the session whose element came last; None while warming up."""
        p, bars, past = self.parameters, len(memory.closes), memory.volatilities
        belief = memory.belief
        if bars < self.warmup_bars or belief is None or not past:
            return None
        fast, slow = memory.fast / self._fast, memory.slow / self._slow  # warm: enough of both
        t_norm, sigma, k = memory.t_norm, past[-1], p.vol_crush_lookback + 1
        z = memory.moments.z_score(sigma)
        change = relative_change(sigma, past[-k] if len(past) >= k else None)
        crush = change is not None and change < p.vol_crush_threshold
        vol, vol_by = self._latched(memory.latch, z, crush)
        bare_trend = self._trend(t_norm, fast > slow)
        trend = _SIDE if crush and bare_trend is _BEAR else bare_trend
        bond_fast, bond_slow = self._bond_averages(memory, bond_close)
        return RegimeReading(
            session_date=session_date,
            close=close,
            level=belief.level,
            slope=belief.slope,
            innovation=belief.innovation,
            t_norm=t_norm,
            sma_fast=fast,
            sma_slow=slow,
            sigma=sigma,
            z_score=z,
            vol_before=memory.latch,
            vol=vol,
            vol_by=vol_by,
            crush_change=change,
            vol_crush=crush,
            trend_before_crush=bare_trend,
            trend=trend,
            cell=cell_of(trend, vol),
            bond_sma_fast=bond_fast,
            bond_sma_slow=bond_slow,
            bond_bull=None if bond_fast is None or bond_slow is None else bond_fast > bond_slow,
            bars=bars,
            short_history=bars < HISTORY_MIN,
            provisional=provisional,
        )

    def _latched(self, before: VolState, z: float, crush: bool) -> tuple[VolState, str]:
        """Return the latch after a session and the rule that set it; crush has the last word."""
        if crush:
            return _LOW, "crush"
        if z > self.parameters.upper_thresh_z:
            return _HIGH, "upper"
        if z < self.parameters.lower_thresh_z:
            return _LOW, "lower"
        return before, "hold"

    def _trend(self, t_norm: float, averages_bull: bool) -> Trend:
        """Name the trend; equal averages count as falling."""
        if averages_bull:
            return _BULL if t_norm > self.parameters.t_norm_bull_thresh else _SIDE
        return _BEAR if t_norm < self.parameters.t_norm_bear_thresh else _SIDE

    def _bond_sums(self, memory: RegimeMemory, newest: float) -> tuple[int, int]:
        p, sums = self.parameters, (memory.bond_fast, memory.bond_slow)
        return slid(*sums, memory.bond_closes, p.bond_sma_fast, p.bond_sma_slow, newest)

    def _bond_averages(
        self, memory: RegimeMemory, newest: float | None
    ) -> tuple[float | None, float | None]:
        """Return the bond's two averages; None with the overlay off or too few bars."""
        p = self.parameters
        if not p.allow_treasury:
            return None, None
        bars, fast, slow = len(memory.bond_closes), memory.bond_fast, memory.bond_slow
        if newest is not None:
            bars += 1
            fast, slow = self._bond_sums(memory, newest)
        if bars < p.bond_sma_slow:
            return None, None
        return fast / self._bond_fast, slow / self._bond_slow


def cell_of(trend: Trend, vol: VolState) -> int:
    """Return the cell: a trend's two stand one after the other, Low before High."""
    low = 1 if trend is _BULL else 3 if trend is _SIDE else 5
    return low + 1 if vol is _HIGH else low


def _kept(values: list[float], newest: float) -> list[float]:
    """Take the newest into the last oscillator values, in place, and return them."""
    values.append(newest)
    if len(values) > OSCILLATIONS:
        del values[0]
    return values


def _price(value: Decimal) -> float:
    """Return a price as float64; the gates let nothing else than finite positive prices pass."""
    price = float(value)
    if not 0.0 < price < inf:
        raise BrokenInvariant(f"price {value} reached the regime model")
    return price
