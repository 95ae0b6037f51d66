"""What must hold of the model whatever the prices; regime-strategy.md, section 16."""

import copy
import random
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.regime import RegimeReading, Trend, VolState
from engine.errors import BrokenInvariant
from engine.strategy.regime import RegimeMemory
from tests.engine.strategy.material import (
    QQQ,
    START,
    TLT,
    bar,
    fed,
    market,
    model,
    without_volume_effects,
)

DAY = timedelta(days=1)


def walk(n: int, seed: int = 7) -> tuple[list[float], list[float]]:
    """Return closes and volumes of a seeded random walk with calm and wild stretches."""
    chance = random.Random(seed)
    closes, volumes, close = [], [], 100.0
    for k in range(n):
        close *= 1.0 + chance.gauss(0.0004, 0.006 if k // 60 % 2 else 0.02)
        closes.append(close)
        volumes.append(chance.uniform(0.5, 2.0) * 1e6)
    return closes, volumes


def read(closes: Sequence[float], volumes: Sequence[float] | None = None) -> RegimeReading:
    """Return the reading after the last close."""
    reading = fed(model(), closes, volumes).reading
    assert reading is not None
    return reading


def test_scaling_prices_by_a_power_of_two_changes_no_bit_of_t() -> None:
    closes, volumes = walk(400)
    base = read(closes, volumes)
    for power in (-6, 1, 9):
        scaled = read([close * 2.0**power for close in closes], volumes)
        assert scaled.t_norm == base.t_norm
        assert scaled.z_score == base.z_score
        assert scaled.cell == base.cell


def test_scaling_prices_or_volumes_by_a_constant_changes_no_reading() -> None:
    closes, volumes = walk(400)
    base = read(closes, volumes)
    for factor in (0.37, 1000.0):
        for scaled in (
            read([close * factor for close in closes], volumes),
            read(closes, [volume * factor for volume in volumes]),
        ):
            assert abs(scaled.t_norm - base.t_norm) < 1e-12
            assert abs(scaled.z_score - base.z_score) < 1e-9
            assert scaled.cell == base.cell


@pytest.mark.parametrize("last", [0.0, 1.0, 1e12])
def test_the_last_volume_never_moves_t(last: float) -> None:
    closes, volumes = walk(300)
    base = read(closes, volumes)
    changed = read(closes, [*volumes[:-1], last])
    assert without_volume_effects(changed) == without_volume_effects(base)


def test_a_constant_price_is_drift_with_nothing_in_it() -> None:
    reading = read([50.0] * 900)
    assert (reading.t_norm, reading.z_score, reading.sigma) == (0.0, 0.0, 0.0)
    assert (reading.cell, reading.vol_crush, reading.crush_change) == (3, False, None)


def test_a_steady_ramp_is_no_surprise_for_long() -> None:
    ramp = [100 + 0.5 * t for t in range(221)]
    of, memory, t_at_25 = model(), RegimeMemory(), 0.0
    for n, close in enumerate(ramp):
        same = bar(close, START + n * DAY)
        of.advance(memory, same.session_date, n, same, same)
        if n == 24:
            t_at_25 = memory.t_norm
    assert t_at_25 == 1.0
    assert memory.reading is not None
    assert abs(memory.reading.t_norm - 0.003013) < 5e-7
    assert memory.reading.cell == 3


@pytest.mark.parametrize(("level", "step", "early", "late"), [(100, 0.5, 2, 1), (500, -0.5, 6, 5)])
def test_a_sudden_trend_is_wild_first_and_calm_later(
    level: float, step: float, early: int, late: int
) -> None:
    closes = [float(level)] * 601 + [level + step * k for k in range(1, 31)]
    at_15, at_30 = read(closes[:-15]), read(closes)
    assert (at_15.cell, at_30.cell) == (early, late)
    assert at_15.t_norm == (1.0 if step > 0 else -1.0)
    if step > 0:
        assert abs(at_15.z_score - 3.552) < 5e-4
        assert abs(at_30.z_score + 0.130) < 5e-4


@given(st.lists(st.floats(0.2, 1.0), min_size=1, max_size=30), st.sampled_from(VolState))
def test_z_inside_the_band_never_moves_the_latch(zs: list[float], start: VolState) -> None:
    of, latch = model(), start
    for z in zs:
        latch, rule = of._latched(latch, z, crush=False)
        assert (latch, rule) == (start, "hold")


def test_crush_comes_after_z_and_is_remembered() -> None:
    of = model()
    assert of._latched(VolState.LOW, 2.0, crush=True) == (VolState.LOW, "crush")
    assert of._latched(VolState.LOW, 1.01, crush=False) == (VolState.HIGH, "upper")
    assert of._latched(VolState.HIGH, 0.19, crush=False) == (VolState.LOW, "lower")


def test_equal_averages_are_the_bear_side() -> None:
    of = model()
    assert of._trend(-0.5, averages_bull=False) is Trend.BEAR
    assert of._trend(0.9, averages_bull=False) is Trend.SIDE
    assert of._trend(0.06, averages_bull=True) is Trend.BULL
    assert of._trend(0.05, averages_bull=True) is Trend.SIDE


def test_no_memory_but_the_filter_advances_before_the_first_reading() -> None:
    closes, volumes = walk(220)
    memory = fed(model(), closes, volumes)
    assert memory.reading is None
    assert (memory.latch, memory.days_in_cell) == (VolState.LOW, 0)
    assert fed(model(), *walk(221)).reading is not None


@pytest.mark.parametrize(
    ("preset", "changed", "bars"),
    [
        ("default", {}, 221),
        ("classic126", {}, 150),
        ("classic126", {"bond_sma_slow": 250}, 250),
        ("classic126", {"bond_sma_slow": 250, "allow_treasury": False}, 150),
    ],
)
def test_warm_up_counts_bars_of_the_signal(
    preset: str, changed: dict[str, object], bars: int
) -> None:
    of = model(preset, **changed)
    assert of.warmup_bars == bars
    closes, volumes = walk(bars)
    assert fed(of, closes[:-1], volumes).reading is None
    assert fed(of, closes, volumes).reading is not None


def test_earlier_readings_stay_bit_equal_when_bars_are_added() -> None:
    closes, volumes = walk(320)
    memory, of, seen = RegimeMemory(), model(), {}
    for n, (close, volume) in enumerate(zip(closes, volumes, strict=True)):
        same = bar(close, START + n * DAY, volume=volume)
        of.advance(memory, same.session_date, n, same, same)
        seen[n] = memory.reading
    for cut in (221, 222, 275, 319):
        assert fed(model(), closes[:cut], volumes).reading == seen[cut - 1]


def test_cutting_old_history_moves_t_by_a_hair_and_no_cell() -> None:
    days = [(day, bars[QQQ], bars[TLT]) for day, bars in market()]
    full, of = RegimeMemory(), model()
    readings = {}
    for n, (day, signal, bond) in enumerate(days):
        of.advance(full, day, n, signal, bond)
        readings[day] = full.reading
    for end in range(1000, len(days), 249):
        cut = RegimeMemory()
        for n in range(end - 750, end):
            of.advance(cut, *_with_ordinal(days[n], n))
        whole = readings[days[end - 1][0]]
        assert cut.reading is not None
        assert whole is not None
        assert abs(cut.reading.t_norm - whole.t_norm) < 3e-4
        assert cut.reading.cell == whole.cell


def _with_ordinal(day: tuple[date, object, object], n: int) -> tuple:  # type: ignore[type-arg]
    return day[0], n, day[1], day[2]


def test_a_look_at_the_final_close_gives_the_final_reading_and_leaves_no_trace() -> None:
    days = market()[-500:]
    of, memory = model(), RegimeMemory()
    compared = 0
    for n, (day, bars) in enumerate(days):
        if n and n % 7 == 0:
            before = copy.deepcopy(memory)
            looked = of.peek(memory, day, bars[QQQ].close, bars[TLT].close)
            assert memory.__class__ is RegimeMemory
            assert _state(memory) == _state(before)
        else:
            looked = None
        of.advance(memory, day, n, bars[QQQ], bars[TLT])
        if looked is not None and memory.reading is not None:
            assert looked.provisional
            assert without_volume_effects(looked) == without_volume_effects(memory.reading)
            compared += 1
    assert compared > 30


def _state(memory: RegimeMemory) -> tuple[object, ...]:
    return (
        memory.signal,
        memory.bond,
        memory.closes,
        (memory.fast, memory.slow),
        memory.bond_closes,
        (memory.bond_fast, memory.bond_slow),
        memory.belief,
        list(memory.scale._rivals),
        memory.scale.count,
        memory.oscillations,
        memory.smoothed,
        memory.returns,
        memory.volatilities,
        memory.moments,
        memory.latch,
        memory.reading,
        memory.days_in_cell,
    )


def test_a_bar_that_comes_twice_changes_nothing() -> None:
    closes, volumes = walk(230)
    of = model()
    memory = fed(of, closes, volumes)
    before = copy.deepcopy(_state(memory))
    again = bar(1.0, START + 229 * DAY)
    of.advance(memory, again.session_date, 229, again, again)
    assert _state(memory) == before


def test_a_missing_bond_bar_shifts_no_later_pair() -> None:
    closes, volumes = walk(260)
    of, memory = model(), RegimeMemory()
    for n, close in enumerate(closes):
        signal = bar(close, START + n * DAY, volume=volumes[n])
        bond = None if n == 200 else bar(100.0 + n, START + n * DAY, instrument=TLT)
        of.advance(memory, signal.session_date, n, signal, bond)
    assert memory.bond.last == memory.signal.last
    assert not memory.bond.whole(259)
    assert memory.bond.hole_after == START + 199 * DAY
    assert memory.bond_closes[-1] == 359.0


def test_a_bond_listed_too_short_gives_no_opinion() -> None:
    closes, volumes = walk(240)
    of, memory = model(), RegimeMemory()
    for n, close in enumerate(closes):
        signal = bar(close, START + n * DAY, volume=volumes[n])
        bond = bar(100.0 + n, START + n * DAY, instrument=TLT) if n >= 181 else None
        of.advance(memory, signal.session_date, n, signal, bond)
    assert memory.reading is not None
    assert len(memory.bond_closes) == 59
    assert memory.reading.bond_bull is None
    day = START + 240 * DAY
    looked = of.peek(memory, day, Decimal(str(closes[-1])), Decimal(400))
    assert looked is not None
    assert looked.bond_bull is True


def test_an_impossible_price_breaks_an_invariant() -> None:
    for close in ("0", "-1", "NaN", "Infinity"):
        with pytest.raises(BrokenInvariant, match="price"):
            fed(model(), [Decimal(close)])  # type: ignore[list-item]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_every_reading_is_finite_and_within_its_bounds(seed: int) -> None:
    reading = read(*walk(225, seed))
    assert -1.0 <= reading.t_norm <= 1.0
    assert reading.sigma >= 0.0
    assert reading.cell == {"Low": 1, "High": 2}[reading.vol.value] + 2 * list(Trend).index(
        reading.trend
    )
