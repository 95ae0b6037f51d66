"""Averages, volatility and the oscillator, each over one explicit window.

Running sums of floats drift: after years of bars their residue decides ties. So there are two
ways here, and no third. A short window is summed whole, in two passes, by `fsum`, which is
correctly rounded. A long one slides, but its sums are whole numbers of 2^-256, of which every
float of at least 1e-61 is a multiple: no price or volatility is rounded until the end, and there
once. Either way a window gives the same bits whether it was reached bar by bar or in one batch,
and on every machine.
"""

from collections import deque
from collections.abc import Sequence
from math import fsum, sqrt
from operator import mul
from typing import NamedTuple

SESSIONS_A_YEAR = 252
YEAR_ROOT = sqrt(SESSIONS_A_YEAR)
SPREAD_MIN = 1e-12  # below it a deviation counts as zero
_UNIT = 256  # binary places: four times as many would hold every float, and take thrice as long
_SCALE = 2.0**_UNIT
_make = tuple.__new__  # for every bar: half the time of calling the class


def deviation(window: Sequence[float]) -> float:
    """Return the sample deviation (n - 1) about the window's own mean."""
    count = len(window)
    center = fsum(window) / count
    off = [value - center for value in window]
    return sqrt(fsum(map(mul, off, off)) / (count - 1))


def realized_volatility(returns: Sequence[float]) -> float:
    """Return the annualised deviation of log returns, a fraction."""
    return deviation(returns) * YEAR_ROOT


def exact(value: float) -> int:
    """Return a float in units of 2^-256; what is finer is cut, every time alike."""
    return int(value * _SCALE)


def slid(
    fast: int, slow: int, past: list[float], n_fast: int, n_slow: int, newest: float
) -> tuple[int, int]:
    """Return the exact sums of the last n_fast and n_slow values once `newest` has come.

    fast, slow: of the last ones of `past`, or of all while there are fewer.
    """
    unit, count = int(newest * _SCALE), len(past)  # `exact`, without a call
    fast += unit
    slow += unit
    if count >= n_fast:
        fast -= int(past[-n_fast] * _SCALE)
    if count >= n_slow:
        slow -= int(past[-n_slow] * _SCALE)
    return fast, slow


def units(count: int) -> int:
    """Return what the exact sum of that many values is to be divided by for their mean.

    The quotient is correctly rounded.
    """
    return count << _UNIT


class Moments(NamedTuple):
    """Exact sums over a window of the last n values."""

    values: int = 0  # how many
    total: int = 0
    squares: int = 0  # in units of 2^-512

    def slid(self, past: list[float], n: int, newest: float) -> "Moments":
        """Return the sums once `newest` has come."""
        count, total, squares = self
        value = int(newest * _SCALE)
        total += value
        squares += value * value
        if count < n:
            return _make(Moments, (count + 1, total, squares))
        value = int(past[-n] * _SCALE)
        return _make(Moments, (count, total - value, squares - value * value))

    def z_score(self, newest: float) -> float:
        """Standardise the newest value against its own recent past, itself included.

        0 where the window has no spread.
        """
        count, total, squares = self
        spread = count * squares - total * total  # n (n - 1) variances
        deviation = sqrt(spread / (count * (count - 1) << 2 * _UNIT))
        if deviation < SPREAD_MIN:
            return 0.0
        return (newest - total / (count << _UNIT)) / deviation


NO_MOMENTS = Moments()


def relative_change(now: float, before: float | None) -> float | None:
    """Return (now - before) / before; None where there is nothing to compare with."""
    return None if before is None or before < SPREAD_MIN else (now - before) / before


class Smoother:
    """Linearly weighted mean of the last n values, the newest with weight n."""

    __slots__ = ("_total", "_weights", "n")

    def __init__(self, n: int) -> None:
        self.n = n
        self._weights = tuple(float(j) for j in range(1, n + 1))
        self._total = n * (n + 1) / 2

    def of(self, values: list[float]) -> float | None:
        """Return the mean of the last n of `values`; None while there are fewer."""
        missing = len(values) - self.n
        if missing < 0:
            return None
        return fsum(map(mul, self._weights, values[missing:])) / self._total


class RollingMax:
    """Maximum of the last `window` values in amortised constant time.

    Keeps only values that can still become the maximum: each is larger than all after it.
    """

    __slots__ = ("_rivals", "count", "window")

    def __init__(self, window: int) -> None:
        self.window = window
        self.count = 0
        self._rivals: deque[tuple[int, float]] = deque()

    def push(self, value: float) -> float:
        """Take in the next value; return the maximum with it."""
        rivals, count = self._rivals, self.count
        while rivals and rivals[-1][1] <= value:
            rivals.pop()
        rivals.append((count, value))
        self.count = count + 1
        if rivals[0][0] <= count - self.window:
            rivals.popleft()
        return rivals[0][1]

    def copy(self) -> "RollingMax":
        """Return another one that has seen the same values."""
        other = RollingMax(self.window)
        other.count, other._rivals = self.count, self._rivals.copy()
        return other
