"""Nine years of real data through the whole product: engine, journal, views, result.

Every figure of regime-strategy.md, section 17. Reads ../shared/data and skips without it.
"""

import csv
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.settings.load import load
from engine.settings.sources import Flag
from storage.connect import open_reader
from storage.queries.listing import rows
from tui.wiring import run_session

DATA = Path(__file__).parents[3] / "shared" / "data"
MARKET = DATA / "market"

pytestmark = pytest.mark.skipif(
    not MARKET.is_dir(), reason="the reference data is not beside the checkout (../shared/data)"
)


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished backtest: what it printed, and its database."""

    result: dict[str, Any]
    database: Path

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """Return all rows of a view."""
        with closing(open_reader(self.database)) as reader:
            return rows(reader, kind, session_id=self.result["session_id"])


def backtest(folder: Path, market: Path = MARKET, **settings: str) -> Ran:
    """Run the issue's backtest with costs and history of section 17."""
    database = folder / "run.db"
    given = {
        "storage.path": str(database),
        "run.mode": "backtest",
        "run.pace": "max",
        "run.data": str(market),
        "run.from": "2010-01-04",
        "run.to": "2018-12-31",
        "run.capital": "10000",
        "sim.half_spread_bps": "5",
        "sim.slippage_bps": "0",
    } | {key.replace("__", "."): value for key, value in settings.items()}
    flags = [Flag(f"--set {key}", key, value) for key, value in given.items()]
    outcome = run_session(load(flags=flags, env={}, here=folder, today=date(2026, 11, 20)))
    assert outcome.exit_code == 0
    assert outcome.result is not None
    return Ran(outcome.result, database)


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The default preset, filled at the next open."""
    return backtest(tmp_path_factory.mktemp("default"))


def golden(name: str) -> list[dict[str, str]]:
    """Return the rows of a reference file."""
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_fill_is_the_reference_fill(default: Ran) -> None:
    got = [
        (row["at"][:10], row["symbol"], row["side"], int(row["quantity"]), f"{row['price']:.6f}")
        for row in default.rows("trades")
    ]
    want = [
        (row["session_date"], row["symbol"], row["side"], int(row["quantity"]), row["price"])
        for row in golden("portfolio_2010_2018_fills.csv")
    ]
    assert len(want) == 332
    assert got == want


def test_equity_and_cash_of_every_session_are_the_reference_to_the_cent(default: Ran) -> None:
    got = [
        (r["session_date"], r["held_cell"], round(r["equity"], 2), round(r["cash"], 2))
        for r in default.rows("snapshots")
    ]
    want = [
        (
            row["session_date"],
            int(row["held_cell"]),
            round(float(row["equity"]), 2),
            round(float(row["cash"]), 2),
        )
        for row in golden("portfolio_2010_2018_daily.csv")
    ]
    assert got == want


def test_positions_are_the_fold_of_the_fills(default: Ran) -> None:
    folded: dict[str, float] = {}
    for row in default.rows("trades"):
        sign = 1 if row["side"] == "BUY" else -1
        folded[row["symbol"]] = folded.get(row["symbol"], 0) + sign * row["quantity"]
    assert {row["symbol"]: row["quantity"] for row in default.rows("positions")} == folded


def test_no_buy_is_filled_before_the_sells_that_fund_it(default: Ran) -> None:
    sides: dict[str, list[str]] = {}
    for row in default.rows("trades"):
        sides.setdefault(row["at"], []).append(row["side"])
    assert all(sorted(one, reverse=True) == one for one in sides.values())


def test_the_result_names_all_that_makes_it_what_it_is(default: Ran) -> None:
    result = default.result
    assert result["data"]["symbols"] == ["PSQ", "QQQ", "TLT", "TMF", "TMV", "TQQQ"]
    assert (result["preset"], result["parameter_hash"]) == ("default", "c8ff8a1b35a3c934")
    assert (result["sessions"], result["rebalances"], result["latches"]) == (2264, 147, [])
    assert result["short_history_sessions"] > 0
    session = default.rows("sessions")[-1]
    assert session["state"] == "COMPLETED"
    assert session["decisions_hash"] == result["decisions_hash"]
    assert session["fills_hash"] == result["fills_hash"]


def test_returns_belong_to_the_cell_that_was_held(default: Ran) -> None:
    got = {
        int(cell): (one["sessions"], round(100 * one["total_return"], 1), one["annualised"])
        for cell, one in default.result["cells"].items()
    }
    assert {cell: one[:2] for cell, one in got.items()} == {
        1: (791, 15.8),
        2: (48, 7.4),
        3: (1061, 213.1),
        4: (296, 14.3),
        5: (6, -1.0),
        6: (62, -1.6),
    }
    annual = {c: None if a is None else round(100 * a, 1) for c, (_, _, a) in got.items()}
    assert annual == {1: 4.8, 2: 45.4, 3: 31.1, 4: 12.0, 5: None, 6: -6.5}


FIGURES = {
    # final, CAGR %, vol %, Sharpe, Sortino, Calmar, max DD %, turnover, win %, PF, fills
    "next_open": (43309.87, 17.69, 23.95, 0.802, 1.107, 0.494, -35.79, 8.29, 66.5, 1.86, 332),
    "10bp": (40222.94, 16.73, 23.95, 0.768, 1.058, 0.458, -36.49, 8.27, 66.5, 1.81, 332),
    "next_close": (36549.94, 15.49, 23.79, 0.726, 1.006, 0.382, -40.60, 8.22, 57.5, 1.70, 332),
    "same_close": (64766.86, 23.07, 23.57, 1.001, 1.405, 0.848, -27.21, 8.38, 65.7, 2.36, 330),
}
SETTINGS: dict[str, dict[str, str]] = {
    "next_open": {},
    "10bp": {"sim__half_spread_bps": "10"},
    "next_close": {"sim__fill": "next_close"},
    "same_close": {"sim__fill": "same_close"},
}


@pytest.mark.parametrize("variant", FIGURES)
def test_every_figure_of_a_fill_rule(variant: str, tmp_path: Path) -> None:
    result = backtest(tmp_path, MARKET, **SETTINGS[variant]).result
    got = (
        round(result["final_equity"], 2),
        *(round(100 * result[key], 2) for key in ("cagr", "volatility")),
        *(round(result[key], 3) for key in ("sharpe", "sortino", "calmar")),
        round(100 * result["max_drawdown"], 2),
        round(result["turnover"], 2),
        round(100 * result["win_rate"], 1),
        round(result["profit_factor"], 2),
        result["fills"],
    )
    assert got == FIGURES[variant]
    assert result["achievable"] is (variant != "same_close")
    assert round(result["baseline"]["final"]) == 33718
    assert round(100 * result["baseline"]["cagr"], 2) == 14.46


@pytest.mark.parametrize(
    ("preset", "final", "fills", "rebalances", "cells"),
    [
        ("default", 43309.87, 332, 147, (790, 48, 1061, 296, 6, 63)),
        ("smooth15", 38611.36, 301, 133, (785, 39, 1068, 303, 4, 65)),
        ("classic126", 34508.08, 323, 139, (562, 55, 1170, 408, 3, 66)),
        ("noise2000", 39277.89, 319, 137, (532, 62, 1199, 409, 4, 58)),
    ],
)
def test_every_preset(
    preset: str,
    final: float,
    fills: int,
    rebalances: int,
    cells: tuple[int, ...],
    tmp_path: Path,
) -> None:
    ran = backtest(tmp_path, regime__preset=preset)
    result = ran.result
    assert (round(result["final_equity"], 2), result["fills"]) == (final, fills)
    assert result["rebalances"] == rebalances
    read = [r["cell"] for r in ran.rows("regimes") if r["session_date"] >= "2010-01-04"]
    assert tuple(read.count(cell) for cell in range(1, 7)) == cells


def reference_folder(folder: Path) -> Path:
    """Return a copy of the market in which QQQ is the reference file's own series."""
    market = folder / "market"
    market.mkdir()
    for path in MARKET.glob("*.csv"):
        (market / path.name).write_bytes(path.read_bytes())
    lines = ["date,open,high,low,close,volume"]
    for row in golden("regime_reference_2010_2018.csv"):
        close = row["qqq_close"]
        lines.append(f"{row['date']},{close},{close},{close},{close},{row['volume']}")
    (market / "QQQ.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return market


def test_views_hold_the_reference_readings(tmp_path: Path) -> None:
    ran = backtest(tmp_path, reference_folder(tmp_path), run__from="2010-02-01")
    read = {row["session_date"]: row for row in ran.rows("regimes")}
    exact = [r for r in golden("regime_reference_2010_2018.csv") if r["grade"] == "exact"]
    assert len(exact) == 1854
    for row in exact:
        got = read[row["date"]]
        states = (got["trend"], got["vol"], got["cell"], got["vol_crush"])
        assert states == (row["trend"], row["vol"], int(row["cell"]), int(row["vol_crush"]))
        assert got["sma_fast"] == pytest.approx(float(row["sma_fast"]), abs=1e-6)
        assert got["sma_slow"] == pytest.approx(float(row["sma_slow"]), abs=1e-6)
        assert got["z_score"] == pytest.approx(float(row["z_score"]), abs=1e-6)
        assert got["t_norm"] == pytest.approx(float(row["t_norm_ref"]), abs=1e-6)


def test_on_the_market_file_one_reading_differs_by_one_cent(default: Ran) -> None:
    read = {row["session_date"]: row for row in default.rows("regimes")}
    differ = [
        row["date"]
        for row in golden("regime_reference_2010_2018.csv")
        if row["grade"] == "exact" and read[row["date"]]["cell"] != int(row["cell"])
    ]
    assert differ == ["2013-05-02"]


def test_equity_is_cash_plus_holdings_to_the_micro_unit(default: Ran) -> None:
    closes: dict[tuple[str, str], Decimal] = {}
    for path in MARKET.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                closes[path.stem, row["date"]] = Decimal(row["close"])
    shares: dict[str, Decimal] = {}
    cash = Decimal(10_000)
    trades: dict[str, list[dict[str, Any]]] = {}
    for row in default.rows("trades"):
        trades.setdefault(row["at"][:10], []).append(row)
    for row in default.rows("snapshots"):
        for fill in trades.get(row["session_date"], ()):
            sign = 1 if fill["side"] == "BUY" else -1
            quantity = Decimal(int(fill["quantity"]))
            symbol = fill["symbol"]
            shares[symbol] = shares.get(symbol, Decimal(0)) + sign * quantity
            cash -= sign * quantity * Decimal(f"{fill['price']:.6f}")
            assert cash >= 0
        value = sum(
            (n * closes[s, row["session_date"]] for s, n in shares.items() if n), Decimal(0)
        )
        assert Decimal(f"{row['cash']:.6f}") == cash
        assert Decimal(f"{row['equity']:.6f}") == cash + value
