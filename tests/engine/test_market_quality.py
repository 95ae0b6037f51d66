"""Data gates: the verdicts of regime-strategy.md 12 and 16, with both values and the limit."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.quality import (
    Gap,
    Level,
    gaps,
    jump,
    misfit,
    own_move,
    signal_volume,
    suspected_split,
    underlying_move,
)


def test_leveraged_fall_without_a_split_passes() -> None:
    assert underlying_move("TQQQ", -0.27, 3, "QQQ", -0.09).level is Level.PASS
    assert suspected_split("TQQQ", 73.0, 100 * (1 - 0.27)).level is Level.PASS


def test_split_is_suspected_by_what_the_underlying_lets_expect() -> None:
    result = suspected_split("TQQQ", 49.5, 100.0)
    assert result.level is Level.HOLD
    assert result.text == "TQQQ 49.5 where 100 is expected: looks like a 2:1 split"
    assert "1:10 split" in suspected_split("PSQ", 1009.0, 100.0).text


@pytest.mark.parametrize("n", range(2, 21))
def test_every_split_up_to_twenty_is_suspected_within_two_percent(n: int) -> None:
    for price in (100 * n * 1.019, 100 * n * 0.981, 100 / n * 1.019, 100 / n * 0.981):
        assert suspected_split("X", price, 100).level is Level.HOLD


@given(st.floats(0.55, 1.9))
def test_no_split_is_suspected_in_ordinary_moves(ratio: float) -> None:
    assert suspected_split("X", 100 * ratio, 100).level is Level.PASS


@pytest.mark.parametrize(
    ("off", "closing", "opening"),
    [
        (0.0299, Level.PASS, Level.PASS),
        (0.0301, Level.WARN, Level.PASS),
        (0.0501, Level.WARN, Level.WARN),
        (0.0999, Level.WARN, Level.WARN),
        (0.1001, Level.HOLD, Level.WARN),
        (0.1501, Level.HOLD, Level.HOLD),
    ],
)
def test_fund_is_held_to_its_underlying(off: float, closing: Level, opening: Level) -> None:
    move = -3 * 0.01 + off
    assert underlying_move("TMV", move, -3, "TLT", 0.01).level is closing
    assert underlying_move("TMV", move, -3, "TLT", 0.01, opening=True).level is opening


def test_verdict_names_both_values_and_the_limit() -> None:
    result = underlying_move("TMF", -0.2, 3, "TLT", -0.01)
    assert result.text == ("TMF -20.0% where 3 × TLT -1.0% is expected: off by 17.0%, limit 10%")
    assert own_move("QQQ", 118, 100, 0.15).text == "QQQ 118 after 100: +18.0%, limit ±15%"


def test_band_around_the_last_close_includes_its_edge() -> None:
    assert own_move("TLT", 112.0, 100.0, 0.12001).level is Level.PASS
    assert own_move("TLT", 87.9, 100.0, 0.12).level is Level.HOLD


def test_jump_is_five_times_or_a_fifth() -> None:
    assert jump("X", 49.0, 10.0).level is Level.PASS
    assert jump("X", 50.0, 10.0).level is Level.HOLD
    assert jump("X", 2.0, 10.0).level is Level.HOLD
    assert jump("X", 99.0, 10.0).text == "X 99 after 10: 9.9 times, limit 5 times"


def test_volume_of_the_signal_symbol() -> None:
    assert signal_volume("QQQ", 0, 100).level is Level.HOLD
    assert signal_volume("QQQ", 100, None).level is Level.PASS
    assert signal_volume("QQQ", 4, 100).level is Level.WARN
    assert signal_volume("QQQ", 2001, 100).level is Level.WARN
    assert signal_volume("QQQ", 448, 100).level is Level.PASS


def test_bond_series_with_one_bar_missing_has_a_gap() -> None:
    days = [date(2026, 3, 2) + timedelta(days=n) for n in range(5)]
    assert gaps([*days[:2], *days[3:]], days) == [Gap(days[2], days[2], 1)]


@given(st.sets(st.integers(0, 60)))
def test_gaps_and_found_sessions_add_up_to_the_expected_ones(found: set[int]) -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(50)]
    runs = gaps([date(2026, 1, 1) + timedelta(days=n) for n in sorted(found)], days)
    assert sum(run.sessions for run in runs) == 50 - len({n for n in found if n < 50})
    assert all((run.last - run.first).days == run.sessions - 1 for run in runs)


def test_misfit_needs_enough_moves_and_tells_right_from_wrong() -> None:
    base = [0.01 * ((n * 7) % 11 - 5) for n in range(100)]
    right = [3 * b + 0.0005 for b in base]
    assert misfit(right[:50], 3, base[:50]) is None
    fits, wrong = misfit(right, 3, base), misfit(base, 3, base)
    assert fits is not None
    assert fits < 0.05
    assert wrong == pytest.approx(2 / 3)
    assert misfit([0.0] * 100, 3, [0.0] * 100) is None
