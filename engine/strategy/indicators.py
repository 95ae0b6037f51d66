"""Averages, volatility and the oscillator, each over one explicit window.

Every function takes the whole window and makes two passes over it. Running sums are faster
and drift: after years of bars their residue decides ties. `math.fsum` is correctly rounded,
so a window gives the same bits whether it was reached bar by bar or in one batch, and on
every machine.
"""

import math
from collections import deque
from collections.abc import Sequence
from operator import mul

SESSIONS_A_YEAR = 252
YEAR_ROOT = math.sqrt(SESSIONS_A_YEAR)
SPREAD_MIN = 1e-12  # below it a deviation counts as zero


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


def z_score(volatilities: Sequence[float]) -> float:
    """Standardise the newest volatility against its own recent past, itself included.

    0 where the window has no spread.
    """
    center = mean(volatilities)
    spread = deviation(volatilities, center)
    return 0.0 if spread < SPREAD_MIN else (volatilities[-1] - center) / spread


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
