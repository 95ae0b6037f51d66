"""Black–Scholes on a smile: what the practice market asks for an option."""

from dataclasses import dataclass
from datetime import datetime
from math import erf, exp, log, pi, sqrt

from engine.brokers.practice.universe import Traded

RATE = 0.04
_YEAR_S = 365.0 * 86_400
_LEAST = 60.0 / _YEAR_S  # an option is never nearer to its end than a minute


@dataclass(frozen=True, slots=True)
class Greeks:
    """A price and its sensitivities; theta a day, vega a point of volatility."""

    price: float
    volatility: float
    delta: float
    gamma: float
    vega: float
    theta: float
    under: float


def years_left(closes: datetime, at: datetime) -> float:
    """Return the time to an expiration in years."""
    return max(_LEAST, (closes - at).total_seconds() / _YEAR_S)


def smile(symbol_volatility: float, under: float, strike: float, years: float) -> float:
    """Return the volatility at a strike: low strikes cost more, far ones too."""
    away = log(strike / under) / max(0.15, sqrt(years))
    return max(0.05, symbol_volatility * (1.05 - 0.25 * away + 0.15 * away * away))


def black_scholes(traded: Traded, under: float, volatility: float, years: float) -> Greeks:
    """Return an option's price and greeks; no dividends."""
    strike, is_call = float(traded.contract.strike), traded.contract.right == "C"
    root = volatility * sqrt(years)
    d1 = (log(under / strike) + (RATE + volatility * volatility / 2) * years) / root
    d2 = d1 - root
    paid = strike * exp(-RATE * years)
    density = exp(-d1 * d1 / 2) / sqrt(2 * pi)
    decay = -under * density * volatility / (2 * sqrt(years))
    if is_call:
        price, delta = under * _below(d1) - paid * _below(d2), _below(d1)
        theta = decay - RATE * paid * _below(d2)
    else:
        price, delta = paid * _below(-d2) - under * _below(-d1), _below(d1) - 1
        theta = decay + RATE * paid * _below(-d2)
    return Greeks(
        max(0.0, price),
        volatility,
        delta,
        density / (under * root),
        under * density * sqrt(years) / 100,
        theta / 365,
        under,
    )


def implied(traded: Traded, under: float, price: float, years: float) -> Greeks | None:
    """Return the greeks at the volatility that explains a price; None if none does."""
    low, high = 0.005, 5.0
    if not (
        black_scholes(traded, under, low, years).price
        <= price
        <= black_scholes(traded, under, high, years).price
    ):
        return None
    for _ in range(60):
        middle = (low + high) / 2
        if black_scholes(traded, under, middle, years).price < price:
            low = middle
        else:
            high = middle
    return black_scholes(traded, under, (low + high) / 2, years)


def _below(x: float) -> float:
    return (1 + erf(x / sqrt(2))) / 2
