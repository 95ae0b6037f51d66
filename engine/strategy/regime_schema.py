"""The regime strategy's parameters, presets and relations; regime-strategy.md, section 2.

Fixed, and therefore not here: the innovation window of 500, the oscillator window of 20,
the bond share of 0.4, 252 sessions a year, unit covariance at the start, the weight rows.
"""

from collections.abc import Callable
from decimal import Decimal
from itertools import combinations
from types import MappingProxyType

from engine.domain.money import ZERO
from engine.strategy.allocation import targets
from engine.strategy.parameter import (
    SLOT_PARAMETER,
    Kind,
    Parameter,
    Relation,
    Schema,
    Span,
    Value,
    Values,
)
from engine.strategy.regime import RegimeParameters

LEG_KEYS = (
    "leveraged_long_symbol",
    "core_long_symbol",
    "inverse_hedge_symbol",
    "bull_bond_symbol",
    "bear_bond_symbol",
)
REBALANCE_MAX = Decimal("0.4")  # the smallest distance of two different default targets

Inert = Callable[[Values], str]


def _unless(key: str, wanted: Value, reason: str) -> Inert:
    return lambda values: "" if values[key] == wanted else reason


_NO_SECOND_PASS = _unless("double_smoothing", True, "only with double_smoothing")
_NO_HEDGE = _unless("use_inverse_hedge", True, "only with use_inverse_hedge")
_NO_OVERLAY = _unless("allow_treasury", True, "only with allow_treasury")
_NO_DRIFT = _unless("rebalance_on", "actual_drift", "only with rebalance_on = actual_drift")


def _never_between(values: Values) -> str:
    """Say why no allowed threshold can tell two targets apart or take them for one."""
    if values["rebalance_on"] != "target_change":
        return "only with rebalance_on = target_change"
    p = RegimeParameters.of(values)
    rows = {targets(cell, bull, p) for cell in range(1, 7) for bull in (True, False)}
    nearest = min(
        sum((abs(x - y) for x, y in zip(a, b, strict=True)), ZERO) for a, b in combinations(rows, 2)
    )
    return "different targets are at least 0.4 apart" if nearest >= REBALANCE_MAX else ""


def _float(
    key: str,
    default: str,
    low: str,
    high: str,
    effect: str,
    *,
    unit: str = "",
    open_low: bool = False,
    open_high: bool = False,
    inert: Inert | None = None,
) -> Parameter:
    span = Span(Decimal(low), Decimal(high), not open_low, not open_high)
    return Parameter(
        key=key,
        kind=Kind.FLOAT,
        default=Decimal(default),
        span=span,
        effect=effect,
        unit=unit,
        inert=inert,
    )


def _int(
    key: str, default: int, low: int, high: int, effect: str, inert: Inert | None = None
) -> Parameter:
    return Parameter(
        key=key,
        kind=Kind.INT,
        default=default,
        span=Span(Decimal(low), Decimal(high)),
        effect=effect,
        unit="sessions",
        inert=inert,
    )


def _bool(key: str, default: bool, effect: str) -> Parameter:
    return Parameter(key=key, kind=Kind.BOOL, default=default, effect=effect)


def _symbol(key: str, default: str, effect: str, inert: Inert | None = None) -> Parameter:
    return Parameter(key=key, kind=Kind.SYMBOL, default=default, effect=effect, inert=inert)


_FILTER = (
    _float("measurement_noise", "3000", "500", "10000", "base noise R0", unit="USD²"),
    _float("process_noise_1", "0.01", "0.0001", "1", "level noise; nearly inert", unit="USD²"),
    _float("process_noise_2", "0.01", "0.0001", "1", "slope noise", unit="USD²"),
    _int("osc_smoothness", 10, 1, 20, "length of the oscillator's first smoothing"),
    _int("strength_smoothness", 15, 1, 20, "length of the second smoothing", _NO_SECOND_PASS),
    _float("t_max", "50", "20", "100", "oscillator value at which T is 1"),
    _bool("symmetric_volume_adjustment", True, "thin volume may also raise the noise above R0"),
    _bool("double_smoothing", False, "smooth the oscillator a second time"),
)
_CELL = (
    _int("sma_fast", 40, 5, 100, "fast average of the signal's closes"),
    _int("sma_slow", 140, 50, 300, "slow average of the signal's closes"),
    _float("t_norm_bull_thresh", "0.05", "0.01", "0.9", "T above it may be a bull trend"),
    _float("t_norm_bear_thresh", "-0.3", "-0.9", "-0.01", "T below it may be a bear trend"),
    _int("realized_vol_window", 21, 5, 63, "returns in one volatility"),
    _int("vol_baseline_window", 200, 40, 504, "volatilities that z compares with"),
    _float(
        "upper_thresh_z",
        "1.0",
        "0.5",
        "2",
        "z above it sets the latch to High",
        unit="deviations",
    ),
    _float(
        "lower_thresh_z",
        "0.2",
        "-0.5",
        "0.5",
        "z below it sets the latch to Low",
        unit="deviations",
    ),
    _float(
        "vol_crush_threshold",
        "-0.15",
        "-0.5",
        "-0.05",
        "a change of volatility below it is a crush",
        unit="fraction",
    ),
    _int("vol_crush_lookback", 5, 1, 21, "sessions over which a crush is measured"),
)
_WEIGHTS = (
    _float(
        "leverage_scalar", "1.0", "0.5", "1.5", "scales the stock legs; seen in cell 5 and hedged 6"
    ),
    _bool("use_inverse_hedge", False, "cell 6 holds the inverse leg instead of the bond"),
    _float(
        "w_psq_max",
        "0.5",
        "0",
        "0.5",
        "cap of the inverse weight",
        unit="fraction",
        open_low=True,
        inert=_NO_HEDGE,
    ),
    _bool("allow_treasury", True, "bond overlay in cells 4, 5 and 6"),
    _int("bond_sma_fast", 20, 2, 100, "fast average of the bond's closes", _NO_OVERLAY),
    _int("bond_sma_slow", 60, 5, 250, "slow average of the bond's closes", _NO_OVERLAY),
    _float(
        "max_bond_weight",
        "0.4",
        "0",
        "0.4",
        "cap of the bond weight",
        unit="fraction",
        inert=_NO_OVERLAY,
    ),
    _symbol("treasury_trend_symbol", "TLT", "series that says bull or bear bond", _NO_OVERLAY),
)
_REBALANCE = (
    _float(
        "rebalance_threshold",
        "0.025",
        "0",
        "0.4",
        "deviation of targets above which legs are traded",
        unit="weight",
        open_low=True,
        open_high=True,
        inert=_never_between,
    ),
    Parameter(
        key="rebalance_on",
        kind=Kind.CHOICE,
        default="target_change",
        choices=("target_change", "actual_drift"),
        effect="compare targets with those carried out, or with actual weights",
    ),
    _float(
        "drift_threshold",
        "0.05",
        "0.01",
        "0.5",
        "deviation of actual weights above which legs are traded",
        unit="weight",
        inert=_NO_DRIFT,
    ),
    SLOT_PARAMETER,
)
_SYMBOLS = (
    _symbol("signal_symbol", "QQQ", "series that is read: filter, averages, volatility"),
    _symbol("core_long_symbol", "QQQ", "core leg"),
    _symbol("leveraged_long_symbol", "TQQQ", "leveraged leg, three times the signal"),
    _symbol("inverse_hedge_symbol", "PSQ", "inverse leg, minus once the signal", _NO_HEDGE),
    _symbol("bull_bond_symbol", "TMF", "three times the bond", _NO_OVERLAY),
    _symbol("bear_bond_symbol", "TMV", "minus three times the bond", _NO_OVERLAY),
)

_SMOOTH15: dict[str, Value] = {"osc_smoothness": 15, "symmetric_volume_adjustment": False}
_CLASSIC126: dict[str, Value] = {
    **_SMOOTH15,
    "t_norm_bull_thresh": Decimal("0.2"),
    "vol_baseline_window": 126,
}
_NOISE2000: dict[str, Value] = {**_CLASSIC126, "measurement_noise": Decimal(2000)}


def _below(low: str, high: str) -> Relation:
    """Demand that one parameter is smaller than another."""
    return Relation(
        keys=(low, high),
        text=f"{low} < {high}",
        holds=lambda values: Decimal(values[low]) < Decimal(values[high]),
    )


REGIME = Schema(
    strategy="regime",
    parameters=(*_FILTER, *_CELL, *_WEIGHTS, *_REBALANCE, *_SYMBOLS),
    presets=MappingProxyType(
        {
            "default": {},
            "smooth15": _SMOOTH15,
            "classic126": _CLASSIC126,
            "noise2000": _NOISE2000,
        }
    ),
    relations=(
        _below("sma_fast", "sma_slow"),
        _below("bond_sma_fast", "bond_sma_slow"),
        _below("lower_thresh_z", "upper_thresh_z"),
        Relation(
            keys=LEG_KEYS,
            text="five different symbols",
            holds=lambda values: len({values[key] for key in LEG_KEYS}) == len(LEG_KEYS),
        ),
    ),
)

LIMITS = {
    "order_size": "1",
    "symbol_exposure": "1",
    "loss_day": "0.15",
    "loss_severe": "0.3",  # over five session dates
    "drawdown": "0.45",
}
"""Room for what the rules themselves do: 2010-2025 worst session -11.6 %, five -23.1 %,
drawdown -40.6 %; cells 1 to 3 hold no cash, so one leg may be all of the equity."""
