"""What a recorded run came to: every figure with the conditions under which it holds."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from engine.checks.performance import Performance, measure
from engine.core.state import State
from engine.domain.instrument import symbol_of
from engine.domain.money import ZERO, text
from engine.domain.snapshot import Snapshot
from engine.ports import MarketHistory


def result(
    state: State,
    history: MarketHistory,
    sessions: Sequence[date],
    before: date,
    wall_s: float,
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the summary of a book as plain values, fractions not percents.

    sessions: the range; before: the session before it; wall_s: seconds in the engine's loop,
    without loading. None stands for what cannot be said.
    """
    context = state.context
    books = list(state.books.values())
    rows = _account_rows(state)
    figures = measure(
        context.capital,
        before,
        rows,
        sum((book.traded for book in books), ZERO),
        [gain for book in books for gain in book.closing],
    )
    bars = sum(len(closed.bars) for closed in state.history)
    strategies = [
        {
            "strategy": info.strategy,
            "preset": info.preset,
            "parameter_hash": info.parameter_hash,
            "final_equity": float(state.books[info.strategy].equity),
        }
        for info in context.strategies
    ]
    return {
        "session_id": context.session_id,
        "parent_session_id": context.parent_session_id,
        "book": context.book,
        "mode": context.mode.value,
        "state": state.session_state.value,
        "strategy": ",".join(info.strategy for info in context.strategies),
        "preset": ",".join(info.preset for info in context.strategies),
        "parameter_hash": ",".join(info.parameter_hash for info in context.strategies),
        "strategies": strategies,
        "data": _data(history, bars),
        "from": sessions[0].isoformat(),
        "to": sessions[-1].isoformat(),
        "fill_rule": context.fill_rule.value,
        "achievable": context.fill_rule.value != "same_close",
        "costs": _costs(state),
        **_figures(state, figures),
        "orders": state.counts["orders"],
        "fills": state.counts["fills"],
        "rebalances": len(_traded_decisions(state)),
        "denied": state.counts["denied"],
        "rejected": state.counts["rejected"],
        "decisions": dict(sorted(state.results.items())),
        "sessions": len(sessions),
        "short_history_sessions": state.counts["short_history"],
        "latches": [
            {"session_date": day.isoformat(), "latch": latch, "scope": scope}
            for day, latch, scope in state.latches_fired
        ],
        "warnings": list(warnings),
        "decisions_hash": state.decisions_digest.hexdigest(),
        "fills_hash": state.fills_digest.hexdigest(),
        "wall_s": round(wall_s, 3),
        "bars_per_s": round(bars / wall_s) if wall_s > 0 else None,
    }


def _data(history: MarketHistory, bars: int) -> dict[str, Any]:
    series = [one for one in history.series.values() if one.bars]
    return {
        "symbols": sorted(symbol_of(one.instrument) for one in series),
        "first": min(one.bars[0].session_date for one in series).isoformat(),
        "last": max(one.bars[-1].session_date for one in series).isoformat(),
        "bars": bars,
        "source": history.source,
        "feed": series[0].feed.value,
        "anchors": {
            symbol_of(one.instrument): one.bars[0].session_date.isoformat() for one in series
        },
        "findings": [finding.text for finding in history.findings if finding.blocks],
        "hash": history.data_hash,
    }


def _costs(state: State) -> dict[str, Any]:
    origins = state.context.origins
    fees = sum((book.fees for book in state.books.values()), ZERO)
    slipped = sum(
        (
            fill.side.sign * (fill.price - fill.reference_price) * fill.quantity
            for fill in state.fills.values()
            if fill.reference_price is not None
        ),
        ZERO,
    )
    return {
        **{key: value for key, value in state.context.costs.items()},
        "origins": {key: origins.get(key, "default") for key in state.context.costs},
        "commission_paid": float(fees),
        "slippage_paid": float(slipped),
        "total_paid": float(fees + slipped),
    }


def _figures(state: State, figures: Performance) -> dict[str, Any]:
    baseline = figures.baseline
    symbols = [symbol_of(b.strategy.inputs[0]) for b in state.books.values() if b.strategy.inputs]
    return {
        "initial_capital": float(figures.initial_capital),
        "final_equity": float(figures.final_equity),
        "final_equity_exact": text(figures.final_equity),
        "total_return": figures.total_return,
        "cagr": figures.cagr,
        "volatility": figures.volatility,
        "sharpe": figures.sharpe,
        "sortino": figures.sortino,
        "calmar": figures.calmar,
        "max_drawdown": figures.max_drawdown,
        "win_rate": figures.win_rate,
        "profit_factor": figures.profit_factor,
        "turnover": figures.turnover,
        "risk_free": figures.risk_free,
        "cells": {
            str(cell): {
                "sessions": one.sessions,
                "total_return": one.total_return,
                "annualised": one.annualised,
            }
            for cell, one in figures.cells.items()
        },
        "baseline": None
        if baseline is None
        else {
            "symbol": symbols[0],
            "final": float(figures.initial_capital) * (1 + baseline.total_return),
            "total_return": baseline.total_return,
            "cagr": baseline.cagr,
        },
    }


def _account_rows(state: State) -> list[Snapshot]:
    """Return one row per session date for the whole account.

    One strategy is the account. Of several only money adds up: cells and models stay theirs.
    """
    books = list(state.books.values())
    if len(books) == 1:
        return books[0].snapshots
    by_date: dict[date, list[Snapshot]] = {}
    for book in books:
        for row in book.snapshots:
            by_date.setdefault(row.session_date, []).append(row)
    capital = state.context.capital
    total: list[Snapshot] = []
    for day in sorted(by_date):
        rows = by_date[day]
        if len(rows) != len(books):
            continue  # somebody's equity was unknown that day: so is the sum
        total.append(_sum(rows, capital, total[-1] if total else None))
    return total


def _sum(rows: Sequence[Snapshot], capital: Decimal, last: Snapshot | None) -> Snapshot:
    equity = sum((row.equity for row in rows), ZERO)
    high = max(equity, last.high_water if last is not None else equity)
    before = last.equity if last is not None else capital
    return rows[0]._replace(
        equity=equity,
        cash=sum((row.cash for row in rows), ZERO),
        before=before,
        capital=capital,
        high_water=high,
        holdings=tuple(holding for row in rows for holding in row.holdings),
        cell=None,
        held_cell=None,
        equity_at_fill=None,
        baseline=_sum_known([row.baseline for row in rows]),
        fees_to_date=sum((row.fees_to_date for row in rows), ZERO),
    )


def _sum_known(values: Sequence[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, ZERO) if len(known) == len(values) else None


def _traded_decisions(state: State) -> Mapping[str, None]:
    return dict.fromkeys(
        row.order.decision_id
        for row in state.orders.values()
        if row.filled and row.order.decision_id is not None
    )
