"""The whole journaled path: crossover, 50,000 daily bars, real loop, exchange and SQLite."""

import gc
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from engine.settings.load import load
from engine.settings.sources import Flag
from tests.bench.reference import FIRST, long_waves, plain_loop, random_walk, write_bars
from tui.wiring import run_session

pytestmark = pytest.mark.bench

BARS = 50_000
ROUNDS = 9
TARGET = 0.08  # of the plain loop

CONFIG = f"""
[run]
mode = "backtest"
strategy = ["crossover"]
data = "bars"
from = {FIRST}
capital = 10000
pace = "max"
[market]
calendar = "always"
[sim]
commission_bps = 1
half_spread_bps = 0
slippage_bps = 0
volume_share = 1
[crossover]
fast = 40
slow = 140
exposure = 0.98
"""


class Ran(NamedTuple):
    """What a run came to."""

    bars_per_s: float  # from the first input to COMPLETED, every event written
    fills: int
    whole_s: float  # with settings, loading, recovery and closing
    megabytes: float


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    """Leave the collector as it was: a run sets it for itself."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def ran(folder: Path, closes: Sequence[int]) -> Ran:
    """Run the engine over these closes into a fresh database."""
    (folder / "config.toml").write_text(CONFIG)
    if not (folder / "bars").exists():
        write_bars(folder / "bars", closes)
    database = folder / "run.db"
    for old in folder.glob("run.db*"):
        old.unlink()
    began = time.perf_counter()
    flag = Flag("--db", "storage.path", str(database))
    settings = load(flags=[flag], named=folder / "config.toml", env={}, here=folder)
    result = run_session(settings).result
    whole_s = time.perf_counter() - began
    assert result is not None
    assert (result["state"], result["sessions"]) == ("COMPLETED", len(closes))
    megabytes = database.stat().st_size / 1e6
    return Ran(len(closes) / result["wall_s"], result["fills"], whole_s, megabytes)


def measured(folder: Path, closes: Sequence[int], name: str) -> float:
    """Print the best of some rounds beside the reference; return their ratio."""
    exact = [Decimal(cents) / 100 for cents in closes]
    plain, runs = [], []
    for _ in range(ROUNDS):
        plain.append(plain_loop(exact))
        runs.append(ran(folder, closes))
        gc.unfreeze()
        gc.collect()
    best = max(runs)
    ratio = best.bars_per_s / max(plain)
    print(
        f"\n{name}: {best.bars_per_s:,.0f} bars/s, {1e6 / best.bars_per_s:.2f} µs a bar, "
        f"{best.fills} fills, all written ({best.megabytes:.1f} MB)"
        f"\n  plain loop {max(plain):,.0f} bars/s: ratio {ratio:.1%}, target {TARGET:.0%}; "
        f"with loading {best.whole_s:.2f} s"
    )
    return ratio


def test_whole_path_of_a_strategy_that_seldom_trades(tmp_path: Path) -> None:
    assert measured(tmp_path, long_waves(BARS), "crossover, long waves") >= TARGET


def test_whole_path_where_means_cross_all_the_time(tmp_path: Path) -> None:
    """No target: it says what a trade costs."""
    measured(tmp_path, random_walk(BARS), "crossover, random walk")
