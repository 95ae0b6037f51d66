"""The built-in market: the same for ever, labelled, believable, and good to trade on."""

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import fields
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from statistics import stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.instrument import stock_id
from engine.domain.market import Adjustment, Feed
from engine.errors import MarketDataError
from engine.market.quality import REGIME_BANDS, examine
from engine.market.synthetic import EPOCH, SYMBOLS, synthetic_market
from engine.ports import MarketHistory
from engine.strategy.regime import RegimeMemory, RegimeModel, RegimeParameters
from engine.strategy.registry import resolve
from tests.engine.bars import xnys

QQQ, TLT = stock_id("QQQ"), stock_id("TLT")
GOLDEN_HASH = "fdee49bc0aef6261"  # 2016-01-04 to 2018-12-31, seed 7


def market(seed: int, first: date, last: date) -> MarketHistory:
    """The built-in market on New York's sessions."""
    return synthetic_market(xnys(), seed, first, last)


def closes(history: MarketHistory, symbol: str) -> list[float]:
    """The closes of a symbol as floats."""
    return [float(bar.close) for bar in history.series[stock_id(symbol)].bars]


def cells(history: MarketHistory) -> list[int]:
    """The cells that the regime strategy reads with its default parameters."""
    values = resolve("regime").values
    names = {field.name: "float" in str(field.type) for field in fields(RegimeParameters)}
    chosen = {
        name: float(values[name]) if is_float else values[name] for name, is_float in names.items()
    }
    model = RegimeModel(RegimeParameters(**chosen))  # type: ignore[arg-type]
    memory, found = RegimeMemory(), []
    bonds = history.series[TLT].bars
    for n, (bar, bond) in enumerate(zip(history.series[QQQ].bars, bonds, strict=True)):
        model.advance(memory, bar.session_date, n, bar, bond)
        if memory.reading is not None:
            found.append(memory.reading.cell)
    return found


def test_everything_is_labelled_synthetic() -> None:
    history = market(7, date(2026, 1, 2), date(2026, 2, 27))
    assert history.source == "SYNTHETIC seed 7"
    assert [history.instruments[key].symbol for key in history.series] == list(SYMBOLS)
    for series in history.series.values():
        assert (series.feed, series.source) == (Feed.SYNTHETIC, "SYNTHETIC seed 7")
        assert series.adjustment is Adjustment.NONE
    tmv = history.instruments[stock_id("TMV")]
    assert (tmv.underlying, tmv.multiple, tmv.tick) == ("TLT", Decimal(-3), Decimal("0.01"))


@settings(max_examples=8, deadline=None)
@given(
    st.integers(0, 2**63 - 1),
    st.dates(date(2000, 1, 3), date(2008, 1, 1)),
    st.integers(20, 400),
)
def test_a_date_has_the_same_bars_whatever_range_is_asked(
    seed: int, first: date, days: int
) -> None:
    last = date.fromordinal(first.toordinal() + days)
    short = market(seed, first, last)
    long = market(seed, date(1999, 12, 1), date(2009, 6, 30))
    for key, series in short.series.items():
        assert series.bars == tuple(
            bar for bar in long.series[key].bars if first <= bar.session_date <= last
        )


def test_other_seed_other_market() -> None:
    first, last = date(2026, 1, 2), date(2026, 1, 30)
    assert market(7, first, last).data_hash != market(8, first, last).data_hash


def test_bars_are_the_same_on_every_machine() -> None:
    assert market(7, date(2016, 1, 4), date(2018, 12, 31)).data_hash == GOLDEN_HASH


def test_bars_are_the_same_in_another_process_and_zone() -> None:
    code = (
        "from datetime import date; from tests.engine.test_market_synthetic import market;"
        "print(market(7, date(2016, 1, 4), date(2018, 12, 31)).data_hash)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "5"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == GOLDEN_HASH


def test_before_its_epoch_there_is_no_market() -> None:
    with pytest.raises(MarketDataError, match=f"begins on {EPOCH}"):
        market(7, date(1989, 12, 29), date(1995, 1, 3))
    with pytest.raises(MarketDataError, match="no session from 2026-01-03 to 2026-01-04"):
        market(7, date(2026, 1, 3), date(2026, 1, 4))


@pytest.mark.parametrize("seed", [7, 1, 4, 9])
def test_every_bar_is_possible_and_passes_every_gate(seed: int) -> None:
    history = market(seed, EPOCH, date(2027, 10, 29))
    for series in history.series.values():
        assert len(series.bars) == len(xnys().sessions(EPOCH, date(2027, 10, 29)))
        for bar in series.bars:
            assert 0 < bar.low <= min(bar.open, bar.close)
            assert max(bar.open, bar.close) <= bar.high
            assert bar.volume > 0
            assert bar.close == bar.close.quantize(Decimal("0.01"))
    bars = {key: series.bars for key, series in history.series.items()}
    # a fund at a dollar may miss its underlying by more than a warning in cents, never by a hold
    odd = examine(history.instruments, bars, REGIME_BANDS)
    assert [f for f in odd if f.blocks or f.kind == "bad_open"] == []
    assert len(odd) <= 5


def test_market_moves_like_a_market() -> None:
    history = market(7, date(2006, 1, 3), date(2025, 12, 31))
    for symbol, low, high in (("QQQ", 0.15, 0.25), ("TLT", 0.09, 0.16), ("TQQQ", 0.45, 0.75)):
        prices = closes(history, symbol)
        volatility = stdev(b / a - 1 for a, b in pairwise(prices)) * 252**0.5
        assert low < volatility < high, symbol
    opens = [float(bar.open) for bar in history.series[QQQ].bars]
    nights = [abs(o / c - 1) for o, c in zip(opens[1:], closes(history, "QQQ"), strict=False)]
    assert 0.002 < sum(nights) / len(nights) < 0.006
    moves = [abs(b / a - 1) for a, b in pairwise(closes(history, "QQQ"))]
    volumes = [float(bar.volume) for bar in history.series[QQQ].bars[1:]]
    median = sorted(moves)[len(moves) // 2]
    large = [v for v, m in zip(volumes, moves, strict=True) if m > 3 * median]
    assert sum(large) / len(large) > 1.3 * sum(volumes) / len(volumes)


def test_daily_reset_and_costs_eat_what_a_fund_and_its_opposite_had() -> None:
    history = market(7, date(2006, 1, 3), date(2025, 12, 31))
    bull, bear = closes(history, "TMF"), closes(history, "TMV")
    assert bull[-1] / bull[0] * bear[-1] / bear[0] < 0.2


def test_regime_strategy_has_something_to_do() -> None:
    found = cells(market(7, date(2000, 1, 3), date(2027, 10, 29)))
    years = 3 * 252
    assert min(len(set(found[n : n + years])) for n in range(0, len(found) - years, 21)) >= 4
    changes = sum(a != b for a, b in pairwise(found))
    assert 10 <= len(found) / changes <= 20
    share = Counter(found)
    assert set(share) == {1, 2, 3, 4, 5, 6}
    assert share[1] / len(found) > 0.15


@pytest.mark.bench
def test_ten_years_are_made_in_a_moment() -> None:
    calendar = xnys()
    started = time.perf_counter()
    synthetic_market(calendar, 7, date(2016, 1, 4), date(2025, 12, 31))
    took = time.perf_counter() - started
    print(f"ten years of six instruments in {took:.3f} s")
    assert took < 2.0  # measured 0.25 s; the rest is for a busy machine
