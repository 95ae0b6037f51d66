"""The adaptive filter: a level and a slope that follow the close, calmer when volume is thin.

State (p, v), transition F = [[1, 1], [0, 1]], observation H = [1, 0]. The covariance is
symmetric, so three numbers hold it. Noise of the observation is scaled by the ratio of the
previous volume to this one: a bar on little volume is believed less. Theory and order of
the steps: regime-strategy.md, section 3.
"""

from typing import NamedTuple

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
    if not (volume_before > 0.0 and volume > 0.0):
        return noise.measurement
    base = volume if noise.symmetric else max(volume_before, volume)
    return noise.measurement * min(max(volume_before / base, RATIO_MIN), RATIO_MAX)


def step(before: Filter, close: float, volume: float, noise: Noise) -> Filter:
    """Return the belief after one more bar: predict, weigh, correct."""
    predicted = before.level + before.slope
    q11 = before.p11 + 2.0 * before.p12 + before.p22 + noise.level
    q12 = before.p12 + before.p22
    q22 = before.p22 + noise.slope
    spread = q11 + observation_noise(noise, before.volume, volume)
    innovation = close - predicted
    gain_level = q11 / spread
    gain_slope = q12 / spread
    return Filter(
        predicted + gain_level * innovation,
        before.slope + gain_slope * innovation,
        (1.0 - gain_level) * q11,
        (1.0 - gain_level) * q12,
        q22 - gain_slope * q12,
        volume,
        innovation,
    )
