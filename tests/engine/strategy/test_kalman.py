"""The filter against the first bars of the reference file, regime-strategy.md section 17."""

from engine.strategy import kalman
from tests.engine.strategy.material import fed, model, rows_of

NOISE = kalman.Noise(3000.0, 0.01, 0.01, True)

GOLDEN = [
    # date, R, predicted p, y, K1, K2, p, v
    ("2009-02-27", 3098.672030, 27.790000000, -0.260000000, 0.000648244, 0.000322510,
     27.789831456, -0.000083853),
    ("2009-03-02", 3260.051525, 27.789747604, -1.149747604, 0.001539650, 0.000615308,
     27.787977395, -0.000791302),
    ("2009-03-03", 3555.967921, 27.787186094, -1.167186094, 0.002820969, 0.000848108,
     27.783893498, -0.001781202),
]  # fmt: skip
HALF_DIGIT = 6e-10


def test_filter_reproduces_the_first_bars_of_the_reference() -> None:
    rows = rows_of("regime_reference_2010_2018.csv")
    belief = kalman.first(float(rows[0]["qqq_close"]), float(rows[0]["volume"]))
    for row, (day, noise, predicted, y, gain_level, gain_slope, p, v) in zip(
        rows[1:], GOLDEN, strict=False
    ):
        volume = float(row["volume"])
        before, belief = belief, kalman.step(belief, float(row["qqq_close"]), volume, NOISE)
        assert row["date"] == day
        assert abs(kalman.observation_noise(NOISE, before.volume, volume) - noise) < 6e-7
        assert abs(before.level + before.slope - predicted) < HALF_DIGIT
        assert abs(belief.innovation - y) < HALF_DIGIT
        assert abs((belief.level - predicted) / y - gain_level) < 2e-9
        assert abs((belief.slope - before.slope) / y - gain_slope) < 2e-9
        assert abs(belief.level - p) < HALF_DIGIT
        assert abs(belief.slope - v) < HALF_DIGIT


def test_oscillator_reaches_the_clip_at_the_twenty_fifth_bar() -> None:
    rows = rows_of("regime_reference_2010_2018.csv")[:25]
    memory = fed(model(), [float(r["qqq_close"]) for r in rows], [float(r["volume"]) for r in rows])
    assert rows[-1]["date"] == "2009-04-01"
    assert memory.belief is not None
    assert abs(memory.belief.innovation - 1.347905382) < HALF_DIGIT
    assert abs(memory.scale.push(0.0) - 2.800371240) < HALF_DIGIT
    assert abs(memory.smoothed[-1] - 59.327061481) < HALF_DIGIT
    assert memory.smoothed[:-1] == [0.0] * (len(memory.smoothed) - 1)


def test_thin_volume_raises_the_noise_only_where_that_is_wanted() -> None:
    calm = NOISE._replace(symmetric=False)
    assert kalman.observation_noise(NOISE, 200.0, 100.0) == 6000.0
    assert kalman.observation_noise(calm, 200.0, 100.0) == 3000.0
    assert kalman.observation_noise(NOISE, 100.0, 200.0) == 1500.0
    assert kalman.observation_noise(calm, 100.0, 200.0) == 1500.0


def test_the_volume_ratio_is_limited_and_a_missing_volume_leaves_the_base() -> None:
    assert kalman.observation_noise(NOISE, 1e9, 1.0) == 60_000.0
    assert kalman.observation_noise(NOISE, 1.0, 1e9) == 150.0
    for volume in (0.0, -5.0, float("nan")):
        assert kalman.observation_noise(NOISE, volume, 100.0) == 3000.0
        assert kalman.observation_noise(NOISE, 100.0, volume) == 3000.0
