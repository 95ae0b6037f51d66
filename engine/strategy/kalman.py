"""The adaptive filter: a level and a slope that follow the close, calmer when volume is thin.

State (p, v), transition F = [[1, 1], [0, 1]], observation H = [1, 0]. The covariance is
symmetric, so three numbers hold it. Noise of the observation is scaled by the ratio of the
previous volume to this one: a bar on little volume is believed less. Theory and order of
the steps: regime-strategy.md, section 3.
"""

from typing import NamedTuple

_make = tuple.__new__  # one for every bar: half the time of calling its class

RATIO_MIN = 0.05
RATIO_MAX = 20.0  # neither end bites on real data; without them a zero volume gives gain 1


class Noise(NamedTuple):
    """What the filter is told about the world."""

    measurement: float  # R0, dollars squared
    level: float  # process noise of p
    slope: float  # process noise of v
    symmetric: bool  # True: noise may also rise above R0


class Filter(NamedTuple):
    """What the filter believes after a bar."""

    level: float  # p, dollars
    slope: float  # v, dollars per session
    p11: float
    p12: float
    p22: float
    volume: float  # of this bar; 0 where it is missing
    innovation: float  # y: close - prediction, known before the bar's volume is looked at


def first(close: float, volume: float) -> Filter:
    """Return the belief after the first bar: its close, no slope, unit covariance."""
    return Filter(close, 0.0, 1.0, 0.0, 1.0, volume, 0.0)


def observation_noise(noise: Noise, volume_before: float, volume: float) -> float:
    """Return R of a bar. A missing or non-positive volume on either side leaves R0."""
    measurement, _, _, symmetric = noise
    if not (volume_before > 0.0 and volume > 0.0):
        return measurement
    base = volume_before if volume_before > volume and not symmetric else volume
    ratio = volume_before / base
    if ratio < RATIO_MIN:
        ratio = RATIO_MIN
    elif ratio > RATIO_MAX:
        ratio = RATIO_MAX
    return measurement * ratio


def step(before: Filter, close: float, volume: float, noise: Noise) -> Filter:
    """Return the belief after one more bar: predict, weigh, correct."""
    level, slope, p11, p12, p22, volume_before, _ = before
    predicted = level + slope
    _, of_level, of_slope, _ = noise
    q11 = p11 + 2.0 * p12 + p22 + of_level
    q12 = p12 + p22
    q22 = p22 + of_slope
    spread = q11 + observation_noise(noise, volume_before, volume)
    innovation = close - predicted
    gain_level = q11 / spread
    gain_slope = q12 / spread
    left = 1.0 - gain_level
    return _make(
        Filter,
        (
            predicted + gain_level * innovation,
            slope + gain_slope * innovation,
            left * q11,
            left * q12,
            q22 - gain_slope * q12,
            volume,
            innovation,
        ),
    )
