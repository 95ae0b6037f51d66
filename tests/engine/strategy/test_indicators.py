"""Windows: means, deviations, smoothing, the rolling maximum."""

import math
import statistics
from fractions import Fraction
from operator import neg

from hypothesis import given
from hypothesis import strategies as st

from engine.strategy.indicators import (
    Moments,
    RollingMax,
    Smoother,
    deviation,
    exact,
    relative_change,
    slid,
    units,
)

values = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60)


def z_score(window: list[float], n: int = 1_000) -> float:
    """The z of the last value of a list, reached one value at a time."""
    moments = Moments()
    for end, newest in enumerate(window):
        moments = moments.slid(window[:end], n, newest)
    return moments.z_score(window[-1])


@given(values)
def test_deviation_is_that_of_the_textbook(window: list[float]) -> None:
    assert math.isclose(deviation(window), statistics.stdev(window), rel_tol=1e-9, abs_tol=1e-9)


above = st.floats(1e-61, 1e60)
taken = above | above.map(neg) | st.just(0.0)


@given(taken)
def test_no_price_and_no_volatility_is_too_fine_to_be_taken_exactly(value: float) -> None:
    assert exact(value) / units(1) == value


@given(st.lists(taken, min_size=1, max_size=40), st.integers(1, 12), st.integers(1, 12))
def test_means_that_slide_are_those_of_their_windows_to_the_last_bit(
    stream: list[float], fast: int, slow: int
) -> None:
    sums = 0, 0
    for end, newest in enumerate(stream):
        sums = slid(*sums, stream[:end], fast, slow, newest)
        for total, n in zip(sums, (fast, slow), strict=True):
            window = stream[max(0, end + 1 - n) : end + 1]
            assert total / units(len(window)) == float(sum(map(Fraction, window)) / len(window))


@given(st.lists(st.floats(0.01, 2.0), min_size=2, max_size=40), st.integers(2, 12))
def test_a_z_that_slides_is_that_of_its_window(stream: list[float], n: int) -> None:
    window = stream[-n:]
    spread = statistics.stdev(window)
    if spread > 1e-9:
        expected = (window[-1] - statistics.mean(window)) / spread
        assert math.isclose(z_score(stream, n), expected, rel_tol=1e-9, abs_tol=1e-9)
    assert z_score(stream, n) == z_score(window, n)  # whatever was before has left no trace


def test_z_of_a_window_without_spread_is_zero() -> None:
    assert z_score([0.2] * 200) == 0.0
    assert math.isclose(z_score([0.1, 0.2, 0.3]), 1.0)


def test_change_from_nothing_is_unknown() -> None:
    assert relative_change(0.1, None) is None
    assert relative_change(0.1, 1e-13) is None
    assert relative_change(0.1, 0.2) == -0.5


def test_smoother_gives_the_newest_value_the_greatest_weight() -> None:
    assert Smoother(3).of([1.0, 2.0]) is None
    assert Smoother(3).of([99.0, 1.0, 2.0, 6.0]) == (1 * 1 + 2 * 2 + 3 * 6) / 6
    assert Smoother(1).of([4.0, 5.0]) == 5.0


@given(st.lists(st.floats(0, 100), max_size=80), st.integers(1, 12))
def test_rolling_maximum_equals_the_maximum_of_the_window(stream: list[float], window: int) -> None:
    rolling = RollingMax(window)
    for n, value in enumerate(stream):
        expected = max(stream[max(0, n + 1 - window) : n + 1])
        looked = rolling.copy()
        assert rolling.push(value) == expected
        assert looked.push(value) == expected
