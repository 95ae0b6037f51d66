"""The regime model: from bars to a reading, one session at a time.

    close, volume → filter → innovation → oscillator → T  ┐
    close → two averages                                  ├→ trend ┐
    close → realised volatility → z → latch ┐             │        ├→ one of six cells
                                   crush ───┴→ volatility ┴────────┘

Everything that a bar adds is first worked out beside the memory (`_After`) and then taken
over; a provisional element stops half-way. So a look at a quote can never leave a trace, and
both ways give the same bits. Latch and days in cell move from the first reading on only:
before that, no memory but the filter's advances. regime-strategy.md, sections 3 to 8.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple, Self

from engine.domain.market import Bar
from engine.domain.regime import RegimeReading, Trend, VolState
from engine.errors import BrokenInvariant
from engine.strategy import kalman
from engine.strategy.indicators import (
    NO_MOMENTS,
    Moments,
    RollingMax,
    Smoother,
    mean_of,
    realized_volatility,
    relative_change,
    slid,
    tail,
)
from engine.strategy.track import Track

INNOVATIONS = 500  # window of the oscillator's scale
OSCILLATIONS = 20  # oscillator values kept for smoothing
HISTORY_LOADED = 800  # bars of history a decision wants
HISTORY_MIN = 750  # fewer are marked: T is off by up to 2.5e-4 at 750 bars, 0.05 at 600

CELLS = {
    (Trend.BULL, VolState.LOW): 1,
    (Trend.BULL, VolState.HIGH): 2,
    (Trend.SIDE, VolState.LOW): 3,
    (Trend.SIDE, VolState.HIGH): 4,
    (Trend.BEAR, VolState.LOW): 5,
    (Trend.BEAR, VolState.HIGH): 6,
}


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
    returns: list[float] = field(default_factory=list)
    volatilities: list[float] = field(default_factory=list)
    moments: Moments = NO_MOMENTS  # of the last vol_baseline_window volatilities
    latch: VolState = VolState.LOW
    reading: RegimeReading | None = None
    days_in_cell: int = 0


class _After(NamedTuple):
    """What one more element makes of the series part of a memory."""

    belief: kalman.Filter
    fast: int
    slow: int
    oscillations: list[float]
    smoothed: list[float]
    t_norm: float
    log_return: float | None
    volatility: float | None
    moments: Moments


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
        after = self._after(memory, close, float(signal.volume))
        reading = self._read(memory, after, session_date, close, None)
        memory.closes.append(close)
        memory.belief, memory.fast, memory.slow = after.belief, after.fast, after.slow
        if memory.signal.found > 1:
            memory.scale.push(abs(after.belief.innovation))
        memory.oscillations = after.oscillations
        memory.smoothed = after.smoothed
        if after.log_return is not None:
            memory.returns.append(after.log_return)
        if after.volatility is not None:
            memory.volatilities.append(after.volatility)
            memory.moments = after.moments
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
        after = self._after(memory, last, 0.0)
        return self._read(memory, after, session_date, last, bond, provisional=True)

    def _after(self, memory: RegimeMemory, close: float, volume: float) -> _After:
        """Work out filter, oscillator and volatility with one more element."""
        p, closes, moments = self.parameters, memory.closes, memory.moments
        fast = slid(memory.fast, closes, p.sma_fast, close)
        slow = slid(memory.slow, closes, p.sma_slow, close)
        if memory.belief is None:
            first = kalman.first(close, volume)
            return _After(first, fast, slow, [], [], 0.0, None, None, moments)
        belief = kalman.step(memory.belief, close, volume, self._noise)
        oscillations, smoothed, t_norm = memory.oscillations, memory.smoothed, 0.0
        if memory.scale.count + 1 >= p.strength_smoothness:
            largest = memory.scale.with_next(abs(belief.innovation))
            swing = 100.0 * belief.innovation / largest if largest > 0.0 else 0.0
            oscillations = tail(oscillations, OSCILLATIONS, swing)
            strength = self._first_pass.of(oscillations) or 0.0
            smoothed = tail(smoothed, OSCILLATIONS, strength)
            if self._second_pass is not None:
                second = self._second_pass.of(smoothed)
                strength = strength if second is None else second
            t_norm = min(1.0, max(-1.0, strength / p.t_max))
        log_return = math.log(close / closes[-1])
        volatility = None
        if len(memory.returns) + 1 >= p.realized_vol_window:
            window = tail(memory.returns, p.realized_vol_window, log_return)
            volatility = realized_volatility(window)
            moments = moments.slid(memory.volatilities, p.vol_baseline_window, volatility)
        return _After(
            belief, fast, slow, oscillations, smoothed, t_norm, log_return, volatility, moments
        )

    def _read(
        self,
        memory: RegimeMemory,
        after: _After,
        session_date: date,
        close: float,
        bond_close: float | None,
        *,
        provisional: bool = False,
    ) -> RegimeReading | None:
        """Name the cell of the session that `after` describes; None while warming up."""
        p = self.parameters
        bars = len(memory.closes) + 1
        if bars < self.warmup_bars or after.volatility is None:
            return None
        fast = mean_of(after.fast, p.sma_fast)  # warm: there are more than enough
        slow = mean_of(after.slow, p.sma_slow)
        sigma = after.volatility
        past = memory.volatilities
        z = after.moments.z_score(sigma)
        k = p.vol_crush_lookback
        change = relative_change(sigma, past[-k] if len(past) >= k else None)
        crush = change is not None and change < p.vol_crush_threshold
        vol, vol_by = self._latched(memory.latch, z, crush)
        bare_trend = self._trend(after.t_norm, fast > slow)
        trend = Trend.SIDE if crush and bare_trend is Trend.BEAR else bare_trend
        bond_fast, bond_slow = self._bond_averages(memory, bond_close)
        return RegimeReading(
            session_date=session_date,
            close=close,
            level=after.belief.level,
            slope=after.belief.slope,
            innovation=after.belief.innovation,
            t_norm=after.t_norm,
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
            cell=CELLS[trend, vol],
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
            return VolState.LOW, "crush"
        if z > self.parameters.upper_thresh_z:
            return VolState.HIGH, "upper"
        if z < self.parameters.lower_thresh_z:
            return VolState.LOW, "lower"
        return before, "hold"

    def _trend(self, t_norm: float, averages_bull: bool) -> Trend:
        """Name the trend; equal averages count as falling."""
        if averages_bull:
            return Trend.BULL if t_norm > self.parameters.t_norm_bull_thresh else Trend.SIDE
        return Trend.BEAR if t_norm < self.parameters.t_norm_bear_thresh else Trend.SIDE

    def _bond_sums(self, memory: RegimeMemory, newest: float) -> tuple[int, int]:
        p, closes = self.parameters, memory.bond_closes
        return (
            slid(memory.bond_fast, closes, p.bond_sma_fast, newest),
            slid(memory.bond_slow, closes, p.bond_sma_slow, newest),
        )

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
        return mean_of(fast, p.bond_sma_fast), mean_of(slow, p.bond_sma_slow)


def _price(value: Decimal) -> float:
    """Return a price as float64; the gates let nothing else than finite positive prices pass."""
    price = float(value)
    if not 0.0 < price < math.inf:
        raise BrokenInvariant(f"price {value} reached the regime model")
    return price
