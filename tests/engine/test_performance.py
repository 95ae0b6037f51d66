"""Performance figures: by hand on small runs, and the golden regime run of the specification."""

import csv
import math
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.checks.performance import by_cell, max_drawdown, measure, profit_factor, win_rate
from engine.domain.ids import StrategyId
from engine.domain.order import Side
from engine.domain.position import FLAT, Position, apply_fill
from engine.domain.snapshot import Snapshot

D = Decimal
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
START = date(2026, 1, 1)


def rows(
    *equity: float | str, cells: str = "", at_fill: dict[int, str] | None = None
) -> list[Snapshot]:
    """Snapshots on the days after the start; cells as digits, one a session."""
    return [
        Snapshot(
            strategy=StrategyId("regime"),
            session_date=START + timedelta(days=n + 1),
            equity=D(str(value)),
            cash=D(0),
            before=None,
            capital=D(100),
            high_water=D(0),
            holdings=(),
            held_cell=int(cells[n]) if cells and cells[n] != "-" else None,
            equity_at_fill=D(at_fill[n]) if at_fill and n in at_fill else None,
        )
        for n, value in enumerate(equity)
    ]


def test_figures_by_hand() -> None:
    equity = [110.0, 99.0] * 20  # +10 %, -10 %, then up 11.11 % and down again
    found = measure(D(100), START, rows(*equity), D(400), [D(3), D(-1), D(0)])
    returns = [0.1] + [-0.1, 110 / 99 - 1] * 19 + [-0.1]
    mean = sum(returns) / 40
    sd = math.sqrt(sum((r - mean) ** 2 for r in returns) / 39)
    years = 40 / 365.25
    cagr = 0.99 ** (1 / years) - 1
    assert found.sessions == 40
    assert found.total_return == pytest.approx(-0.01)
    assert found.cagr == pytest.approx(cagr)
    assert found.volatility == pytest.approx(sd * math.sqrt(252))
    assert found.sharpe == pytest.approx(252 * mean / (sd * math.sqrt(252)))
    downside = math.sqrt(sum(min(r, 0) ** 2 for r in returns) / 40)
    assert found.sortino == pytest.approx(252 * mean / (downside * math.sqrt(252)))
    assert found.max_drawdown == pytest.approx(-0.1)
    assert found.calmar == pytest.approx(cagr / 0.1)
    assert found.turnover == pytest.approx(200 / 104.5 / years)
    assert found.win_rate == pytest.approx(1 / 3)
    assert found.profit_factor == 3.0
    assert found.baseline is None
    assert found.cells == {}


def test_risk_free_rate_is_taken_off_every_session() -> None:
    flat = measure(D(100), START, rows(*[100] * 40), D(0), [], risk_free=0.0252)
    assert flat.sortino == pytest.approx(-math.sqrt(252))


def test_fewer_than_thirty_sessions_have_no_annualised_figure() -> None:
    found = measure(D(100), START, rows(*[101] * 29, cells="1" * 29), D(50), [])
    assert found.total_return == pytest.approx(0.01)
    figures = (found.cagr, found.volatility, found.sharpe, found.sortino, found.calmar)
    assert figures == (None,) * 5
    assert found.turnover is None
    assert found.cells[1].annualised is None


def test_nothing_is_divided_by_nothing() -> None:
    empty = measure(D(100), START, [], D(0), [])
    assert (empty.sessions, empty.total_return, empty.max_drawdown) == (0, 0.0, 0.0)
    flat = measure(D(100), START, rows(*[100] * 40), D(0), [])
    assert (flat.sharpe, flat.sortino, flat.calmar) == (None, None, None)
    assert win_rate([]) is None
    assert profit_factor([D(1)]) is None
    lost = measure(D(100), START, rows(*[0] * 40), D(1), [])
    assert lost.turnover is None


def test_drawdown_includes_the_start() -> None:
    assert max_drawdown(100, [90, 95]) == pytest.approx(-0.1)
    assert max_drawdown(100, [101, 102]) == 0


def test_session_that_rebalances_is_split_at_its_fill() -> None:
    found = by_cell(D(100), rows(110, 121, 108.9, cells="133", at_fill={0: "100", 1: "115.5"}))
    assert found[1].total_return == pytest.approx(1.1 * 1.05 - 1)
    assert found[3].total_return == pytest.approx(121 / 115.5 * 0.9 - 1)
    assert (found[1].sessions, found[3].sessions) == (1, 2)


def test_equity_that_is_gone_grows_no_more() -> None:
    found = by_cell(D(100), rows(0, 0, cells="11"))
    assert found[1].total_return == -1


def test_sessions_before_the_first_cell_belong_to_none() -> None:
    assert by_cell(D(100), rows(100, 100, cells="--")) == {}


@given(st.lists(st.tuples(st.floats(50, 200), st.integers(1, 6), st.booleans()), min_size=1))
def test_parts_of_the_cells_multiply_up_to_the_whole(days: list[tuple[float, int, bool]]) -> None:
    made = rows(*[equity for equity, _, _ in days], cells="".join(str(c) for _, c, _ in days))
    made = [
        row._replace(equity_at_fill=row.equity + 1 if filled else None)
        for row, (_, _, filled) in zip(made, days, strict=True)
    ]
    if made[0].equity_at_fill is not None:  # nothing was held before the first fill
        made[0] = made[0]._replace(equity_at_fill=D(100))
    product = math.prod(1 + part.total_return for part in by_cell(D(100), made).values())
    assert product == pytest.approx(float(made[-1].equity) / 100)


# -- the golden regime run -----------------------------------------------------------------


def _read(name: str) -> list[dict[str, str]]:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


SYMBOLS = ("TQQQ", "QQQ", "PSQ", "TMF", "TMV")


def golden() -> tuple[list[Snapshot], Decimal, list[Decimal]]:
    """Snapshots, traded value and closing P&L of the reference run."""
    fills, daily = _read("portfolio_2010_2018_fills.csv"), _read("portfolio_2010_2018_daily.csv")
    opens = {
        (symbol, bar["date"]): D(bar["open"])
        for symbol in SYMBOLS
        for bar in _read(f"market/{symbol}.csv")
    }
    closes = {bar["date"]: D(bar["close"]) for bar in _read("market/QQQ.csv")}
    traded, closing, owned = D(0), [], dict.fromkeys(SYMBOLS, FLAT)
    for fill in fills:
        side, quantity, price = Side(fill["side"]), D(fill["quantity"]), D(fill["price"])
        traded += quantity * price
        position: Position = owned[fill["symbol"]]
        owned[fill["symbol"]], realized = apply_fill(position, side, quantity, price)
        if side is Side.SELL:
            closing.append(realized)
    filled = {fill["session_date"] for fill in fills}
    cash, shares = D(10_000), dict.fromkeys(SYMBOLS, D(0))
    found: list[Snapshot] = []
    for row in daily:
        day = row["session_date"]
        at_fill = None
        if day in filled or (found and row["held_cell"] != str(found[-1].held_cell)):
            at_fill = cash + sum(q * opens[symbol, day] for symbol, q in shares.items() if q)
        cash, shares = D(row["cash"]), {symbol: D(row[symbol]) for symbol in SYMBOLS}
        found.append(
            rows(row["equity"], cells=row["held_cell"] or "-")[0]._replace(
                session_date=date.fromisoformat(day),
                equity_at_fill=at_fill,
                baseline=10_000 * closes[day] / closes["2009-12-31"],
            )
        )
    return found, traded, closing


def test_golden_run_has_the_figures_of_the_specification() -> None:
    snapshots, traded, closing = golden()
    found = measure(D(10_000), date(2009, 12, 31), snapshots, traded, closing)
    assert found.final_equity.quantize(D("0.01")) == D("43309.87")
    assert found.sessions == 2264

    def shown(value: float | None, digits: int) -> float:
        assert value is not None
        return round(value, digits)

    assert shown(found.cagr, 4) == 0.1769
    assert shown(found.volatility, 4) == 0.2395
    assert shown(found.sharpe, 3) == 0.802
    assert shown(found.sortino, 3) == 1.107
    assert shown(found.calmar, 3) == 0.494
    assert shown(found.max_drawdown, 4) == -0.3579
    assert shown(found.turnover, 2) == 8.29
    assert shown(found.win_rate, 3) == 0.665
    assert shown(found.profit_factor, 2) == 1.86
    assert found.baseline is not None
    assert shown(found.baseline.cagr, 4) == 0.1446
    assert round(10_000 * (1 + found.baseline.total_return)) == 33_718


def test_golden_run_earned_in_each_held_cell_what_the_specification_says() -> None:
    snapshots, _, _ = golden()
    table = {
        cell: (
            part.sessions,
            round(100 * part.total_return, 1),
            None if part.annualised is None else round(100 * part.annualised, 1),
        )
        for cell, part in by_cell(D(10_000), snapshots).items()
    }
    assert table == {
        1: (791, 15.8, 4.8),
        2: (48, 7.4, 45.4),
        3: (1061, 213.1, 31.1),
        4: (296, 14.3, 12.0),
        5: (6, -1.0, None),
        6: (62, -1.6, -6.5),
    }
