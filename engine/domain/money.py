"""Exact money: Decimal in the domain, integer micro-units (1e-6) at the border.

Importing this module makes `Decimal(0.1)` and `price < 1.5` raise in every thread:
a binary float can never reach a sum of money unseen.
"""

import decimal
import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

decimal.DefaultContext.traps[decimal.FloatOperation] = True
decimal.setcontext(decimal.Context(traps=[*decimal.DefaultContext.traps]))
decimal.getcontext().traps = dict(decimal.DefaultContext.traps)

ZERO = Decimal(0)
ONE = Decimal(1)
MICRO = Decimal("0.000001")
MILLION = Decimal(1_000_000)
BPS = Decimal(10_000)

_UNSET = 1.7976931348623157e308


def from_float(value: float, *, what: str = "value") -> Decimal:
    """Turn a finite float of the outside world into dollars rounded to 1e-6.

    Raises ValueError for NaN, infinity and the largest double, which libraries use as "unset".
    """
    if not math.isfinite(value) or abs(value) >= _UNSET:
        raise ValueError(f"{what} is {value!r}, a finite number is needed")
    return Decimal(repr(value)).quantize(MICRO, ROUND_HALF_EVEN)


def micro(value: Decimal) -> int:
    """Return a Decimal of dollars or shares as integer micro-units; exact or ValueError."""
    scaled = value * MILLION
    units = int(scaled)
    if scaled != units:
        raise ValueError(f"{value} has more than 6 decimals")
    return units


def from_micro(units: int) -> Decimal:
    """Return integer micro-units as Decimal."""
    return Decimal(units) / MILLION


def to_micro_price(value: Decimal) -> Decimal:
    """Round half-even to 1e-6, the finest price that can be stored."""
    return value.quantize(MICRO, ROUND_HALF_EVEN)


def to_tick(price: Decimal, tick: Decimal | None, *, up: bool) -> Decimal:
    """Round a price to its tick, upwards or downwards; without a tick half-even to 1e-6."""
    if tick is None:
        return to_micro_price(price)
    steps = (price / tick).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR)
    return steps * tick


def text(value: Decimal) -> str:
    """Return the shortest plain decimal text: no exponent, no trailing zeros."""
    shown = str(value)  # half the time of a format, and an exponent is rare
    if "E" in shown:
        shown = f"{value:f}"
    if "." in shown:
        shown = shown.rstrip("0").rstrip(".")
    return "0" if shown in ("-0", "") else shown
