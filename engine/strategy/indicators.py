"""Averages, volatility and the oscillator, each over one explicit window.

Running sums of floats drift: after years of bars their residue decides ties. So there are two
ways here, and no third. A short window is summed whole, in two passes, by `math.fsum`, which is
correctly rounded. A long one slides, but its sums are whole numbers of 2^-256, of which every
float of at least 1e-61 is a multiple: no price or volatility is rounded until the end, and there
once. Either way a window gives the same bits whether it was reached bar by bar or in one batch,
and on every machine.
"""

import math
from collections import deque
from collections.abc import Sequence
from operator import mul
from typing import NamedTuple

SESSIONS_A_YEAR = 252
YEAR_ROOT = math.sqrt(SESSIONS_A_YEAR)
SPREAD_MIN = 1e-12  # below it a deviation counts as zero
_UNIT = 256  # binary places: four times as many would hold every float, and take thrice as long
_SCALE = 2.0**_UNIT


def tail(values: list[float], n: int, newest: float) -> list[float]:
    """Return the window of the last n values when `newest` comes next; shorter at the start."""
    window = values[max(0, len(values) - n + 1) :]
    window.append(newest)
    return window


def mean(window: Sequence[float]) -> float:
    """Return the arithmetic mean."""
    return math.fsum(window) / len(window)


def deviation(window: Sequence[float], center: float) -> float:
    """Return the sample deviation (n - 1) about the window's own mean."""
    squares = [(off := value - center) * off for value in window]
    return math.sqrt(math.fsum(squares) / (len(window) - 1))


def realized_volatility(returns: Sequence[float]) -> float:
    """Return the annualised deviation of log returns, a fraction."""
    return deviation(returns, mean(returns)) * YEAR_ROOT


def exact(value: float) -> int:
    """Return a float in units of 2^-256; what is finer is cut, every time alike."""
    return int(value * _SCALE)


def slid(total: int, past: list[float], n: int, newest: float) -> int:
    """Return the exact sum of the last n values once `newest` has come.

    total: of the last n of `past`, or of all while there are fewer.
    """
    total += int(newest * _SCALE)  # `exact`, without a call
    return total - int(past[-n] * _SCALE) if len(past) >= n else total


def mean_of(total: int, count: int) -> float:
    """Return the mean of that many values with an exact sum, correctly rounded."""
    return total / (count << _UNIT)


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
            return Moments(count + 1, total, squares)
        value = int(past[-n] * _SCALE)
        return Moments(count, total - value, squares - value * value)

    def z_score(self, newest: float) -> float:
        """Standardise the newest value against its own recent past, itself included.

        0 where the window has no spread.
        """
        count, total, squares = self
        spread = count * squares - total * total  # n (n - 1) variances
        deviation = math.sqrt(spread / (count * (count - 1) << 2 * _UNIT))
        return 0.0 if deviation < SPREAD_MIN else (newest - mean_of(total, count)) / deviation


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
        return math.fsum(map(mul, self._weights, values[missing:])) / self._total


class RollingMax:
    """Maximum of the last `window` values in amortised constant time, with a look ahead.

    Keeps only values that can still become the maximum: each is larger than all after it.
    """

    __slots__ = ("_rivals", "count", "window")

    def __init__(self, window: int) -> None:
        self.window = window
        self.count = 0
        self._rivals: deque[tuple[int, float]] = deque()

    def with_next(self, value: float) -> float:
        """Return the maximum as it would be after `value`; changes nothing."""
        oldest = self.count + 1 - self.window
        for index, rival in self._rivals:
            if index >= oldest:
                return max(rival, value)
        return value

    def push(self, value: float) -> None:
        """Take in the next value."""
        rivals = self._rivals
        while rivals and rivals[-1][1] <= value:
            rivals.pop()
        rivals.append((self.count, value))
        self.count += 1
        if rivals[0][0] < self.count - self.window:
            rivals.popleft()
