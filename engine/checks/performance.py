"""What a run earned and at which risk, from its final snapshots. Pure; fractions, not percent.

Definitions of regime-strategy.md, section 15: E₀ is the capital at the close before the first
session, E_t the equity at the close of t, r_t = E_t / E_{t-1} - 1, Y the calendar years from
the session before the range to its last. What cannot be said is None and shown as n/a: a
profit factor without losses, an annualised figure of fewer than 30 sessions.

Returns belong to the cell that was held when they were earned. A session that rebalances is
split by the equity just before its first fill, at fill-time prices: what came before belongs
to the old cell, what comes after, costs included, to the new one. A change between cells of
equal targets (4 and 6a) needs no fill and is split at the same moment all the same. So the
parts multiply up to E_end / E₀, and no cell is credited with the move that created it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from engine.domain.snapshot import Snapshot

SESSIONS_A_YEAR = 252
DAYS_A_YEAR = 365.25
FEWEST_SESSIONS = 30
FEWEST_IN_CELL = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """What was earned while one cell was held."""

    sessions: int  # with this cell held at the close
    total_return: float
    annualised: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The signal instrument bought at the start and held, price only."""

    total_return: float
    cagr: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """The figures of a run; None is n/a."""

    sessions: int
    years: float
    initial_capital: Decimal
    final_equity: Decimal
    total_return: float
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    max_drawdown: float  # <= 0
    turnover: float | None  # times mean equity a year, one way
    win_rate: float | None
    profit_factor: float | None
    risk_free: float  # a year
    baseline: Baseline | None
    cells: Mapping[int, CellResult]


def measure(
    capital: Decimal,
    start: date,
    rows: Sequence[Snapshot],
    traded: Decimal,
    closing: Sequence[Decimal],
    *,
    risk_free: float = 0.0,
) -> Performance:
    """Return the figures of one strategy's final rows, ascending.

    start: the session before the range; traded: Σ |quantity × price| of its fills; closing:
    realised P&L of its closing fills at average cost.
    """
    before = float(capital)
    equity = [float(row.equity) for row in rows]
    final = rows[-1].equity if rows else capital
    years = (rows[-1].session_date - start).days / DAYS_A_YEAR if rows else 0.0
    enough = len(rows) >= FEWEST_SESSIONS
    excess = _returns(before, equity, risk_free)
    volatility = _deviation(excess) * math.sqrt(SESSIONS_A_YEAR) if enough else None
    cagr = _annual(float(final) / before, years) if enough else None
    drawdown = max_drawdown(before, equity)
    yearly = SESSIONS_A_YEAR * math.fsum(excess) / len(excess) if enough else None
    downside = _downside(excess) if enough else None
    return Performance(
        sessions=len(rows),
        years=years,
        initial_capital=capital,
        final_equity=final,
        total_return=float(final) / before - 1,
        cagr=cagr,
        volatility=volatility,
        sharpe=_ratio(yearly, volatility),
        sortino=_ratio(yearly, downside),
        calmar=_ratio(cagr, -drawdown),
        max_drawdown=drawdown,
        turnover=_turnover(float(traded), equity, years) if enough else None,
        win_rate=win_rate(closing),
        profit_factor=profit_factor(closing),
        risk_free=risk_free,
        baseline=_baseline(capital, rows, years if enough else None),
        cells=by_cell(capital, rows),
    )


def max_drawdown(before: float, equity: Sequence[float]) -> float:
    """Return the deepest fall from a running peak, the start included: zero or less."""
    peak, worst = before, 0.0
    for value in equity:
        peak = max(peak, value)
        worst = min(worst, value / peak - 1)
    return worst


def win_rate(closing: Sequence[Decimal]) -> float | None:
    """Return the share of closing fills that gained; None without any."""
    return sum(1 for gain in closing if gain > 0) / len(closing) if closing else None


def profit_factor(closing: Sequence[Decimal]) -> float | None:
    """Return Σ gains / |Σ losses| of closing fills; None without losses."""
    losses = -sum((gain for gain in closing if gain < 0), Decimal(0))
    gains = sum((gain for gain in closing if gain > 0), Decimal(0))
    return float(gains / losses) if losses else None


def by_cell(capital: Decimal, rows: Sequence[Snapshot]) -> dict[int, CellResult]:
    """Return what each held cell earned; before the first one is held, nothing is any cell's."""
    growth: dict[int, float] = {}
    sessions: dict[int, int] = {}
    equity, held = float(capital), None
    for row in rows:
        now = float(row.equity)
        if row.equity_at_fill is not None:
            at_fill = float(row.equity_at_fill)
            if held is not None:
                growth[held] = growth.get(held, 1.0) * _factor(at_fill, equity)
            equity = at_fill
        held = row.held_cell
        if held is not None:
            growth[held] = growth.get(held, 1.0) * _factor(now, equity)
            sessions[held] = sessions.get(held, 0) + 1
        equity = now
    enough = len(rows) >= FEWEST_SESSIONS
    return {
        cell: CellResult(
            sessions=sessions[cell],
            total_return=growth[cell] - 1,
            annualised=_annual(growth[cell], sessions[cell] / SESSIONS_A_YEAR)
            if enough and sessions[cell] >= FEWEST_IN_CELL
            else None,
        )
        for cell in sorted(sessions)
    }


def _factor(after: float, before: float) -> float:
    """Growth; nothing grows from nothing."""
    return after / before if before else 1.0


def _returns(before: float, equity: Sequence[float], risk_free: float) -> list[float]:
    """Return each session's return less a session's part of the risk-free rate."""
    free = risk_free / SESSIONS_A_YEAR
    previous, found = before, []
    for value in equity:
        found.append(_factor(value, previous) - 1 - free)
        previous = value
    return found


def _deviation(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum([(value - mean) ** 2 for value in values]) / (len(values) - 1))


def _downside(excess: Sequence[float]) -> float:
    """Return the annual deviation of the losses from zero, over all sessions."""
    squares = math.fsum([min(value, 0.0) ** 2 for value in excess])
    return math.sqrt(squares / len(excess)) * math.sqrt(SESSIONS_A_YEAR)


def _annual(growth: float, years: float) -> float | None:
    """Return growth a year; None over no time, or where nothing is left to grow."""
    return growth ** (1 / years) - 1 if years > 0 and growth >= 0 else None


def _turnover(traded: float, equity: Sequence[float], years: float) -> float | None:
    mean = math.fsum(equity) / len(equity)
    return traded / 2 / mean / years if mean > 0 and years > 0 else None


def _ratio(value: float | None, by: float | None) -> float | None:
    """Divide; n/a where something is not known or there is nothing to divide by."""
    return value / by if value is not None and by else None


def _baseline(capital: Decimal, rows: Sequence[Snapshot], years: float | None) -> Baseline | None:
    if not rows or rows[-1].baseline is None:
        return None
    growth = float(rows[-1].baseline / capital)
    return Baseline(total_return=growth - 1, cagr=None if years is None else _annual(growth, years))
